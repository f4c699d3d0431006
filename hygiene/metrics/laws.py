"""The laws of the counts, checked on every run: nothing is counted twice, and nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hygiene.errors import HygieneError

if TYPE_CHECKING:
    import pyarrow as pa

#: what is the sum of what, in every slice
SUMS = {
    "submitted": ("rejected", "sent"),
    "sent": ("delivered", "bounced", "pending"),
    "bounced": ("hard", "soft", "block", "undetermined"),
}
#: what is part of what, in every slice
PARTS = (
    *(("late", "bounced"), ("deferred", "sent"), ("inferred", "sent"), ("delivered", "delivered_gross")),
    *(("delivered_gross", "sent"), ("complained", "delivered"), ("unsubscribed", "delivered")),
    *(("delivered_fbl", "delivered"), ("complained_fbl", "delivered_fbl"), ("complained_fbl", "complained")),
    *(("delivered_open_tracked", "delivered"), ("opened_all", "delivered_open_tracked")),
    *(("opened_human", "opened_all"), ("opened_all", "opens_total")),
    *(("delivered_click_tracked", "delivered"), ("clicked_all", "delivered_click_tracked")),
    *(("clicked_human", "clicked_all"), ("clicked_all", "clicks_total"), ("clicked_human", "engaged_human")),
    *(("opened_human", "engaged_human"), ("engaged_human", "delivered"), ("converted", "delivered")),
    ("converted", "orders"),
)


class BrokenSum(HygieneError):
    """Sums that must agree do not: a fault of this program, which says where."""

    exit_code = 3


def check_counts(table: pa.Table, by: Sequence[str], states: Mapping[str, int]) -> None:
    """Hold the counts of all slices against the laws, and their sums against the mails of each state."""
    import pyarrow.compute as pc

    for whole, parts in SUMS.items():
        total = table[parts[0]]
        for part in parts[1:]:
            total = pc.add(total, table[part])
        _refuse(table, by, pc.not_equal(table[whole], total), f"{whole} is not {' + '.join(parts)}")
    for part, whole in PARTS:
        _refuse(table, by, pc.greater(table[part], table[whole]), f"{part} is more than {whole}")
    for state, mails in states.items():
        counted = pc.sum(table[state]).as_py() or 0
        if counted != mails:
            raise BrokenSum(
                f"the slices hold {counted:,} {state} mails, and there are {mails:,}: by {list(by)}"
            )


def _refuse(table: pa.Table, by: Sequence[str], wrong: Any, fault: str) -> None:
    rows = table.filter(wrong)
    if rows.num_rows:
        slice_ = ", ".join(f"{name} {rows[name][0].as_py()!r}" for name in by) or "all mails"
        numbers = {name: rows[name][0].as_py() for name in fault.split() if name in rows.column_names}
        counts = ", ".join(f"{name} {number:,}" for name, number in numbers.items())
        raise BrokenSum(f"{fault} in {slice_} ({counts})")


def check_events(total: int, parts: Mapping[str, int]) -> None:
    """Every event of the log went somewhere, once."""
    if total != sum(parts.values()):
        told = ", ".join(f"{name} {number:,}" for name, number in parts.items())
        raise BrokenSum(f"of {total:,} events {sum(parts.values()):,} are accounted for ({told})")
