"""Unsubscribing by a link: GET asks, POST acts, at once and as often as it comes (RFC 8058)."""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hygiene.service.leaving import Leave
from hygiene.service.page import masked, show
from hygiene.service.people import Sending, find_sending
from hygiene.service.site import site_of
from hygiene.tokens import Purpose, read_token

ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")  # RFC 8058 §3.1
_LITERAL: Final = b"List-Unsubscribe=One-Click"
_ALL: Final = "all marketing mail"


async def ask(request: Request) -> Response:
    """A page with one button; nothing happens yet, as filters open every link."""
    mail = await sending_of(request, Purpose.UNSUBSCRIBE)
    return show(request, "leave", **_words(request, mail))


async def act(request: Request) -> Response:
    """Leave: what a mailbox provider posts, or the button."""
    ref = ref_of(request, Purpose.UNSUBSCRIBE)
    one_click, everything = await _wish(request)
    site = site_of(request)
    wish = Leave(
        ref=ref,
        everything=everything,
        how="one-click" if one_click else "page",
        wording="=".join(ONE_CLICK)
        if one_click
        else "Unsubscribe, also from all other marketing mail"
        if everything
        else "Unsubscribe",
        origin=site.origin(request),
    )
    mail = await site.leaves.ask(wish)
    if mail is None:
        raise HTTPException(404)
    if one_click:
        return PlainTextResponse("unsubscribed\n")
    return show(request, "left", everything=everything or not mail.marketing, **_words(request, mail))


async def _wish(request: Request) -> tuple[bool, bool]:
    """Whether it is a one-click post, and whether all marketing is meant."""
    body = await request.body()
    if body == _LITERAL:
        return True, False
    async with request.form(max_files=0, max_fields=20) as form:
        chosen = form.getlist("leave")
        if form.get(ONE_CLICK[0]) == ONE_CLICK[1]:
            return True, False
    if not {"topic", "all"} & set(chosen):
        raise HTTPException(400)
    return False, "all" in chosen


def ref_of(request: Request, purpose: Purpose) -> str:
    """The reference in the path's token; 404 for one that is forged, damaged or of another purpose."""
    ref = read_token(request.path_params["token"], purpose, site_of(request).key)
    if ref is None:
        raise HTTPException(404)
    return ref


async def sending_of(request: Request, purpose: Purpose) -> Sending:
    """The mail that the path's token was made for."""
    site, ref = site_of(request), ref_of(request, purpose)
    mail = await site.read(lambda connection: find_sending(connection, ref, site.key))
    if mail is None:
        raise HTTPException(404)
    return mail


def _words(request: Request, mail: Sending) -> dict[str, Any]:
    return {
        "sender": site_of(request).sender_name(mail.stream),
        "topic": mail.topic if mail.marketing else _ALL,
        "marketing": mail.marketing,
        "address": masked(mail.recipient),
        "token": request.path_params["token"],
    }
