"""Settings: hygiene.toml, then HYGIENE_* variables of the environment, then the command line.

``[audit] timeout = 3`` in the file is ``HYGIENE_AUDIT_TIMEOUT=3`` in the environment; commas separate lists.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from hygiene.errors import UnreadableInput, UsageError
from hygiene.files import read_whole
from hygiene.period import read_duration, read_period

DEFAULT_FILE = "hygiene.toml"
PREFIX = "HYGIENE_"

Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Timeout: TypeAlias = Annotated[float, msgspec.Meta(ge=0.05, le=300)]  # as --timeout allows
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[audit]`` table."""

    resolvers: tuple[str, ...] = ()  # HOST or HOST:PORT; none = the system's
    timeout: Timeout = 5.0  # seconds for one question with all its retries
    selectors: tuple[str, ...] = ()  # DKIM selectors known to be in use
    ips: tuple[str, ...] = ()  # addresses that send
    blocklists: tuple[str, ...] = ()  # DNSBL zones to ask
    smtp: bool = False  # try port 25 of the mail hosts
    smtp_port: Port = 25
    fail_on: Literal["critical", "high", "medium", "low", "never"] = "high"
    select: tuple[str, ...] = ()  # ids, areas or patterns; none = all checks
    ignore: tuple[str, ...] = ()


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[web]`` table: for servers of one's own. Strangers never get to choose these."""

    allow_private: bool = False  # fetch from, and connect to, private addresses
    ca_file: str | None = None  # certificate authorities instead of the public ones
    port: Port | None = None  # TCP port instead of 443


class WorkspaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[workspace]`` table. The key itself may stand in HYGIENE_SUPPRESSION_KEY instead of a file."""

    store: str = "hygiene.db"  # a file name, or postgresql://user@host/database
    key_file: str = "hygiene.key"  # the secret of the keyed hashes; made on first need
    keep_events: str = ""  # how long an event names its person: 2y, 180d; "" for ever

    def __post_init__(self) -> None:
        """Refuse what is no period."""
        if self.keep_events:
            read_period(self.keep_events)


class CleaningPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``[clean]`` table: whom a cleaning keeps. Periods are written 180d, 26w, 6mo or 1y."""

    inactive_after: str | None = (
        None  # without a sign of life for so long: to winback.csv; none = nobody is pruned
    )
    grace: str = "30d"  # who joined since then is new, whatever else
    min_ignored: int = 3  # mails ignored before somebody counts as inactive, where the export counts them
    opens: bool = (
        True  # whether an open is a sign of life: machines open too, and exports do not tell them apart
    )
    max_removed: Share = 0.4  # stop when pruning would take more of those who could be mailed
    keep: Literal["newest", "first", "most-consented"] = "newest"  # which of the rows of one person
    role: Literal["keep", "flag", "drop"] = "flag"
    disposable: Literal["keep", "flag", "drop"] = "flag"
    typos: Literal["flag", "hold"] = "flag"
    require_confirmed: bool = False
    assume_consent: bool = False  # take customers for subscribers
    check_mx: bool = False
    soft_bounces: Annotated[int, msgspec.Meta(ge=1)] = 7  # in a row, without a delivery between them (--events)
    status_words: dict[str, str] = {}  # words of your own platform → a status of hygiene
    columns: dict[str, str] = {}  # address, status, activity, joined, confirmed → the column meant
    layout: str | None = None  # when the header fits several
    segments: dict[str, str] = {}  # name → expression over the columns

    def __post_init__(self) -> None:
        """Refuse what no cleaning can do, while it can still be said where it stands."""
        for text in (self.inactive_after, self.grace):
            if text is not None:
                read_period(text)


class MeasureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``[measure]`` table: how mail is counted, and what it is held against."""

    by: tuple[str, ...] = ()  # campaign, provider, domain, segment, variant, stream, source, day, week
    benchmarks: str = "default"  # or ses, gmail-yahoo, strict, or a TOML file
    timezone: str = "UTC"  # of days, and of times without a zone
    attribution: str = "last-click:5d"  # which mail an order is credited to
    human: bool = True  # judge opens and clicks of people; else machines', too
    engine: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: str = (
        "auto"  # for the tables; the rest waits on disk; a quarter of what there is, at least 2GB
    )
    fail_on: Literal["critical", "high", "medium", "low", "never"] = "high"


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[accounts.NAME]`` table: a way out. A secret is written ``env:VARIABLE`` or ``file:PATH``."""

    transport: Literal["smtp", "ses", "sendgrid", "mailgun", "postmark", "brevo"] = "smtp"
    host: str = "localhost"  # of SMTP
    port: Port = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str | None = None  # certificate authorities instead of the public ones
    username: str = ""
    password: str = ""  # env:… or file:…
    token: str = ""  # of XOAUTH2 instead of a password: env:… or file:…, read anew for each connection
    api_key: str = ""  # of an API, env:… or file:…
    api_secret: str = ""  # of SES: the secret access key
    region: str = ""  # of SES and Mailgun (us, eu)
    domain: str = ""  # of Mailgun: the sending domain
    configuration_set: str = ""  # of SES; its event destinations are what webhooks come from
    message_stream: str = ""  # of Postmark; "" is outbound
    endpoint: str | None = None  # another address of the API: https://…
    connections: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10  # at once, for everything but receipts
    prompt_connections: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2  # kept for receipts alone
    per_connection: Annotated[int, msgspec.Meta(ge=1)] = 100  # messages before a connection is made anew
    patience_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 600.0  # after the dot; RFC 5321 §4.5.3.2.6
    rates: tuple[str, ...] = ()  # all of which hold at once: 100/h, 500/d
    providers: dict[str, tuple[str, ...]] = {}  # provider → rates of its own
    warm_up: str = ""  # conservative, aggressive or transactional; "" for none
    sign: tuple[str, ...] = ()  # SELECTOR._domainkey.DOMAIN=file:KEY, to sign with; of smtp, ses and mailgun
    return_path: str = ""  # domain of the envelope sender; "" is the sender's own address


class StreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[streams.NAME]`` table: transactional, marketing or support."""

    account: str  # of [accounts]
    sender: str  # Name <address>
    reply_to: str = ""
    topic: str = ""  # what one unsubscribes from; "" is the stream's name
    in_doubt: Literal["park", "resend"] | None = None  # none: resend of transactional mail, else park
    unsubscribe: str = ""  # https://…/u : the token is put behind it
    unsubscribe_mail: str = ""  # mailbox for unsubscribe mails
    postal_address: str = ""
    expires_after: str = "3d"  # what was not sent by then stays unsent
    rates: tuple[str, ...] = ()


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[webhooks.PROVIDER]`` table: how its posts prove themselves. Secrets are env:… or file:…."""

    topics: tuple[str, ...] = ()  # SES: topics of SNS that may post here, arn:aws:sns:…
    public_key: str = ""  # SendGrid: the verification key of its signed event webhook, base64
    signing_key: str = ""  # Mailgun: the HTTP webhook signing key
    username: str = ""  # Postmark, Brevo: of the user name and password in the webhook's address
    password: str = ""
    header: str = ""  # Postmark, Brevo: a header of one's own; "" is Authorization: Bearer
    token: str = ""  # and what it must hold
    networks: tuple[str, ...] = ()  # from which posts may come, besides: 192.0.2.0/24
    tolerance_s: Annotated[float, msgspec.Meta(gt=0, le=2_592_000)] | None = (
        None  # age of a signed post; none = as long as the provider tries again
    )


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``[service]`` table: what `hygiene serve` answers. Secrets are env:… or file:…."""

    url: str = ""  # where people reach it: https://mail.shop.example; "" is where it listens
    dashboard_token: str = ""  # to sign in with; "" is no dashboard
    api_token: str = ""  # of the API; "" is no API
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")  # whose X-Forwarded-For is believed
    audits: str = ""  # folder of audits that were saved, which the dashboard shows
    tracking: bool = False  # count opens and clicks by links of our own, of campaigns that ask for it
    links_last: str = "2y"  # how long those links lead on
    consent: str = "I agree to receive mails about {topic}. I can leave at any time."  # what is agreed to
    confirm_within: str = "7d"  # how long a confirmation link is good
    api_per_minute: Annotated[int, msgspec.Meta(ge=1)] = 6_000  # requests of the API
    forms_per_minute: Annotated[int, msgspec.Meta(ge=1)] = 20  # subscriptions asked for by one network address

    def __post_init__(self) -> None:
        """Refuse what cannot be, while it can still be said where it stands."""
        read_duration(self.confirm_within)
        read_period(self.links_last)
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("url must begin with https://")


class FeedbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``[feedback]`` table: where mail that came back lies, and what of it is believed."""

    sources: tuple[str, ...] = ()  # files, folders, imaps://user@host/FOLDER; what hygiene feedback reads
    password: str = ""  # of the mailbox: env:… or file:…
    token: str = ""  # of XOAUTH2 instead of a password: env:… or file:…
    # What a bounce or complaint must show to count against somebody. token: a reference that we put into that
    # mail and nobody can guess. recipient: being sure, and naming somebody whom we mailed lately, is enough,
    # which anybody can forge who knows an address.
    trust: Literal["token", "recipient"] = "token"
    mailed_within: str = "30d"  # what lately means
    soft_expires_after: str = "30d"  # soft bounces before that count no longer
    timeout: Timeout = 60.0  # seconds for a mailbox's server to answer

    def __post_init__(self) -> None:
        """Refuse periods that are none, while it can still be said where they stand."""
        for text in (self.mailed_within, self.soft_expires_after):
            read_period(text)


