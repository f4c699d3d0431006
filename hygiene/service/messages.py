"""The API: a transactional mail is taken once, whatever is repeated, and what became of it can be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hygiene.address import Address, judge_address
from hygiene.errors import UsageError
from hygiene.sending.composing import Message
from hygiene.sending.last_dot import suppressed
from hygiene.sending.ledger import moment
from hygiene.sending.mailing import going_to
from hygiene.sending.queueing import KeyReused, queue_message
from hygiene.sending.states import State
from hygiene.service.entry import is_token
from hygiene.service.problem import Fault, Problem
from hygiene.service.site import Site, site_of
from hygiene.tables import CAMPAIGN, OUTBOX

STREAM: Final = "transactional"
MAX_SUBJECT: Final = 900  # characters: one line of a header has 998 octets (RFC 5322 §2.1.1)
MAX_KEY: Final = 255
MAX_HEADERS: Final = 20
#: header fields that a mail may bring along; all others are ours
HEADER: Final = re.compile(r"(?:X-(?!Hygiene-)[A-Za-z0-9-]{1,60}|In-Reply-To|References)", re.IGNORECASE)
KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")
REF: Final = re.compile(r"[a-z2-7]{16}")


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail that was queued is called. Its person must not be mailed where `suppressed` says why."""

    id: str
    href: str
    suppressed: str = ""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """Where a mail stands."""

    id: str
    state: State
    meaning: str
    tries: int
    queued_at: datetime
    changed_at: datetime
    code: int | None = None
    status: str = ""
    reply: str = ""
    reason: str = ""


async def queue(request: Request) -> Response:
    """Take a mail: 202 once it is written for good."""
    site = admitted(request)
    key = request.headers.get("idempotency-key", "")
    if not KEY.fullmatch(key):
        detail = (
            f"Idempotency-Key must be there, 1 to {MAX_KEY} visible ASCII characters, the same on every try."
        )
        raise Problem(400, detail)
    message = _read_message(await request.body(), request.headers.get("content-type", ""))
    try:
        queued = await run_in_threadpool(
            queue_message, site.store, message, site.settings, idempotency_key=key, now=site.now
        )
    except KeyReused:
        raise Problem(409, "This Idempotency-Key stands for another mail already.") from None
    except UsageError as error:
        raise Problem(422, f"{error}.") from None
    listed = await site.read(lambda connection: _listed(connection, site, queued.id, message.to))
    answer = Accepted(id=queued.ref, href=f"{site.root}/api/messages/{queued.ref}", suppressed=listed)
    return json_response(answer, status=202, headers={"location": answer.href})


async def show(request: Request) -> Response:
    """Tell what became of a mail."""
    site, ref = admitted(request), request.path_params["ref"]
    fate = await site.read(lambda connection: _fate(connection, ref)) if REF.fullmatch(ref) else None
    if fate is None:
        raise Problem(404, "There is no such message.")
    return json_response(fate)


def admitted(request: Request) -> Site:
    """The site, for somebody with the API's token who does not ask too often."""
    site = site_of(request)
    if not site.api_token:
        raise Problem(404, "The API is off: set service.api_token.")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    known = scheme.lower() == "bearer" and is_token(given.strip(), site.api_token)
    limit, who = (site.api_limit, "api") if known else (site.strangers, site.peer(request))
    if wait_s := limit.wait_s(who):
        raise Problem(429, "Too many requests.", headers={"retry-after": str(wait_s)})
    if not known:
        raise Problem(401, "A valid token is needed.", headers={"www-authenticate": "Bearer"})
    return site


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(
        msgspec.json.encode(value), status_code=status, media_type="application/json", headers=headers
    )


def _read_message(body: bytes, media_type: str) -> Message:
    if media_type.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "The body must be application/json.", headers={"accept": "application/json"})
    try:
        message = msgspec.json.decode(body, type=Message)
    except msgspec.ValidationError as error:
        raise Problem(422, "The message cannot be sent.", errors=[_fault(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "The body is no JSON.") from None
    if errors := list(faults(message)):
        raise Problem(422, "The message cannot be sent.", errors=errors)
    return message


def _fault(said: str) -> Fault:
    """`Expected str, got int - at `$.subject`` as a pointer and a sentence."""
    detail, _, place = said.partition(" - at ")
    path = place.strip("`").removeprefix("$").replace(".", "/").replace("[...]", "/…")
    return Fault(f"#{path}", f"{detail}.")


def faults(message: Message) -> Iterator[Fault]:
    """What keeps a message from being sent."""
    to = judge_address(message.to)
    if not isinstance(to, Address):
        yield Fault("#/to", to.detail)
    if message.reply_to and not isinstance(judge_address(message.reply_to), Address):
        yield Fault("#/reply_to", "It is no address.")
    if not message.subject.strip() or len(message.subject) > MAX_SUBJECT:
        yield Fault("#/subject", f"It must have 1 to {MAX_SUBJECT} characters.")
    for name in ("subject", "to_name", "to", "reply_to"):
        if not getattr(message, name).isprintable():
            yield Fault(f"#/{name}", "It must be one line without control characters.")
    if not (message.html.strip() or message.text.strip()):
        yield Fault("#/text", "There must be text, or html, or both.")
    if any("\0" in each or not _is_unicode(each) for each in (message.html, message.text)):
        yield Fault("#/text", "It must be text in UTF-8 without NUL.")
    yield from _header_faults(message.headers)


def _header_faults(headers: dict[str, str]) -> Iterator[Fault]:
    if len(headers) > MAX_HEADERS:
        yield Fault("#/headers", f"There may be {MAX_HEADERS} at most.")
    for name, value in headers.items():
        if not HEADER.fullmatch(name):
            yield Fault("#/headers", f"{name[:40]!r} is not yours to set: X-…, In-Reply-To and References are.")
        elif not value.isprintable() or not value.isascii() or not 0 < len(value) <= MAX_SUBJECT:
            yield Fault(
                "#/headers", f"{name[:40]} must be one line of ASCII, at most {MAX_SUBJECT} characters."
            )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _listed(connection: Connection, site: Site, row: int, address: str) -> str:
    """Why the person of a mail must not be mailed, as far as is known now; else ""."""
    going = going_to(address, row=row, stream=STREAM, topic=STREAM, secret=site.key)
    return suppressed(connection, [going]).get(row, "")


def _fate(connection: Connection, ref: str) -> Fate | None:
    o = OUTBOX.c
    query = select(OUTBOX).join(CAMPAIGN, o.campaign == CAMPAIGN.c.id)
    row = connection.execute(query.where(o.ref == ref, CAMPAIGN.c.stream == STREAM)).one_or_none()
    if row is None:
        return None
    state = State(row.state)
    return Fate(
        id=row.ref,
        state=state,
        meaning=state.meaning,
        tries=row.tries,
        queued_at=moment(row.place),
        changed_at=moment(row.changed_us),
        code=row.code,
        status=row.status,
        reply=row.reply,
        reason=row.reason,
    )
