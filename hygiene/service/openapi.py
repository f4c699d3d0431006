"""The API's own description (OpenAPI 3.1), made from the types that the API reads and writes."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hygiene.sending.composing import Message
from hygiene.service import messages
from hygiene.service.problem import MEDIA_TYPE
from hygiene.service.site import site_of

_REF: Final = "#/components/schemas/{name}"
_PROBLEMS: Final = {
    400: "The body is no JSON, or the Idempotency-Key is missing.",
    401: "The token is missing or wrong.",
    404: "There is no such message, or the API is off.",
    408: "The body took too long to arrive.",
    409: "The Idempotency-Key stands for another mail.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The message cannot be sent; `errors` says which members are to blame.",
    429: "Too many requests; Retry-After says when.",
    503: "The store cannot be used just now; nothing was queued. Try again with the same key.",
}


async def describe(request: Request) -> Response:
    """The document."""
    return messages.json_response(document(site_of(request).base))


def document(base: str) -> dict[str, Any]:
    """The document of the API at an address."""
    schemas, components = msgspec.json.schema_components(
        [Message, messages.Accepted, messages.Fate], ref_template="#/components/schemas/{name}"
    )
    components["Problem"] = _problem()
    _bound(components["Message"]["properties"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hygiene",
            "version": "1",
            "description": "Queue transactional mail, once each, and ask what became of it.",
        },
        "servers": [{"url": base or "/"}],
        "security": [{"token": []}],
        "paths": {
            "/api/messages": {"post": _queueing(*schemas[:2])},
            "/api/messages/{id}": {"get": _asking(schemas[2])},
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _queueing(message: dict[str, Any], accepted: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "queueMessage",
        "summary": "Queue a mail",
        "description": (
            "202 is answered once the mail is written for good. The same key with the same body is the "
            "same mail and the same answer; with another body it is 409. A mail to somebody who bounced or "
            "complained is taken, named `suppressed` at once, and never sent; who unsubscribed still gets "
            "receipts."
        ),
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "Your own name for this mail, such as order-1001-receipt.",
                "schema": {"type": "string", "pattern": f"^{messages.KEY.pattern}$"},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": message}}},
        "responses": {
            "202": {
                "description": "It is queued.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": accepted}},
            },
            **_problems(*(status for status in _PROBLEMS)),
        },
    }


def _asking(fate: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "getMessage",
        "summary": "Where a mail stands",
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": f"^{messages.REF.pattern}$"},
            }
        ],
        "responses": {
            "200": {
                "description": "It stands there.",
                "content": {"application/json": {"schema": fate}},
            },
            **_problems(401, 404, 429, 503),
        },
    }


def _problems(*statuses: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {str(each): {"description": _PROBLEMS[each], "content": content} for each in statuses}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    fault = {
        "type": "object",
        "properties": {"pointer": text, "detail": text},
        "required": ["pointer", "detail"],
    }
    return {
        "type": "object",
        "description": "RFC 9457.",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {"type": "array", "items": fault},
        },
        "required": ["type", "title", "status"],
    }


def _bound(properties: dict[str, Any]) -> None:
    """What the types do not say: lengths, and what may stand there."""
    properties["to"] |= {"format": "email", "description": "One address."}
    properties["to_name"] |= {"description": "The name before the address."}
    properties["subject"] |= {"minLength": 1, "maxLength": messages.MAX_SUBJECT}
    properties["headers"] |= {
        "description": "X-…, In-Reply-To, References",
        "maxProperties": messages.MAX_HEADERS,
        "propertyNames": {"pattern": f"^{messages.HEADER.pattern}$"},
    }
