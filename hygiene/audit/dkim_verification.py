"""Does a DKIM signature hold? (RFC 6376 §3.4, §3.7 and §6.1; RFC 8301 and RFC 8463 for the algorithms.)"""

from __future__ import annotations

import hashlib
import re

from hygiene.audit.message import Field, Message, Signature
from hygiene.audit.records.dkim import DkimKey, key_strength
from hygiene.dkim_canonical import canonical_body, canonical_field
from hygiene.errors import RecordError

MIN_RSA_BITS = 1024  # RFC 8301 §3.2
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


def why_not_verified(message: Message, signature: Signature, key: DkimKey) -> str:
    """'' when the signature holds for the message under this key, else the reason in words."""
    try:
        _check_key(signature, key)
    except RecordError as error:
        return str(error)
    body = canonical_body(message.body, signature.body_form)[: signature.body_length]
    if hashlib.sha256(body).digest() != signature.body_hash:
        return "the body was changed after signing"
    if _holds(signed_headers(message, signature), signature.signature, key):
        return ""
    return "the header was changed after signing, or the key is another one"


def _check_key(signature: Signature, key: DkimKey) -> None:
    if signature.algorithm == "rsa-sha1":
        raise RecordError("rsa-sha1 must not be accepted (RFC 8301 §3.1)")
    if signature.algorithm not in ALGORITHMS:
        raise RecordError(f"unknown algorithm {signature.algorithm}")
    if key.revoked:
        raise RecordError("the key is revoked")
    if key.key_type != ALGORITHMS[signature.algorithm]:
        raise RecordError(f"the key is of type {key.key_type}")
    if "from" not in signature.headers:
        raise RecordError("the signature does not cover From (RFC 6376 §5.4)")
    strength = key_strength(key)
    if strength.algorithm == "rsa" and strength.bits < MIN_RSA_BITS:
        raise RecordError(f"the key has {strength.bits} bits (RFC 8301 §3.2)")
    if not key.accepts_hash("sha256") or not key.serves_email:
        raise RecordError("the key is not for such signatures")


def signed_headers(message: Message, signature: Signature) -> bytes:
    """What the signature is computed over: the fields of h=, then the signature field without its b= (§3.7)."""
    chosen = _chosen(message, signature.headers)
    parts = [canonical_field(field.raw, signature.header_form) for field in chosen]
    bare = re.sub(
        rb"((?:^|[;:\s])b[ \t\r\n]*=)[^;]*", rb"\1", signature.field.raw.removesuffix(b"\r\n"), count=1
    )
    own = canonical_field(bare + b"\r\n", signature.header_form).removesuffix(b"\r\n")
    return b"".join([*parts, own])


def _chosen(message: Message, names: tuple[str, ...]) -> list[Field]:
    """Repeated names count from the bottom up; a name too many stands for "there is no more" (§5.4.2)."""
    left = {name: list(message.all(name)) for name in set(names)}
    return [left[name].pop() for name in names if left[name]]


def _holds(data: bytes, signature: bytes, key: DkimKey) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        if key.key_type == "ed25519":
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, hashlib.sha256(data).digest())
            return True
        public = load_der_public_key(key.public_key)
        assert isinstance(public, RSAPublicKey)  # noqa: S101 - key_strength has read it as one
        public.verify(signature, data, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
