"""A real message as receivers see it: header fields and body (RFC 5322), DKIM signatures (RFC 6376)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.parser import BytesHeaderParser
from email.policy import default

from hygiene.audit.records.tag_list import refuse_repeats, sound_tags
from hygiene.errors import RecordError, UnreadableInput

MAX_SIGNATURES = 16  # verified of one message
MAX_MESSAGE_BYTES = 50_000_000

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\r\n[ \t].*)*)\r\n")
_HTTPS = re.compile(r"<\s*(https://[^\s<>]+)\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """One header field as it stands: `name` in lower case, `raw` from its name to its last CRLF."""

    name: str
    raw: bytes

    @property
    def value(self) -> str:
        """Unfolded, trimmed, bytes 128–255 as code points."""
        text = self.raw.partition(b":")[2].decode("latin-1")
        return re.sub(r"\r\n(?=[ \t])", "", text).strip()


@dataclass(frozen=True)
class Message:
    """Header fields from top to bottom, and the body, with CRLF line ends."""

    fields: tuple[Field, ...]
    body: bytes

    def all(self, name: str) -> tuple[Field, ...]:
        """The fields of a name, top first."""
        return tuple(field for field in self.fields if field.name == name.lower())

    def first(self, name: str) -> str:
        """The value of the topmost field of a name; ''."""
        return next((field.value for field in self.all(name)), "")

    @property
    def authors(self) -> tuple[str, ...]:
        """The addresses in From."""
        return tuple(address.addr_spec for field in self.all("from") for address in _addresses(field))

    @property
    def author_domains(self) -> tuple[str, ...]:
        """Their domains in A-labels, each once."""
        found = (_domain_of(author) for author in self.authors)
        return tuple(dict.fromkeys(domain for domain in found if domain))

    @property
    def envelope_domain(self) -> str:
        """The domain of the Return-Path, where the receiving server noted it; ''."""
        return _domain_of(self.first("return-path").strip("<> "))

    @property
    def unsubscribe_uri(self) -> str:
        """The https URI of List-Unsubscribe (RFC 8058 §3.1); ''."""
        match = _HTTPS.search(self.first("list-unsubscribe"))
        return match[1] if match else ""

    @property
    def one_click(self) -> bool:
        """List-Unsubscribe-Post says exactly what RFC 8058 §3.1 wants."""
        return self.first("list-unsubscribe-post").replace(" ", "").lower() == "list-unsubscribe=one-click"

    @property
    def signatures(self) -> tuple[Signature | RecordError, ...]:
        """The DKIM signatures, top first; a malformed one as the error it causes."""
        return tuple(_read_signature(field) for field in self.all("dkim-signature")[:MAX_SIGNATURES])


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A DKIM-Signature field (RFC 6376 §3.5)."""

    field: Field
    algorithm: str  # "a="
    signature: bytes  # "b="
    body_hash: bytes  # "bh="
    domain: str  # "d=", A-labels in lower case
    headers: tuple[str, ...]  # "h=", lower case
    selector: str  # "s="
    header_form: str = "simple"  # "c=", first half
    body_form: str = "simple"  # "c=", second half
    body_length: int | None = None  # "l=", octets

    @property
    def key_name(self) -> str:
        """Where its key is published."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_message(raw: bytes) -> Message:
    """Read a message; raises UnreadableInput when it has no header field at all."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise UnreadableInput(f"a message of {len(raw):,} bytes is too large to judge")
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", raw.removeprefix(b"\xef\xbb\xbf"))
    if text.startswith(b"From "):  # the line mbox files put before a message
        text = text.partition(b"\r\n")[2]
    head, _, body = (text + b"\r\n" if b"\r\n\r\n" not in text else text).partition(b"\r\n\r\n")
    fields = tuple(_fields(head + b"\r\n"))
    if not fields:
        raise UnreadableInput("this is not an e-mail message: it has no header")
    return Message(fields, body)


def _fields(head: bytes) -> Iterator[Field]:
    position = 0
    while match := _FIELD.match(head, position):
        yield Field(match[1].decode("ascii").lower(), match[0])
        position = match.end()


def _addresses(field: Field) -> tuple[Address, ...]:
    try:
        parsed = BytesHeaderParser(policy=default).parsebytes(field.raw)["from"]
        return tuple(parsed.addresses)
    except (MessageError, ValueError, IndexError, AttributeError, TypeError):  # the parser's own faults
        return ()


def _domain_of(address: str) -> str:
    from hygiene.audit.spf_transaction import to_a_labels

    domain = address.rpartition("@")[2].strip("[]<> ")
    return to_a_labels(domain).lower() if "." in domain else ""


def _read_signature(field: Field) -> Signature | RecordError:
    try:
        values = refuse_repeats(sound_tags(field.value))
        return _signature(field, values)
    except RecordError as error:
        return error


def _signature(field: Field, values: dict[str, str]) -> Signature:
    from hygiene.audit.records.dkim import decode_base64
    from hygiene.audit.spf_transaction import to_a_labels

    if missing := [name for name in ("v", "a", "b", "bh", "d", "h", "s") if not values.get(name)]:
        raise RecordError(f"the signature has no {missing[0]}= tag", section="RFC 6376 §3.5")
    if values["v"] != "1":
        raise RecordError("the signature's version is not 1", fragment=values["v"], section="RFC 6376 §3.5")
    header_form, _, body_form = values.get("c", "simple/simple").lower().partition("/")
    length = values.get("l", "")
    return Signature(
        field=field,
        algorithm=values["a"].lower(),
        signature=decode_base64("b", values["b"]),
        body_hash=decode_base64("bh", values["bh"]),
        domain=to_a_labels(values["d"]).lower(),
        headers=tuple(name.strip().lower() for name in values["h"].split(":")),
        selector=values["s"].lower(),
        header_form=header_form,
        body_form=body_form or "simple",
        body_length=int(length) if length.isascii() and length.isdigit() else None,
    )
