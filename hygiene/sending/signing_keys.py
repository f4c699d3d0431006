"""Keys to sign with, as settings name them: ``SELECTOR._domainkey.DOMAIN=file:KEY``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hygiene.config import AccountSettings
from hygiene.domain import parse_domain
from hygiene.errors import UnreadableInput, UsageError
from hygiene.files import read_bytes
from hygiene.sending.signing import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MIN_RSA_BITS: Final = 1024  # RFC 8301 §3.2

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_SELECTOR: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")  # RFC 6376 §3.1
_ENTRY: Final = re.compile(r"\s*(\S+?)\._domainkey\.([^\s=]+)\s*=\s*file:(.+?)\s*")
_ED25519_OCTETS: Final = 32

#: APIs that take the parts of a mail and write it themselves
_WRITES_ANEW: Final = {"sendgrid": "SendGrid", "postmark": "Postmark", "brevo": "Brevo"}
#: what SES puts in place of ours, by API and SMTP: https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
#: and .../send-email-authentication-dkim-manual.html, 2026-11
_REPLACED_BY_SES: Final = frozenset({b"message-id", b"date"})
_SES_HOST: Final = re.compile(r"email-smtp[a-z0-9.-]*\.amazonaws\.com(?:\.cn)?\.?", re.IGNORECASE)


def account_signers(account: AccountSettings) -> tuple[Signer, ...]:
    """The signers of an account, which leave out what its relay replaces; raises as `load_signers` does."""
    if fault := why_no_signature(account):
        raise UsageError(fault)
    signers = load_signers(account.sign)
    if account.transport == "ses" or (account.transport == "smtp" and _SES_HOST.fullmatch(account.host)):
        return tuple(replace(signer, unsigned=_REPLACED_BY_SES) for signer in signers)
    return signers


def why_no_signature(account: AccountSettings) -> str:
    """Why a signature made here would not arrive, in a sentence; "" when it does, or none is made."""
    if not account.sign or account.transport not in _WRITES_ANEW:
        return ""
    name = _WRITES_ANEW[account.transport]
    return (
        f"{name} writes mail anew, so that no signature of ours arrives: leave out sign, and set up DKIM there"
    )


def load_signers(entries: Sequence[str]) -> tuple[Signer, ...]:
    """The signers that settings write ``SELECTOR._domainkey.DOMAIN=file:KEY``.

    Raises UsageError for an entry or key that cannot sign, UnreadableInput for a file that cannot be read.
    """
    signers = tuple(load_signer(entry) for entry in entries)
    names = [signer.name for signer in signers]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is named twice: one key signs once")
    return signers


def load_signer(entry: str) -> Signer:
    """The signer of one entry; see `load_signers`."""
    found = _ENTRY.fullmatch(entry)
    if not found or not _SELECTOR.fullmatch(found[1]):
        raise UsageError(f"{entry[:80]!r} names no key: write SELECTOR._domainkey.DOMAIN=file:KEY.pem")
    return Signer(parse_domain(found[2]), found[1].lower(), read_key(Path(found[3]).expanduser()))


def read_key(path: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    """The private key of a file: PEM, or 32 octets of Ed25519 in base64, as some servers' tools write it.

    Raises UsageError for a key that cannot sign, UnreadableInput for a file that holds none.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    content = read_bytes(path)
    seed = _seed(content)
    key = Ed25519PrivateKey.from_private_bytes(seed) if seed else _from_pem(content, path)
    if isinstance(key, RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise UsageError(f"the DKIM key {path} has {key.key_size} bits; RFC 8301 §3.2 demands {MIN_RSA_BITS}")
    if isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        return key
    raise UsageError(f"the DKIM key {path} is neither RSA nor Ed25519")


def _seed(content: bytes) -> bytes:
    try:
        octets = base64.b64decode(content.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return octets if len(octets) == _ED25519_OCTETS else b""


def _from_pem(content: bytes, path: Path) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if b"PUBLIC KEY-----" in content and b"PRIVATE KEY-----" not in content:
        raise UsageError(f"{path} holds the public key, which DNS publishes; signing needs the private one")
    try:
        return load_pem_private_key(content, password=None)
    except TypeError:
        reason = "is encrypted: keep a copy without a password that only we can read"
        raise UsageError(f"the DKIM key {path} {reason}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnreadableInput(f"{path} is no private key in PEM form") from None
