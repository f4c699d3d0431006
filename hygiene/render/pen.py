"""What a terminal line is made of: measured cells, wrapping, colour, and marks its encoding can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import get_character_cell_size

from hygiene.render.safe import printable
from hygiene.render.sections import Tone

_SGR = {
    Tone.GOOD: "32",
    Tone.WARN: "33",
    Tone.BAD: "31",
    Tone.UNKNOWN: "35",
    Tone.MUTED: "2",
}

#: What a terminal without these characters shows instead; the marks stay one cell wide.
_PLAIN_MARKS = str.maketrans(
    {"✓": "+", "✗": "x", "–": "-", "·": "-", "├": "|", "└": "`", "─": "-", "│": "|", "█": "#", "▌": "="}
)
_PLAIN_PROSE = str.maketrans(
    {
        "·": "-",
        "–": "-",
        "—": "--",
        "…": "...",
        "§": "sec. ",
        "→": "->",
        "↑": "^",
        "↓": "v",
        "×": "x",
        "−": "-",
        "±": "+/-",
        "≠": "!=",
        "ρ": "rho",
        "µ": "u",
        "≥": ">=",
        "≤": "<=",
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "✓": "+",
        "✗": "x",
        "\N{NO-BREAK SPACE}": " ",
    }
)


def respelt(text: str, encoding: str) -> str:
    """The text in an encoding: with the signs of our own prose in ASCII, and escapes for what else it lacks.

    >>> respelt("15–30 %, 日", "ascii")
    '15-30 %, \\\\u65e5'
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN_PROSE).encode(encoding, "backslashreplace").decode(encoding)
    return text


def cells(text: str) -> int:
    """How many columns a text takes: 2 for wide characters, 0 for combining ones."""
    return sum(map(get_character_cell_size, text))


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with spaces."""
    gap = " " * max(0, width - cells(text))
    return gap + text if right else text + gap


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns; only what is longer than a line is broken inside."""
    lines, line = [], ""
    for blank, word in re.findall(r"( *)([^ ]+)", text):
        if cells(line + blank + word) <= width:
            line += blank + word
        elif cells(word) <= width:
            lines += [line] if line else []
            line = word
        else:
            *full, line = _chopped(line + blank + word, width)
            lines += full
    return [*lines, line]


def _chopped(text: str, width: int) -> list[str]:
    lines, line, used = [], "", 0
    for character in text:
        size = get_character_cell_size(character)
        if used + size > width:
            lines.append(line)
            line, used = "", 0
        line += character
        used += size
    return [*lines, line]


#: the style of an emoji, and what joins two to one
_SHAPING = dict.fromkeys(map(ord, "\ufe0f\u200d"))


def _measured(text: str) -> str:
    """Printable, and without what makes the width of an emoji a matter of the terminal."""
    return printable(text).translate(_SHAPING)


@dataclass(frozen=True)
class Pen:
    """How this stream is written to."""

    colour: bool
    encoding: str = "utf-8"

    def prose(self, text: str) -> str:
        """Text that may be respelt for the encoding."""
        return respelt(_measured(text), self.encoding)

    def exact(self, text: str) -> str:
        """Text quoted from a record: what the encoding lacks becomes an escape."""
        clean = _measured(text)
        return clean if self._holds(clean) else self._escaped(clean)

    def drawn(self, marks: str) -> str:
        """Marks and branches, in ASCII where they have to be."""
        return marks if self._holds(marks) else marks.translate(_PLAIN_MARKS)

    def paint(self, text: str, tone: Tone = Tone.PLAIN, *, bold: bool = False) -> str:
        """The text in its colour."""
        codes = ";".join(code for code in ("1" if bold else "", _SGR.get(tone, "")) if code)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.colour and codes and text else text

    def _holds(self, text: str) -> bool:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def _escaped(self, text: str) -> str:
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)
