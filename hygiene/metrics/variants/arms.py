"""Mails → the arms of a test: whole numbers a variant, summed by person, as people are what chance divides.

Who got several mails of an arm is one draw, not several: the variance of a rate is that of sums over people
(Σ(x − r·n)², with x of n mails for each). With one mail a person it is the textbook one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.errors import UsageError
from hygiene.metrics.kpis import Kpi, Unit
from hygiene.metrics.local_time import SECOND_US, divide
from hygiene.metrics.table import State

if TYPE_CHECKING:
    import duckdb

MOST_ARMS: Final = 10
_AFTER: Final = 10**18  # the place of texts: behind all numbers
#: millionths are split here, so that no engine's sums of squares leave 64 bits
_LIMB: Final = 2**20
#: more for one person is no order but a mistake: 8.7 million of the currency
_MOST_MICROS: Final = 2**43 - 1
_SQUARED: Final = ("squares", "crossed", "sizes")
_DELIVERED: Final = State.DELIVERED.value


_APART_US: Final = 3_600 * SECOND_US  # arms sent less far apart are of the same age
_YOUNG_SHARE: Final = 0.1
_ERRORS: Final = 3  # standard errors of a difference that chance will hardly make


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One variant, counted. What a test needs of it is whole numbers; the rest follows."""

    name: str
    mails: int  # handed over: what the split is judged by
    people: int
    n: int  # the denominator of the metric
    total: int  # its numerator: mails, or millionths of the currency
    people_in: int = 0  # people with a mail in the denominator
    winners: int = 0  # people with anything in the numerator
    squares: int = 0  # Σ x², by person
    crossed: int = 0  # Σ x·n
    sizes: int = 0  # Σ n²
    largest: int = 0  # the x that weighs most
    delivered: int = 0
    opened_all: int = 0
    opened_human: int = 0
    open_tracked: int = 0
    first_us: int | None = None  # sent
    last_us: int | None = None
    mean_us: int | None = None
    young: int = 0  # mails too young to be judged
    unit: Unit = field(default=Unit.SHARE)

    @property
    def is_young(self) -> bool:
        """Whether too many of its mails are too young to be judged."""
        return self.young > _YOUNG_SHARE * self.mails

    @property
    def scale(self) -> float:
        """What one of the numerator is worth."""
        return 1e-6 if self.unit is Unit.MONEY else 1.0

    @property
    def value(self) -> float | None:
        """The metric; None where there is nothing to divide by."""
        return self.total * self.scale / self.n if self.n else None

    @property
    def variance(self) -> float:
        """Of the metric, by people; exact sums, so that nothing cancels."""
        return spread([self], self.total, self.n) / self.n**4 * self.scale**2 if self.n else 0.0

    @property
    def inflation(self) -> float:
        """By how much several mails a person widen a share's variance; at least 1."""
        if self.unit is Unit.MONEY or not 0 < self.total < self.n or self.sizes == self.n:
            return 1.0
        return max(1.0, self.variance / (self.total * (self.n - self.total) / self.n**3))

    def without_largest(self) -> Arm:
        """The same arm as if the person of the largest value had bought nothing."""
        from dataclasses import replace

        return replace(
            self,
            total=self.total - self.largest,
            squares=self.squares - self.largest**2,
            crossed=self.crossed - self.largest,
            winners=self.winners - bool(self.largest),
            largest=0,
        )


def spread(arms: Sequence[Arm], total: int, n: int) -> int:
    """n² · Σ(x − r·n)² over the people of these arms, around the rate r = total / n: exact."""
    squares, crossed, sizes = (sum(getattr(arm, name) for arm in arms) for name in _SQUARED)
    top: int = squares * n**2 - 2 * total * n * crossed + total**2 * sizes
    return max(top, 0)


