"""A list of what was sent, beside a log that does not say it: read as events, joined to the log's mails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hygiene.errors import UsageError
from hygiene.events.delimited import open_delimited
from hygiene.events.layout import name_key, quote
from hygiene.events.unpacked import Part, find_logs, unpack
from hygiene.intake.encoding import is_utf_16
from hygiene.intake.kinds import Kind, binary_kind, refuse
from hygiene.metrics.words import counted

if TYPE_CHECKING:
    import duckdb

#: a table with one of these says what happened; without, each row is a mail that was sent
_EVENT_COLUMNS: Final = ("event", "event_type", "eventtype", "event_name", "kind", "action", "metric")
#: when it was sent, in words that say so
_SENT_COLUMNS: Final = (
    "sent_at",
    "sent_on",
    "sent",
    "sent_date",
    "sent_time",
    "send_date",
    "send_time",
    "date_sent",
)


def as_events(
    sends: Any, connection: duckdb.DuckDBPyConnection, folder: Path
) -> tuple[list[Any], tuple[str, ...]]:
    """The lists of sends as something `read_events` takes, rows that name no event being sends; and notes."""
    several = sends if isinstance(sends, list | tuple) else [sends]
    made: list[Any] = []
    notes: list[str] = []
    for one in several:
        made += _of_path(one, connection, folder, notes) if isinstance(one, str | Path) else [_of_frame(one)]
    return made, tuple(notes)


def _of_path(
    path: str | Path, connection: duckdb.DuckDBPyConnection, folder: Path, notes: list[str]
) -> list[Path]:
    paths: list[Path] = []
    for found in find_logs([path]):
        parts = list(unpack(found.path, folder))
        lists = [made for part in parts if _is_text(part) for made in _lists(part, connection, folder, notes)]
        paths += lists or [found.path]
    return paths


def _is_text(part: Part) -> bool:
    """A delimited text, as far as its beginning tells."""
    start = part.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    is_json = start.startswith((b"{", b"[")) and not is_utf_16(part.head)
    return binary_kind(part.head) is Kind.TEXT and not refuse(part.head) and not is_json


def _lists(part: Part, connection: duckdb.DuckDBPyConnection, folder: Path, notes: list[str]) -> list[Path]:
    """The tables of a text that name no event, each as a file of events; none where they do."""
    made: list[Path] = []
    for number, text in enumerate(open_delimited(part)):
        names = _columns(text.columns)
        if names is None:
            return []
        path = folder / f"{Path(part.name).name}-{number}.parquet"
        chosen = ", ".join(f"{_identifier(name)} as {_identifier(meant)}" for name, meant in names.items())
        connection.execute(f"copy (select 'sent' as event, {chosen} {text.query}) to {quote(str(path))}")
        if damaged := text.damaged + _rejected(connection):
            notes.append(f"{Path(part.name).name}: {counted(damaged, 'line')} not understood and left out")
        connection.execute("drop table if exists event_rejects")
        connection.execute("drop table if exists event_rejects_scan")
        made.append(path)
    return made


def _rejected(connection: duckdb.DuckDBPyConnection) -> int:
    """Lines that the last reading of a text set aside."""
    there = _one(connection, "select count(*) from duckdb_tables() where table_name = 'event_rejects'")
    return _one(connection, "select count(distinct line) from event_rejects") if there else 0


def _columns(names: Iterable[str]) -> dict[str, str] | None:
    """The columns of a list and what they are called among events; None where it names events itself."""
    keys = {name: name_key(name) for name in names}
    if set(keys.values()) & set(_EVENT_COLUMNS):
        return None
    sent = next((name for word in _SENT_COLUMNS for name, key in keys.items() if key == word), None)
    return {name: "timestamp" if name == sent else name for name in keys}


def _of_frame(frame: Any) -> Any:
    import narwhals as nw

    try:
        known = nw.from_native(frame)
    except TypeError:
        raise UsageError(f"a list of sends is a path or a data frame, not {type(frame).__name__}") from None
    names = _columns(str(name) for name in known.columns)
    if names is None:
        return frame
    return known.rename(names).with_columns(event=nw.lit("sent")).to_native()


def join_sends(connection: duckdb.DuckDBPyConnection, table: str = "sends") -> None:
    """Give the sends of a list the message ids of the log, by campaign and person.

    Campaigns are compared without case; where the log or the list names none and the other one at most, by the
    person alone. Of several messages to a person each send is one, in their order, if there are as many; else
    none is. Of whom the log tells nothing the campaign stands for the message. Raises UsageError where no send
    of the list is of a mail of the log: then the two cannot be joined.
    """
    named = _one(connection, "select count(*) from events where message_id is not null")
    if not named:
        connection.execute(f"update {table} set message_id = null")
    else:
        several = _told(connection, table)
        connection.execute(
            _JOIN.format(table=table, key=_MAILING if several else "''", only="null" if several else _ONLY)
        )
    key = "message_id" if named else "campaign"
    if not _one(connection, f"select count(*) from {table} semi join events using ({key}, recipient)"):
        raise UsageError(
            "no send of the list is of a mail of the log: it needs the addresses, and the message ids or "
            "campaigns that the log has"
        )


_ONLY: Final = "(select max(campaign) from message)"
_MAILING: Final = "lower(trim(campaign))"
#: messages of the log and sends without one, each numbered by campaign and person in the order of time
_JOIN: Final = """
with message as (
    select {key} as mailing, recipient, message_id, min(ts_us) as first, max(campaign) as campaign
    from events where message_id is not null and recipient is not null group by all
),
numbered as (
    select *, row_number() over (person order by first nulls last, message_id) as place,
        count(*) over (person) as messages
    from message window person as (partition by mailing, recipient)
),
waiting as (
    select rowid as row, {key} as mailing, recipient,
        row_number() over (person order by ts_us nulls last, rowid) as place, count(*) over (person) as sends
    from {table} where message_id is null or message_id = campaign
    window person as (partition by {key}, recipient)
),
found as (
    select waiting.row, messages is not null as mailed,
        coalesce(numbered.campaign, {only}) as campaign,
        case when messages = 1 or (messages = sends and numbered.place = waiting.place)
            then numbered.message_id end as message_id
    from waiting left join numbered on numbered.mailing = waiting.mailing and
        numbered.recipient = waiting.recipient and (messages = 1 or numbered.place = waiting.place)
)
update {table} as sent set campaign = coalesce(found.campaign, sent.campaign), message_id = case
    when mailed then found.message_id else coalesce(sent.message_id, found.campaign, sent.campaign, 'list') end
from found where sent.rowid = found.row"""


def _told(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether campaigns tell mailings apart: both name them, or one of them several."""
    log, listed = (
        _one(connection, f"select count(distinct {_MAILING}) from {one}") for one in ("events", table)
    )
    return min(log, listed) > 0 or max(log, listed) > 1


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    ((number,),) = connection.execute(query).fetchall()
    return int(number)


def check_kind(connection: duckdb.DuckDBPyConnection, table: str, kind: str, words: Sequence[str]) -> None:
    """Refuse further logs that hold nothing of what they were given for; `words` name option and thing."""
    option, thing = words
    held = _one(connection, f"select count(*) from {table}")
    if held and not _one(connection, f"select count(*) from {table} where kind = {quote(kind)}"):
        raise UsageError(f"{option} holds no {thing}, but {held:,} other events")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
