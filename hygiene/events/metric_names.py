"""What Klaviyo's events name by an id alone: their metric, which is what happened, and their profile.

Both are told by listings (GET /api/metrics, /api/profiles) and by what a page of events includes (JSON:API).
They are looked for only where events lack them, and then written into those events as a page of the API
includes them. https://developers.klaviyo.com/en/reference/get_metrics and .../get_events, 2026-11
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hygiene.events.damaged import LINES, keep_damaged, log_at, values_in
from hygiene.events.jsonlog import JsonLog, load_json
from hygiene.events.recogniser import FileRead, Task
from hygiene.events.report import LogReport
from hygiene.intake.guard import Scratch

if TYPE_CHECKING:
    import duckdb

Named: TypeAlias = Mapping[tuple[str, str], str]  # (type, id) → its name or address

_DEEPEST: Final = 8  # layers around a thing
#: the attribute that names a thing
_NAMES: Final = {"metric": "name", "profile": "email"}
#: events of the layout klaviyo that lack what an id stands for, as SQL
LACKING: Final = {
    "metric": "source = 'klaviyo' and kind = 'unknown' and reason is null",
    "profile": "source = 'klaviyo' and recipient is null",
}
#: what to add, for a person
ADVICE: Final = {
    "metric": "Klaviyo events that give the id of their metric and not its name: {:,}; what happened is "
    "unknown until the listing of the metrics (GET /api/metrics) is among the logs, or they are fetched with "
    "include=metric",
    "profile": "Klaviyo events that give the id of their profile and not its address: {:,}; whose they are is "
    "unknown until a listing of the profiles (GET /api/profiles) is among the logs, or they are fetched with "
    "include=profile",
}


def join_names(
    logs: Mapping[int, tuple[Task, JsonLog, Scratch]],
    reports: list[LogReport],
    connection: duckdb.DuckDBPyConnection,
    count: Callable[[Task, FileRead], LogReport],
) -> list[str]:
    """Read again the logs whose events lack what another log names; what is still missing, each in a sentence.

    `logs` are those of JSON by their number; reports of those read again are taken again with `count`.
    """
    if not any("klaviyo" in report.layouts for report in reports):
        return []
    lacking = " or ".join(f"({each})" for each in LACKING.values())
    rows = connection.execute(f"select distinct file from events where {lacking} order by 1").fetchall()
    if not rows:
        return []
    places = {report.number: at for at, report in enumerate(reports)}
    names: dict[tuple[str, str], str] = {}
    for number, (_, log, _) in logs.items():
        report = reports[places[number]] if number in places else None
        if report and ("klaviyo" in report.layouts or not report.events):
            names |= names_in(log)
    for (number,) in rows if names else ():
        if number in logs:
            task, log, scratch = logs[number]
            _read_again(task, with_names(log, names, scratch))
            reports[places[number]] = count(task, FileRead(name=task.name))
    return list(_missing(connection))


def _read_again(task: Task, log: JsonLog) -> None:
    for table in ("events", "unread"):
        task.connection.execute(f"delete from {table} where file = {task.number}")
    load_json(task, log)
    keep_damaged(task, log)


def _missing(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    for kind, lacking in LACKING.items():
        ((count,),) = connection.execute(f"select count(*) from events where {lacking}").fetchall()
        if count:
            yield ADVICE[kind].format(count)


def names_in(log: JsonLog) -> dict[tuple[str, str], str]:
    """What the things that a log lists or includes are called."""
    names: dict[tuple[str, str], str] = {}
    for text, sound in values_in(log):
        if sound and '"attributes"' in text:
            names.update(_names(json.loads(text)))
    return names


def _names(value: Any, depth: int = 0) -> Iterator[tuple[tuple[str, str], str]]:
    """Those in a page, or of one thing."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _names(one, depth + 1)
    if not isinstance(value, dict):
        return
    for page in ("data", "included"):
        yield from _names(value.get(page), depth + 1)
    key, attributes = _key(value), value.get("attributes")
    if key is not None and isinstance(attributes, dict):
        name = attributes.get(_NAMES[key[0]])
        if isinstance(name, str) and name:
            yield key, name


def _key(one: Any) -> tuple[str, str] | None:
    """What names a metric or profile: its type and id; None for anything else."""
    if not isinstance(one, dict):
        return None
    kind, place = one.get("type"), one.get("id")
    if isinstance(kind, str) and isinstance(place, str) and kind in _NAMES:
        return kind, place
    return None


def with_names(log: JsonLog, names: Named, scratch: Scratch) -> JsonLog:
    """The log once more, its events with what their ids stand for, as far as that is known."""
    path = scratch.new_path(".json")
    scratch.need(log.size)
    with scratch.writing(), path.open("w", encoding="utf-8", errors="surrogateescape") as target:
        for text, sound in values_in(log):
            named = json.dumps(_named(json.loads(text), names)) if sound else " ".join(text.splitlines())
            target.write(f"{named}\n")
    return log_at(path, LINES, scratch)


def _named(value: dict[str, Any], names: Named) -> dict[str, Any]:
    """A page that includes what its events name, or an event with it."""
    events = value.get("data")
    if not isinstance(events, list):
        known = {what: names[what] for what in _ids(value) if what in names}
        return value | {kind: {_NAMES[kind]: name} for (kind, _), name in known.items() if kind not in value}
    included = value.get("included")
    told = included if isinstance(included, list) else []
    wanted = {what for event in events for what in _ids(event)} & set(names) - set(dict(_names(told)))
    more = [
        {"type": kind, "id": one, "attributes": {_NAMES[kind]: names[kind, one]}}
        for kind, one in sorted(wanted)
    ]
    kept = [one for one in told if _key(one) not in wanted]
    return {**value, "included": [*kept, *more]}


def _ids(event: Any) -> Iterator[tuple[str, str]]:
    """The metric and the profile of an event, by type and id."""
    for kind in _NAMES:
        one = event
        for step in ("relationships", kind, "data", "id"):
            one = one.get(step) if isinstance(one, dict) else None
        if isinstance(one, str):
            yield kind, one
