"""Since when people are on a list: the sign-up of each, of an export of any layout or of a cleaned list."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hygiene.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_QUERY = """
select recipient, min(joined) * 1000000 as joined_us
from (select {address} as recipient, joined from contacts) where recipient is not null and joined is not null
group by recipient order by recipient"""


def read_signups(
    lists: Path | str | Sequence[Path | str], *, columns: Mapping[str, str] | None = None
) -> pa.Table:
    """The sign-ups in exports: recipient, as event logs write it, and joined_us, microseconds since 1970 UTC.

    The layout of the export tells which column it is, or `columns` (address, joined). Who has several counts
    from the first on; who has none is not there. Raises UsageError where a list holds no sign-up at all, and
    UnreadableInput.
    """
    from hygiene.config import CleaningPolicy
    from hygiene.contacts.read import read_exports
    from hygiene.engines.engine import open_engine
    from hygiene.events.values import address_sql
    from hygiene.intake.source import open_sources

    paths = [Path(lists)] if isinstance(lists, str | Path) else [Path(one) for one in lists]
    policy = CleaningPolicy(columns=dict(columns or {}))
    with tempfile.TemporaryDirectory(prefix="hygiene-signups-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        with open_engine("duckdb", work) as (_, reading):
            exports = read_exports(open_sources(paths, work), reading.connection, work, policy)
            query = _QUERY.format(address=address_sql("address"))
            found: pa.Table = reading.connection.sql(query).arrow().read_all()
    if not found.num_rows:
        names = ", ".join(export.source.name for export in exports)
        raise UsageError(
            f"{names} tells nobody's sign-up: it needs a column such as 'Subscribed at', with dates"
        )
    return found
