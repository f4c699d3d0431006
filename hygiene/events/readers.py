"""The readers of logs that are no records of events: each names itself here."""

from __future__ import annotations

from typing import Final

from hygiene.events.maillog import POSTFIX
from hygiene.events.orders import ORDERS
from hygiene.events.recogniser import Recogniser
from hygiene.events.tallies import REPORTS

#: in the order in which they are asked
READERS: Final[tuple[Recogniser, ...]] = (POSTFIX, REPORTS, ORDERS)
