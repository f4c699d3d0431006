"""A second cleaning, in plain Python and slow: what every row of an export comes to, from the facts alone."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from email_validator import validate_email

from hygiene.address import repair
from hygiene.config import CleaningPolicy

_LONGEST_QUOTE = 1 << 20  # bytes


@dataclass(frozen=True)
class Line:
    """A record, damaged (no `cells`) or blank (empty `cells`): its bytes, its first line, its texts."""

    start: int
    stop: int
    line: int
    cells: tuple[str, ...] | None


def read_lines(
    data: bytes,
    *,
    fields: int,
    delimiter: str,
    quoted: bool,
    line_end: bytes = b"\n",
    escape: str = '"',
    line: int = 1,
    start: int = 0,
    most: int = _LONGEST_QUOTE,
) -> list[Line]:
    """RFC 4180, one character after the other; the data end with a line end.

    A record of several lines that is wrong in any way was never one: then its first line is judged alone.
    """
    found, position = [], start
    while position < len(data):
        stop_of_line = data.index(line_end, position) + 1
        record = _read_record(data, position, delimiter.encode(), quoted, line_end, escape.encode())
        if record is not None:
            cells, stop = record
            several = stop > stop_of_line
            if several and (len(cells) != fields or stop - position > most):
                record = None
        if record is None:
            cells, stop = None, stop_of_line
        elif len(cells) != fields:
            cells = None
        if not data[position:stop].strip() and not (cells and fields > 1):
            found.append(Line(position, stop, line, ()))
        else:
            found.append(Line(position, stop, line, _decoded(cells, data[position:stop])))
        line += data.count(line_end, position, stop)
        position = stop
    return found


def _decoded(cells, whole):
    if cells is None or b"\0" in whole:
        return None
    try:
        whole.decode()
    except UnicodeDecodeError:
        return None
    return tuple(cell.decode() for cell in cells)


def _read_record(data, at, delimiter, quoted, line_end, escape):
    """The cells of the record at a position and where it stops; None where a quote is wrong."""
    cells = []
    while True:
        if quoted and data[at : at + 1] == b'"':
            read = _read_quoted(data, at + 1, escape)
            if read is None:
                return None
            cell, at = read
            if line_end == b"\n" and data[at : at + 2] == b"\r\n":
                at += 1
            if data[at : at + 1] not in {delimiter, line_end} or at >= len(data):
                return None
        else:
            cell = b""
            while data[at : at + 1] not in {delimiter, line_end}:
                cell += data[at : at + 1]
                at += 1
            if data[at : at + 1] == line_end == b"\n":
                cell = cell.removesuffix(b"\r")
        cells.append(cell)
        at += 1
        if data[at - 1 : at] == line_end:
            return cells, at


def _read_quoted(data, at, escape):
    """The text up to the closing quote and the position behind it."""
    cell = b""
    while at < len(data):
        here, pair = data[at : at + 1], data[at : at + 2]
        if pair == b'""':
            cell, at = cell + (b'"' if escape == b'"' else pair), at + 2
        elif here == b"\\" == escape and len(pair) > 1:
            cell, at = cell + (b'"' if pair == b'\\"' else pair), at + 2
        elif here == b'"':
            return cell, at + 1
        else:
            cell, at = cell + here, at + 1
    return None


# What the facts say of each platform: its columns, its words, its dates.

STATUSES = [
    "customer",
    "unknown",
    "subscribed",
    "not-subscribed",
    "unreadable",
    "unconfirmed",
    "disabled",
    "bounced",
    "unsubscribed",
    "complained",
]
REASONS = {
    "customer": "no-consent",
    "not-subscribed": "not-subscribed",
    "unreadable": "unreadable-status",
    "unconfirmed": "unconfirmed",
    "disabled": "disabled",
    "bounced": "bounced",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
}
_NOTHING = {"no", "false", "0", "0000-00-00"}
_GENERAL = {
    "": "not-subscribed",
    "subscribed": "subscribed",
    "yes": "subscribed",
    "active": "subscribed",
    "unsubscribed": "unsubscribed",
    "no": "not-subscribed",
    "bounced": "bounced",
    "hard-bounce": "bounced",
    "spam": "complained",
    "pending": "unconfirmed",
    "inactive": "disabled",
    "unknown": "unknown",
    "customer": "customer",
}
_ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ")
_SLASHED = ("%m/%d/%Y", "%d/%m/%Y")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One kind of export: which columns say what."""

    address: str
    statuses: tuple[
        tuple[str, dict[str, str], str | None], ...
    ] = ()  # column, words, what any other filled cell means
    status: str = "unknown"  # of a row that says nothing
    joined: tuple[str, ...] = ()
    activity: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()  # those of `activity` that count opens
    confirmed: str = ""
    not_like: str = ""  # the column that a confirmation must differ from
    confirming: tuple[str, ...] = ()  # the words that confirm; none: any date
    refusing: tuple[str, ...] = ()
    ignored: str = ""
    dates: tuple[str, ...] = _ISO
    escape: str = '"'
    listed: tuple[str, ...] = ()  # columns with several words in a cell


