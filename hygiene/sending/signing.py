"""DKIM signatures over outgoing mail (RFC 6376; RFC 8301 for RSA, RFC 8463 for Ed25519), relaxed/relaxed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hygiene.dkim_canonical import canonical_body, canonical_field

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: signed once more than they occur, so that none can be added (RFC 6376 §8.15): what people see, and what
#: decides how the body is read
_SEALED: Final = (
    *(b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
)
#: sealed where they are there: a relay may add its own where they are not (RFC 8058 §4)
_SEALED_WHERE_SET: Final = (b"list-unsubscribe", b"list-unsubscribe-post")
#: signed where they are there (RFC 6376 §5.4.1); relays add another Feedback-ID
_SIGNED: Final = (
    *(b"sender", b"in-reply-to", b"references", b"auto-submitted"),
    *(b"list-id", b"list-help", b"list-owner", b"list-archive", b"feedback-id", b"x-hygiene-ref"),
)
_FIELD_END: Final = re.compile(rb"\r\n(?![ \t])")
_WIDTH: Final = 72  # octets of a line of h= and b=


@dataclass(frozen=True)
class Signer:
    """Signs for `domain` with the key published at ``selector._domainkey.domain``."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)
    unsigned: frozenset[bytes] = frozenset()  # names in lower case that the relay writes anew: never in h=

    @property
    def algorithm(self) -> str:
        """The value of a=."""
        return f"{self.key_type}-sha256"

    @property
    def key_type(self) -> str:
        """The value of k=."""
        return "rsa" if _is_rsa(self.key) else "ed25519"

    @property
    def name(self) -> str:
        """Where the public key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    def public_record(self) -> str:
        """The TXT record that must be published (RFC 6376 §3.6.1, RFC 8463 §4)."""
        return f"v=DKIM1; k={self.key_type}; p={self.public_key()}"

    def public_key(self) -> str:
        """The value of p=: DER of an RSA key, the bare 32 octets of an Ed25519 one, in base64."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self.key.public_key()
        if _is_rsa(self.key):
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(octets).decode("ascii")

    def sign(self, data: bytes) -> bytes:
        """The signature over canonical header octets (RFC 8463 §3: Ed25519 signs their hash)."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), SHA256())
        return self.key.sign(hashlib.sha256(data).digest())


def sign(message: bytes, signers: Sequence[Signer], now: datetime, *, valid_for_s: int | None = None) -> bytes:
    """The message with one DKIM-Signature field for each signer in front.

    `message` has lines of CRLF alone. `now` and `valid_for_s`, where given, become t= and x=.
    """
    if not signers:
        return message
    header, _, body = message.partition(b"\r\n\r\n")
    body_hash = base64.b64encode(hashlib.sha256(canonical_body(body, "relaxed")).digest())
    fields = [(raw.partition(b":")[0].rstrip(b" \t").lower(), raw) for raw in _FIELD_END.split(header)]
    names = tuple(name for name, _ in fields)
    at = int(now.timestamp())
    dated = f" t={at}" if valid_for_s is None else f" t={at}; x={at + valid_for_s}"
    middle, end = dated.encode("ascii") + b";\r\n ", b";\r\n bh=" + body_hash + b";\r\n b="
    signatures = []
    for signer in signers:
        covered = _covered(names, signer.unsigned)
        bare = _opening(signer) + middle + _listed(covered) + end
        signatures.append(_field(signer, bare, b"".join(_canonical(fields, covered))))
    return b"".join([*signatures, message])


@lru_cache(maxsize=256)
def _covered(names: tuple[bytes, ...], unsigned: frozenset[bytes]) -> tuple[bytes, ...]:
    """The names of h= for a header of these fields."""
    covered: list[bytes] = []
    for name in (name for name in (*_SEALED, *_SEALED_WHERE_SET, *_SIGNED) if name not in unsigned):
        count = names.count(name)
        sealed = name in _SEALED or (count and name in _SEALED_WHERE_SET)
        covered += [name] * (count + bool(sealed))
    return tuple(covered)


def _canonical(fields: Sequence[tuple[bytes, bytes]], covered: Sequence[bytes]) -> list[bytes]:
    """The fields in the order of h=; those that occur again count from the bottom (RFC 6376 §5.4.2)."""
    left: dict[bytes, list[bytes]] = {}
    for name, raw in fields:
        left.setdefault(name, []).append(raw)
    return [canonical_field(left[name].pop() + b"\r\n", "relaxed") for name in covered if left.get(name)]


@lru_cache(maxsize=256)
def _listed(covered: tuple[bytes, ...]) -> bytes:
    """h= over several lines."""
    lines, line = [], b"h="
    for name in covered:
        if len(line) + len(name) > _WIDTH:
            lines.append(line)
            line = b""
        line += name + b":"
    return b"\r\n  ".join([*lines, line]).removesuffix(b":")


@lru_cache(maxsize=256)
def _opening(signer: Signer) -> bytes:
    return (
        f"DKIM-Signature: v=1; a={signer.algorithm}; c=relaxed/relaxed;\r\n"
        f" d={signer.domain};\r\n s={signer.selector};"
    ).encode("ascii")


def _field(signer: Signer, bare: bytes, signed: bytes) -> bytes:
    data = signed + canonical_field(bare + b"\r\n", "relaxed").removesuffix(b"\r\n")
    value = base64.b64encode(signer.sign(data))
    lines = (value[start : start + _WIDTH] for start in range(0, len(value), _WIDTH))
    return bare + b"\r\n ".join(lines) + b"\r\n"


def _is_rsa(key: object) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    return isinstance(key, RSAPrivateKey)
