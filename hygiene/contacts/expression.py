"""A condition in SQL, as a person types it: read by DuckDB's own parser, checked, and written anew.

What is run is written from the checked tree, with the columns under names of ours; nothing of the text ever is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hygiene.errors import UsageError
from hygiene.intake.guard import shown

if TYPE_CHECKING:
    import duckdb

_Node: TypeAlias = dict[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: take text, and so see a column of the file as it came
TEXT_FUNCTIONS: Final = _words(
    """
    ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape not_ilike_escape || ^@ contains starts_with
    ends_with prefix suffix regexp_matches regexp_full_match regexp_extract lower upper lcase ucase trim ltrim
    rtrim length len left right substring substr replace strpos position instr reverse strip_accents split_part
    strptime try_strptime
    """
)
#: each depends on nothing but its arguments: no clock (as `age` of one date), no chance, no files, no settings
FUNCTIONS: Final = TEXT_FUNCTIONS | _words(
    """
    + - * / // % @ abs round floor ceil ceiling trunc sign sqrt greatest least nullif date_part datepart
    date_trunc datetrunc date_diff datediff date_sub datesub date_add year quarter month week day dayofweek
    isodow weekday dayofyear hour last_day to_years to_quarters to_months to_weeks to_days to_hours to_minutes
    to_seconds
    """
)
TEXT_TYPES: Final = _words("VARCHAR TEXT STRING CHAR")
TYPES: Final = TEXT_TYPES | _words(
    """
    BOOLEAN BOOL TINYINT SMALLINT INTEGER INT BIGINT HUGEINT DOUBLE FLOAT REAL DECIMAL NUMERIC DATE TIMESTAMP
    DATETIME INTERVAL
    """
)
_OPERATORS = _words(
    "COMPARE_IN COMPARE_NOT_IN OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_COALESCE"
)
_CLASSES = _words("COLUMN_REF CONSTANT COMPARISON CONJUNCTION OPERATOR BETWEEN CASE CAST FUNCTION TYPE")
_REFUSED = {
    "SUBQUERY": "a query",
    "WINDOW": "a window function",
    "LAMBDA": "a lambda",
    "STAR": "* for all columns",
    "PARAMETER": "a parameter",
}


@dataclass(frozen=True, slots=True)
class Mention:
    """A column named in an expression."""

    node: _Node  # of the tree
    name: str
    quoted: bool
    as_text: bool  # its cells are wanted as they came

    def become(self, name: str) -> None:
        """Write another name in its place."""
        self.node["column_names"] = [name]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of which every part is allowed."""

    tree: _Node
    mentions: tuple[Mention, ...]


@contextmanager
def open_parser() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB without tables, files or network, for its parser."""
    import duckdb

    shut: dict[str, Any] = {"enable_external_access": False, "threads": 1}
    with duckdb.connect(":memory:", config=shut) as connection:
        yield connection


def read_expression(parser: duckdb.DuckDBPyConnection, text: str) -> Expression:
    """Raises UsageError for what is not one expression of allowed parts."""
    import duckdb

    if "\x00" in text:  # DuckDB reads no further
        raise UsageError("the expression cannot be read: there is a NUL in it")
    if any(kind == duckdb.token_type.comment for _, kind in duckdb.tokenize(text)):
        raise UsageError("a comment (-- or /*) is not part of an expression")
    query = f"select (\n{text}\n)"
    try:
        tree = _only_expression(parser, query)
        return Expression(tree, tuple(_mentions(tree, query.encode())))
    except RecursionError:
        raise UsageError("the expression is nested too deep") from None


def write_query(parser: duckdb.DuckDBPyConnection, expression: Expression, shell: str) -> str:
    """The query `shell`, ``select true as …``, with the expression in the place of its first column."""
    query = _serialised(parser, shell)
    columns = query["statements"][0]["node"]["select_list"]
    columns[0] = {**expression.tree, "alias": columns[0]["alias"]}
    ((text,),) = parser.execute("select json_deserialize_sql(?::json)", [json.dumps(query)]).fetchall()
    return str(text)


def _only_expression(parser: duckdb.DuckDBPyConnection, query: str) -> _Node:
    """The tree of the expression, when nothing stands around it."""
    found, shell = _serialised(parser, query), _serialised(parser, "select (\ntrue\n)")
    if "expression depth" in found.get("error_message", ""):
        raise RecursionError
    if found["error"] and found["error_type"] == "parser":
        raise UsageError(f"the expression cannot be read: {shown(found['error_message'])}")
    statements = (*found.get("statements", []), *shell["statements"])
    columns = [one["node"].pop("select_list", []) for one in statements]
    if _without_places(found) != _without_places(shell) or len(columns[0]) != 1:
        raise UsageError("it must be one expression, and nothing but an expression")
    tree: _Node = columns[0][0]
    return tree


def _serialised(parser: duckdb.DuckDBPyConnection, query: str) -> _Node:
    ((text,),) = parser.execute("select json_serialize_sql(?)", [query]).fetchall()
    tree: _Node = json.loads(text)
    return tree


def _without_places(found: _Node) -> str:
    return re.sub(r'"query_location(_length)?": \d+', "", json.dumps(found))


def _mentions(part: Any, query: bytes, as_text: bool = False) -> Iterator[Mention]:
    """The columns named in a part of a tree, whose every node is checked on the way. Places are in bytes."""
    if isinstance(part, dict):
        if "class" in part:
            _check(part)
            if part["class"] == "COLUMN_REF":
                quoted = query[part["query_location"] :].startswith(b'"')
                yield Mention(part, ".".join(part["column_names"]), quoted, as_text)
            as_text = _wants_text(part)
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _mentions(inner, query, as_text)


def _check(node: _Node) -> None:
    kind = node["class"]
    if kind not in _CLASSES or (kind == "OPERATOR" and node["type"] not in _OPERATORS):
        what = _REFUSED.get(kind, str(node["type"]).lower().replace("_", " "))
        raise UsageError(f"{what} is not allowed in an expression")
    if kind == "FUNCTION" and (name := _full_name(node, "function_name")).lower() not in FUNCTIONS:
        raise UsageError(f"{name} is not a function that an expression may use")
    if kind == "TYPE" and (name := _full_name(node, "type_name")).upper() not in TYPES:
        raise UsageError(f"{name} is not a type that an expression may use")


def _full_name(node: _Node, key: str) -> str:
    return shown(".".join(part for part in (node["catalog"], node["schema"], node[key]) if part))


def _wants_text(node: _Node) -> bool:
    """Whether columns directly within this node are read as text."""
    if node["class"] == "CAST":
        return node["type_expr"].get("type_name", "").upper() in TEXT_TYPES
    return node["class"] == "FUNCTION" and node["function_name"].lower() in TEXT_FUNCTIONS
