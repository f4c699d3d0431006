"""The result of a measurement: every figure with its interval and verdict, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hygiene.finding import Finding, Severity
from hygiene.metrics.as_others import AsOthers
from hygiene.metrics.as_others import to_dict as others_to_dict
from hygiene.metrics.benchmarks import Profile
from hygiene.metrics.durations import Duration
from hygiene.metrics.evaluate import Telling, values_of
from hygiene.metrics.kpis import KPIS, KpiValue, Verdict
from hygiene.metrics.overviews import Overviews
from hygiene.metrics.slices import Flags, Slices
from hygiene.metrics.subjects.featured import BY as SUBJECT_BY
from hygiene.metrics.subjects.featured import Featured
from hygiene.metrics.table import COUNTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from hygiene.metrics.causes.find import Causes
    from hygiene.render.sections import Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How it was counted."""

    by: tuple[str, ...]
    timezone: str
    attribution: str
    human: bool
    since_us: int | None = None  # mails sent from then on
    until_us: int | None = None  # and before then
    mature_after_us: int  # a mail younger than this is not judged by what people did not do yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What the figures rest on: what was read, and what became of it."""

    files: tuple[str, ...]
    platforms: tuple[str, ...]  # titles of the layouts found
    events: int = 0
    of_mails: int = 0
    duplicates: int = 0  # of those: said more than once
    conversions: int = 0
    unknown_words: Mapping[str, int] = field(default_factory=dict)
    unread: int = 0  # records that were not understood
    undated: int = 0  # events
    left_out: int = 0  # mails sent outside the time asked for
    orphans: tuple[Mapping[str, Any], ...] = ()  # events without a mail: source, kind, reason, events
    swept_clicks: int = 0
    orders: int = 0
    credited: int = 0
    currency: str | None = None
    first_us: int | None = None  # sent
    last_us: int | None = None
    seen_until_us: int | None = None  # the last event, or the moment given
    tallied: int = 0  # campaigns known from reports of sums only
    notes: tuple[str, ...] = ()

    @property
    def orphaned(self) -> int:
        """Events without a mail."""
        return sum(int(each["events"]) for each in self.orphans)


