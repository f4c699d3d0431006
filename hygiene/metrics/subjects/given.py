"""A list of subjects, by campaign and perhaps variant, beside a log that does not tell them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hygiene.errors import UsageError
from hygiene.events.delimited import open_delimited
from hygiene.events.layout import name_key
from hygiene.events.unpacked import Part, find_logs, unpack
from hygiene.intake.kinds import Kind, binary_kind

if TYPE_CHECKING:
    import duckdb

_COLUMNS: Final = {
    "campaign": (
        "campaign",
        "campaign_name",
        "campaign_title",
        "title",
        "name",
        "campaign_id",
        "mailing",
        "newsletter",
    ),
    "subject": ("subject", "subject_line", "email_subject"),
    "variant": ("variant", "ab_variant", "variation", "ab_group"),
}
_WHERE: Final = "--subjects"
_MOST: Final = 1_000_000  # campaigns


class Given(NamedTuple):
    """The subject of a campaign, or of one of its variants."""

    campaign: str
    variant: str | None
    subject: str


def read_subjects(subjects: Any, connection: duckdb.DuckDBPyConnection, folder: Path) -> tuple[Given, ...]:
    """The subjects of a mapping (campaign → subject), of tables by path, or of data frames.

    Raises UsageError or UnreadableInput with one sentence, also for a campaign with two subjects: which of its
    mails had which would be a guess.
    """
    found: dict[tuple[str, str | None], Given] = {}
    for one in _rows(subjects, connection, folder):
        known = found.setdefault(one[:2], one)
        if known.subject != one.subject:
            of = f", variant {one.variant[:40]!r}," if one.variant else ""
            raise UsageError(
                f"{_WHERE} gives campaign {one.campaign[:60]!r}{of} two subjects: add a column variant"
            )
    if not found:
        raise UsageError(f"{_WHERE} holds no campaign with a subject")
    return tuple(found.values())


def _rows(subjects: Any, connection: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[Given]:
    if isinstance(subjects, Mapping):
        yield from _given((campaign, None, subject) for campaign, subject in subjects.items())
        return
    for one in subjects if isinstance(subjects, list | tuple) else [subjects]:
        if isinstance(one, str | Path):
            for found in find_logs([one]):
                for part in unpack(found.path, folder):
                    yield from _of_table(part, connection)
        else:
            yield from _of_frame(one)


def _of_table(part: Part, connection: duckdb.DuckDBPyConnection) -> Iterator[Given]:
    if binary_kind(part.head) is Kind.PARQUET:
        import pyarrow.parquet

        yield from _of_frame(pyarrow.parquet.read_table(part.path))
        return
    for text in open_delimited(part):
        places = _places(text.columns, part.name)
        wanted = ", ".join('"' + name.replace('"', '""') + '"' if name else "null" for name in places)
        yield from _given(connection.execute(f"select {wanted} {text.query} limit {_MOST}").fetchall())
        for table in ("event_rejects", "event_rejects_scan"):
            connection.execute(f"drop table if exists {table}")


def _of_frame(frame: Any) -> Iterator[Given]:
    import narwhals as nw

    try:
        known = nw.from_native(frame)
    except TypeError:
        raise UsageError(
            f"subjects are a path, a mapping or a data frame, not {type(frame).__name__}"
        ) from None
    table = known.collect() if isinstance(known, nw.LazyFrame) else known
    places = _places(table.columns, "the data frame")
    cells = [table[name].to_list() if name else [None] * len(table) for name in places]
    yield from _given(zip(*cells, strict=True))


def _places(columns: Iterable[str], name: str) -> tuple[str | None, str | None, str | None]:
    """The columns of campaign, variant and subject; the last and the first must be there."""
    keys = {name_key(str(column)): str(column) for column in columns}
    found = {
        what: next((keys[word] for word in words if word in keys), None) for what, words in _COLUMNS.items()
    }
    missing = [what for what in ("campaign", "subject") if found[what] is None]
    if missing:
        raise UsageError(
            f"{name} names no {' and no '.join(missing)}: {_WHERE} needs the columns campaign and subject"
        )
    return found["campaign"], found["variant"], found["subject"]


def _given(rows: Iterable[tuple[Any, Any, Any]]) -> Iterator[Given]:
    """The rows that say something."""
    for row in rows:
        campaign, variant, subject = (_text(cell) for cell in row)
        if campaign and subject:
            yield Given(campaign, variant, subject)


def _text(cell: Any) -> str | None:
    return str(cell).strip() or None if cell is not None and cell == cell else None  # noqa: PLR0124 - NaN
