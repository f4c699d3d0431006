"""What an input may be and cost: a regular file, unchanged while it is read, bounded when unpacked."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hygiene.errors import UnreadableInput, UnwritableOutput

MIB = 1 << 20
CHUNK = MIB  # bytes read at a time; small enough for the processor's cache

#: what a full or limited disk answers
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

NOT_FILES = (
    (stat.S_ISDIR, "it is a folder; name the files in it"),
    (stat.S_ISFIFO, "it is a pipe, and a list is read more than once; save it as a file first"),
    (stat.S_ISCHR, "it is a device, and a list is read more than once; save it as a file first"),
    (stat.S_ISBLK, "it is a device, and a list is read more than once; save it as a file first"),
    (stat.S_ISSOCK, "it is a socket; save what it sends as a file first"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What nobody's contact list exceeds; beyond it an input is refused, in one sentence."""

    line: int = 16 * MIB  # bytes between two line ends
    ratio: int = 200  # unpacked bytes to one byte of the file …
    ratio_from: int = 64 * MIB  # … once more than this came out
    expanded: int = 64 << 30  # bytes that may come out of one file, whatever its size
    members: int = 1_000  # files in one archive
    cells: int = 50_000_000  # of one worksheet, the empty ones included: all are held in memory
    keys: int = 10_000  # different keys in one file of JSON objects
    damaged: int = 100_000  # damaged lines held in memory


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp of a file as the system describes it."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """One file as it was given; `sheet` is what stood behind # for a workbook."""

    path: Path
    sheet: str
    stamp: Stamp

    @property
    def shown(self) -> str:
        """The path as typed, safe to print."""
        return shown(self.path)

    def check_unchanged(self) -> None:
        """Raise UnreadableInput when the file is not the one that was opened first."""
        try:
            same = Stamp.of(self.path.stat()) == self.stamp
        except OSError:
            same = False
        if not same:
            raise UnreadableInput(
                f"{self.shown} changed while it was read; wait until it is complete and try again"
            )


def locate_input(given: Path) -> Input:
    """The regular, readable, non-empty file a path names; ``book.xlsx#Sheet`` names a sheet of it.

    Raises UnreadableInput with one sentence.
    """
    if str(given) == "-":
        raise UnreadableInput("standard input cannot be read twice as a list must be; save it as a file first")
    path, sheet = _split_sheet(given)
    try:
        found = path.stat()
        _check_regular(path, found)
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable(path, error) from None
    return Input(path=path, sheet=sheet, stamp=Stamp.of(found))


def _split_sheet(given: Path) -> tuple[Path, str]:
    before, mark, sheet = str(given).rpartition("#")
    if mark and before and not os.path.lexists(given) and Path(before).is_file():
        return Path(before), sheet
    return given, ""


def _check_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        if not found.st_size:
            raise UnreadableInput(f"{shown(path)} is empty: it has 0 bytes")
        return
    why = next((why for is_kind, why in NOT_FILES if is_kind(found.st_mode)), "it is not a file")
    raise UnreadableInput(f"{shown(path)} cannot be read: {why}")


def unreadable(path: Path, error: OSError | ValueError) -> UnreadableInput:
    """What the system said about a file, as one sentence."""
    return UnreadableInput(f"{shown(path)} cannot be read: {getattr(error, 'strerror', None) or error}")


def shown(text: object, longest: int = 200) -> str:
    """A text that can be printed: control characters and undecodable bytes as escapes, long text cut."""
    safe = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in str(text)
    )
    return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"


def in_units(size: int) -> str:
    """Bytes for a person: 64 MiB."""
    value, units = float(size), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.3g} {units[0]}" if value < 1000 else f"{value:.0f} {units[0]}"


@dataclass(kw_only=True, slots=True)
class Scratch:
    """Where one input is unpacked, and how much may still come out of it."""

    folder: Path
    name: str  # of the input, safe to print
    limits: Limits
    allowance: int
    made: int = 0

    @classmethod
    def for_input(cls, given: Input, folder: Path, limits: Limits) -> Scratch:
        """Room for `ratio` times the file, or what every file may have."""
        allowance = min(limits.expanded, max(limits.ratio_from, limits.ratio * given.stamp.size))
        return cls(folder=folder, name=given.shown, limits=limits, allowance=allowance)

    def new_path(self, suffix: str) -> Path:
        """A path of its own in the folder."""
        self.made += 1
        return self.folder / f"{self.made:04d}{suffix}"

    def spend(self, size: int) -> None:
        """Account for bytes about to be written; raises UnreadableInput when nothing honest grows that much."""
        self.allowance -= size
        if self.allowance < 0:
            raise UnreadableInput(
                f"{self.name} is not unpacked: it grows more than {self.limits.ratio} times in size, "
                f"or beyond {in_units(self.limits.expanded)}, which no list does"
            )

    def need(self, size: int) -> None:
        """Raise UnwritableOutput when the disk has no room for `size` bytes more."""
        free = shutil.disk_usage(self.folder).free
        if free < size:
            raise UnwritableOutput(
                f"{self.name} takes {in_units(size)} to read, and the disk of {shown(self.folder)} "
                f"has {in_units(free)} left"
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a full disk into one sentence, and any other trouble of the system into another."""
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise self.full() from None
            raise UnreadableInput(f"{self.name} cannot be read: {error.strerror or error}") from None

    def full(self) -> UnwritableOutput:
        """The sentence for a disk without room."""
        return UnwritableOutput(f"{self.name} cannot be unpacked: no room left in {shown(self.folder)}")
