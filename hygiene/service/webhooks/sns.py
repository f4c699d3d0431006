"""What Amazon SNS posts: its fields, what of it is signed, by which certificate, and where that may come from.

SNS developer guide, "Verifying the signatures of Amazon SNS messages" and "… when using HTTP query-based
requests", 2026-11. Version 1 signs SHA-1 and version 2 SHA-256, both with RSA (PKCS #1 v1.5).
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hygiene.service.webhooks.post import Refused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

NOTIFICATION: Final = "Notification"
CONFIRMATIONS: Final = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
MAX_CERTIFICATE: Final = 16 * 1024  # octets

#: The middle must be a region: at sns.s3.amazonaws.com lies what the owner of a bucket called sns puts there.
_HOST = re.compile(r"sns\.[a-z]{2}(-[a-z]+){1,2}-[0-9]{1,2}\.amazonaws\.com(\.cn)?")
_PEM = re.compile(r"/[A-Za-z0-9._-]+\.pem")
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        CONFIRMATIONS, ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    ),
}
_NEEDED: Final = ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "Signature", "SigningCertURL")


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A post of SNS, every field a text."""

    fields: Mapping[str, str]
    at: datetime

    @property
    def kind(self) -> str:
        """Notification, or a confirmation that is asked for."""
        return self.fields["Type"]


def read_envelope(body: bytes) -> Envelope | Refused:
    """The fields of a post, where it has all it needs and its certificate may come from where it says."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Refused("it is no JSON", 400)
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in _NEEDED):
        return Refused("it is no message of SNS", 400)
    fields = {name: value for name, value in found.items() if isinstance(value, str)}
    if fields["Type"] not in _SIGNED:
        return Refused(f"SNS has no message of type {fields['Type'][:40]!r}", 400)
    try:
        at = datetime.fromisoformat(fields["Timestamp"])
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        return Refused("its Timestamp is no moment", 400)
    if not is_certificate_url(fields["SigningCertURL"]):
        return Refused("its certificate would come from elsewhere than SNS", 403)
    return Envelope(fields=fields, at=at)


def is_sns_url(url: str) -> bool:
    """Whether an address is https at a host of SNS, with nothing that may be taken for another host."""
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}')
        return plain and parts.scheme == "https" and bool(_HOST.fullmatch(parts.netloc))
    except ValueError:
        return False


def is_certificate_url(url: str) -> bool:
    """Whether an address may hold the certificate of SNS: a .pem right below such a host, and no query."""
    return is_sns_url(url) and bool(_PEM.fullmatch(url.partition("amazonaws.com")[2].removeprefix(".cn")))


def signed_text(envelope: Envelope) -> bytes:
    """What is signed: names and values of the fields that are there, a line each, in the order of SNS."""
    given = ((name, envelope.fields.get(name)) for name in _SIGNED[envelope.kind])
    return "".join(f"{name}\n{value}\n" for name, value in given if value is not None).encode(
        "utf-8", "surrogatepass"
    )


def read_certificate(pem: bytes) -> Certificate | Refused:
    """The certificate of a fetched file."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return Refused("the certificate of SNS is none", 503)


def verify_signature(envelope: Envelope, certificate: Certificate, now: datetime) -> Refused | None:
    """Why the signature is none by this certificate; None where it holds."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    digests: dict[str, Any] = {"1": hashes.SHA1, "2": hashes.SHA256}  # SHA-1 is what version 1 is
    digest = digests.get(envelope.fields.get("SignatureVersion", ""))
    key = certificate.public_key()
    if digest is None or not isinstance(key, rsa.RSAPublicKey):
        return Refused("its signature is of a kind that SNS does not make")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return Refused("the certificate that signed it is not valid today")
    try:
        signature = b64decode(envelope.fields["Signature"], validate=True)
        key.verify(signature, signed_text(envelope), padding.PKCS1v15(), digest())
    except (InvalidSignature, ValueError):
        return Refused("its signature is not that of SNS")
    return None
