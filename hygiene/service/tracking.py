"""Opens and clicks by links of our own. A target is signed, or it leads nowhere.

Nothing is noted unless the settings say so; links in mails that are out lead on all the same.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hygiene.event import EventKind, Machine
from hygiene.period import read_period
from hygiene.render.safe import web_link
from hygiene.sending.ledger import write_events
from hygiene.service.people import Sending
from hygiene.service.site import site_of
from hygiene.service.unsubscribe import sending_of
from hygiene.service.webhooks.posts import microseconds
from hygiene.tokens import Purpose
from hygiene.tokens import read_target as read_signed

#: GIF89a, one transparent pixel
PIXEL: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
MAX_TARGET: Final = 2000  # characters
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


def read_target(ref: str, signed: str, secret: bytes) -> str | None:
    """The target that a path carries; None where it is not ours, or no link to the web."""
    target = read_signed(ref, signed, secret) or ""
    return target if len(target) <= MAX_TARGET and web_link(target) else None


def machine_of(agent: str) -> Machine:
    """Who loaded it, as far as the browser's name for itself tells; mostly that is unknown."""
    lowered = agent.lower()
    return next((machine for word, machine in AGENTS if word in lowered), Machine.UNKNOWN)


async def opened(request: Request) -> Response:
    """The pixel; the first time in a second that it was loaded is an event."""
    mail = await sending_of(request, Purpose.OPEN)
    await _note(request, mail, EventKind.OPENED, None)
    return Response(PIXEL, media_type="image/gif")


async def clicked(request: Request) -> Response:
    """On to the target of a link."""
    site, mail = site_of(request), await sending_of(request, Purpose.CLICK)
    target = read_target(mail.ref, request.path_params["check"], site.key)
    if target is None:
        raise HTTPException(404)
    if mail.queued_us < microseconds(read_period(site.settings.service.links_last).before(site.now)):
        raise HTTPException(410)  # whom the target belongs to by now, nobody knows
    await _note(request, mail, EventKind.CLICKED, target)
    return RedirectResponse(target, status_code=302)


async def _note(request: Request, mail: Sending, kind: EventKind, url: str | None) -> None:
    site = site_of(request)
    if request.method == "HEAD" or not site.settings.service.tracking:
        return
    now_us, machine = site.clock(), machine_of(request.headers.get("user-agent", ""))
    url = url if mail.recipient else None  # of somebody erased no link is kept, as it may tell whose it is
    event = mail.event(kind, now_us, number=str(now_us // _SECOND_US), url=url, machine=machine.value)

    def write(connection: Connection) -> None:
        write_events(connection, [event])

    await site.write(write)
