"""What is asked of a comparison, read from words; a wrong one is refused in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hygiene.errors import UsageError
from hygiene.events.layout import is_column
from hygiene.metrics.event_log import Events
from hygiene.metrics.kpis import Kpi, Unit, find_kpi
from hygiene.metrics.variants.verdict import Test

METRICS: Final = (
    *("open_rate", "click_rate", "conversion_rate", "revenue_per_mail", "ctor", "unsubscribe_rate"),
    "complaint_rate",
)
#: what a test can be between, besides columns, keys and tags of the sender's own
BY: Final = ("variant", "campaign", "segment", "stream", "source", "provider", "domain")
_PARTS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?(?::\d{1,9}(?:\.\d{1,9})?)+")
_NUMBER: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})\s*(%?)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A comparison as it is wanted."""

    kpi: Kpi
    by: str  # what tells the variants, in the words of whoever asks
    column: str  # … of the mails
    own: str  # the sender's column, key or tag that it is read from; empty: one that is known
    arms: tuple[str, ...]  # to be compared; none: all
    parts: tuple[float, ...]  # of the split that was meant; none: even
    rho: float | None
    within: float | None
    test: Test


def read_asked(
    metric: str,
    by: str,
    *,
    logs: Any,
    arms: Sequence[str],
    split: str | None,
    effect: str | float | None,
    equivalent_within: str | float | None,
    test: str,
) -> Asked:
    """What was asked for; raises UsageError where it cannot be."""
    kpi, (column, own) = _metric(metric), _column(by, logs)
    names = tuple(dict.fromkeys(arms))
    if len(names) == 1:
        raise UsageError("name two arms or more, as in --arms A,B")
    return Asked(
        kpi=kpi,
        by=by,
        column=column,
        own=own,
        arms=names,
        parts=_split(split),
        rho=_amount(effect, kpi, "--effect"),
        within=_amount(equivalent_within, kpi, "--equivalent-within"),
        test=_test(test),
    )


def _metric(word: str) -> Kpi:
    if word not in METRICS:
        raise UsageError(f"variants are not compared by {word[:40]!r}: there are {', '.join(METRICS)}")
    return find_kpi(word)


def _column(word: str, logs: Any) -> tuple[str, str]:
    """The column of mails that tells variants, and the log's own that it is read from, if any."""
    if word in BY:
        return word, ""
    if not word:
        raise UsageError("the variants need the name of a column, key or tag: it is empty")
    if not is_column(word):
        raise UsageError(f"{word[:40]!r} cannot be the name of a column: it holds quotes, brackets or the like")
    if isinstance(logs, Events) and logs.variant_column != word:
        raise UsageError(f"these events were read without {word!r}: read_events(…, variant_column={word!r})")
    return "variant", word


def _test(word: str) -> Test:
    if word not in set(Test):
        raise UsageError(f"no test is called {word[:40]!r}: there are {' and '.join(Test)}")
    return Test(word)


def _split(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    written = _PARTS.fullmatch(text.strip())
    parts = tuple(float(part) for part in text.split(":")) if written else ()
    if not parts or min(parts) <= 0:
        raise UsageError(f"--split {text[:40]!r} is no split: write the parts as in 50:50 or 10:10:80")
    return parts


def _amount(given: str | float | None, kpi: Kpi, option: str) -> float | None:
    if given is None:
        return None
    return read_share(given, option) if kpi.unit is Unit.SHARE else read_money(given, option)


def read_share(given: str | float, option: str) -> float:
    """A share between 0 and 1, as 0.005 or "0.5%"; raises UsageError for another.

    >>> read_share("0.5%", "--effect"), read_share(0.25, "--effect")
    (0.005, 0.25)
    """
    written = _NUMBER.fullmatch(str(given).strip())
    share = float(written[1]) / (100 if written[2] else 1) if written else 0.0
    if not 0 < share < 1:
        raise UsageError(f"{option} {str(given)[:20]!r} is no share: write it as in 0.5% or 0.005")
    return share


def read_money(given: str | float, option: str) -> float:
    """An amount a mail; raises UsageError for another."""
    written = _NUMBER.fullmatch(str(given).strip())
    amount = float(written[1]) if written and not written[2] else 0.0
    if amount <= 0:
        raise UsageError(f"{option} {str(given)[:20]!r} is no amount of money a mail: write it as in 0.05")
    return amount
