"""A mail that came back, as it was fetched: where it lies, and as much of it as anything reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from hygiene.bounces.parts import MAX_MAIL

KEPT: Final = MAX_MAIL  # octets of a mail that are kept, whatever its size
BATCH_MAILS: Final = 200  # read, and written down, in one transaction
BATCH_BYTES: Final = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One mail; `raw` is its beginning, at most `KEPT` octets. `uid` is the mailbox's name for it, or ""."""

    place: str  # for a person: a file, a message of a mailbox
    raw: bytes
    uid: str = ""

    @cached_property
    def digest(self) -> str:
        """What makes it the same mail: SHA-256 of what is kept, whichever way lines and the mail end."""
        return hashlib.sha256(self.raw[:KEPT].replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()


def batches(mails: Iterable[Incoming]) -> Iterator[list[Incoming]]:
    """Mails in groups that fit into memory, in order."""
    taken: list[Incoming] = []
    size = 0
    for mail in mails:
        taken.append(mail)
        size += len(mail.raw)
        if len(taken) >= BATCH_MAILS or size >= BATCH_BYTES:
            yield taken
            taken, size = [], 0
    if taken:
        yield taken
