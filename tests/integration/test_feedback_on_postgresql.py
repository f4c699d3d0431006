"""Mails that came back, written down in a real PostgreSQL, by several at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from hygiene.config import CleaningPolicy, Settings
from hygiene.feedback.read import read_feedback
from tests.feedback.returned import (
    FULL,
    NOW,
    add_mail,
    bounce,
    complaint,
    days,
    events,
    leaving,
    listed,
    opt_outs,
    person,
    plain,
    verp,
)
from tests.integration.test_store_on_postgresql import store  # noqa: F401 - a fixture

pytestmark = pytest.mark.server("initdb", "postgres")


def mails(store):  # noqa: F811
    refs = {f"p{number}@example.com": add_mail(store, to=f"p{number}@example.com") for number in range(120)}
    full = [add_mail(store, to="full@example.com", name=f"day-{day}", at=days(day)) for day in (3, 2, 1)]
    told = [bounce(ref, to=to, back=verp(ref)) for to, ref in refs.items()]
    told += [complaint(refs["p1@example.com"]), plain(subject=f"unsubscribe {leaving(refs['p2@example.com'])}")]
    told += [
        bounce(ref, to="full@example.com", why=FULL, back=verp(ref), at=days(3 - n))
        for n, ref in enumerate(full)
    ]
    return [*told, bounce(to="x\0@example.com", why=("5.1.1", "smtp; 550 no\0such user"))]


def test_several_readers_at_once_count_everything_once(store, tmp_path):  # noqa: F811
    for number, raw in enumerate(mails(store)):
        (tmp_path / f"{number:04}.eml").write_bytes(raw)
    policy = Settings(clean=CleaningPolicy(soft_bounces=3))
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(read_feedback, tmp_path, store=store, now=NOW, settings=policy) for _ in range(4)]
        found = [run.result() for run in runs]
    assert sum(each.mails - each.repeated for each in found) == 126
    assert sum(sum(each.suppressed.values()) for each in found) == 121
    assert len(listed(store)) == 121
    assert listed(store)["p1@example.com"] == "complained"
    assert listed(store)["full@example.com"] == "bounced"
    assert opt_outs(store) == {("news", person("p2@example.com"))}
    assert len(events(store)) == 126
