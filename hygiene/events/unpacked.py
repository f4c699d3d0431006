"""The logs that paths mean: files, folders, patterns, archives; each unpacked, with a look at its beginning."""

from __future__ import annotations

import codecs
import glob
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from hygiene.errors import UnreadableInput, UsageError
from hygiene.events.dynamodb import is_typed, write_items
from hygiene.events.journal import is_journal, write_entries
from hygiene.events.keyed import is_keyed, write_activity
from hygiene.events.posts import is_posts, write_posts
from hygiene.events.quoted import is_quoted, write_quoted
from hygiene.events.readers import READERS
from hygiene.events.recogniser import Head
from hygiene.intake.encoding import is_utf_16, unmarked_utf_16
from hygiene.intake.guard import MIB, Input, Limits, Scratch, in_units, locate_input, shown, unreadable
from hygiene.intake.kinds import PACKED, Kind, binary_kind
from hygiene.intake.unpack import decompress_begun, extract_member, list_members, open_zip
from hygiene.intake.workbook import is_workbook

Writer: TypeAlias = Callable[[BinaryIO, BinaryIO], None]

LIMITS = Limits()
HEAD = MIB  # bytes that tell what kind of log it is

_FIRST = 256  # bytes that tell whether a text is JSON
_MOST_PACKED = 2  # CloudWatch Logs sends gzip, which Firehose may pack again
_CUT = "is cut short: what comes after its first"
_PATTERN = "*?["


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A file that a path means; `named` says that it was asked for itself, not found in a folder."""

    path: Path
    named: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A log, unpacked: the file itself, or what was in it."""

    name: str  # for a person: logs.zip/events.json
    path: Path
    scratch: Scratch
    modified: int  # of the file as given, seconds since 1970 UTC
    head: bytes
    lines: bool = False  # whether it was made lines of JSON, damaged ones among them
    cut: str = ""  # what to say of an archive that ends too early


def find_logs(paths: Sequence[Path | str]) -> list[Found]:
    """The files that paths mean: a folder means all files below it, a pattern those that fit. In one order.

    Raises UnreadableInput where nothing is found.
    """
    found: dict[Path, Found] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            for one in _below(path):
                found.setdefault(one, Found(path=one, named=False))
        elif set(str(given)) & set(_PATTERN) and not path.exists():
            for one in _fitting(str(given)):
                found.setdefault(one, Found(path=one, named=True))
        else:
            found[path] = Found(path=path, named=True)
    return list(found.values())


def list_logs(logs: Any) -> list[Any]:
    """Each log that was meant, once: files found, and data frames as they are."""
    several = logs if isinstance(logs, list | tuple) else [logs]
    if not several:
        raise UsageError("no event log was named")
    listed: list[Any] = []
    for one in several:
        listed += find_logs([one]) if isinstance(one, str | Path) else [one]
    paths: dict[Path, Found] = {}
    for one in listed:
        if isinstance(one, Found):
            paths.setdefault(one.path.absolute(), one)
    return [*paths.values(), *(one for one in listed if not isinstance(one, Found))]


def _below(folder: Path) -> list[Path]:
    """All files of a folder and those in it, in order; hidden ones are somebody's own."""
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not paths:
        raise UnreadableInput(f"{shown(folder)} is a folder without files")
    return paths


def _fitting(pattern: str) -> list[Path]:
    paths: list[Path] = []
    for name in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  a pattern may be absolute
        path = Path(name)
        paths += _below(path) if path.is_dir() else [path]
    if not paths:
        raise UnreadableInput(f"{shown(pattern)} fits no file")
    return paths


def unpack(path: Path, work: Path) -> Iterator[Part]:
    """The logs in a file; what has to be unpacked goes below `work`. Raises UnreadableInput."""
    try:
        yield from _unpack(locate_input(path), work)
    except OSError as error:
        raise unreadable(path, error) from None


def _unpack(given: Input, work: Path) -> Iterator[Part]:
    scratch = Scratch.for_input(given, Path(tempfile.mkdtemp(prefix="log-", dir=work)), LIMITS)
    if binary_kind(_head(given.path)) is Kind.ZIP:
        with open_zip(given.path, scratch) as archive:
            if not is_workbook(archive, scratch):
                taken, skipped = list_members(archive, logs=True)
                for info in taken:
                    name = f"{given.shown}/{shown(info.filename)}"
                    yield _part(extract_member(archive, info, scratch), name, given, scratch)
                if not taken:
                    raise UnreadableInput(f"{given.shown} holds no log: only {', '.join(skipped) or 'nothing'}")
                return
    yield _part(given.path, given.shown, given, scratch)


