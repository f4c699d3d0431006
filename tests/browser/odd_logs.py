"""Logs that no page was made for: next to nothing, nothing but faults, very many, names of all scripts."""

import json
from random import Random

from .season import DAY_US, START_US

NAMES = (
    "N" * 200,
    "word " * 40,
    "$x$ and $\\frac{a}{b}$",
    "<script>window.hacked = 1</script>",
    "עברית: מבצע חורף גדול לכל הלקוחות",
    "حملة الصيف الكبيرة والعروض الخاصة",
    "春节大促销活动第一波邮件通知测试以及更多的内容",
    "हिन्दी अभियान और बहुत सारी छूट",
    "😀🎉🔥 sale 👩\u200d🌾 ❤\ufe0f",
    "Z" + "\u0353\u0346" * 30 + "algo",
    "a\x00b\x1b[31mred\x07\u202eevil",
    "WWWWWWWWWWWWWWWWWWWWWW @@@@@@@@@@@@ MMMMMMMM",
    "",
    "   ",
    "{{ 7 * 7 }} {% raw %} %s ]]>",
)
DOMAINS = ("gmail.com", "yahoo.com", "outlook.com", "gmx.de")


def odd_logs():
    """Events of each log by its name."""
    return {
        "one event": [event(0, 0, "sent", 0, campaign="only")],
        "an open of no mail": [event(0, 0, "opened", 0)],
        "only bounces": list(mailing(["a", "b", "c"], 120, bounced=1.0)),
        "nothing arrived": list(mailing(["a", "b"], 120, delivered=False)),
        "all did all": list(mailing(["a", "b"], 120, bounced=0.0, opened=1.0, clicked=1.0, complained=1.0)),
        "nobody complains": list(mailing(list("abcdef"), 150, complained=0.0)),
        "tracked midway": list(
            mailing([f"week {week}" for week in range(10)], 150, tracked=lambda week: week > 4)
        ),
        "names of all scripts": list(mailing(NAMES, 90)),
        "several years": list(mailing([f"Letter {week} of the shop" for week in range(170)], 20)),
        "four hundred campaigns": list(
            mailing(
                [f"Campaign {number} – spring sale, everything must go" for number in range(400)], 12, step=0.7
            )
        ),
        "sixty providers": list(
            mailing(["a", "b"], 1_800, domains=[f"mail-{at}.a-long-name-of-a-host.example" for at in range(60)])
        ),
    }


def mailing(
    names,
    people,
    *,
    step=7,
    bounced=0.03,
    delivered=True,
    opened=0.25,
    clicked=0.2,
    complained=0.002,
    tracked=lambda week: True,
    domains=DOMAINS,
):
    """A mail of each name to all people, `step` days after the one before; chances of what becomes of it."""
    random = Random(7)
    for week, name in enumerate(names):
        for person in range(people):
            told = {"campaign": name, "tracked": "both" if tracked(week) else "none"}
            told["recipient"] = f"p{person}@{domains[person % len(domains)]}"
            begun = int(week * step * DAY_US) + person * 2_000_000
            yield event(week, person, "sent", begun, **told)
            if not delivered:
                continue
            if random.random() < bounced:
                told |= {"bounce_class": "hard", "smtp_status": "5.1.1", "reason": "550 5.1.1 <b>unknown</b>"}
                yield event(week, person, "bounced", begun + 3_000_000, **told)
                continue
            yield event(week, person, "delivered", begun + 4_000_000, **told)
            if random.random() < complained:
                yield event(week, person, "complained", begun + 9_000_000_000, **told)
            if tracked(week) and random.random() < opened:
                yield event(week, person, "opened", begun + 4_000_000_000, machine="none", **told)
                if random.random() < clicked:
                    yield event(
                        week,
                        person,
                        "clicked",
                        begun + 4_100_000_000,
                        machine="none",
                        url="https://x.example/",
                        **told,
                    )


def event(week, person, kind, after_us, **told):
    """An event in our own columns."""
    return {
        "source": "own",
        "message_id": f"{week}-{person}",
        "recipient": f"p{person}@gmail.com",
        "kind": kind,
        "ts_us": START_US + after_us,
        **told,
    }


def write_log(path, events):
    """One event a line; where it is."""
    path.write_text("".join(json.dumps(each) + "\n" for each in events), encoding="utf-8")
    return path
