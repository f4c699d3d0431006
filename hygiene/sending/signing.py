"""DKIM signatures over outgoing mail (RFC 6376; RFC 8301 for RSA, RFC 8463 for Ed25519), relaxed/relaxed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hygiene.dkim_canonical import canonical_body, canonical_field
from hygiene.domain import to_ascii
from hygiene.errors import UnreadableInput, UsageError
from hygiene.files import read_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MIN_RSA_BITS: Final = 1024  # RFC 8301 §3.2

#: signed once more than they occur, so that none can be added (RFC 6376 §8.15)
_OVERSIGNED: Final = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to")
#: signed where they are there (RFC 6376 §5.4.1; RFC 8058 §4 for List-Unsubscribe-Post)
_SIGNED: Final = (
    *_OVERSIGNED,
    b"sender",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"auto-submitted",
    b"x-hygiene-ref",
)
_ENTRY: Final = re.compile(r"\s*([^.\s=]+)\._domainkey\.([^\s=]+?)\s*=\s*file:(.+?)\s*")
_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:(?:[^\r]|\r(?!\n)|\r\n(?=[ \t]))*\r\n")
_WIDTH: Final = 72  # of a line of b=


@dataclass(frozen=True)
class Signer:
    """Signs for `domain` with the key published at ``selector._domainkey.domain``."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The value of a=."""
        return "rsa-sha256" if _is_rsa(self.key) else "ed25519-sha256"

    @property
    def name(self) -> str:
        """Where the public key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    def public_record(self) -> str:
        """The TXT record that must be published (RFC 6376 §3.6.1, RFC 8463 §4)."""
        return f"v=DKIM1; k={'rsa' if _is_rsa(self.key) else 'ed25519'}; p={self.public_key()}"

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


def sign(message: bytes, signers: Sequence[Signer], now: datetime) -> bytes:
    """The message with one DKIM-Signature field for each signer in front; CRLF lines are demanded."""
    if not signers:
        return message
    header, _, body = message.partition(b"\r\n\r\n")
    digest = hashlib.sha256(canonical_body(body, "relaxed")).digest()
    fields = list(_fields(header + b"\r\n"))
    names = [name for name, _ in fields]
    chosen = b"".join(_chosen(fields))
    listed = b":".join(_listed(names))
    signed = (
        _signature(signer, listed, chosen, base64.b64encode(digest), round(now.timestamp()))
        for signer in signers
    )
    return b"".join([*signed, message])


def load_signers(entries: Sequence[str]) -> tuple[Signer, ...]:
    """The signers that settings write ``SELECTOR._domainkey.DOMAIN=file:KEY``.

    Raises UsageError for an entry or key that cannot sign, UnreadableInput for a file that cannot be read.
    """
    return tuple(_load(entry) for entry in entries)


def _load(entry: str) -> Signer:
    found = _ENTRY.fullmatch(entry)
    if not found:
        raise UsageError(f"{entry[:80]!r} names no key: write SELECTOR._domainkey.DOMAIN=file:KEY.pem")
    selector, domain, place = found.groups()
    path = Path(place).expanduser()
    return Signer(to_ascii(domain.lower()), selector.lower(), _read_key(path))


def _read_key(path: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(read_bytes(path), password=None)
    except TypeError:
        raise UsageError(
            f"the DKIM key {path} is encrypted: keep an unencrypted copy that only we can read"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnreadableInput(f"{path} is no private key in PEM form") from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise UsageError(
                f"the DKIM key {path} has {key.key_size} bits; RFC 8301 §3.2 demands {MIN_RSA_BITS}"
            )
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise UsageError(f"the DKIM key {path} is neither RSA nor Ed25519")


def _fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name in lower case, canonical field), from the top."""
    for found in _FIELD.finditer(header):
        yield found[1].lower(), canonical_field(found[0], "relaxed")


def _listed(names: Sequence[bytes]) -> Iterator[bytes]:
    for name in _SIGNED:
        yield from [name] * names.count(name)
        if name in _OVERSIGNED:
            yield name


def _chosen(fields: Sequence[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """The fields in the order of h=; those that occur again count from the bottom (RFC 6376 §5.4.2)."""
    for name in _SIGNED:
        yield from (text for of, text in reversed(fields) if of == name)


def _signature(signer: Signer, listed: bytes, chosen: bytes, body_hash: bytes, at: int) -> bytes:
    tags = (
        f"DKIM-Signature: v=1; a={signer.algorithm}; c=relaxed/relaxed; d={signer.domain};\r\n"
        f" s={signer.selector}; t={at};\r\n h="
    ).encode("ascii")
    bare = tags + _wrapped(listed) + b";\r\n bh=" + body_hash + b";\r\n b="
    data = chosen + canonical_field(bare, "relaxed").removesuffix(b"\r\n")
    value = base64.b64encode(signer.sign(data))
    lines = (value[start : start + _WIDTH] for start in range(0, len(value), _WIDTH))
    return bare + b"\r\n ".join(lines) + b"\r\n"


def _wrapped(listed: bytes) -> bytes:
    """h= over several lines."""
    lines, line = [], b""
    for name in listed.split(b":"):
        if len(line) + len(name) > _WIDTH:
            lines.append(line)
            line = b""
        line += name + b":"
    return b"\r\n  ".join([*lines, line.removesuffix(b":")])


def _is_rsa(key: object) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    return isinstance(key, RSAPrivateKey)
