"""The readers of logs that are no records of events: each names itself here."""

from __future__ import annotations

from typing import Final

from hygiene.events.recogniser import Recogniser

#: in the order in which they are asked
READERS: Final[tuple[Recogniser, ...]] = ()
