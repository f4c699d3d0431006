"""Nobody who has left is overlooked because a column or a file has a name that no layout knows."""

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.config import CleaningPolicy
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.column_names import name_key, word_key
from hygiene.contacts.consent_signs import consent_by_cells, ended_by_name
from hygiene.contacts.file_names import status_of_name
from hygiene.contacts.layout import PLAIN, layouts, recognise, status_of
from hygiene.errors import UnreadableInput, UsageError
from hygiene.status import Status

KNOWN = {word for rule in layouts()[PLAIN].status_columns if rule.consent for word in rule.words}

ENDED = {
    "unsubscribed": [
        "Opted Out?",
        "Unsubscribed (Y/N)",
        "HasOptedOutOfEmail",
        "emailOptOut",
        "is_unsub",
        "Unsub Date",
        "Opt-out At",
        "DoNotEmail",
        "donotbulkemail",
        "Do not allow Bulk Emails",
        "Von allen E-Mails abgemeldet",
        "Abmeldedatum",
        "Date de désabonnement",
        "Disiscritto",
        "Afgemeld",
        "Descadastrado",
        "Opted out of email: Marketing Information",
        "Portal Unsubscribe",
        "Global opt-out",
        "emailBlacklisted",
        "Suppressed At",
        "No Mailing",
        "Consent withdrawn at",
        "Werbewiderspruch",
        "Newsletter-Sperre",
        "Fecha de baja",
        "unsubscribe_reason",
        "Opt out of email and SMS",
    ],
    "bounced": ["Portal Bounce", "Email Bounced", "Hard Bounce Date", "Invalid email address"],
    "complained": ["Portal Spam Report", "Complained?", "Marked as spam"],
    "removed": ["Deleted At", "is_removed", "Exclude from mailings"],
}
SOMETHING_ELSE = [
    "Unsubscribe link",
    "unsubscribe_url",
    "Opt-out IP",
    "SMS opt-out",
    "Do not call",
    "bounce_rate",
    "Soft bounces",
    "Marketing emails bounced",
    "Unsub count",
    "State",
    "Notes",
    "Subscribed",
    "Email",
    "Booked out",
    "Outlet",
    "Company",
    "Bounty",
    "Block",
    "Spa",
]


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in ENDED.items() for name in names])
def test_a_name_that_tells_of_an_end_is_known(role, name):
    assert ended_by_name(name) == role
    found = recognise(["Email", name])
    (only,) = found.status_columns
    assert status_of(only[1], "yes") is {"removed": Status.DISABLED}.get(role) or Status(role)
    assert [status_of(only[1], cell) for cell in ("", "No", "0", "FALSE", " never ", "-")] == [None] * 6


@pytest.mark.parametrize("name", SOMETHING_ELSE)
def test_a_name_that_only_looks_like_it_is_not(name):
    assert ended_by_name(name) is None


@given(st.text(max_size=60))
def test_any_name_has_one_key_that_is_its_own(name):
    assert name_key(name_key(name)) == name_key(name)
    ended_by_name(name)


@pytest.mark.parametrize(
    ("name", "cells", "is_consent"),
    [
        ("Mailing status", {"Subscribed": 3, "Unsubscribed": 1}, True),
        ("State", {"subscribed": 3, "opted out": 1}, True),
        ("State", {"NY": 3, "CA": 1}, False),
        ("state", {"active": 3, "cancelled": 1}, True),
        ("Order state", {"active": 3, "cancelled": 1}, False),
        ("State", {"on": 3, "off": 1}, False),  # a state of whatever
        ("Member", {"active": 5, "inactive": 2}, False),
        ("Reason", {"Unsubscribed": 8, "moved away": 2}, False),
        ("Marketing permission", {"Yes": 5, "No": 5, "": 90}, True),
        ("Marketing permission", {"": 90}, False),
        ("Accepts terms", {"Yes": 5, "No": 5}, False),
        ("Can email", {"1": 5, "0": 5}, True),
        ("SMS consent", {"Yes": 5, "No": 5}, False),
        ("Subscription id", {"1": 5, "0": 5}, False),
    ],
)
def test_cells_show_the_column_of_consent(name, cells, is_consent):
    assert consent_by_cells(name, {word_key(cell): times for cell, times in cells.items()}, KNOWN) is is_consent


