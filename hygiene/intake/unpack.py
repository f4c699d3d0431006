"""Archives: gzip, bzip2, xz, zstd and zip, unpacked within what is allowed and read to the last check sum."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from hygiene.errors import UnreadableInput
from hygiene.intake.guard import CHUNK, Scratch, shown
from hygiene.intake.kinds import Kind

#: members of an archive that can hold contacts; others are skipped, and named
LISTS = frozenset(
    {
        "",
        ".csv",
        ".tsv",
        ".tab",
        ".psv",
        ".txt",
        ".xlsx",
        ".parquet",
        ".pq",
        ".jsonl",
        ".ndjson",
        ".json",
        ".gz",
        ".bz2",
        ".xz",
        ".zst",
    }
)
_SUFFIXES = ("gz", "bz2", "xz", "zst")
ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".tgz"})
NO_LISTS = frozenset({"readme", "license", "licence", "notice", "changelog", "manifest"})

_LOG = re.compile(r"\.(?:log|out)$|log\.\d+$")  # logrotate numbers what it keeps
_ENCRYPTED = 0x1  # general purpose bit 0, APPNOTE.TXT 4.4.4
_DIRECTORY_LIMIT = 16 << 20  # bytes of a zip's list of members
_XZ_MEMORY = 256 << 20  # bytes to unpack xz with: its highest level, -9, asks for 65 MiB
_CUT_ZSTD = "Truncated"  # in what pyarrow says
_DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError)


def decompress(path: Path, kind: Kind, scratch: Scratch) -> Path:
    """What a file of one of the kinds in `PACKED` holds, all its members in a row."""
    target, is_cut = decompress_begun(path, kind, scratch)
    if is_cut:
        raise _broken(scratch)
    return target


def decompress_begun(path: Path, kind: Kind, scratch: Scratch) -> tuple[Path, bool]:
    """The same as far as the file goes, and whether it ends too early; raises where nothing comes out."""
    target, is_cut = scratch.new_path(".bin"), False
    with _unpacking(scratch), _open_packed(path, kind) as stream, target.open("wb") as unpacked:
        try:
            while chunk := stream.read1(CHUNK):
                scratch.spend(len(chunk))
                unpacked.write(chunk)
        except EOFError:
            is_cut = True
    if is_cut and not target.stat().st_size:
        raise _broken(scratch)
    return target, is_cut


def without_suffix(name: str) -> str:
    """A file's name without the one it has for being compressed."""
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.lower() in _SUFFIXES else name


@contextmanager
def _open_packed(path: Path, kind: Kind) -> Iterator[_Packed]:
    if kind is Kind.ZSTD:
        with closing(_Zstd(path)) as stream:
            yield stream
        return
    if kind is Kind.XZ:
        with path.open("rb") as file:
            yield _Xz(file)
        return
    with gzip.open(path) if kind is Kind.GZIP else bz2.open(path) as opened:
        yield opened


class _Packed(Protocol):
    def read1(self, size: int, /) -> bytes:
        """Bytes as they come; EOFError where the file ends too early."""


class _Xz:
    """All streams of a file in a row, and what pads them (The .xz File Format §2)."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.stream = file, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def read1(self, size: int) -> bytes:
        while True:
            given = b""
            if self.stream.eof:
                given = self.stream.unused_data.lstrip(b"\0")
                while not given:
                    if not (more := self.file.read(CHUNK)):
                        return b""
                    given = more.lstrip(b"\0")
                self.stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
            elif self.stream.needs_input and not (given := self.file.read(CHUNK)):
                raise EOFError
            try:
                found = self.stream.decompress(given, size)
            except lzma.LZMAError as error:
                raise (NotImplementedError if "limit" in str(error) else error) from None
            if found:
                return found


class _Zstd:
    """Zstandard by pyarrow, which tells of damage as an OSError without a number."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self.file = self._open()

    def _open(self) -> Any:
        import pyarrow as pa

        return pa.CompressedInputStream(pa.OSFile(str(self.path)), "zstd")

    def close(self) -> None:
        self.file.close()

    def read1(self, size: int) -> bytes:
        """A read that reaches the end too early loses what it found: that is read again, byte by byte."""
        try:
            found: bytes = self.file.read(size)
        except OSError as error:
            if _CUT_ZSTD not in str(error):
                raise
            found = self._last()
        self.size += len(found)
        return found

    def _last(self) -> bytes:
        self.close()
        self.file, left = self._open(), self.size
        while left:
            left -= len(self.file.read(min(left, CHUNK)))
        found = []
        try:
            while byte := self.file.read(1):
                found.append(byte)
        except OSError:
            pass
        if not found:
            raise EOFError
        return b"".join(found)


