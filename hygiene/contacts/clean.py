"""A cleaning from files to files: read, decide, check the sums, write; nothing is left half done."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hygiene.config import CleaningPolicy
from hygiene.contacts.cleaned import BrokenSum, Cleaned, TooManyRemoved
from hygiene.contacts.copy import Written, hash_written
from hygiene.contacts.counts import check_sums, count
from hygiene.contacts.digests import digests_of
from hygiene.contacts.folder import open_cleaning
from hygiene.contacts.frames import write_frame
from hygiene.contacts.kept import Shape, added_columns, shape_of, with_room, write_rows
from hygiene.contacts.laws import try_again
from hygiene.contacts.ledger import write_flagged, write_rejected, write_suppressions
from hygiene.contacts.manifest import as_json, manifest_of
from hygiene.contacts.plan import CheckMail, Knowledge, run_plan
from hygiene.contacts.presentation import render_cleaning
from hygiene.contacts.read import Export, Tick, read_exports
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.segmenting import find_segments
from hygiene.contacts.segments import Evaluated, read_segment
from hygiene.contacts.summary import Summary
from hygiene.contacts.suppression import SuppressionList, combine, read_suppressions
from hygiene.contacts.table import OPTIONAL
from hygiene.contacts.unread_ends import gone_unread
from hygiene.engines.engine import DuckEngine, Engine, open_engine
from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.intake.guard import shown
from hygiene.intake.records import Positions
from hygiene.intake.source import Source, open_sources

if TYPE_CHECKING:
    from hygiene.contacts.domain_mail import DomainMail

DEFAULT_POLICY = CleaningPolicy()
Say: TypeAlias = Callable[[str], None]

SUMMARY, PAGE, MANIFEST = "summary.json", "report.html", "manifest.json"
LEDGERS = {"rejected.csv": write_rejected, "flagged.csv": write_flagged, "suppressions.csv": write_suppressions}
OUTPUTS = ("clean.csv", "winback.csv", *LEDGERS, SUMMARY, PAGE, MANIFEST)


def clean_contacts(
    contacts: Any,
    policy: CleaningPolicy = DEFAULT_POLICY,
    *,
    output: Path | str | None = None,
    suppress: Sequence[Path | str | SuppressionList] = (),
    suppression_key: bytes | None = None,
    events: Sequence[Path | str] = (),
    now: datetime | None = None,
    check_mail: CheckMail | None = None,
    engine: str = "duckdb",
    threads: int | None = None,
    dry_run: bool = False,
    tick: Tick = lambda _name, _rows, _share: None,
    say: Say = lambda _what: None,
) -> Cleaned:
    """Clean exports: a path, several, or a data frame (pandas, Polars, Arrow).

    `output` is a folder for the files; without it they live as long as the result. `suppress` are files or
    lists of who must not be mailed (`suppression_key` is that of keyed hashes in them), `events` logs of what
    people did. `now` decides what is long ago; `check_mail` asks DNS when the policy says so (without it the
    system's resolver). Raises UsageError, UnreadableInput or UnwritableOutput with one sentence, and
    TooManyRemoved when pruning would take more than the policy allows.
    """
    target = None if output is None else Path(output)
    suppress, events = _several(suppress), _several(events)
    segments = [read_segment(f"{name}: {expression}") for name, expression in policy.segments.items()]
    with _work_folder(target) as work:
        paths = _paths(contacts, work)
        read = [*paths, *(one for one in (*suppress, *events) if not isinstance(one, SuppressionList))]
        _refuse_overwriting(read, target, [*OUTPUTS, *(f"{one.name}.csv" for one in segments)])
        now = now or datetime.now(UTC)
        listed = _lists(suppress, suppression_key)
        with (
            open_engine(engine, work, threads) as (tables, reading),
            _opened(paths, work) as sources,
            digests_of(source.given.path for source in sources) as digest,
        ):
            exports = read_exports(sources, reading.connection, work, policy, tick, now=now)
            activity, acted, events_said = _activity(events, reading, tables, policy)
            known = Knowledge(
                now=now,
                suppressed=_with_unread(listed, reading, exports),
                activity=activity,
                untold=OPTIONAL.difference(*(export.told for export in exports)),
                check_mail=check_mail or _ask_system,
                say=say,
            )
            decided = run_plan(tables.adopt("contacts", reading), tables, policy, known)
            tables.hand_over({"decisions": decided.decisions, "persons": decided.persons}, reading)
            say("Counting")
            kept = _rows(reading, "select kept_row from persons where reason is null")
            found = find_segments(reading.connection, exports, segments, kept, known.now)
            summary = count(
                reading.connection,
                exports,
                policy,
                known.now,
                digest=digest,
                kept=len(kept),
                segments={name: (len(one.rows), one.unknown) for name, one in found.items()},
                listed=listed,
                events=events_said,
            )
            _check(reading, exports, summary, kept, policy)
            cleaned = Cleaned(summary=summary, policy=policy, as_of=known.now)
            with ThreadPoolExecutor(max_workers=1) as beside:  # it mostly plans, and writing mostly copies
                again = beside.submit(try_again, reading.connection.cursor(), kept, policy, known, acted)
                if dry_run:
                    _agree(again.result())
                    return cleaned
                say("Writing")
                writing = _Writing(reading, exports, cleaned, kept, found, work, read)
                return writing.run(target, before=lambda: _agree(again.result()))


@contextmanager
def _work_folder(target: Path | None) -> Iterator[Path]:
    """A folder for what is under way: inside the output, so that finished files need only be moved."""
    place = "the temporary folder" if target is None else shown(target)
    made: list[Path] = []
    work = None
    try:
        if target is not None:
            if target.exists() and not target.is_dir():
                raise UnwritableOutput(
                    f"{place} cannot be written: it is a file, and a cleaning writes a folder"
                )
            made = [one for one in (target, *target.parents) if not one.exists()]
            target.mkdir(parents=True, exist_ok=True)
        with _alone_in(target):
            work = Path(tempfile.mkdtemp(prefix=".cleaning-", dir=target))
            yield work
    except OSError as error:
        raise UnwritableOutput(f"{place} cannot be written: {error.strerror or error}") from None
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # a folder that holds something stays
            for one in made:
                one.rmdir()


@contextmanager
def _alone_in(target: Path | None) -> Iterator[None]:
    """Two cleanings into one folder would mix their files: the second is told so. Not on Windows."""
    try:
        import fcntl
    except ImportError:
        fcntl = None  # type: ignore[assignment]
    if target is None or fcntl is None:
        yield
        return
    folder = os.open(target, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however it ends
    except BlockingIOError:
        os.close(folder)
        raise UnwritableOutput(
            f"{shown(target)} cannot be written: another cleaning is at work there"
        ) from None
    try:
        yield
    finally:
        os.close(folder)


def _paths(contacts: Any, work: Path) -> list[Path]:
    """The files to clean; a data frame becomes one."""
    if isinstance(contacts, str | Path):
        return [Path(contacts)]
    if isinstance(contacts, Sequence):
        if not contacts or not all(isinstance(one, str | Path) for one in contacts):
            raise UsageError("a list of contacts is a path, several paths or a data frame")
        return [Path(one) for one in contacts]
    return [write_frame(contacts, work / "frame.csv")]


def _ask_system(domains: Iterable[str]) -> Mapping[str, DomainMail]:
    """Ask the system's resolver which domains can receive mail."""
    from hygiene.contacts.domain_mail import check_domains
    from hygiene.dns_client import LiveResolver

    return check_domains(domains, LiveResolver())


def _several(given: Sequence[Any] | Path | str) -> Sequence[Any]:
    return [given] if isinstance(given, str | Path) else given


def _refuse_overwriting(paths: Sequence[Path | str], target: Path | None, names: Sequence[str]) -> None:
    """An output folder that holds an input under the name of an output."""
    if target is None:
        return
    outputs = {os.path.realpath(target / name): name for name in names}
    for path in paths:
        if name := outputs.get(os.path.realpath(path)):
            raise UsageError(f"{path} would be overwritten by the new {name}: choose another --output")
    for path in outputs:
        if Path(path).is_dir():
            raise UnwritableOutput(f"{shown(path)} cannot be written: it is a folder")


@contextmanager
def _opened(paths: Sequence[Path], work: Path) -> Iterator[list[Source]]:
    """The files, opened; one that changes meanwhile breaks a cleaning in any way: then this is what is said."""
    sources = open_sources(paths, work)
    try:
        yield sources
    except Exception:
        for source in sources:
            source.check_unchanged()
        raise


def _lists(suppress: Sequence[Path | str | SuppressionList], key: bytes | None) -> SuppressionList | None:
    """The suppression lists as one; None without any."""
    lists = [
        one if isinstance(one, SuppressionList) else read_suppressions(Path(one), key=key) for one in suppress
    ]
    return combine(lists) if lists else None


def _with_unread(
    listed: SuppressionList | None, reading: DuckEngine, exports: Sequence[Export]
) -> SuppressionList | None:
    """The lists, and who left by rows that are rejected before anybody reads whom they mean."""
    gone = gone_unread(reading.connection, exports)
    return combine([*([listed] if listed else []), gone]) if gone else listed


def _activity(
    events: Sequence[Path | str], reading: DuckEngine, tables: Engine, policy: CleaningPolicy
) -> tuple[Any, str, Mapping[str, Any] | None]:
    """What event logs say of people, on the engine; DuckDB's table of it; and how the logs were read."""
    if not events:
        return None, "", None
    from hygiene.contacts.activity import read_activity

    found = read_activity([Path(path) for path in events], reading.connection, opens=policy.opens)
    return tables.adopt(found.table, reading), found.table, asdict(found.report)


def _rows(reading: DuckEngine, query: str) -> Positions:
    """The row numbers that a query finds, ascending."""
    (found,) = reading.connection.execute(query).fetchnumpy().values()
    return np.sort(np.asarray(found, np.int64))


def _check(
    reading: DuckEngine, exports: Sequence[Export], summary: Summary, kept: Positions, policy: CleaningPolicy
) -> None:
    """Stop before anything is written: when our own sums are off, or when pruning takes too many."""
    if faults := check_sums(reading.connection, exports, summary, kept):
        raise BrokenSum(
            f"the sums of this cleaning do not add up, which is a fault in hygiene: {'; '.join(faults)}"
        )
    life = summary.life
    if life.pruned_share > policy.max_removed:
        share, limit = f"{life.pruned_share:.1%}", f"{policy.max_removed:.0%}"
        raise TooManyRemoved(
            f"pruning would take {share} of the {life.people:,} people who could be mailed, more than "
            f"--max-removed {limit}: nothing was written",
            summary,
        )


def _agree(faults: Sequence[str]) -> None:
    """Stop before anything is in place when a sample of people came out differently a second time."""
    if faults:
        raise BrokenSum(
            f"this cleaning does not come out the same twice, which is a fault in hygiene: {'; '.join(faults)}"
        )


class _OwnFolder:
    """A temporary folder that goes when nobody holds it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="hygiene-clean-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class _Writing:
    """The files of a cleaning, first all in the work folder, then all under their names."""

    reading: DuckEngine
    exports: Sequence[Export]
    cleaned: Cleaned
    kept: Positions
    found: Mapping[str, Evaluated]
    work: Path
    read: Sequence[Path | str]

    def run(self, target: Path | None, *, before: Callable[[], None]) -> Cleaned:
        """Write everything; the result with the folder it is in. `before` may raise: nothing is there then."""
        ready = self.work / "ready"
        ready.mkdir()
        shape = shape_of(self.exports, self.kept)
        added = added_columns(self.reading.connection, shape, self.kept)
        shape = with_room(shape) if added else shape
        with ThreadPoolExecutor(max_workers=1) as beside:  # DuckDB writes its lists while the rows are copied
            ledgers = beside.submit(self._ledgers, ready)
            outputs = [*self._kept_files(ready, shape), *ledgers.result()]
        for export in self.exports:
            export.source.check_unchanged()
        own = _OwnFolder() if target is None else None
        folder = target or (own.path if own else Path())
        cleaned = replace(self.cleaned, folder=folder, _keep=own)
        outputs += [
            _put(ready / SUMMARY, as_json(cleaned.to_dict())),
            _put(ready / PAGE, render_cleaning(cleaned)),
        ]
        manifest = manifest_of(
            cleaned.summary,
            shape,
            outputs,
            cleaned.policy,
            as_of=cleaned.as_of,
            made_at=datetime.now(UTC),
            added=added,
        )
        _put(ready / MANIFEST, as_json(manifest))
        before()
        _move(ready, folder, _stale(folder, ready, self.read))
        return cleaned

    def _kept_files(self, ready: Path, shape: Shape) -> list[Written]:
        connection = self.reading.connection
        inactive = f"reason = '{RejectReason.INACTIVE}'"
        pruned = _rows(self.reading, f'select "row" from decisions where {inactive} and "row" = kept_row')
        files = [
            write_rows(connection, shape, self.kept, ready / "clean.csv"),
            write_rows(connection, shape_of(self.exports, pruned), pruned, ready / "winback.csv"),
        ]
        for name, segment in self.found.items():
            files.append(
                write_rows(
                    connection, shape_of(self.exports, segment.rows), segment.rows, ready / f"{name}.csv"
                )
            )
        return files

    def _ledgers(self, ready: Path) -> list[Written]:
        connection = self.reading.connection.cursor()
        return [write(connection, self.exports, ready / name) for name, write in LEDGERS.items()]


def _put(path: Path, text: str) -> Written:
    path.write_text(text, encoding="utf-8")
    return hash_written(path, rows=0)


def _stale(folder: Path, ready: Path, read: Sequence[Path | str]) -> list[Path]:
    """What an earlier cleaning wrote here and this one does not, like a segment no longer asked for.

    A file that was changed since, or was read just now, is not counted.
    """
    try:
        earlier = open_cleaning(folder).manifest.outputs
    except UnreadableInput:
        return []
    spared = {os.path.realpath(path) for path in read}
    names = [name for name in earlier if name == Path(name).name and not (ready / name).exists()]
    there = [folder / name for name in names if (folder / name).is_file()]
    same = [path for path in there if hash_written(path, rows=0).sha256 == earlier[path.name].sha256]
    return [path for path in same if os.path.realpath(path) not in spared]


def _move(ready: Path, folder: Path, stale: Sequence[Path]) -> None:
    """Put the finished files under their names, the manifest last: without it they are no cleaning.

    An old manifest goes first, so that a stop in between leaves files that nothing vouches for.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in stale:
        path.unlink()
    names = sorted((path.name for path in ready.iterdir()), key=lambda name: (name == MANIFEST, name))
    for name in names:
        (ready / name).replace(folder / name)
