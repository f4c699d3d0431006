"""Opens and clicks by links of our own, where the settings say so. A target is signed, or it leads nowhere."""

from __future__ import annotations

import hmac
from base64 import b32encode, b64decode, urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hygiene.event import EventKind, Machine
from hygiene.render.safe import web_link
from hygiene.sending.ledger import write_events
from hygiene.service.people import Sending
from hygiene.service.site import site_of
from hygiene.service.unsubscribe import sending_of
from hygiene.tokens import Purpose, make_token

#: GIF89a, one transparent pixel
PIXEL: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
MAX_TARGET: Final = 2000  # characters
_CHECK: Final = 16  # characters of the check of a target: 80 bits
_SECOND_US: Final = 1_000_000

#: words in a browser's name for itself → who it is; none of them proves a person
AGENTS: Final = (
    ("googleimageproxy", Machine.PROXY),  # https://support.google.com/mail/answer/145919, 2026-11
    ("yahoomailproxy", Machine.PROXY),
    ("bot", Machine.SCANNER),
    ("crawler", Machine.SCANNER),
    ("scanner", Machine.SCANNER),
    ("python", Machine.SCANNER),
    ("curl/", Machine.SCANNER),
    ("wget/", Machine.SCANNER),
    ("go-http-client", Machine.SCANNER),
    ("java/", Machine.SCANNER),
)


def open_path(ref: str, secret: bytes) -> str:
    """The path of a mail's pixel."""
    return f"/o/{make_token(ref, Purpose.OPEN, secret)}"


def click_path(ref: str, target: str, secret: bytes) -> str:
    """The path that leads to a target, which is part of it and signed with it."""
    written = urlsafe_b64encode(target.encode()).decode().rstrip("=")
    return f"/l/{make_token(ref, Purpose.CLICK, secret)}/{_check(ref, written, secret)}{written}"


def _check(ref: str, written: str, secret: bytes) -> str:
    digest = hmac.digest(secret, f"target\0{ref}\0{written}".encode(), "sha256")
    return b32encode(digest).decode("ascii").lower()[:_CHECK]


def read_target(ref: str, signed: str, secret: bytes) -> str | None:
    """The target that a path carries; None where it is not ours, or no link to the web."""
    check, written = signed[:_CHECK], signed[_CHECK:]
    if not signed.isascii() or not hmac.compare_digest(check, _check(ref, written, secret)):
        return None
    try:
        target = urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
    except ValueError:
        return None
    return target if len(target) <= MAX_TARGET and web_link(target) else None


def machine_of(agent: str) -> Machine:
    """Who loaded it, as far as the browser's name for itself tells; mostly that is unknown."""
    lowered = agent.lower()
    return next((machine for word, machine in AGENTS if word in lowered), Machine.UNKNOWN)


async def opened(request: Request) -> Response:
    """The pixel; the first time in a second that it was loaded is an event."""
    mail = await _tracked(request, Purpose.OPEN)
    await _note(request, mail, EventKind.OPENED, None)
    return Response(PIXEL, media_type="image/gif")


async def clicked(request: Request) -> Response:
    """On to the target of a link."""
    mail = await _tracked(request, Purpose.CLICK)
    target = read_target(mail.ref, request.path_params["check"], site_of(request).key)
    if target is None:
        raise HTTPException(404)
    await _note(request, mail, EventKind.CLICKED, target)
    return RedirectResponse(target, status_code=302)


async def _tracked(request: Request, purpose: Purpose) -> Sending:
    if not site_of(request).settings.service.tracking:
        raise HTTPException(404)
    return await sending_of(request, purpose)


async def _note(request: Request, mail: Sending, kind: EventKind, url: str | None) -> None:
    if request.method == "HEAD":
        return
    site = site_of(request)
    now_us, machine = site.clock(), machine_of(request.headers.get("user-agent", ""))
    event = mail.event(kind, now_us, number=str(now_us // _SECOND_US), url=url, machine=machine.value)

    def write(connection: Connection) -> None:
        write_events(connection, [event])

    await site.write(write)
