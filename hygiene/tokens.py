"""Opaque, keyed references to one mail to one person: in its Message-ID, return path and links.

A reference says nothing of whom it means, cannot be guessed, and is the same on every try. In what a stranger
may send back (return path, links) it carries a check of its own purpose, so that one seen there opens nothing
else. Letters and digits of one case only: some hosts fold the case of a local part.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from hashlib import blake2b

REF_LENGTH = 16  # characters: 80 bits
CHECK_LENGTH = 8  # characters: 40 bits
TARGET_CHECK_LENGTH = 16  # characters: 96 bits
_TOKEN = re.compile(rf"[a-z2-7]{{{REF_LENGTH + CHECK_LENGTH}}}", re.IGNORECASE)


class Purpose(StrEnum):
    """What a token is good for."""

    RETURN_PATH = "return path"
    UNSUBSCRIBE = "unsubscribe"
    CONFIRM = "confirm"
    OPEN = "open"
    CLICK = "click"


def make_ref(campaign: str, key: str, secret: bytes) -> str:
    """The reference of the mail to whom `key` stands for in a campaign: 16 characters of a-z and 2-7."""
    return _letters(hmac.digest(secret, f"ref\0{campaign}\0{key}".encode(), "sha256"), REF_LENGTH)


def make_token(ref: str, purpose: Purpose, secret: bytes) -> str:
    """The reference with the check of a purpose: 24 characters."""
    return ref + _check(ref, purpose, secret)


def read_token(token: str, purpose: Purpose, secret: bytes) -> str | None:
    """The reference in a token that came back; None for one that is forged, damaged or of another purpose."""
    if not _TOKEN.fullmatch(token):
        return None
    ref, check = token[:REF_LENGTH].lower(), token[REF_LENGTH:].lower()
    return ref if hmac.compare_digest(check, _check(ref, purpose, secret)) else None


def write_target(target: str) -> str:
    """Where a link leads, as it can stand in the path of another: base64url (RFC 4648 §5) without padding."""
    return urlsafe_b64encode(target.encode()).decode("ascii").rstrip("=")


def target_key(ref: str, secret: bytes) -> bytes:
    """The key of the targets of one mail."""
    return hmac.digest(secret, f"targets\0{ref}".encode(), "sha256")


def sign_target(written: str, key: bytes) -> str:
    """A written target behind the check that makes it good for the mail of a key."""
    check = blake2b(written.encode(), key=key, digest_size=TARGET_CHECK_LENGTH * 6 // 8).digest()
    return urlsafe_b64encode(check).decode("ascii") + written


def read_target(ref: str, signed: str, secret: bytes) -> str | None:
    """The target that came back; None for one that was not signed for this mail."""
    written = signed[TARGET_CHECK_LENGTH:]
    if not signed.isascii() or not hmac.compare_digest(signed, sign_target(written, target_key(ref, secret))):
        return None
    try:
        return urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
    except ValueError:
        return None


def _check(ref: str, purpose: Purpose, secret: bytes) -> str:
    return _letters(hmac.digest(secret, f"{purpose}\0{ref}".encode(), "sha256"), CHECK_LENGTH)


def _letters(digest: bytes, length: int) -> str:
    """The first letters of a digest; of five octets come eight."""
    return b32encode(digest[: length * 5 // 8]).decode("ascii").lower()
