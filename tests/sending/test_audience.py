"""The list of a campaign: only what a cleaning vouches for, everybody once, the most engaged first."""

import json

import pytest

from hygiene.errors import HygieneError, UnreadableInput, UsageError
from hygiene.sending.audience import Audience, open_audience
from hygiene.sending.definition import MergeField
from tests.sending.campaign_files import a_row, clean_list

FIELDS = {
    "first_name": MergeField("First Name", "there"),
    "city": MergeField("City"),
    "link": MergeField("Shop Url", ""),
}
ROWS = 25


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    rows = [a_row(number) for number in range(ROWS)]
    rows[3] = a_row(3, City=" ", **{"First Name": ""})
    rows[7] = a_row(7, City="", **{"Shop Url": "javascript:alert(1)"})
    rows[8] = a_row(8, **{"Shop Url": "www.shop.example", "Last Click": "2026-11-20 08:00:00"})
    rows[9] = a_row(9, Email="person9@yahoo.com", City="Zürich\nam See", **{"Last Click": ""})
    return clean_list(tmp_path_factory.mktemp("list"), [*rows, a_row(0)], segments={"bern": "City = 'Bern'"})


@pytest.fixture
def copied(cleaned, tmp_path):
    for path in cleaned.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def people(audience, size=4):
    return [recipient for batch in audience.batches(size) for recipient in batch]


def test_everybody_comes_once_with_their_fields(cleaned):
    audience = open_audience(cleaned, FIELDS)
    found = dict(people(audience))
    assert audience.count() == len(found) == len(people(audience)) == ROWS
    assert found["person1@gmail.com"] == {
        "first_name": "Name1",
        "city": "Bern",
        "link": "https://bakery.example/spring",
    }
    assert found["person3@gmail.com"]["first_name"] == "there"
    assert found["person9@yahoo.com"]["city"] == "Zürich\nam See"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_batches_are_no_larger_than_asked_for(cleaned, size):
    batches = list(open_audience(cleaned, FIELDS).batches(size))
    assert all(0 < len(batch) <= size for batch in batches)
    assert sum(map(len, batches)) == ROWS


def test_the_most_engaged_come_first(cleaned):
    audience = open_audience(cleaned, FIELDS)
    order = [address for address, _ in people(audience)]
    assert audience.by_activity
    assert order[0] == "person8@gmail.com"
    assert order[-1] == "person9@yahoo.com"
    assert order == [address for address, _ in people(audience)]


def test_a_list_may_be_named_by_itself_or_by_segment(cleaned):
    assert open_audience(cleaned / "clean.csv", FIELDS).count() == ROWS
    segment = open_audience(cleaned, FIELDS, segment="bern")
    assert segment.path.name == "bern.csv"
    assert {fields["city"] for _, fields in people(segment)} == {"Bern"}
    assert open_audience(cleaned / "bern.csv", FIELDS, segment="bern").count() == segment.count()
    with pytest.raises(UsageError, match="segment bern"):
        open_audience(cleaned / "clean.csv", FIELDS, segment="bern")


def test_blanks_are_counted_with_their_lines(cleaned):
    (blank,) = [each for each in open_audience(cleaned, FIELDS).blanks() if each.field == "city"]
    lines = (cleaned / "clean.csv").read_text("utf-8").splitlines()
    assert blank.count == len(blank.lines) == 2
    assert [lines[line - 1].partition(",")[0] for line in blank.lines] == [
        "person3@gmail.com",
        "person7@gmail.com",
    ]


def test_links_that_lead_nowhere_are_counted(cleaned):
    found = open_audience(cleaned, FIELDS).unsafe_links(["link"], ["http", "https"])
    assert found["link"][0] == 2


def test_a_missing_column_is_told_and_its_field_is_empty(cleaned):
    audience = open_audience(cleaned, {"zip": MergeField("Zip"), "name": MergeField("first name")})
    assert [field.column for field in audience.missing] == ["Zip"]
    assert dict(people(audience))["person1@gmail.com"] == {"zip": "", "name": "Name1"}


def test_extremes_and_domains(cleaned):
    audience = open_audience(cleaned, FIELDS)
    extremes = audience.extremes()
    assert extremes.longest[0] == "person9@yahoo.com"
    assert extremes.emptiest[0] == "person3@gmail.com"
    assert audience.domains() == [("gmail.com", ROWS - 1), ("yahoo.com", 1)]


def test_a_list_that_was_changed_is_not_mailed(copied):
    audience = open_audience(copied, FIELDS)
    with (copied / "clean.csv").open("a") as file:
        file.write("more@gmail.com,More,Bern,,,,\n")
    assert "changed after the cleaning" in audience.changes()[0]
    with pytest.raises(UsageError, match="Clean it again"):
        next(audience.batches())


def test_a_list_that_is_changed_while_it_is_read_is_told_in_the_end(copied):
    batches = open_audience(copied, FIELDS).batches(10)
    assert len(next(batches)) == 10
    with (copied / "clean.csv").open("a") as file:
        file.write("evil@example.com,,,,,,\n")
    with pytest.raises(UsageError, match="changed after the cleaning") as raised:
        list(batches)
    assert len(str(raised.value).splitlines()) == 1


def test_a_list_that_breaks_while_it_is_read_was_changed(copied, monkeypatch):
    """What makes it unreadable is that somebody wrote to it, and that is said."""
    audience = open_audience(copied, FIELDS)
    batches = audience.batches(1)
    next(batches)
    (copied / "clean.csv").unlink()
    monkeypatch.setattr(Audience, "_recipient", broken)
    with pytest.raises(UsageError, match="is missing"):
        list(batches)


def broken(*_):
    raise UnreadableInput("the list cannot be read")


def test_another_file_that_was_changed_does_not_matter(copied):
    (copied / "report.html").write_text("x")
    assert not open_audience(copied, FIELDS).changes()


@pytest.mark.parametrize(
    ("spoil", "name", "why"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "clean.csv", "holds no cleaning"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "clean.csv", "not the manifest"),
        (lambda folder: (folder / "clean.csv").unlink(), "", "missing"),
        (
            lambda folder: (folder / "own.csv").write_text("Email\na@b.example\n"),
            "own.csv",
            "no list of people",
        ),
        (lambda folder: None, "rejected.csv", "no list of people"),
        (lambda folder: None, "flagged.csv", "no list of people"),
        (lambda folder: None, "manifest.json", "no list of people"),
        (lambda folder: None, "nothing.csv", "is not there"),
        (lambda folder: _name_in_manifest(folder, "../outside.csv"), "", None),
    ],
)
def test_what_no_cleaning_vouches_for_is_one_sentence(copied, spoil, name, why):
    spoil(copied)
    if why is None:
        assert open_audience(copied, FIELDS).count() == ROWS
        return
    with pytest.raises(HygieneError, match=why) as refused:
        open_audience(copied / name, FIELDS)
    assert "\n" not in str(refused.value)


def _name_in_manifest(folder, name):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["outputs"][name] = {"sha256": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_no_segment_leads_out_of_the_folder(copied):
    with pytest.raises(HygieneError):
        open_audience(copied, FIELDS, segment="../outside")


def test_an_empty_list_has_nobody(tmp_path):
    cleaned = clean_list(tmp_path, [a_row(1, Email="no address")], max_removed=1)
    audience = open_audience(cleaned, FIELDS)
    assert (audience.count(), people(audience), audience.extremes()) == (0, [], None)
