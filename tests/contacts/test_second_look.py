"""Every cleaning judges some of its people twice: what breaks a law stops it, and nothing is written."""

from dataclasses import replace

import numpy as np
import pytest

from hygiene.contacts import clean, laws
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.cleaned import BrokenSum
from hygiene.contacts.laws import Sample, choose

LIST = "email,status,joined\n" + "".join(
    f"p{number}@example.com,{'unsubscribed' if number % 5 == 0 else 'subscribed'},2025-0{number % 9 + 1}-01\n"
    for number in range(90)
)


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    return path


@pytest.fixture
def doctored(monkeypatch):
    """Let a statement alter what the plan decided, as a fault in it would."""

    def alter(statements):
        plan = clean.run_plan

        def faulty(contacts, engine, policy, known):
            decided = plan(contacts, engine, policy, known)
            for statement in statements:
                engine.connection.execute(statement)
            return replace(decided, decisions=engine.table("decisions"), persons=engine.table("persons"))

        monkeypatch.setattr(clean, "run_plan", faulty)

    return alter


def test_who_must_not_be_mailed_is_found_among_the_kept(export, doctored, tmp_path):
    doctored(
        [
            "delete from decisions where reason = 'unsubscribed'",
            "update persons set reason = null where reason = 'unsubscribed'",
        ]
    )
    with pytest.raises(BrokenSum, match=r"does not come out the same twice.*are not kept when"):
        clean_contacts(export, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_who_may_be_mailed_is_found_among_the_rejected(export, doctored, tmp_path):
    doctored(
        [
            "update persons set reason = 'unsubscribed' where reason is null and kept_row % 2 = 0",
            """insert into decisions by name select kept_row as "row", c.address, 'unsubscribed' as reason,
                kept_row, kept_row as said_row, false as repaired
                from persons join contacts c on c."row" = kept_row
                where reason = 'unsubscribed' and kept_row not in (select "row" from decisions)""",
        ]
    )
    with pytest.raises(BrokenSum, match="people are kept when their rows come in the opposite order"):
        clean_contacts(export, dry_run=True)


def test_a_plan_that_heeds_no_new_suppression_is_found(export, monkeypatch):
    plan = laws.run_plan
    monkeypatch.setattr(laws, "run_plan", lambda *words: plan(*words[:3], replace(words[3], suppressed=None)))
    with pytest.raises(BrokenSum, match="people are kept though newly suppressed"):
        clean_contacts(export, dry_run=True)


def test_a_plan_that_leans_on_the_order_of_rows_is_found(tmp_path, monkeypatch):
    """It takes the first row's status instead of the strictest."""
    path = tmp_path / "list.csv"

    def write(first, second):
        twice = (f"p{number}@example.com,{status}\n" for number in range(40) for status in (first, second))
        others = (f"q{number}@example.com,subscribed\n" for number in range(40))
        path.write_text("".join(["email,status\n", *twice, *others]))

    judge = laws.run_plan

    def first_wins(contacts, engine, policy, known):
        engine.connection.execute(
            """create or replace table contacts as select * from contacts
            qualify "row" = min("row") over (partition by address)"""
        )
        return judge(engine.table("contacts"), engine, policy, known)

    monkeypatch.setattr(laws, "run_plan", first_wins)
    write("subscribed", "unsubscribed")
    clean_contacts(path, dry_run=True)  # in the opposite order the strict one is the first
    write("unsubscribed", "subscribed")
    with pytest.raises(BrokenSum, match="people are kept when their rows come in the opposite order"):
        clean_contacts(path, dry_run=True)


def test_the_sample_is_the_same_for_the_same_rows_and_comes_from_everywhere():
    kept = range(10, 10_010)
    sample = choose(np.array(kept), [1, 2])
    assert sample == choose(np.array(kept), [1, 2])
    assert {10, 10_009} <= sample.people
    assert len(sample.turned) == len(sample.alone) == 30
    assert sample.listed < sample.turned
    assert sample.among({1}) == Sample(
        turned=frozenset(), alone=frozenset(), listed=frozenset(), rejected=frozenset({1})
    )


def test_nobody_at_all(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nnobody\n")
    assert clean_contacts(path, dry_run=True).summary.kept == 0
