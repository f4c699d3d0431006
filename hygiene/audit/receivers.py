"""Would Gmail, Yahoo and Outlook.com accept bulk mail from this domain? Requirement by requirement, dated.

The rules are data (``data/receivers.toml``); here stands only how each one is told from DNS. What DNS cannot
show is never called met.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from hygiene.audit.checks.dkim import sends_no_mail
from hygiene.files import packaged_text


class Met(StrEnum):
    """How far a requirement is fulfilled."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    NOT_CHECKABLE = "not checkable from DNS"


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One rule of one receiver, judged. `reason` says why, or what would prove it."""

    id: str
    text: str
    met: Met
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ReceiverVerdict:
    """One receiver. `accepts` is "yes" (nothing DNS shows speaks against it), "no" or "unknown"."""

    id: str
    name: str
    accepts: str
    reason: str
    rules: str  # when the rules took effect
    read: str  # when we last read them
    source: str
    requirements: tuple[Requirement, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "requirements": [asdict(one) for one in self.requirements]}


def judge_receivers(views: Mapping[str, Any]) -> tuple[ReceiverVerdict, ...]:
    """One verdict a receiver."""
    return tuple(_judge(key, rules, views) for key, rules in receiver_rules().items())


@cache
def receiver_rules() -> dict[str, Any]:
    """The rules as data."""
    return tomllib.loads(packaged_text("hygiene.audit", "data/receivers.toml"))


def _judge(key: str, rules: Mapping[str, Any], views: Mapping[str, Any]) -> ReceiverVerdict:
    requirements = tuple(_requirement(entry, views) for entry in rules["requirements"])
    accepts, reason = _summary(requirements, views)
    return ReceiverVerdict(
        id=key,
        name=rules["name"],
        accepts=accepts,
        reason=reason,
        rules=rules["rules"],
        read=rules["read"],
        source=rules["source"],
        requirements=requirements,
    )


def _summary(requirements: tuple[Requirement, ...], views: Mapping[str, Any]) -> tuple[str, str]:
    if not views["domain"].unknown and not views["domain"].exists:
        return "no", "the domain does not exist"
    if not views["spf"].unknown and not views["mx"].unknown and sends_no_mail(views["spf"], views["mx"]):
        return "no", "the domain says that it sends no mail"
    for met, word in ((Met.NOT_MET, "no"), (Met.UNKNOWN, "unknown")):
        reasons = [one.reason for one in requirements if one.met is met]
        if reasons:
            return word, "; ".join(dict.fromkeys(reasons))
    return "yes", ""


def _requirement(entry: Mapping[str, str], views: Mapping[str, Any]) -> Requirement:
    met, reason = _TESTS[entry["test"]](views) if "test" in entry else (Met.NOT_CHECKABLE, "")
    if met is Met.NOT_CHECKABLE and "proof" in entry:
        reason = f"shown by {entry['proof']}"
    return Requirement(id=entry["id"], text=entry["text"], met=met, reason=reason)


Judged = tuple[Met, str]


def _spf(views: Mapping[str, Any]) -> Judged:
    spf = views["spf"]
    if spf.unknown:
        return Met.UNKNOWN, "SPF could not be looked up"
    if not spf.published:
        return Met.NOT_MET, "there is no SPF record"
    if not spf.works:
        some = any(sender.verdict.result == "pass" for sender in spf.senders)
        return Met.NOT_MET, "SPF breaks off for some of your senders" if some else "SPF is broken"
    return (Met.UNKNOWN, "part of SPF could not be looked up") if spf.unknowns else (Met.MET, "")


def _dkim(views: Mapping[str, Any]) -> Judged:
    dkim = views["dkim"]
    if dkim.usable:
        return Met.MET, ""
    if dkim.unknown:
        return Met.UNKNOWN, "DKIM could not be looked up"
    return Met.UNKNOWN, f"no usable DKIM key at {dkim.tried} selectors tried"


def _dmarc(views: Mapping[str, Any]) -> Judged:
    dmarc = views["dmarc"]
    if dmarc.unknown:
        return Met.UNKNOWN, "DMARC could not be looked up"
    if dmarc.effective is not None:
        old_too = dmarc.matrix[0].rfc7489 is not None
        return (Met.MET, "") if old_too else (Met.UNKNOWN, "only receivers of RFC 9989 see a DMARC record")
    return Met.NOT_MET, "DMARC is broken" if dmarc.texts else "there is no DMARC record"


def _reverse_dns(views: Mapping[str, Any]) -> Judged:
    given = views["reverse_dns"].given
    if not given:
        return Met.NOT_CHECKABLE, "shown by --ip with your sending addresses"
    if any(not one.confirmed and not one.unknown for one in given):
        return Met.NOT_MET, "a sending address has no confirmed reverse DNS"
    if any(one.unknown for one in given):
        return Met.UNKNOWN, "reverse DNS could not be looked up"
    return Met.MET, ""


def _alignment(views: Mapping[str, Any]) -> Judged:
    message = views["message"]
    if not message.present:
        return Met.NOT_CHECKABLE, ""
    if message.dmarc_passes is None:
        return Met.UNKNOWN, "whether the message passes DMARC is not known"
    return (Met.MET, "") if message.dmarc_passes else (Met.NOT_MET, "the message does not pass DMARC")


def _one_click(views: Mapping[str, Any]) -> Judged:
    message = views["message"]
    if not message.is_bulk:  # nothing to leave, or no message
        return Met.NOT_CHECKABLE, ""
    if message.unsubscribe_uri and message.one_click and message.unsubscribe_signed:
        return Met.MET, ""
    return Met.NOT_MET, "the message cannot be unsubscribed from with one click"


_TESTS: Mapping[str, Callable[[Mapping[str, Any]], Judged]] = {
    "spf": _spf,
    "dkim": _dkim,
    "dmarc": _dmarc,
    "reverse_dns": _reverse_dns,
    "alignment": _alignment,
    "one_click": _one_click,
}
