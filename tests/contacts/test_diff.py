"""Two cleanings compared: who entered, left or changed reason, and that the sums hold."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.contacts import diff
from hygiene.contacts.diff import ABSENT, KEPT, Changes, compare_cleanings
from hygiene.errors import HygieneError, UnreadableInput, UnwritableOutput, UsageError
from hygiene.render.terminal import render_terminal

from .cleaning_folders import POLICY, reject, write_cleaning


@pytest.fixture
def both(tmp_path):
    old = write_cleaning(
        tmp_path / "old",
        ["ann@shop.example", "Ben@shop.example", "cy@shop.example", "=x@shop.example"],
        [
            reject("di@shop.example", "inactive"),
            reject("eva@shop.example", "bounced"),
            reject("fay@shop.example", "unsubscribed"),
            reject("ann@shop.example", "duplicate"),
            reject("gus@shop.example", "bounced"),
            reject("", "damaged-line", text="x"),
            reject(" ", "missing-address"),
        ],
    )
    new = write_cleaning(
        tmp_path / "new",
        ["ANN@shop.example", "di@shop.example", "new@shop.example"],
        [
            reject("ben@SHOP.example", "complained"),
            reject("eva@shop.example", "unsubscribed"),
            reject("fay@shop.example", "unsubscribed"),
            reject("=x@shop.example", "unsubscribed"),
            reject("hal@shop.example", "bounced"),
        ],
        policy={**POLICY, "inactive_after": None},
    )
    return old, new


def moves(changes):
    return {(one.before, one.after): (one.people, one.examples) for one in changes.shifts}


def shown(changes):
    return render_terminal(changes.sections(), width=100, colour=False)


def test_who_entered_left_and_changed(both):
    changes = compare_cleanings(*both)
    assert moves(changes) == {
        ("inactive", KEPT): (1, ("di@shop.example",)),
        (ABSENT, KEPT): (1, ("new@shop.example",)),
        (KEPT, "complained"): (1, ("ben@shop.example",)),
        (KEPT, "unsubscribed"): (1, ("=x@shop.example",)),
        (KEPT, ABSENT): (1, ("cy@shop.example",)),
        ("bounced", "unsubscribed"): (1, ("eva@shop.example",)),
        ("bounced", ABSENT): (1, ("gus@shop.example",)),
        (ABSENT, "bounced"): (1, ("hal@shop.example",)),
    }
    assert (changes.kept_before, changes.entered, changes.left, changes.kept_after) == (4, 2, 3, 3)
    assert (changes.changed_reason, changes.unmailed) == (1, 2)
    assert changes.warnings == ()


def test_what_a_person_sees(both):
    text = shown(compare_cleanings(*both))
    assert "1 fewer mailed · 2 entered · 3 left · 1 changed reason" in text.splitlines()[0:2][-1] + text
    assert "4 kept then + 2 entered − 3 left = 3 kept now ✓" in text
    assert "bounced → unsubscribed" in text
    assert "no longer in the list" in text
    assert "policy inactive_after" in text
    assert "keep " not in text


def test_the_same_folder_twice(both):
    changes = compare_cleanings(both[0], both[0])
    assert changes.shifts == ()
    assert changes.circumstances == ()
    assert "nothing changed" in shown(changes)
    assert changes.to_frame().empty


def test_the_frame_and_the_file_hold_everybody(both, tmp_path):
    changes = compare_cleanings(*both)
    frame = changes.to_frame()
    assert list(frame.columns) == ["address", "from", "to"]
    assert len(frame) == 8
    place = tmp_path / "deep" / "changes.csv"
    assert changes.write(place) == 8
    with place.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["address", "from", "to"]
    assert rows[1] == ["'=x@shop.example", "kept", "unsubscribed"]  # no spreadsheet runs it
    assert [row[0].lstrip("'") for row in rows[1:]] == list(frame["address"])
    assert list(place.parent.iterdir()) == [place]


def test_a_file_that_cannot_be_written(both, tmp_path):
    changes = compare_cleanings(*both)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "folder", tmp_path / "file" / "x.csv"):
        with pytest.raises(UnwritableOutput):
            changes.write(place)
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("name", ["clean.csv", "manifest.json"])
def test_a_cleaning_is_never_overwritten(both, name):
    before = (both[0] / name).read_bytes()
    with pytest.raises(UsageError):
        compare_cleanings(*both).write(both[1].parent / "new" / ".." / "old" / name)
    assert (both[0] / name).read_bytes() == before


def test_unusual_addresses_are_one_person(tmp_path):
    old = write_cleaning(
        tmp_path / "old",
        ["zoë@müller.example", "'quoted'@shop.example", "Sales@shop.example"],
        [reject("x@y", "invalid-address")],
    )
    new = write_cleaning(
        tmp_path / "new",
        ["'QUOTED'@shop.example", "sales@SHOP.example"],
        [
            reject("Zoe\u0308 <ZOE\u0308@xn--mller-kva.example>", "unsubscribed"),
            reject(" X@Y", "invalid-address"),
        ],
    )
    assert moves(compare_cleanings(old, new)) == {(KEPT, "unsubscribed"): (1, ("ZOË@müller.example",))}


def test_an_address_that_is_no_longer_one(tmp_path):
    old = write_cleaning(tmp_path / "old", ["a@shop.example"])
    new = write_cleaning(tmp_path / "new", [], [reject("a@shop.example", "invalid-address")])
    assert list(moves(compare_cleanings(old, new))) == [(KEPT, "invalid-address")]


def test_kept_wins_over_rejected_and_is_spelled_as_kept(tmp_path):
    old = write_cleaning(tmp_path / "old")
    new = write_cleaning(tmp_path / "new", ["bob@shop.example"], [reject("BOB@shop.example", "duplicate")])
    assert moves(compare_cleanings(old, new)) == {(ABSENT, KEPT): (1, ("bob@shop.example",))}


def test_two_empty_cleanings(tmp_path):
    old, new = write_cleaning(tmp_path / "old", b""), write_cleaning(tmp_path / "new")
    assert compare_cleanings(old, new).shifts == ()


def test_a_clean_csv_that_holds_a_person_twice_is_said(tmp_path):
    folder = write_cleaning(tmp_path, ["a@shop.example", "A@shop.example"])
    changes = compare_cleanings(folder, folder)
    assert changes.kept_after == 1
    assert "holds 2 rows for 1 people" in changes.warnings[0]


def test_kept_rows_without_an_address_are_refused(tmp_path):
    folder = write_cleaning(tmp_path, b"Email,Name\n,Ann\n")
    with pytest.raises(UnreadableInput, match="1 kept rows without an address"):
        compare_cleanings(folder, folder)


def test_a_changed_output_is_said(both):
    with (both[0] / "clean.csv").open("a") as file:
        file.write("late@shop.example\n")
    assert "was changed after the cleaning" in compare_cleanings(*both).warnings[0]


def test_sums_that_break_stop_the_program(both, monkeypatch):
    monkeypatch.setattr(diff, "_JOIN", diff._JOIN.replace("full join", "left join"))
    with pytest.raises(HygieneError, match="does not add up"):
        compare_cleanings(*both)


def test_what_is_no_cleaning(both, tmp_path):
    with pytest.raises(UnreadableInput, match="is not there"):
        compare_cleanings(both[0], tmp_path / "nowhere")
    (both[1] / "rejected.csv").write_bytes(b"file,line,address,step,reason,detail,kept_row,text\n\xff\n")
    with pytest.raises(UnreadableInput) as caught:
        compare_cleanings(*both)
    assert "\n" not in str(caught.value)


def test_as_json(both):
    data = json.loads(json.dumps(compare_cleanings(*both).to_dict()))
    assert data["old"]["kept"] + data["entered"] - data["left"] == data["new"]["kept"]
    assert {"name": "policy inactive_after", "old": "180d", "new": "none"} in data["circumstances"]


def test_a_notebook(both):
    changes = compare_cleanings(*both)
    assert "kept now" in changes._repr_html_()
    assert repr(changes) == "<Changes: 2 entered, 3 left, 1 changed reason>"
    assert isinstance(changes, Changes)


PEOPLE = st.dictionaries(
    st.integers(0, 8), st.sampled_from(["", "bounced", "inactive", "duplicate-mailbox"]), max_size=9
)


@settings(max_examples=25)  # each opens a database
@given(before=PEOPLE, after=PEOPLE)
def test_the_changes_are_those_of_two_dictionaries(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("law")
    folders = []
    for name, people in (("old", before), ("new", after)):
        kept = [f"p{number}@shop.example" for number, reason in people.items() if not reason]
        rejected = [reject(f"P{n}@shop.example", reason) for n, reason in people.items() if reason]
        folders.append(write_cleaning(folder / name, kept, rejected))
    expected = {
        number: (state(before, number), state(after, number))
        for number in before.keys() | after.keys()
        if state(before, number) != state(after, number)
    }
    frame = compare_cleanings(*folders).to_frame()
    found = {int(row[0][1:].split("@")[0]): (row[1], row[2]) for row in frame.to_numpy().tolist()}
    assert found == expected


def state(people, number):
    return people[number] or KEPT if number in people else ABSENT
