"""The forms in which DKIM hashes a message (RFC 6376 §3.4): signing and verifying share them."""

from __future__ import annotations


def canonical_field(raw: bytes, form: str) -> bytes:
    """One header field, with its last CRLF, in "simple" or "relaxed" form (§3.4.1, §3.4.2)."""
    if form == "simple":
        return raw
    name, _, value = raw.partition(b":")
    unfolded = _single_spaced(value.replace(b"\r\n", b"")).strip(b" ")
    return name.lower().strip(b" \t") + b":" + unfolded + b"\r\n"


def canonical_body(body: bytes, form: str) -> bytes:
    """The body in "simple" or "relaxed" form (§3.4.3, §3.4.4)."""
    if form != "simple":
        body = _single_spaced(body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    stripped = body.rstrip(b"\r\n")
    if stripped or form == "simple":
        return stripped + b"\r\n"
    return b""


def _single_spaced(octets: bytes) -> bytes:
    """Every run of blanks as one space; halving what is doubled costs a tenth of looking at every blank."""
    octets = octets.replace(b"\t", b" ")
    if b"  " in octets:
        octets = octets.replace(b"    ", b" ")  # indented HTML: most of the work at once
    while b"  " in octets:
        octets = octets.replace(b"  ", b" ")
    return octets
