"""Posts of providers on a real PostgreSQL: stored, read and followed, by several at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from hygiene.sending.states import State
from hygiene.service.webhooks.post import Refused
from hygiene.service.webhooks.posts import count_pending, forget_posts
from hygiene.service.webhooks.receive import process_pending
from hygiene.suppression_forms import Reason
from hygiene.tables import OUTBOX, WEBHOOK
from tests.integration.test_store_on_postgresql import store  # noqa: F401 - a fixture
from tests.service.webhooks.told import (
    NOW,
    SECONDS,
    add_mail,
    events,
    keep,
    listed,
    mailgun,
    sendgrid,
    ses_bounce,
)

pytestmark = pytest.mark.server("initdb", "postgres")


def test_from_a_post_to_what_follows(store):  # noqa: F811
    mail = add_mail(store, state=State.UNKNOWN)
    assert keep(store, "ses", ses_bounce()).new
    assert not keep(store, "ses", ses_bounce()).new
    done = process_pending(store, now=NOW)
    assert (done.events, done.resolved, done.suppressed, done.left) == (1, 1, {Reason.BOUNCED: 1}, 0)
    assert [event["message"] for event in events(store)] == [mail]
    assert listed(store) == {"ann@example.com": Reason.BOUNCED}
    with store.reading() as connection:
        assert connection.scalar(select(OUTBOX.c.state)) == State.SENT
        assert connection.scalars(select(WEBHOOK.c.body)).all() == [None]
    assert forget_posts(store, before=NOW.replace(hour=13)) == 1


def test_a_key_of_a_body_is_good_for_no_other(store):  # noqa: F811
    assert keep(store, "mailgun", mailgun(), replay="t").new
    assert isinstance(keep(store, "mailgun", mailgun("complained"), replay="t"), Refused)


def test_what_is_not_understood_is_kept_as_it_came(store):  # noqa: F811
    add_mail(store)
    keep(store, "sendgrid", b"\xff\x00{")
    keep(store, "sendgrid", [sendgrid("bounce", type="blocked", reason="bad \x00 text \ud83d half")])
    done = process_pending(store, now=NOW)
    assert (done.events, done.unread) == (1, 1)
    with store.reading() as connection:
        assert b"\xff\x00{" in connection.scalars(select(WEBHOOK.c.body)).all()


def test_several_workers(store):  # noqa: F811
    add_mail(store)
    for number in range(20):
        keep(store, "sendgrid", [sendgrid("open", at=SECONDS + number), sendgrid("spamreport", at=SECONDS)])

    def work(_):
        while process_pending(store, now=NOW, limit=4).left:
            pass

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert count_pending(store) == 0
    assert len(events(store)) == 21
