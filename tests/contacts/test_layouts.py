"""Every layout reads its own sample as expected and no other's.

A new one is a declaration, a sample and its expectation: formats/ID.csv (or ID/NAME.csv where the file's name
matters) beside NAME.expected.csv.
"""

import csv
import io
import random
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.contacts.column_names import column_key, word_key
from hygiene.contacts.layout import (
    FIGURES,
    PLAIN,
    ROLES,
    ActivityKind,
    Confirmation,
    Layout,
    StatusColumn,
    confirmed_of,
    layouts,
    recognise,
    status_of,
    status_of_file,
)
from hygiene.errors import UsageError
from hygiene.intake.dates import FIRST_YEAR, column_order, settled_formats
from hygiene.status import RANKS, Status, strictest

FORMATS = Path(__file__).parent / "formats"
SAMPLES = sorted(path for path in FORMATS.rglob("*.csv") if not path.name.endswith(".expected.csv"))
NAMES = [path.relative_to(FORMATS).as_posix() for path in SAMPLES]
DELIMITERS = {"brevo.csv": ";", "keila.csv": ";"}
ENCODINGS = {"brevo.csv": "cp1252"}


def layout_of(name: str) -> Layout:
    """The layout a sample is named for: formats/ID.csv, formats/ID.variant.csv or formats/ID/NAME.csv."""
    return layouts()[re.split(r"[/.]", name)[0]]


def records(name: str) -> list[tuple[int, list[str]]]:
    """(line the record begins on, its cells), the header first."""
    text = (FORMATS / name).read_bytes().decode(ENCODINGS.get(name, "utf-8-sig"))
    escape = layout_of(name).quote_escape
    dialect = {"escapechar": escape, "doublequote": False} if escape != '"' else {}
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=DELIMITERS.get(name, ","), strict=True, **dialect
    )
    found, line = [], 1
    for cells in reader:
        found.append((line, cells))
        line = reader.line_num + 1
    return found


def header_of(name: str) -> list[str]:
    return records(name)[0][1]


def column(name: str, place: int) -> list[str]:
    return [cells[place] for _, cells in records(name)[1:]]


def read_date(layout: Layout, formats, cell: str) -> datetime | None:
    """A cell as an instant or as a time of an unknown zone; None for no date."""
    part = re.search(layout.date_part or r"[\s\S]*", cell.strip())
    for one in formats:
        try:
            read = datetime.strptime(part[0] if part else "", one.format)
        except ValueError:
            continue
        if read.year < FIRST_YEAR:
            return None
        return {"utc": read.replace(tzinfo=UTC), "none": read}.get(one.zone) or read.astimezone(UTC)
    return None


def interpreted(name: str) -> list[dict[str, str]]:
    """What a sample's rows mean, as the expectation says it."""
    header, rows = header_of(name), records(name)[1:]
    found = recognise(header, name)
    dated = (*found.joined, *(place for place, _ in found.activity))
    formats = {place: settled_formats(found.layout.dates, column_order(column(name, place))) for place in dated}

    def date(cells: list[str], place: int) -> datetime | None:
        return read_date(found.layout, formats[place], cells[place])

    return [
        {
            "line": str(line),
            "address": cells[found.address],
            "status": row_status(found, cells),
            "joined": shown(next((date(cells, place) for place in found.joined if cells[place].strip()), None)),
            "activity": shown(latest(date(cells, place) for place, _ in found.activity)),
            "confirmed": row_confirmed(found, cells),
        }
        for line, cells in rows
    ]


def row_status(found, cells: list[str]) -> str:
    said = [status_of(rule, cells[place]) for place, rule in found.status_columns]
    known = [status for status in (*said, found.file_status) if status]
    return str(strictest(*known) if known else found.default_status)


def row_confirmed(found, cells: list[str]) -> str:
    if not found.confirmed:
        return ""
    place, other, rule = found.confirmed
    return str(confirmed_of(rule, cells[place], cells[other] if other is not None else "")).lower()


def latest(dates) -> datetime | None:
    return max(
        (one for one in dates if one), key=lambda one: one.replace(tzinfo=one.tzinfo or UTC), default=None
    )


def shown(date: datetime | None) -> str:
    return date.isoformat() if date else ""


def expected(name: str) -> list[dict[str, str]]:
    path = (FORMATS / name).with_suffix(".expected.csv")
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_means_what_is_expected(name):
    assert interpreted(name) == expected(name)


