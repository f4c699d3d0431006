"""The dashboard: pages for whoever is signed in. They work without a script, and move with one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hygiene.errors import HygieneError
from hygiene.render.page import render_body
from hygiene.render.sections import Document
from hygiene.sending.status import Resolution, read_doubts, read_status, resolve_doubts
from hygiene.service.board import Now, audits_document, figures_document, lists_document, now_document
from hygiene.service.entry import SESSION_S, is_token
from hygiene.service.page import draw, show
from hygiene.service.saved_audits import read_audits
from hygiene.service.site import Site, site_of
from hygiene.service.webhooks.posts import count_pending
from hygiene.suppression_forms import Reason
from hygiene.tables import OPT_OUT, SUPPRESSION

_SHOWN_DOUBTS: Final = 20
_SECOND_US: Final = 1_000_000
_NOW_US: Final = _SECOND_US  # for which what is now is told again
_PATIENCE_S: Final = 2.0  # that a page waits for figures; they are there the next time
_GLANCE_S: Final = 0.1  # that one which is open waits for them, each turn
_TURN_S: Final = 1.0  # between looks of a page that is open
_SILENCE: Final = 15  # looks without news, after which a word keeps the connection open
_RESOLUTIONS: Final[dict[str, Resolution]] = {"sent": "sent", "resend": "resend"}


# Signing in


async def sign_in_form(request: Request) -> Response:
    """The form for the token."""
    _enabled(request)
    return show(request, "sign_in", fault="", sender=site_of(request).sender_name())


async def sign_in(request: Request) -> Response:
    """Take the token; the browser gets a session that no script can read and no other site can use."""
    site = _enabled(request)
    if wait_s := site.strangers.wait_s(site.peer(request)):
        raise HTTPException(429, headers={"retry-after": str(wait_s)})
    async with request.form(max_files=0, max_fields=5) as form:
        given = str(form.get("token", ""))
    if not is_token(given, site.dashboard_token):
        return show(request, "sign_in", status=401, fault="That is not the token.", sender=site.sender_name())
    answer = RedirectResponse(f"{site.root}/", status_code=303)
    answer.set_cookie(
        _cookie(site),
        site.sessions.new(),
        max_age=SESSION_S,
        path=f"{site.root}/",
        secure=_is_https(site),
        httponly=True,
        samesite="strict",
    )
    return answer


async def sign_out(request: Request) -> Response:
    """Forget the session."""
    site, _ = await _posted(request)
    answer = RedirectResponse(f"{site.root}/sign-in", status_code=303)
    answer.delete_cookie(_cookie(site), path=f"{site.root}/", secure=_is_https(site), httponly=True)
    return answer


def _is_https(site: Site) -> bool:
    return site.base.startswith("https://")


def _cookie(site: Site) -> str:
    """RFC 6265bis §4.1.3.2: a name that browsers take only with Secure, for this host and its whole path."""
    return "__Host-session" if _is_https(site) and not site.root else "session"


def _enabled(request: Request) -> Site:
    site = site_of(request)
    if not site.dashboard_token:
        raise HTTPException(404)
    return site


def _session(request: Request) -> str | None:
    """The session that is open."""
    site = _enabled(request)
    session = request.cookies.get(_cookie(site), "")
    return session if site.sessions.is_open(session) else None


async def _posted(request: Request) -> tuple[Site, FormData]:
    """The form of somebody signed in, from a page of ours."""
    session, site = _session(request), site_of(request)
    form = await request.form(max_files=0, max_fields=200)
    if session is None or not site.sessions.is_form_token(str(form.get("form", "")), session):
        raise HTTPException(403)
    return site, form


# The page


async def board(request: Request) -> Response:
    """Everything on one page."""
    site, session = _enabled(request), _session(request)
    if session is None:
        return RedirectResponse(f"{site.root}/sign-in", status_code=303)
    live = await _live(request, session)
    return show(
        request,
        "board",
        name=site.sender_name(),
        live=live,
        lately=await _lately(site),
        form_token=site.sessions.form_token(session),
    )


async def resolve(request: Request) -> Response:
    """Say of mails in doubt that they were sent, or have them sent once more."""
    site, form = await _posted(request)
    how = _RESOLUTIONS.get(str(form.get("how", "")))
    ids = [int(str(each)) for each in form.getlist("id") if str(each).isdecimal() and len(str(each)) < 19]
    if how is None or not ids:
        raise HTTPException(400)
    await run_in_threadpool(resolve_doubts, site.store, ids, how, now_us=site.clock())
    site.forget("now")
    return RedirectResponse(f"{site.root}/", status_code=303)


async def changes(request: Request) -> Response:
    """What is now, and what was lately, each again whenever it changed (server-sent events)."""
    session = _session(request)
    if session is None:
        raise HTTPException(403)
    return StreamingResponse(
        _turns(request, session), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


async def _turns(request: Request, session: str) -> AsyncIterator[str]:
    site, silent = site_of(request), 0
    before = {"message": await _live(request, session), "lately": await _lately(site)}
    yield "retry: 5000\n\n"
    while site.sessions.is_open(session) and not site.stopping:
        await asyncio.sleep(_TURN_S)
        now = {"message": await _live(request, session), "lately": await _lately(site, _GLANCE_S)}
        for name, news in now.items():
            if news != before[name]:
                yield f"event: {name}\n" + "".join(f"data: {line}\n" for line in news.splitlines()) + "\n"
                silent = 0
        before, silent = now, silent + 1
        if silent > _SILENCE:
            yield ": nothing new\n\n"
            silent = 0


async def _live(request: Request, session: str) -> Markup:
    site = site_of(request)
    now = await site.kept("now", _NOW_US, lambda: _read_now(site))
    return Markup(  # noqa: S704 - the template has escaped it
        draw(
            request,
            "live",
            top=render_body([now_document(now, site.sender_name())]),
            doubts=now.doubts[:_SHOWN_DOUBTS],
            more=max(len(now.doubts) - _SHOWN_DOUBTS, 0),
            form_token=site.sessions.form_token(session),
        )
    )


def _read_now(site: Site) -> Now:
    return Now(
        campaigns=read_status(site.store).campaigns,
        doubts=read_doubts(site.store),
        posts_waiting=count_pending(site.store),
    )


async def _lately(site: Site, patience_s: float = _PATIENCE_S) -> Markup:
    """The figures, the lists and the audits as they were read last; one that takes long is not waited for."""
    parts = [await site.soon(name, for_us, partial(read, site), patience_s) for name, for_us, read in _LATELY]
    counting = _drawn(figures_document(None, "being counted: look again in a moment"))
    return Markup("").join(counting if part is None else part for part in parts)


def _drawn(document: Document) -> Markup:
    return render_body([document])


def _read_figures(site: Site) -> Markup:
    return _drawn(figures_document(*_measured(site)))


def _read_lists(site: Site) -> Markup:
    with site.store.reading() as connection:
        return _drawn(lists_document(_suppressed(connection), _opt_outs(connection)))


def _read_audits(site: Site) -> Markup:
    folder = site.settings.service.audits
    audits = read_audits(folder) if folder else []
    return _drawn(audits_document(audits)) if audits else Markup("")


#: parts that change more slowly: name, for how long they stand, how they are read
_LATELY: Final = (
    ("figures", 10 * _SECOND_US, _read_figures),
    ("lists", 2 * _SECOND_US, _read_lists),
    ("audits", 10 * _SECOND_US, _read_audits),
)


def _measured(site: Site) -> tuple[Any, str]:
    from hygiene.metrics.measure import measure

    settings = site.settings.measure
    try:
        kpis = measure(
            site.log_place or site.store.place,
            benchmarks=settings.benchmarks,
            timezone=settings.timezone,
            attribution=settings.attribution,
            human=settings.human,
            memory_limit=settings.memory_limit,
            causes=False,
        )
    except HygieneError:
        return None, "no mail was sent yet"
    return (kpis, "") if kpis.account.of_mails else (None, "no mail was sent yet")


def _suppressed(connection: Connection) -> dict[Reason, int]:
    query = select(SUPPRESSION.c.reason, func.count()).group_by(SUPPRESSION.c.reason)
    return dict(Counter({Reason(reason): count for reason, count in connection.execute(query)}))


def _opt_outs(connection: Connection) -> dict[str, int]:
    query = select(OPT_OUT.c.topic, func.count()).group_by(OPT_OUT.c.topic)
    return {row[0]: row[1] for row in connection.execute(query)}
