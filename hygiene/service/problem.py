"""Problem details: how the API says what is wrong (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Fault(NamedTuple):
    """What is wrong with one member of a body; `pointer` is a JSON pointer (RFC 6901) behind a #."""

    pointer: str
    detail: str


class Problem(HTTPException):
    """An answer that is no success, with its reason."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.errors = tuple(errors)
        super().__init__(status, detail, dict(headers or {}))


def problem_response(error: HTTPException) -> Response:
    """The answer for an exception."""
    title = HTTPException(error.status_code).detail  # the phrase of RFC 9110
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": error.status_code}
    if error.detail and error.detail != title:
        body["detail"] = error.detail
    if isinstance(error, Problem) and error.errors:
        body["errors"] = [each._asdict() for each in error.errors]
    return Response(
        msgspec.json.encode(body),
        status_code=error.status_code,
        media_type=MEDIA_TYPE,
        headers=dict(error.headers or {}),
    )
