"""The web service as an ASGI application: which path goes where."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from hygiene.errors import HygieneError
from hygiene.service import (
    confirm,
    dashboard,
    health,
    messages,
    openapi,
    preferences,
    provider_posts,
    tracking,
    unsubscribe,
)
from hygiene.service.guard import Guard
from hygiene.service.page import say, static_file
from hygiene.service.problem import Problem, problem_response
from hygiene.service.site import Site

_WORDS = {
    400: ("This could not be understood.", ""),
    403: ("This is not yours to do.", "Please sign in again."),
    404: ("There is nothing here.", "The link may be damaged, or no longer in use."),
    405: ("This cannot be done here.", ""),
    408: ("This took too long.", "Please try again."),
    410: ("This link is too old.", "Please ask for a new one."),
    413: ("This is too large.", ""),
    422: ("This could not be understood.", ""),
    429: ("Too many requests.", "Please try again in a minute."),
    503: ("This could not be done just now.", "Nothing was changed. Please try again in a minute."),
}
_AGAIN_S = "60"


def build_app(site: Site, *, timer: Callable[[], float]) -> ASGIApp:
    """The application. `timer` gives seconds for measuring."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        site.begin()
        yield
        await site.end()

    app = Starlette(
        routes=list(_routes(site)),
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused, HygieneError: _unable, Exception: _broken},
    )
    app.state.site = site
    peer = (lambda scope: site.peer(Request(scope))) if site.log_addresses else None
    https = site.base.startswith("https://")
    return Guard(app, log=site.log, timer=timer, https=https, peer=peer)


def _routes(_site: Site) -> list[BaseRoute]:
    return [
        Route("/", dashboard.board, methods=["GET"]),
        Route("/sign-in", dashboard.sign_in_form, methods=["GET"]),
        Route("/sign-in", dashboard.sign_in, methods=["POST"]),
        Route("/sign-out", dashboard.sign_out, methods=["POST"]),
        Route("/doubts", dashboard.resolve, methods=["POST"]),
        Route("/live", dashboard.changes, methods=["GET"]),
        Route("/u/{token}", unsubscribe.ask, methods=["GET"]),
        Route("/u/{token}", unsubscribe.act, methods=["POST"]),
        Route("/u/{token}/preferences", preferences.ask, methods=["GET"]),
        Route("/u/{token}/preferences", preferences.act, methods=["POST"]),
        Route("/subscribe", confirm.form, methods=["GET"]),
        Route("/subscribe", confirm.subscribe, methods=["POST"]),
        Route("/c/{token}", confirm.ask, methods=["GET"]),
        Route("/c/{token}", confirm.act, methods=["POST"]),
        Route("/o/{token}", tracking.opened, methods=["GET"]),
        Route("/l/{token}/{check}", tracking.clicked, methods=["GET"]),
        Route("/webhooks/{provider}", provider_posts.take, methods=["POST"]),
        Route("/healthz", health.alive, methods=["GET"]),
        Route("/readyz", health.ready, methods=["GET"]),
        Route("/metrics", health.metrics, methods=["GET"]),
        Route("/api/messages", messages.queue, methods=["POST"]),
        Route("/api/messages/{ref}", messages.show, methods=["GET"]),
        Route("/openapi.json", openapi.describe, methods=["GET"]),
        Route("/static/{digest}/{name}", static_file),
    ]


async def _refused(request: Request, error: Exception) -> Response:
    """A page for a status; the same for a forged link as for one that never was."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if _is_api(request):
        return problem_response(error)
    title, text = _WORDS.get(error.status_code, _WORDS[400])
    response = say(request, title, text, status=error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _unable(request: Request, error: Exception) -> Response:
    """The store cannot be used just now."""
    request.app.state.site.log(f"could not answer: {error}")
    return await _refused(request, Problem(503, _WORDS[503][0], headers={"retry-after": _AGAIN_S}))


async def _broken(request: Request, _error: Exception) -> Response:
    """A fault of ours; what it is stays in the log."""
    if _is_api(request):
        return problem_response(Problem(500, "Something went wrong here."))
    return say(request, "Something went wrong here.", "It was written down. Nothing was changed.", status=500)


def _is_api(request: Request) -> bool:
    return request.url.path.removeprefix(request.scope.get("root_path", "")).startswith("/api/")
