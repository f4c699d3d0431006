"""What a cleaning read, and by which rules: exports, suppression lists, event logs, the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from hygiene.config import CleaningPolicy
from hygiene.contacts.cleaned import Cleaned
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.summary import FileSummary, Summary
from hygiene.intake.dialect import SAID_AS
from hygiene.intake.kinds import Kind
from hygiene.render.sections import Block, Cell, Paragraph, Section, Table, Tone

_LINES_NAMED = 8
_WAYS_NAMED = 6  # layouts, encodings or separators in one line
#: what a file is, when its text is one that was made here: its encoding and separator say nothing then
_CONVERTED = ("Excel workbook", *(str(kind) for kind in (Kind.PARQUET, Kind.JSON_LINES, Kind.JSON_ARRAY)))
_ASIDE = {
    "damaged": "not a record of its file",
    "no-layout": "a record of no log known here",
    "unknown-word": "what happened is a word unknown here",
    "no-mail-event": "a test, a forward, an automatic reply, a change of a list",
    "nobody": "no address, or several of whom it may be any",
    "invalid-address": "the address is none",
    "undated": "no date that can be read",
}
_POLICY = {
    "inactive_after": "leave out who is silent for",
    "grace": "never leave out who joined within",
    "min_ignored": "mails ignored before somebody counts as inactive",
    "opens": "an open is a sign of life",
    "max_removed": "stop when pruning would take more than",
    "keep": "which row of a person stays",
    "role": "addresses of tasks",
    "disposable": "throw-away addresses",
    "typos": "domains that look mistyped",
    "require_confirmed": "only who confirmed (double opt-in)",
    "assume_consent": "take customers for subscribers",
    "check_mx": "ask whether domains take mail",
    "soft_bounces": "soft bounces in a row that are too many",
    "status_words": "status words of your own",
    "columns": "columns named",
    "layout": "layout named",
    "segments": "segments",
}


def subject_of(summary: Summary) -> str:
    """What was cleaned: a file, an archive with its number of files, or the first of several."""
    names = [one.name for one in summary.files]
    if len(names) < 2:
        return names[0] if names else "nothing"
    if archive := _archive(summary.files):
        return f"{archive.removesuffix('/')}, {len(names)} files"
    return f"{names[0]} and {_counted(len(names) - 1, 'more file')}"


def _archive(files: Sequence[FileSummary]) -> str:
    """What the names of several files begin with, up to a slash, when all come out of one archive."""
    begins = {"".join(one.name.partition("/")[:2]) for one in files}
    return begins.pop() if len(begins) == 1 and len(files) > 1 and "/" in min(begins) else ""


def source_sections(cleaned: Cleaned) -> Iterator[Section]:
    """What was read in a line each, then one by one; only the sections that have something to say."""
    summary = cleaned.summary
    if rows := tuple(_overview(summary)):
        yield Section(title="What was read", blocks=(Table(rows=rows),))
    if summary.files:
        yield Section(title="The files, one by one", blocks=tuple(_files(summary)), detail=True)
    if summary.lists:
        yield Section(title="Suppression lists, one by one", blocks=(_list_table(summary),), detail=True)
    if summary.events is not None:
        yield Section(title="Event logs, one by one", blocks=tuple(_events(summary.events)), detail=True)
    yield Section(title="The policy", blocks=(_policy(cleaned.policy),), detail=True)


# in a line each


def _overview(summary: Summary) -> Iterator[tuple[Cell, ...]]:
    if summary.files:
        yield _files_in_a_line(summary.files)
    if summary.lists:
        yield _lists_in_a_line(summary)
    if summary.events is not None:
        events = summary.events
        said = f"{events['used']:,} of {_counted(events['events'], 'event')} told something"
        yield Cell("event logs"), Cell(f"{said}, of {_counted(events['mailboxes'], 'mailbox', 'mailboxes')}")


def _files_in_a_line(files: Sequence[FileSummary]) -> tuple[Cell, ...]:
    damaged, blank = sum(one.damaged for one in files), sum(one.blank for one in files)
    kinds = zip_longest(*map(_read_as, files))
    said = [_listing([way for way in dict.fromkeys(kind) if way], _WAYS_NAMED) for kind in kinds]
    said += [_counted(damaged, "damaged line")] if damaged else []
    said += [_counted(blank, "blank line")] if blank else []
    return Cell(_counted(len(files), "file"), Tone.WARN if damaged else Tone.PLAIN), Cell(" · ".join(said))


def _lists_in_a_line(summary: Summary) -> tuple[Cell, ...]:
    lists, taken = summary.lists, summary.reasons.get(RejectReason.SUPPRESSED, 0)
    unreadable = sum(one.get("unreadable", 0) for one in lists)
    entries = sum(one["entries"] for one in lists)
    said = [_counted(entries, "entry", "entries"), f"{_counted(taken, 'row')} rejected"]
    said += [_counted(unreadable, "unreadable line")] if unreadable else []
    label = _counted(len(lists), "suppression list")
    return Cell(label, Tone.WARN if unreadable else Tone.PLAIN), Cell(" · ".join(said))


# exports


def _files(summary: Summary) -> Iterator[Block]:
    """A table of the files, and what was said of them, each sentence once."""
    yield _file_table(summary.files)
    notes: dict[str, list[str]] = {}
    for one in summary.files:
        for note in dict.fromkeys(one.notes):
            if note not in {*_read_as(one), f"separated by {SAID_AS.get(one.delimiter)}"}:
                notes.setdefault(note, []).append(one.name)
    if len(summary.files) == 1:
        yield from map(Paragraph, notes)
    elif notes:
        rows = ((Cell(_whose(names, summary), code=True), Cell(note)) for note, names in notes.items())
        yield Table(rows=tuple(rows))


def _file_table(files: Sequence[FileSummary]) -> Table:
    """Columns without any count are left out."""
    damaged, blank = any(one.damaged for one in files), any(one.blank for one in files)
    heads = ["file", "read as", "rows", *(["damaged"] * damaged), *(["blank lines"] * blank)]
    return Table(
        columns=tuple(heads),
        rows=tuple(_file_row(one, _archive(files), damaged=damaged, blank=blank) for one in files),
        align="llrrr",
    )


def _file_row(one: FileSummary, archive: str, *, damaged: bool, blank: bool) -> tuple[Cell, ...]:
    cells = [
        Cell(one.name.removeprefix(archive), code=True),
        Cell(", ".join(_read_as(one))),
        Cell(f"{one.rows:,}"),
    ]
    if damaged:
        cells.append(Cell(f"{one.damaged:,}", Tone.WARN if one.damaged else Tone.MUTED))
    if blank:
        cells.append(Cell(f"{one.blank:,}", Tone.PLAIN if one.blank else Tone.MUTED))
    return tuple(cells)


def _read_as(one: FileSummary) -> tuple[str, ...]:
    """Layout, encoding and separator, or what the file was converted from."""
    converted = next((note for note in one.notes if note in _CONVERTED), None)
    if converted:
        return one.layout, converted
    if not one.delimiter:
        return one.layout, one.encoding, "one address a line"
    return one.layout, one.encoding, f"{SAID_AS.get(one.delimiter, one.delimiter)}-separated"


def _whose(names: Sequence[str], summary: Summary) -> str:
    """The files a note is about."""
    if len(names) == len(summary.files):
        return "all files"
    first = names[0].removeprefix(_archive(summary.files))
    return first if len(names) == 1 else f"{first} and {len(names) - 1:,} more"


# suppression lists


def _list_table(summary: Summary) -> Table:
    unreadable = any(one.get("unreadable") for one in summary.lists)
    return Table(
        columns=("list", "entries", *(["unreadable lines", ""] if unreadable else [])),
        rows=tuple(_list_row(one, unreadable=unreadable) for one in summary.lists),
        align="lrrl",
    )


def _list_row(one: Mapping[str, Any], *, unreadable: bool) -> tuple[Cell, ...]:
    cells = (Cell(str(one["name"]), code=True), Cell(f"{one['entries']:,}"))
    if not unreadable:
        return cells
    count = one.get("unreadable", 0)
    lines = _listing([f"{line:,}" for line in one.get("lines", ())], _LINES_NAMED)
    said = Cell(f"neither address, domain nor hash: line {lines}" if count and lines else "", Tone.PLAIN)
    return (*cells, Cell(f"{count:,}", Tone.WARN if count else Tone.MUTED), said)


# event logs


def _events(events: Mapping[str, Any]) -> Iterator[Block]:
    aside: Mapping[str, int] = events["aside"]
    yield Paragraph(
        f"{events['events']:,} events = {events['used']:,} used + {sum(aside.values()):,} set aside, "
        f"of {_counted(events['mailboxes'], 'mailbox', 'mailboxes')}."
    )
    yield Table(columns=("log", "read as", "events"), rows=tuple(map(_log_row, events["files"])), align="llr")
    if kinds := _kinds(events):
        yield Paragraph(kinds)
    if aside:
        rows = (
            (Cell(str(why)), Cell(f"{count:,}"), Cell(_ASIDE.get(str(why), ""))) for why, count in aside.items()
        )
        yield Table(columns=("set aside", "events", "why"), rows=tuple(rows), align="lrl")
    if words := list(events["unknown_words"]):
        yield Paragraph(f"Words unknown here: {_listing(words, _LINES_NAMED)}.", Tone.WARN)


def _log_row(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    said = "; ".join([*one["layouts"], *one["said"]])
    return Cell(one["name"], code=True), Cell(said), Cell(f"{one['events']:,}")


def _kinds(events: Mapping[str, Any]) -> str:
    kinds = [f"{kind} {count:,}" for kind, count in events["kinds"].items()]
    machines = {"machine_opens": "opens", "machine_clicks": "clicks"}
    by_machine = [f"{events[key]:,} {word}" for key, word in machines.items() if events[key]]
    said = f"By what happened: {', '.join(kinds)}." if kinds else ""
    aside = f" {' and '.join(by_machine)} were made by machines and count for nobody." if by_machine else ""
    doubt = events["opens_maybe_machine"]
    return f"{said}{aside}{f' Of {doubt:,} opens it cannot be told.' if doubt else ''}".strip()


# the policy


def _policy(policy: CleaningPolicy) -> Table:
    defaults = msgspec.structs.asdict(CleaningPolicy())
    return Table(
        rows=tuple(
            (
                Cell(_POLICY.get(name, name)),
                Cell(_setting(name, value)),
                Cell("" if value == defaults[name] else "not the default", Tone.PLAIN),
                Cell(name, code=True),
            )
            for name, value in msgspec.structs.asdict(policy).items()
        )
    )


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {meant}" for key, meant in value.items()) or "none"
    if name == "max_removed":
        from hygiene.render.figures import share_text

        return share_text(value)
    return "not asked for" if value is None else str(value)


def _listing(words: Sequence[str], most: int) -> str:
    return ", ".join(words[:most]) + (", …" if len(words) > most else "")


def _counted(number: int, word: str, words: str = "") -> str:
    return f"{number:,} {word if number == 1 else words or word + 's'}"