@contextmanager
def open_zip(path: Path, scratch: Scratch) -> Iterator[zipfile.ZipFile]:
    """A zip archive whose list of members is sound and of a sane size."""
    with _unpacking(scratch):
        _refuse_huge_directory(path)
        archive = zipfile.ZipFile(path)
        if not all(info.filename for info in archive.infolist()):
            raise zipfile.BadZipFile("a member has no name")
    with archive:
        if len(archive.infolist()) > scratch.limits.members:
            raise _unpackable(scratch, f"it holds more than {scratch.limits.members} files")
        if any(info.flag_bits & _ENCRYPTED for info in archive.infolist()):
            raise _unpackable(scratch, "it is protected by a password; unpack it first")
        yield archive


def _refuse_huge_directory(path: Path) -> None:
    """The list is read into memory whole: look at its size first (APPNOTE.TXT 4.3.14 and 4.3.16)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 128))
        tail = file.read()
    for mark, offset, form in ((b"PK\x05\x06", 12, "<L"), (b"PK\x06\x06", 40, "<Q")):
        at = tail.rfind(mark)
        if at < 0:
            continue
        (size,) = struct.unpack_from(form, tail, at + offset)
        if _DIRECTORY_LIMIT < size != 0xFFFFFFFF:
            raise zipfile.BadZipFile("its list of files is larger than 16 MiB")


def list_members(archive: zipfile.ZipFile, *, logs: bool = False) -> tuple[list[zipfile.ZipInfo], list[str]]:
    """The members that can hold contacts, or `logs`, and the names of the others but system files."""
    taken, skipped = [], []
    for info in archive.infolist():
        if info.is_dir() or _is_system_file(info.filename):
            continue
        if _holds_list(info.filename) or (logs and _LOG.search(info.filename.lower())):
            taken.append(info)
        else:
            skipped.append(shown(info.filename))
    return taken, skipped


def _is_system_file(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts) or parts[-1:] == ("Thumbs.db",)


def _holds_list(name: str) -> bool:
    path = PurePosixPath(name.lower())
    return path.suffix in LISTS | ARCHIVES and re.split(r"[\W_]", path.stem)[0] not in NO_LISTS


def extract_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, scratch: Scratch) -> Path:
    """One member as a file of its own, its check sum verified; an archive in an archive is refused."""
    if PurePosixPath(info.filename.lower()).suffix in ARCHIVES:
        raise _unpackable(scratch, f"it holds another archive, {shown(info.filename)}; unpack that first")
    target = scratch.new_path(".bin")
    with _unpacking(scratch), archive.open(info) as member, target.open("wb") as file:
        _copy(member, file, scratch)
    return target


def read_through(archive: zipfile.ZipFile, info: zipfile.ZipInfo, scratch: Scratch) -> Iterator[bytes]:
    """The bytes of one member, counted against what is allowed and verified, without writing them anywhere."""
    with _unpacking(scratch), archive.open(info) as member:
        while chunk := member.read(CHUNK):
            scratch.spend(len(chunk))
            yield chunk


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _copy(source: _Stream, target: IO[bytes], scratch: Scratch) -> None:
    while chunk := source.read(CHUNK):
        scratch.spend(len(chunk))
        target.write(chunk)


@contextmanager
def _unpacking(scratch: Scratch) -> Iterator[None]:
    """Every way an archive can be broken, as one sentence."""
    with scratch.writing():
        try:
            yield
        except NotImplementedError:
            raise _unpackable(scratch, "it is compressed in a way not known here; unpack it first") from None
        except _DAMAGE:
            raise _broken(scratch) from None
        except OSError as error:
            if error.errno in (None, errno.EINVAL):  # the latter: an offset before the file's beginning
                raise _broken(scratch) from None
            raise


def _broken(scratch: Scratch) -> UnreadableInput:
    return _unpackable(scratch, "it is damaged or cut short")


def _unpackable(scratch: Scratch, why: str) -> UnreadableInput:
    return UnreadableInput(f"{scratch.name} cannot be unpacked: {why}")
