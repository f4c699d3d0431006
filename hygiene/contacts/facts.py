"""What is known of a person as one cell beside a kept row, written and read back.

A row is kept for what all rows of its person say. Where it does not say so itself, or where rows of differently
built files share one header, in which a blank cell of one would be read as a silence of the other, the cell
does:

    status=subscribed joined=2025-06-01T00:00:00Z last=2026-10-20T08:30:00Z confirmed=yes ignored=3
"""

from __future__ import annotations

from hygiene.intake.dates_sql import quoted
from hygiene.status import Status

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_STATUSES = ", ".join(quoted(status) for status in Status)


def facts_sql(person: str) -> str:
    """The cell of a line of the table ``persons`` with this name in a query."""
    joined, last = (_written_moment(f'{person}."{name}"') for name in ("joined", "last"))
    cells = {
        "status": f"[{_STATUSES}][{person}.standing + 1]",
        "joined": joined,
        "last": last,
        "confirmed": f"case {person}.confirmed::int when 1 then 'yes' when 0 then 'no' end",
        "ignored": f"{person}.ignored_mails::varchar",
    }
    return f"concat_ws(' ', {', '.join(f'{quoted(name + chr(61))} || {text}' for name, text in cells.items())})"


def _written_moment(seconds: str) -> str:
    return f"strftime(make_timestamp({seconds} * 1000000), {quoted(_MOMENT)})"


def read_facts_sql(cell: str) -> dict[str, str]:
    """The columns of a contact that such a cell fills, as expressions; a blank cell says nothing.

    That somebody has left, which another column says, stands.
    """
    ranks = " ".join(f"when {quoted(status)} then {status.rank}" for status in Status)
    status, last = _read(cell, "status"), _read_moment(cell, "last")
    word = f"case {status} {ranks} when '' then null else {Status.UNREADABLE.rank} end"
    gone = f"if(standing >= {Status.BOUNCED.rank}, standing, null)"
    return {
        "standing": f"greatest(coalesce({word}, standing), {gone})",
        "joined": _read_moment(cell, "joined"),
        "activity": last,
        "tracked": f"({last}) is not null",
        "confirmed": f"case {_read(cell, 'confirmed')} when 'yes' then true when 'no' then false end",
        "ignored_mails": f"try_cast({_read(cell, 'ignored')} as bigint)",
    }


def _read(cell: str, name: str) -> str:
    return f"regexp_extract({cell}, {quoted(f'(?:^| ){name}=([^ ]*)')}, 1)"


def _read_moment(cell: str, name: str) -> str:
    return f"epoch_us(try_strptime({_read(cell, name)}, {quoted(_MOMENT)})) // 1000000"
