"""JSON in the lines of another text: requests as they were captured, logs of programs that print their posts.

Each value becomes a line of JSON; what stands before and behind it is left out. One that is cut stays as it is,
so that reading JSON counts it as damaged and keeps it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from hygiene.events.layout import layouts
from hygiene.events.sample import sniff
from hygiene.intake.kinds import Kind, binary_kind, looks_binary, refuse

_MOST: Final = 16 * 1024 * 1024  # bytes of a line
_LOOKED_AT: Final = 200  # lines
_WITHIN: Final = 256 * 1024  # bytes
_TRIES: Final = 8  # places of a line at which a value may begin before one does

_JSON: Final = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\]])')  # how a file of JSON begins
_REQUEST: Final = re.compile(rb"\s*(?:POST|PUT) \S+ HTTP/")  # RFC 9112 §3
_LOGGED: Final = re.compile(rb"[^{]*(?:\d\d:\d\d|\x1e)")
_BEGIN: Final = re.compile(r'\{\s*"|\[\s*\{')
_DECODER: Final = json.JSONDecoder()


def is_quoted(head: bytes) -> bool:
    """Whether lines at the beginning of a file hold records of a platform behind a time, or below a request.

    Others may be somebody's notes on what such records look like.

    >>> is_quoted(b'12:00 got {"event": "open", "sg_event_id": "x"}'), is_quoted(b'12:00 got {"a": 1}')
    (True, False)
    """
    if _JSON.match(head) or binary_kind(head) is not Kind.TEXT or looks_binary(head) or refuse(head):
        return False
    lines = head[:_WITHIN].splitlines()[:_LOOKED_AT]
    logged = lines if _REQUEST.match(head) else [line for line in lines if _LOGGED.match(line)]
    texts = [text for line in logged for text, is_whole in _values(line) if is_whole]
    return bool(texts and sniff(texts, layouts()).layouts)


def write_quoted(source: BinaryIO, target: BinaryIO) -> None:
    """The values in the lines of a text, each as a line."""
    while line := source.readline(_MOST):
        for text, _ in _values(line):
            target.write(text.encode("utf-8", "surrogateescape") + b"\n")


def _values(line: bytes) -> Iterator[tuple[str, bool]]:
    """The values in a line, and whether they are whole; one that is not, only where nothing else is."""
    text = line.decode("utf-8", "surrogateescape").strip()
    at, tries, found, cut = 0, 0, False, ""
    while tries < _TRIES and (begun := _BEGIN.search(text, at)):
        try:
            _, at = _DECODER.raw_decode(text, begun.start())
        except (ValueError, RecursionError):
            at, tries, cut = begun.start() + 1, tries + 1, cut or text[begun.start() :]
            continue
        found = True
        yield text[begun.start() : at], True
    if cut and not found:
        yield cut, False
