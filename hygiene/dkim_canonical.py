"""The canonical forms of DKIM (RFC 6376 §3.4): what a signature is computed over, and what verifies it."""

from __future__ import annotations

import re
from typing import Final

_RUNS: Final = re.compile(rb"[ \t]{2,}|\t")  # a single space is canonical already: it need not be touched


def canonical_field(raw: bytes, form: str) -> bytes:
    """One header field with its CRLF, in "simple" or "relaxed" form (§3.4.1, §3.4.2)."""
    if form == "simple":
        return raw
    name, _, value = raw.partition(b":")
    unfolded = _RUNS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" \t")
    return name.lower().strip(b" \t") + b":" + unfolded + b"\r\n"


def canonical_body(body: bytes, form: str) -> bytes:
    """The body in "simple" or "relaxed" form (§3.4.3, §3.4.4)."""
    if form != "simple":
        if b"  " in body or b"\t" in body:
            body = _RUNS.sub(b" ", body)
        body = body.replace(b" \r\n", b"\r\n").removesuffix(b" ")
    stripped = body.rstrip(b"\r\n")
    if stripped or form == "simple":
        return stripped + b"\r\n"
    return b""
