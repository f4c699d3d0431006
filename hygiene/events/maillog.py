"""Mail logs of Postfix, as syslog, rsyslog and the journal write them: their lines, read for the queue.

What the lines mean together is told once all files are read, by `hygiene.events.mail_queue`. The words are
those of Postfix (src/global/log_adhoc.c, src/qmgr, src/cleanup, src/bounce; 2026-11), the headers those of
RFC 3164 and RFC 5424.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from hygiene.errors import UnreadableInput
from hygiene.event import EventKind
from hygiene.events.layout import quote
from hygiene.events.log_lines import holds_lines, unwrapped_sql
from hygiene.events.mail_queue import LINE, LINES, Step, write_mail_events
from hygiene.events.recogniser import FileRead, Head, Recogniser, Task
from hygiene.intake.lines import lines_schema, read_lines

if TYPE_CHECKING:
    import pyarrow as pa

#: what others put before a line, for both engines (re and RE2): grep the file, syslog-ng the facility, docker
#: compose the container, kubectl and stern the pod, Grafana a number, a collector when it came and from where
_FILE: Final = r"(?:[^\s:|]+:(?:\d+:)?)?"
_CONTAINER: Final = r"(?:\x1b\[[\d;]*m)?[\w.-]{1,64} +\|(?:\x1b\[0m)? "
_COLLECTED: Final = (
    r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.]*(?: ?Z| ?[+-]\d\d:?\d\d)?[ \t]+(?:\{[^{}]*\} +|(?:\S+ ){0,2}))?"
)
_BEFORE: Final = (
    rf"{_FILE}(?:(?:mail|user|daemon|local[0-7])\.[a-z]+:?\s+)?"
    rf"(?:{_CONTAINER}|\[pod/\S+\] |\d{{19}}\t|(?:\S+ ){{1,2}}?(?:› \S+ │ )?)??{_COLLECTED}"
)
_HOST: Final = r"(?:([^\s\[\]]*[^\s\[\]:])[ \t])?(?:(?:mail|user|daemon|local[0-7])\.[a-z]+ )?"
#: what stands before the program: a date, with a year and perhaps a zone or without both, and mostly the host;
#: BusyBox names the facility, too
_HEADER: Final = (
    r"(?:<\d{1,3}>(?:\d{1,2} )?)?"
    r"(?:(?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)? ?"
    r"(Z|[A-Z]{3,5}|[+-]\d\d:?\d\d)?()"
    r"|()([A-Z][a-z]{2} +\d{1,2})(?: (\d{4}))? (\d\d:\d\d:\d\d)(?:\.\d+)?())"
    rf" (?:std(?:out|err) [FP] )?{_HOST}"
)
#: the same in rarer forms: a year at another place, seconds since 1970, frames of RFC 6587 §3.4.1, tabs
_RARE_HEADER: Final = (
    r"(?:(?:\d{1,5} )?<\d{1,3}> ?(?:\d{1,2} )?|1 )?"
    r"(?:(?:[A-Z][a-z]{2} )?(\d{4}[-/]\d\d[-/]\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)? ?"
    r"(Z|[A-Z]{3,5}|[+-]\d\d:?\d\d)?|(\d{10}\.\d{6})"
    r"|(?:[A-Z][a-z]{2} )?(?:(\d{4}) )?([A-Z][a-z]{2} +\d{1,2})(?: (\d{4}))? (\d\d:\d\d:\d\d)(?:\.\d+)?"
    r"(?: (\d{4}))?)"
    rf"[ \t]+(?:std(?:out|err) [FP] )?{_HOST}"
)
_PARTS: Final = (
    "['day', 'clock', 'fraction', 'zone', 'epoch', 'before', 'date', 'year', 'time', 'after', 'host', 'rest']"
)
#: the program with its number, or (RFC 5424 §6) with all that stands before the message; then the queue id.
#: `journalctl -o with-unit` names the unit in its place
_BODY: Final = (
    r"^(\S+/[a-z]+|postfix\S*\.service)(?:(?:\[\d+\])?: | \S+ \S+ (?:-|\[.*?\]) (?:\x{FEFF})?)"
    r"(?:\[ID \d+ \w+\.\w+\] )?([0-9A-Za-z]{5,20}): (.*)$"
)
_ATTEMPT: Final = (
    r"^to=<(.*?)>, (?:orig_to=<(.*?)>, )?relay=([^,]*), .*?(?:dsn=([0-9.]+), )?status=([A-Za-z-]+)"
    r"(?: \((.*))?$"
)
_NEAR: Final = (
    r"^(?:127\.|localhost\b|\[?::1)|\[(?:127\.[0-9.]+|(?:IPv6:)?::1)\]"  # a relay on the machine itself
)
_QUEUED_AS: Final = r".*\b(?:queued|forwarded) as ([0-9A-Za-z]{5,20})\b"
_NOTIFICATION: Final = r"^(?:sender|postmaster) [a-z -]*notification: ([0-9A-Za-z]{5,20})$"
_PROGRAM: Final = (
    r"(?:postfix\S*\.service|\S+/(?:smtpd?|lmtp|local|virtual|pipe|error|retry|discard|qmgr|cleanup|bounce|pickup|master|anvil"
    r"|scache|postscreen|trivial-rewrite|verify|postfix-script))(?:\[\d+\]:| )"
)
_POSTFIX: Final = re.compile(f"^{_BEFORE}{_RARE_HEADER}{_PROGRAM}", re.MULTILINE)
_BARE: Final = re.compile(f"^{_HEADER}{_PROGRAM}")
_SYSLOG: Final = re.compile(f"^{_FILE}(?:{_CONTAINER})?{_COLLECTED}{_HEADER}")  # no table of any kind
_LOOKED_AT: Final = 50  # lines
_SHOWN: Final = 64 << 10  # bytes that show how lines begin
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KEPT: Final = 2_000  # characters of a line that cannot be read

# Recognising


def is_mail_log(head: Head) -> bool:
    """Whether a file begins like a system log; reading one without a line of Postfix then says so."""
    text = head.start.decode("utf-8", "replace")
    if _POSTFIX.search(text) or holds_lines(text):
        return True
    lines = [line for line in text.splitlines()[:_LOOKED_AT] if line.strip()]
    return bool(lines) and sum(bool(_SYSLOG.match(line)) for line in lines) * 2 > len(lines)


# Reading


def read_mail_log(task: Task) -> FileRead:
    """Put the lines of a log that tell of mail into `LINES`; raises UnreadableInput if there is none."""
    columns = ", ".join(f"{name} {kind}" for name, kind in LINE.items())
    task.connection.execute(f"create temp table if not exists {LINES} ({columns})")
    with _lines_of(task) as seen:
        task.connection.execute(f"create or replace temp table mail_read as {_read_sql(_header(task))}")
    found, cut, zoneless = task.connection.execute(_FOUND).fetchall()[0]
    if not found and not cut:
        raise UnreadableInput(f"{task.name} is a system log, and holds no line of a delivery by Postfix")
    others = seen[0] - found - cut
    years, notes = _years(task)
    task.connection.execute(_insert_sql(task, years))
    task.connection.execute(
        f"insert into unread by name select {task.number}::int as file, line, "
        f"'a delivery that cannot be read' as why, left(text, {_KEPT}) as text "
        "from mail_read where what is null"
    )
    task.connection.execute("drop table mail_read")
    return FileRead(
        name=task.name,
        layouts=("postfix",),
        records=seen[0],
        skipped={"no line of a delivery": others} if others else {},
        damaged=cut,
        zoneless=zoneless,
        notes=tuple(notes),
    )


@contextmanager
def _lines_of(task: Task) -> Iterator[list[int]]:
    """The lines as the table `mail_lines`, read once; yields how many were seen."""
    import pyarrow as pa

    seen = [0]

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            seen[0] += batch.num_rows
            yield batch

    with task.path.open("rb") as file:
        batches = counted(read_lines(file, task.name))
        task.connection.register("mail_lines", pa.RecordBatchReader.from_batches(lines_schema(), batches))
        try:
            yield seen
        finally:
            task.connection.unregister("mail_lines")


def _header(task: Task) -> str:
    """What lines begin with; what others put before them only where some do: to look for it costs a third."""
    with task.path.open("rb") as file:
        lines = file.read(_SHOWN).decode("utf-8", "replace").splitlines()
    framed = any(_POSTFIX.match(line) and not _BARE.match(line) for line in lines)
    return f"^{_BEFORE}{_RARE_HEADER}" if framed else f"^{_HEADER}"


def _read_sql(header: str) -> str:
    """The lines of interest, in parts; what looks like a delivery and is none has no `what`."""
    step = " ".join(f"when {when} then {step:d}" for step, when in _STEPS.items())
    return f"""
    with unwrapped as not materialized ({unwrapped_sql("mail_lines")}),
    wanted as (
        select line, rtrim(text, chr(13) || chr(10)) as text from unwrapped
        where contains(text, ': to=<') or contains(text, ': from=<') or contains(text, ': message-id=')
            or contains(text, ': removed') or contains(text, 'notification: ')
    ),
    headed as (
        select *, regexp_extract(text, {quote(header + "(.*)$")},
            {_PARTS}) as head from wanted
    ),
    bodied as (
        select *, regexp_extract(head.rest, {quote(_BODY)}, ['program', 'qid', 'said']) as body from headed
    ),
    attempted as (
        select *, if(starts_with(body.said, 'to=<'), regexp_extract(body.said, {quote(_ATTEMPT)},
            ['to', 'first', 'relay', 'dsn', 'status', 'text']), null) as try_ from bodied
    ),
    stepped as (select *, case {step} end::tinyint as what from attempted)
    select line, what, if(what is null, text, null) as text, {_dated_sql()},
        head.date, concat(head.before, head.year, head.after) as year, head.time, lower(head.host) as host,
        {_agent_sql()} as agent, body.qid, body.said, try_
    from stepped where what is not null or (contains(text, ': to=<') and contains(text, 'relay='))"""


def _dated_sql() -> str:
    """The columns day, clock, fraction and zone, of seconds since 1970, too."""
    moment = "make_timestamp(try_cast(replace(head.epoch, '.', '') as bigint))"
    forms = {"day": "%Y-%m-%d", "clock": "%H:%M:%S", "fraction": "%f"}
    told = {name: f"strftime({moment}, '{form}')" for name, form in forms.items()} | {"zone": "'Z'"}
    own = {name: f"head.{name}" for name in told} | {"day": "replace(head.day, '/', '-')"}
    return ", ".join(f"if(head.epoch = '', {own[name]}, {told[name]}) as {name}" for name in told)


def _agent_sql() -> str:
    """The program that delivers; where its unit is named instead, as far as the relay tells."""
    relay = "try_.relay"
    return f"""case when not ends_with(body.program, '.service') then regexp_extract(body.program, '[a-z]+$')
        when {relay} in ('local', 'virtual') then {relay} when contains({relay}, '[private/') then 'lmtp'
        when {relay} = 'none' or contains({relay}, '[') then 'smtp' else 'pipe' end"""


_STEPS: Final = {
    Step.ATTEMPT: "try_.status <> ''",
    Step.QUEUED: r"regexp_matches(body.said, '^from=<.*>, size=\d+, nrcpt=')",
    Step.EXPIRED: "regexp_matches(body.said, '^from=<.*>, status=(?:force-)?expired')",
    Step.MESSAGE_ID: "starts_with(body.said, 'message-id=')",
    Step.REMOVED: "body.said = 'removed'",
    Step.NOTICE: f"regexp_matches(body.said, {quote(_NOTIFICATION)})",
}
_FOUND: Final = """
select count(what), count(*) - count(what),
    count(*) filter (what is not null and zone[1] not in ('+', '-', 'Z') and zone not in ('UTC', 'GMT'))