def _part(path: Path, name: str, given: Input, scratch: Scratch) -> Part:
    scratch.name = name
    head = _head(path)
    packed, is_cut = 0, False
    while (kind := binary_kind(head)) in PACKED.values():
        if packed == _MOST_PACKED:
            raise UnreadableInput(f"{name} is compressed {packed} times and more; unpack it first")
        path, ends_early = decompress_begun(path, kind, scratch)
        head, packed, is_cut = _head(path), packed + 1, is_cut or ends_early
    cut = _cut_off(path, head, name) if is_cut else ""
    head = _head(path) if is_cut else head
    if is_utf_16(head) and _is_no_table(head, name):
        path = _as_utf_8(path, head, scratch)
        head = _head(path)
    write = writer_of(head)
    if write:
        path = rewritten(path, write, scratch)
        head = _head(path)
    if not path.stat().st_size:
        raise UnreadableInput(f"{name} is empty: it has 0 bytes")
    return Part(
        name=name,
        path=path,
        scratch=scratch,
        modified=given.stamp.modified_ns // 10**9,
        head=head,
        lines=write is not None,
        cut=cut,
    )


def _cut_off(path: Path, head: bytes, name: str) -> str:
    """Take off the line in which an unpacked file breaks off; what to say. Raises where nothing is whole.

    A list of JSON stays as it is: what is whole in it does not go by lines.
    """
    if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        return f"{name} {_CUT} {in_units(path.stat().st_size)} is not read"
    lines = end = at = 0
    with path.open("rb") as file:
        while chunk := file.read(MIB):
            lines += chunk.count(b"\n")
            end = at + chunk.rfind(b"\n") + 1 if b"\n" in chunk else end
            at += len(chunk)
    if not lines or is_utf_16(head):
        raise UnreadableInput(f"{name} cannot be unpacked: it is damaged or cut short")
    os.truncate(path, end)
    return f"{name} {_CUT} {lines:,} line{'s' if lines > 1 else ''} is not read"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _is_no_table(head: bytes, name: str) -> bool:
    """Whether a text of UTF-16 is JSON or a log of lines: tables are decoded where they are read."""
    if _from_utf_16(head[:_FIRST], head).lstrip().startswith(("{", "[")):
        return True
    start = _from_utf_16(head, head).encode("utf-8", "replace")
    return any(reader.recognises(Head(name=name, start=start)) for reader in READERS)


def _from_utf_16(text: bytes, head: bytes) -> str:
    return text.decode(_utf_16(head), "replace").lstrip("\ufeff")


def _utf_16(head: bytes) -> str:
    """The encoding of a text whose letters have two bytes: by its mark, else by where the NULs are."""
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else unmarked_utf_16(head)


def _as_utf_8(path: Path, head: bytes, scratch: Scratch) -> Path:
    """JSON as RFC 8259 §8.1 wants it, in the scratch folder."""
    target = scratch.new_path(".json")
    scratch.need(path.stat().st_size)
    decoder = codecs.getincrementaldecoder(_utf_16(head))("replace")
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        first = True
        while chunk := source.read(MIB):
            text = decoder.decode(chunk)
            file.write((text.removeprefix("\ufeff") if first else text).encode("utf-8", "replace"))
            first = False
        file.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
    return target


def writer_of(head: bytes) -> Writer | None:
    """What makes lines of JSON of a file that begins like this; None where nothing has to."""
    ways = (
        (is_posts, write_posts),
        (is_keyed, write_activity),
        (is_typed, write_items),
        (is_journal, write_entries),
        (is_quoted, write_quoted),
    )
    return next((write for is_one, write in ways if is_one(head)), None)


def rewritten(path: Path, write: Writer, scratch: Scratch) -> Path:
    """A file as lines of JSON, in the scratch folder."""
    target = scratch.new_path(".json")
    scratch.need(path.stat().st_size)
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        write(source, file)
    return target


@contextmanager
def one_sentence(name: str, kind: str) -> Iterator[None]:
    """Around a query of a file: what DuckDB says of damage becomes UnreadableInput with one sentence."""
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException):
        raise UnreadableInput(f"{name} cannot be read: its {kind} is damaged or cut short") from None


def link(path: Path, scratch: Scratch, suffix: str) -> Path:
    """The file under a name that the database takes for neither a pattern nor a compressed file."""
    made = scratch.new_path(suffix)
    made.symlink_to(path.resolve())
    return made


def without_mark(path: Path, scratch: Scratch) -> Path:
    """A copy of a file without its byte order mark."""
    target = scratch.new_path(".json")
    scratch.need(path.stat().st_size)
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        source.seek(len(codecs.BOM_UTF8))
        while chunk := source.read(MIB):
            file.write(chunk)
    return target
