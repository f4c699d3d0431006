"""Mailgun: messages.mime, which takes the raw mail.

https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Messages/,
.../user-manual/sending-messages/send-http and .../quickstart-guide/responses, 2026-11. Variables come back in
every event. There is no idempotency key; mail to addresses on its suppression lists is taken, and fails with an
event. 500 is documented as "internal error, retries are recommended", not as not taken: in doubt. Unconfirmed:
which status a domain that may not send gets (its sentence is documented by examples only).
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from hygiene.credentials import Secret
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Reply
from hygiene.sending.transports.answer import (
    INVALID_ADDRESS,
    OURS,
    Answer,
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
from hygiene.sending.transports.parts import kept_beside

HOSTS: Final = {
    "": "https://api.mailgun.net",
    "us": "https://api.mailgun.net",
    "eu": "https://api.eu.mailgun.net",
}
_TAG: Final = 128  # characters, ASCII

SENTENCES: Final[Sentences] = {
    ("'from' parameter is not a valid address",): OURS,
    ("not a valid address",): refused(INVALID_ADDRESS),
    ("not allowed to send",): OURS,  # the domain is not verified, disabled, or at its limit
    ("test purposes only",): OURS,  # a sandbox domain
}


@dataclass(frozen=True, kw_only=True)
class Mailgun:
    """The API of one sending domain."""

    base_url: str = HOSTS[""]
    domain: str
    api_key: Secret

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no reply may show, the encoded form included."""
        return (self.api_key, Secret(self._basic))

    @property
    def _basic(self) -> str:
        return b64encode(f"api:{self.api_key.reveal()}".encode()).decode("ascii")

    def request(self, mail: Mail, now: datetime) -> Request:  # noqa: ARG002 - needs no clock
        """A form of parts (RFC 7578), the last of which is the mail."""
        boundary = f"hygiene-{hashlib.sha256(mail.content).hexdigest()}"  # no mail holds its own hash
        body = b"".join(_form(mail, boundary))
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Authorization": f"Basic {self._basic}",
        }
        return Request(path=f"/v3/{quote(self.domain, safe='')}/messages.mime", headers=headers, body=body)

    def probe(self) -> None:
        """None: the sending key of a domain may do nothing but send."""

    def read(self, answer: Answer, now: datetime) -> Reply:
        """200 with an id is a success."""
        text = str(answer.fields.get("message") or "") or plain_text(answer)
        remote_id = answer.fields.get("id")
        if answer.status == 200 and isinstance(remote_id, str):
            return sent(answer, remote_id.strip("<> "), text)
        usual = usual_meaning(answer.status)
        meaning = in_words(text, SENTENCES, usual) if usual.outcome is Outcome.REFUSED else usual
        return make_reply(answer, meaning, text, retry_after_s=retry_after(answer, now))


def _form(mail: Mail, boundary: str) -> Iterator[bytes]:
    tag = one_line(mail.campaign).encode("ascii", "ignore").decode()[:_TAG]
    variables = {f"v:{name}": text for name, text in kept_beside(mail).items()}
    for name, text in {"to": mail.recipient, "o:tag": tag, **variables}.items():
        if text:
            yield _part(boundary, f'name="{name}"') + one_line(text).encode() + b"\r\n"
    disposition = 'name="message"; filename="message.mime"'
    yield _part(boundary, disposition, "message/rfc822") + mail.content + b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _part(boundary: str, disposition: str, kind: str = "text/plain; charset=utf-8") -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode()
