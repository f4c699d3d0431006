"""The records of a post, one an event, and the reference of ours that each tells again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hygiene.config import Webhook
from hygiene.sending.transports.answer import REF_FIELD
from hygiene.tokens import REF_LENGTH

REF_HEADER: Final = "x-hygiene-ref"  # of mails, in lower case
_REF = re.compile(rf"[a-z2-7]{{{REF_LENGTH}}}")

#: where a provider tells again what we gave it; a number is a place in a list
REFS: Final[Mapping[Webhook, tuple[tuple[str | int, ...], ...]]] = {
    "ses": (("mail", "tags", REF_FIELD, 0),),
    "sendgrid": ((REF_FIELD,),),
    "mailgun": (("event-data", "user-variables", REF_FIELD),),
    "postmark": (("Metadata", REF_FIELD),),
    "brevo": (("X-Mailin-custom",),),
}
#: where it tells our Message-ID, which begins with the reference
MESSAGE_IDS: Final[Mapping[Webhook, tuple[tuple[str | int, ...], ...]]] = {
    "ses": (("mail", "commonHeaders", "messageId"),),
    "sendgrid": (("smtp-id",),),
    "mailgun": (("event-data", "message", "headers", "message-id"),),
    "postmark": (),
    "brevo": (("message-id",),),
}


def records_of(body: bytes) -> list[Any] | None:
    """The records of a post: the elements of a list, or the one; None for what is no JSON."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else [found]


def line_of(record: Any) -> bytes:
    """A record on one line of JSON; halves of characters become question marks."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def refs_of(provider: Webhook, record: Any) -> Iterator[str]:
    """Our references that a record may mean, the surest first."""
    event = _inner(record) if provider == "ses" else record
    for path in REFS[provider]:
        yield from _refs(_at(event, path))
    if provider == "ses":
        yield from _refs(_header(event))
    for path in MESSAGE_IDS[provider]:
        yield from _refs(str(_at(event, path) or "").strip("<> ").partition("@")[0])


def _refs(found: Any) -> Iterator[str]:
    if isinstance(found, str) and _REF.fullmatch(found.strip().lower()):
        yield found.strip().lower()


def _inner(record: Any) -> Any:
    """The event that SNS posts as a text."""
    text = _at(record, ("Message",))
    try:
        return json.loads(text) if isinstance(text, str) else record
    except (ValueError, RecursionError):
        return None


def _header(event: Any) -> Any:
    headers = _at(event, ("mail", "headers"))
    for each in headers if isinstance(headers, list) else ():
        if str(_at(each, ("name",))).lower() == REF_HEADER:
            return _at(each, ("value",))
    return None


def _at(found: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and len(found) > step else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
