"""From reconciled mails to a measurement: what is counted, what is known of it, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np

from hygiene.engines.engine import Engine, Frame
from hygiene.event import TALLY, EventKind
from hygiene.events.report import EventReport
from hygiene.events.sources import report_title, title_of
from hygiene.metrics.as_others import Platform, count_as
from hygiene.metrics.benchmarks import Profile
from hygiene.metrics.causes.find import DIMENSIONS, Causes, find_causes
from hygiene.metrics.census import ASIDE
from hygiene.metrics.counts import count
from hygiene.metrics.cube import Cube, build_cube
from hygiene.metrics.delays import EDGES_US, delays
from hygiene.metrics.durations import Bucket, Duration, measure_duration
from hygiene.metrics.evaluate import Telling
from hygiene.metrics.event_log import Events
from hygiene.metrics.habits import with_cohorts
from hygiene.metrics.local_time import DAY_US, SECOND_US, read_zone
from hygiene.metrics.measured import Account, Kpis, Settings
from hygiene.metrics.moments import COHORTS, SUBJECT_FEATURE
from hygiene.metrics.overviews import (
    COMPARED,
    WEEK,
    Cohorts,
    Overviews,
    choose_period,
    cohorts_of,
    launches_of,
    limited,
)
from hygiene.metrics.reconcile import Reconciled
from hygiene.metrics.slices import Flags, Slices, slice_counts
from hygiene.metrics.subjects.featured import Featured, compare_features
from hygiene.metrics.subjects.given import Given
from hygiene.metrics.subjects.told import SET, find_subjects
from hygiene.metrics.table import State
from hygiene.metrics.tallied import broken, counts_of
from hygiene.metrics.words import counted as counted_text

MATURE_US: Final = 5 * DAY_US  # people have done by then most of what they will do
YOUNG_SHARE: Final = 0.1  # of the mails of a slice, from which it is called young
_SOURCE: Final = "source"
#: events that a platform only tells of where it was asked to: none at all means nobody asked
_OPTIONAL: Final = (EventKind.OPENED, EventKind.CLICKED, EventKind.UNSUBSCRIBED)
_TRACKED: Final = (EventKind.OPENED, EventKind.CLICKED)
_REJECTED: Final = State.REJECTED.value
_DURATIONS: Final = {
    "delivery": "time_to_deliver",
    "open": "time_to_first_open",
    "click": "time_to_first_click",
}
_EDGES_S: Final = (0.0, *(edge / SECOND_US for edge in EDGES_US))
_MOST_TIMED: Final = 1_000  # slices whose times are measured
_NAMED: Final = 5  # campaigns in one sentence
_ASIDE: Final = {kind.value for kind in ASIDE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was asked for, checked."""

    by: tuple[str, ...]
    profile: Profile
    platform: Platform | None
    since_us: int | None
    until_us: int | None
    now_us: int | None
    timezone: str
    attribution: str
    human: bool
    causes: bool
    no_orders: str  # why there are none, where there are none
    sends: bool  # whether a list of what was sent was given

    @property
    def slices(self) -> tuple[str, ...]:
        """The columns of mails to split by; features of subjects are none, as a mail has several."""
        return tuple(name for name in self.by if name != SUBJECT_FEATURE)