def test_every_layout_has_a_sample_and_every_sample_a_layout():
    assert {layout_of(name).id for name in NAMES} == set(layouts())
    assert len(layouts()) == 17


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_recognised_as_its_own_layout_and_as_no_other(name):
    own = layout_of(name)
    assert recognise(header_of(name)).layout == own
    columns = {column_key(one) for one in header_of(name)}
    fitting = {
        layout.id
        for layout in layouts().values()
        for shape in layout.shapes
        if all(columns & set(map(column_key, (one, *layout.aliases.get(one, ())))) for one in shape)
    }
    assert fitting == {own.id} - {PLAIN}


@pytest.mark.parametrize("name", NAMES)
def test_order_case_spaces_and_bom_of_a_header_do_not_matter(name):
    header = header_of(name)
    before = recognise(header, name)
    shuffled = [*header, "Some custom field", "Ünïcode"]
    random.Random(name).shuffle(shuffled)
    after = recognise(["\ufeff" + re.sub(" ", "\u00a0 ", one.upper()) + " " for one in shuffled], name)
    assert after.layout == before.layout
    assert shuffled[after.address] == header[before.address]
    assert named(after.status_columns, shuffled) == named(before.status_columns, header)
    assert named(after.activity, shuffled) == named(before.activity, header)
    assert after.file_status == before.file_status
    assert {role: shuffled[place] for role, place in after.figures.items()} == {
        role: header[place] for role, place in before.figures.items()
    }


def named(places, header):
    return sorted((header[place], str(what)) for place, what in places)


@pytest.mark.parametrize("layout", [one for one in layouts().values() if one.shapes], ids=lambda one: one.id)
def test_a_layout_without_one_of_its_columns_is_not_recognised(layout):
    for shape in layout.shapes:
        assert recognise(shape).layout == layout
    wanted = {one for shape in layout.shapes for one in shape}
    for shape in layout.shapes:
        for missing in shape:
            rest = [one for one in shape if one != missing]
            smaller = [other for other in layout.shapes if set(other) <= set(rest)]
            assert (fits(layout, rest)) == bool(smaller), (shape, missing)
    assert not fits(layout, ["First Name", "Last Name", *sorted(wanted)[:1]])


def fits(layout: Layout, header: list[str]) -> bool:
    try:
        return recognise(header).layout == layout
    except UsageError:
        return False


@pytest.mark.parametrize("layout", layouts().values(), ids=lambda one: one.id)
def test_declarations_are_dated_sourced_and_consistent(layout):
    assert re.fullmatch(r"20\d\d-\d\d", layout.read)
    assert layout.source
    assert all(one.startswith("https://") for one in layout.source)
    words = [word for rule in layout.status_columns for word in (*rule.words, *rule.silent)]
    words += [*layout.confirmed.words, *layout.confirmed.unless] if layout.confirmed else []
    assert [word for word in words if word_key(word) != word] == []
    for rule in layout.status_columns:
        assert not set(rule.words) & set(rule.silent)
    for one in layout.dates:
        assert (one.zone == "cell") == ("%z" in one.format), one.format
        assert (one.zone == "utc") == one.format.endswith(("Z", "UTC")), one.format
        assert "%Z" not in one.format
    used = {layout.address, *layout.joined, *(one.column for one in layout.activity)}
    assert not used & set(layout.ignored)
    assert bool(layout.dates) == bool(layout.joined or layout.activity)


@pytest.mark.parametrize("name", NAMES)
def test_duckdb_and_python_read_the_same_dates(name):
    """The table is read in DuckDB: a format that one engine reads otherwise would move people in time."""
    found = recognise(header_of(name), name)
    connection = duckdb.connect()
    for place in (*found.joined, *(place for place, _ in found.activity)):
        cells = column(name, place)
        formats = settled_formats(found.layout.dates, column_order(cells))
        assert [seconds(read_date(found.layout, formats, cell)) for cell in cells] == [
            in_duckdb(connection, found.layout, formats, cell) for cell in cells
        ]
    assert found.joined or found.layout.id in {"shopify", "mautic", "keila"}


def seconds(date: datetime | None) -> float | None:
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp() if date else None


