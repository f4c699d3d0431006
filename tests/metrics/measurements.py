"""Measurements of literal counts, without any log."""

import numpy as np

from hygiene.metrics.as_others import count_as, find_platform
from hygiene.metrics.benchmarks import load_profile
from hygiene.metrics.evaluate import Telling
from hygiene.metrics.measured import Account, Kpis, Settings
from hygiene.metrics.slices import slice_counts

from .count_tables import table

ACCOUNT = Account(
    files=("events/1.jsonl", "events/2.jsonl"),
    platforms=("Amazon SES",),
    events=40_000,
    of_mails=39_000,
    duplicates=900,
    orphans=(
        {"source": "ses", "kind": "opened", "reason": "its mail was not sent within this log", "events": 7},
    ),
    currency="EUR",
    first_us=1_788_220_800_000_000,
    last_us=1_795_132_800_000_000,
    seen_until_us=1_795_651_200_000_000,
)


def measurement(*rows, by=(), human=True, profile="default", young=(), telling=None, platform=None, **given):
    telling = telling or Telling(silent={}, currencies=("EUR",))
    total = slice_counts([table(*rows)], ())
    slices = slice_counts([table(*rows)], by) if by else None
    return Kpis(
        settings=Settings(
            by=tuple(by),
            timezone="Europe/Berlin",
            attribution="last-click:5d",
            human=human,
            mature_after_us=5 * 86_400 * 1_000_000,
        ),
        account=given.pop("account", ACCOUNT),
        profile=load_profile(profile),
        total=total,
        slices=slices,
        telling=telling,
        young_total=np.array([False]),
        young=None if slices is None else np.array([key[0] in young for key in slices.keys]),
        others=count_as(total, find_platform(platform), telling) if platform else None,
        **given,
    )