PLATFORMS = {
    "plain": Platform(
        address="email",
        statuses=(("status", _GENERAL, "unreadable"), ("unsubscribed at", {"": ""}, "unsubscribed")),
        joined=("joined", "created"),
        activity=("last click", "last open"),
        opens=("last open",),
        confirmed="confirmed",
        refusing=("no", "false", "0", "pending"),
        ignored="sends since last engagement",
        dates=(*_ISO, *_SLASHED),
    ),
    "mailchimp": Platform(
        address="Email Address",
        joined=("OPTIN_TIME", "CONFIRM_TIME"),
        confirmed="CONFIRM_TIME",
        not_like="OPTIN_TIME",
        dates=("%Y-%m-%d %H:%M:%S",),
    ),
    "klaviyo": Platform(
        address="Email",
        statuses=(
            (
                "Email Marketing Consent",
                {"": "not-subscribed", "subscribed": "subscribed", "unsubscribed": "unsubscribed"}
                | {"never-subscribed": "not-subscribed"},
                "unreadable",
            ),
            (
                "Email Suppressions",
                {"": "", "spam-complaint": "complained", "hard-bounce": "bounced", "invalid-email": "bounced"},
                "unsubscribed",
            ),
        ),
        listed=("Email Suppressions",),
        joined=("Email Marketing Consent Timestamp", "Date Added", "Profile Created On"),
        activity=("Last Click", "Last Open", "Last Active"),
        opens=("Last Open",),
        dates=("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"),
    ),
    "hubspot": Platform(
        address="Email",
        statuses=(
            (
                "Unsubscribed from all email",
                {"": "", "true": "unsubscribed", "false": "", "no": ""},
                "unreadable",
            ),
            ("Email hard bounce reason", {"": ""}, "bounced"),
            (
                "Marketing email confirmation status",
                {"": "", "confirmed": "subscribed", "double-opt-in-pending": "unconfirmed"},
                "unreadable",
            ),
        ),
        joined=("Create Date",),
        activity=("Last marketing email click date", "Last marketing email open date"),
        opens=("Last marketing email open date",),
        confirmed="Marketing email confirmation status",
        confirming=("confirmed",),
        ignored="Sends Since Last Engagement",
        dates=("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", *_SLASHED),
    ),
    "shopify": Platform(
        address="Email",
        statuses=(
            (
                "Accepts Email Marketing",
                {"": "not-subscribed", "yes": "subscribed", "no": "not-subscribed"},
                "unreadable",
            ),
        ),
    ),
    "woocommerce": Platform(
        address="Email",
        status="customer",
        joined=("Sign Up",),
        activity=("Last Active",),
        dates=("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"),
    ),
    "beehiiv": Platform(
        address="email",
        statuses=(
            (
                "status",
                {
                    "": "not-subscribed",
                    "active": "subscribed",
                    "inactive": "disabled",
                    "pending": "unconfirmed",
                },
                "unreadable",
            ),
            ("unsubscribed_at", {"": ""}, "unsubscribed"),
        ),
        joined=("created_at",),
        activity=("last_opened_at",),
        opens=("last_opened_at",),
        dates=("%Y-%m-%d %H:%M:%S UTC", *_ISO),
    ),
    "mailpoet": Platform(
        address="Email",
        statuses=tuple(
            (
                column,
                {"": "not-subscribed", "subscribed": "subscribed", "inactive": "subscribed"}
                | {word: word for word in ("unconfirmed", "unsubscribed", "bounced")},
                "unreadable",
            )
            for column in ("List status", "Global status")
        ),
        joined=("Subscription time",),
        confirmed="Confirmation time",
        refusing=("0000-00-00 00:00:00",),
        dates=("%Y-%m-%d %H:%M:%S",),
        escape="\\",
    ),
    "addresses": Platform(address="email"),
}
FILE_STATUS = {"subscribed_": "subscribed", "unsubscribed_": "unsubscribed", "cleaned_": "bounced"}


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file as a test wrote it: its bytes, and what the reader must find out."""

    name: str
    platform: str
    data: bytes
    header: tuple[str, ...]
    delimiter: str = ","
    quoted: bool = True
    line_end: bytes = b"\n"
    with_header: bool = True
    columns: tuple[tuple[str, str], ...] = ()  # role → the column a person names for it

    @property
    def body(self) -> int:
        """Where the first record begins, the header among them."""
        return 3 * self.data.startswith(b"\xef\xbb\xbf")

    @property
    def lines(self) -> list[Line]:
        """Every record, damaged line and blank line; the header first, if there is one."""
        data = self.data if self.data.endswith(self.line_end) else self.data + self.line_end
        return read_lines(
            data,
            fields=len(self.header),
            delimiter=self.delimiter,
            quoted=self.quoted,
            line_end=self.line_end,
            escape=PLATFORMS[self.platform].escape,
            start=self.body,
        )

    @property
    def records(self) -> list[Line]:
        """What must come out of it somewhere."""
        return [line for line in self.lines if line.cells != ()][self.with_header :]


@dataclass(frozen=True)
class Row:
    """What one record says."""

    export: int
    line: int
    cells: tuple[str, ...]
    address: Judged
    status: str
    joined: int | None
    activity: int | None
    tracked: bool
    unread: bool  # a date of activity that says something, and nobody knows what
    confirmed: bool | None
    ignored: int | None

    @property
    def place(self) -> tuple[int, int]:
        return self.export, self.line


@dataclass(frozen=True)
class Judged:
    """An address: its normal form and keys, or what is wrong with it."""

    cell: str
    normal: str = ""
    key: str = ""
    mailbox: str = ""
    fault: str = ""

    @property
    def repaired(self) -> bool:
        return not self.fault and self.cell.casefold() != self.normal.casefold()


_TAGGED = {"gmail.com", "googlemail.com", "outlook.com", "icloud.com", "fastmail.com"}


def judge(cell: str) -> Judged:
    """The address in a cell: email-validator's verdict on what repairing leaves."""
    text, _ = repair(cell)
    if not text:
        return Judged(cell, fault="missing-address")
    try:
        normal = validate_email(text, check_deliverability=False).normalized
    except ValueError:
        several = (
            len([word for word in re.split(r"[\s,;]+", text) if re.fullmatch(r"[^@]+@[^@]+\.[^@]+", word)]) > 1
        )
        return Judged(cell, fault="several-addresses" if several else "invalid-address")
    local, domain = normal.rsplit("@", 1)
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFD", local).casefold())
    name = local.split("+")[0] or local if domain in _TAGGED else local
    if domain in {"gmail.com", "googlemail.com"}:
        name, mailbox_domain = unicodedata.normalize("NFC", name.replace(".", "")), "gmail.com"
    else:
        mailbox_domain = domain
    return Judged(cell, normal, f"{local}@{domain}", f"{name}@{mailbox_domain}")