Stream: TypeAlias = Literal["transactional", "marketing", "support"]
Webhook: TypeAlias = Literal["ses", "sendgrid", "mailgun", "postmark", "brevo"]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a workspace can set."""

    audit: AuditSettings = AuditSettings()
    web: WebSettings = WebSettings()
    clean: CleaningPolicy = CleaningPolicy()
    measure: MeasureSettings = MeasureSettings()
    workspace: WorkspaceSettings = WorkspaceSettings()
    accounts: dict[str, AccountSettings] = {}
    streams: dict[Stream, StreamSettings] = {}
    webhooks: dict[Webhook, WebhookSettings] = {}
    service: ServiceSettings = ServiceSettings()
    feedback: FeedbackSettings = FeedbackSettings()


_DEFAULTS = Settings()


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; without `path` a hygiene.toml in this folder is used if there is one.

    Raises UnreadableInput for a file that cannot be read, UsageError for a setting that cannot be.
    """
    tables = _read_file(path)
    settings = _checked(tables, str(path or DEFAULT_FILE))
    variables = _variables(os.environ if environ is None else environ)
    for table, key, text in variables:
        tables.setdefault(table, {})[key] = _words(text) if _is_list(table, key) else text
    return _checked(tables, f"{PREFIX}*") if variables else settings


def _checked(tables: dict[str, Any], source: str) -> Settings:
    try:
        return msgspec.convert(tables, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{source}: {error}") from None


def _read_file(path: Path | None) -> dict[str, Any]:
    chosen = path or Path(DEFAULT_FILE)
    if path is None and not chosen.is_file():
        return {}
    try:
        return tomllib.loads(read_whole(chosen))
    except tomllib.TOMLDecodeError as error:
        raise UnreadableInput(f"{chosen} is not TOML: {error}") from None


def _variables(environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What the environment sets; tables of tables (accounts …) stand in the file alone."""
    found = []
    for name, text in sorted(environ.items()):
        table, _, key = name.removeprefix(PREFIX).lower().partition("_")
        if name.startswith(PREFIX) and isinstance(getattr(_DEFAULTS, table, None), msgspec.Struct):
            found.append((table, key, text))
    return found


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _is_list(table: str, key: str) -> bool:
    fields = {field.name: field.default for field in msgspec.structs.fields(getattr(_DEFAULTS, table))}
    return isinstance(fields.get(key), tuple)
