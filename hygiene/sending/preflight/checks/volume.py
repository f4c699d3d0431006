"""Checks of the volume: against the rates, the warm-up plan, and the time until the mails are of no use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hygiene.finding import Confidence, Evidence, Severity
from hygiene.sending.definition import Definition
from hygiene.sending.pace import read_rate, warm_up_days
from hygiene.sending.preflight.parts import People, Route, Workspace
from hygiene.sending.preflight.registry import check

_DAY_S: Final = 86_400


@check(
    severity=Severity.HIGH,
    rule="common practice",
    why="What is not sent by then stays unsent: part of the list would get nothing.",
    fix='expires_after = "7d"  # in the campaign, or a higher rate in [accounts]',
    confidence=Confidence.LIKELY,
)
def volume_outlasts_campaign(
    definition: Definition, people: People, route: Route, workspace: Workspace
) -> Evidence:
    """The list takes longer than the campaign lives"""
    for rate, seconds in _durations(people, route, workspace.sending_day):
        if seconds > definition.expires_after_s:
            within = int(people.rows * definition.expires_after_s / seconds)
            yield (
                f"{people.rows:,} at {rate} take {_length(seconds)}, and mails expire after "
                f"{_length(definition.expires_after_s)}: {within:,} would be sent"
            )


def _durations(people: People, route: Route, day: int) -> Iterator[tuple[str, float]]:
    """How long each rate, and the warm-up plan from that day on, takes for the list."""
    for text in route.account.rates:
        rate = read_rate(text)
        yield text, people.rows / rate.count * rate.window_s
    if quotas := _ahead(route, day):
        yield f"the warm-up plan {route.account.warm_up}", _days(quotas, people.rows) * _DAY_S


def _ahead(route: Route, day: int) -> tuple[int, ...]:
    """What the account's warm-up plan has for the days from that one on."""
    return warm_up_days(route.account.warm_up)[day:] if route.account.warm_up else ()


def _days(quotas: tuple[int, ...], rows: int) -> int:
    """Days until so many are sent; the first one beyond the plan takes whatever is left."""
    for day, quota in enumerate(quotas, 1):
        rows -= quota
        if rows <= 0:
            return day
    return len(quotas) + 1


@check(
    severity=Severity.INFO,
    rule="KumoMTA, assets/policy-extras/warmup.toml",
    source="https://github.com/KumoCorp/kumomta",
    why="A new address gains its reputation over weeks: the most engaged first, a little more each day.",
    fix="nothing to do: the plan holds the mails back day by day",
)
def volume_beyond_warm_up(people: People, route: Route, workspace: Workspace) -> Evidence:
    """The list is larger than what the warm-up plan has for today"""
    quotas = _ahead(route, workspace.sending_day)
    if quotas and people.rows > quotas[0]:
        today = f"day {workspace.sending_day + 1} of the plan {route.account.warm_up}, with {quotas[0]:,} mails"
        yield f"{people.rows:,} take {_days(quotas, people.rows)} days: today is {today}"


@check(
    severity=Severity.LOW,
    rule="common practice",
    why="Where a campaign is going wrong, those who like the mail best should have been the first to tell.",
    fix='hygiene clean subscribers.csv --column activity="Last Click"',
    confidence=Confidence.LIKELY,
)
def order_unknown(definition: Definition, people: People, route: Route) -> Evidence:
    """The list does not tell who is engaged"""
    first = definition.canary is not None or bool(route.account.warm_up)
    if definition.marketing and first and people.rows and not people.by_activity:
        yield "canaries and warm-up begin with the first rows of the list instead"


def _length(seconds: float) -> str:
    for unit, size in (("days", _DAY_S), ("hours", 3600)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{seconds / 60:,.0f} minutes"
