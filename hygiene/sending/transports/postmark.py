"""Postmark: /email, which takes no raw mail but its parts.

https://postmarkapp.com/developer/api/email-api and .../api/overview (response codes, error codes), 2026-11.
Metadata comes back in every webhook. There is no idempotency key. 500 is documented as "in most cases the
message is lost", which is no promise: in doubt; 503 as planned maintenance, with JSON. Unconfirmed:
X-PM-KeepID, by which a Message-ID of one's own is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hygiene.credentials import Secret
from hygiene.sending.letter import Letter, Mail, Mailbox
from hygiene.sending.reply import Reply
from hygiene.sending.transports.answer import (
    DOUBT,
    INVALID_ADDRESS,
    LATER,
    OURS,
    TOO_LARGE,
    Answer,
    Meaning,
    Request,
    Sentences,
    in_words,
    make_reply,
    one_line,
    plain_text,
    refused,
    retry_after,
    sent,
    usual_meaning,
)
from hygiene.sending.transports.parts import header_fields, kept_beside, subject

PATH: Final = "/email"
_TAG: Final = 1000  # characters
_METADATA: Final = 80  # characters of a value

#: API error codes that /email gives; others of the 4xx statuses are a refusal
ERRORS: Final[Mapping[int, Meaning]] = {
    10: OURS,  # bad or missing API token
    100: LATER,  # maintenance
    300: refused(),  # invalid email request; see SENTENCES
    400: OURS,  # sender signature not found
    401: OURS,  # sender signature not confirmed
    405: OURS,  # not allowed to send: out of credits
    406: refused(suppressed=True),  # inactive recipient: hard bounce, complaint or manual suppression
    409: OURS,  # JSON required
    411: refused("5.6.1"),  # forbidden attachment type; RFC 3463 §3.7: media not supported
    412: OURS,  # account is pending
    413: OURS,  # account may not send
    429: LATER,  # rate limit exceeded
    1235: OURS,  # message stream not found
    1226: OURS,  # sending to this message stream is not supported
}
#: of error 300
SENTENCES: Final[Sentences] = {
    ("invalid 'from'",): OURS,
    ("'from' address",): OURS,
    ("invalid 'to'",): refused(INVALID_ADDRESS),
    ("error parsing 'to'",): refused(INVALID_ADDRESS),
    ("too large",): refused(TOO_LARGE),
}


@dataclass(frozen=True, kw_only=True)
class Postmark:
    """The API of one server of an account; `stream` is outbound or a broadcast stream's id."""

    base_url: str = "https://api.postmarkapp.com"
    server_token: Secret
    stream: str = "outbound"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no reply may show."""
        return (self.server_token,)

    @property
    def _login(self) -> dict[str, str]:
        return {"X-Postmark-Server-Token": self.server_token.reveal()}

    def request(self, mail: Mail, now: datetime) -> Request:  # noqa: ARG002 - needs no clock
        """A single email."""
        letter = mail.letter
        fields: dict[str, Any] = {
            "From": write_mailbox(letter.sender),
            "To": write_mailbox(Mailbox(address=mail.recipient, name=letter.to.name)),
            "ReplyTo": write_mailbox(letter.reply_to) if letter.reply_to else None,
            "Subject": subject(letter),
            "HtmlBody": letter.html,
            "TextBody": letter.text,
            "Headers": _headers(letter),
            "Metadata": {name: text[:_METADATA] for name, text in kept_beside(mail).items()},
            "Tag": one_line(mail.campaign)[:_TAG],
            "MessageStream": self.stream,
        }
        given = {name: value for name, value in fields.items() if value}
        headers = {"Content-Type": "application/json", **self._login}
        return Request(path=PATH, headers=headers, body=json.dumps(given).encode())

    def probe(self) -> Request:
        """The server of the token (https://postmarkapp.com/developer/api/server-api, 2026-11)."""
        return Request(method="GET", path="/server", headers=self._login)

    def read(self, answer: Answer, now: datetime) -> Reply:
        """200 with ErrorCode 0 is a success; an error code counts whatever the status."""
        code, message_id = answer.fields.get("ErrorCode"), answer.fields.get("MessageID")
        text = str(answer.fields.get("Message") or "") or plain_text(answer)
        if answer.status == 200 and code == 0 and isinstance(message_id, str):
            return sent(answer, message_id, text)
        words = f"error {code}: {text}" if code else text
        return make_reply(answer, _meaning(answer, code, text), words, retry_after_s=retry_after(answer, now))


def write_mailbox(mailbox: Mailbox) -> str:
    """``"Name" <address>``, the name as a quoted string (RFC 5322 §3.2.4), in UTF-8."""
    name = one_line(mailbox.name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <{mailbox.address}>' if name else mailbox.address


def _meaning(answer: Answer, code: Any, text: str) -> Meaning:
    if answer.status == 503 and isinstance(code, int):
        return LATER  # "planned service outages … associated JSON body"
    if answer.status >= 500:
        return DOUBT
    if code == 300:
        return in_words(text, SENTENCES, ERRORS[300])
    if isinstance(code, int) and code in ERRORS:
        return ERRORS[code]
    return refused() if code and answer.status == 200 else usual_meaning(answer.status)


def _headers(letter: Letter) -> list[dict[str, str]]:
    headers = {**header_fields(letter), "X-PM-KeepID": "true"}
    return [{"Name": name, "Value": value} for name, value in headers.items()]
