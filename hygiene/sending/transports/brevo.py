"""Brevo: /v3/smtp/email, which takes no raw mail but its parts.

https://developers.brevo.com/reference/sendtransacemail, .../docs/how-it-works, .../docs/limit-headers and
.../docs/heterogenous-versions-batch-emails, 2026-11. idempotencyKey among the headers must be a UUID; it holds
for 30 minutes by that page, 15 by the changelog of 2021. X-Mailin-custom comes back in every webhook.
Unconfirmed: how a repeated key is answered (duplicate_request is taken for it), most codes of errors, and what
a 503 promises: it is in doubt like any 5xx.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hygiene.credentials import Secret
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Reply
from hygiene.sending.transports.answer import (
    DOUBT,
    INVALID_ADDRESS,
    OURS,
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
    seconds_left,
    sent,
    usual_meaning,
)
from hygiene.sending.transports.parts import header_fields, mailbox_fields, subject

PATH: Final = "/v3/smtp/email"
_KEYS: Final = uuid.UUID("6b1d3f0e-6c1b-5b7e-9a44-0e0b8a6f6d1c")  # ours; the reference makes the rest
_RESERVED: Final = frozenset({"sender", "content-type", "content-transfer-encoding"})

#: codes of errors; others of the 4xx statuses are a refusal
ERRORS: Final[Mapping[str, Meaning]] = {
    "unauthorized": OURS,
    "permission_denied": OURS,
    "not_enough_credits": OURS,
    "account_under_validation": OURS,
    "method_not_allowed": OURS,
    "not_acceptable": OURS,
    "document_not_found": OURS,
    "duplicate_request": DOUBT,  # an earlier try with the same key got through
}
#: of refusals
SENTENCES: Final[Sentences] = {
    ("sender", "not valid"): OURS,
    ("sender", "invalid"): OURS,
    ("email is not valid",): refused(INVALID_ADDRESS),
}


@dataclass(frozen=True, kw_only=True)
class Brevo:
    """The API with one key."""

    base_url: str = "https://api.brevo.com"
    api_key: Secret

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no reply may show."""
        return (self.api_key,)

    @property
    def _login(self) -> dict[str, str]:
        return {"api-key": self.api_key.reveal()}

    def request(self, mail: Mail, now: datetime) -> Request:  # noqa: ARG002 - needs no clock
        """A transactional email."""
        letter = mail.letter
        fields: dict[str, Any] = {
            "sender": mailbox_fields(letter.sender),
            "to": [mailbox_fields(letter.to, mail.recipient)],
            "replyTo": mailbox_fields(letter.reply_to) if letter.reply_to else None,
            "subject": subject(letter),
            "htmlContent": letter.html,
            "textContent": letter.text,
            "headers": {**header_fields(letter, _RESERVED), **_own_headers(mail.ref)},
            "tags": [tag] if (tag := one_line(mail.campaign)) else None,
        }
        given = {name: value for name, value in fields.items() if value}
        headers = {"Content-Type": "application/json", **self._login}
        return Request(path=PATH, headers=headers, body=json.dumps(given).encode())

    def probe(self) -> Request:
        """The account (https://developers.brevo.com/reference/getaccount, 2026-11)."""
        return Request(method="GET", path="/v3/account", headers=self._login)

    def read(self, answer: Answer, now: datetime) -> Reply:
        """201 (202 for a later moment) with a messageId is a success; an error's code counts anyway."""
        message_id = answer.fields.get("messageId")
        if answer.status in {201, 202} and isinstance(message_id, str):
            return sent(answer, message_id.strip("<> "))
        code, message = str(answer.fields.get("code") or ""), str(answer.fields.get("message") or "")
        text = f"{code}: {message}" if code else message or plain_text(answer)
        wait = retry_after(answer, now)
        if wait is None:
            wait = seconds_left(answer.headers.get("x-sib-ratelimit-reset", ""))
        return make_reply(answer, _meaning(answer, code, message), text, retry_after_s=wait)


def idempotency_key(ref: str) -> str:
    """The UUID of a reference, the same on every try."""
    return str(uuid.uuid5(_KEYS, ref))


def _meaning(answer: Answer, code: str, message: str) -> Meaning:
    usual = ERRORS.get(code) or usual_meaning(answer.status)
    if code and 200 <= answer.status < 300 and code not in ERRORS:
        usual = refused()
    return in_words(message, SENTENCES, usual) if usual.outcome is Outcome.REFUSED else usual


def _own_headers(ref: str) -> dict[str, str]:
    return {"X-Mailin-custom": ref, "idempotencyKey": idempotency_key(ref)}