@dataclass(frozen=True, kw_only=True, eq=False)
class Kpis:
    """The figures of all mail together and of each slice."""

    settings: Settings
    account: Account
    profile: Profile
    total: Slices  # one slice, of all mail
    slices: Slices | None  # by the columns asked for
    telling: Telling
    young_total: Flags
    young: Flags | None  # slices whose mails are too young
    delays: tuple[Duration, ...] = ()
    slice_delays: tuple[tuple[Duration, ...], ...] = ()  # of each slice, unless there are too many
    others: AsOthers | None = None
    causes: Causes | None = None  # what is behind the figures
    subjects: Featured | None = None  # what went with the features of subject lines
    overviews: Overviews | None = None  # counts by time, campaign, provider and segment

    @cached_property
    def overall(self) -> tuple[KpiValue, ...]:
        """All mail together: every KPI, as declared."""
        return self.values_against(self.profile)

    @cached_property
    def by_slice(self) -> tuple[KpiValue, ...]:
        """Every KPI of every slice; empty where nothing was asked to split by."""
        if self.slices is None:
            return ()
        return self._values(self.slices, self.profile, self.young)

    def by(self, name: str) -> tuple[Mapping[str, KpiValue], ...]:
        """Every KPI by name, for each slice of an overview, in its order; empty where it was not counted."""
        return self._overviewed.get(name, ())

    @cached_property
    def _overviewed(self) -> Mapping[str, tuple[Mapping[str, KpiValue], ...]]:
        overviews, width = self.overviews, len(KPIS)
        found = {}
        for name, slices in overviews.slices.items() if overviews else ():
            values = self._values(slices, self.profile, overviews.young[name] if overviews else None)
            rows = (values[start : start + width] for start in range(0, len(values), width))
            found[name] = tuple({value.name: value for value in row} for row in rows)
        return found

    def _values(self, slices: Slices, profile: Profile, young: Flags | None) -> tuple[KpiValue, ...]:
        kpis, human = tuple(KPIS.values()), self.settings.human
        return tuple(values_of(slices, kpis, self.telling, profile, human=human, immature=young))

    @property
    def values(self) -> tuple[KpiValue, ...]:
        """All mail together, then slice after slice, largest first; features of subjects in their order."""
        return (*self.overall, *self.by_slice, *self.by_subject)

    @cached_property
    def by_subject(self) -> tuple[KpiValue, ...]:
        """Every KPI of the mails with and without each feature of their subjects; features overlap."""
        slices, young = self._by_subject
        return () if slices is None else self._values(slices, self.profile, young)

    @property
    def _split(self) -> tuple[Slices | None, Flags | None]:
        return self.slices, self.young

    @property
    def _by_subject(self) -> tuple[Slices | None, Flags | None]:
        if self.subjects is None:
            return None, None
        return self.subjects.slices, np.repeat(self.young_total, len(self.subjects.slices.keys))

    def values_against(self, profile: Profile) -> tuple[KpiValue, ...]:
        """All mail together, held against another profile."""
        return self._values(self.total, profile, self.young_total)

    def __getitem__(self, name: str) -> KpiValue:
        """A KPI of all mail: by its name, or that of its family."""
        from hygiene.metrics.kpis import find_kpi

        wanted = find_kpi(name, human=self.settings.human).name
        return next(value for value in self.overall if value.name == wanted)

    def counts(self) -> dict[str, int | None]:
        """The counts of all mail; null where no log tells of one."""
        total, told = self.total, self.telling.counts_told(self.total)
        return {name: int(total.sums([name])[0]) if told[name] else None for name in COUNTS}

    def findings(self) -> tuple[Finding, ...]:
        """What missed its benchmark, worst first, and what cannot be judged yet."""
        from hygiene.metrics.judgement import findings_of

        return findings_of(self)

    def exit_code(self, fail_on: Severity | None = Severity.HIGH) -> int:
        """0 fine, 1 a benchmark missed at or above `fail_on`, 3 something could not be determined."""
        found = self.findings()
        faults = [each for each in found if not each.unknown]
        if fail_on and any(each.severity.rank <= fail_on.rank for each in faults):
            return 1
        return 3 if len(faults) < len(found) else 0

    def to_frame(self) -> pd.DataFrame:
        """One row a KPI and slice; all mail has null in the columns of the slices.

        The numerator of money is in millionths of the currency, so that sums stay exact; its value is not.
        """
        from hygiene.metrics.frames import columns_of, columns_of_slices, frame_of

        by = self.settings.by if self.subjects is None else SUBJECT_BY
        parts = [columns_of(self.overall, by)]
        for slices, young in (self._split, self._by_subject):
            if slices is not None:
                human = self.settings.human
                parts.append(columns_of_slices(slices, self.telling, self.profile, human=human, young=young))
        return frame_of(parts, by)

    def times_to_frame(self) -> pd.DataFrame:
        """How long deliveries, opens and clicks took, in the columns of `to_frame`: all mail, then slices."""
        from hygiene.metrics.frames import frame_of_times

        by = self.settings.by if self.subjects is None else SUBJECT_BY
        rows: list[tuple[Mapping[str, Any], Duration]] = [({}, each) for each in self.delays]
        if self.slices is not None:
            for place, times in enumerate(self.slice_delays):
                rows += ((self.slices.slice_of(place), each) for each in times)
        return frame_of_times(rows, by)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "settings": {**asdict(self.settings), "by": list(self.settings.by)},
            "account": _plain(asdict(self.account)),
            "benchmarks": {
                "name": self.profile.name,
                "title": self.profile.title,
                "source": self.profile.source,
                "as_of": self.profile.as_of,
            },
            "counts": self.counts(),
            "kpis": [value.to_dict() for value in self.overall],
            "slices": [value.to_dict() for value in (*self.by_slice, *self.by_subject)],
            "delays": [each.to_dict() for each in self.delays],
            "slice_delays": [
                {"slice": self.slices.slice_of(place), **each.to_dict()}
                for place, times in enumerate(self.slice_delays)
                for each in times
            ]
            if self.slices is not None
            else [],
            "findings": [finding.to_dict() for finding in self.findings()],
            "as": None if self.others is None else others_to_dict(self.others),
            "cohorts": self.overviews.cohorts.to_dict() if self.overviews and self.overviews.cohorts else None,
            "subjects": None if self.subjects is None else self.subjects.to_dict(),
            "causes": None if self.causes is None else self.causes.to_dict(),
        }

    def sections(self) -> Document:
        """The page."""
        from hygiene.metrics.presentation import document

        return document(self)

    def plot(self, metric: str, by: str = "week", *, ax: Axes | None = None) -> Axes:
        """Draw a figure over time (day, week) or side by side, with intervals and benchmark.

        `by` is a column that was asked for, or day, week, campaign, provider or segment where the log tells it.
        Raises UsageError, a ValueError, for a metric or a column that is not there.
        """
        from hygiene.metrics.plot import plot_kpi

        return plot_kpi(self, metric, by, ax)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        verdicts = [value.verdict for value in self.overall]
        said = ", ".join(f"{verdicts.count(each)} {each.value}" for each in Verdict if each is not Verdict.NONE)
        return f"<Kpis {int(self.total.sums(['sent'])[0]):,} mails sent: {said}>"


def _plain(value: Any) -> Any:
    """Tuples as lists, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
