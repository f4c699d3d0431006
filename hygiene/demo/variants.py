"""Two subject lines that the sample shop tested: an event log with variants, as a plain table."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

VARIANTS: Final = "outfitters-variants.csv"
SEED: Final = 20261124
PEOPLE: Final = 8_000
#: what it was: share of the delivered mails opened, and share of those clicked
SUBJECTS: Final = {"A": (0.20, 0.10), "B": (0.24, 0.16)}
SENT_AT: Final = datetime(2026, 11, 3, 9, tzinfo=UTC)


def write_variants(folder: Path) -> Path:
    """Write the event log; where it is."""
    random, path = Random(SEED), folder / VARIANTS  # noqa: S311 - a sample, not a secret
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("time", "event", "email", "message id", "campaign", "variant"))
        for number in range(PEOPLE):
            variant = random.choice(list(SUBJECTS))
            opened, clicked = SUBJECTS[variant]
            events = [("sent", 0.0)]
            if random.random() < 0.01:
                events.append(("bounced", 20.0))
            else:
                events.append(("delivered", 5.0))
                after = random.lognormvariate(9.0, 1.2)
                if random.random() < opened:
                    events.append(("opened", after))
                    if random.random() < clicked:
                        events.append(("clicked", after + 40))
            for kind, after in events:
                moment = SENT_AT + timedelta(seconds=number + after)
                person = (f"reader.{number}@customers.example.com", f"m{number}")
                writer.writerow((f"{moment:%Y-%m-%dT%H:%M:%SZ}", kind, *person, "subject-test", variant))
    return path
