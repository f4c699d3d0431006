"""A refusal in words and codes → what it means. The same rules for a reply in the dialogue and for a bounce."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from hygiene.bounce import Action, BounceReason, Verdict
from hygiene.bounces.rules import Refusal, Rule, strongest
from hygiene.bounces.wording import MAX_TEXT, normal
from hygiene.finding import Confidence

#: an enhanced status code (RFC 3463 §2), not a piece of an address or a version
STATUS: Final = re.compile(r"([245](?<![\w.].)\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)")
#: a status code in a field of a report, of success too
ANY_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
#: a reply code (RFC 5321 §4.2) with what follows one
CODE: Final = re.compile(r"([245](?<![\w.@+=/-].)[0-5]\d)(?=[-\s,:;](?:\s*[#(<\[]?[245]\.\d|\d{1,2}\s|[^\d]))")

SURE_FROM: Final = 80  # weight of a rule
LIKELY_FROM: Final = 50

_AFTER_DATA: Final = frozenset({"data", "dot"})
_FINAL: Final = frozenset({Action.SUPPRESS, Action.COUNT})  # what only a permanent reply may lead to
_EXACT: Final = frozenset({"5.1.1", "5.1.10"})


def classify_reply(code: int, status: str, text: str, phase: str = "", provider: str = "") -> Verdict:
    """What a refusal in the SMTP dialogue means.

    `code` is the reply code, `status` the enhanced status code ("" where the server has none), `text` the
    reply's text, of several lines all of them. `phase` is what was refused: connect, tls, ehlo, auth, mail,
    rcpt, data (the command) or dot (the message); `provider` the receiver's name where known (gmail,
    microsoft, yahoo …). A temporary reply (4xx) never counts against a recipient. Without a rule that fits:
    onhold for a reply without words, else undefined.
    """
    found = tuple(dict.fromkeys(each for each in (status, *STATUS.findall(text[:MAX_TEXT])) if each))
    refusal = Refusal(words=normal(text), code=code, statuses=found, phase=phase, provider=provider)
    verdict = judge(refusal, text)
    put_off = 400 <= code < 500 and verdict.action in _FINAL
    return replace(verdict, only_retry=True) if put_off else verdict


def judge(refusal: Refusal, evidence: str = "") -> Verdict:
    """The verdict of the strongest rule."""
    decided = strongest(refusal)
    if decided is None:
        reason = BounceReason.UNDEFINED if len(refusal.words) > 2 else BounceReason.ONHOLD
        return Verdict(reason=reason, confidence=Confidence.GUESS, evidence=evidence)
    rule, weight = decided
    return Verdict(
        reason=_in_phase(rule, refusal),
        confidence=_confidence(weight),
        rule_id=rule.id,
        evidence=evidence,
        only_retry=rule.only_retry,
    )


def _in_phase(rule: Rule, refusal: Refusal) -> BounceReason:
    """The reason of a rule, as far as the phase allows it.

    An "unknown user" before a recipient was named is the sender; after the message was sent it is a filter's
    word, unless a status says it outright.
    """
    if rule.reason is BounceReason.USERUNKNOWN and refusal.phase == "mail":
        return BounceReason.REJECTED
    late = rule.reason is BounceReason.USERUNKNOWN and refusal.phase in _AFTER_DATA
    clear = rule.outright or _EXACT.intersection(refusal.statuses)
    return BounceReason.FILTERED if late and not clear else rule.reason


def _confidence(weight: int) -> Confidence:
    if weight >= SURE_FROM:
        return Confidence.SURE
    return Confidence.LIKELY if weight >= LIKELY_FROM else Confidence.GUESS
