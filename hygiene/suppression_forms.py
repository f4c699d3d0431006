"""The forms an entry of a suppression list may have, what makes a person equal to one, and which reason wins.

Hashes in use: MD5 of the address as typed (iPost) or in lower case (OPTIZMO), 32 hexadecimal digits; SHA-256,
64; UID2, the base64 of a SHA-256 (UID2 documentation, "Normalization and Encoding"); and HMAC-SHA-256 with the
workspace's key, the only one that cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from hygiene.address import Address, judge_address, split
from hygiene.errors import UsageError

HMAC_PREFIX = "hmac-sha256:"
EVERY_SUBDOMAIN = "."  # before a domain: that domain and all below it


class Form(StrEnum):
    """How an entry names whom it suppresses."""

    ADDRESS = "address"
    DOMAIN = "domain"  # example.com exactly; .example.com with all its subdomains
    MD5 = "md5"
    SHA256 = "sha256"
    UID2 = "uid2"
    HMAC = "hmac"


class Reason(StrEnum):
    """Why somebody must not be mailed, least restrictive first; the later word wins every merge.

    `ERASED` stands above all, so that nothing can write a person down again who asked to be forgotten.
    """

    IMPORTED = "imported"  # on a list somebody else kept
    MANUAL = "manual"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    ERASED = "erased"

    @property
    def rank(self) -> int:
        """Place in the order, from 0; the higher wins."""
        return RANKS[self]


RANKS = {reason: rank for rank, reason in enumerate(Reason)}

#: hash form → the texts of an address that are hashed: the fields of `Address`
HASHED_FIELDS: Mapping[Form, tuple[str, ...]] = {
    Form.MD5: ("original", "normal", "key", "mailbox"),
    Form.SHA256: ("original", "normal", "key", "mailbox"),
    Form.UID2: ("normal", "key", "mailbox"),
    Form.HMAC: ("key", "mailbox"),
}

_BLOCK = 64  # octets of a block of SHA-256
_NO_KEY = "keyed hashes (hmac) can only be used with the key they were made with"
_DIGESTS: Mapping[Form, Callable[[bytes], str]] = {
    Form.MD5: lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest(),
    Form.SHA256: lambda text: hashlib.sha256(text).hexdigest(),
    Form.UID2: lambda text: b64encode(hashlib.sha256(text).digest()).decode("ascii"),
}


def digest(text: str, form: Form, key: bytes | None = None) -> str:
    """The hash of a text as entries of that form hold it; HMAC needs the `key`, or it is a UsageError."""
    written = text.encode("utf-8", "surrogatepass")
    if form is not Form.HMAC:
        return _DIGESTS[form](written)
    if key is None:
        raise UsageError(_NO_KEY)
    return hmac.digest(key, written, "sha256").hex()


def hash_forms(address: Address, form: Form, key: bytes | None = None) -> set[str]:
    """Every value of a hash form that means this address: as typed, normal, its identity and mailbox key."""
    return {digest(getattr(address, field), form, key) for field in HASHED_FIELDS[form]}


def digest_sql(column: str, form: Form, key: bytes | None = None) -> str:
    """`digest` of a column as an expression of DuckDB, for the forms that `SuppressionList.match_tables` has.

    The expression holds what HMAC needs of the key: it is as secret as the key is.
    """
    if form is not Form.HMAC:
        return f"{form.value}({column})"
    inner, outer = (pad.hex() for pad in hmac_pads(key))
    return f"sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode({column}))))"


def hmac_pads(key: bytes | None) -> tuple[bytes, bytes]:
    """The inner and the outer pad of HMAC-SHA-256, RFC 2104 §2; without a key a UsageError."""
    if key is None:
        raise UsageError(_NO_KEY)
    short = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
    block = short.ljust(_BLOCK, b"\0")
    return bytes(octet ^ 0x36 for octet in block), bytes(octet ^ 0x5C for octet in block)


def shared_hash(address: Address, form: Form, key: bytes | None = None) -> str:
    """The one value that others expect for this address in a list handed to them.

    That is the hash of the identity key; UID2 drops dots and tags at gmail.com, as the mailbox key does.
    """
    at_gmail = split(address.key)[1] == "gmail.com"
    return digest(address.mailbox if form is Form.UID2 and at_gmail else address.key, form, key)


def uid2_to_sha256(value: str) -> str:
    """The 64 hexadecimal digits of the SHA-256 that a UID2 value is the base64 of."""
    return b64decode(value).hex()


def domains_above(domain: str) -> tuple[str, ...]:
    """The values of domain entries that suppress a domain, nearest first.

    >>> domains_above("a.b.example")
    ('a.b.example', '.a.b.example', '.b.example', '.example')
    """
    labels = domain.split(".")
    wider = (EVERY_SUBDOMAIN + ".".join(labels[start:]) for start in range(len(labels)))
    return (domain, *wider)


class Target(NamedTuple):
    """Whom an entry means: `value` is compared; an address also has a mailbox key and its own spelling."""

    form: Form
    value: str
    mailbox: str | None = None
    address: str | None = None


_HEX = re.compile(r"[0-9a-fA-F]*\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?\Z")  # also in the alphabet for URLs, RFC 4648 §5, and unpadded
_WORD = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = re.compile(rf"(?:{_WORD}\.)+[^\W\d_][\w-]{{0,61}}[^\W_]\Z")
#: what may stand before a domain: @ or *@; a full stop or *. takes in its subdomains
_BEFORE_DOMAIN = re.compile(r"(?:\*?@)?(\*?\.)?")
_BY_LENGTH = {32: Form.MD5, 64: Form.SHA256, 43: Form.UID2, 44: Form.UID2, 64 + len(HMAC_PREFIX): Form.HMAC}
_HEX_LENGTHS = {Form.MD5: 32, Form.SHA256: 64, Form.HMAC: 64}


def read_target(text: str, form: Form | None = None) -> Target | None:
    """Whom the text of an entry means, by its look or as the `form` given; None if it is nothing of the kind.

    32 hexadecimal digits are MD5, 64 SHA-256, 44 characters of base64 UID2, ``hmac-sha256:`` leads a keyed
    hash; ``@example.com``, ``*@example.com`` or ``example.com`` is a domain, ``*.example.com`` or
    ``.example.com`` one with all its subdomains; anything else must be an address.

    >>> read_target("*.Example.com")
    Target(form=<Form.DOMAIN: 'domain'>, value='.example.com', mailbox=None, address=None)
    """
    text = text.strip().strip('"')
    looks = form or _BY_LENGTH.get(len(text))
    if looks and looks in HASHED_FIELDS and (found := _hash(text, looks)):
        return found
    if form in HASHED_FIELDS:
        return None
    domain = None if form is Form.ADDRESS else _domain(text)
    return domain or (None if form is Form.DOMAIN else _address(text))


def _hash(text: str, form: Form) -> Target | None:
    if form is Form.UID2:
        return Target(form, _standard_base64(text)) if _BASE64.match(text) else None
    digits = text[len(HMAC_PREFIX) :] if text[: len(HMAC_PREFIX)].lower() == HMAC_PREFIX else text
    keyed = digits is not text
    if len(digits) != _HEX_LENGTHS[form] or not _HEX.match(digits) or (keyed and form is not Form.HMAC):
        return None
    return Target(form, digits.lower())


def _standard_base64(text: str) -> str:
    return text.replace("-", "+").replace("_", "/").rstrip("=") + "="


def _domain(text: str) -> Target | None:
    marks = _BEFORE_DOMAIN.match(text)
    name = text[marks.end() :] if marks else text
    if not _DOMAIN.match(name):
        return None
    judged = judge_address(f"x@{name}")  # so that it is written as the domains of contacts are
    if not isinstance(judged, Address):
        return None
    return Target(Form.DOMAIN, (EVERY_SUBDOMAIN if marks and marks[1] else "") + split(judged.normal)[1])


def _address(text: str) -> Target | None:
    judged = judge_address(text)
    if not isinstance(judged, Address):
        return None
    return Target(Form.ADDRESS, judged.key, judged.mailbox, judged.normal)


def written_value(form: Form, value: str) -> str:
    """A value as a list holds it, so that `read_target` knows it again."""
    if form is Form.HMAC:
        return HMAC_PREFIX + value
    if form is Form.DOMAIN:
        return f"*{value}" if value.startswith(EVERY_SUBDOMAIN) else f"@{value}"
    return value
