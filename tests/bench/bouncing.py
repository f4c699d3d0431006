"""Reading bounces: how many a second on one core, against flufl.bounce on the same mails in the same run."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import compat32
from statistics import median

from flufl.bounce import all_failures

from hygiene.bounces.classify import classify_bounce
from hygiene.bounces.rules import strongest
from tests.bounces.corpus import Case, cases

from .contenders import timed


def ours(mails: list[bytes]) -> list[set[str]]:
    strongest.cache_clear()  # every reply is read as if it were new
    return [{each.recipient for each in classify_bounce(raw) if each.recipient} for raw in mails]


def theirs(mails: list[bytes]) -> list[set[str]]:
    found = (all_failures(message_from_bytes(raw, policy=compat32)) for raw in mails)
    return [
        {address.decode("ascii", "replace").lower() for group in each for address in group} for each in found
    ]


def found_in(sought: list[Case], answers: list[set[str]]) -> float:
    """Share of bounces whose recipient is among those found."""
    return sum(answer.issuperset(case.recipients) for case, answer in zip(sought, answers, strict=True)) / len(
        sought
    )


def bouncing(rounds: int) -> Iterator[tuple[str, str, str]]:
    """Bounces a second, and recipients found."""
    chosen = [case for case in cases("held_out") if case.kind == "bounce" and case.recipients]
    mails = [case.raw for case in chosen]
    our, their = [], []
    for _ in range(rounds + 1):
        seconds, mine = timed(lambda: ours(mails))
        our.append(len(mails) / seconds)
        seconds, others = timed(lambda: theirs(mails))
        their.append(len(mails) / seconds)
    we, they = median(our[1:]), median(their[1:])  # the first round warms up
    yield "bounces per second : flufl.bounce", f"{we / they:.2f}", ""
    yield "bounces per second, ours and theirs", f"{we:,.0f} and {they:,.0f}", "at least 1,000"
    yield (
        "recipient found, ours and theirs",
        f"{found_in(chosen, mine):.1%} and {found_in(chosen, others):.1%}",
        "",
    )
