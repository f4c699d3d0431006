"""The key of keyed hashes: in a file that is its owner's alone, or in the environment; never in the store."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError

DEFAULT_KEY_FILE = Path("hygiene.key")
KEY_VARIABLE = "HYGIENE_SUPPRESSION_KEY"
KEY_LENGTH = 32  # octets, as SHA-256 gives

_FINGERPRINT_LENGTH = 16  # hex digits


def find_key(path: Path) -> bytes | None:
    """The key in HYGIENE_SUPPRESSION_KEY, otherwise the one in the file; None without either.

    Raises UsageError for what is no key, UnreadableInput for a file that cannot be read.
    """
    if written := os.environ.get(KEY_VARIABLE):
        return parse_key(written, KEY_VARIABLE)
    return _read_key(path)


def create_key(path: Path) -> bytes:
    """A new key, written to the file; where another program was faster, that one's. Raises UnwritableOutput."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(temporary, f"{secrets.token_hex(KEY_LENGTH)}\n")
        os.link(temporary, path)  # fails where a file is, so that a key is never lost
    except FileExistsError:
        pass
    except OSError as error:
        raise UnwritableOutput(f"the key file {path} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    if key := _read_key(path):
        return key
    raise UnwritableOutput(f"the key file {path} went away while it was made")


def parse_key(written: str, source: str) -> bytes:
    """The key that 64 hexadecimal digits write; raises UsageError naming the `source`, never what it holds."""
    try:
        key = bytes.fromhex(written.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise UsageError(f"{source} does not hold a key: {2 * KEY_LENGTH} hexadecimal digits are one")
    return key


def fingerprint(key: bytes) -> str:
    """What tells keys apart without giving them away."""
    return hmac.digest(key, b"hygiene key fingerprint", "sha256").hex()[:_FINGERPRINT_LENGTH]


def _read_key(path: Path) -> bytes | None:
    try:
        return parse_key(path.read_text("utf-8", errors="replace"), f"the key file {path}")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableInput(f"the key file {path} cannot be read: {error.strerror or error}") from None


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
