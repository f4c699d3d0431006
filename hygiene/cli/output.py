"""Results → the format asked for → the place asked for."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from hygiene.errors import UnwritableOutput
from hygiene.files import write_whole
from hygiene.render.sections import Document, Table

FILE_WIDTH = 100  # columns of a text that is written to a file


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


def deliver(
    documents: Sequence[Document],
    data: Mapping[str, Any],
    *,
    form: Format,
    title: str,
    verbose: bool = False,
    output: Path | None = None,
) -> None:
    """Write a result to a file, whole or not at all; without `output`, or for ``-``, to standard output.

    `documents` are what text, Markdown and HTML show, `data` is what JSON holds. Text is coloured only on a
    terminal and keeps to its encoding; the other formats are UTF-8 wherever they go.
    """
    to_file = output is not None and str(output) != "-"
    writers: dict[Format, Callable[[], str]] = {
        Format.TEXT: lambda: _text(documents, verbose=verbose, to_file=to_file),
        Format.JSON: lambda: json.dumps(data, ensure_ascii=True, indent=2) + "\n",
        Format.MARKDOWN: lambda: _markdown(documents),
        Format.HTML: lambda: _page(documents, title),
    }
    deliver_text(writers[form](), output, as_utf_8=form is not Format.TEXT)


def deliver_text(text: str, output: Path | None, *, as_utf_8: bool = True) -> None:
    """Write a text to a file, whole or not at all; without `output`, or for ``-``, to standard output."""
    if output is not None and str(output) != "-":
        write_whole(output, text)
        note(f"written to {output}")
        return
    if as_utf_8 and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    say(text, end="")


def say(text: str, *, end: str = "\n") -> None:
    """Print on standard output; characters its encoding lacks are spelt in others, or come out as escapes.

    A reader that went away, as `| head` does, has seen enough: the rest is dropped and the exit code stands.
    Raises UnwritableOutput where the output takes nothing, like a full disk.
    """
    _write(sys.stdout, text + end, "standard output")


def tell(text: str) -> None:
    """Print prose on standard output, wrapped to the window; what is wrapped keeps the indent of its line."""
    from hygiene.render.pen import wrap

    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        for part in wrap(line.strip(), min(_width(), FILE_WIDTH) - len(indent)):
            say(f"{indent}{part}")


def tell_table(table: Table) -> None:
    """Print a table on standard output, as wide as the window."""
    from hygiene.render.pen import Pen
    from hygiene.render.terminal_table import table_lines

    pen = Pen(_wants_colour(), getattr(sys.stdout, "encoding", None) or "utf-8")
    say("\n".join(table_lines(table, pen, _width())))


def note(text: str) -> None:
    """Print what is said about the result, not in it: on standard error."""
    _write(sys.stderr, f"{text}\n", "standard error")


def _write(stream: TextIO | None, text: str, name: str) -> None:
    if stream is None:  # closed before we started
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text if text.isascii() else _respelt(text, encoding))
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        raise UnwritableOutput(f"{name} cannot be written: {error.strerror or error}") from None


def _respelt(text: str, encoding: str) -> str:
    from hygiene.render.pen import respelt

    return respelt(text, encoding)


def _silence(stream: TextIO) -> None:
    """Lead the stream nowhere, or what it still holds would fail again when the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _text(documents: Sequence[Document], *, verbose: bool, to_file: bool) -> str:
    from hygiene.render.terminal import render_terminal

    width = FILE_WIDTH if to_file else _width()
    encoding = "utf-8" if to_file else getattr(sys.stdout, "encoding", None) or "utf-8"
    colour = not to_file and _wants_colour()
    return "\n".join(
        render_terminal(each, width=width, colour=colour, verbose=verbose, encoding=encoding)
        for each in documents
    )


def _width() -> int:
    return shutil.get_terminal_size((FILE_WIDTH, 24)).columns


def _wants_colour() -> bool:
    """https://no-color.org and its counterpart, then whether a person is watching."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and sys.stdout is not None and sys.stdout.isatty()


def _markdown(documents: Sequence[Document]) -> str:
    from hygiene.render.markdown import render_markdown

    return render_markdown(documents)


def _page(documents: Sequence[Document], title: str) -> str:
    from hygiene.render.page import render_page

    return render_page(documents, title=title)