def in_duckdb(connection, layout: Layout, formats, cell: str) -> float | None:
    cell = cell.strip()
    if layout.date_part:
        cell = connection.execute("SELECT regexp_extract(?, ?)", [cell, layout.date_part]).fetchone()[0]
    tries = ", ".join(f"epoch_us(try_strptime($cell, '{one.format}'))" for one in formats)
    read = connection.execute(f"SELECT coalesce({tries}, NULL)", {"cell": cell}).fetchone()[0]
    return (
        read / 1e6 if read is not None and datetime.fromtimestamp(read / 1e6, UTC).year >= FIRST_YEAR else None
    )


@pytest.mark.parametrize(
    ("file_name", "status"),
    [
        ("subscribed_members_export_a1b2c3.csv", Status.SUBSCRIBED),
        ("audience/subscribed_email_audience_export_a1 (1).csv", Status.SUBSCRIBED),
        ("Unsubscribed_email_audience_export_a1.csv", Status.UNSUBSCRIBED),
        ("C:\\exports\\cleaned_members_export_a1.csv", Status.BOUNCED),
        ("nonsubscribed_email_audience_export_a1.csv", Status.NOT_SUBSCRIBED),
        ("non-subscribed_a1.csv", Status.NOT_SUBSCRIBED),
        ("my_subscribed_people.csv", None),
        ("unsubscribed_x/members.csv", None),
        ("segment_export.csv", None),
        ("", None),
    ],
)
def test_mailchimps_file_names(file_name, status):
    assert status_of_file(layouts()["mailchimp"], file_name) is status


def test_mailchimps_zip_holds_the_status_in_its_names():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((FORMATS / "mailchimp").glob("*.csv")):
            if not path.name.endswith(".expected.csv"):
                archive.write(path, f"audience_export/{path.name}")
    with zipfile.ZipFile(packed) as archive:
        status = {}
        for name in archive.namelist():
            header = next(csv.reader(io.StringIO(archive.read(name).decode("utf-8"), newline="")))
            status[name.split("/")[1].split("_")[0]] = recognise(header, name).file_status
    assert status == {
        "subscribed": Status.SUBSCRIBED,
        "unsubscribed": Status.UNSUBSCRIBED,
        "cleaned": Status.BOUNCED,
    }


MAILCHIMP = ["Email Address", "MEMBER_RATING", "OPTIN_TIME", "CONFIRM_TIME", "LEID", "EUID"]


def test_a_renamed_mailchimp_file_is_known_by_its_columns_or_says_nothing():
    assert recognise([*MAILCHIMP, "UNSUB_TIME"], "list.csv").file_status is Status.UNSUBSCRIBED
    assert recognise([*MAILCHIMP, "CLEAN_TIME"], "list.csv").file_status is Status.BOUNCED
    silent = recognise([*MAILCHIMP, "LAST_CHANGED"], "list.csv")
    assert (silent.file_status, silent.default_status) == (None, Status.UNKNOWN)
    assert any("every status is unknown" in note for note in silent.notes)
    leftover = recognise([*MAILCHIMP, "UNSUB_TIME", "LAST_CHANGED"], "subscribed_members_export_1.csv")
    assert leftover.file_status is Status.SUBSCRIBED
    assert any("is taken as subscribed" in note for note in leftover.notes)
    contradicting = recognise([*MAILCHIMP, "UNSUB_TIME"], "subscribed_members_export_1.csv")
    assert contradicting.file_status is Status.UNSUBSCRIBED


def test_mailchimps_address_may_bear_any_label():
    assert recognise(["Deine E-Mail Adresse", *MAILCHIMP[1:]]).address == 0
    unknown = recognise(["Dein elektronischer Briefkasten", *MAILCHIMP[1:]])
    assert (unknown.layout.id, unknown.address) == ("mailchimp", None)


def test_mailchimps_record_change_is_no_activity():
    found = recognise([*MAILCHIMP, "LAST_CHANGED"])
    assert found.activity == ()
    assert any("inactive is unknown" in note for note in found.notes)
    with pytest.raises(UsageError, match="LAST_CHANGED of a Mailchimp export"):
        recognise([*MAILCHIMP, "LAST_CHANGED"], overrides={"activity": "LAST_CHANGED"})


def test_translated_mailpoet_labels():
    found = recognise(["E-Mail", "Vorname", "Listenstatus", "Globaler Status", "Liste"])
    assert (found.layout.id, found.address, len(found.status_columns)) == ("mailpoet", 0, 2)


