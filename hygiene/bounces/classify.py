"""Whatever came back to us, as one `Bounce` for each recipient: failures, complaints, replies, opt-outs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from hygiene.bounce import Bounce, BounceKind, BounceReason
from hygiene.bounces import other_mail, recipients
from hygiene.bounces.diagnosis import Diagnosis, diagnose, has_reply
from hygiene.bounces.letter import Fields, Letter, groups, read_letter
from hygiene.bounces.notice import split_original, words
from hygiene.bounces.original import Original, address_in, addresses_in, original_of
from hygiene.bounces.parts import Headers
from hygiene.bounces.wording import normal
from hygiene.finding import Confidence

MAX_NESTED: Final = 2  # a bounce that somebody forwarded

_KINDS: Final[Mapping[str, BounceKind]] = {
    "failed": BounceKind.BOUNCE,
    "failure": BounceKind.BOUNCE,
    "delayed": BounceKind.DELAYED,
    "delivered": BounceKind.DELIVERED,
    "relayed": BounceKind.DELIVERED,
    "expanded": BounceKind.DELIVERED,
}


def classify_bounce(raw: bytes) -> list[Bounce]:
    """What a returned mail says, one entry for each recipient; [] when it is an ordinary mail.

    `raw` is the mail as it came, of any size and in any state: at most 1 MiB of it is read, and nothing in it
    raises an error. Kinds other than `BounceKind.BOUNCE` are complaints (ARF), automatic replies, mails that
    ask for no more, notices of delay and of success. `Bounce.hard` is true only for what failed for good
    because the mailbox or its domain is not there.
    """
    return _classify(raw, 0)


def _classify(raw: bytes, depth: int) -> list[Bounce]:
    letter = read_letter(raw)
    for reading in (other_mail.complaints, reported, other_mail.receipts, noticed, other_mail.answers):
        found = reading(letter)
        if found is not None:
            return found if _says_something(found) else _within(letter, depth) or found
    return _within(letter, depth)


def _says_something(found: list[Bounce]) -> bool:
    """Whether a rule was met; of one that only carries another bounce, none is."""
    return not found or any(each.rule_id or each.kind is not BounceKind.BOUNCE for each in found)


def _within(letter: Letter, depth: int) -> list[Bounce]:
    """The first bounce that a mail carries, as one that somebody forwarded."""
    inner = letter.inner[:MAX_NESTED] if depth < MAX_NESTED else []
    return next((found for each in inner if (found := _classify(each, depth + 1)) and _failed(found)), [])


def _failed(found: list[Bounce]) -> bool:
    return found[0].kind in {BounceKind.BOUNCE, BounceKind.DELAYED}


# --- RFC 3464 ---


def reported(letter: Letter) -> list[Bounce] | None:
    """Recipients of a delivery report; None when there is none."""
    every = letter.fields("delivery") or _fields_in_text(letter)
    of_message = next((group for group in every if "final-recipient" not in group), {})
    each = [group for group in every if "final-recipient" in group or "original-recipient" in group]
    if not each:
        return None
    lines, rest = split_original(letter.text)
    original = original_of(letter, rest)
    mta = _typed(of_message.get("reporting-mta", ""))
    return [_reported(group, lines, original, mta, len(each)) for group in each[: recipients.MAX_RECIPIENTS]]


def _fields_in_text(letter: Letter) -> list[Fields]:
    """The groups of a report that lost its content type, if a server wrote it: people quote such lines, too."""
    text = "\n".join(letter.notices)
    named = "final-recipient:" in text.lower() and "action:" in text.lower()
    return groups(text) if named and _is_notice(letter, text.split("\n", 40)) else []


def _reported(group: Fields, lines: list[str], original: Original, mta: str, count: int) -> Bounce:
    final = address_in(group.get("final-recipient", ""))
    asked = address_in(group.get("original-recipient", ""))
    recipient = _mailed(asked, final, original, count) or (_only_one(lines, original) if count == 1 else None)
    action = group.get("action", "").split(" ")[0].strip(";,").lower()
    status = _status(group.get("status", ""))
    kind = _KINDS.get(action, BounceKind.DELAYED if status[:1] == "4" and not action else BounceKind.BOUNCE)
    if kind is BounceKind.DELIVERED or (status[:1] == "2" and action not in {"failed", "delayed"}):
        return _delivered(group, recipient, final, original, mta)
    about = lines if count == 1 else _about(recipient or final, final, lines)
    remote = _typed(group.get("remote-mta", ""))
    found = diagnose(group.get("diagnostic-code", ""), status, about)
    return _bounce(kind, found, recipient=recipient, final=final, original=original, mta=mta, remote=remote)


def _mailed(asked: str | None, final: str | None, original: Original, count: int) -> str | None:
    """The address that was mailed: what the original names, else what the sender's server asked for.

    Where someone forwarded it and the server there is all who speaks, the original alone says who was mailed.
    """
    for address in (asked, final):
        if address is not None and address in original.recipients:
            return address
    return asked or (original.mailed if count == 1 else None) or final


def _only_one(lines: list[str], original: Original) -> str | None:
    """Whom a report of one recipient means whose fields have no address."""
    found = recipients.find(lines, frozenset(original.recipients), original.strangers)
    if len(found) == 1:
        return found[0].expanded_from or found[0].address
    return original.recipients[0] if len(original.recipients) == 1 else None


def _about(address: str | None, final: str | None, lines: list[str]) -> list[str]:
    """The lines of a notice that speak of one of several recipients."""
    sought = [each for each in (address, final) if each]
    starts = (number for number, line in enumerate(lines) if any(each in line.lower() for each in sought))
    start = next(starts, None)
    if start is None:
        return []
    end = start + 1
    while end < len(lines) and lines[end].strip() and "@" not in lines[end]:
        end += 1
    return lines[start:end]


def _delivered(group: Fields, recipient: str | None, final: str | None, original: Original, mta: str) -> Bounce:
    return Bounce(
        kind=BounceKind.DELIVERED,
        reason=BounceReason.DELIVERED,
        confidence=Confidence.SURE,
        recipient=recipient,
        final_recipient=final,
        status=_status(group.get("status", "")),
        evidence=f"Action: {group.get('action', '')}",
        diagnostic=group.get("diagnostic-code", ""),
        reporting_mta=mta,
        **original.known(),
    )


def _typed(value: str) -> str:
    """The value of a field of the form ``dns; mx.example.com``."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon else kind).strip().strip("<>").lower()


