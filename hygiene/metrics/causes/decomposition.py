"""A change of a rate, shared out exactly: what another mix of mail did, and what the rates themselves did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Counts = Mapping[str, tuple[int, int]]  # slice → k of n


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one slice did to the overall rate, in units of that rate.

    `mix` is what its share of the mail did, `rate` what its own rate did. The effects of all slices add up to
    the change.
    """

    slice: str
    mix: float
    rate: float
    before: tuple[int, int]  # k of n
    after: tuple[int, int]

    @property
    def total(self) -> float:
        """Both."""
        return self.mix + self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """A change from `before` to `after`, by the slices of one dimension."""

    dimension: str
    before: float
    after: float
    effects: tuple[Effect, ...]  # the largest first

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before

    def share(self, effect: Effect) -> float:
        """Which part of the change a slice accounts for; may be negative or above 1."""
        return effect.total / self.change if self.change else 0.0


def decompose(dimension: str, before: Counts, after: Counts) -> Decomposition | None:
    """Share out the change of the pooled rate; None when there was no mail before or after.

    With w the share of the mail, r the rate and R the overall one before, midpoints of before and after marked
    with a bar: mix = Δw·(r̄ − R), rate = w̄·Δr. As the Δw add up to 0, both add up to the change. A slice that is
    only there once has no change of rate: all it does is mix, and nothing if its rate is the usual one.
    """
    n0, n1 = (sum(n for _, n in side.values()) for side in (before, after))
    if not n0 or not n1:
        return None
    r0, r1 = (sum(k for k, _ in side.values()) / total for side, total in ((before, n0), (after, n1)))
    effects = []
    for name in sorted({*before, *after}):
        (k_old, n_old), (k_new, n_new) = before.get(name, (0, 0)), after.get(name, (0, 0))
        if not n_old and not n_new:
            continue
        old = k_old / n_old if n_old else k_new / n_new
        new = k_new / n_new if n_new else old
        w0, w1 = n_old / n0, n_new / n1
        effects.append(
            Effect(
                slice=name,
                mix=(w1 - w0) * ((old + new) / 2 - r0),
                rate=(w0 + w1) / 2 * (new - old),
                before=(k_old, n_old),
                after=(k_new, n_new),
            )
        )
    effects.sort(key=lambda one: -abs(one.total))
    return Decomposition(dimension=dimension, before=r0, after=r1, effects=tuple(effects))


def decompose_parts(
    dimension: str, before: Mapping[str, int], n_before: int, after: Mapping[str, int], n_after: int
) -> Decomposition | None:
    """The same for parts of the numerator, as bounce reasons are: each has its count of the same mail."""
    if not n_before or not n_after:
        return None
    effects = [
        Effect(
            slice=name,
            mix=0.0,
            rate=after.get(name, 0) / n_after - before.get(name, 0) / n_before,
            before=(before.get(name, 0), n_before),
            after=(after.get(name, 0), n_after),
        )
        for name in sorted({*before, *after})
    ]
    effects.sort(key=lambda one: -abs(one.total))
    return Decomposition(
        dimension=dimension,
        before=sum(before.values()) / n_before,
        after=sum(after.values()) / n_after,
        effects=tuple(effects),
    )