def test_two_layouts_that_fit_equally_are_refused_with_their_names():
    both = ["uuid", "email", "attributes", "status", "firstname", "lastname", "points"]
    with pytest.raises(UsageError, match=r"listmonk or Mautic.*--layout"):
        recognise(both)
    assert recognise(both, layout_id="mautic").layout.id == "mautic"
    with pytest.raises(UsageError, match="no layout is called 'mailchump'"):
        recognise(both, layout_id="mailchump")


def test_the_more_specific_layout_wins():
    shopify_in_hubspot = ["Record ID", "Email", "Accepts Email Marketing", "Total Spent", "Total Orders"]
    assert recognise(shopify_in_hubspot).layout.id == "shopify"


@pytest.mark.parametrize(
    ("header", "place"),
    [
        (["Name", "E-Mail-Adresse"], 1),
        (["COURRIEL", "Nom"], 0),
        (["Nombre", "correo electrónico"], 1),
        (["Adresse e-mail"], 0),
        (["work_email", "name"], 0),
        (["customer email address", "Email Domain", "email_opt_in", "Email Verified", "email count"], 0),
        (["\ufeffEmail", "Email Status"], 0),
        (["name", "phone"], None),
        ([], None),
        (["anna@example.com"], None),
    ],
)
def test_the_address_of_a_plain_file(header, place):
    found = recognise(header)
    assert (found.layout.id, found.address) == (PLAIN, place)


@pytest.mark.parametrize(
    ("header", "role", "names"),
    [
        (["Email", "Email 2"], "address", ("Email", "Email 2")),
        (["Work email", "Email"], "address", ("Work email", "Email")),
        (["email", "status", "consent"], "status", ("status", "consent")),
        (["email", "Newsletter", "Subscribed", "opt-in"], "status", ("Newsletter", "Subscribed", "opt-in")),
    ],
)
def test_two_candidates_are_never_guessed_between(header, role, names):
    with pytest.raises(UsageError) as refused:
        recognise(header)
    assert all(repr(name) in str(refused.value) for name in names)
    assert f"--column '{role}={names[0]}'" in str(refused.value)
    for name in names:
        chosen = recognise(header, overrides={role: name})
        place = chosen.address if role == "address" else chosen.status_columns[0][0]
        assert header[place] == name


def test_columns_of_the_same_name_are_chosen_by_number():
    with pytest.raises(UsageError, match=r"--column 'address=#1'"):
        recognise(["Email", "Name", "email"])
    assert recognise(["Email", "Name", "email"], overrides={"address": "#3"}).address == 2
    with pytest.raises(UsageError, match="more than once"):
        recognise(["Email", "Name", "email"], overrides={"address": "Email"})


def test_what_only_tells_of_an_end_stands_beside_the_consent():
    found = recognise(["email", "status", "unsubscribed_at", "hard bounce", "Spam Complaint"])
    assert [rule.column for _, rule in found.status_columns] == [
        "consent",
        "unsubscribed",
        "bounced",
        "complained",
    ]


def test_overrides():
    header = ["Contact", "Mail", "State of play", "Seen", "Since", "Proof"]
    wanted = dict(zip(ROLES, header[1:], strict=True))
    found = recognise(header, overrides=wanted)
    assert found.address == 1
    assert [(place, status_of(rule, "Ja")) for place, rule in found.status_columns] == [(2, Status.SUBSCRIBED)]
    assert found.activity == ((3, ActivityKind.ANY),)
    assert found.joined == (4,)
    assert found.confirmed is not None
    assert found.confirmed[0] == 5
    nothing = recognise(["email", "status", "last_open", "created", "doi"], overrides=dict.fromkeys(ROLES, ""))
    assert (nothing.address, nothing.status_columns, nothing.activity) == (None, (), ())
    assert (nothing.joined, nothing.confirmed) == ((), None)


