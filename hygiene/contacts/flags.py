"""What a cleaning says of rows that it keeps: the words of the ``flags`` column, and what each means."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

FLAGS: Final = MappingProxyType(
    {
        "role": "the address of a task, read by several people",
        "disposable": "a throw-away address",
        "relay": "a privacy relay, which forwards to a person",
        "mistyped": "the domain looks like a typing slip",
        "mixed-script": "letters of several alphabets that look alike",
        "domain-unknown": "whether the domain takes mail could not be found out",
        "repaired": "the cell was not itself the address",
    }
)
