"""Around all that is served: limits for what comes in, headers for what goes out, one line in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header: TypeAlias = tuple[bytes, bytes]

_KIB: Final = 1024
MAX_BODY: Final = 64 * _KIB  # octets of a form
#: first part of the path → octets
MAX_BODIES: Final[Mapping[str, int]] = {"webhooks": 4 * _KIB * _KIB, "api": 2 * _KIB * _KIB}
BODY_WITHIN_S: Final = 20.0  # that a body may take to arrive

#: no script, frame or address of anybody else; style and script only from files of our own
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # tokens stand in paths
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
}
_STANDING: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())
_OF_HTTPS: Final = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """Wraps the application. `timer` gives seconds, `peer` the network address where it is logged."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        log: Callable[[str], None],
        timer: Callable[[], float],
        https: bool = False,
        peer: Callable[[Scope], str] | None = None,
    ) -> None:
        self._app, self._log, self._timer, self._peer = app, log, timer, peer
        self._standing = (*_STANDING, _OF_HTTPS) if https else _STANDING

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = self._timer(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(message)}
            await send(message)

        try:
            await self._app(scope, self._limited(scope, receive), sending)
        finally:
            self._log(self._line(scope, status, self._timer() - begun))

    def _headers(self, message: MutableMapping[str, Any]) -> list[Header]:
        given = list(message.get("headers", ()))
        names = {name.lower() for name, _ in given}
        closing = [(b"connection", b"close")] if message["status"] in {408, 413} else []
        return [*given, *closing, *(each for each in self._standing if each[0] not in names)]

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """What arrives, as long as it is not too much and not too slow."""
        most = MAX_BODIES.get(_first_part(scope), MAX_BODY)
        until, taken, whole = self._timer() + BODY_WITHIN_S, 0, False

        async def receiving() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            if _declared(scope) > most:
                raise HTTPException(413)
            try:
                async with asyncio.timeout(max(until - self._timer(), 0)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413)
            whole = not message.get("more_body", False)
            return message

        return receiving

    def _line(self, scope: Scope, status: int, seconds: float) -> str:
        """Method, first part of the path and status; what follows in a path opens something: left out."""
        part = _first_part(scope)
        path = f"/{part}/…" if scope["path"].strip("/") != part else f"/{part}"
        peer = f"{self._peer(scope)} " if self._peer else ""
        return f"{peer}{scope['method']} {path} {status} {seconds * 1000:.0f} ms"


def _first_part(scope: Scope) -> str:
    """The first part of the path where it is one of a few letters, as ours are."""
    root = scope.get("root_path", "")
    path = scope["path"].removeprefix(root) if root else scope["path"]
    part: str = path.strip("/").partition("/")[0]
    return (
        part
        if part.isascii() and part.replace(".", "").replace("-", "").isalpha() and len(part) <= 20
        else "…"
        if part
        else ""
    )


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
