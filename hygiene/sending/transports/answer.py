"""A request to a provider's API, its answer, and what answers mean where a provider says nothing else.

An HTTP status alone says whether a mail was taken only where somebody defines that it does: 4xx are refusals
of the request (RFC 9110 §15.5), 500, 502 and 504 may come after the mail was taken, and so may a 503 of some
gateway; that one counts as a refusal only where the provider's documentation says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final, Protocol, TypeAlias

from hygiene.credentials import Secret
from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply

#: our reference of a mail, in what a provider keeps beside it and tells of later
REF_FIELD: Final = "hygiene_ref"
MAX_TEXT: Final = 500  # characters of an answer that are kept
LONGEST_WAIT_S: Final = 86_400.0  # whatever a server says

#: begins the text of a refusal that repeats what the provider's own suppression list says
SUPPRESSED: Final = "on the provider's suppression list: "


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked; the path begins with a slash and may have a query."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Names of headers are in lower case. `whole` is false where the body broke off or was too large."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    whole: bool = True

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The body, where it is a JSON object; empty for anything else."""
        try:
            found = json.loads(self.body) if self.whole else None
        except (ValueError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {}


class Api(Protocol):
    """A provider: both functions are pure. `now` is aware."""

    @property
    def base_url(self) -> str:
        """https://HOST, without a slash at its end."""
        ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no reply may show."""
        ...

    def request(self, mail: Mail, now: datetime) -> Request:
        """What is posted to send a mail."""
        ...

    def read(self, answer: Answer, now: datetime) -> Reply:
        """What its answer means."""
        ...

    def probe(self) -> Request | None:
        """What any key that may send may ask, too, and sends nothing; None where nothing is documented."""
        ...


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What an answer makes of the mail; `status` is the enhanced code (RFC 3463) that says the same."""

    outcome: Outcome
    phase: Phase = Phase.DOT
    status: str = ""
    suppressed: bool = False


#: what a provider's sentence says more exactly than its code: parts of it in lower case → meaning
Sentences: TypeAlias = Mapping[tuple[str, ...], Meaning]


def refused(status: str = "", *, suppressed: bool = False) -> Meaning:
    """Refused for good; the code, where it is known whose fault that is."""
    return Meaning(outcome=Outcome.REFUSED, status=status, suppressed=suppressed)


OURS: Final = Meaning(outcome=Outcome.NOT_SENT, phase=Phase.AUTH)  # key, account, sender or address of the API
LATER: Final = Meaning(outcome=Outcome.DEFERRED)
DOUBT: Final = Meaning(outcome=Outcome.UNKNOWN)
INVALID_ADDRESS: Final = "5.1.3"  # RFC 3463 §3.2: bad destination mailbox address syntax
TOO_LARGE: Final = "5.3.4"  # RFC 3463 §3.4: message too big for system

#: RFC 9110 §15; 429: RFC 6585 §4
BY_STATUS: Final[Mapping[int, Meaning]] = {
    **dict.fromkeys((401, 402, 403, 404, 405, 406, 407, 410, 415, 421, 426, 501, 505), OURS),
    **dict.fromkeys((408, 425, 429), LATER),
    **dict.fromkeys((413, 431), refused(TOO_LARGE)),
}


def usual_meaning(status: int) -> Meaning:
    """What a status means where its provider says nothing else; an unknown success is in doubt."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 300 <= status < 400:
        return OURS  # never followed: the address of the API is wrong
    return refused() if 400 <= status < 500 else DOUBT


def in_words(text: str, sentences: Sentences, otherwise: Meaning) -> Meaning:
    """The meaning of the first sentence all of whose parts stand in the text, in whatever case."""
    said = text.lower()
    return next((mean for parts, mean in sentences.items() if all(part in said for part in parts)), otherwise)


def read_probe(answer: Answer) -> Reply:
    """What the answer to a probe means: SENT for a key that is good, REFUSED for good, else DEFERRED."""
    if 200 <= answer.status < 300:
        return Reply(outcome=Outcome.SENT, phase=Phase.AUTH, code=answer.status, text="the key is good")
    passing = usual_meaning(answer.status) in (LATER, DOUBT)
    words = one_line(plain_text(answer)) or f"HTTP status {answer.status} without a word"
    outcome = Outcome.DEFERRED if passing else Outcome.REFUSED
    return Reply(outcome=outcome, phase=Phase.AUTH, code=answer.status, text=f"{answer.status} {words}")


def make_reply(answer: Answer, meaning: Meaning, text: str, *, retry_after_s: float | None = None) -> Reply:
    """The reply of an answer that is no success."""
    words = one_line(text) or f"HTTP status {answer.status} without a word"
    return Reply(
        outcome=meaning.outcome,
        phase=meaning.phase,
        code=answer.status,
        status=meaning.status,
        text=f"{SUPPRESSED if meaning.suppressed else ''}{words}",
        retry_after_s=retry_after_s if meaning.outcome is Outcome.DEFERRED else None,
    )


def sent(answer: Answer, remote_id: str, text: str = "") -> Reply:
    """The reply of a success."""
    return Reply(
        outcome=Outcome.SENT,
        phase=Phase.DOT,
        code=answer.status,
        text=one_line(text),
        remote_id=one_line(remote_id),
    )


def is_suppressed(reply: Reply) -> bool:
    """Whether a provider refused because the address is on its own suppression list."""
    return reply.outcome is Outcome.REFUSED and reply.text.startswith(SUPPRESSED)


def one_line(text: str) -> str:
    """A text on one line, without control characters, cut to what is kept."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * MAX_TEXT])
    return " ".join(printable.split())[:MAX_TEXT]


def plain_text(answer: Answer) -> str:
    """The body of an answer that is not what was documented."""
    return answer.body[: 4 * MAX_TEXT].decode("utf-8", "replace")


def retry_after(answer: Answer, now: datetime) -> float | None:
    """Seconds that Retry-After asks for, as seconds or as a date (RFC 9110 §10.2.3)."""
    written = answer.headers.get("retry-after", "").strip()
    if written.isascii() and written.isdecimal():
        return _bounded(float(written[:9]))
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    return _bounded(_seconds_until(moment, now))


def seconds_left(written: str) -> float | None:
    """A number of seconds that a header holds, where it does."""
    return _bounded(float(written[:9])) if written.isascii() and written.isdecimal() else None


def seconds_until(written: str, now: datetime) -> float | None:
    """Seconds until a Unix time that a header holds, where it does."""
    if not (written.isascii() and written.isdecimal()):
        return None
    return _bounded(float(written[:12]) - now.timestamp())


def _seconds_until(moment: datetime, now: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
