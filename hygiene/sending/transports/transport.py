"""What a transport is: one function, `send`, that tells what happened and never raises for the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from hygiene.sending.letter import Mail
from hygiene.sending.reply import Reply

#: Awaited once, just before the step after which the mail may be accepted (the final dot, the HTTP request);
#: False: it must not leave any more.
MayLeave: TypeAlias = Callable[[], Awaitable[bool]]


class Transport(Protocol):
    """A way out. `capacity` is how many mails it takes at the same time."""

    capacity: int

    async def send(self, mail: Mail, may_leave: MayLeave) -> Reply:
        """Send one mail; may be called up to `capacity` times at once."""
        ...

    async def close(self) -> None:
        """Part from the server politely; mails under way are finished first."""
        ...
