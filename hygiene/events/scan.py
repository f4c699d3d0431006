"""JSON lines as columns: the paths of layouts, declared to DuckDB's reader, which then parses each line once.

What it reads at a path is what `json_extract_string` finds there, save that it writes 1e300 as 1e+300. It keeps
no text of the line, and takes no names that differ in case alone: an object that has such, or at which one path
ends and another goes on, stays JSON and is asked afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hygiene.events.layout import EventLayout, Reach, quote

_Tree: TypeAlias = dict[str, "_Tree"]  # step → what follows it

_STEP: Final = re.compile(r"\[\d+\]|[^.\[\]]+")
_END, _ELEMENT = "", "[]"  # steps: a path ends here; any place in a list


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """How to read lines as columns, in SQL."""

    columns: str  # the argument `columns` of read_json
    names: str  # these columns, under names that nobody else has
    texts: str  # what to select of them besides
    reach: Reach  # path → its text among what is selected
    several: dict[str, tuple[str, str]]  # list → the texts of its first two


def declare_columns(layouts: Sequence[EventLayout], always: Sequence[str]) -> Scan | None:
    """The columns that records of these layouts need; None where names differ in case alone.

    Paths of other fields than those that are `always` asked are followed where they are asked.
    """
    lists = [path for layout in layouts for path in layout.recipients]
    asked = [path for layout in layouts for path in layout.paths if not path.startswith("^")]
    paths = list(dict.fromkeys([*asked, *(_of(path, at) for path in lists for at in (0, 1))]))
    tree = _tree(paths)
    if _is_kept(tree):
        return None
    reach: dict[str, str] = {}
    kept: dict[str, dict[str, str]] = {}  # SQL of what stays JSON → path → the rest of it
    for path in paths:
        place, rest = _place(path, tree)
        if rest:
            kept.setdefault(place, {})[path] = rest
        else:
            reach[path] = place
    for path in lists:
        held = _place(path.partition("[*]")[0], tree)[0]
        # most records lack most lists: their elements are looked for where there are any
        for at, there in enumerate((f"{held} is not null", f"len({held}) > 1")):
            if _of(path, at) in reach:
                reach[_of(path, at)] = f"case when {there} then {reach[_of(path, at)]} end"
    texts = {f"p{at}": path for at, path in enumerate(_always(layouts, always)) if path in reach}
    selected = [f"{reach[path]} as {name}" for name, path in texts.items()]
    reach |= {path: name for name, path in texts.items()}
    for number, (place, rests) in enumerate(kept.items()):
        selected.append(f"json_extract_string({place}, [{', '.join(map(quote, rests.values()))}]) as j{number}")
        reach |= {path: f"j{number}[{at}]" for at, path in enumerate(rests, 1)}
    return Scan(
        columns="{" + ", ".join(f"{quote(name)}: {quote(_type(held))}" for name, held in tree.items()) + "}",
        names=", ".join(f"{_name(name)} as c{at}" for at, name in enumerate(tree)),
        texts=", ".join(selected),
        reach=reach,
        several={path: (reach[_of(path, 0)], reach[_of(path, 1)]) for path in lists},
    )


def _always(layouts: Sequence[EventLayout], fields: Sequence[str]) -> list[str]:
    """The paths that are followed in every record."""
    paths: dict[str, None] = {}
    for layout in layouts:
        for group in (*layout.marks, layout.lacks, *(layout.fields.get(name, ()) for name in fields)):
            paths |= dict.fromkeys(group)
        paths |= dict.fromkeys(_of(path, at) for path in layout.recipients for at in (0, 1))
    return list(paths)


def _of(path: str, place: int) -> str:
    """The path to one element of a list of recipients."""
    return path.replace("[*]", f"[{place}]")


def _tree(paths: Iterable[str]) -> _Tree:
    tree: _Tree = {}
    for path in paths:
        held = tree
        for step in _STEP.findall(path):
            held = held.setdefault(_ELEMENT if step.startswith("[") else step, {})
        held[_END] = {}
    return tree


def _is_kept(tree: _Tree) -> bool:
    """Whether what follows cannot be declared."""
    mixed = len(tree) > 1 and not tree.keys().isdisjoint((_END, _ELEMENT))
    return mixed or len({step.lower() for step in tree}) < len(tree)


def _type(tree: _Tree) -> str:
    if _is_kept(tree):
        return "JSON"
    if _END in tree:
        return "VARCHAR"
    if _ELEMENT in tree:
        return f"{_type(tree[_ELEMENT])}[]"
    return f"STRUCT({', '.join(f'{_name(step)} {_type(held)}' for step, held in tree.items())})"


def _name(step: str) -> str:
    return '"' + step.replace('"', '""') + '"'


def _place(path: str, tree: _Tree) -> tuple[str, str]:
    """What is reached in the columns, as SQL, and the rest of the path as JSON functions take it, if any."""
    first, *steps = _STEP.findall(path)
    place, held = f"c{list(tree).index(first)}", tree[first]
    for at, step in enumerate(steps):
        if _is_kept(held):
            return place, _rest(steps[at:])
        listed = step.startswith("[")
        held = held[_ELEMENT if listed else step]
        place += f"[{int(step[1:-1]) + 1}]" if listed else f".{_name(step)}"
    return place, _rest([]) if _is_kept(held) else ""


def _rest(steps: Sequence[str]) -> str:
    return "$" + "".join(step if step.startswith("[") else f'."{step}"' for step in steps)
