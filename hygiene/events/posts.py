"""Webhook posts as receivers save them: forms, one a line or one a file, as lines of JSON.

A form is application/x-www-form-urlencoded (WHATWG URL §5) or multipart/form-data (RFC 7578), whose files are
left out. Names with brackets, `data[merges][EMAIL]`, are objects, as PHP reads them. Mandrill puts a list of
events as JSON into one field. A line that is no form stays as it is, so that reading JSON counts it as damaged
and keeps it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qsl

_MOST: Final = 16 * 1024 * 1024  # bytes of a line or of one form of several parts
_MOST_FIELDS: Final = 10_000
_WHOLE: Final = ("mandrill_events",)  # fields that hold all of a post
_PAIR: Final = rb"[\w.\-*~%+\[\]$!'()/:@,]+=[^\s&<>\"{}\\^`|]*"
_FORM: Final = re.compile(rb"%b(?:&(?:%b)?)*\s*" % (_PAIR, _PAIR))
#: RFC 2046 §5.1.1: it has no &, which stands between the fields of a form
_BOUNDARY: Final = rb"--([\w'()+,./:=? -]{1,70})"
_PART: Final = re.compile(rb"%b\r?\nContent-Disposition:\s*form-data;" % _BOUNDARY, re.IGNORECASE)
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_INSIDE: Final = re.compile(r"\[([^\[\]]*)\]")


def is_posts(head: bytes) -> bool:
    """Whether a file begins with a saved form: of several fields, or of one that holds events.

    >>> is_posts(b"event=opened&recipient=ann%40example.com"), is_posts(b"email=address,event")
    (True, False)
    """
    text = head.lstrip()
    if _PART.match(text):
        return True
    first = text.partition(b"\n")[0].strip()
    begun = _FORM.match(first) if len(head) == len(first) else _FORM.fullmatch(first)
    return bool(begun) and (b"&" in first or first.startswith(tuple(f"{name}=".encode() for name in _WHOLE)))


def write_posts(source: BinaryIO, target: BinaryIO) -> None:
    """Each post of a file as a line of JSON; what is none stays as it is."""
    for line in _posts(source):
        target.write(line)
        target.write(b"\n")


def _posts(source: BinaryIO) -> Iterator[bytes]:
    boundary, held, size = b"", [], 0
    while line := source.readline(_MOST):
        if not boundary:
            if re.fullmatch(_BOUNDARY, line.strip()):
                boundary, held, size = line.strip(), [line], len(line)
            elif not line.isspace():
                yield _form(line.strip())
            continue
        held.append(line)
        size += len(line)
        if line.strip() == boundary + b"--" or size > _MOST:
            yield _parts(boundary, b"".join(held))
            boundary = b""
    if boundary:
        yield _parts(boundary, b"".join(held))


def _form(line: bytes) -> bytes:
    if not _FORM.fullmatch(line):
        return line
    try:
        pairs = parse_qsl(line.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return line
    return _post(pairs) or line


def _parts(boundary: bytes, text: bytes) -> bytes:
    """A form of several parts; files among them are left out."""
    header = (
        b"Content-Type: multipart/form-data; boundary=" + json.dumps(boundary[2:].decode("latin-1")).encode()
    )
    message = BytesParser(policy=compat32).parsebytes(header + b"\r\n\r\n" + text)
    given = message.get_payload()
    parts = [part for part in given if isinstance(part, Message)] if isinstance(given, list) else []
    found = [(part.get_param("name", header="content-disposition"), part) for part in parts]
    pairs = [
        (name, (part.get_payload(decode=True) or b"").decode("utf-8", "replace"))  # type: ignore[union-attr]
        for name, part in found
        if isinstance(name, str) and part.get_filename() is None
    ]
    return _post(pairs) or text[:2000].replace(b"\r", b" ").replace(b"\n", b" ")


def _post(pairs: list[tuple[str, str]]) -> bytes:
    """The fields of a post as JSON in one line; empty where there is none, or the events in it are no JSON."""
    for name, value in pairs:
        if name in _WHOLE:
            return _in_one_line(value)
    fields: dict[str, Any] = {}
    for name, value in pairs:
        _put(fields, name, value)
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") if fields else b""


def _in_one_line(value: str) -> bytes:
    try:
        return json.dumps(json.loads(value), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return b""


def _put(fields: dict[str, Any], name: str, value: str) -> None:
    """Set a field; one that comes again is a list, one with brackets an object."""
    found = _NAME.fullmatch(name)
    steps = [found[1], *_INSIDE.findall(found[2])] if found else [name]
    for step in steps[:-1]:
        inner = fields.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = fields[step] = {"": inner}
        fields = inner
    last = steps[-1]
    if last not in fields:
        fields[last] = value
    elif isinstance(fields[last], list):
        fields[last].append(value)
    else:
        fields[last] = [fields[last], value]
