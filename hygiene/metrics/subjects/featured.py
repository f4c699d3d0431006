"""All features of the subjects of a log, each beside its absence: from counts to what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from hygiene.metrics.evaluate import Telling, compute
from hygiene.metrics.kpis import KPIS, find_kpi
from hygiene.metrics.laws import BrokenSum
from hygiene.metrics.moments import SUBJECT_FEATURE
from hygiene.metrics.slices import Flags, Integers, Key, Slices
from hygiene.metrics.subjects.comparison import Difference, Drawn, adjusted, differ, drawn
from hygiene.metrics.subjects.features import FeatureSets, title_of
from hygiene.metrics.subjects.told import LINE, SET
from hygiene.metrics.table import COUNTS
from hygiene.metrics.words import counted, rate_text

BY: Final = (SUBJECT_FEATURE, "has")  # the columns that splitting by it makes
WITH, WITHOUT = "with", "without"
#: what people do, and a subject may go with
COMPARED: Final = ("open_rate", "click_rate", "unsubscribe_rate", "complaint_rate", "conversion_rate")
_DID: Final = {
    "open_rate_human": "opened",
    "open_rate_all": "opened, machines included",
    "click_rate_human": "clicked",
    "click_rate_all": "clicked, machines included",
    "unsubscribe_rate": "opt-outs",
    "complaint_rate_delivered": "complaints",
    "conversion_rate": "orders",
}
CAVEATS: Final = (
    "Goes with, not causes: subjects with a feature were sent at other times, to other people, with other "
    "content. An A/B test of two subjects tells (hygiene compare).",
    "Features overlap: a mail counts with each that its subject has, so features do not add up; with it, "
    "without it and not known do.",
    "Intervals allow for how much campaigns differ anyway; what stands out does so among all that was compared "
    "(at most 5 % of it by chance, Benjamini and Hochberg).",
)


class _Alike(NamedTuple):
    """Features in the same mails as another one, and in all the others."""

    together: list[str]
    instead: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """A feature that some subjects have and others have not, and those that cannot be told from it.

    `together` are in the same mails, `instead` in all the others.
    """

    name: str
    together: tuple[str, ...]
    instead: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def title(self) -> str:
        """What a person calls it, and what cannot be told from it."""
        title = " with ".join(title_of(name) for name in (self.name, *self.together))
        others = " with ".join(title_of(name) for name in self.instead)
        return f"{title} (else {others})" if others else title


@dataclass(frozen=True, kw_only=True, eq=False)
class Featured:
    """What went with which features. `slices` are the mails with and without each, for every KPI."""

    features: tuple[Feature, ...]
    everywhere: tuple[str, ...]  # features that all subjects have: nothing to compare with
    subjects: int  # different ones
    campaigns: int
    counted_as: str  # what stands for a campaign: itself, or a subject or a day where the log tells none
    sent: int  # mails
    unknown: int  # … of those whose subject is not known
    slices: Slices

    @property
    def compared(self) -> tuple[Difference, ...]:
        """All differences that were judged."""
        return tuple(one for each in self.features for one in each.differences if one.p is not None)

    @property
    def standing_out(self) -> tuple[tuple[Feature, Difference], ...]:
        """What chance does not explain, the least likely first."""
        return tuple(pair for pair in self.ranked if pair[1].stands_out)

    @property
    def ranked(self) -> tuple[tuple[Feature, Difference], ...]:
        """Every difference, the least likely by chance first, then what was not compared."""
        pairs = [(each, one) for each in self.features for one in each.differences]
        return tuple(sorted(pairs, key=lambda pair: (pair[1].p is None, pair[1].p or 0.0)))

    @property
    def sentence(self) -> str:
        """What a person is told."""
        if not self.features:
            return "All subjects have the same features: there is nothing to compare."
        compared = self.compared
        if not compared:
            return "Too little is known to compare: a feature needs three campaigns with it, and three without."
        found = self.standing_out
        number = counted(len(compared), "comparison")
        if not found:
            return f"No feature of the subject lines stands out: chance alone can do what {number} show."
        said = "; ".join(said_of(each, one) for each, one in found[:3])
        more = f"; {len(found) - 3} more below" if len(found) > 3 else ""
        verb = "stands" if len(found) == 1 else "stand"
        return f"Of {number} {len(found)} {verb} out: {said}{more}."

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "subjects": self.subjects,
            "campaigns": self.campaigns,
            "campaigns_are": self.counted_as,
            "sent": self.sent,
            "subject_not_known": self.unknown,
            "features": [
                {
                    "name": each.name,
                    "title": each.title,
                    "together_with": list(each.together),
                    "instead_of": list(each.instead),
                    "rates": [one.to_dict() for one in each.differences],
                }
                for each in self.features
            ],
            "everywhere": list(self.everywhere),
            "comparisons": len(self.compared),
            "stand_out": len(self.standing_out),
            "sentence": self.sentence,
            "caveats": list(CAVEATS),
        }


def said_of(each: Feature, one: Difference) -> str:
    """`a question mark went with 21.3 % opened, without it 18.0 %`."""
    return (
        f"{each.title} went with {rate_text(one.with_.value or 0.0)} {_DID[one.kpi]}, "
        f"without it {rate_text(one.without.value or 0.0)}"
    )


def compare_features(
    cells: Slices, whole: Slices, sets: FeatureSets, telling: Telling, *, human: bool
) -> Featured:
    """Compare, from counts by set of features and campaign; `whole` are those of all mail.

    Raises BrokenSum where the cells are not all mail.
    """
    _check(cells, whole)
    places, campaigns = _numbered(cells.keys)
    known = places >= 0
    has = {
        name: np.array([at >= 0 and name in sets.features[at] for at in places.tolist()], np.bool_)
        for name in sets.names
    }
    sent = cells.sums(["sent"])
    rates = tuple(_rates(cells, campaigns, telling, human=human))
    mailed = known & (sent > 0)
    kept, everywhere = _apart(has, mailed)
    rows = adjusted([[differ(rate, has[name], known) for rate in rates] for name in kept])
    features = tuple(
        Feature(name=name, together=tuple(alike.together), instead=tuple(alike.instead), differences=row)
        for (name, alike), row in zip(kept.items(), rows, strict=True)
    )
    return Featured(
        features=features,
        everywhere=tuple(everywhere),
        subjects=len(sets.numbers),
        campaigns=len(set(campaigns[mailed].tolist())),
        counted_as={LINE: "subject"}.get(cells.by[1], cells.by[1]),
        sent=int(sent.sum()),
        unknown=int(sent[~known].sum()),
        slices=_both_sides(_by_set(cells, places), sets.features, list(kept)),
    )


def _check(cells: Slices, whole: Slices) -> None:
    for name in COUNTS:
        found, wanted = int(cells.sums([name]).sum()), int(whole.sums([name]).sum())
        if found != wanted:
            raise BrokenSum(f"by features of subjects {found:,} {name} are counted, and there are {wanted:,}")


def _numbered(keys: Sequence[Key]) -> tuple[Integers, Integers]:
    """The set of features of each cell, -1 where it is not known, and the number of its campaign."""
    campaigns = {name: number for number, name in enumerate(dict.fromkeys(key[1] for key in keys))}
    places = [-1 if key[0] is None else int(key[0]) for key in keys]
    return np.array(places, np.int64), np.array([campaigns[key[1]] for key in keys], np.int64)


def _rates(cells: Slices, campaigns: Integers, telling: Telling, *, human: bool) -> Iterator[Drawn]:
    """What is compared, of what the log tells."""
    for word in COMPARED:
        figures = compute(cells, find_kpi(word, human=human), telling)
        if any(why is None for why in figures.why):
            yield drawn(figures, campaigns)


def _apart(has: Mapping[str, Flags], mailed: Flags) -> tuple[dict[str, _Alike], list[str]]:
    """The features that some mails have and others have not, with those that go along; and what all have."""
    found: dict[bytes, str] = {}
    kept: dict[str, _Alike] = {}
    everywhere: list[str] = []
    for name, flags in has.items():
        there = flags[mailed]
        if there.all() and there.any():
            everywhere.append(name)
        elif there.any():
            same, opposite = found.get(there.tobytes()), found.get((~there).tobytes())
            if same is not None:
                kept[same].together.append(name)
            elif opposite is not None:
                kept[opposite].instead.append(name)
            else:
                found[there.tobytes()] = name
                kept[name] = _Alike([], [])
    return kept, everywhere


def _by_set(cells: Slices, places: Integers) -> Slices:
    """The counts of each set of features: one row a source, and another where not all of it is told."""
    single = {source: number for number, source in enumerate(dict.fromkeys(cells.sources))}
    sources = [single[source] for source in cells.sources]
    marks = np.column_stack([places[cells.codes], sources, *(cells.told[name] for name in COUNTS)])
    known = marks[:, 0] >= 0
    groups, at = np.unique(marks[known], axis=0, return_inverse=True)
    counts = {name: np.zeros(len(groups), np.int64) for name in COUNTS}
    for name, sums in counts.items():
        np.add.at(sums, at.ravel(), cells.counts[name][known])
    names = list(single)
    return Slices(
        by=(SET,),
        keys=tuple((place,) for place in range(int(places.max(initial=-1)) + 1)),
        codes=groups[:, 0].astype(np.int64),
        sources=tuple(names[number] for number in groups[:, 1].tolist()),
        counts=counts,
        told={name: groups[:, 2 + at].astype(np.bool_) for at, name in enumerate(COUNTS)},
    )


def _both_sides(sets: Slices, features: Sequence[frozenset[str]], names: Sequence[str]) -> Slices:
    """The counts with and without each feature; a mail is in as many slices as there are features."""
    rows: list[int] = []
    codes: list[int] = []
    for number, name in enumerate(names):
        for row, place in enumerate(sets.codes.tolist()):
            rows.append(row)
            codes.append(2 * number + (name not in features[place]))
    chosen = np.array(rows, np.int64)
    return Slices(
        by=BY,
        keys=tuple((name, side) for name in names for side in (WITH, WITHOUT)),
        codes=np.array(codes, np.int64),
        sources=tuple(sets.sources[row] for row in rows),
        counts={name: column[chosen] for name, column in sets.counts.items()},
        told={name: column[chosen] for name, column in sets.told.items()},
    )


def title_of_rate(name: str) -> str:
    """What a person calls a rate that is compared."""
    return _DID.get(name, KPIS[name].title)
