"""The result of an A/B test: arms, pairs, verdict, and the sentence that says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from hygiene.metrics.intervals import wilson
from hygiene.metrics.kpis import Kpi, Unit
from hygiene.metrics.variants.arms import Arm
from hygiene.metrics.variants.asked import BY
from hygiene.metrics.variants.evidence import ALPHA, SPLIT_ALPHA, Interval, mean_interval, same_shares_p
from hygiene.metrics.variants.verdict import Pair, Rules, Split, Verdict, machine_p, overall

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from hygiene.render.sections import Document

#: what the columns of the frames are, whatever is in them
_ARM_KINDS: Final = (
    dict.fromkeys(("mails", "people"), "Int64")
    | {"metric": "string"}
    | dict.fromkeys(("numerator", "n"), "Int64")
    | dict.fromkeys(("value", "low", "high", "machine_open_share", "young_share"), "Float64")
    | {"first_us": "Int64", "last_us": "Int64", "winner": "boolean"}
)
_PAIR_KINDS: Final = (
    dict.fromkeys(("first", "second"), "string")
    | dict.fromkeys(("difference", "low", "high", "always_low", "always_high"), "Float64")
    | dict.fromkeys(("lift", "p", "p_adjusted"), "Float64")
    | dict.fromkeys(("verdict", "better", "doubt"), "string")
    | {"needed": "Int64"}
)
_EXIT = {Verdict.BETTER: 0, Verdict.EQUIVALENT: 0, Verdict.SPLIT_BROKEN: 1, Verdict.KEEP_RUNNING: 3}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An A/B test as it stands."""

    files: tuple[str, ...]
    campaign: str | None
    by: str
    rules: Rules
    effect_given: bool
    arms: tuple[Arm, ...]
    split: Split
    pairs: tuple[Pair, ...]
    split_given: bool = False  # else an even one is taken for what was meant
    silent: str = ""  # why the log says nothing of the metric
    campaigns: int = 1  # that name variants
    unnamed: int = 0  # mails that name no variant
    twice: int = 0  # people who were sent more than one
    changed: int = 0  # mails of which one event tells another variant than the next
    seen_until_us: int | None = None
    mature_after_us: int = 0
    timezone: str = "UTC"
    attribution: str = ""
    currency: str | None = None
    other_currencies: Mapping[str, int] = field(default_factory=dict)

    @property
    def kpi(self) -> Kpi:
        """What is compared."""
        return self.rules.kpi

    @cached_property
    def _overall(self) -> tuple[Verdict, str | None]:
        if self.split.broken:
            return Verdict.SPLIT_BROKEN, None
        if self.silent:
            return Verdict.KEEP_RUNNING, None
        return overall(self.arms, self.pairs)

    @property
    def verdict(self) -> Verdict:
        """What may be said."""
        return self._overall[0]

    @property
    def winner(self) -> str | None:
        """The variant that is better than every other one; None where there is none, or none yet."""
        return self._overall[1]

    @property
    def exit_code(self) -> int:
        """0 decided, 1 the split is broken, 3 not decided yet."""
        return _EXIT[self.verdict]

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        from hygiene.metrics.variants.sentence import say_verdict

        return say_verdict(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else must be known before the verdict is used."""
        from hygiene.metrics.variants.sentence import say_notes

        return tuple(say_notes(self))

    def interval(self, arm: Arm) -> Interval | None:
        """Of the metric of one arm, 95 %: Wilson's, of revenue `mean_interval`; None where it is not known."""
        if not arm.n:
            return None
        if arm.unit is Unit.MONEY:
            return mean_interval(arm.value or 0.0, arm.variance, (arm.people_in, arm.winners))
        low, high = wilson(float(arm.total / arm.inflation), float(arm.n / arm.inflation))
        return Interval(float(low), float(high))

    @cached_property
    def machine_p(self) -> float | None:
        """The p-value of machines opening the same share of every arm; None where they are too few to tell."""
        return machine_p(self.arms)

    @property
    def machines_differ(self) -> bool:
        """Whether machines open one arm more than another, which chance does not do."""
        return self.machine_p is not None and self.machine_p < SPLIT_ALPHA

    @cached_property
    def delivered_p(self) -> float | None:
        """The p-value of the same share of every arm being delivered."""
        return same_shares_p([arm.delivered for arm in self.arms], [arm.mails for arm in self.arms])

    def to_frame(self) -> pd.DataFrame:
        """One row an arm: counts are Int64, shares Float64, words string; what is not known is null."""
        import pandas as pd

        kinds = {self._called: "string", **_ARM_KINDS}
        return pd.DataFrame([self._row(arm) for arm in self.arms], columns=list(kinds)).astype(kinds)

    def pairs_frame(self) -> pd.DataFrame:
        """One row a pair of arms, likewise."""
        import pandas as pd

        rows = [_pair_row(pair) for pair in self.pairs]
        return pd.DataFrame(rows, columns=list(_PAIR_KINDS)).astype(_PAIR_KINDS)

    @property
    def _called(self) -> str:
        """What the column of arms is called: ``variant`` for one of the sender's own."""
        return self.by if self.by in BY else "variant"

    def _row(self, arm: Arm) -> dict[str, Any]:
        interval = self.interval(arm)
        return {
            self._called: arm.name,
            "mails": arm.mails,
            "people": arm.people,
            "metric": self.kpi.name,
            "numerator": arm.total,
            "n": arm.n,
            "value": arm.value,
            "low": _finite(interval.low) if interval else None,
            "high": _finite(interval.high) if interval else None,
            "machine_open_share": _share(arm.opened_all - arm.opened_human, arm.open_tracked),
            "young_share": _share(arm.young, arm.mails),
            "first_us": arm.first_us,
            "last_us": arm.last_us,
            "winner": arm.name == self.winner,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "verdict": self.verdict.value,
            "winner": self.winner,
            "sentence": self.sentence,
            "notes": list(self.notes),
            "metric": self.kpi.name,
            "definition": self.kpi.definition,
            "by": self.by,
            "campaign": self.campaign,
            "test": {
                "name": self.rules.test.value,
                "alpha": ALPHA,
                "effect": self.rules.rho,
                "effect_given": self.effect_given,
                "equivalent_within": self.rules.within,
                "correction": "Holm" if len(self.pairs) > 1 else None,
            },
            "split": {**asdict(self.split), "broken": self.split.broken},
            "machine_opens": {"p": self.machine_p, "differ": self.machines_differ},
            "arms": [self._row(arm) for arm in self.arms],
            "pairs": [_pair_row(pair) for pair in self.pairs],
            "campaigns": self.campaigns,
            "unnamed_mails": self.unnamed,
            "people_in_several": self.twice,
            "mails_of_several": self.changed,
            "seen_until_us": self.seen_until_us,
            "mature_after_us": self.mature_after_us,
            "currency": self.currency if self.kpi.unit is Unit.MONEY else None,
        }

    def sections(self) -> Document:
        """The page."""
        from hygiene.metrics.variants.presentation import document

        return document(self)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the arms with their intervals."""
        from hygiene.metrics.variants.plot import plot_arms

        return plot_arms(self, ax)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        names = " | ".join(arm.name for arm in self.arms)
        said = f"{self.winner} better" if self.winner else self.verdict.value
        return f"<Comparison of {self.kpi.name}, {names}: {said}>"


def _pair_row(pair: Pair) -> dict[str, Any]:
    once, always = pair.once, pair.always
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": pair.difference,
        "low": _finite(once.low) if once else None,
        "high": _finite(once.high) if once else None,
        "always_low": _finite(always.low) if always else None,
        "always_high": _finite(always.high) if always else None,
        "lift": pair.lift,
        "p": pair.p,
        "p_adjusted": pair.p_adjusted,
        "verdict": pair.verdict.value,
        "better": pair.better if pair.verdict is Verdict.BETTER else None,
        "doubt": pair.doubt.value or None,
        "needed": pair.needed,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
