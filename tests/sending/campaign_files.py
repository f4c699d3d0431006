"""Campaigns, settings and cleaned lists for the tests of sending."""

import csv
from pathlib import Path

import msgspec

from hygiene.config import CleaningPolicy, Settings
from hygiene.contacts.clean import clean_contacts

CAMPAIGNS = Path(__file__).parent / "campaigns"
HEADER = ["Email", "First Name", "City", "Shop Url", "Until", "Order", "Last Click"]
SECRET = b"s" * 32


def a_settings(**changes):
    """The settings of the bakery; `changes` are keys of its marketing stream."""
    workspace = changes.pop("workspace", {})
    service = changes.pop("service", {})
    account = {"host": "mail.bakery.example", "return_path": "bakery.example", **changes.pop("account", {})}
    stream = {
        "account": "main",
        "sender": "The Bakery <news@bakery.example>",
        "unsubscribe": "https://mail.bakery.example/u",
        "unsubscribe_mail": "leave@bakery.example",
        "postal_address": "Bakery Ltd, 1 Garden Street, Springfield, IL 62701, USA",
        **changes,
    }
    other = {"account": "main", "sender": "The Bakery <shop@bakery.example>", "reply_to": "help@bakery.example"}
    streams = {"marketing": stream, "transactional": other, "support": other}
    tables = {"accounts": {"main": account}, "streams": streams, "workspace": workspace, "service": service}
    return msgspec.convert(tables, Settings)


def tracking_settings(**changes):
    """Settings that let campaigns count opens and clicks."""
    return a_settings(service={"url": "https://mail.bakery.example", "tracking": True}, **changes)


def write_campaign(folder, toml, **files):
    """A campaign's file and those beside it, whose names have _ for the dot."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    path = folder / "campaign.toml"
    path.write_text(toml, "utf-8")
    return path


def a_row(number, **changes):
    row = {
        "Email": f"person{number}@gmail.com",
        "First Name": f"Name{number}",
        "City": "Bern" if number % 2 else "Köln",
        "Shop Url": "https://bakery.example/spring",
        "Until": "2026-04-30",
        "Order": f"{1000 + number}",
        "Last Click": f"2026-{1 + number % 9:02d}-10 09:00:00",
        **changes,
    }
    return [row[name] for name in HEADER]


def clean_list(folder, rows, **policy):
    """A list that was really cleaned; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    export = folder / "export.csv"
    with export.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    columns = {"address": "Email", "activity": "Last Click"}
    clean_contacts(export, CleaningPolicy(columns=columns, **policy), output=folder / "cleaned")
    return folder / "cleaned"
