"""Support mail: how soon people are answered, how soon their cases are closed, and what they say of it.

- First response: from the customer's first message to the first reply of a human; automatic replies are none.
- Resolution: from the customer's first message to the last closing.
- What is still open is censored, not left out (`hygiene.metrics.survival`); "not reached" is an answer. A case
  that was closed without a reply stops waiting when it is closed.
- Every length of time is told by the wall clock and in business hours.
- Satisfaction: ratings of 4 and 5 / ratings, with the share of those asked who rated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from hygiene.errors import UsageError
from hygiene.metrics.business_hours import BusinessHours, read_business_hours, worked_between
from hygiene.metrics.intervals import wilson
from hygiene.metrics.local_time import DAY_US, SECOND_US, offsets, read_zone
from hygiene.metrics.support_layout import TRAITS
from hygiene.metrics.support_read import TicketTable, read_tickets
from hygiene.metrics.support_words import read_scale
from hygiene.metrics.survival import Quantile, estimate_survival

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

DEFAULT_HOURS: Final = "Mon-Fri 9-17"
PERIODS: Final = ("day", "week", "month")
BY: Final = (*PERIODS, *TRAITS)

_COUNTED = ("tickets", "answered", "waiting", "closed_unanswered", "closed", "open")
_NONE = -(2**62)  # a moment that is not told
_MONDAY = 4  # day 4 of 1970 is the first one


@dataclass(frozen=True, kw_only=True, slots=True)
class Length:
    """How long something takes, in seconds; `open` cases are counted with the time they have taken so far."""

    over: int
    open: int
    median: Quantile
    p90: Quantile
    why_null: str | None = None  # why neither is told

    @property
    def cases(self) -> int:
        """All of them."""
        return self.over + self.open


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A share with Wilson's interval; null with a reason where there is nothing to share."""

    k: int
    n: int
    of: str
    value: float | None
    low: float | None
    high: float | None
    why_null: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SupportGroup:
    """The figures of all tickets, or of a slice."""

    slice: Mapping[str, str]
    tickets: int
    answered: int
    waiting: int  # open, and without a human reply
    closed_unanswered: int
    first_response: Length
    first_response_business: Length
    closed: int
    open: int
    resolution: Length
    resolution_business: Length
    reopened: Part
    backlog_median_age: float | None  # seconds, of open tickets
    backlog_oldest_age: float | None
    satisfaction: Part
    response: Part  # ratings / asked, or / closed where nobody tells who was asked


@dataclass(frozen=True, kw_only=True)
class Support:
    """A measurement of support mail: first all tickets, then each slice."""

    groups: tuple[SupportGroup, ...]
    by: tuple[str, ...]
    files: tuple[str, ...]
    layouts: tuple[str, ...]
    records: int
    set_aside: Mapping[str, int]
    notes: tuple[str, ...]
    as_of: datetime | None  # None: the files hold no moment
    timezone: str
    business_hours: str
    table: TicketTable = field(repr=False, compare=False)

    @property
    def whole(self) -> SupportGroup:
        """All tickets."""
        return self.groups[0]

    def to_frame(self) -> pd.DataFrame:
        """One row a group: the columns of `by`, counts, seconds and shares; null where it is not told."""
        import pandas as pd

        frame = pd.DataFrame([_flat(group, self.by) for group in self.groups])
        kinds = dict.fromkeys(self.by, "string")
        whole = {"_k", "_n"}
        for name in frame.columns.difference(list(self.by)):
            counts = name in _COUNTED or name[-2:] in whole
            kinds[name] = "Int64" if counts else "Float64"
        return frame.astype(kinds)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "files": list(self.files),
            "layouts": list(self.layouts),
            "records": self.records,
            "set_aside": dict(self.set_aside),
            "notes": list(self.notes),
            "as_of": self.as_of and self.as_of.isoformat(),
            "timezone": self.timezone,
            "business_hours": self.business_hours,
            "by": list(self.by),
            "groups": [{**asdict(group), "slice": dict(group.slice)} for group in self.groups],
        }

    def sections(self) -> Document:
        """What a person should see."""
        from hygiene.metrics.support_presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        return f"<Support: {self.whole.tickets:,} tickets, {self.whole.open:,} open>"


