"""Columns of few words say the same as texts and as enumerations."""

import duckdb
import pytest

from hygiene.event import EventKind
from hygiene.events.read import read_events
from hygiene.events.records import Mark

HEADER = "source,message_id,recipient,kind,bounce_class,machine,tracked,ts_us\n"
WRITTEN = {
    "sent,,,both": ("sent", None, None, "both"),
    " SENT ,,, Click": ("sent", None, None, "click"),
    "sent,hard,mpp,yes": ("sent", None, None, None),
    "Bounced,Hard,,": ("bounced", "hard", None, None),
    "bounced, block ,none,": ("bounced", "block", None, None),
    "bounced,,,": ("bounced", "unknown", None, None),
    "bounced,dunno,,": ("bounced", "unknown", None, None),
    "opened,,MPP,": ("opened", None, "mpp", None),
    "opened,,,": ("opened", None, "unknown", None),
    "clicked,,robot,none": ("clicked", None, "unknown", "none"),
    "read,,,": ("unknown", None, None, None),
    ",,,open": ("unknown", None, None, "open"),
    **{f"{mark},,,": ("unknown", None, None, None) for mark in Mark},  # the reader's own, which no log may say
    **{f"{kind.upper()},x,x,": None for kind in EventKind},
}


def words_of(path, *, hashed):
    with duckdb.connect() as connection:
        report = read_events(path, connection, hashed=hashed)
        query = (
            "select kind::varchar, bounce_class::varchar, machine::varchar, tracked::varchar from events "
            "order by ts_us"
        )
        return connection.execute(query).fetchall(), report


@pytest.mark.parametrize("hashed", [False, True])
def test_a_word_is_known_in_any_case_and_between_blanks(tmp_path, hashed):
    path = tmp_path / "log.csv"
    rows = [f"own,m{at},ann@example.com,{row},{1_788_220_800_000_000 + at}\n" for at, row in enumerate(WRITTEN)]
    path.write_text(HEADER + "".join(rows))
    found, report = words_of(path, hashed=hashed)
    assert len(found) == len(WRITTEN) == report.events
    for told, (row, wanted) in zip(found, WRITTEN.items(), strict=True):
        kind = row.partition(",")[0].strip().lower()
        assert told == (wanted or (kind, *_of(kind), None)), row
    assert report.unknown_words == {"": 2, "read": 1, **dict.fromkeys(Mark, 1)}


def _of(kind):
    """What an unknown class and an unknown reader are."""
    return "unknown" if kind == "bounced" else None, "unknown" if kind in ("opened", "clicked") else None