def word(cell: str) -> str:
    return re.sub(r"[\s_-]+", "-", cell.strip().casefold())


def moment(cell: str, formats: Sequence[str], now: datetime) -> int | None:
    """Seconds since 1970 UTC; None for what is no date, a year when nobody had mail, or a day to come."""
    for one in formats:
        try:
            found = datetime.strptime(cell.strip(" "), one).replace(tzinfo=UTC)
        except ValueError:
            continue
        if found.year >= 1990:
            return int(found.timestamp()) if found < now + timedelta(days=2, seconds=1) else None
    return None


def _says_something(cell: str) -> bool:
    text = cell.strip().lower()
    return text not in {"", "never", "none", "null", "n/a", "-", "0"} and not text.startswith(
        ("0000-00-00", "1970-01-01")
    )


def read_rows(export: Export, number: int, policy: CleaningPolicy, now: datetime) -> list[Row]:
    """Every sound record of an export."""
    platform = PLATFORMS[export.platform]
    named = dict(export.columns)
    records = [line for line in export.records if line.cells is not None]
    table = [dict(zip(export.header, line.cells, strict=True)) for line in records]
    activity = (
        [named["activity"]]
        if "activity" in named
        else [one for one in platform.activity if one in export.header]
    )
    if not policy.opens and "activity" not in named:
        activity = [one for one in activity if one not in platform.opens]
    joined = (
        [named["joined"]] if "joined" in named else [one for one in platform.joined if one in export.header]
    )
    formats = {one: _formats(platform, [row[one] for row in table]) for one in {*activity, *joined}}
    rows = []
    for line, row in zip(records, table, strict=True):
        seen = [found for one in activity if (found := moment(row[one], formats[one], now)) is not None]
        began = [found for one in joined if (found := moment(row[one], formats[one], now)) is not None]
        own = row.get("hygiene_address", "").strip()
        rows.append(
            Row(
                export=number,
                line=line.line,
                cells=line.cells,
                address=judge(own or row[named.get("address", platform.address)]),
                status=_status(platform, row, export, policy),
                joined=began[0] if began else None,
                activity=max(seen, default=None),
                tracked=bool(activity),
                unread=any(
                    _says_something(row[one]) and moment(row[one], formats[one], now) is None
                    for one in activity
                ),
                confirmed=_confirmed(platform, row, named),
                ignored=_count(row.get(platform.ignored, "")),
            )
        )
    return rows


