"""The list of the built-in sample: a shop's export from Klaviyo, with what such lists are full of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

#: the day the sample is looked at, so that it comes out the same on any other
AS_OF = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PEOPLE = 1_200
HEADER = (
    "Email",
    "Klaviyo ID",
    "First Name",
    "Country",
    "Email Marketing Consent",
    "Email Marketing Consent Timestamp",
    "Historic Customer Lifetime Value",
    "Historic Number Of Orders",
    "Profile Created On",
    "Last Open",
    "Last Click",
    "Email Suppressions",
)
NAMES = ("Ada", "Ben", "Chloé", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jón", "Kira", "Leo")
DOMAINS = ("gmail.com", "yahoo.com", "outlook.com", "customers.example.com", "mail.example.org", "duck.com")
COUNTRIES = ("DE", "FR", "IT", "SE", "US")
#: what is wrong with every so many-th person's address
SLIPS = {
    31: "{local}@gmial.com",
    37: " {local}@gmail.com ",
    41: "{local}@mailinator.com",
    43: "{name} <{local}@customers.example.com>",
    53: "{local}@customers.example.com.",
    59: "{local} at gmail.com",
    61: "info@{local}.example.com",
    67: "",
}
DAMAGED = 'no.quote@customers.example.com,"01KX,Mallory\n'


def write_list(folder: Path) -> tuple[Path, Path]:
    """Write the export and a suppression list; where they are."""
    export, listed = folder / "outfitters-klaviyo.csv", folder / "do-not-mail.txt"
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number, row in enumerate(_rows()):
        writer.writerow(row)
        if number == PEOPLE // 2:
            text.write(DAMAGED)
    export.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    listed.write_text("# asked by letter\nada.12@gmail.com\n@mail.example.org\n", encoding="utf-8")
    return export, listed


def _rows() -> Iterator[list[str]]:
    """The people; some are there twice, in another spelling and with another answer."""
    for number in range(PEOPLE):
        yield _person(number, upper=False)
        if number % 9 == 0:
            yield _person(number, upper=True)


def _person(number: int, *, upper: bool) -> list[str]:
    name = NAMES[number % len(NAMES)]
    joined = AS_OF - timedelta(days=20 + number * 7 % 1_400)
    opened = AS_OF - timedelta(days=number * number % 440)
    clicked = opened - timedelta(days=number % 90)
    orders = number % 7 if number % 3 else 0
    return [
        _address(number, name, upper=upper),
        f"01KX{number:06d}",
        name,
        COUNTRIES[number % len(COUNTRIES)],
        _consent(number, upper=upper),
        _moment(joined),
        f"{orders * 37.5:.2f}",
        str(orders),
        _moment(joined),
        _moment(opened) if number % 10 and opened > joined else "",
        _moment(clicked) if number % 6 == 1 and clicked > joined else "",
        _suppression(number),
    ]


def _address(number: int, name: str, *, upper: bool) -> str:
    local = f"{name.lower().replace('é', 'e').replace('ó', 'o')}.{number}"
    slip = next((pattern for every, pattern in SLIPS.items() if number % every == every - 1), None)
    address = (
        slip.format(local=local, name=name) if slip is not None else f"{local}@{DOMAINS[number % len(DOMAINS)]}"
    )
    return address.upper() if upper else address


def _consent(number: int, *, upper: bool) -> str:
    if number % 23 == 7 or (upper and number % 27 == 0):
        return "UNSUBSCRIBED"
    return "NEVER_SUBSCRIBED" if number % 17 == 3 else "SUBSCRIBED"


def _suppression(number: int) -> str:
    return {5: "[HARD_BOUNCE]", 11: "[USER_SUPPRESSED]", 17: "[SPAM_COMPLAINT]"}.get(number % 71, "")


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