@dataclass(frozen=True, slots=True)
class Measuring:
    """From reconciled mails to the result; all that leaves is counted."""

    asked: Asked
    events: Events
    tables: Engine
    found: Reconciled
    window_us: int
    lists: tuple[Given, ...] = ()  # of subjects
    joined: Frame | None = None  # sign-ups: recipient, joined_us
    beside: tuple[EventReport, ...] = ()  # how lists of what was sent and orders were read

    def run(self) -> Kpis:
        """Count, hold against benchmarks, look for causes."""
        asked, mails, tallies = self.asked, self._mails(), self._tallies()
        cube = self._cube(mails)
        counted = [cube.count(tuple(dict.fromkeys([*asked.slices, _SOURCE])))]
        if tallies:
            counted.append(counts_of(tallies, asked.slices, read_zone(asked.timezone)))
        total = slice_counts(counted, ())
        slices = slice_counts(counted, asked.slices) if asked.slices else None
        telling = self._telling(tallies)
        times, slice_times = self._times(mails, total, slices)
        return Kpis(
            settings=self._settings(),
            account=self._account(mails, tallies),
            profile=asked.profile,
            total=total,
            slices=slices,
            telling=telling,
            young_total=self._young(mails, total),
            young=None if slices is None else self._young(mails, slices),
            delays=times,
            slice_delays=slice_times,
            others=count_as(total, asked.platform, telling) if asked.platform else None,
            overviews=self._overviews(cube, mails, tallies) if asked.causes else None,
            subjects=self._subjects(mails, tallies, total, telling) if SUBJECT_FEATURE in asked.by else None,
            causes=self._causes(cube, telling) if asked.causes and cube.count([_SOURCE]).num_rows else None,
        )

    def _cube(self, mails: Frame) -> Cube:
        told = [name for name in DIMENSIONS if name in self.found.census.tells] if self.asked.causes else []
        day = ["day", "week"] if self.asked.causes else []
        return build_cube(mails, [*self.asked.slices, _SOURCE], [*day, *told], self.tables)

    # which mails

    def _mails(self) -> Frame:
        """The mails sent in the time asked for; those without a date only where none was."""
        if COHORTS & set(self.asked.by):
            return self._chosen(with_cohorts(self.found, self.joined))
        return self._chosen(self.found.mails)

    def _chosen(self, mails: Frame) -> Frame:
        sent = nw.col("sent_us")
        if self.asked.since_us is not None:
            mails = mails.filter(sent >= self.asked.since_us)
        if self.asked.until_us is not None:
            mails = mails.filter(sent < self.asked.until_us)
        return mails

    def _tallies(self) -> list[dict[str, Any]]:
        query = f"select {', '.join(TALLY)} from tallies order by source, campaign, sent_us"
        rows = self.events.reading.connection.execute(query).fetchall()
        told = [dict(zip(TALLY, row, strict=True)) for row in rows]
        return [row for row in told if self._is_asked_for(row["sent_us"])]

    def _is_asked_for(self, sent_us: int | None) -> bool:
        since, until = self.asked.since_us, self.asked.until_us
        if sent_us is None:
            return since is None and until is None
        return (since is None or sent_us >= since) and (until is None or sent_us < until)

    # what is known of them

    def _seen_until(self) -> int | None:
        return self.asked.now_us if self.asked.now_us is not None else self.found.census.latest_us

    def _mature_after(self) -> int:
        return self.window_us if self.found.orders.distinct and self.window_us else MATURE_US

    def _young(self, mails: Frame, slices: Slices) -> Flags:
        """The slices of which too many mails are too young."""
        until = self._seen_until()
        if until is None:
            return np.zeros(len(slices.keys), np.bool_)
        fresh = mails.filter(
            (nw.col("sent_us") > until - self._mature_after()) & (nw.col("state") != _REJECTED)
        )
        sums = fresh.group_by(*slices.by).agg(mails=nw.len()) if slices.by else fresh.select(mails=nw.len())
        rows = self.tables.collect(sums).to_pylist()
        young = {tuple(row[name] for name in slices.by): int(row["mails"]) for row in rows}
        sent = slices.sums(["sent"])
        shares = [young.get(key, 0) / max(int(sent[at]), 1) for at, key in enumerate(slices.keys)]
        return np.array(shares) > YOUNG_SHARE

    def _telling(self, tallies: Sequence[Mapping[str, Any]]) -> Telling:
        census, orders = self.found.census, self.found.orders
        silent: dict[str, set[EventKind]] = {}
        for source in census.sources:
            unasked = {kind for kind in _OPTIONAL if not source.kinds.get(kind)}
            if census.tells_tracking:
                unasked -= set(_TRACKED)
            silent[source.name] = unasked | set(self.events.report.never(source.name))
        revenue = [row for row in tallies if row["revenue_micros"] is not None]
        kinds = {orders.currency, *orders.other_currencies, *(row["currency"] for row in revenue)}
        return Telling(
            silent={name: silent[name] - {EventKind.CONVERTED} for name in silent},
            baseless=census.baseless - {row["source"] for row in tallies},
            no_orders="" if orders.distinct or revenue else self.asked.no_orders,
            currencies=tuple(sorted(each for each in kinds if each)),
            receivers=bool({"provider", "domain"} & census.tells),
        )

    def _times(
        self, mails: Frame, total: Slices, slices: Slices | None
    ) -> tuple[tuple[Duration, ...], tuple[tuple[Duration, ...], ...]]:
        """How long things took, of all mail and of each slice, unless there are too many: counted once."""
        timed = slices if slices is not None and len(slices.keys) <= _MOST_TIMED else None
        by = timed.by if timed is not None else ()
        rows = delays(mails, by, engine=self.tables).to_pylist()
        whole = _durations(rows, int(total.sums(["pending"])[0]))
        if timed is None:
            return whole, ()
        found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {key: [] for key in timed.keys}
        for row in rows:
            found[tuple(row[name] for name in by)].append(row)
        under_way = timed.sums(["pending"]).tolist()
        return whole, tuple(
            _durations(found[key], pending) for key, pending in zip(timed.keys, under_way, strict=True)
        )

    def _overviews(self, cube: Cube, mails: Frame, tallies: list[dict[str, Any]]) -> Overviews:
        """Counts for the pictures: by time, and by what the log tells of."""
        zone = read_zone(self.asked.timezone)
        first, last, _ = self._span(mails, tallies)
        period = choose_period(first, last)
        told = {*self.found.census.tells, *(["campaign"] if tallies else [])}
        by = [period, *(name for name in COMPARED if name in told)]
        slices = {}
        for name in by:
            counted = [cube.count([name, _SOURCE])]
            counted += [counts_of(tallies, (name,), zone)] if tallies else []
            slices[name] = limited(slice_counts(counted, (name,)), period)
        launched = []
        if "campaign" in told:
            launched = cube.count(["campaign", period]).to_pylist()
            launched += counts_of(tallies, ("campaign", period), zone).to_pylist()
        return Overviews(
            period=period,
            slices=slices,
            young={name: self._young(mails, slices[name]) for name in by},
            launches=launches_of(launched, period),
            cohorts=self._cohorts() if period == WEEK or self.joined is not None else None,
        )

    def _cohorts(self) -> Cohorts:
        mails = self._chosen(with_cohorts(self.found, self.joined))
        counted = count(mails, ["cohort", "weeks_since"], engine=self.tables)
        return cohorts_of(counted.to_pylist(), joined=self.joined is not None)

    def _subjects(
        self, mails: Frame, tallies: Sequence[Mapping[str, Any]], total: Slices, telling: Telling
    ) -> Featured:
        """What went with the features of subjects: counted by their sets and campaigns."""
        reading = self.events.reading
        known = find_subjects(reading, tallies, self.lists, sends=self.asked.sends)
        named = "campaign" in self.found.census.tells or bool(tallies)
        by = (SET, known.drawn_by(mails, self.tables, campaigns=named))
        counted = [count(known.join(mails, self.tables, reading), (*by, _SOURCE), engine=self.tables)]
        if tallies:
            counted.append(counts_of(map(known.of_report, tallies), by, read_zone(self.asked.timezone)))
        return compare_features(slice_counts(counted, by), total, known.sets, telling, human=self.asked.human)

    def _causes(self, cube: Cube, telling: Telling) -> Causes:
        sources = [source.name for source in self.found.census.sources]
        return find_causes(
            cube.count,
            mails=cube.mails,
            engine=self.tables,
            slices=[name for name in DIMENSIONS if name in self.found.census.tells],
            complaints_told=any(EventKind.COMPLAINED not in telling.silent.get(name, ()) for name in sources),
            as_of_us=self._seen_until(),
            joined=self.joined,
        )

    # what is said of it

    def _settings(self) -> Settings:
        asked = self.asked
        return Settings(
            by=asked.by,
            timezone=asked.timezone,
            attribution=asked.attribution,
            human=asked.human,
            since_us=asked.since_us,
            until_us=asked.until_us,
            mature_after_us=self._mature_after(),
        )

    def _account(self, mails: Frame, tallies: Sequence[Mapping[str, Any]]) -> Account:
        found, report = self.found, self.events.report
        census, orders = found.census, found.orders
        converted, unknown = (
            sum(source.kinds.get(kind, 0) for source in census.sources)
            for kind in (EventKind.CONVERTED, EventKind.UNKNOWN)
        )
        first, last, number = self._span(mails, tallies)
        titles = [*map(title_of, report.sources), *(report_title(row["source"]) for row in tallies)]
        return Account(
            files=tuple(file.name for file in report.files),
            platforms=tuple(dict.fromkeys(titles)),
            events=census.events,
            of_mails=census.events - found.orphaned - converted - unknown,
            duplicates=found.duplicates,
            conversions=converted,
            unknown_words=dict(report.unknown_words),
            unread=report.unread + report.damaged,
            undated=census.undated,
            left_out=self._left_out(number),
            orphans=tuple(asdict(each) for each in found.orphans),
            swept_clicks=found.swept_clicks,
            orders=orders.distinct,
            credited=orders.credited,
            currency=orders.currency or next((row["currency"] for row in tallies if row["currency"]), None),
            first_us=first,
            last_us=last,
            seen_until_us=self._seen_until(),
            tallied=len(tallies),
            notes=tuple(self._notes(tallies)),
        )

    def _span(self, mails: Frame, tallies: Sequence[Mapping[str, Any]]) -> tuple[int | None, int | None, int]:
        """When the first and the last mail were sent, and how many mails there are."""
        sent = nw.col("sent_us")
        sums = mails.select(first=sent.min(), last=sent.max(), mails=nw.len())
        row = self.tables.collect(sums).to_pylist()[0]
        moments = [row["first"], row["last"], *(each["sent_us"] for each in tallies)]
        known = [int(each) for each in moments if each is not None]
        return min(known, default=None), max(known, default=None), int(row["mails"])

    def _left_out(self, number: int) -> int:
        if self.asked.since_us is None and self.asked.until_us is None:
            return 0
        (row,) = self.tables.collect(self.found.mails.select(mails=nw.len())).to_pylist()
        return int(row["mails"]) - number

    def _notes(self, tallies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        report = self.events.report
        yield from dict.fromkeys([*report.notes, *(note for file in report.files for note in file.notes)])
        yield from report.refused
        for other in self.beside:
            yield from _said_of(other)
        for source in self.found.census.sources:
            if not set(source.kinds) - _ASIDE:
                continue  # a shop
            if not source.says_deliveries:
                yield f"{title_of(source.name)}: no deliveries are told; what did not bounce is delivered"
            if not source.says_sends:
                yield f"{title_of(source.name)}: no sends are told; they are concluded from what followed"
        if others := self.found.orders.other_currencies:
            named = ", ".join(f"{number:,} in {name}" for name, number in others.items())
            yield f"orders in other currencies than {self.found.orders.currency} add nothing to it: {named}"
        if wrong := broken(tallies):
            yield f"the sums of {', '.join(wrong[:_NAMED])} do not add up in the report itself"


def _said_of(report: EventReport) -> Iterator[str]:
    """What a person should know of how further files were read."""
    yield from report.refused
    for file in report.files:
        if unread := file.unread + file.damaged:
            yield f"{file.name.rpartition('/')[2]}: {counted_text(unread, 'line')} not understood and left out"
        yield from file.notes
    yield from report.notes


def _durations(rows: Sequence[Mapping[str, Any]], under_way: int) -> tuple[Duration, ...]:
    """Of the rows of `hygiene.metrics.delays`, those of slices added up."""
    mails: Counter[tuple[str, int]] = Counter()
    for row in rows:
        mails[row["what"], int(row["bucket"])] += int(row["mails"])
    ordered = sorted(mails.items())
    return tuple(
        measure_duration(
            name,
            [_bucket(bucket, number) for (each, bucket), number in ordered if each == what],
            under_way if what == "delivery" else 0,
        )
        for what, name in _DURATIONS.items()
    )


def _bucket(number: int, mails: int) -> Bucket:
    """Of `hygiene.metrics.delays`, in seconds."""
    high = _EDGES_S[number + 1] if number + 1 < len(_EDGES_S) else _EDGES_S[-1] * 10
    return Bucket(low_s=_EDGES_S[number], high_s=high, mails=mails)