def measure_support(
    given: Any,
    *,
    by: Sequence[str] = (),
    timezone: str = "UTC",
    business_hours: str = DEFAULT_HOURS,
    day_first: bool | None = None,
    ratings: str | None = None,
    as_of: datetime | None = None,
) -> Support:
    """Measure support mail from a helpdesk's exports, or plain tables of tickets or messages.

    `given` is a path or a data frame (pandas, Polars, Arrow, DuckDB), or a list of them.

    `by` splits by any of `BY`; days are those on which tickets were created, in `timezone`, which also holds
    for times that name no zone and for `business_hours`. `day_first` settles dates like 3/4/2026 and `ratings`,
    like "1-7", from and to which number is rated, where a file does not. `as_of` is the moment up to which open
    cases have waited, by default the last that the files hold.

    Raises UsageError, UnreadableInput or UnwritableOutput with one sentence.
    """
    zone, hours = read_zone(timezone), read_business_hours(business_hours)
    for name in by:
        if name not in BY:
            raise UsageError(f"tickets are not split by {name[:40]!r}: there are {', '.join(BY)}")
    table = read_tickets(
        list(given) if isinstance(given, list | tuple) else [given],
        zone=timezone,
        day_first=day_first,
        scale=None if ratings is None else read_scale(ratings),
        as_of_us=None if as_of is None else _microseconds(as_of, zone),
    )
    return _measured(table, tuple(by), zone, hours)


def _measured(table: TicketTable, by: tuple[str, ...], zone: ZoneInfo, hours: BusinessHours) -> Support:
    tickets = _Tickets(table, zone, hours)
    slices = [({}, np.arange(tickets.count)), *tickets.split(by)]
    return Support(
        groups=tuple(tickets.measure(names, places) for names, places in slices),
        by=by,
        files=table.files,
        layouts=table.layouts,
        records=table.records,
        set_aside=table.set_aside,
        notes=table.notes,
        as_of=datetime.fromtimestamp(table.as_of_us / SECOND_US, zone) if table.as_of_us else None,
        timezone=zone.key,
        business_hours=str(hours),
        table=table,
    )


def _microseconds(moment: datetime, zone: ZoneInfo) -> int:
    known = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return round(known.timestamp() * SECOND_US)


