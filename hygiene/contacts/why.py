"""The story of one address in a cleaning: its rows, what was decided of each, and what was behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from hygiene.address import Address, Invalid
from hygiene.contacts.folder import CLEAN, FLAGGED, REJECTED, CleaningFolder, Tables, open_cleaning, unreadable
from hygiene.contacts.reasons import ABOUT, About, RejectReason
from hygiene.contacts.sought import Match, Sought
from hygiene.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

_AT_ONCE = 10_000  # candidates fetched together


class Verdict(StrEnum):
    """Whether the address would be mailed."""

    MAILED = "mailed"
    OTHER_SPELLING = "other-spelling"  # not itself: its mailbox is mailed under another spelling
    NOT_MAILED = "not-mailed"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryRow:
    """One input row. `reason` and `step` are empty where the row is kept; `file` is empty where it is not told.

    `line` counts the physical lines of the file from 1; `clean_row` the records of clean.csv from 1, without
    its header. `kept_row` is FILE:LINE of the row kept in this one's place.
    """

    file: str
    line: int | None
    address: str  # as it stood in the cell
    match: Match
    kept: bool
    step: str = ""
    reason: str = ""
    detail: str = ""
    kept_row: str = ""
    clean_row: int | None = None
    flags: tuple[str, ...] = ()
    suggestion: str = ""
    mail_to: str = ""  # the address to write to, where the row is kept

    @property
    def about(self) -> About | None:
        """What is known of the reason; None for a reason of another version."""
        return ABOUT.get(RejectReason(self.reason)) if self.reason in set(RejectReason) else None


#: reason or flag → the settings that decide on it
DECIDED_BY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        RejectReason.NO_MAIL_DOMAIN: ("check_mx",),
        RejectReason.UNREADABLE_STATUS: ("status_words",),
        RejectReason.CUSTOMER: ("assume_consent",),
        RejectReason.NOT_CONFIRMED: ("require_confirmed",),
        RejectReason.SOFT_BOUNCED: ("soft_bounces",),
        RejectReason.ROLE: ("role",),
        RejectReason.DISPOSABLE: ("disposable",),
        RejectReason.MISTYPED: ("typos",),
        RejectReason.INACTIVE: ("inactive_after", "grace", "min_ignored", "opens"),
        RejectReason.DUPLICATE: ("keep",),
        RejectReason.DUPLICATE_MAILBOX: ("keep",),
        "domain-unknown": ("check_mx",),
    }
)

#: reason or flag → the package whose version decides on it
JUDGED_WITH: Final[Mapping[str, str]] = MappingProxyType(
    {
        RejectReason.INVALID_ADDRESS: "email-validator",
        RejectReason.DISPOSABLE: "disposable-email-domains",
    }
)


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that a cleaning tells of one address; `fault` says why the words typed are no address."""

    asked: str
    address: str  # normal form; "" when `fault`
    fault: str
    folder: CleaningFolder
    rows: tuple[StoryRow, ...]  # kept first, then by file and line
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Mailed or not; a row that only mentions the address is no row of its own."""
        if any(row.kept and row.match is Match.SAME for row in self.rows):
            return Verdict.MAILED
        if any(row.kept for row in self.rows):
            return Verdict.OTHER_SPELLING
        return Verdict.NOT_MAILED if self.rows else Verdict.NOT_FOUND

    @property
    def kept(self) -> StoryRow | None:
        """The row that is mailed."""
        return next((row for row in self.rows if row.kept), None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The different reasons, in the order of the rows."""
        return tuple(dict.fromkeys(row.reason for row in self.rows if row.reason))

    @property
    def policy(self) -> dict[str, Any]:
        """The settings that had a say in what became of the rows."""
        words = (*self.reasons, *(flag for row in self.rows for flag in row.flags))
        names = dict.fromkeys(name for word in words for name in DECIDED_BY.get(word, ()))
        if self.kept:  # what could have taken it out
            names |= dict.fromkeys(("inactive_after", "require_confirmed"))
        return {
            name: self.folder.manifest.policy[name] for name in names if name in self.folder.manifest.policy
        }

    @property
    def versions(self) -> dict[str, str]:
        """The packages whose lists or rules had a say."""
        words = (*self.reasons, *(flag for row in self.rows for flag in row.flags))
        names = dict.fromkeys(JUDGED_WITH[word] for word in words if word in JUDGED_WITH)
        return {name: self.folder.manifest.versions.get(name, "not told") for name in names}

    def exit_code(self) -> int:
        """0 when the address would be mailed, 1 when it would not."""
        return 0 if self.verdict is Verdict.MAILED else 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        manifest = self.folder.manifest
        return {
            "asked": self.asked,
            "address": self.address or None,
            "fault": self.fault or None,
            "verdict": self.verdict.value,
            "rows": [_row_data(row) for row in self.rows],
            "policy": self.policy,
            "versions": self.versions,
            "lists": [
                {"name": one.name, "sha256": one.sha256, "entries": one.entries} for one in manifest.lists
            ],
            "cleaning": {
                "folder": str(self.folder.path),
                "hygiene": manifest.hygiene,
                "made_at": manifest.made_at,
                "as_of": manifest.as_of,
            },
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row an input row: the fields of StoryRow, and the meaning and remedy of its reason.

        Flags are words with blanks between them, as in flagged.csv.
        """
        import pandas as pd

        kinds = dict.fromkeys([*StoryRow.__dataclass_fields__, "meaning", "remedy"], "string")
        kinds |= {"line": "Int64", "clean_row": "Int64", "kept": "boolean"}
        rows = [{**_row_data(row), "flags": " ".join(row.flags)} for row in self.rows]
        return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)

    def sections(self) -> Document:
        """What a person should see."""
        from hygiene.contacts.why_presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        return f"<Story {self.address or self.asked}: {self.verdict.value}, {len(self.rows)} rows>"


def _row_data(row: StoryRow) -> dict[str, Any]:
    about = row.about
    known = {"meaning": about.meaning if about else "", "remedy": about.remedy if about else ""}
    return {**asdict(row), "match": row.match.value, "flags": list(row.flags), **known}


def explain_address(address: str, folder: str | Path) -> Story:
    """What became of an address in the cleaning that is in `folder`.

    Found are the rows with the same address in any spelling that means it, those of the same mailbox, and
    damaged lines or cells of several addresses that hold it. What is no address is looked for as the cell it
    may have been. Raises UsageError for an empty address, UnreadableInput where the folder holds no sound
    cleaning.
    """
    if not address.strip():
        raise UsageError("name an address: hygiene why ann@example.com --in DIR")
    cleaning = open_cleaning(Path(folder))
    sought = Sought(address)
    judged = sought.judged
    tables = Tables()
    try:
        with unreadable(cleaning.path / CLEAN, cleaning.path / REJECTED, cleaning.path / FLAGGED):
            rows = _rows(tables, cleaning, sought)
    finally:
        tables.close()
    return Story(
        asked=address,
        address=judged.normal if isinstance(judged, Address) else "",
        fault=judged.detail if isinstance(judged, Invalid) else "",
        folder=cleaning,
        rows=rows,
        warnings=(*cleaning.changes(), *_same_names(cleaning, rows)),
    )


def _same_names(cleaning: CleaningFolder, rows: Sequence[StoryRow]) -> Iterator[str]:
    names = [one.name for one in cleaning.manifest.inputs]
    for file in dict.fromkeys(row.file for row in rows):
        if names.count(file) > 1:
            yield f"{names.count(file)} inputs are called {file}: which of them a line belongs to is not told."


def _rows(tables: Tables, cleaning: CleaningFolder, sought: Sought) -> tuple[StoryRow, ...]:
    rejected = sorted(_rejected(tables, cleaning, sought), key=lambda row: (row.file, row.line or 0))
    flagged = list(_flagged(tables, cleaning, sought))
    places = [row.kept_row for row in rejected if row.kept_row and row.match is not Match.MENTION]
    kept = [_placed(row, flagged, places) for row in _kept(tables, cleaning, sought)]
    return (*kept, *rejected)


def _kept(tables: Tables, cleaning: CleaningFolder, sought: Sought) -> Iterator[StoryRow]:
    tables.keep_order()
    query = f"select row_number() over () as place, address from ({tables.kept(cleaning)})"
    for place, cell in _candidates(tables, query, sought.condition("address"), sought):
        match = sought.match(cell)
        if match and match is not Match.MENTION:
            yield StoryRow(
                file="", line=None, address=cell, match=match, kept=True, clean_row=place, mail_to=cell
            )


def _rejected(tables: Tables, cleaning: CleaningFolder, sought: Sought) -> Iterator[StoryRow]:
    names = "file, line, step, reason, detail, kept_row, coalesce(address, ''), coalesce(text, '')"
    query = f"select * from ({tables.rejected(cleaning)})"
    condition = f"({sought.condition('address')}) or ({sought.condition('text')})"
    for file, line, step, reason, detail, kept_row, cell, text in _candidates(
        tables, query, condition, sought, names
    ):
        if match := sought.match(cell, text):
            yield StoryRow(
                file=file or "",
                line=_number(line),
                address=cell or text,
                match=match,
                kept=False,
                step=step or "",
                reason=reason or "",
                detail=detail or "",
                kept_row=kept_row or "",
            )


def _flagged(tables: Tables, cleaning: CleaningFolder, sought: Sought) -> Iterator[StoryRow]:
    names = "file, line, flags, suggestion, coalesce(address, ''), coalesce(mail_to, '')"
    condition = f"({sought.condition('address')}) or ({sought.condition('mail_to')})"
    for file, line, flags, suggestion, cell, mail_to in _candidates(
        tables, tables.flagged(cleaning), condition, sought, names
    ):
        if match := sought.match(cell) or sought.match(mail_to):
            yield StoryRow(
                file=file or "",
                line=_number(line),
                address=cell,
                match=match,
                kept=True,
                flags=tuple((flags or "").split()),
                suggestion=suggestion or "",
            )


def _candidates(
    tables: Tables, query: str, condition: str, sought: Sought, names: str = "*"
) -> Iterator[tuple[Any, ...]]:
    query = f"select {names} from ({query}) where {condition}"
    found = tables.connection.execute(query, sought.parameters)
    while some := found.fetchmany(_AT_ONCE):
        yield from some


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _placed(row: StoryRow, flagged: Sequence[StoryRow], places: Sequence[str]) -> StoryRow:
    """A row of clean.csv with its place in the input, as far as the other tables tell it, and its flags."""
    told = next((other for other in flagged if other.match is row.match), None)
    if told:
        return _merged(row, told)
    file, _, line = next(iter(places), "").rpartition(":")
    return _merged(
        row, StoryRow(file=file, line=_number(line), address=row.address, match=row.match, kept=True)
    )


def _merged(row: StoryRow, told: StoryRow) -> StoryRow:
    return replace(
        told, address=told.address or row.address, match=row.match, clean_row=row.clean_row, mail_to=row.mail_to
    )
