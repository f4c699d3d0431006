"""The SQL that takes records out of what they stand in: batches, pages of APIs, envelopes of webhooks.

The envelopes are declared in data/openings.toml. A round opens one layer of every record; a record that nothing
opens stays as it is, so that a round too many costs time alone.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Final

import msgspec

from hygiene.events.layout import json_path, quote
from hygiene.files import packaged_text

MOST_ROUNDS: Final = (
    6  # layers that anybody puts around a record: queue, notification, batch, page, person, activity
)

#: what envelopes hand on, as columns: path of a layout → column
KEPT: Final = {"^id": "x_id", "^campaign": "x_campaign", "^recipient": "x_recipient", "^list": "x_list"}


#: how Base64 of a JSON object or list begins, and what stands between two objects (for both, DuckDB and Python)
CODED: Final = "^(?:e[wy]|W[wyz1-3])"
JOINED: Final = r"\}\s*,?\s*\{"


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of envelope, as data/openings.toml explains."""

    take: str = ""
    text: str = ""
    coded: str = ""
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    keep: dict[str, str] = msgspec.field(default_factory=dict)
    join: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def held(self) -> str:
        """The path of what it takes."""
        return (self.take or self.text or self.coded).removesuffix("[*]")

    @property
    def kind(self) -> str:
        """The JSON type of what it takes."""
        return "VARCHAR" if self.text or self.coded else "ARRAY" if self.take.endswith("[*]") else "OBJECT"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: str
    openings: tuple[Opening, ...]


@cache
def openings() -> tuple[Opening, ...]:
    """The envelopes that are known."""
    text = packaged_text("hygiene.events", "data/openings.toml")
    return msgspec.convert(tomllib.loads(text), _File).openings


def opened_sql(bodies: str, rounds: int, *, kept: bool = False) -> str:
    """`bodies` (columns line, body), opened so many times: with the columns of `KEPT` and `layers`, how many.

    With `kept` the bodies have the columns of `KEPT` already.
    """
    columns = ", ".join(name if kept else f"null::varchar as {name}" for name in KEPT.values())
    query = f"select line, body, 0 as layers, {columns} from ({bodies})"
    for _ in range(rounds):
        query = _round_sql(query)
    return query


def _round_sql(query: str) -> str:
    paths = list(dict.fromkeys(p for one in openings() for p in (one.held, *one.needs, *one.lacks)))
    at = {path: f"t[{number}]" for number, path in enumerate(paths, 2)}
    wanted = ", ".join(quote(place) for place in ("$", *map(_place, paths)))
    ways = " ".join(f"when {_applies(one, at)} then {number}" for number, one in enumerate(openings(), 1))
    return f"""
    select line, unnest({_taken()}) as body, layers + (way is not null)::int as layers, {_kept()}
    from (
        select *, case when t[1] = 'ARRAY' then 0 when t[1] = 'OBJECT' then case {ways} end end as way,
            {_beside()}
        from (select *, json_type(body, [{wanted}]) as t from ({query})))"""


def _place(path: str) -> str:
    head, _, rest = path.partition(".")
    return json_path(head, f".{rest}" if rest else "")


def _applies(one: Opening, at: dict[str, str]) -> str:
    asked = [f"{at[one.held]} = '{one.kind}'"]
    asked += [f"{at[path]} is not null" for path in one.needs]
    asked += [f"{at[path]} is null" for path in one.lacks]
    if one.text:
        asked.append(f"ltrim({_text(one.held)})[1] in ('{{', '[')")
    if one.coded:
        asked.append(f"regexp_matches({_text(one.held)}, {quote(CODED)}) and {_decoded(one.held)} is not null")
    return " and ".join(asked)


def _text(path: str) -> str:
    return f"json_extract_string(body, {quote(_place(path))})"


def _decoded(path: str) -> str:
    """The JSON in a text of Base64; of several values with nothing or a comma between them, their list."""
    text = f"try(decode(from_base64({_text(path)})))"
    several = f"'[' || regexp_replace(trim({text}, E' \\t\\r\\n,'), {quote(JOINED)}, '}},{{', 'g') || ']'"
    return f"coalesce(try_cast({text} as json), try_cast({several} as json))"


def _taken() -> str:
    """What comes out, by the way it is opened; itself where nothing opens it."""
    cases = ["when 0 then json_extract(body, '$[*]')"]
    for number, one in enumerate(openings(), 1):
        place = _place(one.held)
        if one.text:
            taken = f"[coalesce(try_cast({_text(one.held)} as json), to_json({_text(one.held)}))]"
        elif one.coded:
            taken = f"[{_decoded(one.held)}]"
        elif one.join:
            taken = _joined(one, place)
        elif one.kind == "ARRAY":
            taken = f"json_extract(body, {quote(place + '[*]')})"
        else:
            taken = f"[json_extract(body, {quote(place)})]"
        cases.append(f"when {number} then {taken}")
    return f"case way {' '.join(cases)} else [body] end"


def _joined(one: Opening, place: str) -> str:
    """Elements with what the page tells of them beside its list; `join` says where its id stands."""
    told = ", ".join(
        f"{quote(name)}, json(m_values[list_position(m_keys, {_key('e', path)})])"
        for name, path in one.join.items()
    )
    elements = f"json_extract(body, {quote(place + '[*]')})"
    return f"list_transform({elements}, lambda e: json_object('event', e, {told}))"


def _beside() -> str:
    """The lists `m_keys` and `m_values` of what pages tell beside their lists."""
    ways = ", ".join(str(number) for number, one in enumerate(openings(), 1) if one.join)
    beside = (
        f"case when way in ({ways}) then list_transform(json_extract(body, '$.included[*]'), lambda i: %s) end"
    )
    attributes = "json_extract(i, '$.attributes')::varchar"
    return f"{beside % _key('i')} as m_keys, {beside % attributes} as m_values"


def _key(element: str, path: str = "") -> str:
    """What a page names one thing by: its type and id (JSON:API)."""
    place = _place(path) if path else "$"
    told = (f"json_extract_string({element}, {quote(f'{place}.{name}')})" for name in ("type", "id"))
    return " || '/' || ".join(told)


def _kept() -> str:
    """The columns of `KEPT` after a round: what this envelope says, else what one around it said."""
    columns = []
    for path, column in KEPT.items():
        name, cases = path.removeprefix("^"), []
        for number, one in enumerate(openings(), 1):
            if name in one.keep:
                cases.append(f"when {number} then {_text(one.keep[name])}")
            elif name == "list" and one.kind == "ARRAY":
                cases.append(f"when {number} then {quote(one.held)}")
        columns.append(f"coalesce(case way {' '.join(cases)} end, {column}) as {column}" if cases else column)
    return ", ".join(columns)