def count_arms(
    mails: Frame,
    kpi: Kpi,
    by: str,
    engine: Engine,
    *,
    young_after_us: int | None,
    only: Sequence[str] = (),
    called: str = "",
) -> tuple[Arm, ...]:
    """The arms of a test: those named, in that order, else all by name. Strays: see `count_strays`.

    Raises UsageError where there are too many variants to be a test, in words that have the column as `called`.
    """
    chosen = mails.filter(~nw.col(by).is_null())
    if only:
        chosen = chosen.filter(nw.col(by).is_in(list(only)))
    if len(name_values(chosen, by, engine)) > MOST_ARMS:
        raise UsageError(
            f"there are more than {MOST_ARMS} values of {called or by}: name the ones to compare, "
            "as in --arms A,B"
        )
    rows = engine.collect(_sums(chosen, kpi, by, young_after_us)).to_pylist()
    arms = {str(row[by]): _arm(row, by, kpi) for row in rows}
    empty = {name: Arm(name=name, mails=0, people=0, n=0, total=0, unit=kpi.unit) for name in only}
    return tuple({**empty, **arms}[name] for name in (only or sorted(arms, key=in_order)))


def in_order(name: str) -> tuple[tuple[int, str], ...]:
    """A name's place among others, numbers by what they say.

    >>> sorted(["10", "9", "B", "A 2", "A 10"], key=in_order)
    ['9', '10', 'A 2', 'A 10', 'B']
    """
    parts = re.findall(r"(\d{1,18})|(\D+)", name)
    return tuple((int(number), "") if number else (_AFTER, text) for number, text in parts)


def count_strays(mails: Frame, by: str, engine: Engine, *, only: Sequence[str] = ()) -> tuple[int, int]:
    """Mails that name no variant, and people who were sent more than one of those compared."""
    named = ~nw.col(by).is_null()
    unnamed = engine.collect(mails.filter(~named).select(mails=nw.len())).to_pylist()[0]["mails"]
    named = nw.col(by).is_in(list(only)) if only else named
    pairs = mails.filter(named).group_by("recipient", by).agg(mails=nw.len())
    twice = pairs.group_by("recipient").agg(arms=nw.len()).filter(nw.col("arms") > 1)
    return int(unnamed), int(engine.collect(twice.select(people=nw.len())).to_pylist()[0]["people"])


def sent_apart(arms: Sequence[Arm]) -> int:
    """By how many microseconds arms were sent apart on average; 0, where chance or an hour may be all it is.

    Mails of several mailings are spread over the time of all of them, so that the averages of arms differ by
    chance, too: by the error of a mean of times that are anywhere in that span.
    """
    means = {arm.mean_us: arm for arm in arms if arm.mean_us is not None}
    if not means:
        return 0
    first, last = min(means), max(means)
    by_chance = math.sqrt(_mean_variance(means[first]) + _mean_variance(means[last]))
    return last - first if last - first > max(_APART_US, _ERRORS * by_chance) else 0


def _mean_variance(arm: Arm) -> float:
    if arm.first_us is None or arm.last_us is None:
        return 0.0
    return (arm.last_us - arm.first_us) ** 2 / 12 / max(arm.people, 1)  # of a uniform distribution


def name_values(mails: Frame, by: str, engine: Engine) -> tuple[str, ...]:
    """The values of a column, as many as a test may have and one more."""
    named = mails.filter(~nw.col(by).is_null()).group_by(by).agg(mails=nw.len()).head(MOST_ARMS + 1)
    return tuple(sorted(map(str, engine.collect(named)[by].to_pylist()), key=in_order))


def count_changed(connection: duckdb.DuckDBPyConnection) -> int:
    """Mails of which one event tells another variant than the next."""
    ((mails,),) = connection.execute(
        "select count(*) from (select 1 from events where variant is not null and message_id is not null "
        "group by source, message_id, recipient having min(variant) < max(variant))"
    ).fetchall()
    return int(mails)


def count_campaigns(mails: Frame, by: str, engine: Engine) -> int:
    """The campaigns whose mails name a variant."""
    named = mails.filter(~nw.col(by).is_null()).group_by("campaign").agg(mails=nw.len())
    return int(engine.collect(named.select(campaigns=nw.len())).to_pylist()[0]["campaigns"])


