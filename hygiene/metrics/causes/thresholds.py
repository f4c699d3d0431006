"""The limits of the search for causes, read from data with their sources."""

from __future__ import annotations

import tomllib
from functools import cache

import msgspec

from hygiene.files import packaged_text

_PACKAGE = "hygiene.metrics.causes"


class Anomalies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a day or week stands out."""

    source: str
    false_discovery: float
    least_n: int
    least_points: int
    window: int
    least_change: float
    least_variation: float
    unknown_variation: float
    least_events: float
    series: int


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a slice is named as what is behind a change."""

    source: str
    named: float
    lift: float


class Complaints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the forecast of complaints starts from."""

    source: str
    limits: tuple[float, ...]
    prior_rate: float
    prior_mails: float
    prior_source: str
    between_sends: float
    least_sends: int
    risk: float
    most: float


class Maturity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a campaign is complete."""

    source: str
    complete: float
    older_days: int
    least_events: int
    assumed_hours: dict[str, float]
    assumed_source: str


class Fatigue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How people are grouped by how much they get and how long they are there."""

    source: str
    most_mails: int
    least_n: int
    warm_up_weeks: int
    most_weeks: int
    half: float


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    as_of: str
    anomalies: Anomalies
    explanation: Explanation
    complaints: Complaints
    maturity: Maturity
    fatigue: Fatigue


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of bounce and what to do; the patterns are alternatives, `bounce_class` a condition."""

    name: str
    advice: str
    source: str
    status: str = ""
    text: str = ""
    bounce_class: str = msgspec.field(default="", name="class")


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules, in the order in which they are asked."""

    as_of: str
    source: str
    rules: tuple[Rule, ...]


@cache
def thresholds() -> Thresholds:
    """The limits that ship with the package."""
    return msgspec.convert(tomllib.loads(packaged_text(_PACKAGE, "data/thresholds.toml")), Thresholds)


@cache
def advice() -> Advice:
    """The rules that ship with the package."""
    return msgspec.convert(tomllib.loads(packaged_text(_PACKAGE, "data/advice.toml")), Advice)
