"""Records of logs as SQL, before they are events: what reaches their texts, and which fields are asked when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hygiene.event import EventKind
from hygiene.events.layout import EventLayout, Reach, declared, names_of, quote


class Mark(StrEnum):
    """The kind of a row that is no event."""

    DAMAGED = "-damaged"  #: not a record of its file
    LEFT = "-left"  #: of no layout that was tried, or of several recipients where one was expected
    SKIPPED = "-skipped"  #: known, and no event of a mail


#: fields of layouts that become columns
FIELDS: Final = (
    *("word", "recipient", "time", "status", "smtp", "text", "machine", "agent", "id", "message", "url"),
    *(
        "campaign",
        "variant",
        "segment",
        "stream",
        "subject",
        "provider",
        "tracked",
        "track_open",
        "track_click",
    ),
    *("micros", "value", "currency", "source"),
)
TOLD_WHY = (EventKind.BOUNCED, EventKind.REJECTED, EventKind.DEFERRED)
SEEN = (EventKind.OPENED, EventKind.CLICKED)
#: fields of few records → the kinds that tell them
SELDOM: Final = {
    **dict.fromkeys(("status", "text"), (*TOLD_WHY, EventKind.UNKNOWN)),
    "smtp": (EventKind.BOUNCED,),
    **dict.fromkeys(("machine", "agent"), SEEN),
    "url": (EventKind.CLICKED,),
    **dict.fromkeys(("micros", "value", "currency"), (EventKind.CONVERTED,)),
    "class": (EventKind.UNKNOWN, Mark.SKIPPED),
}
#: fields of all records; what rules ask besides the event's own word is asked of few, too
ALWAYS: Final = tuple(name for name in FIELDS if name not in SELDOM)


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Records as SQL: columns line, body (null for a damaged one), and what `reach` needs."""

    query: str
    reach: Reach
    layouts: tuple[EventLayout, ...]
    several: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # list → the texts of its first two
    listed: Callable[[str], str] | None = None  # path of a list → its elements, where lists are taken apart
    inside: Callable[[str], str] | None = None  # path inside an element, reached as `item` → its text
    raw: str = "body"  # the record as it stood
    damaged: str = "body is null"  # whether it is none; what cannot be told from records of no layout is left
    opened: bool = True  # whether all that can be opened was; else what may be an envelope is left
    trimmed: bool = False  # whether white space around cells is none of their text


def is_told(records: Records, name: str) -> bool:
    """Whether records of these layouts may have a field."""
    return any(path in records.reach for layout in records.layouts for path in layout.fields.get(name, ()))


def rules_sql(layouts: Sequence[EventLayout], attribute: Callable[..., object]) -> str:
    """What a rule of these layouts says, by its number, as an element of a list."""
    before, said, asked = 0, [], names_of(layouts)
    for layout in declared().layouts:
        if layout.name in asked:
            said += [None if one is None else str(one) for one in map(attribute, layout.rules)]
        elif said:
            said += [None] * len(layout.rules)
        else:
            before += len(layout.rules)
    while said and said[-1] is None:
        said.pop()
    texts = ", ".join("null" if one is None else quote(one) for one in said)
    return f"([{texts}]::varchar[])[rule + {1 - before}]"