def _sums(mails: Frame, kpi: Kpi, by: str, young_after_us: int | None) -> Frame:
    """One row an arm."""
    top, under = _parts(kpi)
    delivered = nw.col("state") == _DELIVERED
    tracked = delivered & nw.col("track_open")
    sent = nw.col("sent_us")
    young = sent > young_after_us if young_after_us is not None else nw.lit(value=False)
    flags = {
        "x_": top,
        "n_": under,
        "delivered": _one(delivered),
        "open_tracked": _one(tracked),
        "opened_all": _one(tracked & nw.col("opened_all")),
        "opened_human": _one(tracked & nw.col("opened_human")),
        "young": _one(young),
        "dated": _one(~sent.is_null()),
        "seconds": divide(sent.fill_null(0), SECOND_US),
    }
    people = (
        mails.select(by, "recipient", "sent_us", **flags)
        .group_by(by, "recipient")
        .agg(
            mails=nw.len(),
            first_us=nw.col("sent_us").min(),
            last_us=nw.col("sent_us").max(),
            **{name: nw.col(name).sum().cast(nw.Int64) for name in flags},
        )
    )
    return _by_arm(people, by, tuple(flags), money=kpi.unit is Unit.MONEY)


def _by_arm(people: Frame, by: str, names: Sequence[str], *, money: bool) -> Frame:
    x, n = nw.col("x_"), nw.col("n_")
    if money:
        x = nw.when(x > _MOST_MICROS).then(nw.lit(_MOST_MICROS)).otherwise(x)
        x = nw.when(x < -_MOST_MICROS).then(nw.lit(-_MOST_MICROS)).otherwise(x)
    people = people.with_columns(x_=x.cast(nw.Int64))
    people = people.with_columns(high=divide(nw.col("x_"), _LIMB))
    people = people.with_columns(low=nw.col("x_") - nw.col("high") * _LIMB)
    high, low, x = nw.col("high"), nw.col("low"), nw.col("x_")
    return people.group_by(by).agg(
        people=nw.len(),
        mails=nw.col("mails").sum(),
        first_us=nw.col("first_us").min(),
        last_us=nw.col("last_us").max(),
        people_in=nw.when(n > 0).then(nw.lit(1)).count(),
        winners=nw.when(x != 0).then(nw.lit(1)).count(),
        high_high=(high * high).sum(),
        high_low=(high * low).sum(),
        low_low=(low * low).sum(),
        high_n=(high * n).sum(),
        low_n=(low * n).sum(),
        sizes=(n * n).sum(),
        largest=x.max(),
        **{name: nw.col(name).sum() for name in names},
    )


def _parts(kpi: Kpi) -> tuple[nw.Expr, nw.Expr]:
    """Numerator and denominator of one mail, as `hygiene.metrics.counts` counts them."""
    delivered = nw.col("state") == _DELIVERED
    opens, clicks = delivered & nw.col("track_open"), delivered & nw.col("track_click")
    clicked, opened = clicks & nw.col("clicked_human"), opens & nw.col("opened_human")
    conditions = {
        "delivered": delivered,
        "delivered_open_tracked": opens,
        "delivered_click_tracked": clicks,
        "opened_human": opened,
        "clicked_human": clicked,
        "engaged_human": opened | clicked,
        "unsubscribed": delivered & nw.col("unsubscribed"),
        "complained": delivered & nw.col("complained"),
        "converted": delivered & nw.col("converted"),
    }
    top, under = kpi.numerator[0], kpi.denominator[0]
    if kpi.unit is Unit.MONEY:
        return nw.col("revenue_micros"), _one(delivered)
    return _one(conditions[top]), _one(conditions[under])


def _one(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))


def _arm(row: Mapping[str, Any], by: str, kpi: Kpi) -> Arm:
    numbers = {name: int(value or 0) for name, value in row.items() if name not in {by, "first_us", "last_us"}}
    counted = (
        *("mails", "people", "people_in", "winners", "sizes", "largest", "delivered"),
        *("opened_all", "opened_human", "open_tracked", "young"),
    )
    dated = numbers["dated"]
    return Arm(
        name=str(row[by]),
        n=numbers["n_"],
        total=numbers["x_"],
        squares=numbers["high_high"] * _LIMB**2 + 2 * numbers["high_low"] * _LIMB + numbers["low_low"],
        crossed=numbers["high_n"] * _LIMB + numbers["low_n"],
        first_us=row["first_us"],
        last_us=row["last_us"],
        mean_us=numbers["seconds"] * SECOND_US // dated if dated else None,
        unit=kpi.unit,
        **{name: numbers[name] for name in counted},
    )
