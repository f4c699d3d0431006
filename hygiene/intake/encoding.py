"""The encoding of a text, from one pass over all of its bytes, and the way to UTF-8.

Nothing is guessed from a name. Without a byte order mark the bytes decide: UTF-8 unless its sequences are
mostly broken, then Windows-1252. What has no meaning in its encoding becomes the byte FF, which is never part
of UTF-8: whoever scans the lines sets that line aside, with its number.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hygiene.errors import UnreadableInput
from hygiene.intake.guard import CHUNK, Limits, Scratch, in_units

UTF_8 = "UTF-8"
UTF_8_BOM = "UTF-8 with BOM"
UTF_16_LE = "UTF-16 LE"
UTF_16_BE = "UTF-16 BE"
WINDOWS_1252 = "Windows-1252"

MARKS = ((codecs.BOM_UTF8, UTF_8_BOM), (codecs.BOM_UTF16_LE, UTF_16_LE), (codecs.BOM_UTF16_BE, UTF_16_BE))

_NUL_SHARE = 0.25  # of the high bytes: addresses, separators and line ends are ASCII in any script
_NUL_STRAY = 0.01  # of the low bytes
_UNDECODABLE = "\udcff"  # "surrogateescape" writes it as the byte FF
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # half a pair, as "surrogatepass" writes it

#: Windows-1252 leaves five bytes without a letter (unicode.org, CP1252.TXT)
_LETTERS_1252 = "".join(
    _UNDECODABLE if code in b"\x81\x8d\x8f\x90\x9d" else bytes([code]).decode("cp1252") for code in range(256)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What one pass over a file found."""

    size: int
    encoding: str
    mark: int  # bytes of byte order mark
    line_end: bytes  # b"\n", or b"\r" when there is no b"\n" at all
    blank: bool


def survey_text(path: Path, name: str, limits: Limits) -> Survey:
    """Read a file once: its size, encoding, line ends. Raises UnreadableInput for an endless line."""
    size = min(CHUNK, limits.line)  # so that a line within one chunk is never too long
    tally = _Tally(name=name, limits=limits)
    with path.open("rb", buffering=0) as file:
        head = file.read(size)
        mark, marked = _read_mark(head)
        encoding = marked or unmarked_utf_16(head)
        tally.feed(head[mark:])
        while chunk := file.read(size):
            tally.feed(chunk)
    tally.finish()
    return Survey(
        size=mark + tally.size,
        encoding=encoding or (UTF_8 if tally.is_utf_8 else WINDOWS_1252),
        mark=mark,
        line_end=tally.line_end,
        blank=tally.blank,
    )


def _read_mark(head: bytes) -> tuple[int, str]:
    return next(((len(mark), name) for mark, name in MARKS if head.startswith(mark)), (0, ""))