def _status(value: str) -> str:
    from hygiene.bounces.refusal import ANY_STATUS

    match = ANY_STATUS.search(value)
    return match[0] if match else ""


# --- notices for people only ---


def noticed(letter: Letter) -> list[Bounce] | None:
    """Recipients of a notice without fields; None when it is none."""
    lines, rest = split_original(letter.text)
    if not _is_notice(letter, lines):
        return None
    original = original_of(letter, rest)
    kind = BounceKind.DELAYED if _is_late(letter, lines) else BounceKind.BOUNCE
    failed = [
        address
        for each in letter.headers.get("x-failed-recipients").split(",", recipients.MAX_RECIPIENTS)
        if (address := address_in(each))
    ]
    known = frozenset([*failed, *original.recipients])
    found = recipients.find(lines, known, original.strangers)
    if failed and not found:
        return [
            _bounce(kind, diagnose("", "", lines), recipient=each, original=original)
            for each in failed[: recipients.MAX_RECIPIENTS]
        ]
    if not found:
        to = original.recipients if len(original.recipients) == 1 else (None,)
        return [_bounce(kind, diagnose("", "", lines), recipient=to[0], original=original)]
    return list(_each_said(kind, found, lines, original))


def _each_said(
    kind: BounceKind, found: list[recipients.Said], lines: list[str], original: Original
) -> Iterator[Bounce]:
    for said, about in zip(found, recipients.said_of(found, lines), strict=True):
        final = said.address
        asked = _mailed(said.expanded_from or None, final, original, len(found))
        yield _bounce(kind, diagnose("", "", about), recipient=asked, final=final, original=original)


def _is_notice(letter: Letter, lines: list[str]) -> bool:
    headers = letter.headers
    subject = normal(headers.decoded("subject"))
    if words("autoreply_subjects").begin(other_mail.without_re(subject)):
        return False
    if headers.get("x-failed-recipients"):
        return True
    sender = normal(_named(headers.decoded("from")))
    by_server = words("senders").are_in(sender)
    empty = headers.get("return-path") in {"<>", "<@>"} or headers.get("from").strip() in {"<>", ""}
    if not by_server and not empty and not (words("no_answers").are_in(sender) and _entitled(headers, subject)):
        return False
    if words("subjects").are_in(subject) or words("openings").are_in(normal("\n".join(lines[:40]))):
        return True
    return by_server and has_reply(lines)


def _entitled(headers: Headers, subject: str) -> bool:
    """Whether the subject alone says that it is a bounce."""
    return words("titles").begin(subject) and not headers.get("list-unsubscribe")


def _named(value: str) -> str:
    """A From field as words: the name and the local part, which `normal` would drop with the address."""
    return value.replace("@", " at ")[:300]


def _is_late(letter: Letter, lines: list[str]) -> bool:
    subject = normal(letter.headers.decoded("subject"))
    return words("delayed").are_in(subject) or words("delayed").are_in(normal("\n".join(lines[:40])))


def _bounce(
    kind: BounceKind,
    found: Diagnosis,
    *,
    recipient: str | None,
    original: Original,
    final: str | None = None,
    mta: str = "",
    remote: str = "",
) -> Bounce:
    found = _of_sender(found, original)
    return Bounce(
        kind=kind,
        reason=found.verdict.reason,
        confidence=found.verdict.confidence,
        recipient=recipient,
        final_recipient=final or recipient,
        status=found.status,
        code=found.code,
        evidence=found.verdict.evidence,
        diagnostic=found.diagnostic,
        reporting_mta=mta,
        remote_mta=remote,
        rule_id=found.verdict.rule_id,
        **original.known(),
    )


def _of_sender(found: Diagnosis, original: Original) -> Diagnosis:
    """The diagnosis of a reply that names none but the sender: it is the sender who is unknown there."""
    verdict = found.verdict
    if not verdict.reason.about.hard and verdict.reason is not BounceReason.UNDEFINED:
        return found
    named = addresses_in(verdict.evidence)
    if not named or not original.strangers.issuperset(named):
        return found
    rejected = replace(
        verdict, reason=BounceReason.REJECTED, confidence=Confidence.LIKELY, rule_id="names-the-sender"
    )
    return replace(found, verdict=rejected)
