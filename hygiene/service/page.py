"""Pages for people: templates that escape everything, and the few files that a page loads besides."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hygiene.files import packaged_text
from hygiene.render.safe import printable
from hygiene.service.site import site_of

#: what is served, and nothing else: no request names a file
_FILES: Final = {
    "page.css": ("hygiene.render", "text/css"),
    "service.css": ("hygiene.service.static", "text/css"),
    "live.js": ("hygiene.service.static", "text/javascript"),
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"  # the address changes with the content


def show(request: Request, name: str, /, *, status: int = 200, **values: Any) -> Response:
    """The page of a template."""
    return HTMLResponse(draw(request, name, **values), status_code=status)


def draw(request: Request, name: str, /, **values: Any) -> str:
    """Its text."""
    root = site_of(request).root
    return _environment().get_template(f"{name}.html.j2").render(root=root, digest=digest(), **values)


def say(request: Request, title: str, text: str = "", *, status: int = 200) -> Response:
    """A page that says one thing."""
    return show(request, "said", status=status, title=title, text=text)


async def static_file(request: Request) -> Response:
    """A file that a page loads."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(404)
    kind = _FILES[name][1]
    return Response(_text(name), media_type=kind, headers={"cache-control": _FOR_EVER})


def masked(address: str | None) -> str:
    """An address as its owner knows it again, and nobody else.

    >>> masked("ann.lee@shop.example")
    'a•••@shop.example'
    """
    local, at, domain = (address or "").rpartition("@")
    return f"{local[:1]}•••{at}{domain}" if at else ""


@cache
def digest() -> str:
    """What changes when one of the files does."""
    return hashlib.sha256("".join(_text(name) for name in _FILES).encode()).hexdigest()[:12]


@cache
def _text(name: str) -> str:
    return packaged_text(_FILES[name][0], name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: packaged_text("hygiene.service.templates", name)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else printable(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
