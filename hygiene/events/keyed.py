"""Members' activity as Mailchimp's Export API wrote it: an object a line, its key an address, its value a list.

Made into objects as the later API has them, {"email_address": …, "activity": […]}; other lines stay as is.
https://mailchimp.com/developer/marketing/docs/export-api/ (campaignSubscriberActivity), 2026-11
"""

from __future__ import annotations

import json
import re
from typing import BinaryIO, Final

_MOST: Final = 16 * 1024 * 1024  # bytes of a line
_KEYED: Final = re.compile(rb'\s*\{\s*"[^"@\s]+@[^"@\s]+"\s*:\s*\[')


def is_keyed(head: bytes) -> bool:
    """Whether a file begins with activity under an address.

    >>> is_keyed(b'{"ann@example.com":[{"action":"open"}]}'), is_keyed(b'{"email": "ann@example.com"}')
    (True, False)
    """
    return _KEYED.match(head) is not None


def write_activity(source: BinaryIO, target: BinaryIO) -> None:
    """Each person of each line as an object of its own, in one line of lists."""
    while line := source.readline(_MOST):
        target.write(_people(line) if is_keyed(line) else line)


def _people(line: bytes) -> bytes:
    try:
        people = json.loads(line)
    except (ValueError, RecursionError):
        return line
    found = [{"email_address": address, "activity": activity} for address, activity in people.items()]
    return json.dumps(found).encode() + b"\n"
