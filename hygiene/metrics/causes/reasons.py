"""Why mail bounced: the receivers' texts, alike ones together, each with what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hygiene.metrics.causes.rates import Counts, Row, listed, rows_of
from hygiene.metrics.causes.thresholds import Rule, advice
from hygiene.metrics.words import counted, rate_text

#: what differs between alike texts → what stands for it; of lower case, and what re, RE2 and Java share
MASKS: Final = (
    (r"[^ \t<>\"'(),:;\[\]]+@[^ \t<>\"'(),:;\[\]]+", "(address)"),
    (r"https?://[^ \t<>\"']+", "(link)"),
    (r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b", "(host)"),
    (r"\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}", "(host)"),
    (r"\b[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z]{2,}\b", "(host)"),
    (r"\b[45][0-9]{2}[ -]+[45]\.[0-9]{1,3}\.[0-9]{1,3}\b", " "),
    (r"\b(?:[a-z]+[0-9]|[0-9]+[a-z])[a-z0-9_.-]{4,}", "(id)"),
    (r"\b[0-9a-f]{8,}\b", "(id)"),
    (r"\b[0-9]{4,}\b", "(number)"),
    (r"[ \t\r\n]+", " "),
)
LONGEST: Final = 160  # characters of a masked text

_SHOWN = 10
_PROVIDERS = 3
_EXAMPLE = 300
_COMPILED = tuple((re.compile(pattern, re.ASCII), put) for pattern, put in MASKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceReason:
    """Bounces of one class, status and masked text."""

    bounce_class: str
    smtp_status: str
    text: str
    example: str
    mails: int
    share: float  # of all bounces
    providers: tuple[tuple[str, int], ...]  # where most of them are
    rule: Rule
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceReasons:
    """The commonest, and how many bounces are left over: together they are all of them."""

    bounced: int
    top: tuple[BounceReason, ...]
    others: int
    sentence: str


def mask(text: str) -> str:
    """A text without what differs from mail to mail.

    >>> mask("550-5.1.1 <ann@shop.example>: user unknown at mx3.shop.example [192.0.2.7] a1b2c3d4e5")
    '<(address)>: user unknown at (host) [(host)] (id)'
    """
    masked = text.lower()
    for pattern, put in _COMPILED:
        masked = pattern.sub(put, masked)
    return masked.strip(" ")[:LONGEST]


def rule_for(bounce_class: str, smtp_status: str, text: str) -> Rule:
    """The first rule that fits; the last one fits always."""
    lowered = text.lower()
    return next(rule for rule in advice().rules if _fits(rule, bounce_class, smtp_status, lowered))


def _fits(rule: Rule, bounce_class: str, smtp_status: str, text: str) -> bool:
    if rule.bounce_class:
        return rule.bounce_class == bounce_class
    if not rule.status and not rule.text:
        return True
    by_status = bool(rule.status and re.fullmatch(rule.status, smtp_status))
    return by_status or bool(rule.text and re.search(rule.text, text))


def find_reasons(table: Counts, *, bounced: int) -> BounceReasons:
    """The commonest reasons, from rows of provider, bounce_class, smtp_status, text, example and mails.

    `bounced` are all bounces; what the rows do not cover is among `others`.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows_of(table):
        key = tuple(str(row[column] or "") for column in ("bounce_class", "smtp_status", "text"))
        groups.setdefault(key, []).append(row)  # type: ignore[arg-type]
    ordered = sorted(groups.items(), key=lambda item: (-_mails(item[1]), item[0]))[:_SHOWN]
    top = tuple(_reason(key, rows, bounced) for key, rows in ordered)
    return BounceReasons(
        bounced=bounced,
        top=top,
        others=bounced - sum(one.mails for one in top),
        sentence=_summary(top, bounced),
    )


def _mails(rows: Sequence[Row]) -> int:
    return sum(int(row["mails"]) for row in rows)


def _reason(key: tuple[str, str, str], rows: Sequence[Row], bounced: int) -> BounceReason:
    bounce_class, smtp_status, text = key
    mails = _mails(rows)
    providers: Counter[str] = Counter()
    for row in rows:
        providers[str(row["provider"] or "")] += int(row["mails"])
    example = min((str(row["example"]) for row in rows if row["example"]), default="")[:_EXAMPLE]
    rule = rule_for(bounce_class, smtp_status, example or text)
    named = [name for name, _ in providers.most_common(_PROVIDERS) if name]
    where = (
        f", most at {listed(named)}"
        if len(providers) > len(named)
        else f", at {listed(named)}"
        if named
        else ""
    )
    said = " ".join(word for word in (bounce_class, smtp_status) if word) or "not classed"
    return BounceReason(
        bounce_class=bounce_class,
        smtp_status=smtp_status,
        text=text,
        example=example,
        mails=mails,
        share=mails / bounced if bounced else 0.0,
        providers=tuple(providers.most_common(_PROVIDERS)),
        rule=rule,
        sentence=f"{counted(mails, 'bounce')} ({rate_text(mails / bounced)} of all): "
        f"{rule.name}, {said}{where}.",
    )


def _summary(top: Sequence[BounceReason], bounced: int) -> str:
    if not bounced:
        return "Nothing bounced."
    if not top:
        return f"{counted(bounced, 'bounce')}, and the log gives no reason for any."
    names: Counter[str] = Counter()
    for one in top:
        names[one.rule.name] += one.mails
    name, mails = names.most_common(1)[0]
    of_all = f"{mails:,} of {counted(bounced, 'bounce')} ({rate_text(mails / bounced)})"
    return f"The commonest cause is {name}: {of_all}."