def is_utf_16(head: bytes) -> bool:
    """Whether the NULs in the first bytes of a text are halves of letters."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or bool(unmarked_utf_16(head))


def unmarked_utf_16(head: bytes) -> str:
    """UTF-16 LE or BE by the place of the NULs, or an empty text."""
    even, odd = head[0::2], head[1::2]
    if not odd:
        return ""
    at_even, at_odd = even.count(0) / len(even), odd.count(0) / len(odd)
    if at_odd >= _NUL_SHARE and at_even <= _NUL_STRAY:
        return UTF_16_LE
    return UTF_16_BE if at_even >= _NUL_SHARE and at_odd <= _NUL_STRAY else ""


@dataclass(kw_only=True, slots=True)
class _Run:
    """The longest stretch without one line end, so far; `open` is the stretch not yet ended."""

    end: bytes
    seen: bool = False
    open: int = 0
    longest: int = 0

    def feed(self, chunk: bytes) -> None:
        first = chunk.find(self.end)
        if first < 0:
            self.open += len(chunk)
        else:
            self.seen = True
            self.longest = max(self.longest, self.open + first)
            self.open = len(chunk) - chunk.rfind(self.end) - 1
        self.longest = max(self.longest, self.open)


@dataclass(kw_only=True, slots=True)
class _Tally:
    """Everything counted on the way through a text's bytes."""

    name: str
    limits: Limits
    size: int = 0
    blank: bool = True
    valid: int = 0  # sequences of several bytes that are UTF-8
    invalid: int = 0  # bytes above 7F that belong to none
    held: bytes = b""  # the beginning of a sequence cut by the end of a chunk
    feeds: _Run = field(default_factory=lambda: _Run(end=b"\n"))
    returns: _Run = field(default_factory=lambda: _Run(end=b"\r"))

    @property
    def is_utf_8(self) -> bool:
        """A few broken bytes in a UTF-8 text are damage; mostly broken ones are another encoding."""
        return self.invalid == 0 or self.valid >= self.invalid

    @property
    def line_end(self) -> bytes:
        return b"\r" if self.returns.seen and not self.feeds.seen else b"\n"

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.blank = self.blank and (not chunk or chunk.isspace())
        self.feeds.feed(chunk)
        if not self.feeds.seen:
            self.returns.feed(chunk)
        self._refuse_endless()
        self._count(chunk)

    def finish(self) -> None:
        self.invalid += len(self.held)

    def _refuse_endless(self) -> None:
        longest = self.feeds.longest if self.feeds.seen else min(self.feeds.longest, self.returns.longest)
        if longest > self.limits.line:
            raise UnreadableInput(
                f"{self.name} cannot be read: it has a line longer than {in_units(self.limits.line)}, "
                "so it is no list"
            )

    def _count(self, chunk: bytes) -> None:
        if not self.held and chunk.isascii():
            return
        chunk = self.held + chunk
        cut = _whole_sequences(chunk)
        chunk, self.held = chunk[:cut], chunk[cut:]
        valid, invalid = count_sequences(chunk)
        self.valid += valid
        self.invalid += invalid


def _whole_sequences(data: bytes) -> int:
    """Where to cut so that no UTF-8 sequence is torn: before an unfinished one at the end (RFC 3629 §3)."""
    for back in range(1, min(3, len(data)) + 1):
        lead = data[-back]
        if lead < 0x80:
            break
        if lead >= 0xC0:
            needed = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return len(data) - back if needed > back else len(data)
    return len(data)


def count_sequences(data: bytes) -> tuple[int, int]:
    """How many UTF-8 sequences of several bytes are whole, and how many bytes above 7F belong to none."""
    import numpy as np

    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
        units = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        invalid = int(np.count_nonzero((units >= 0xDC80) & (units <= 0xDCFF)))
        return int(np.count_nonzero(units >= 0x80)) - invalid, invalid
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) >= 0xC0)), 0


def transcode(path: Path, survey: Survey, scratch: Scratch) -> Path:
    """The text of a UTF-16 or Windows-1252 file as UTF-8, line for line, in the scratch folder."""
    target = scratch.new_path(".txt")
    recode = _recode_1252 if survey.encoding == WINDOWS_1252 else _recoder_16(survey.encoding)
    scratch.need(survey.size)
    with scratch.writing(), path.open("rb") as source, target.open("wb") as file:
        source.seek(survey.mark)
        while True:
            chunk = source.read(CHUNK)
            written = recode(chunk)
            scratch.spend(len(written))
            file.write(written)
            if not chunk:
                return target


def _recode_1252(chunk: bytes) -> bytes:
    text, _ = codecs.charmap_decode(chunk, "strict", _LETTERS_1252)
    return text.encode("utf-8", "surrogateescape")


class _Recoder(Protocol):
    def __call__(self, chunk: bytes, /) -> bytes: ...


def _recoder_16(encoding: str) -> _Recoder:
    decoder = codecs.getincrementaldecoder(encoding.replace(" ", "-"))("surrogatepass")

    def recode(chunk: bytes) -> bytes:
        if chunk:
            return _encode_halves(decoder.decode(chunk))
        torn = bytes(decoder.getstate()[0])  # an odd byte, or half a pair, at the very end
        return b"\xff" if torn else b""

    return recode


def _encode_halves(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATE.sub(b"\xff", text.encode("utf-8", "surrogatepass"))
