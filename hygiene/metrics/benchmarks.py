"""Thresholds and usual figures, each with source and date: data/benchmarks.toml, or a file of one's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from hygiene.errors import UnreadableInput, UsageError
from hygiene.files import packaged_text, read_whole
from hygiene.metrics.kpis import Unit, find_kpi

DEFAULT: Final = "default"
UNDATED: Final = "not dated"
_FILE: Final = ".toml"
_PER_CENT: Final = re.compile(r"\s*(\d{1,3}(?:\.\d+)?|\.\d+)\s*%\s*")

_Share = float | str  # 0.1 or "10 %"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """What happens from a value on."""

    start: _Share
    means: str


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range that a KPI should lie in."""

    kpi: str
    above: _Share | None = None
    at_least: _Share | None = None
    below: _Share | None = None
    at_most: _Share | None = None
    suspect_above: _Share | None = None  # no fault, but too good to be taken as it is
    suspicion: str = ""
    steps: tuple[Step, ...] = ()
    source: str = ""  # where it differs from that of the profile
    as_of: str = ""
    whose: str = ""

    @property
    def low(self) -> float | None:
        """The lower end, if there is one."""
        return self.above if self.above is not None else self.at_least  # type: ignore[return-value]

    @property
    def high(self) -> float | None:
        """The upper end, if there is one."""
        return self.below if self.below is not None else self.at_most  # type: ignore[return-value]

    @property
    def limit(self) -> str:
        """As it is said: ``> 90 %``, ``15–30 %``."""
        low, high, suspect = self.low, self.high, self.suspect_above
        if low is not None and (top := high if high is not None else suspect) is not None:
            return f"{_written(low)}–{_written(float(top))} %"
        if low is not None:
            return f"{'>' if self.above is not None else '≥'} {_written(low)} %"
        return f"{'<' if self.below is not None else '≤'} {_written(high or 0.0)} %"


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Targets that belong together."""

    name: str
    title: str
    source: str
    as_of: str
    target: tuple[Target, ...] = ()
    whose: str = ""
    note: str = ""

    @property
    def dated(self) -> str:
        """Its title and since when it holds."""
        return self.title if self.as_of == UNDATED else f"{self.title}, as of {self.as_of}"

    def target_of(self, kpi: str, *, human: bool = True) -> Target | None:
        """The target of a KPI by its full name, if there is one."""
        return next((one for one in self.target if find_kpi(one.kpi, human=human).name == kpi), None)


class Industry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody reports as usual."""

    name: str
    source: str
    as_of: str
    whose: str
    figures: dict[str, float]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    profile: tuple[Profile, ...]
    industry: tuple[Industry, ...]


@cache
def _packaged() -> _File:
    found = msgspec.convert(tomllib.loads(packaged_text("hygiene.metrics", "data/benchmarks.toml")), _File)
    return _File(tuple(_checked(one, one.name) for one in found.profile), found.industry)


def profiles() -> Mapping[str, Profile]:
    """The profiles that ship with hygiene, by name."""
    return {one.name: one for one in _packaged().profile}


def industry() -> tuple[Industry, ...]:
    """What others report, each with source, date and definition."""
    return _packaged().industry


def load_profile(name: str | Path) -> Profile:
    """The profile of that name, or of a TOML file; raises UsageError or UnreadableInput with one sentence."""
    known = profiles()
    if str(name) in known:
        return known[str(name)]
    path = Path(name)
    if path.suffix != _FILE and not path.is_file():
        raise UsageError(
            f"no benchmarks are called {str(name)[:60]!r}: there are {', '.join(known)}, or name a .toml file"
        )
    try:
        tables = tomllib.loads(read_whole(path))
    except tomllib.TOMLDecodeError as error:
        raise UnreadableInput(f"{path} is not TOML: {error}") from None
    return _own(tables, path)


def _own(tables: dict[str, Any], path: Path) -> Profile:
    """A profile of one's own: what it does not say of itself is taken from the name of its file."""
    given = {"name": path.stem, "title": f"thresholds of {path.name}", "source": path.name, "as_of": UNDATED}
    if isinstance(tables.get("target"), dict):
        raise UsageError(f"{path}: a target begins with [[target]], in two brackets")
    try:
        profile = msgspec.convert({**given, **tables}, Profile)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from None
    if not profile.target:
        raise UsageError(f"{path} holds no [[target]]: write one for each KPI, as in kpi = 'bounce_rate'")
    return _checked(profile, str(path))


def _checked(profile: Profile, place: str) -> Profile:
    """With all shares as numbers; raises UsageError for a range that cannot be."""
    targets = tuple(_target(one, f"{place}: target {one.kpi}") for one in profile.target)
    names = [find_kpi(one.kpi).name for one in targets]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{place}: {double} has two targets")
    return msgspec.structs.replace(profile, target=targets)


def _target(target: Target, place: str) -> Target:
    try:
        kpi = find_kpi(target.kpi)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    if kpi.unit is not Unit.SHARE:
        raise UsageError(f"{place}: only shares have targets, and this is {kpi.unit.value}")
    ends = ("above", "at_least", "below", "at_most", "suspect_above")
    shares = {name: _share(getattr(target, name), f"{place}: {name}") for name in ends}
    steps = tuple(Step(_share(one.start, f"{place}: steps") or 0.0, one.means) for one in target.steps)
    known = msgspec.structs.replace(target, **shares, steps=steps)
    for one, other in (("above", "at_least"), ("below", "at_most")):
        if shares[one] is not None and shares[other] is not None:
            raise UsageError(f"{place} has both {one} and {other}: write one of them")
    if known.low is None and known.high is None:
        raise UsageError(f"{place} has no range: write above, at_least, below or at_most")
    if known.low is not None and known.high is not None and known.low >= known.high:
        raise UsageError(f"{place}: nothing lies between {known.low} and {known.high}")
    if known.above == 1 or known.below == 0:
        raise UsageError(f"{place}: no share lies {'above 1' if known.above == 1 else 'below 0'}")
    if known.suspect_above is not None and float(known.suspect_above) <= (known.low or 0.0):
        raise UsageError(f"{place}: suspect_above must be more than the lower end of the range")
    return known


def _share(written: _Share | None, place: str) -> float | None:
    """0.1 or ``"10 %"`` as a share of one."""
    if written is None:
        return None
    if isinstance(written, str):
        found = _PER_CENT.fullmatch(written)
        share = float(found[1]) / 100 if found else -1.0
    else:
        share = float(written)
    if not 0 <= share <= 1:
        raise UsageError(f"{place} = {_typed(written)} is no share: write 0.1 or '10 %'")
    return share


def _typed(written: _Share) -> str:
    return repr(written[:20]) if isinstance(written, str) else f"{written:.6g}"


def _written(share: float) -> str:
    return f"{share * 100:.6g}"
