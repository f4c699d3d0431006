"""Campaigns that are too young to be judged: how long events take, and where young campaigns are heading.

The delays are those of campaigns old enough for theirs to be complete; a young campaign shows its fast events
only, and would make everybody look fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from hygiene.metrics.causes.chance import interval
from hygiene.metrics.causes.rates import RATES, Counts, Rate, Row, of, rows_of
from hygiene.metrics.causes.thresholds import Maturity, thresholds
from hygiene.metrics.words import counted, range_text, rate_text

HOURS: Final = (
    1,
    2,
    4,
    8,
    12,
    24,
    36,
    48,
    72,
    96,
    120,
    168,
    240,
    336,
)  # upper ends of the delays that are told apart
OTHERS: Final = "(all others)"  # the name of all small slices together
_DAY = 24
_FEW = 5  # campaigns below which their differences tell nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long events of a kind take: `seen` says for each of `HOURS` which part has come in by then."""

    event: str
    complete_h: float  # hours by which the declared part has come in
    assumed: bool  # no older campaign told
    seen: tuple[float, ...]
    low: tuple[float, ...]  # of one campaign in ten, or of what chance leaves open
    high: tuple[float, ...]
    events: int
    campaigns: int

    def by(self, hours: float) -> tuple[float, float, float]:
        """The part that is in after so many hours: low, usual, high; between two of `HOURS` the earlier."""
        place = sum(1 for end in HOURS if end <= hours) - 1
        if place < 0:
            return 0.0, 0.0, self.high[0]
        if place == len(HOURS) - 1:
            return 1.0, 1.0, 1.0
        return self.low[place], self.seen[place], self.high[place]

    @property
    def sentence(self) -> str:
        """What a person is told."""
        took = _duration(self.complete_h)
        part = rate_text(thresholds().maturity.complete)
        if self.assumed:
            return (
                f"{self.event}s: {part} are taken to come in within {took} (assumed: no older campaign tells)."
            )
        told = f"{self.events:,} events of {counted(self.campaigns, 'older campaign')}"
        return f"{self.event}s: {part} came in within {took} ({told})."


@dataclass(frozen=True, slots=True, kw_only=True)
class Nowcast:
    """A rate of a young campaign, and where it is heading; the range is None where too little is in."""

    rate: Rate
    k: int
    n: int
    seen: float  # part of the events that is usually in by this age
    heading: float | None
    low: float | None
    high: float | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Young:
    """A campaign that is not complete: the names of its rates that still grow, and where those are heading."""

    campaign: str
    growing: tuple[str, ...]
    age_h: float
    still_sent: bool  # its mails go out over weeks, as those of a flow do
    rates: tuple[Nowcast, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ripeness:
    """All of it."""

    delays: tuple[Delay, ...]
    young: tuple[Young, ...]
    campaigns: int
    sentence: str

    def growing(self) -> frozenset[tuple[str, str]]:
        """Campaigns and the names of their rates that are not complete."""
        return frozenset((one.campaign, name) for one in self.young for name in one.growing)

    def delay(self, event: str) -> Delay:
        """Of a kind of event."""
        return next(one for one in self.delays if one.event == event)


def judge_maturity(
    ages: Counts, delays: Counts, by_campaign: Counts, *, as_of_us: int, rates: Sequence[Rate] = RATES
) -> Ripeness:
    """Which campaigns are complete.

    `ages` has campaign, first_us and last_us (of sending), `delays` campaign, event, hours (one of `HOURS`,
    null for longer) and events, `by_campaign` the counts. `rates` are those of which anything was seen: where
    they are heading is told.
    """
    limits = thresholds().maturity
    sending = {str(row["campaign"]): (int(row["first_us"]), int(row["last_us"])) for row in _named(ages)}
    old = {name for name, (_, last) in sending.items() if (as_of_us - last) / 3.6e9 >= limits.older_days * _DAY}
    curves = tuple(_delay(event, _named(delays), old, limits) for event in limits.assumed_hours)
    told = {one.event: one for one in curves}
    counts = {str(row["campaign"]): row for row in _named(by_campaign)}
    young = [
        one
        for name in sorted(sending, key=lambda name: (-sending[name][1], name))
        if name in counts
        and (
            one := _young(
                name, sending[name], counts[name], told, as_of_us=as_of_us, rates=rates, limits=limits
            )
        )
    ]
    few = OTHERS in sending  # the many small ones count as one
    named = [one for one in young if one.campaign != OTHERS]
    return Ripeness(
        delays=curves,
        young=tuple(young),
        campaigns=len(sending) - few,
        sentence=_summary(len(named), len(sending) - few, largest=few),
    )


def _named(table: Counts) -> list[Row]:
    return [row for row in rows_of(table) if row["campaign"] is not None]


def _delay(event: str, rows: Sequence[Row], old: set[str], limits: Maturity) -> Delay:
    by_campaign: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(HOURS) + 1))
    for row in rows:
        if row["event"] == event and row["campaign"] in old:
            place = len(HOURS) if row["hours"] is None else HOURS.index(int(row["hours"]))
            by_campaign[str(row["campaign"])][place] += int(row["events"])
    sums = [sum(column) for column in zip(*by_campaign.values(), strict=True)] or [0] * (len(HOURS) + 1)
    events = sum(sums)
    if events < limits.least_events:
        return _assumed(event, limits)
    seen = _running(sums)
    low, high = _between_campaigns(
        seen, events, [one for one in by_campaign.values() if sum(one) >= limits.least_events]
    )
    complete = next((end for end, part in zip(HOURS, seen, strict=True) if part >= limits.complete), HOURS[-1])
    return Delay(
        event=event,
        complete_h=complete,
        assumed=False,
        seen=seen,
        low=low,
        high=high,
        events=events,
        campaigns=len(by_campaign),
    )


