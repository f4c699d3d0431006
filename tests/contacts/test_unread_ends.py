"""An opt-out that stands in a row nobody can read whole is obeyed all the same."""

import csv
from datetime import UTC, datetime

import pytest

from hygiene.address import addresses_in
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.why import explain_address

NOW = datetime(2026, 11, 28, tzinfo=UTC)
LIST = b"email,status\nann@example.com,subscribed\nbob@example.com,subscribed\n"


def cleaned(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text)
    found = clean_contacts([folder / f"{name}.csv" for name in files], output=folder / "out", now=NOW)
    kept = (folder / "out" / "clean.csv").read_text().splitlines()[1:]
    with (folder / "out" / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return found, kept, list(csv.DictReader(file))


@pytest.mark.parametrize(
    "cell",
    [
        b'"ann@example.com; eve@example.com"',
        b'"Ann <ann@example.com>, Eve <eve@example.com>"',
        b"ann@example.com/eve@example.com",
        b"ann%40example.com",
        b"ann&#64;example.com",
        b"ANN@example.com (old)",
        b"'ann@example.com",
    ],
)
def test_every_address_of_a_cell_that_is_rejected_is_obeyed(tmp_path, cell):
    found, kept, rejected = cleaned(tmp_path, list=LIST, left=b"email,status\n" + cell + b",unsubscribed\n")
    assert kept == ["bob@example.com,subscribed"]
    (row,) = [row for row in rejected if row["address"] == "ann@example.com"]
    assert (row["reason"], row["detail"]) == ("suppressed", "unsubscribed, in left.csv:2")
    assert found.summary.rows == found.summary.kept + found.summary.rejected == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"ann@example.com,unsubscribed,N,,", "unsubscribed"),
        (b"ann@example.com,hard_bounce", "bounced"),
        (b"ann@example.com,unsub\0scribed,N", "unsubscribed"),
        (b"ann@example.com,Unsubscribed,\xfc\xff", "unsubscribed"),
        (b'ann@example.com,"spam complaint","N', "complained"),
    ],
)
def test_a_damaged_line_that_tells_of_an_end_is_obeyed(tmp_path, line, reason):
    others = "".join(f"p{row}@example.com,subscribed,Jürgen\n" for row in range(9)).encode()
    left = b"email,status,name\n" + others + line + b"\n"
    _, kept, rejected = cleaned(tmp_path, list=LIST, left=left)
    assert not any("ann" in row for row in kept)
    assert any("bob" in row for row in kept)
    (row,) = [row for row in rejected if row["address"] == "ann@example.com"]
    assert row["detail"] == f"{reason}, in left.csv:11"


def test_any_address_on_a_damaged_line_of_a_list_of_people_who_left(tmp_path):
    left = b"email,name\neve@example.com,Eve\nann@example.com\n"
    _, kept, rejected = cleaned(tmp_path, list=LIST, unsubscribed=left)
    assert kept == ["bob@example.com,subscribed"]
    assert {row["reason"] for row in rejected} == {"suppressed", "unsubscribed", "damaged-line"}
    story = explain_address("ann@example.com", tmp_path / "out")
    assert story.verdict == "not-mailed"


def test_a_damaged_line_that_tells_of_no_end_suppresses_nobody(tmp_path):
    other = b"email,status,name\neve@example.com,subscribed,E\n"
    other += b"ann@example.com,subscribed,complaint,7\nbob@example.com,never subscribed\n"
    _, kept, _ = cleaned(tmp_path, list=LIST, other=other)
    assert [row.partition(",")[0].strip(chr(34)) for row in kept] == [
        "ann@example.com",
        "bob@example.com",
        "eve@example.com",
    ]


@pytest.mark.parametrize("text", ["", "nobody", "@", "a@", "'@'", "@@@", "mailto:"])
def test_a_text_without_an_address_has_none(text):
    assert [one for one in addresses_in(text) if one.strip("@").count("@")] == []