def _formats(platform, cells):
    """Without what the column cannot be written in, where day and month must be told apart."""
    if not set(_SLASHED) <= set(platform.dates):
        return platform.dates
    pairs = [
        tuple(map(int, found.groups()))
        for cell in cells
        if (found := re.match(r"(\d+)/(\d+)/\d{4}", cell.strip()))
    ]
    day_first, month_first = any(one > 12 for one, _ in pairs), any(two > 12 for _, two in pairs)
    unwanted = set(_SLASHED) if day_first == month_first else {_SLASHED[0] if day_first else _SLASHED[1]}
    return [one for one in platform.dates if one not in unwanted]


def _status(platform, row, export, policy):
    said = [
        status
        for prefix, status in FILE_STATUS.items()
        if export.platform == "mailchimp" and export.name.startswith(prefix)
    ]
    own = {word(text): status for text, status in policy.status_words.items()}
    columns = list(platform.statuses)
    if "status" in dict(export.columns):
        columns = [(dict(export.columns)["status"], _GENERAL, "unreadable"), *columns[1:]]
    for column, words, otherwise in columns:
        if column not in row:
            continue
        cells = (
            re.split("[,;|]", row[column].translate(str.maketrans(dict.fromkeys("[]\"'"))))
            if column in platform.listed
            else [row[column]]
        )
        keys = [word(cell) for cell in cells if word(cell)] or [""]
        dated = words == {"": ""}
        for key in keys:
            if key in own and not (dated and export.platform != "plain"):
                said.append(own[key])
            elif dated and export.platform == "plain" and key in _NOTHING:
                continue
            else:
                said.append(words.get(key, otherwise))
    said = [status for status in said if status]
    return max(said, key=STATUSES.index) if said else platform.status


def _confirmed(platform, row, named):
    column = named.get("confirmed", platform.confirmed)
    if column not in row:
        return None
    cell = row[column].strip()
    if not cell or word(cell) in map(word, platform.refusing):
        return False
    if platform.confirming:
        return word(cell) in platform.confirming
    return not platform.not_like or row[platform.not_like].strip() not in {"", cell}


def _count(cell):
    return int(cell) if re.fullmatch(r"\s*\d+\s*", cell) else None


# Who is kept.

DISPOSABLE = {"mailinator.com"}
MISTYPED = {"gmai.com": "gmail.com", "gmail.con": "gmail.com"}
RELAYS = {"duck.com"}
TASKS = {"info", "admin", "no-reply"}


@dataclass(frozen=True)
class Verdict:
    """`reason` is empty for a row that is kept; `kept` is where a duplicate's person is kept."""

    reason: str = ""
    kept: tuple[int, int] | None = None


