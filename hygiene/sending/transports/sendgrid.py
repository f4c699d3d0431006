"""Twilio SendGrid: v3 Mail Send, which takes no raw mail but its parts.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, .../mail-send/errors,
.../how-to-use-the-sendgrid-v3-api/errors, .../responses and .../rate-limits, 2026-11.
Custom arguments come back in every event, X-Message-Id is how events' sg_message_id begin. There is no
idempotency key. Mail to addresses on its suppression lists is taken, and dropped with an event. Unconfirmed:
that a Message-ID among the headers is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hygiene.credentials import Secret
from hygiene.sending.letter import Letter, Mail
from hygiene.sending.reply import Outcome, Reply
from hygiene.sending.transports.answer import (
    INVALID_ADDRESS,
    LATER,
    Answer,
    Meaning,
    Request,
    make_reply,
    one_line,
    plain_text,
    refused,
    retry_after,
    seconds_until,
    sent,
    usual_meaning,
)
from hygiene.sending.transports.parts import header_fields, kept_beside, mailbox_fields, subject

PATH: Final = "/v3/mail/send"
HOSTS: Final = {
    "": "https://api.sendgrid.com",
    "us": "https://api.sendgrid.com",
    "eu": "https://api.eu.sendgrid.com",
}
_CATEGORY: Final = 255  # characters

#: headers that SendGrid writes itself and refuses to be given (Mail Send, "headers")
RESERVED: Final = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
)
#: "The SendGrid v3 Web API is not available": it has not come to the mail
STATUSES: Final[Mapping[int, Meaning]] = {503: LATER}


@dataclass(frozen=True, kw_only=True)
class SendGrid:
    """The API with one key."""

    base_url: str = HOSTS[""]
    api_key: Secret

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no reply may show."""
        return (self.api_key,)

    @property
    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key.reveal()}"}

    def request(self, mail: Mail, now: datetime) -> Request:  # noqa: ARG002 - needs no clock
        """One personalization: one recipient."""
        letter = mail.letter
        fields: dict[str, Any] = {
            "personalizations": [{"to": [mailbox_fields(letter.to, mail.recipient)]}],
            "from": mailbox_fields(letter.sender),
            "subject": subject(letter) or " ",
            "content": list(_content(letter)),
            "headers": header_fields(letter, RESERVED),
            "custom_args": kept_beside(mail),
        }
        if letter.reply_to:
            fields["reply_to"] = mailbox_fields(letter.reply_to)
        if campaign := one_line(mail.campaign):
            fields["categories"] = [campaign[:_CATEGORY]]
        headers = {"Content-Type": "application/json", **self._login}
        return Request(path=PATH, headers=headers, body=json.dumps(fields).encode())

    def probe(self) -> Request:
        """The scopes of the key (twilio.com/docs/sendgrid/api-reference/api-key-permissions, 2026-11)."""
        return Request(method="GET", path="/v3/scopes", headers=self._login)

    def read(self, answer: Answer, now: datetime) -> Reply:
        """202 is a success, whatever its body; 200 is the sandbox's, which sends nothing."""
        if answer.status == 202:
            return sent(answer, answer.headers.get("x-message-id", ""))
        errors = [error for error in _listed(answer.fields.get("errors")) if isinstance(error, dict)]
        text = "; ".join(str(error.get("message", "")) for error in errors) or plain_text(answer)
        wait = retry_after(answer, now)
        reset = seconds_until(answer.headers.get("x-ratelimit-reset", ""), now)
        return make_reply(answer, _meaning(answer, errors), text, retry_after_s=reset if wait is None else wait)


def _meaning(answer: Answer, errors: list[dict[str, Any]]) -> Meaning:
    usual = STATUSES.get(answer.status) or usual_meaning(answer.status)
    about_the_recipient = any(".to" in str(error.get("field") or "") for error in errors)
    return refused(INVALID_ADDRESS) if about_the_recipient and usual.outcome is Outcome.REFUSED else usual


def _content(letter: Letter) -> Iterator[dict[str, str]]:
    """Plain text comes first, or it is refused."""
    for kind, text in (("text/plain", letter.text), ("text/html", letter.html)):
        if text:
            yield {"type": kind, "value": text}


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
