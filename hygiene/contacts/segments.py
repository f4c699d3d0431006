"""Segments: parts of a cleaned list, each described by an `expression` over the columns of its rows.

**Names.** A bare word is first one of ours (`TYPED`, `COMPUTED`, `MOMENTS`), then a column of the file; a
name in double quotes is first a column of the file, then one of ours. They are compared by `column_key`;
``"#3"`` is the third column of the file.

**Types.** A column of the file whose every non-blank cell is a plain number is a number: 1234.5, without
separators of thousands or a currency, without the leading zero or plus of postcodes and telephones, and with
at most 15 digits before the point. One whose every cell is a date of ISO 8601 is a moment in UTC; without an
offset it is taken as it stands. Any other is text. A blank cell is null. `TEXT_FUNCTIONS` and a cast to text
see the cells as they came.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hygiene.contacts.column_names import column_key
from hygiene.contacts.expression import Expression, Mention, open_parser, read_expression, write_query
from hygiene.contacts.scores import SCORES, literal, score_expressions
from hygiene.errors import UsageError
from hygiene.intake.guard import shown

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

#: columns that the cleaning knows, where the file has them; times in UTC
TYPED: Final = MappingProxyType(
    {
        "orders": "DOUBLE",
        "spent": "DOUBLE",
        "last_order": "TIMESTAMP",
        "country": "VARCHAR",
        "joined": "TIMESTAMP",
        "last_activity": "TIMESTAMP",
        "life": "VARCHAR",  # active, inactive or unknown
        "status": "VARCHAR",
        "domain": "VARCHAR",
        "provider": "VARCHAR",
    }
)
#: what is computed here → the columns of `TYPED` without which it cannot be
COMPUTED: Final = MappingProxyType(
    {
        **{score: (figure,) for score, figure in SCORES.items()},
        "rfm": tuple(SCORES.values()),  # the three scores, as in 545
        "days_since_order": ("last_order",),  # whole days until `as_of`
        "days_since_activity": ("last_activity",),
    }
)
MOMENTS: Final = MappingProxyType({"as_of": "TIMESTAMP", "today": "DATE"})
#: outputs of a cleaning, and names that Windows keeps for devices
RESERVED: Final = frozenset(
    {"clean", "rejected", "winback", "suppressions", "flagged", "report", "summary", "manifest"}
    | {"con", "prn", "aux", "nul"}
)
LONGEST_NAME: Final = 100  # characters
LONGEST_EXPRESSION: Final = 4_000  # characters

_BLANKS = "' \t\r\n\u00a0'"
_NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d{1,2})?"
_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z| UTC)?)?"
_OFFSET = r"[+-]\d\d:\d\d"  # behind a time
_TEXT_HINT = "a column is text (VARCHAR) unless all its cells are plain numbers or ISO dates"


@dataclass(frozen=True, slots=True)
class Segment:
    """A name that can be one of a file, and an expression as it was typed."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """The rows of a segment, ascending, and of how many rows it cannot be told (the expression is null)."""

    rows: npt.NDArray[np.int64]
    unknown: int


def read_segment(text: str) -> Segment:
    """The segment in ``vip: spent > 500 and country = 'DE'``.

    Raises UsageError when there is no colon, nothing before or behind it, or the name cannot be that of a file.
    """
    name, colon, expression = (part.strip() for part in unicodedata.normalize("NFC", text).partition(":"))
    if not (name and colon and expression):
        raise UsageError(f"{shown(text)!r} is not a segment: write name: expression, as in 'vip: spent > 500'")
    if wrong := _fault_of_name(name):
        raise UsageError(f"a segment cannot be called {shown(name)!r}: {wrong}")
    if len(expression) > LONGEST_EXPRESSION:
        raise UsageError(f"segment {name!r}: the expression is longer than {LONGEST_EXPRESSION} characters")
    return Segment(name, expression)


def _fault_of_name(name: str) -> str:
    if not all(letter.isalnum() or letter in "-_. " for letter in name):
        return "a name has letters, digits, spaces and - _ ."
    if name.startswith(".") or name.endswith("."):
        return "a name neither begins nor ends with a dot"
    if len(name) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters"
    return "another file has that name" if name.partition(".")[0].strip().casefold() in RESERVED else ""


def stored_names(header: Sequence[str]) -> tuple[str, ...]:
    """Under which name `evaluate` looks for each column of a header.

    Its own without blanks around it; ``#3`` for the third where that is empty, there twice, not printable, such
    a number itself or one of `TYPED`, as a table of DuckDB tells no upper from lower case.
    """
    keys = [column_key(name) for name in header]
    taken = {"row", "", *TYPED, *(key for key in keys if keys.count(key) > 1)}
    free = [key not in taken and not key.startswith("#") for key in keys]
    return tuple(
        name.strip() if can and name.strip().isprintable() else f"#{place}"
        for place, (name, can) in enumerate(zip(header, free, strict=True), 1)
    )


def needed_columns(
    segments: Iterable[Segment], header: Sequence[str], known: Collection[str] = tuple(TYPED)
) -> tuple[int, ...]:
    """The positions in the header, from 0, of the columns of the file that the expressions mention.

    `known` are the columns of `TYPED` that the cleaning can give. Raises UsageError for an expression that is
    not allowed or names a column that is not there.
    """
    places = {stored: place for place, stored in enumerate(stored_names(header))}
    found = _mentioned(segments, _Columns(dict(zip(places, header, strict=True)), known))
    return tuple(sorted(places[one.name] for one in found if not one.ours))


def needed_words(
    segments: Iterable[Segment], header: Sequence[str], known: Collection[str] = tuple(TYPED)
) -> frozenset[str]:
    """The columns of `TYPED` that `evaluate` needs; arguments and errors as of `needed_columns`."""
    columns = _Columns(dict(zip(stored_names(header), header, strict=True)), known)
    words = {one.name for one in _mentioned(segments, columns) if one.ours}
    behind = {need for word in words for need in COMPUTED.get(word, (word,))}
    customers = set(SCORES.values()) if words & {*SCORES, "rfm"} else set[str]()
    return frozenset((behind | customers) & set(known))


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    segments: Iterable[Segment],
    *,
    as_of: datetime,
    header: Sequence[str] = (),
) -> dict[str, Evaluated]:
    """Which rows of a table are in each segment, by its name.

    The table has ``row BIGINT``, columns of `TYPED` under their names and in their types, and columns of the
    file as VARCHAR under their `stored_names` in `header` (without a header: under their own). A time without a
    zone is UTC. Raises UsageError for an expression that is not allowed, names what is not there, says neither
    yes nor no, or asks of a cell what it cannot give (a number of a word).
    """
    given = connection.execute(f"describe {_quoted(table)}").fetchall()
    known = [name for name, kind, *_ in given if TYPED.get(name) == kind]
    stored = dict(zip(stored_names(header), header, strict=True))
    stored = stored or {name: name for name, kind, *_ in given if kind == "VARCHAR" and name not in known}
    columns = _Columns(stored, known)
    with open_parser() as parser:
        read = _read(parser, segments)
        aliases = _name_columns(read, columns)
        prepared = _prepare(connection, _quoted(table), aliases, known, as_of)
        shell = 'select true as verdict, "row" from prepared'
        queries = {one: write_query(parser, expression, shell) for one, expression in read.items()}
    return {
        one.name: _run(connection, one, f"with prepared as ({prepared}) {query}")
        for one, query in queries.items()
    }


@contextmanager
def _named(segment: Segment) -> Iterator[None]:
    """Put the segment's name before what is wrong with it."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"segment {segment.name!r}: {error}") from None