def decide(
    exports: Sequence[Export],
    policy: CleaningPolicy,
    now: datetime,
    suppressed: Callable[[Row], bool] = lambda row: False,
) -> tuple[dict[tuple[int, int], Verdict], dict[tuple[int, int], Row]]:
    """For every record, by number of the file and line, what becomes of it; and what the sound ones say."""
    verdicts: dict[tuple[int, int], Verdict] = {}
    rows: dict[tuple[int, int], Row] = {}
    people: dict[str, list[Row]] = {}
    for number, export in enumerate(exports):
        for line in export.records:
            verdicts[number, line.line] = Verdict("damaged-line")
        for row in read_rows(export, number, policy, now):
            rows[row.place] = row
            verdicts[row.place] = Verdict(row.address.fault)
            if not row.address.fault:
                people.setdefault(row.address.mailbox, []).append(row)
    for mailbox, own in people.items():
        reason = _objection(mailbox, own, policy, now, listed=any(map(suppressed, own)))
        kept = _stands_for(own, policy, now)
        for row in own:
            same = row.address.key == kept.address.key
            again = Verdict("duplicate" if same else "duplicate-mailbox", kept.place)
            verdicts[row.place] = Verdict(reason) if reason else Verdict() if row is kept else again
    return verdicts, rows


def speaks_for_itself(row: Row, policy: CleaningPolicy, now: datetime) -> bool:
    """Whether a row would be kept if it were the only one of its person."""
    return not _objection(row.address.mailbox, [row], policy, now, listed=False)


def _stands_for(rows, policy, now):
    """The row written out: one that speaks for itself, the best; of equals the plain spelling, the first."""

    def consent(row):
        if row.status == "subscribed":
            return 0 if row.confirmed else 1
        return 2 if row.status == "unknown" else 3

    def rank(row):
        age = -(row.joined or 0)
        order = {"first": (), "newest": (age,), "most-consented": (consent(row), age)}[policy.keep]
        return (not speaks_for_itself(row, policy, now), *order)

    best = min(map(rank, rows))
    good = [row for row in rows if rank(row) == best]
    key = max(row.address.key for row in good)
    return min((row for row in good if row.address.key == key), key=lambda row: row.place)


def _objection(mailbox, rows, policy, now, *, listed):
    """The first reason, in the order of the steps, not to mail a person."""
    status = max((row.status for row in rows), key=STATUSES.index)
    local, domain = mailbox.rsplit("@", 1)
    if status in REASONS and not (status == "customer" and policy.assume_consent):
        return REASONS[status]
    if listed:
        return "suppressed"
    if policy.require_confirmed and not any(row.confirmed for row in rows):
        return "not-confirmed"
    if policy.role == "drop" and re.sub("[._]", "-", local.split("+")[0]) in TASKS:
        return "role"
    if policy.disposable == "drop" and domain in DISPOSABLE:
        return "disposable"
    if policy.typos == "hold" and domain in MISTYPED:
        return "mistyped"
    return "inactive" if policy.inactive_after and _is_inactive(rows, policy, now) else ""


def _is_inactive(rows, policy, now):
    ages = [found for row in rows for found in (row.activity, row.joined) if found is not None]
    if not any(row.tracked for row in rows) or not ages or any(row.unread for row in rows):
        return False
    counts = [row.ignored for row in rows if row.ignored is not None]
    if counts and min(counts) < policy.min_ignored:
        return False
    began = [row.joined for row in rows if row.joined is not None]
    new = bool(began) and max(began) >= _ago(now, policy.grace)
    return not new and max(ages) < _ago(now, policy.inactive_after)


def _ago(now, period):
    assert period.endswith("d"), "periods of days will do here"
    return int((now - timedelta(days=int(period[:-1]))).timestamp())


# Who is on a list.


def is_listed(row: Row, entries: Sequence[tuple[str, str]], key: bytes = b"") -> bool:
    """Whether an entry (form, value) means the person of a row: a list is obeyed in every spelling."""
    address = row.address
    spellings = {address.normal, address.key, address.mailbox}
    domain = address.key.rsplit("@", 1)[1]
    for form, value in entries:
        if form == "address":
            hit = judge(value).mailbox == address.mailbox
        elif form == "domain":
            wide = value.startswith("*.")
            bare = value.removeprefix("*.").removeprefix("@").lower()
            hit = domain == bare or (wide and domain.endswith(f".{bare}"))
        else:
            typed = {address.cell} if form in {"md5", "sha256"} else set()
            hit = value in {digest(form, text, key) for text in spellings | typed}
        if hit:
            return True
    return False


def digest(form: str, text: str, key: bytes = b"") -> str:
    """A text as a hashed entry has it."""
    octets = text.encode()
    if form == "hmac":
        return "hmac-sha256:" + hmac.new(key, octets, "sha256").hexdigest()
    if form == "uid2":
        return b64encode(hashlib.sha256(octets).digest()).decode()
    return hashlib.new(form, octets).hexdigest()
