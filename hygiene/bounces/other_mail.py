"""What comes to a bounce address and is no bounce.

Complaints (RFC 5965), receipts (RFC 8098), automatic replies (RFC 3834), mails that ask for no more.
"""

from __future__ import annotations

import re
from typing import Final

from hygiene.bounce import Bounce, BounceKind, BounceReason
from hygiene.bounces.letter import Letter
from hygiene.bounces.notice import whole_words, words
from hygiene.bounces.original import Original, address_in, addresses_in, original_of
from hygiene.bounces.parts import Headers
from hygiene.bounces.rules import data
from hygiene.bounces.wording import normal
from hygiene.finding import Confidence

#: feedback types that are a person's or a mailbox provider's complaint (RFC 5965 §7.3); "not-spam" and
#: "auth-failure" (RFC 6591) and "dmarc" are none
COMPLAINTS: Final = {
    "abuse",
    "fraud",
    "virus",
    "other",
    "opt-out",
    "opt-out-list",
    "miscategorized",
    "complaint",
    "",
}

_JMRP: Final = " complaint about message from "
_OF_ANSWERS: Final = ("in-reply-to", "references", "auto-submitted", "x-auto-response-suppress", "precedence")
_SHORT = 400  # characters of a body that asks for no more
_RE = re.compile(r"^ (?:(?:re|aw|fwd?|sv|vs|antw|odp|ynt|回复|答复|返信|\d+) )+")
_REDACTED = re.compile(r"redact|xxxx|\*\*\*|hidden", re.IGNORECASE)


def without_re(words_of_subject: str) -> str:
    """The words of a subject without its "Re:"."""
    return _RE.sub(" ", words_of_subject)


# --- complaints ---


def complaints(letter: Letter) -> list[Bounce] | None:
    """Recipients of a feedback report; [] when it is one that nobody complains in, None when it is none."""
    groups = letter.fields("feedback")
    if not groups:
        return _without_fields(letter)
    fields = {name: value for group in reversed(groups) for name, value in group.items()}
    kind = fields.get("feedback-type", "").lower().strip()
    if kind not in COMPLAINTS:
        return []
    original = original_of(letter, "")
    named = (fields.get(name, "") for name in ("original-rcpt-to", "removal-recipient", "original-recipient"))
    found = next((address for value in named if (address := _readable(value))), None)
    return [
        _complaint(
            found or _of_original(letter, original), f"Feedback-Type: {kind or 'abuse'}", original, fields
        )
    ]


def _without_fields(letter: Letter) -> list[Bounce] | None:
    """Microsoft's JMRP: a returned mail with the address in a header of its own, and no report."""
    for headers in letter.original:
        address = _readable(headers.get("x-hmxmroriginalrecipient"))
        if address is not None:
            return [_complaint(address, "X-HmXmrOriginalRecipient", original_of(letter, ""), {})]
    if letter.original and normal(letter.headers.decoded("subject")).startswith(_JMRP):
        original = original_of(letter, "")
        return [_complaint(_of_original(letter, original), letter.headers.decoded("subject"), original, {})]
    return None


