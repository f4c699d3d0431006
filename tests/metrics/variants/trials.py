"""Arms of known numbers, and logs of tests whose truth is known."""

import json
import re
from pathlib import Path

from hygiene.metrics.kpis import Unit, find_kpi
from hygiene.metrics.variants.arms import Arm
from hygiene.metrics.variants.verdict import Rules, Test, default_effect

SENT, DAY = 1_790_000_000, 86_400


def arm(name, total, n, **more):
    """An arm with one mail a person."""
    return Arm(
        **{
            "name": name,
            "mails": n,
            "people": n,
            "n": n,
            "total": total,
            "people_in": n,
            "winners": total,
            "squares": total,
            "crossed": total,
            "sizes": n,
            "largest": min(total, 1),
            "delivered": n,
            **more,
        }
    )


def money(name, values, n):
    """An arm of revenue: what each customer spent, among n people with a mail each."""
    micros = [round(value * 1_000_000) for value in values]
    return arm(
        name,
        sum(micros),
        n,
        winners=len(micros),
        squares=sum(value * value for value in micros),
        crossed=sum(micros),
        largest=max(micros, default=0),
        unit=Unit.MONEY,
    )


def rules(
    arms=(), *, metric="click_rate", test=Test.ALWAYS, effect=None, within=None, uneven=False, young=False
):
    return Rules(
        kpi=find_kpi(metric),
        test=test,
        rho=effect if effect is not None else default_effect(arms),
        within=within,
        young=young,
        uneven=uneven,
    )


def mails(name, number, clicked=0, *, opened=0, after=0, start=0, until=10, campaign="spring", mpp=0, **more):
    """The events of an arm: so many mails, of which the first are clicked, opened, opened by Apple's proxy."""
    lines = []
    for place in range(start, start + number):
        base = {
            "message_id": f"{campaign}-{name}-{place}",
            "recipient": f"{re.sub(r'[^a-z]', '', name.lower())}{place}@shop.example",
            "campaign": campaign,
            "variant": name,
            **more,
        }
        seen = place - start
        sent = SENT + after + place
        lines.append({**base, "event": "sent", "timestamp": sent})
        lines.append({**base, "event": "delivered", "timestamp": sent + 5})
        if seen < opened:
            lines.append({**base, "event": "opened", "timestamp": sent + 60, "user_agent": "Mozilla/5.0 (X11)"})
        if number - seen <= mpp:
            lines.append({**base, "event": "opened", "timestamp": sent + 60, "user_agent": "Mozilla/5.0"})
        if seen < clicked:
            url = "https://shop.example/"
            lines.append({**base, "event": "clicked", "timestamp": sent + 90, "url": url})
    if number:
        last = {
            **lines[0],
            "event": "opened",
            "timestamp": SENT + until * DAY,
            "user_agent": "Mozilla/5.0 (X11)",
        }
        lines.append(last)
    return lines


def write(path, *arms):
    """A log of all these events."""
    lines = [json.dumps(line) for events in arms for line in events]
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
