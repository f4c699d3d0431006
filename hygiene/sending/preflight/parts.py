"""What preflight judges: the parts of a sending as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hygiene.audit.run import Audit
from hygiene.audit.spf_evaluation import SpfVerdict
from hygiene.config import AccountSettings
from hygiene.content.lint import Lint
from hygiene.domain import is_below
from hygiene.sending.audience import Blank
from hygiene.sending.definition import Definition, MergeField
from hygiene.sending.reply import Reply


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The mail of one recipient, linted; `label` says whose: longest, shortest, emptiest."""

    label: str
    address: str
    variant: str
    subject: str
    html_bytes: int
    lint: Lint


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What came of filling the templates; `every` when each recipient's mail was made, not only some."""

    mails: tuple[Rendered, ...]
    tried: int
    every: bool
    failed: int = 0
    failures: tuple[str, ...] = ()  # the first few, with the address


@dataclass(frozen=True, kw_only=True)
class People:
    """The list; `fault` says why it is none that may be mailed, and then nothing else is known."""

    name: str
    fault: str = ""
    change: str = ""  # a sentence if it was changed since its cleaning
    rows: int = 0
    made_at: datetime | None = None
    age_days: float = 0.0
    by_activity: bool = False
    missing: tuple[MergeField, ...] = ()
    blanks: tuple[Blank, ...] = ()
    unsafe_links: Mapping[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    providers: Mapping[str, int] = field(default_factory=dict)  # provider, or domain → mailboxes
    columns_unused: tuple[str, ...] = ()  # fields that no template asks for


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where suppressions and rates are kept; `fault` says why it cannot be asked.

    `sending_day` is on how many days before today the account of the campaign sent.
    """

    place: str
    fault: str = ""
    entries: int = 0
    sending_day: int = 0


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key that mails are signed with, and what DNS has in its place.

    `fault` says why it cannot be used, `unknown` why DNS gave no answer. `published` are the TXT records.
    """

    selector: str
    domain: str
    record: str = ""
    fault: str = ""
    unknown: str = ""
    published: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Where it is published."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, kw_only=True)
class Relay:
    """An address of the host that mails go out by, and what SPF says of it."""

    ip: str
    verdict: SpfVerdict


@dataclass(frozen=True, kw_only=True)
class Login:
    """What an account's server said to a connection and a login: `reply` is SENT, REFUSED or DEFERRED.

    `place` is the server. `fault` says why it was not even tried, and then there is no reply.
    """

    place: str
    reply: Reply | None = None
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Route:
    """How mails leave, and in whose names: what SPF, DKIM and DMARC will see.

    `signed` when mails are signed with keys of ours. `organizational` maps each of the domains to the one that
    it belongs to; `unknown` says what DNS did not answer.
    """

    account: AccountSettings
    sender: str  # domain of From
    envelope: str  # domain of the envelope sender
    keys: tuple[Key, ...] = ()
    relays: tuple[Relay, ...] = ()
    relay_unknown: str = ""
    organizational: Mapping[str, str] = field(default_factory=dict)
    strict_dkim: bool = False
    strict_spf: bool = False
    policy: str = ""  # none, quarantine, reject; "" without DMARC
    envelope_receives: bool | None = True  # whether its domain takes mail; None when DNS gave no answer
    unknown: str = ""

    def aligned(self, domain: str, *, strict: bool) -> bool:
        """Whether a domain is aligned with the one in From (RFC 9989 §4.4)."""
        if domain == self.sender or strict:
            return domain == self.sender
        return self.organizational.get(domain, domain) == self.organizational.get(self.sender, self.sender)

    @property
    def signed_aligned(self) -> bool:
        """A usable key signs in a name that is aligned."""
        return any(self.aligned(key.domain, strict=self.strict_dkim) for key in self.keys if not key.fault)

    @property
    def envelope_aligned(self) -> bool:
        """The envelope sender is aligned."""
        return self.aligned(self.envelope, strict=self.strict_spf)

    @property
    def signs_itself(self) -> bool:
        """A provider's API signs with keys that are kept there."""
        return self.account.transport != "smtp"

    def within(self, host: str) -> bool:
        """Whether a host belongs to the sender's organization."""
        return is_below(host, self.organizational.get(self.sender, self.sender)) or host == self.sender


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that is judged; None where it was not to be had."""

    definition: Definition
    people: People
    rendering: Rendering | None
    workspace: Workspace
    route: Route | None
    login: Login | None
    audit: Audit | None
    now: datetime
