"""The tables that a cleaning passes through, and their columns.

Every table is a Narwhals lazy frame over DuckDB or Spark; times are whole seconds since 1970 UTC, so that no
engine's time zone can move them; statuses are ranks of `Status`, so that the strictest is the greatest.
"""

from __future__ import annotations

from typing import Final

#: one line of input: `row` counts the lines of all inputs in their order, and so says both the file and
#: the line
CONTACT: Final = {
    "row": "BIGINT",
    "address": "VARCHAR",  # the cell as it came
    "standing": "TINYINT",  # rank of the status
    "joined": "BIGINT",  # subscribed or created; seconds, null when not told
    "activity": "BIGINT",  # last click, open, visit or order; seconds, null when not told, LATEST when unread
    "tracked": "BOOLEAN",  # whether its file has a column of activity at all
    "confirmed": "BOOLEAN",  # double opt-in on record; null when the file cannot say
    "ignored_mails": "BIGINT",  # mails since the last engagement; null when not told
    "ordinary": "BOOLEAN",  # whether the table itself can judge the address
    "other_mailbox": "VARCHAR",  # of an ordinary address: its canonical form, unless that is its lower case
}

#: what of this some exports do not tell at all
OPTIONAL: Final = frozenset({"activity", "tracked", "confirmed", "ignored_mails"})

#: what became of one line of input; a line without a decision is kept, and there is nothing to say of it
DECISION: Final = (
    "row",
    "address",
    "normal",  # of an address that Python judged
    "judged_key",  # its identity key
    "repaired",  # whether the cell is not itself the address to write to
    "reason",  # null: kept
    "detail",
    "kept_row",  # the row of this person that is kept
    "said_row",  # the row that has the person's strictest status
    "last",  # last sign of life, seconds
    "flags",
    "suggestion",
)

#: what is kept of one person once it is decided; `person` is the engine's short form of the mailbox
PERSON: Final = (
    *("person", "domain", "provider", "kept_row", "kept_key", "said_row", "standing", "joined", "activity"),
    *(
        "confirmed",
        "speechless",
        "ignored_mails",
        "last",
        "life",
        "free",
        "listed",
        "reason",
        "person_detail",
        "flags",
        "suggestion",
    ),
)
#: what of this only segments ask for
FOR_SEGMENTS: Final = ("domain", "provider", "life")

ROWS: Final = 1 << 31  # more lines than one cleaning can hold
NEVER: Final = 0  # seconds: what is not dated counts as older than anything
LATEST: Final = (1 << 32) - 1  # seconds; 2106
