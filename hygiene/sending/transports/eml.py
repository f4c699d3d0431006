"""A transport that sends nothing: each mail becomes a file, as it would have left."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hygiene.errors import UnwritableOutput
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.transport import MayLeave

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class EmlTransport:
    """Writes ``REF.eml`` into a folder, made when it is missing; the same mail again is the same file.

    Raises UnwritableOutput when a file cannot be written: that is no network.
    """

    def __init__(self, folder: Path, *, capacity: int = 4) -> None:
        self.folder, self.capacity = folder, capacity

    async def send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        """Write one mail; see `Transport`."""
        if not await may_leave():
            return Reply(outcome=Outcome.WITHHELD, phase=Phase.DOT)
        path = self.folder / f"{_UNSAFE.sub('-', mail.ref).strip('.') or 'mail'}.eml"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(mail.content)
            os.replace(part, path)  # noqa: PTH105 - a file is there as a whole or not
        except OSError as error:
            raise UnwritableOutput(f"{path} cannot be written: {error.strerror or error}") from None
        return Reply(outcome=Outcome.SENT, phase=Phase.DOT, text=f"written to {path.name}", remote_id=path.name)

    async def close(self) -> None:
        """Nothing to part from."""
