"""Tables of mails made up from rates, for what asks the mails themselves."""

import numpy as np
import pyarrow as pa

from hygiene.metrics.table import MAIL

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
START = 20_500  # a Monday is 20 500 - (20 500 + 3) % 7
_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
_ZERO = {"VARCHAR": None, "BIGINT": None, "BOOLEAN": False}


def mail(recipient="ann@a.example", on=START, **given):
    """One mail, delivered at noon unless said otherwise."""
    row = {name: _ZERO[kind] for name, kind in MAIL.items()}
    row |= {
        "source": "ses",
        "message_id": "m",
        "recipient": recipient,
        "state": "delivered",
        "provider": "gmail",
    }
    row |= {"sent_us": on * DAY_US + 12 * HOUR_US, "day": on, "week": on - (on + 3) % 7, "arrived": True}
    row |= {"track_open": True, "track_click": True, "opens_total": 0, "clicks_total": 0, "orders": 0}
    row |= {"revenue_micros": 0, "events": 1}
    row |= given
    row["opens_total"], row["clicks_total"] = int(row["opened_human"]), int(row["clicked_human"])
    row["opened_all"], row["clicked_all"] = row["opened_human"], row["clicked_human"]
    return row


def table(rows):
    """The rows as a table of mails."""
    columns = {name: pa.array([row[name] for row in rows], _TYPES[kind]) for name, kind in MAIL.items()}
    return pa.table(columns)


def campaigns(days, a_day, seed=1, *, bad_days=(), bad_provider="yahoo"):
    """A campaign a day with 2 % bounces; on `bad_days` most mail to one provider is blocked."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        for number in range(a_day):
            provider = ("gmail", "gmail", "yahoo", "microsoft")[number % 4]
            bad = day in bad_days and provider == bad_provider
            sent = (START + day) * DAY_US + 9 * HOUR_US
            told = {"campaign": f"c{day:02}", "provider": provider, "message_id": f"c{day}", "sent_us": sent}
            if rng.random() < (0.6 if bad else 0.02):
                status, kind = ("5.7.1", "block") if bad else ("5.1.1", "hard")
                reason = (
                    f"550 {status} mail from 192.0.2.{number % 250} to <p{number}@{provider}.example> refused"
                )
                told |= {"state": "bounced", "bounce_class": kind, "smtp_status": status, "reason": reason}
                told |= {"bounced_us": sent + HOUR_US, "arrived": False}
            else:
                opened = rng.random() < 0.25
                told |= {
                    "delivered_us": sent + 60_000_000,
                    "opened_human": bool(opened),
                    "opened_all": bool(opened),
                }
                told |= {"first_open_us": sent + int(rng.exponential(5) * HOUR_US) if opened else None}
                complained = bool(rng.random() < 0.0008)
                told |= {"complained": complained, "complained_us": sent + 30 * HOUR_US if complained else None}
            rows.append(mail(f"p{number}@{provider}.example", START + day, **told))
    return rows
