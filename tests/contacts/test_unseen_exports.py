"""Exports that no layout knows: nobody who left is overlooked, and who is there is not thrown out."""

from datetime import UTC, datetime

import duckdb
import openpyxl
import pytest

from hygiene.config import CleaningPolicy
from hygiene.contacts import read as reading
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.consent_signs import verdict_by_cells
from hygiene.contacts.layout import recognise
from hygiene.contacts.read import read_exports
from hygiene.contacts.reasons import RejectReason
from hygiene.intake.source import open_sources
from hygiene.status import Status

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def read(folder, text, name="list.csv", **policy):
    """The status of each address, in the order of the rows, and what was said of the file."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "work").mkdir()
    with duckdb.connect() as connection:
        sources = open_sources([folder / name], folder / "work")
        (export,) = read_exports(sources, connection, folder / "work", CleaningPolicy(**policy), now=NOW)
        rows = connection.execute('select address, standing from contacts order by "row"').fetchall()
    return {address.partition("@")[0]: list(Status)[rank] for address, rank in rows}, export.notes


def table(header, cells):
    """A list with a row for each address, as `a=subscribed b=…`."""
    rows = (f"{who}@example.com,{what}\n" for who, what in cells.items())
    return f"Email,{header}\n{''.join(rows)}"


#: column → its cells, each with what it means
COLUMNS = {
    "state": {  # Kit
        "active": "subscribed",
        "cancelled": "unsubscribed",
        "bounced": "bounced",
        "complained": "complained",
        "inactive": "disabled",
    },
    "Permission Status": {  # Benchmark Email
        "Confirmed Opt-in": "subscribed",
        "Single Opt-in": "subscribed",
        "Hard Bounce": "bounced",
        "Abuse Complaint": "complained",
        "Master Unsubscribe": "unsubscribed",
    },
    "Email status": {  # Omnisend, Zoho Campaigns
        "Subscribed": "subscribed",
        "Non-subscribed": "not-subscribed",
        "Reported as spam": "complained",
        "Do-Not-Mail": "unsubscribed",
        "Marked as Spam": "complained",
        "Junk": "complained",
    },
    "Status": {  # dotdigital, Magento, rapidmail
        "Subscribed": "subscribed",
        "HardBounced": "bounced",
        "IspComplained": "complained",
        "PendingOptIn": "unconfirmed",
        "SharedSuppression": "unsubscribed",
        "Not Activated": "unconfirmed",
        "Blacklist": "unsubscribed",
    },
    "member_status": {"active": "subscribed", "opt-out": "unsubscribed", "error": "disabled"},  # Emma
    "Delivery status": {  # Mailman
        "enabled": "subscribed",
        "by_user": "disabled",
        "by_bounces": "bounced",
        "by_moderator": "disabled",
    },
    "Stato": {
        "Iscritto": "subscribed",
        "Disiscritto": "unsubscribed",
        "In attesa": "unconfirmed",
        "Cancellato": "unsubscribed",
    },
    "Estado": {
        "Activo": "subscribed",
        "Baja": "unsubscribed",
        "Rebotado": "bounced",
        "Queja": "complained",
        "Pendiente": "unconfirmed",
    },
    "Situação": {"Inscrito": "subscribed", "Descadastrado": "unsubscribed", "Inativo": "disabled"},
    "Status aanmelding": {"Actief": "subscribed", "Afgemeld": "unsubscribed", "Opgeschoond": "bounced"},
    "Statut": {"Abonné": "subscribed", "Désabonné": "unsubscribed", "NPAI": "bounced"},
    "Status subskrypcji": {
        "Aktywny": "subscribed",
        "Wypisany": "unsubscribed",
        "Nieaktywny": "disabled",
        "Odbicie": "bounced",
    },
    "Prenumererar": {"Ja": "subscribed", "Nej": "not-subscribed"},
    "Lettre d'information": {"1": "subscribed", "0": "not-subscribed"},  # PrestaShop
    "Newsletter": {"✓": "subscribed", "✗": "not-subscribed", "–": "not-subscribed", "x": "subscribed"},
    "Подписка": {"Подписан": "subscribed", "Отписан": "unsubscribed"},
}


@pytest.mark.parametrize("column", COLUMNS)
def test_the_words_of_a_column_of_consent_in_any_language(tmp_path, column):
    cells = {f"p{number}": cell for number, cell in enumerate(COLUMNS[column])}
    found, _ = read(tmp_path, table(column, cells))
    assert {cells[who]: status.value for who, status in found.items()} == COLUMNS[column]


def test_letters_with_their_accents_apart_are_the_same_word(tmp_path):
    found, _ = read(tmp_path, "Email,Statut\na@example.com,de\u0301sabonne\u0301\n")
    assert found == {"a": Status.UNSUBSCRIBED}


@pytest.mark.parametrize(
    ("header", "row", "status"),
    [
        ("Marked email as spam", "true", "complained"),  # Intercom
        ("Plaintes", "Oui", "complained"),  # Sarbacane
        ("NPAI", "Oui", "bounced"),
        ("is_excluded_from_campaigns", "true", "disabled"),  # Mailjet
        ("deactivated", "1702531200", "disabled"),  # CleverReach
        ("Marketing Suspended", "true", "disabled"),  # Marketo
        ("Email On Hold", "On Hold Bounce", "disabled"),  # CiviCRM
        ("Is Deceased", "Yes", "disabled"),
        ("Is Bounceback", "Yes", "bounced"),  # Eloqua
        ("email_is_bad", "true", "bounced"),  # NationBuilder
        ("Motivo de rebote duro", "UNKNOWN_USER", "bounced"),  # HubSpot
        ("Eメールのハードバウンスの理由", "UNKNOWN_USER", "bounced"),
        ("全てのEメールの配信停止", "はい", "unsubscribed"),
        ("Keine Werbung", "ja", "unsubscribed"),
        ("unsubscribedChannelIds", "[123]", "unsubscribed"),  # Iterable
        ("unsubscribedMessageTypeIds", "[9]", "unsubscribed"),
        ("SuppressionReason", "HardBounce", "bounced"),  # Postmark
        ("SuppressionReason", "SpamComplaint", "complained"),
        ("SuppressionReason", "ManualSuppression", "unsubscribed"),
    ],
)
def test_more_names_that_tell_of_an_end(tmp_path, header, row, status):
    found, _ = read(tmp_path, f"Email,Newsletter,{header}\na@example.com,yes,{row}\nb@example.com,yes,\n")
    assert found == {"a": Status(status), "b": Status.SUBSCRIBED}


@pytest.mark.parametrize(
    "cell",
    [
        "\\N",
        "(null)",
        "[]",
        "{}",
        "1970-01-01 00:00:00",
        "1970-01-01T00:00:00Z",
        "1899-12-30",
        "nej",
        "00.00.0000",
    ],
)
def test_more_ways_to_say_that_nothing_ended(tmp_path, cell):
    found, _ = read(tmp_path, table("unsubscribed_at", {"a": cell, "b": "2024-01-01"}))
    assert found == {"a": Status.UNKNOWN, "b": Status.UNSUBSCRIBED}


def test_a_second_column_stops_mail_by_its_cells_though_the_file_has_its_own_consent(tmp_path):
    text = "Email,Newsletter,Lage,SMS status\n" + "".join(
        f"{who}@example.com,yes,{lage},{sms}\n"
        for who, lage, sms in [
            ("a", "new", "unsubscribed"),
            ("b", "Unsubscribed", ""),
            ("c", "hard bounce", ""),
            ("d", "complaint", ""),  # of whatever
        ]
    )
    found, notes = read(tmp_path, text)
    assert found == {
        "a": Status.SUBSCRIBED,
        "b": Status.UNSUBSCRIBED,
        "c": Status.BOUNCED,
        "d": Status.SUBSCRIBED,
    }
    assert "'Lage' is read, by its cells: whom it says to be gone is not mailed." in notes


def test_beside_a_consent_only_a_refusal_counts_not_the_no_of_one_topic(tmp_path):
    text = "Email,Status,eu_consent,Newsletter events\n" + "".join(
        f"{who}@example.com,active,{consent},{events}\n"
        for who, consent, events in [("a", "granted", "No"), ("b", "denied", "Yes"), ("c", "unknown", "")]
    )
    found, _ = read(tmp_path, text)
    assert found == {"a": Status.SUBSCRIBED, "b": Status.NOT_SUBSCRIBED, "c": Status.SUBSCRIBED}


VERDICTS = {
    "ZB Status": {  # ZeroBounce
        "valid": "unknown",
        "invalid": "bounced",
        "catch-all": "unknown",
        "spamtrap": "disabled",
        "abuse": "complained",
        "do_not_mail": "unsubscribed",
        "unknown": "unknown",
    },
    "Kickbox Result": {"deliverable": "unknown", "undeliverable": "bounced", "risky": "unknown"},
    "email_status": {"valid": "unknown", "invalid": "bounced", "catchall": "unknown", "disposable": "unknown"},
    "State": {"Deliverable": "unknown", "Undeliverable": "bounced", "Risky": "unknown"},  # Emailable
    "result": {"deliverable": "unknown", "undeliverable": "bounced", "do_not_send": "disabled"},  # Mailgun
    "Email deliverability status": {"Valid": "unknown", "Not valid": "bounced", "Bounced": "bounced"},  # Wix
}


@pytest.mark.parametrize("column", VERDICTS)
def test_what_checks_addresses_stops_mail_and_gives_no_consent(tmp_path, column):
    cells = {f"p{number}": cell for number, cell in enumerate(VERDICTS[column])}
    found, _ = read(tmp_path, table(column, cells))
    assert {cells[who]: status.value for who, status in found.items()} == VERDICTS[column]


def test_a_verdict_beside_a_consent_is_no_second_consent(tmp_path):
    text = "Email,Status,Result\na@example.com,subscribed,deliverable\nb@example.com,subscribed,undeliverable\n"
    found, notes = read(tmp_path, text)
    assert found == {"a": Status.SUBSCRIBED, "b": Status.BOUNCED}
    assert any(note.startswith("'Result' is the verdict of a program") for note in notes)


@pytest.mark.parametrize(
    ("name", "words", "is_verdict"),
    [
        ("Coupon", {"valid": 3, "invalid": 2}, False),
        ("Email check", {"valid": 3, "invalid": 2}, True),
        ("Check", {"valid": 3, "catch all": 1}, True),
        ("Check", {"deliverable": 3, "next week": 5}, False),
        ("Email check", {}, False),
    ],
)
def test_a_verdict_is_known_by_its_cells(name, words, is_verdict):
    assert verdict_by_cells(name, words, sum(words.values())) is is_verdict


def late(rows, header, early, *last):
    lines = (early.format(row) for row in range(rows))
    return "\n".join([header, *lines, *last, ""])


def test_an_end_far_down_in_a_column_of_a_few_words_is_not_overlooked(tmp_path):
    """Beyond what is looked at first, and the only one of its kind."""
    early = "p{0}@example.com,Ann Other Person,west"
    others = [early.format(f"q{row}") for row in range(30_000)]
    text = late(30_000, "email,name,lage", early, "gone@example.com,Bob,unsubscribed", *others)
    found, notes = read(tmp_path, text)
    assert found["gone"] is Status.UNSUBSCRIBED
    assert set(found.values()) == {Status.UNSUBSCRIBED, Status.UNKNOWN}
    assert "'lage' is read, by its cells: whom it says to be gone is not mailed." in notes


def test_a_consent_that_begins_far_down_is_found(tmp_path):
    early = "p{0}@example.com,Ann Other Person,"
    last = [
        f"{who}{row}@example.com,Bob,{word}"
        for row in range(3_000)
        for who, word in [("y", "Yes"), ("n", "No")]
    ]
    found, notes = read(tmp_path, late(60_000, "email,name,May email", early, *last))
    assert (found["y7"], found["n7"], found["p7"]) == (
        Status.SUBSCRIBED,
        Status.NOT_SUBSCRIBED,
        Status.NOT_SUBSCRIBED,
    )
    assert any("'May email' is read as the consent" in note for note in notes)


def test_a_no_far_down_in_a_column_named_like_consent_counts_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_STRETCHES", 1)  # so that it is in none
    early = "p{0}@example.com,Ann Other Person,"
    others = [early.format(f"q{row}") for row in range(30_000)]
    text = late(30_000, "email,name,May email", early, "n@example.com,Bob,No", *others)
    found, notes = read(tmp_path, text)
    assert (found["n"], found["p7"]) == (Status.NOT_SUBSCRIBED, Status.UNKNOWN)
    assert any("'May email' is read, by its cells" in note for note in notes)


def test_a_column_that_somebody_says_is_no_consent_is_none(tmp_path):
    found, _ = read(tmp_path, table("Lage", {"a": "unsubscribed"}), columns={"status": ""})
    assert found == {"a": Status.UNKNOWN}


@pytest.mark.parametrize(
    ("header", "layout"),
    [
        ("Record Id,Contact Owner,First Name,Email,Email Opt Out", "plain"),
        ("email,status,subscribed_at,unsubscribed_at,created_at", "plain"),
        ("Record ID,Email,Create Date", "hubspot"),
    ],
)
def test_no_platform_is_named_for_columns_that_others_have_too(header, layout):
    assert recognise(header.split(",")).layout.id == layout


def test_brevos_yes_and_no_in_the_language_of_the_account(tmp_path):
    rows = [("a", "Oui"), ("b", "Non"), ("c", "ja"), ("d", "nein"), ("e", "Sí"), ("f", "perhaps")]
    lines = (f"1;{who}@example.com;;{word};13-01-2023\n" for who, word in rows)
    found, _ = read(tmp_path, "CONTACT ID;EMAIL;SMS;OPT_IN;ADDED_TIME\n" + "".join(lines))
    yes, no = Status.SUBSCRIBED, Status.NOT_SUBSCRIBED
    assert found == {"a": yes, "b": no, "c": yes, "d": no, "e": yes, "f": Status.UNREADABLE}


@pytest.mark.parametrize("name", ["Unsubscribed", "Bounces 2024", "Abmeldungen"])
def test_the_name_of_a_sheet_says_who_is_in_it(tmp_path, name):
    book = openpyxl.Workbook()
    book.active.title = name
    book.active.append(["Email"])
    book.active.append(["a@example.com"])
    book.save(tmp_path / "book.xlsx")
    found, _ = read(tmp_path, (tmp_path / "book.xlsx").read_bytes(), "members.xlsx")
    assert found["a"] in {Status.UNSUBSCRIBED, Status.BOUNCED}


@pytest.mark.parametrize(
    ("name", "cell", "status"),
    [
        ("opt in", "2023-01-01", "subscribed"),
        ("Subscribed", "31.12.2023 10:00", "subscribed"),
        ("Newsletter opt-in", "12/31/2023", "subscribed"),
        ("GDPR consent", "2023-01-01T10:00:00Z", "subscribed"),
        ("opt in", "0000-00-00", "not-subscribed"),
        ("opt in", "1970-01-01 00:00:00", "not-subscribed"),
        ("opt in", "", "not-subscribed"),
        ("opt in", "12-3", "unreadable"),
        ("Status", "2023-01-01", "unreadable"),  # a slip of the columns
    ],
)
def test_a_date_is_a_yes_where_the_column_asks_for_one(tmp_path, name, cell, status):
    found, _ = read(tmp_path, table(name, {"a": cell, "b": "yes"}))
    assert found == {"a": Status(status), "b": Status.SUBSCRIBED}


def test_a_header_that_is_narrower_than_its_rows_by_blank_cells(tmp_path):
    """As Excel writes it where cells beside the table were once used."""
    rows = "".join(f"p{row}@example.com,subscribed,,\r\n" for row in range(9))
    text = f"\ufeffemail,status\r\n<b@example.com>,subscribed,,\r\n{rows}c@example.com,unsubscribed,,\r\n"
    (tmp_path / "list.csv").write_bytes(text.encode())
    found = clean_contacts(tmp_path / "list.csv", output=tmp_path / "out", now=NOW)
    assert (found.summary.kept, dict(found.summary.reasons)) == (10, {RejectReason.UNSUBSCRIBED: 1})
    assert "the header lacks 2 cells, which no row fills" in found.summary.files[0].notes
    lines = (tmp_path / "out" / "clean.csv").read_text("utf-8-sig").splitlines()
    assert lines[:3] == [
        "email,status,,,hygiene_address",
        "<b@example.com>,subscribed,,,b@example.com",
        "p0@example.com,subscribed,,,p0@example.com",
    ]
    again = clean_contacts(tmp_path / "out" / "clean.csv", now=NOW)
    assert (again.summary.kept, again.summary.rejected) == (10, 0)


def test_a_header_that_is_narrower_than_its_rows_is_not_filled_up_where_a_cell_says_something(tmp_path):
    """As R writes it, whose rows begin with a name of their own: filled up, the cells would slip."""
    rows = "".join(f"{row},p{row}@example.com,subscribed\n" for row in range(9))
    (tmp_path / "list.csv").write_text("email,status\n" + rows)
    assert clean_contacts(tmp_path / "list.csv", now=NOW).summary.kept == 0


def test_a_column_whose_yes_means_no_is_never_the_consent(tmp_path):
    cells = {"a": "false", "b": "true"}
    assert read(tmp_path, table("Subscription never renewed", cells))[0] == dict.fromkeys("ab", Status.UNKNOWN)


SENTENCES = {
    "Yes, please": "subscribed",
    "Yes, I agree.": "subscribed",
    "Ja (13.01.2023)": "subscribed",
    "No, thank you": "not-subscribed",
    "Nein, danke!": "not-subscribed",
    "Unsubscribed (by link)": "unsubscribed",
    "Yes, but only by post": "unreadable",
    "Yes, not by SMS": "unreadable",
    "Yesterday": "unreadable",
}


def test_a_sentence_is_read_by_its_first_word_and_a_yes_only_if_nothing_takes_it_back(tmp_path):
    cells = {f"p{number}": cell for number, cell in enumerate(SENTENCES)}
    quoted = {who: f'"{cell}"' for who, cell in cells.items()}
    found, _ = read(tmp_path, table("Newsletter opt-in", quoted))
    assert {cells[who]: status.value for who, status in found.items()} == SENTENCES


def test_the_answers_of_a_form_are_found_by_their_first_words(tmp_path):
    cells = {"a": '"Yes, please"', "b": '"No, thank you"'}
    found, _ = read(tmp_path, table("I agree to receive the newsletter", cells))
    assert found == {"a": Status.SUBSCRIBED, "b": Status.NOT_SUBSCRIBED}


@pytest.mark.parametrize(
    "cell", ['"vip,unsubscribed"', "Do-Not-Email", '"[""vip"", ""Opted out""]"', "vip;bounced"]
)
def test_one_tag_of_many_stops_mail(tmp_path, cell):
    text = f'Email,Newsletter,Tags\na@example.com,yes,{cell}\nb@example.com,yes,"vip,not unsubscribed"\n'
    found, notes = read(tmp_path, text)
    assert found["a"].rank > Status.DISABLED.rank
    assert found["b"] is Status.SUBSCRIBED
    assert any(note.startswith("'Tags' is read, by its cells") for note in notes)


def test_norwegian_is_no_refusal(tmp_path):
    cells = {"a": "no", "b": "de", "c": "si", "d": "ja"}
    assert read(tmp_path, table("Newsletter language", cells))[0] == dict.fromkeys("abcd", Status.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("unsub.csv", "unsubscribed"),
        ("dnc 2024.csv", "unsubscribed"),
        ("stop list.csv", "unsubscribed"),
        ("blocks.csv", "unsubscribed"),  # SendGrid
        ("Abbestellungen Mai.csv", "unsubscribed"),
        ("désinscriptions.csv", "unsubscribed"),
        ("rebotes.csv", "bounced"),
        ("bounce-list.csv", "bounced"),
        ("invalid_emails.csv", "bounced"),
        ("list-invalid.csv", "bounced"),  # NeverBounce
        ("Spam-Beschwerden.csv", "complained"),
        ("duplicates removed.csv", "unknown"),
        ("list_cleaned.csv", "unknown"),
        ("without bounces.csv", "unknown"),
        ("invalid removed.csv", "unknown"),
    ],
)
def test_a_file_named_for_people_who_left_in_more_words(tmp_path, name, status):
    assert read(tmp_path, "email\na@example.com\n", name)[0] == {"a": Status(status)}


def test_who_never_subscribed_to_something_else_is_not_refused_for_it(tmp_path):
    text = "Email,Newsletter,Club\na@example.com,yes,never subscribed\nb@example.com,yes,unsubscribed\n"
    assert read(tmp_path, text)[0] == {"a": Status.SUBSCRIBED, "b": Status.UNSUBSCRIBED}


def test_a_file_whose_every_column_has_its_meaning_and_a_damaged_line(tmp_path):
    assert read(tmp_path, 'email,status\na@example.com,"un"subscribed\n"b@example.com",yes\n')[0] == {
        "b": Status.SUBSCRIBED
    }