def _running(sums: Sequence[int]) -> tuple[float, ...]:
    total, so_far, parts = sum(sums), 0, []
    for count in sums[: len(HOURS)]:
        so_far += count
        parts.append(so_far / total)
    return tuple(parts)


def _between_campaigns(
    seen: Sequence[float], events: int, campaigns: Sequence[Sequence[int]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """How much campaigns differ: nine in ten lie between; of few, what chance leaves open for a small one."""
    if len(campaigns) < _FEW:
        size = min(events, thresholds().maturity.least_events)
        ends = [interval(round(part * size), size) for part in seen]
        return tuple(low for low, _ in ends), tuple(high for _, high in ends)
    columns = zip(*map(_running, campaigns), strict=True)
    tenths = [quantiles(column, n=20, method="inclusive") for column in columns]
    return tuple(one[0] for one in tenths), tuple(one[-1] for one in tenths)


def _assumed(event: str, limits: Maturity) -> Delay:
    """A curve through nothing but the assumed hours: straight up to the declared part, then on to all."""
    hours = limits.assumed_hours[event]
    seen = tuple(
        min(
            1.0,
            limits.complete * end / hours
            if end <= hours
            else limits.complete + (1 - limits.complete) * (end / hours - 1),
        )
        for end in HOURS
    )
    return Delay(
        event=event,
        complete_h=hours,
        assumed=True,
        seen=seen,
        low=tuple(part / 2 for part in seen),
        high=tuple(min(1.0, part**0.25) for part in seen),
        events=0,
        campaigns=0,
    )


def _young(
    name: str,
    sending: tuple[int, int],
    row: Row,
    delays: Mapping[str, Delay],
    *,
    as_of_us: int,
    rates: Sequence[Rate],
    limits: Maturity,
) -> Young | None:
    first, last = sending
    age = max(0.0, (as_of_us - last) / 3.6e9)
    still = (last - first) / 3.6e9 > limits.older_days * _DAY
    growing = [rate for rate in RATES if age < delays[rate.event].complete_h]
    if not growing:
        return None
    nowcasts = (
        ()
        if still
        else tuple(_nowcast(rate, row, delays[rate.event], age) for rate in growing if rate in rates)
    )
    verb = "is still being sent; its latest days are incomplete" if still else f"is {_age(age)} old"
    heading = " ".join(one.sentence for one in nowcasts if one.heading is not None)
    waits = "" if still else ", too young to be judged"
    return Young(
        campaign=name,
        growing=tuple(rate.name for rate in growing),
        age_h=age,
        still_sent=still,
        rates=nowcasts,
        sentence=f"{name} {verb}{waits}. {heading}".rstrip(),
    )


def _nowcast(rate: Rate, row: Row, delay: Delay, age: float) -> Nowcast:
    k, n = of(rate, row)
    least, usual, most = delay.by(age)
    heading = low = high = None
    if n and usual > 0:
        bottom, top = interval(k, n)
        heading = min(1.0, k / n / usual)
        low = max(k / n, bottom / most)
        high = min(1.0, top / least) if least > 0 else 1.0
    sentence = (
        f"{rate_text(k / n)} {rate.verb} so far, heading for {rate_text(heading)} ({range_text(low, high)})."
        if heading is not None and low is not None and high is not None
        else "Too little is in to say where it is heading."
    )
    return Nowcast(rate=rate, k=k, n=n, seen=usual, heading=heading, low=low, high=high, sentence=sentence)


def _duration(hours: float) -> str:
    """Hours as people say them.

    >>> _duration(3.2), _duration(26), _duration(168)
    ('3 hours', '26 hours', '7 days')
    """
    if hours < 2 * _DAY:
        whole = max(1, round(hours))
        return f"{whole} hour{'' if whole == 1 else 's'}"
    return f"{round(hours / _DAY)} days"


def _age(hours: float) -> str:
    """As `_duration`, but nothing is an hour old before its time.

    >>> _age(0.2), _age(1.7)
    ('less than an hour', '2 hours')
    """
    return "less than an hour" if hours < 1 else _duration(hours)


def _summary(young: int, campaigns: int, *, largest: bool) -> str:
    if not campaigns:
        return "The log names no campaigns."
    if campaigns == 1:
        return (
            f"The campaign is {'too young to be judged in every rate' if young else 'old enough to be judged'}."
        )
    named = f"{campaigns:,} {'largest ' if largest else ''}campaigns"
    if not young:
        return f"All {named} are old enough to be judged."
    verb = "is" if young == 1 else "are"
    return f"{young:,} of {'the ' if largest else ''}{named} {verb} too young to be judged in every rate."