def _distinct(segments: Iterable[Segment]) -> list[Segment]:
    """The segments; two names that differ in case only are one file on some disks."""
    found: dict[str, Segment] = {}
    for segment in segments:
        if found.setdefault(segment.name.casefold(), segment) is not segment:
            raise UsageError(f"two segments are called {segment.name!r}")
    return list(found.values())


def _read(parser: duckdb.DuckDBPyConnection, segments: Iterable[Segment]) -> dict[Segment, Expression]:
    read = {}
    for segment in _distinct(segments):
        with _named(segment):
            read[segment] = read_expression(parser, segment.expression)
    return read


# --- finding the columns


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is there: one of ours, or one of the file under its name in the table."""

    name: str
    ours: bool
    as_text: bool


class _Columns:
    """What an expression can name: `stored` (name in the table → name in the header) and words of ours."""

    def __init__(self, stored: Mapping[str, str], known: Collection[str]) -> None:
        self.words = {*known, *MOMENTS} | {word for word, needs in COMPUTED.items() if {*needs} <= {*known}}
        self.headers = list(stored.values())
        self.of_file: dict[str, list[str]] = {}
        for name, header in stored.items():
            self.of_file.setdefault(column_key(header), []).append(name)
        self.of_file = {f"#{place}": [name] for place, name in enumerate(stored, 1)} | self.of_file

    def find(self, mention: Mention) -> _Column:
        """The column meant; raises UsageError when there is none, or two."""
        key = column_key(mention.name)
        of_file = self.of_file.get(key, [])
        if key in self.words and not (mention.quoted and of_file):
            return _Column(key, ours=True, as_text=False)
        if len(of_file) == 1:
            return _Column(of_file[0], ours=False, as_text=mention.as_text)
        raise UsageError(self._ambiguous(mention, key) if of_file else self._missing(mention, key))

    def _ambiguous(self, mention: Mention, key: str) -> str:
        places = [f'"#{place}"' for place, name in enumerate(self.headers, 1) if column_key(name) == key]
        return f"{shown(mention.name)!r} is there more than once: say {' or '.join(places)}"

    def _missing(self, mention: Mention, key: str) -> str:
        if key in {*TYPED, *COMPUTED}:
            lacking = [need for need in COMPUTED.get(key, ()) if need not in self.words]
            return f"nothing in this list tells {' or '.join(lacking) or key}"
        names = {word: word for word in self.words} | {
            column_key(name): f'"{name.strip()}"' for name in self.headers
        }
        near = [names[one] for one in get_close_matches(key, names, n=3)]
        hint = f"; did you mean {shown(' or '.join(near))}?" if near else ""
        text = "; a text stands in single quotes" if mention.quoted and not near else ""
        return f"there is no column {shown(mention.name)!r}{hint}{text}"


def _mentioned(segments: Iterable[Segment], columns: _Columns) -> set[_Column]:
    with open_parser() as parser:
        return set(_name_columns(_read(parser, segments), columns))


def _name_columns(read: Mapping[Segment, Expression], columns: _Columns) -> dict[_Column, str]:
    """A name of ours for each column mentioned, put into the expressions."""
    aliases: dict[_Column, str] = {}
    for segment, expression in read.items():
        with _named(segment):
            for mention in expression.mentions:
                column = columns.find(mention)
                mention.become(aliases.setdefault(column, f"column{len(aliases) + 1}"))
    return aliases


# --- computing


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    aliases: Mapping[_Column, str],
    known: Collection[str],
    as_of: datetime,
) -> str:
    """The query for the columns in the types in which they are compared; looks at the table for these."""
    ours = {column.name for column in aliases if column.ours}
    scores = {score for score in SCORES if score in ours or "rfm" in ours}
    meaning = _moments(as_of) | score_expressions(connection, table, sorted(scores), known)
    meaning |= {name: f"nullif(trim({name}, {_BLANKS}), '')" for name in known if TYPED[name] == "VARCHAR"}
    meaning["rfm"] = " || ".join(meaning.get(score, "") for score in SCORES)
    typed = _cell_queries(connection, table, [one.name for one in aliases if not one.ours and not one.as_text])
    of_file = {one: _cell(one.name) if one.as_text else typed[one.name] for one in aliases if not one.ours}
    queries = {one: meaning.get(one.name, one.name) if one.ours else of_file[one] for one in aliases}
    listed = "".join(f", {queries[column]} as {alias}" for column, alias in aliases.items())
    return f'select "row"{listed} from {table}'


def _moments(as_of: datetime) -> dict[str, str]:
    now = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    moment = literal(now)
    return {
        "as_of": moment,
        "today": f"cast({moment} as date)",
        "days_since_order": f"date_sub('day', last_order, {moment})",
        "days_since_activity": f"date_sub('day', last_activity, {moment})",
    }


def _cell(name: str) -> str:
    return f"case when trim({_quoted(name)}, {_BLANKS}) <> '' then {_quoted(name)} end"


def _cell_queries(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> dict[str, str]:
    """The expression of each column of the file, in the type that all its cells have."""
    if not names:
        return {}
    ways = {name: _as_number_or_moment(f"trim({_quoted(name)}, {_BLANKS})") for name in names}
    counts = ", ".join(
        f"count({_cell(name)}), count({number}), count({moment})" for name, (number, moment) in ways.items()
    )
    ((*found,),) = connection.execute(f"select {counts} from {table}").fetchall()
    each = zip(names, found[::3], found[1::3], found[2::3], strict=True)
    return {
        name: _fitting(name, filled, dict(zip(ways[name], fits, strict=True))) for name, filled, *fits in each
    }


def _fitting(name: str, filled: int, fits: Mapping[str, int]) -> str:
    """The first way to read a column that fits all its filled cells; one without any is null in every type."""
    ways = [way for way, fit in fits.items() if fit == filled]
    return (ways[0] if ways else _cell(name)) if filled else "null"


def _as_number_or_moment(cell: str) -> tuple[str, str]:
    """DuckDB (2.0) drops the offset in a cast to TIMESTAMP: such cells go by way of TIMESTAMPTZ."""
    number = f"case when regexp_full_match({cell}, '{_NUMBER}') then try_cast({cell} as double) end"
    elsewhere = f"make_timestamp(epoch_us(try_cast({cell} as timestamptz)))"
    moment = f"when regexp_full_match({cell}, '{_DATE}') then try_cast({cell} as timestamp)"
    return number, f"case when regexp_full_match({cell}, '{_DATE}{_OFFSET}') then {elsewhere} {moment} end"


def _run(connection: duckdb.DuckDBPyConnection, segment: Segment, query: str) -> Evaluated:
    """The rows where the column ``verdict`` of a query is true, and the number of those where it is null."""
    import duckdb

    query = f"select * from ({query}) where verdict is distinct from false"
    with _named(segment):
        try:
            ((_, kind, *_), _) = connection.execute(f"describe {query}").fetchall()
            if kind != "BOOLEAN":
                raise UsageError(f"the expression must say yes or no, and gives {kind}")
            return _collect(connection, query)
        except (duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
            said = str(error).splitlines()[0].partition("Error: ")[2]
            hint = f"; {_TEXT_HINT}" if "VARCHAR" in said else ""
            raise UsageError(f"it cannot be evaluated: {shown(said)}{hint}") from None


def _collect(connection: duckdb.DuckDBPyConnection, query: str) -> Evaluated:
    import numpy as np

    inside, unknown = [np.empty(0, np.int64)], 0
    for batch in connection.sql(query).arrow():
        verdicts = batch.column("verdict")
        told = verdicts.is_valid().to_numpy(zero_copy_only=False)
        inside.append(batch.column("row").to_numpy()[told])
        unknown += verdicts.null_count
    return Evaluated(np.sort(np.concatenate(inside)), unknown)