class _Tickets:
    """The tickets as arrays; what is not told is `_NONE`."""

    def __init__(self, table: TicketTable, zone: ZoneInfo, hours: BusinessHours) -> None:
        self.table, self.zone, self.hours, self.as_of = table, zone, hours, table.as_of_us
        self.count = table.tickets.num_rows
        self.created, self.reply, closed = (
            self._numbers(name) for name in ("created_us", "reply_us", "closed_us")
        )
        states, layouts = (self._texts(name) for name in ("state", "layout"))
        self.tells_reply = np.isin(layouts, list(table.tells_replies))
        self.tells_closing = np.isin(layouts, list(table.tells_closings))
        open_ = (states == "open") | ((states == "") & (closed == _NONE))
        self.open = self.tells_closing & open_
        self.closed = np.where(self.open | ~self.tells_closing, _NONE, closed)
        self.ended = self.tells_closing & ~self.open
        self.reopens, self.rating, self.asked = (self._numbers(name) for name in ("reopens", "rating", "asked"))
        self.answered = self._numbers("answered") == 1

    def _numbers(self, name: str) -> Any:
        import pyarrow as pa

        return self.table.tickets[name].cast(pa.int64()).fill_null(_NONE).to_numpy()

    def _texts(self, name: str) -> Any:
        return self.table.tickets[name].fill_null("").to_numpy(zero_copy_only=False).astype(str)

    def split(self, by: tuple[str, ...]) -> list[tuple[dict[str, str], Any]]:
        """The slices, sorted, with the places of their tickets."""
        if not by or not self.count:
            return []
        columns = [self._labels(name) for name in by]
        keys, codes = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        order = np.argsort(codes.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(codes.ravel(), minlength=len(keys)))
        return [
            (dict(zip(by, map(str, key), strict=True)), order[start:end])
            for key, start, end in zip(keys, [0, *ends[:-1]], ends, strict=True)
        ]

    def _labels(self, name: str) -> Any:
        if name not in PERIODS:
            return self._texts(name)
        changes = offsets(self.zone, int(self.created.min()), int(self.created.max()))
        since, shifts = (np.array([change[at] for change in changes]) for at in (0, 1))
        local = self.created + shifts[np.searchsorted(since, self.created, side="right") - 1]
        days = local // DAY_US
        if name == "week":
            days -= (days - _MONDAY) % 7
        dates = days.astype("datetime64[D]")
        return (dates.astype("datetime64[M]") if name == "month" else dates).astype(str)

    def measure(self, names: Mapping[str, str], at: Any) -> SupportGroup:
        """The figures of the tickets at these places."""
        replied = self.answered[at]
        opened, ended = self.open[at], self.ended[at]
        first, first_business = self._first_response(at)
        resolution, resolution_business = self._resolution(at)
        ages = (self.as_of - self.created[at][opened]) / SECOND_US
        return SupportGroup(
            slice=names,
            tickets=len(at),
            answered=int(replied.sum()),
            waiting=int((~replied & self.tells_reply[at] & ~ended).sum()),
            closed_unanswered=int((~replied & self.tells_reply[at] & ended).sum()),
            first_response=first,
            first_response_business=first_business,
            closed=int(ended.sum()),
            open=int(opened.sum()),
            resolution=resolution,
            resolution_business=resolution_business,
            reopened=self._reopened(at),
            backlog_median_age=float(np.median(ages)) if len(ages) else None,
            backlog_oldest_age=float(ages.max()) if len(ages) else None,
            satisfaction=self._satisfaction(at),
            response=self._response(at),
        )

    def _first_response(self, at: Any) -> tuple[Length, Length]:
        """Who was not answered waited until the case was closed, or waits still; unknown times are left out."""
        replied = self.reply[at] != _NONE
        ended_unknown = ~replied & self.ended[at] & (self.closed[at] == _NONE)
        at = at[self.tells_reply[at] & ~ended_unknown & (replied | ~self.answered[at])]
        replied = self.reply[at] != _NONE
        until = np.where(self.closed[at] == _NONE, self.as_of, self.closed[at])
        why = None if len(at) else "no file tells when tickets were answered"
        return self._lengths(self.created[at], np.where(replied, self.reply[at], until), replied, why)

    def _resolution(self, at: Any) -> tuple[Length, Length]:
        at = at[self.tells_closing[at] & (self.open[at] | (self.closed[at] != _NONE))]
        over = ~self.open[at]
        why = None if len(at) else "no file tells when tickets were closed"
        return self._lengths(self.created[at], np.where(over, self.closed[at], self.as_of), over, why)

    def _lengths(self, start: Any, end: Any, over: Any, why: str | None) -> tuple[Length, Length]:
        end = np.maximum(start, end)
        wall, business = end - start, worked_between(self.hours, self.zone, start, end)
        return _length(wall, over, why), _length(business, over, why)

    def _reopened(self, at: Any) -> Part:
        told = self.reopens[at] != _NONE
        ever = told & (self.ended[at] | (self.reopens[at] > 0))
        return _part(
            int((self.reopens[at][ever] > 0).sum()), int(ever.sum()), "tickets ever closed", "no file tells"
        )

    def _satisfaction(self, at: Any) -> Part:
        rated = self.rating[at] != _NONE
        return _part(int((self.rating[at] >= 4).sum()), int(rated.sum()), "ratings", "nobody rated")

    def _response(self, at: Any) -> Part:
        rated = int((self.rating[at] != _NONE).sum())
        told = self.asked[at] != _NONE
        if (self.asked[at] == 0).any() or (told & (self.rating[at] == _NONE)).any():
            return _part(rated, int((self.asked[at] == 1).sum()), "people asked", "nobody was asked")
        closed = max(int(self.ended[at].sum()), rated)
        return _part(
            rated, closed if rated else 0, "tickets closed: no file tells who was asked", "nobody rated"
        )


def _length(durations: Any, over: Any, why: str | None) -> Length:
    known = estimate_survival(durations / SECOND_US, over)
    return Length(
        over=int(over.sum()),
        open=int((~over).sum()),
        median=known.quantile(0.5),
        p90=known.quantile(0.9),
        why_null=why,
    )


def _part(k: int, n: int, of: str, why: str) -> Part:
    if not n:
        return Part(k=k, n=n, of=of, value=None, low=None, high=None, why_null=why)
    low, high = wilson(k, n)
    return Part(k=k, n=n, of=of, value=k / n, low=float(low), high=float(high))


def _flat(group: SupportGroup, by: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {name: group.slice.get(name) for name in by}
    for name in _COUNTED:
        row[name] = getattr(group, name)
    for name in ("first_response", "first_response_business", "resolution", "resolution_business"):
        length: Length = getattr(group, name)
        row |= {f"{name}_median_s": length.median.value, f"{name}_p90_s": length.p90.value}
    for name in ("reopened", "satisfaction", "response"):
        part: Part = getattr(group, name)
        row |= {f"{name}_k": part.k, f"{name}_n": part.n, f"{name}_rate": part.value}
        row |= {f"{name}_low": part.low, f"{name}_high": part.high}
    ages = {"backlog_median_age_s": group.backlog_median_age, "backlog_oldest_age_s": group.backlog_oldest_age}
    return row | ages
