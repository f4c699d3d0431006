"""A cleaning from files to files: read, decide, check the sums, write; nothing is left half done."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from hygiene.config import CleaningPolicy
from hygiene.contacts.activity import read_activity
from hygiene.contacts.cleaned import BrokenSum, Cleaned, TooManyRemoved
from hygiene.contacts.copy import Written, hash_written
from hygiene.contacts.counts import check_sums, count
from hygiene.contacts.engine import DuckEngine, Engine, open_engine
from hygiene.contacts.frames import write_frame
from hygiene.contacts.kept import Shape, needs_address, shape_of, write_rows
from hygiene.contacts.ledger import write_flagged, write_rejected, write_suppressions
from hygiene.contacts.manifest import as_json, manifest_of
from hygiene.contacts.plan import CheckMail, Knowledge, run_plan
from hygiene.contacts.presentation import render_cleaning
from hygiene.contacts.read import Export, Tick, read_exports
from hygiene.contacts.reasons import RejectReason
from hygiene.contacts.scan import Positions
from hygiene.contacts.segmenting import find_segments
from hygiene.contacts.segments import Evaluated, read_segment
from hygiene.contacts.source import open_sources
from hygiene.contacts.summary import Summary
from hygiene.contacts.suppression import SuppressionList, combine, read_suppressions
from hygiene.errors import UnwritableOutput, UsageError

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
    people did. `now` decides what is long ago; `check_mail` asks DNS when the policy says so. Raises
    UsageError, UnreadableInput or UnwritableOutput with one sentence, and TooManyRemoved when pruning would
    take more than the policy allows.
    """
    target = None if output is None else Path(output)
    segments = [read_segment(f"{name}: {expression}") for name, expression in policy.segments.items()]
    with _work_folder(target) as work:
        paths = _paths(contacts, work)
        _refuse_overwriting(paths, target)
        listed = _lists(suppress, suppression_key)
        with open_engine(engine, work, threads) as (tables, reading):
            exports = read_exports(open_sources(paths, work), reading.connection, work, policy, tick)
            activity, events_said = _activity(events, reading, tables, policy)
            known = Knowledge(
                now=now or datetime.now(UTC),
                suppressed=listed,
                activity=activity,
                check_mail=check_mail,
                say=say,
            )
            decided = run_plan(tables.adopt("contacts", reading), tables, policy, known)
            tables.hand_over({"decisions": decided.decisions, "persons": decided.persons}, reading)
            say("Counting")
            kept = _rows(reading, "reason is null")
            found = find_segments(reading.connection, exports, segments, kept, known.now)
            summary = count(
                reading.connection,
                exports,
                known.now,
                segments={name: (len(one.rows), one.unknown) for name, one in found.items()},
                listed=listed,
                events=events_said,
            )
            _check(reading, exports, summary, policy)
            cleaned = Cleaned(summary=summary, policy=policy, as_of=known.now)
            if dry_run:
                return cleaned
            say("Writing")
            return _Writing(reading, exports, cleaned, kept, found, work).run(target)


@contextmanager
def _work_folder(target: Path | None) -> Iterator[Path]:
    """A folder for what is under way: inside the output, so that finished files need only be moved."""
    place = "the temporary folder" if target is None else str(target)
    if target is not None and target.exists() and not target.is_dir():
        raise UnwritableOutput(f"{place} cannot be written: it is a file, and a cleaning writes a folder")
    made = target is not None and not target.exists()
    work = None
    try:
        if target is not None:
            target.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".cleaning-", dir=target))
        yield work
    except OSError as error:
        raise UnwritableOutput(f"{place} cannot be written: {error.strerror or error}") from None
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        if target is not None and made and not any(target.iterdir()):
            target.rmdir()


def _paths(contacts: Any, work: Path) -> list[Path]:
    """The files to clean; a data frame becomes one."""
    if isinstance(contacts, str | Path):
        return [Path(contacts)]
    if isinstance(contacts, Sequence):
        return [Path(one) for one in contacts]
    return [write_frame(contacts, work / "frame.csv")]


def _refuse_overwriting(paths: Sequence[Path], target: Path | None) -> None:
    """An output folder that holds an input under the name of an output."""
    if target is None:
        return
    outputs = {os.path.realpath(target / name): name for name in OUTPUTS}
    for path in paths:
        if name := outputs.get(os.path.realpath(path)):
            raise UsageError(f"{path} would be overwritten by the new {name}: choose another --output")


def _lists(suppress: Sequence[Path | str | SuppressionList], key: bytes | None) -> SuppressionList | None:
    """The suppression lists as one; None without any."""
    lists = [
        one if isinstance(one, SuppressionList) else read_suppressions(Path(one), key=key) for one in suppress
    ]
    return combine(lists) if lists else None


def _activity(
    events: Sequence[Path | str], reading: DuckEngine, tables: Engine, policy: CleaningPolicy
) -> tuple[Any, Mapping[str, Any] | None]:
    """What event logs say of people, on the engine, and how the logs were read."""
    if not events:
        return None, None
    found = read_activity([Path(path) for path in events], reading.connection, opens=policy.opens)
    return tables.adopt(found.table, reading), asdict(found.report)


def _rows(reading: DuckEngine, condition: str) -> Positions:
    """The numbers of the rows whose decision is this, ascending."""
    query = f'select "row" from decisions where {condition} order by "row"'
    return np.asarray(reading.connection.execute(query).fetchnumpy()["row"], np.int64)


def _check(reading: DuckEngine, exports: Sequence[Export], summary: Summary, policy: CleaningPolicy) -> None:
    """Stop before anything is written: when our own sums are off, or when pruning takes too many."""
    if faults := check_sums(reading.connection, exports, summary):
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


@dataclass(frozen=True)
class _Writing:
    """The files of a cleaning, first all in the work folder, then all under their names."""

    reading: DuckEngine
    exports: Sequence[Export]
    cleaned: Cleaned
    kept: Positions
    found: Mapping[str, Evaluated]
    work: Path

    def run(self, target: Path | None) -> Cleaned:
        """Write everything; the result with the folder it is in."""
        ready = self.work / "ready"
        ready.mkdir()
        shape = shape_of(self.exports, self.kept)
        with_address = needs_address(self.reading.connection, shape, self.kept)
        outputs = [*self._kept_files(ready, shape), *self._ledgers(ready)]
        for export in self.exports:
            export.source.check_unchanged()
        own = None if target is not None else tempfile.TemporaryDirectory(prefix="hygiene-clean-")
        folder = target if target is not None else Path(own.name if own else "")
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
            with_address=with_address,
        )
        _put(ready / MANIFEST, as_json(manifest))
        _move(ready, folder)
        return cleaned

    def _kept_files(self, ready: Path, shape: Shape) -> list[Written]:
        connection = self.reading.connection
        pruned = _rows(self.reading, f"reason = '{RejectReason.INACTIVE}' and \"row\" = kept_row")
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
        return [write(self.reading.connection, self.exports, ready / name) for name, write in LEDGERS.items()]


def _put(path: Path, text: str) -> Written:
    path.write_text(text, encoding="utf-8")
    return hash_written(path, rows=0)


def _move(ready: Path, folder: Path) -> None:
    """Put the finished files under their names, the manifest last: without it they are no cleaning.

    An old manifest goes first, so that a stop in between leaves files that nothing vouches for.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    names = sorted((path.name for path in ready.iterdir()), key=lambda name: (name == MANIFEST, name))
    for name in names:
        (ready / name).replace(folder / name)
