"""DKIM key records (RFC 6376 §3.6.1, RFC 8301, RFC 8463): text ↔ `DkimKey`, and how strong the key is.

A single fault spoils a key record: verifiers treat it as no key (RFC 6376 §6.1.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hygiene.audit.records.tag_list import BLANKS, excerpt, join_tags, refuse_repeats, sound_tags
from hygiene.errors import RecordError

SECTION = "RFC 6376 §3.6.1"
VERSION = "DKIM1"
MAX_KEY_BYTES = 8192  # of DER; an RSA key of 32,768 bits takes 4 KiB
ED25519_KEY_BYTES = 32  # RFC 8463 §4
ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 §4, before the 32 bytes

_WORD = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?")  # hyphenated-word, RFC 6376 §2.10
_KNOWN = frozenset("vkhstnp")


@dataclass(frozen=True, kw_only=True)
class DkimKey:
    """A key record as published; None where a tag is absent."""

    public_key: bytes  # "p=", empty = revoked
    version: str | None = None  # "v=", always DKIM1 when given
    published_key_type: str | None = None  # "k=", default rsa
    hash_algorithms: tuple[str, ...] | None = None  # "h=", default all
    service_types: tuple[str, ...] | None = None  # "s=", default *
    flags: tuple[str, ...] | None = None  # "t=": y testing, s no subdomains in i=
    notes: str | None = None  # "n=", quoted-printable
    unknown: tuple[tuple[str, str], ...] = ()  # ignored by verifiers

    @property
    def key_type(self) -> str:
        """The key type that applies: "rsa", "ed25519" or another in lower case."""
        return (self.published_key_type or "rsa").lower()

    @property
    def revoked(self) -> bool:
        """True for an empty ``p=``: signatures with this selector fail."""
        return not self.public_key

    @property
    def testing(self) -> bool:
        """True for ``t=y``: verifiers treat failures as if unsigned."""
        return "y" in _lower(self.flags)

    @property
    def serves_email(self) -> bool:
        """False when ``s=`` names other services only."""
        return self.service_types is None or not {"*", "email"}.isdisjoint(_lower(self.service_types))

    def accepts_hash(self, algorithm: str) -> bool:
        """True when ``h=`` is absent or names the algorithm."""
        return self.hash_algorithms is None or algorithm.lower() in _lower(self.hash_algorithms)

    def to_text(self) -> str:
        """The canonical record."""
        return join_tags(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        if self.version is not None:
            yield "v", self.version
        if self.published_key_type is not None:
            yield "k", self.published_key_type
        for name, words in (("h", self.hash_algorithms), ("s", self.service_types), ("t", self.flags)):
            if words is not None:
                yield name, ":".join(words)
        if self.notes is not None:
            yield "n", self.notes
        yield from self.unknown
        yield "p", base64.b64encode(self.public_key).decode("ascii")


@dataclass(frozen=True)
class KeyStrength:
    """The algorithm and length of a key: ``KeyStrength("rsa", 2048)``."""

    algorithm: str
    bits: int


def parse(text: str) -> DkimKey:
    """Read a key record.

    Raises:
        RecordError: any fault, as verifiers then see no key.
    """
    tags = sound_tags(text)
    values = refuse_repeats(tags)
    _check_version(values.get("v"), first=tags[0].name if tags else "")
    if "p" not in values:
        raise RecordError("no p= tag, so no key", fragment=excerpt(text), section=SECTION)
    return DkimKey(
        public_key=decode_base64("p", values["p"]),
        version=values.get("v"),
        published_key_type=_word("k", values.get("k")),
        hash_algorithms=_words("h", values.get("h")),
        service_types=_words("s", values.get("s"), also="*"),
        flags=_words("t", values.get("t")),
        notes=values.get("n"),
        unknown=tuple((name, value) for name, value in values.items() if name not in _KNOWN),
    )


def key_strength(key: DkimKey) -> KeyStrength:
    """Algorithm and bits of a key.

    Raises:
        RecordError: revoked, of an unknown type, or not a key of its type.
    """
    if key.revoked:
        raise RecordError("the key is revoked (p= is empty)", section=SECTION)
    if len(key.public_key) > MAX_KEY_BYTES:
        raise RecordError(f"the key is longer than {MAX_KEY_BYTES} bytes", section=SECTION)
    if key.key_type == "rsa":
        return KeyStrength("rsa", _rsa_bits(key.public_key))
    if key.key_type == "ed25519":
        return KeyStrength("ed25519", _ed25519_bits(key.public_key))
    raise RecordError("unknown key type", fragment=excerpt(key.key_type), section=SECTION)


def _check_version(version: str | None, *, first: str) -> None:
    if version is None:
        return
    if version != VERSION:
        raise RecordError(f"v= must be exactly {VERSION}", fragment=excerpt(version), section=SECTION)
    if first != "v":
        raise RecordError("v= must be the first tag", section=SECTION)


def decode_base64(name: str, value: str) -> bytes:
    """The bytes of a tag, blanks inside allowed; raises RecordError."""
    compact = "".join(value.split())
    try:
        decoded = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if compact and not decoded:  # padding alone is no revocation
        raise RecordError(f"{name}= is not base64", fragment=excerpt(value), section=SECTION)
    return decoded


def _word(name: str, value: str | None) -> str | None:
    return value if value is None else _checked_word(name, value)


def _words(name: str, value: str | None, *, also: str = "") -> tuple[str, ...] | None:
    if value is None:
        return None
    words = (word.strip(BLANKS) for word in value.split(":"))
    return tuple(word if word and word == also else _checked_word(name, word) for word in words)


def _checked_word(name: str, word: str) -> str:
    if _WORD.fullmatch(word):
        return word
    raise RecordError(f"{name}= holds something that is not a word", fragment=excerpt(word), section=SECTION)


def _lower(words: tuple[str, ...] | None) -> frozenset[str]:
    return frozenset(word.lower() for word in words or ())


def _rsa_bits(der: bytes) -> int:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        public = load_der_public_key(der)  # SubjectPublicKeyInfo, or PKCS#1 as RFC 6376 §3.6.1 once had it
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm):
        raise RecordError("p= does not hold an RSA public key", section=SECTION) from None
    if not isinstance(public, RSAPublicKey):
        raise RecordError("p= holds a key of another type than k=rsa", section=SECTION)
    return public.key_size


def _ed25519_bits(raw: bytes) -> int:
    if len(raw) == ED25519_KEY_BYTES:
        return ED25519_KEY_BYTES * 8
    if raw.startswith(ED25519_SPKI_PREFIX) and len(raw) == len(ED25519_SPKI_PREFIX) + ED25519_KEY_BYTES:
        reason = "p= wraps the Ed25519 key in a SubjectPublicKeyInfo; only its last 32 bytes belong there"
    else:
        reason = f"an Ed25519 key has {ED25519_KEY_BYTES} bytes, this one {len(raw)}"
    raise RecordError(reason, section="RFC 8463 §4")
