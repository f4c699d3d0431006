"""How many mails a test takes, before it is sent: for one look, and for looking every day."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from hygiene.errors import UsageError
from hygiene.metrics.variants.evidence import ALPHA, mixture_interval, pooled_variance

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

MOST_VARIANTS: Final = 10
POWER: Final = 0.8
LOOKS: Final = 50  # of a simulated test, evenly over its mails
TESTS: Final = 4_000  # simulated
_SEED: Final = 20261128
_MOST: Final = 10**12


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a test takes: mails of each arm's denominator, mostly delivered ones."""

    baseline: float
    effect: float
    power: float
    variants: int
    alpha: float  # of one comparison
    once: int  # looked at once, at this size
    always: int  # looked at as often as one likes, up to this size
    usual: int  # after how many the always-valid test has stopped on average, if the effect is there
    found: float  # … and in how many of these tests it has found the effect

    @property
    def sentence(self) -> str:
        """The plan for people."""
        return (
            f"{self.always:,} mails to each variant find a rise from {_per_cent(self.baseline)} to "
            f"{_per_cent(self.baseline + self.effect)} in at least {_per_cent(self.power)} of all tests, "
            f"however often you look; on average you may stop after {self.usual:,}. Looking only once takes "
            f"{self.once:,}."
        )

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """One row a way of testing."""
        import pandas as pd

        rows = [("fixed-horizon", self.once, None), ("always-valid", self.always, self.usual)]
        return pd.DataFrame(rows, columns=["test", "mails_per_arm", "average_stop"]).convert_dtypes()

    def sections(self) -> Document:
        """The page."""
        from hygiene.metrics.variants.plan_presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        return f"<Plan {self.always:,} mails an arm, {self.once:,} for one look>"


def plan_test(*, baseline: float, effect: float, power: float = POWER, variants: int = 2) -> Plan:
    """How many mails each variant needs so that a test finds `effect` over `baseline`, both shares.

    >>> plan_test(baseline=0.20, effect=0.03).once
    2943
    """
    if not 0 < baseline < 1 or not effect > 0 or baseline + effect >= 1:
        raise UsageError("a test is planned for a rate and a rise that stay between 0 and 100 %")
    if not 0.5 <= power <= 0.99:
        raise UsageError("the power of a test lies between 50 % and 99 %")
    if not 2 <= variants <= MOST_VARIANTS:
        raise UsageError(f"a test has 2 to {MOST_VARIANTS} variants")
    alpha = ALPHA / math.comb(variants, 2)
    once = _once(baseline, effect, power, alpha)
    always = _always(baseline, effect, power, alpha, once)
    usual, found = _simulated(baseline, effect, alpha, always)
    return Plan(
        baseline=baseline,
        effect=effect,
        power=power,
        variants=variants,
        alpha=alpha,
        once=once,
        always=always,
        usual=usual,
        found=found,
    )


def _once(baseline: float, effect: float, power: float, alpha: float) -> int:
    """For one look: statsmodels' two-sided z test, whose name says one tail."""
    from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

    number = samplesize_proportions_2indep_onetail(effect, baseline, power, alpha=alpha)
    if not number < _MOST:
        raise UsageError("no list is large enough to find such a small effect")
    return math.ceil(float(number))


def _always(baseline: float, effect: float, power: float, alpha: float, once: int) -> int:
    """For any number of looks, by formula: the size at which a last look alone would have the power."""
    low, high = once, once * 2
    while _power_at(high, baseline, effect, alpha) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _power_at(middle, baseline, effect, alpha) < power else (low, middle)
    return high


def _power_at(number: int, baseline: float, effect: float, alpha: float) -> float:
    from scipy.stats import norm

    treated = baseline + effect
    if_equal = pooled_variance((baseline * number, treated * number), (number, number))
    spread = math.sqrt((baseline * (1 - baseline) + treated * (1 - treated)) / number)
    limit = mixture_interval(0.0, if_equal, effect, alpha).high
    return float(norm.sf((limit - effect) / spread))


def _simulated(baseline: float, effect: float, alpha: float, number: int) -> tuple[int, float]:
    """The mails an arm after which the always-valid test has stopped on average, and how often it found it."""
    import numpy as np

    chance = np.random.default_rng(_SEED)
    sizes = np.unique(np.linspace(number / LOOKS, number, LOOKS).round().astype(np.int64))
    steps = np.diff(sizes, prepend=0)
    shape = (TESTS, len(steps))
    rates = (baseline, baseline + effect)
    first, second = (chance.binomial(steps, rate, shape).cumsum(axis=1) for rate in rates)
    share = (first + second) / (2 * sizes)
    variance = np.maximum(2 * share * (1 - share) / sizes, 1e-300)
    whole = variance + effect**2
    difference = (second - first) / sizes
    evidence = 0.5 * np.log(variance / whole) + (effect * difference) ** 2 / (2 * variance * whole)
    stopped = evidence >= math.log(1 / alpha)
    stops = np.where(stopped.any(axis=1), sizes[stopped.argmax(axis=1)], sizes[-1])
    found = (stopped & (difference > 0)).any(axis=1)
    return round(float(stops.mean()) / 10) * 10 or int(sizes[-1]), float(found.mean())


def _per_cent(share: float) -> str:
    return f"{share * 100:.4g} %"
