"""Exports, suppression lists and event logs in which everything odd occurs often, from one random number."""

import csv
import hashlib
import hmac
import io
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
KEY = bytes(range(32))

LOCALS = [
    *(
        "ann",
        "a.nn",
        "Ann",
        "ANN+news",
        "ann+",
        "+ann",
        "a.n.n+x+y",
        "bob",
        "Bob_B",
        "bob-b",
        "o'brien",
        "=cmd",
    ),
    *(
        "info",
        "INFO",
        "No-Reply",
        "no.reply",
        "admin+x",
        "x" * 64,
        "x" * 65,
        "jürgen",
        "JÜRGEN",
        "σς",
        "İd",
        "用户",
    ),
]
DOMAINS = [
    *("gmail.com", "GMail.com", "googlemail.com", "outlook.com", "yahoo.com", "example.com", "Example.COM"),
    *("müller.de", "MÜLLER.de", "xn--mller-kva.de", "例子.公司", "mailinator.com", "duck.com", "gmai.com"),
    *("gmail.con", "shop.example.org", "deep.shop.example.org", "ab--c.com", "аpple.com"),
]
NOBODY = [
    *("", " ", "nobody", "a@b", "a@@b.com", "a b@example.com", "x@example.test", ".a@example.com", "@", "=1+1"),
    *(
        "a@b.com, c@d.com",
        "a@exa_mple.com",
        "user@xn--zzzz.com",
        "x" * 300 + "@example.com",
        "a." * 9000 + "b@c.de",
    ),
]
WRAPS = ["{}"] * 9 + ["<{}>", " {} ", "Ann <{}>", "mailto:{}", "\u200b{}", "\u00a0{}", "{},", '"{}"']
STATUSES = [
    *["subscribed"] * 6,
    "unsubscribed",
    "bounced",
    "spam",
    "pending",
    "inactive",
    "Huh?",
    "",
    "customer",
]
ODD_DATES = ["", "", "soon", "1970-01-01", "2106-02-07 06:28:15", "2150-01-01", "2026-02-30", "1901-01-01"]
SALTED = ("md5", "sha256", "uid2", "hmac")


def address(random, others=40):
    """One of the odd ones, one of `others` people with several spellings, or one of as many without."""
    if not random.randrange(12):
        return random.choice(NOBODY)
    if not random.randrange(4):
        start, end, number = random.choice(["P", "p."]), random.choice(["", "+x"]), random.randrange(9 * others)
        return f"{start}{number}{end}@gmail.com"
    if random.randrange(2):
        return random.choice(WRAPS).format(f"{random.choice(LOCALS)}@{random.choice(DOMAINS)}")
    return f"Person{random.randrange(others)}@Example{random.randrange(3)}.com"


def moment(random):
    if not random.randrange(4):
        return random.choice(ODD_DATES)
    days = random.choice([0, 1, 29, 30, 31, 179, 180, 181, 400, 900, -3])
    return (NOW - timedelta(days=days, seconds=random.randrange(3))).strftime("%Y-%m-%d %H:%M:%S")


def written(header, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def status_list(random, rows):
    header = ["Email", "Name", "Status", "Joined", "Last open", "Confirmed", "Sends since last engagement"]
    ignored = ["", "0", "2", "5", "many"]
    return written(
        header,
        (
            [
                *(address(random), random.choice(["", "=1+1", "two\nlines"]), random.choice(STATUSES)),
                *(moment(random), moment(random), random.choice(["", "yes", "no"]), random.choice(ignored)),
            ]
            for _ in range(rows)
        ),
    )


def klaviyo_list(random, rows):
    header = [
        *("Email", "Klaviyo ID", "Email Marketing Consent", "Email Marketing Consent Timestamp"),
        *("Last Click", "Email Suppressions"),
    ]
    consents = ["SUBSCRIBED"] * 5 + ["UNSUBSCRIBED", "NEVER_SUBSCRIBED", ""]
    suppressions = ["[]"] * 8 + ["['SPAM_COMPLAINT']", "['HARD_BOUNCE']"]
    return written(
        header,
        (
            [
                *(address(random), "01H", random.choice(consents), moment(random), moment(random)),
                random.choice(suppressions),
            ]
            for _ in range(rows)
        ),
    )


def bare_list(random, rows):
    return "\n".join(["bob@example.com", *(f"Person{random.randrange(60)}@example1.com" for _ in range(rows))])


def write_exports(folder, random, rows=400):
    """Three files, one with damaged lines; their paths."""
    lines = status_list(random, rows).split("\n")
    lines[5:5] = ["short", "a,b,c,d,e,f,g,h"]
    texts = {
        "people.csv": "\n".join(lines),
        "klaviyo.csv": "\ufeff" + klaviyo_list(random, rows),
        "addresses.txt": bare_list(random, rows // 4),
    }
    return [write(folder / name, text) for name, text in texts.items()]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def entry(form, text):
    octets = text.encode()
    if form == "md5":
        return hashlib.md5(octets).hexdigest()
    if form == "hmac":
        return "hmac-sha256:" + hmac.digest(KEY, octets, "sha256").hex()
    digest = hashlib.sha256(octets)
    return b64encode(digest.digest()).decode() if form == "uid2" else digest.hexdigest()


def write_suppressions(folder, random):
    """A list of every form, some of them with reasons; their paths."""
    people = [f"person{number}@example{number % 3}.com" for number in range(0, 40, 2)]
    hashed = [
        "ann@gmail.com",
        "Ann@example.com",
        "bob@example.com",
        "jürgen@müller.de",
        "info@outlook.com",
        *people,
    ]
    reasons = ["bounced", "unsubscribed", "complained", "imported"]
    plain = [[text, random.choice(reasons)] for text in random.sample([*people, "+ann@yahoo.com"], 6)]
    texts = {
        "addresses.csv": written(["address", "reason"], plain),
        "domains.txt": "*.example.org\n@duck.com\n@müller.de\n",
        **{f"{form}.txt": "\n".join(entry(form, text) for text in random.sample(hashed, 6)) for form in SALTED},
    }
    return [write(folder / name, text) for name, text in texts.items()]


def write_events(folder, random, count=600):
    """A log of what happened to mails, some of it to nobody."""
    words = ["delivered"] * 4 + ["open", "click", "spamreport", "unsubscribe", "processed"]
    events = []
    for number in range(count):
        days, word = random.randrange(400), random.choice(words)
        event = {"event": word, "timestamp": int((NOW - timedelta(days=days)).timestamp())}
        if not random.randrange(3):
            event |= {"event": "bounce", "type": random.choice(["bounce", "blocked"])}
            event["status"] = random.choice(["5.1.1", "4.2.2", "5.7.1"])
        events.append(event | {"email": address(random, 12), "sg_message_id": f"m{number}"})
    return write(folder / "events.jsonl", "\n".join(map(json.dumps, events)))
