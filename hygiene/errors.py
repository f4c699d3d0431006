"""The exceptions of the package, and how a command exits on them.

HygieneError
├── UsageError          the caller's words are off                          exit 2
├── UnreadableInput     a file or saved audit cannot be understood          exit 2
├── UnwritableOutput    a result cannot be put where it was wanted          exit 2
└── RecordError         a published record breaks its grammar (data, not a failure of the audit)
"""

from __future__ import annotations


class HygieneError(Exception):
    """Base of every error raised on purpose; its text is one sentence for the person who typed."""

    exit_code: int = 2


class UsageError(HygieneError, ValueError):
    """The caller asked for something that cannot be: a bad option, domain or setting."""


class UnreadableInput(HygieneError):
    """A file is missing, damaged or of another kind than expected."""


class UnwritableOutput(HygieneError):
    """A file, or standard output, does not take what is written to it."""


class RecordError(HygieneError, ValueError):
    """A published record breaks its grammar.

    `fragment` is the offending text, `section` the rule it breaks (``RFC 7208 §4.6.1``).
    """

    def __init__(self, reason: str, *, fragment: str = "", section: str = "") -> None:
        self.reason, self.fragment, self.section = reason, fragment, section
        super().__init__(f"{reason}: {fragment!r}" if fragment else reason)
