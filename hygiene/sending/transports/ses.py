"""Amazon SES: API version 2, SendEmail with the raw mail, signed with Signature Version 4.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html and
https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html, 2026-11. SES takes mail to addresses
on its account's suppression list and tells of it by an event. There is no idempotency key. Unconfirmed: that
SES keeps a tag's name in events exactly as it is given.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
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
    LATER,
    OURS,
    TOO_LARGE,
    Answer,
    Meaning,
    Request,
    make_reply,
    plain_text,
    refused,
    retry_after,
    sent,
    usual_meaning,
)
from hygiene.sending.transports.parts import kept_beside
from hygiene.sending.transports.sigv4 import Signer, sign

PATH: Final = "/v2/email/outbound-emails"
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")  # MessageTag: letters, digits, _ and -

#: names of exceptions of SendEmail, and of errors common to all services, without the ending "Exception"
ERRORS: Final[Mapping[str, Meaning]] = {
    "TooManyRequests": LATER,
    "LimitExceeded": LATER,  # also the quota of 24 hours
    "Throttling": LATER,
    "RequestThrottled": LATER,
    "ServiceUnavailable": LATER,  # 503: "temporary failure of the server", the request has failed
    "AccountSuspended": OURS,
    "SendingPaused": OURS,
    "MailFromDomainNotVerified": OURS,
    "NotFound": OURS,
    "AccessDenied": OURS,
    "ExpiredToken": OURS,
    "IncompleteSignature": OURS,
    "InvalidClientTokenId": OURS,
    "InvalidSignature": OURS,
    "MissingAuthenticationToken": OURS,
    "NotAuthorized": OURS,
    "OptInRequired": OURS,
    "RequestExpired": OURS,
    "SignatureDoesNotMatch": OURS,
    "UnrecognizedClient": OURS,
    "MessageRejected": refused(),
    "BadRequest": refused(),
    "InternalFailure": DOUBT,
    "InternalServiceError": DOUBT,  # 500: "an error occurred", not whether before or after it was taken
}
#: what the sentence of a MessageRejected or BadRequest says more exactly: words in lower case → meaning
SENTENCES: Final[Mapping[str, Meaning]] = {
    "not verified": OURS,  # "Email address is not verified", "Domain is not verified"
    "account is paused": OURS,
    "address blacklisted": refused(suppressed=True),  # "caused a bounce recently"
    "missing final '@domain'": refused(INVALID_ADDRESS),
    "domain contains control or whitespace": refused(INVALID_ADDRESS),
    "domain contains illegal character": refused(INVALID_ADDRESS),
    "local address contains control or whitespace": refused(INVALID_ADDRESS),
    "message length is more than": refused(TOO_LARGE),
    "maximum sending rate exceeded": LATER,
    "daily message quota exceeded": LATER,
}


@dataclass(frozen=True, kw_only=True)
class Ses:
    """The API of one region, with the access key of one user."""

    base_url: str
    region: str
    access_key: Secret
    secret_key: Secret
    configuration_set: str = ""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no reply may show."""
        return (self.secret_key, self.access_key)

    def request(self, mail: Mail, now: datetime) -> Request:
        """SendEmail with Content.Raw; SES takes the sender from the mail's From."""
        tags = kept_beside(mail)
        fields: dict[str, Any] = {
            "Destination": {"ToAddresses": [mail.recipient]},
            "Content": {"Raw": {"Data": b64encode(mail.content).decode("ascii")}},
            "EmailTags": [{"Name": name, "Value": text} for name, text in tags.items() if _TAG.fullmatch(text)],
        }
        if self.configuration_set:
            fields["ConfigurationSetName"] = self.configuration_set
        body = json.dumps(fields).encode()
        signer = Signer(
            access_key=self.access_key.reveal(),
            secret_key=self.secret_key.reveal(),
            region=self.region,
            service="ses",
        )
        headers = {"Content-Type": "application/json"}
        return Request(
            path=PATH, headers=sign(signer, "POST", self.base_url + PATH, headers, body, now=now), body=body
        )

    def probe(self) -> None:
        """None: keys that may send need not be allowed to ask anything else."""

    def read(self, answer: Answer, now: datetime) -> Reply:
        """200 with a MessageId is a success; everything else is told apart by the exception's name."""
        message_id = answer.fields.get("MessageId")
        if answer.status == 200 and isinstance(message_id, str):
            return sent(answer, message_id)
        text = str(answer.fields.get("message") or answer.fields.get("Message") or "")
        name = _exception(answer)
        words = f"{name}: {text}" if name else text or plain_text(answer)
        return make_reply(
            answer, _meaning(answer, name, text.lower()), words, retry_after_s=retry_after(answer, now)
        )


def _exception(answer: Answer) -> str:
    """``TooManyRequests`` of ``TooManyRequestsException:http://…`` or ``com.amazon…#TooManyRequests…``."""
    fields = answer.fields
    written = answer.headers.get("x-amzn-errortype") or fields.get("__type") or fields.get("code") or ""
    return str(written).partition(":")[0].rpartition("#")[2].removesuffix("Exception")


def _meaning(answer: Answer, name: str, text: str) -> Meaning:
    usual = ERRORS.get(name) or usual_meaning(answer.status)
    if usual.outcome is not Outcome.REFUSED:
        return usual
    return next((meaning for words, meaning in SENTENCES.items() if words in text), usual)