def _of_original(letter: Letter, original: Original) -> str | None:
    for headers in letter.original:
        for name in ("x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "x-rcpt-to"):
            if address := _readable(headers.get(name)):
                return address
    readable = [each for each in original.recipients if _readable(each)]
    return readable[0] if len(readable) == 1 else None


def _readable(value: str) -> str | None:
    return None if _REDACTED.search(value) else address_in(value)


def _complaint(recipient: str | None, evidence: str, original: Original, fields: dict[str, str]) -> Bounce:
    return Bounce(
        kind=BounceKind.COMPLAINT,
        reason=BounceReason.FEEDBACK,
        confidence=Confidence.SURE,
        recipient=recipient,
        final_recipient=recipient,
        evidence=evidence,
        reporting_mta=fields.get("reporting-mta", "").rpartition(";")[2].strip(),
        **original.known(),
    )


# --- receipts ---


def receipts(letter: Letter) -> list[Bounce] | None:
    """Whoever confirms that a mail was shown or thrown away."""
    groups = letter.fields("disposition")
    if not groups:
        return None
    fields = {name: value for group in reversed(groups) for name, value in group.items()}
    original = original_of(letter, "")
    recipient = address_in(fields.get("original-recipient", "")) or address_in(
        fields.get("final-recipient", "")
    )
    known = original.known()
    match = re.search(r"<([^<>\s]{3,400})>", fields.get("original-message-id", ""))
    known["message_id"] = match[1] if match else known["message_id"]
    evidence = f"Disposition: {fields.get('disposition', '')}"
    return [_note(BounceKind.DELIVERED, BounceReason.DELIVERED, recipient, evidence, known)]


# --- answers ---


def answers(letter: Letter) -> list[Bounce] | None:
    """An automatic reply, or a mail that asks for no more; None when it is neither."""
    subject = without_re(normal(letter.headers.decoded("subject")))
    sender = address_in(letter.headers.get("from"))
    original = original_of(letter, "")
    if evidence := _automatic(letter.headers, subject):
        return [_note(BounceKind.AUTOREPLY, BounceReason.VACATION, sender, evidence, original.known())]
    if evidence := _unsubscribes(letter, subject):
        return [_note(BounceKind.UNSUBSCRIBE, BounceReason.UNSUBSCRIBE, sender, evidence, original.known())]
    return None


def _automatic(headers: Headers, subject: str) -> str:
    """The header that makes it automatic, "" when none does."""
    submitted = headers.get("auto-submitted").lower()
    if submitted.startswith("auto-replied") or (submitted.startswith("auto-") and _is_answer(headers)):
        return f"Auto-Submitted: {submitted}"
    for name in (
        "x-autoreply",
        "x-autorespond",
        "x-autoresponder",
        "x-auto-reply-from",
        "x-autoreply-from",
        "x-mail-autoreply",
    ):
        if headers.get(name) and headers.get(name).lower() != "no":
            return f"{name}: {headers.get(name)}"[:200]
    if headers.get("precedence").lower() in {"auto_reply", "auto-reply"}:
        return "Precedence: auto_reply"
    if headers.get("list-id") or headers.get("list-unsubscribe") or not _titled(headers, subject):
        return ""
    return f"Subject: {headers.decoded('subject')}"[:200]


def _is_answer(headers: Headers) -> bool:
    """Whether it refers to a mail, or asks other machines not to answer, and no list sent it."""
    refers = any(headers.get(name) for name in ("in-reply-to", "x-auto-response-suppress"))
    return refers and not headers.get("list-id") and not headers.get("list-unsubscribe")


def _titled(headers: Headers, subject: str) -> bool:
    """Whether the subject is an automatic reply's: outright, or by a word of absence in an answer."""
    if words("autoreply_subjects").begin(subject):
        return True
    answers = any(headers.get(name) for name in _OF_ANSWERS) or headers.get("return-path") == "<>"
    return answers and words("autoreply_hints").begin(subject)


def _unsubscribes(letter: Letter, subject: str) -> str:
    headers = letter.headers
    if headers.get("list-id") or headers.get("list-unsubscribe") or letter.headers.get("auto-submitted"):
        return ""
    for address in addresses_in(headers.get("to")):
        if address.startswith(tuple(data("notices")["unsubscribe"]["addresses"])):
            return f"To: {address}"
    if subject in whole_words("unsubscribe"):
        return f"Subject: {headers.decoded('subject')}"[:200]
    body = _own_words(letter.text)
    said = normal(body)
    asks = said in whole_words("unsubscribe") or words("unsubscribe").are_in(said)
    return " ".join(body.split())[:200] if len(body) <= _SHORT and body.strip() and asks else ""


def _own_words(text: str) -> str:
    """A reply without what it quotes and without the line that a phone adds."""
    kept: list[str] = []
    for line in text[:20_000].split("\n"):
        if line.rstrip() == "--" or _signs(line):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()


def _signs(line: str) -> bool:
    said = normal(line[:80]).strip()
    return said.startswith(tuple(data("notices")["unsubscribe"]["signatures"]))


def _note(
    kind: BounceKind, reason: BounceReason, who: str | None, evidence: str, known: dict[str, object]
) -> Bounce:
    return Bounce(
        kind=kind,
        reason=reason,
        confidence=Confidence.SURE,
        recipient=who,
        final_recipient=who,
        evidence=evidence,
        **known,  # type: ignore[arg-type]
    )
