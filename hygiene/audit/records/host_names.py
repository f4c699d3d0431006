"""Host names as mail records hold them: letters, digits and hyphens (RFC 5321 §4.1.2, RFC 5890 §2.3.1)."""

from __future__ import annotations

import re

from hygiene.domain import MAX_NAME_LENGTH, to_ascii

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def is_host_name(text: str) -> bool:
    """True for an ASCII host name without final dot; an IP address is none.

    >>> is_host_name("mx.example.com"), is_host_name("192.0.2.1"), is_host_name("mx_1.example.com")
    (True, False, False)
    """
    if len(text) > MAX_NAME_LENGTH or not _NAME.fullmatch(text):
        return False
    return not text.rpartition(".")[2].isdecimal()


def to_a_labels(host: str) -> str | None:
    """The name in lower-case A-labels without final dot, or None when it is no host name.

    >>> to_a_labels("MX.Bücher.example.")
    'mx.xn--bcher-kva.example'
    """
    host = host.removesuffix(".")
    if len(host) > MAX_NAME_LENGTH:
        return None
    try:
        host = to_ascii(host)
    except UnicodeError:
        return None
    return host.lower() if is_host_name(host) else None