def test_an_override_never_silences_a_platforms_opt_outs():
    found = recognise(header_of("klaviyo.csv"), overrides={"status": "Favourite Colour"})
    assert [rule.column for _, rule in found.status_columns][:2] == [
        "Email Marketing Consent",
        "Email Suppressions",
    ]
    again = recognise(header_of("klaviyo.csv"), overrides={"status": "Email Marketing Consent"})
    assert [rule.column for _, rule in again.status_columns] == [
        "Email Suppressions",
        "Email Marketing Consent",
    ]
    chosen = recognise(header_of("klaviyo.csv"), overrides={"activity": "Last Click"})
    assert [kind for _, kind in chosen.activity] == [ActivityKind.CLICK]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"address": "Mail"}, "that column is not there; the file has #1 'Email', #2 'Name'"),
        ({"consent": "Name"}, "a column can be named for address, status, activity, joined, confirmed"),
        ({"address": "#3"}, "is not there"),
    ],
)
def test_overrides_that_cannot_be(overrides, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        recognise(["Email", "Name"], overrides=overrides)


CONSENT = next(rule for rule in layouts()[PLAIN].status_columns if rule.consent)
ENDED = next(rule for rule in layouts()[PLAIN].status_columns if rule.column == "unsubscribed")


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("Yes", Status.SUBSCRIBED),
        ("TRUE", Status.SUBSCRIBED),
        ("opted-in", Status.SUBSCRIBED),
        ("abonniert", Status.SUBSCRIBED),
        ("0", Status.NOT_SUBSCRIBED),
        ("non", Status.NOT_SUBSCRIBED),
        ("  ", Status.NOT_SUBSCRIBED),
        ("", Status.NOT_SUBSCRIBED),
        ("Opted Out", Status.UNSUBSCRIBED),
        ("désabonné", Status.UNSUBSCRIBED),
        ("HARD_BOUNCE", Status.BOUNCED),
        ("cleaned", Status.BOUNCED),
        ("spam", Status.COMPLAINED),
        ("pending", Status.UNCONFIRMED),
        ("customer", Status.CUSTOMER),
        ("shipped", Status.UNREADABLE),
        ("2021-01-01", Status.UNREADABLE),
    ],
)
def test_words_of_a_plain_consent(cell, status):
    assert status_of(CONSENT, cell) is status


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("2021-05-05", "unsubscribed"),
        ("yes", "unsubscribed"),
        ("No", None),
        ("0", None),
        ("", None),
        (" - ", None),
    ],
)
def test_a_column_that_only_tells_of_an_end(cell, status):
    assert status_of(ENDED, cell) == status


LISTED = StatusColumn(
    column="x", listed=True, blank=Status.UNKNOWN, words={"a b": Status.BOUNCED, "c": Status.UNSUBSCRIBED}
)


@pytest.mark.parametrize("cell", ["[A_B, C]", "A_B,C", '["C", "a-b"]', "c|A B", "{c;'a b'}"])
def test_of_a_list_the_strictest_word_wins(cell):
    assert status_of(LISTED, cell) is Status.UNSUBSCRIBED


def test_lists_that_are_empty_or_hold_unknown_words():
    assert status_of(LISTED, "[]") is Status.UNKNOWN
    assert status_of(LISTED, "[A_B, other]") is Status.BOUNCED
    assert status_of(LISTED, "[other]") is Status.UNREADABLE


@given(st.lists(st.sampled_from(["A_B", "C", "other"]), max_size=5), st.sampled_from(["A_B", "C", "other"]))
def test_one_word_more_never_loosens_a_list(words, another):
    before, after = (status_of(LISTED, ", ".join(cells)) for cells in (words, [*words, another]))
    assert before is not None
    assert after is not None
    assert RANKS[after] >= RANKS[before]


@given(st.text(max_size=20))
def test_any_cell_means_something_or_nothing(cell):
    for layout in layouts().values():
        for rule in layout.status_columns:
            assert status_of(rule, cell) in {*Status, None}
            assert status_of(rule, f" {cell}\u00a0") == status_of(rule, cell)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_header_is_recognised_or_refused_in_one_sentence(header):
    try:
        found = recognise(header, "x.csv")
    except UsageError as error:
        refused = str(error)
    else:
        refused = ""
        assert found.address is None or found.address in range(len(header))
        assert set(found.figures) <= set(FIGURES)
    assert refused.isprintable()


def test_a_double_opt_in_needs_both_times():
    rule = layouts()["mailchimp"].confirmed
    assert rule is not None
    form, click = "2020-05-05 09:00:00", "2020-05-05 09:03:10"
    assert confirmed_of(rule, click, form)
    assert not confirmed_of(rule, form, form)
    assert not confirmed_of(rule, click, "")
    assert not confirmed_of(rule, "", form)
    assert not confirmed_of(Confirmation(column="x", words=("confirmed",)), "Confirmation sent")


def test_a_plain_file_named_for_people_who_left_is_believed():
    assert recognise(["email"], "unsubscribed-2024.csv").file_status is Status.UNSUBSCRIBED
    assert recognise(["email"], "subscribed-2024.csv").file_status is None
    assert recognise(["email"], "cleaned-list.csv").file_status is None
