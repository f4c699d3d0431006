"""Facts: every answer an audit was given, as one value that can be saved, read back and judged again.

Nothing here judges and nothing asks the network: `hygiene.audit.collect` fills the facts, the views read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from hygiene.errors import UnreadableInput
from hygiene.files import read_whole, write_whole
from hygiene.resolver import Answer, Outcome, canonical_name
from hygiene.smtp_probe import Greeting
from hygiene.web import FetchOutcome, Page

FORMAT = "hygiene-audit/1"


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """What the user adds to a domain name.

    `selectors` are DKIM selectors known to be in use, `ips` the addresses that send, `blocklists` the DNSBL
    zones to ask (none by default), `smtp` whether port 25 may be tried. `assumed` are the record sets
    ("_dmarc.shop.example TXT") that were judged as if they were published. `message` is a message the user
    sent, bytes as code points 0–255.
    """

    selectors: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    blocklists: tuple[str, ...] = ()
    smtp: bool = False
    assumed: tuple[str, ...] = ()
    message: str = ""


class Look(Protocol):
    """What a view may ask. An answer that is not there yet comes back as unrecorded."""

    @property
    def domain(self) -> str:
        """The audited name."""
        ...

    @property
    def options(self) -> AuditOptions:
        """What the user added."""
        ...

    @property
    def probe(self) -> str:
        """A random label."""
        ...

    @property
    def collected_at(self) -> str:
        """When the answers were gathered, ISO 8601 in UTC."""
        ...

    @property
    def waiting(self) -> bool:
        """True while facts are gathered: what asks nothing new can wait until all of them are here."""
        ...

    def answer(self, name: str, rdtype: str) -> Answer:
        """The answer to a question the verdict needs."""
        ...

    def recorded(self, name: str, rdtype: str) -> Answer:
        """The answer if somebody else needed it; never causes a look-up."""
        ...

    def page(self, url: str, *, max_bytes: int, accept_redirects: bool = False) -> Page:
        """A fetched page."""
        ...

    def greeting(self, host: str, ip: str) -> Greeting:
        """What an SMTP server said."""
        ...


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The answers of one audit.

    `probe` is a random label no zone publishes, `collected_at` ISO 8601 in UTC, `queries` the questions that
    left this machine, `elapsed_s` seconds from the first to the last.
    """

    domain: str
    options: AuditOptions = field(default_factory=AuditOptions)
    probe: str = "hygiene-probe"
    collected_at: str = "1970-01-01T00:00:00+00:00"
    elapsed_s: float = 0.0
    queries: int = 0
    answers: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    pages: Mapping[str, Page] = field(default_factory=dict)
    greetings: Mapping[str, Greeting] = field(default_factory=dict)
    second_opinion: Mapping[str, Any] | None = None

    def answer(self, name: str, rdtype: str) -> Answer:
        """The recorded answer; what was never asked is unrecorded, not absent."""
        key = canonical_name(name), rdtype
        return self.answers.get(key) or Answer(*key, Outcome.UNRECORDED, detail="not asked in this audit")

    recorded = answer

    def __repr__(self) -> str:
        return f"<Facts {self.domain}: {len(self.answers)} answers, {len(self.pages)} pages>"

    @property
    def waiting(self) -> bool:
        """Never: all there will be is here."""
        return False

    def page(self, url: str, *, max_bytes: int = 0, accept_redirects: bool = False) -> Page:  # noqa: ARG002
        """The recorded page."""
        return self.pages.get(url) or Page(
            url, None, "", b"", FetchOutcome.UNRECORDED, "not fetched in this audit"
        )

    def greeting(self, host: str, ip: str) -> Greeting:
        """The recorded SMTP conversation."""
        return self.greetings.get(f"{host}/{ip}") or Greeting(host=host, ip=ip, outcome="unrecorded")

    def to_json(self) -> str:
        """One small JSON file, the same bytes for the same facts."""
        body: dict[str, Any] = {
            "format": FORMAT,
            **{key: getattr(self, key) for key in _PLAIN},
            "options": asdict(self.options),
            "answers": [_bare(answer) for _, answer in sorted(self.answers.items())],
            "pages": [_page_to_dict(page) for _, page in sorted(self.pages.items())],
            "greetings": [_bare(greeting) for _, greeting in sorted(self.greetings.items())],
            "second_opinion": self.second_opinion,
        }
        return json.dumps(body, ensure_ascii=True, indent=1) + "\n"

    def save(self, path: Path) -> None:
        """Write the facts; a half-written file never replaces a whole one."""
        write_whole(path, self.to_json())


_PLAIN: tuple[Literal["domain", "probe", "collected_at", "elapsed_s", "queries"], ...] = (
    "domain",
    "probe",
    "collected_at",
    "elapsed_s",
    "queries",
)


def load_facts(path: Path) -> Facts:
    """Read a saved audit from a file; raises UnreadableInput with one sentence."""
    text = read_whole(path)
    try:
        return read_facts(text)
    except UnreadableInput as error:
        raise UnreadableInput(f"{path}: {error}") from None


def read_facts(text: str) -> Facts:
    """Read what `Facts.to_json` wrote; raises UnreadableInput with one sentence."""
    import msgspec

    try:
        saved = msgspec.json.decode(text, type=_Saved)
    except msgspec.MsgspecError as error:
        raise UnreadableInput(f"this is not a saved audit: {error}") from None
    if saved.format != FORMAT:
        raise UnreadableInput(f"this audit was saved as {saved.format!r}; this version reads {FORMAT!r}")
    return Facts(
        **{key: getattr(saved, key) for key in _PLAIN},
        options=saved.options,
        answers={(answer.name, answer.rdtype): answer for answer in saved.answers},
        pages={page["url"]: _page_from_dict(page) for page in saved.pages},
        greetings={f"{greeting.host}/{greeting.ip}": greeting for greeting in saved.greetings},
        second_opinion=saved.second_opinion,
    )


@dataclass(frozen=True, kw_only=True)
class _Saved:
    format: str
    domain: str
    probe: str
    collected_at: str
    elapsed_s: float
    queries: int
    options: AuditOptions
    answers: tuple[Answer, ...]
    pages: tuple[dict[str, Any], ...]
    greetings: tuple[Greeting, ...]
    second_opinion: dict[str, Any] | None


def _bare(value: Any) -> dict[str, Any]:
    """The fields that say something, so that a file stays small."""
    return {key: part for key, part in asdict(value).items() if part not in ("", (), 0, None, False)}


def _page_to_dict(page: Page) -> dict[str, Any]:
    # latin-1 keeps every byte and leaves ASCII policies readable in the file
    return {**asdict(page), "body": page.body.decode("latin-1")}


def _page_from_dict(saved: dict[str, Any]) -> Page:
    try:
        fields = {**saved, "body": saved["body"].encode("latin-1"), "outcome": FetchOutcome(saved["outcome"])}
        return Page(**fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableInput(f"this is not a saved audit: a page in it is damaged ({error})") from None