@pytest.mark.parametrize(
    ("file_name", "status"),
    [
        ("Unsubscribed Email Audience Export 9c62.csv", Status.UNSUBSCRIBED),
        ("Copy of Nonsubscribed Email Audience Export.csv", Status.NOT_SUBSCRIBED),
        ("2024-05 audience cleaned_members.csv", Status.BOUNCED),
        ("all without unsubscribed.csv", None),
        ("subscribed and unsubscribed.csv", None),
        ("resubscribed_people.csv", None),
    ],
)
def test_file_names_in_any_writing(file_name, status):
    assert status_of_name(layouts()["mailchimp"].status_files, file_name) is status


def kept(tmp_path, policy=None, **files):
    paths = []
    for name, text in files.items():
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text(text, encoding="utf-8")
    found = clean_contacts(paths, CleaningPolicy(**(policy or {})), output=tmp_path / "out")
    return found, (tmp_path / "out" / "clean.csv").read_text(encoding="utf-8").splitlines()[1:]


def test_an_export_of_unknown_make_keeps_nobody_who_left(tmp_path):
    text = "Email,Portal Unsubscribe,Mailing status\na@example.com,yes,in\nb@example.com,no,in\n"
    found, rows = kept(tmp_path, list=text)
    assert rows == ["b@example.com,no,in"]
    assert any("'Portal Unsubscribe' is read" in note for note in found.summary.files[0].notes)


def test_a_platform_s_own_list_obeys_a_column_that_is_not_the_platform_s(tmp_path):
    header = "Customer ID,Email,Accepts Email Marketing,Total Spent,Total Orders,Status,Opt-Out Date"
    lines = [
        "1,a@example.com,yes,0,0,unsubscribed,",
        "2,b@example.com,yes,0,0,gold,2024-01-01",
        "3,c@example.com,yes,0,0,gold,",
    ]
    _, rows = kept(tmp_path, customers="\n".join([header, *lines]))
    assert rows == lines[2:]


def test_a_column_of_consent_is_found_by_its_cells_and_two_are_asked_about(tmp_path):
    text = "Email,Zustand\na@example.com,Subscribed\nb@example.com,Unsubscribed\nc@example.com,\n"
    found, rows = kept(tmp_path, list=text)
    assert rows == ["a@example.com,Subscribed"]
    assert any("'Zustand' is read as the consent" in note for note in found.summary.files[0].notes)
    _, rows = kept(tmp_path, {"columns": {"status": ""}}, list=text)
    assert len(rows) == 3
    two = "Email,Zustand,Lage\na@example.com,Subscribed,Unsubscribed\n"
    with pytest.raises(UsageError, match=r"'Zustand' and 'Lage' .*--column 'status=Zustand'"):
        kept(tmp_path, other=two)


def test_a_header_below_a_title_is_not_overlooked(tmp_path):
    text = "Report,,\nMade on,2024-01-01,\nE-Mail,Status,Name\na@example.com,unsubscribed,A\n"
    with pytest.raises(UnreadableInput, match=r"list\.csv: line 3 looks like its header \('E-Mail'\): delete"):
        kept(tmp_path, list=text)
    book = openpyxl.Workbook()
    for row in (["Contacts", None], ["E-Mail", "Status"], ["a@example.com", "unsubscribed"]):
        book.active.append(row)
    book.active.merge_cells("A1:B1")
    book.save(tmp_path / "book.xlsx")
    with pytest.raises(UnreadableInput, match=r"book\.xlsx: line 2 looks like its header"):
        clean_contacts(tmp_path / "book.xlsx")


def test_the_list_of_those_who_left_is_known_by_its_name(tmp_path):
    _, rows = kept(
        tmp_path, all="Email\na@example.com\nb@example.com\n", our_unsubscribed="Email\nB@example.com\n"
    )
    assert rows == ["a@example.com"]


def test_the_rejects_of_a_cleaning_are_not_brought_back_by_cleaning_them(tmp_path):
    kept(tmp_path, list="Email,Status\na@example.com,unsubscribed\nb@example.com,spam\nc@example.com,yes\n")
    again = (tmp_path / "out" / "rejected.csv").read_text(encoding="utf-8")
    _, rows = kept(tmp_path, rejected=again)
    assert rows == []


def test_who_left_after_a_cleaning_is_not_kept_by_what_the_cleaning_knew(tmp_path):
    header = "Email,Status,hygiene_address,hygiene_facts,Unsubscribed at"
    facts = "status=subscribed joined=2025-06-01T00:00:00Z"
    lines = [
        f"a@example.com,yes,a@example.com,{facts},2026-01-01",
        f"b@example.com,unsubscribed,b@example.com,{facts},",
        f"c@example.com,no,c@example.com,{facts},",  # as it was when it was kept
    ]
    _, rows = kept(tmp_path, clean="\n".join([header, *lines]))
    assert rows == lines[2:]
