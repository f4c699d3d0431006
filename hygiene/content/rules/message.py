"""Rules of the message itself: its header fields, and what is attached to it."""

from __future__ import annotations

from hygiene.content.knowledge import data, limit
from hygiene.content.parts import Message
from hygiene.content.registry import rule
from hygiene.finding import Evidence, Problem, Severity

#: at most one of each (RFC 5322 §3.6)
_ONCE = (
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "date",
    "message-id",
    "subject",
    "in-reply-to",
    "references",
)


@rule(
    severity=Severity.HIGH,
    source="rfc5322-fields",
    why="Gmail and others refuse such mail, as one program shows the first and another the last of them.",
    fix="keep one of them",
)
def header_field_repeated(message: Message) -> Evidence:
    """A header field stands there more than once"""
    for name in _ONCE:
        if len(values := message.fields.get(name, ())) > 1:
            yield f"{len(values)} fields {name.title()}: {', '.join(repr(value[:40]) for value in values[:3])}"


@rule(
    severity=Severity.HIGH,
    source="rfc5322-fields",
    why="Mail without From is refused; without Date or Message-ID it looks as if a careless program made it.",
    fix="From: Garden Shop <news@shop.example>",
)
def header_field_missing(message: Message) -> Evidence:
    """A header field is missing"""
    if "from" not in message.fields:
        yield "no From"
    for name, shown in (("date", "Date"), ("message-id", "Message-ID")):
        if name not in message.fields:
            yield Problem(evidence=f"no {shown}, unless the server that sends adds one", severity=Severity.INFO)


@rule(
    severity=Severity.HIGH,
    source="gmail-attachments",
    why="Gmail refuses such a mail as a whole, and others do: such files carry malware.",
    fix='<a href="https://www.shop.example/download">Download it from our page</a>',
)
def attachment_blocked(message: Message) -> Evidence:
    """A file of a kind that receivers refuse is attached"""
    blocked = set(data("attachments")["blocked"])
    for each in message.attached:
        _, dot, ending = each.name.lower().strip(" .").rpartition(".")
        if dot and ending in blocked:
            yield f"{each.name[:80]!r} ({each.kind})"


@rule(
    severity=Severity.MEDIUM,
    source="practice",
    why="Mail so large is refused by many servers, and takes long on a phone.",
    fix='<a href="https://www.shop.example/catalogue.pdf">Download the catalogue</a>',
)
def attachments_large(message: Message) -> Evidence:
    """What is attached is very large"""
    whole = sum(each.size for each in message.attached)
    if whole > limit("attachments_bytes"):
        largest = max(message.attached, key=lambda each: each.size)
        yield f"{whole:,} bytes as they travel, {largest.name[:60]!r} {largest.size:,} of them"
