"""Postfix logs of mails whose fate is known, from a seeded simulation: every event comes out, and no other."""

import random
from datetime import UTC, datetime

import pytest

from .queue_logs import Read

START = int(datetime(2026, 11, 27, tzinfo=UTC).timestamp())
REPLIES = {
    "sent": ("2.0.0", "250 2.0.0 Ok: queued as 4zZzZzZzZzZ"),
    "deferred": ("4.4.1", "connect to mx[192.0.2.1]:25: Connection timed out"),
    "bounced": ("5.1.1", "host mx[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)"),
}
KINDS = {"sent": "delivered", "deferred": "deferred", "bounced": "bounced"}


class Server:
    """Mail servers that write one log each second by second, and the truth of what they do."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lines, self.truth, self.busy, self.mails = [], set(), {}, set()

    def say(self, host, second, program, text):
        when = datetime.fromtimestamp(second, UTC)
        self.lines.append((second, f"{when:%b %d %H:%M:%S} {host} postfix/{program}[7]: {text}\n"))

    def queue_id(self, host, second):
        """One that is free, mostly one that was in use before."""
        free = [qid for (on, qid), until in self.busy.items() if on == host and until < second]
        return self.rng.choice(free) if free and self.rng.random() < 0.7 else f"{len(self.busy) + 0xA0000:X}"

    def enter(self, host, second, sender, message_id):
        qid = self.queue_id(host, second)
        self.busy[host, qid] = float("inf")
        if message_id:
            self.say(host, second, "cleanup", f"{qid}: message-id=<{message_id}>")
        self.say(host, second, "qmgr", f"{qid}: from=<{sender}>, size=9, nrcpt=1 (queue active)")
        return qid

    def attempt(self, host, second, qid, to, status, relay="mx[192.0.2.1]:25", text=None):
        dsn, reply = REPLIES[status]
        line = (
            f"to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn={dsn}, status={status} ({text or reply})"
        )
        self.say(host, second, "smtp", f"{qid}: {line}")

    def leave(self, host, second, qid):
        self.say(host, second, "qmgr", f"{qid}: removed")
        self.busy[host, qid] = second

    def mail(self, number, second):
        rng, host = self.rng, self.rng.choice(["mx1", "mx2"])
        message_id = f"m{number}@shop.example" if rng.random() < 0.7 else ""
        people = [
            f"p{number}.{each}@{rng.choice(['gmail.com', 'example.com'])}" for each in range(rng.randint(1, 3))
        ]
        self.mails.add(number)
        qid, entered = self.enter(host, second, "news@shop.example", message_id), second
        if rng.random() < 0.3:
            filtered, second = qid, second + rng.randint(0, 3)
            qid = self.enter(host, second, "news@shop.example", message_id)
            for person in people:
                taken = f"250 2.0.0 from MTA: 250 2.0.0 Ok: queued as {qid}"
                self.attempt(host, second, filtered, person, "sent", "127.0.0.1[127.0.0.1]:10024", taken)
            self.leave(host, second, filtered)
        last, waiting = second, []
        for person in people:
            self.truth.add(("sent", person, entered))
            at, status = second + rng.randint(0, 4), "deferred"
            for status in rng.choice(
                [["sent"], ["bounced"], ["deferred", "sent"], ["deferred"] * 2, ["deferred", "bounced"]]
            ):
                self.attempt(host, at, qid, person, status)
                self.truth.add((KINDS[status], person, at))
                last, at = max(last, at), at + rng.randint(60, 900)
            waiting += [person] if status == "deferred" else []
            if status == "bounced":
                self.notify(host, last, qid)
        if waiting and rng.random() < 0.5:
            return  # still in the queue when the log ends
        if waiting:
            last += 5000
            self.say(host, last, "qmgr", f"{qid}: from=<news@shop.example>, status=expired, returned to sender")
            self.truth |= {("bounced", person, last) for person in waiting}
        self.leave(host, last, qid)

    def notify(self, host, second, about):
        qid = self.enter(host, second, "", "")
        self.say(host, second, "bounce", f"{about}: sender non-delivery notification: {qid}")
        self.attempt(host, second + 1, qid, "news@shop.example", "sent")
        self.leave(host, second + 1, qid)


def simulated(seed, mails=150):
    server = Server(seed)
    for number in range(mails):
        server.mail(number, START + number * 40)
    server.lines.sort(key=lambda pair: pair[0])  # stable: what is said within one second stays in its order
    return server, [line for _, line in server.lines]


def events_of(read):
    rows = read.rows("kind", "recipient", "ts_us", "message_id")
    return {(kind, person, ts // 1_000_000) for kind, person, ts, _ in rows}, rows


@pytest.mark.parametrize("seed", range(12))
def test_what_happened_comes_out(tmp_path, seed):
    server, lines = simulated(seed)
    found, rows = events_of(Read(tmp_path, "".join(lines)))
    assert found == server.truth
    assert len(rows) == len(server.truth)
    mail_of = {person: message_id for _, person, _, message_id in rows}
    assert {(person, message_id) for _, person, _, message_id in rows} == set(mail_of.items())
    assert len(set(mail_of.values())) == len(server.mails)


@pytest.mark.parametrize("seed", range(3))
def test_neither_rotation_nor_repetition_changes_it(tmp_path, seed):
    _, lines = simulated(seed)
    whole = events_of(Read(tmp_path, "".join(lines)))[1]
    rng = random.Random(seed)
    cuts = sorted(rng.sample(range(1, len(lines)), 3))
    parts = ["".join(lines[a:b]) for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    rng.shuffle(parts)
    assert events_of(Read(tmp_path, *parts))[1] == whole
    assert sorted(set(events_of(Read(tmp_path, *parts, parts[0]))[1]), key=repr) == whole