from mail_read"""


def _insert_sql(task: Task, years: str) -> str:
    """From the parts of lines to `LINES`."""
    sender = r"regexp_extract(said, '^from=<(.*?)>, size=', 1)"
    return f"""
    insert into {LINES} by name
    select {task.number}::int as file, line, {_moment_sql(task.timezone, years)} as ts_us, host, qid, what,
        what = {Step.QUEUED:d} and ({sender} = '' or starts_with(lower({sender}), 'double-bounce@')) as notice,
        case what when {Step.MESSAGE_ID:d}
            then nullif(regexp_extract(said, '^message-id=<?\\s*(.*?)\\s*>?$', 1), '') end as message_id,
        case what when {Step.ATTEMPT:d} then nullif(regexp_extract(try_.text, {quote(_QUEUED_AS)}, 1), '')
            when {Step.NOTICE:d} then regexp_extract(said, {quote(_NOTIFICATION)}, 1) end as next,
        nullif(lower(trim(try_.to)), '') as recipient, nullif(lower(trim(try_.first)), '') as first_recipient,
        regexp_extract(try_.relay, '^[^\\[]*') as relay, agent,
        regexp_matches(try_.relay, {quote(_NEAR)}) as near,
        nullif(try_.dsn, '') as dsn, lower(try_.status) as status,
        nullif(left(regexp_replace(try_.text, '\\)$', ''), 500), '') as text
    from mail_read where what is not null"""


# When


def _moment_sql(timezone: str, years: str) -> str:
    """Microseconds since 1970 UTC; null for no date."""
    zoned = "epoch_us({})" if timezone == "UTC" else f"epoch_us(timezone({quote(timezone)}, {{}}))"
    local = "try_strptime(day || ' ' || clock, '%Y-%m-%d %H:%M:%S')"
    digits = "regexp_replace(zone, '[^0-9]', '', 'g')"
    offset = f"if(zone[1] = '-', -1, 1) * ({digits}[1:2]::bigint * 3600 + {digits}[3:4]::bigint * 60) * 1000000"
    fraction = "coalesce(try_cast(rpad(fraction, 6, '0') as bigint), 0)"
    return f"""case when day = '' then {zoned.format(years)}
        when zone in ('Z', 'UTC', 'GMT') then epoch_us({local}) + {fraction}
        when zone[1] in ('+', '-') then epoch_us({local}) + {fraction} - {offset}
        else {zoned.format(local)} + {fraction} end"""


def _years(task: Task) -> tuple[str, list[str]]:
    """The moment of lines without a year, as SQL, and what is to be said of it."""
    rows = task.connection.execute(
        "select distinct left(date, 3) from mail_read where what is not null and day = '' and year = ''"
    ).fetchall()
    months = sorted(_MONTHS.index(month) + 1 for (month,) in rows if month in _MONTHS)
    told = _stamp("year")
    if not months:
        return told, []
    name = PurePath(task.name).name
    if task.year is not None:
        late = _late_months(months)
        names = ", ".join(quote(_MONTHS[month - 1]) for month in late)
        known = f"if(left(date, 3) in ({names}), {_stamp(task.year)}, {_stamp(task.year + 1)})"
        rolled = f" and {task.year + 1}" if len(late) < len(months) else ""
        note = f"{name} names no year: its lines are of {task.year}{rolled}, as given"
    else:
        modified = datetime.fromtimestamp(_modified(task), UTC)
        last = modified.astimezone(ZoneInfo(task.timezone)).replace(tzinfo=None) + timedelta(days=1)
        this, before = _stamp(last.year), _stamp(last.year - 1)
        known = f"if({this} <= timestamp '{last:%Y-%m-%d %H:%M:%S}', {this}, {before})"
        note = f"{name} names no year: its last lines are taken for those before {modified:%Y-%m-%d}, "
        note += "when the file was last changed; a year can be given"
    return f"if(year <> '', {told}, {known})", [note]


def _stamp(year: int | str) -> str:
    return f"try_strptime({year} || ' ' || date || ' ' || time, '%Y %b %d %H:%M:%S')"


def _modified(task: Task) -> int:
    return int(task.path.stat().st_mtime) if task.modified is None else task.modified


def _late_months(months: list[int]) -> list[int]:
    """Those of the year in which the log begins: all, unless it holds December, January and a gap."""
    if months[0] != 1 or months[-1] != 12:
        return months
    widest, at = max((later - month, at) for at, (month, later) in enumerate(pairwise(months), 1))
    return months[at:] if widest > 1 else months


#: what becomes of a mail once it is taken, no mail server's log tells
_NEVER: Final = tuple(
    EventKind[name]
    for name in (
        "COMPLAINED",
        "OPENED",
        "CLICKED",
        "REPLIED",
        "CONVERTED",
        "UNSUBSCRIBED",
        "RESUBSCRIBED",
    )
)
POSTFIX: Final = Recogniser(
    name="postfix",
    recognises=is_mail_log,
    read=read_mail_log,
    never={"postfix": _NEVER},
    finish=write_mail_events,
)
