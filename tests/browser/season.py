"""Half a year of a shop's mail to a growing list, with names that would rather be markup."""

import json
from random import Random

DAY_US = 86_400_000_000
START_US = 20_514 * DAY_US + 9 * 3_600_000_000  # a Tuesday of March 2026
WEEKS = 26
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "$\\frac{1}{2}$ & <b>bold</b>",
    "a-name-without-any-place-to-break-" * 4,
    "</svg></style><style>body{display:none}</style>",
    "right\u202eto left",
)
SEGMENTS = ("loyal", "new", "<i>lapsed</i>")
DOMAINS = ("gmail.com", "gmail.com", "yahoo.com", "outlook.com", "icloud.com", "x" * 50 + ".example.com")


def write_season(path, seed=5, people=160):
    """One event a line, in our own columns; where it is."""
    random = Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for row in season(random, people):
            file.write(json.dumps(row) + "\n")
    return path


def season(random, people):
    for week in range(WEEKS):
        name = HOSTILE[week // 2] if week % 2 and week // 2 < len(HOSTILE) else f"letter-{week + 1}"
        for number in range(people + week * 12):
            yield from mail(random, week, number, name, joined=max(0, (number - people) // 12))


def mail(random, week, number, name, joined):
    sent = START_US + week * 7 * DAY_US + number * 1_000_000
    row = {
        "source": "own",
        "message_id": f"{week}-{number}",
        "recipient": f"person{number}@{DOMAINS[number % len(DOMAINS)]}",
        "campaign": name,
        "segment": SEGMENTS[number % len(SEGMENTS)],
    }

    def event(kind, after_s, **more):
        return {**row, "kind": kind, "ts_us": sent + int(after_s * 1_000_000), **more}

    yield event("sent", 0)
    chance = random.random()
    if chance < (0.16 if week == 17 else 0.03):
        yield event(
            "bounced", 3, bounce_class="hard", smtp_status="5.1.1", reason="550 5.1.1 <b>no such user</b>"
        )
        return
    yield event("delivered", 5)
    keen = 0.45 * 0.93 ** (week - joined) + 0.04
    if random.random() < keen:
        yield event("opened", 4_000, machine="none")
        if random.random() < 0.2:
            yield event("clicked", 4_100, machine="none", url="https://shop.example/<x>")
    if random.random() < 0.002:
        yield event("complained", 9_000)
