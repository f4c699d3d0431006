"""Which domains can receive mail: every answer DNS can give, each asked once, and a run that goes on."""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hygiene.contacts import domain_mail
from hygiene.contacts.domain_mail import (
    GOOD_FOR,
    DomainMail,
    Mail,
    asked_name,
    check_domains,
    check_with_store,
)
from hygiene.errors import UnreadableInput, UsageError
from hygiene.resolver import Answer, Outcome, Zone
from hygiene.store import insert_into, open_store
from hygiene.tables import DOMAIN_MAIL

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PUBLIC, PUBLIC_V6 = "9.9.9.9", "2620:fe::9"  # documentation addresses are not public; none is ever contacted
HANG_S = 20  # after which a test that would wait for ever fails instead
FAILURES = [outcome for outcome in Outcome if not outcome.is_known]

ZONE = Zone(
    {
        "shop.example": {"MX": ["20 mx2.shop.example", "10 mx1.shop.example"]},
        "backup.example": {"MX": ["0 .", "10 mx.shop.example"]},
        "null.example": {"MX": "0 .", "A": PUBLIC},
        "odd-null.example": {"MX": "10 .", "A": PUBLIC},
        "bare.example": {"A": PUBLIC},
        "bare6.example": {"AAAA": PUBLIC_V6},
        "both.example": {"A": "10.0.0.1", "AAAA": PUBLIC_V6},
        "some.example": {"A": ["192.168.0.1", PUBLIC]},
        "inside.example": {"A": "10.0.0.1", "AAAA": "fd00::1"},
        "loopback.example": {"A": "127.0.0.1"},
        "nowhere.example": {"A": "0.0.0.0"},
        "mapped.example": {"AAAA": "::ffff:192.168.0.1"},
        "web.example": {"TXT": "v=spf1 -all"},
        "deep.parent.example": {"A": PUBLIC},
        "alias.example": {"CNAME": "shop.example"},
        "alias-bare.example": {"CNAME": "bare.example"},
        "dangling.example": {"CNAME": "gone.example"},
        "xn--bcher-kva.example": {"MX": "10 mx.shop.example"},
        "unresolved.example": {"MX": "10 gone.example"},
        "contradiction.example": {"MX": [], "A": Outcome.NXDOMAIN, "AAAA": PUBLIC_V6},
    }
)


class Counting:
    """A resolver that counts the questions it passes on."""

    def __init__(self, resolver=ZONE):
        self.resolver, self.asked = resolver, []

    async def resolve(self, name, rdtype):
        self.asked.append((name, rdtype))
        await asyncio.sleep(0)
        return await self.resolver.resolve(name, rdtype)

    @property
    def names(self):
        return [name for name, rdtype in self.asked if rdtype == "MX"]


def check_one(domain, zone=ZONE):
    (mail,) = check_domains([domain], zone).values()
    return mail


# --- what an answer means


@pytest.mark.parametrize(
    ("domain", "verdict", "detail"),
    [
        ("shop.example", Mail.NOT_DISPROVED, "MX mx1.shop.example"),
        ("backup.example", Mail.NOT_DISPROVED, "MX mx.shop.example"),  # RFC 7505 §3: the only one, or none
        ("unresolved.example", Mail.NOT_DISPROVED, "MX gone.example"),  # targets are not looked up
        ("null.example", Mail.UNDELIVERABLE, "null MX (RFC 7505)"),
        ("odd-null.example", Mail.UNDELIVERABLE, "null MX (RFC 7505)"),
        ("bare.example", Mail.NOT_DISPROVED, "no MX, but the address 9.9.9.9 (RFC 5321 §5.1)"),
        ("bare6.example", Mail.NOT_DISPROVED, "no MX, but the address 2620:fe::9 (RFC 5321 §5.1)"),
        ("both.example", Mail.NOT_DISPROVED, "no MX, but the address 2620:fe::9 (RFC 5321 §5.1)"),
        ("some.example", Mail.NOT_DISPROVED, "no MX, but the address 9.9.9.9 (RFC 5321 §5.1)"),
        ("inside.example", Mail.UNDELIVERABLE, "no MX, and only private addresses (10.0.0.1)"),
        ("loopback.example", Mail.UNDELIVERABLE, "no MX, and only private addresses (127.0.0.1)"),
        ("nowhere.example", Mail.UNDELIVERABLE, "no MX, and only private addresses (0.0.0.0)"),
        ("mapped.example", Mail.UNDELIVERABLE, "no MX, and only private addresses (::ffff:192.168.0.1)"),
        ("web.example", Mail.UNDELIVERABLE, "no MX and no address record"),
        ("parent.example", Mail.UNDELIVERABLE, "no MX and no address record"),  # an empty non-terminal
        ("gone.example", Mail.UNDELIVERABLE, "does not exist (NXDOMAIN)"),
        ("alias.example", Mail.NOT_DISPROVED, "MX mx1.shop.example"),
        ("alias-bare.example", Mail.NOT_DISPROVED, "no MX, but the address 9.9.9.9 (RFC 5321 §5.1)"),
        (
            "dangling.example",
            Mail.UNDELIVERABLE,
            "is an alias of gone.example, which does not exist (NXDOMAIN)",
        ),
        ("contradiction.example", Mail.NOT_DISPROVED, "no MX, but the address 2620:fe::9 (RFC 5321 §5.1)"),
        ("a..example", Mail.UNDELIVERABLE, "is no name that DNS can hold (RFC 1035 §2.3.4)"),
        ("x" * 64 + ".example", Mail.UNDELIVERABLE, "is no name that DNS can hold (RFC 1035 §2.3.4)"),
        ("\N{PILE OF POO}.example", Mail.UNKNOWN, "has no spelling in A-labels to ask for"),
    ],
)
def test_a_domain_is_judged_by_what_dns_says(domain, verdict, detail):
    assert check_one(domain) == DomainMail(domain, verdict, detail)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("step", "before"),
    [("MX", {}), ("A", {"MX": []}), ("AAAA", {"MX": [], "A": []}), ("AAAA", {"A": "10.0.0.1"})],
)
def test_a_failure_at_any_step_is_unknown(step, before, failure):
    mail = check_one("x.example", Zone({"x.example": {**before, step: failure}}))
    assert mail == DomainMail("x.example", Mail.UNKNOWN, f"{step} not answered: {failure.value.upper()}")


def test_a_failure_says_what_the_resolver_said():
    class Late:
        async def resolve(self, name, rdtype):
            return Answer(name, rdtype, Outcome.TIMEOUT, detail="no answer within 5 s from 192.0.2.53")

    detail = check_one("x.example", Late()).detail
    assert detail == "MX not answered: no answer within 5 s from 192.0.2.53 (TIMEOUT)"


@pytest.mark.parametrize(
    ("domain", "chain"),
    [
        ("shop.example", ["MX"]),
        ("null.example", ["MX"]),
        ("gone.example", ["MX"]),
        ("bare.example", ["MX", "A"]),
        ("bare6.example", ["MX", "A", "AAAA"]),
        ("a..example", []),
    ],
)
def test_no_more_is_asked_than_decides(domain, chain):
    resolver = Counting()
    check_domains([domain], resolver)
    assert [rdtype for _, rdtype in resolver.asked] == chain


MX_ANSWERS = [[], ["0 ."], ["10 mx.example"], ["0 .", "10 mx.example"], Outcome.NXDOMAIN, *FAILURES]
A_ANSWERS = [[], [PUBLIC], ["10.0.0.1"], ["10.0.0.1", PUBLIC], Outcome.NXDOMAIN, *FAILURES]
AAAA_ANSWERS = [[], [PUBLIC_V6], ["fd00::1"], Outcome.NXDOMAIN, *FAILURES]


def test_nobody_is_removed_while_a_question_is_open():
    """Undeliverable takes sound answers only: all three, or an MX answer that ends the matter."""
    nodes = {
        f"d{number}.example": dict(zip(("MX", "A", "AAAA"), answers, strict=True))
        for number, answers in enumerate(product(MX_ANSWERS, A_ANSWERS, AAAA_ANSWERS))
    }
    found = check_domains(nodes, Zone(nodes))
    assert set(Counter(mail.verdict for mail in found.values())) == set(Mail)
    for domain, mail in found.items():
        mx, *addresses = nodes[domain].values()
        ended = mx in (["0 ."], Outcome.NXDOMAIN)
        sound = mx == [] and not any(answer in FAILURES for answer in addresses)
        reachable = PUBLIC in addresses[0] or PUBLIC_V6 in addresses[1]
        assert (mail.verdict is Mail.UNDELIVERABLE) == (ended or (sound and not reachable)), nodes[domain]


# --- once each, many at a time


def test_spellings_of_one_name_are_asked_once():
    resolver, told = Counting(), []
    written = ["Bücher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example.", "bücher.example"]
    found = check_domains([*written, "gone.example", *written], resolver, on_answer=told.append)
    assert list(found) == [*written, "gone.example"]
    assert {found[domain] for domain in written} == {
        DomainMail("xn--bcher-kva.example", Mail.NOT_DISPROVED, "MX mx.shop.example")
    }
    assert sorted(resolver.asked) == [("gone.example", "MX"), ("xn--bcher-kva.example", "MX")]
    assert sorted(mail.domain for mail in told) == ["gone.example", "xn--bcher-kva.example"]


@given(
    domains=st.lists(st.sampled_from([*ZONE.nodes, "gone.example", "SHOP.example"])),
    in_flight=st.integers(1, 40),
)
def test_neither_order_nor_number_in_flight_matters(domains, in_flight):
    resolver = Counting()
    found = check_domains(iter(domains), resolver, in_flight=in_flight)
    assert list(found) == list(dict.fromkeys(domains))
    assert found == {domain: check_one(domain) for domain in domains}
    assert Counter(resolver.asked).most_common(1) == [] or max(Counter(resolver.asked).values()) == 1


def test_what_is_known_is_told_and_not_asked():
    resolver, told = Counting(), []
    before = DomainMail("shop.example", Mail.UNDELIVERABLE, "said before")
    known = {"shop.example": before, "other.example": before}
    found = check_domains(["bare.example", "Shop.example"], resolver, known=known, on_answer=told.append)
    assert found["Shop.example"] is before
    assert set(found) == {"bare.example", "Shop.example"}
    assert resolver.names == ["bare.example"]
    assert told == [before, found["bare.example"]]


class DeadInRounds:
    """Answers nothing: when as many wait as may, or all that are left, they time out together."""

    def __init__(self, total, in_flight):
        self.left, self.in_flight = total, in_flight
        self.waiting, self.rounds, self.most_tasks = [], [], 0

    async def resolve(self, name, rdtype):
        self.most_tasks = max(self.most_tasks, len(asyncio.all_tasks()))
        late = asyncio.get_running_loop().create_future()
        self.waiting.append(late)
        if len(self.waiting) == min(self.in_flight, self.left):
            self.rounds.append(len(self.waiting))
            self.left -= len(self.waiting)
            waiting, self.waiting = self.waiting, []
            for one in waiting:
                one.set_result(None)
        async with asyncio.timeout(HANG_S):
            await late
        return Answer(name, rdtype, Outcome.TIMEOUT)


def test_dead_servers_are_waited_for_together():
    domains = [f"d{number}.example" for number in range(250)]
    dead = DeadInRounds(len(domains), 100)
    found = check_domains(domains, dead)
    assert {mail.verdict for mail in found.values()} == {Mail.UNKNOWN}
    assert dead.rounds == [100, 100, 50], "100 time-outs at a time, and one for each domain"


def test_a_long_list_makes_no_more_tasks_than_are_in_flight():
    domains = [f"d{number}.example" for number in range(5000)]
    dead = DeadInRounds(len(domains), 20)
    assert len(check_domains(domains, dead, in_flight=20)) == 5000
    assert dead.most_tasks == 20 + 1  # and the one that waits for them


def test_one_slow_domain_holds_up_nobody():
    class OneSlow(Counting):
        others = 0

        async def resolve(self, name, rdtype):
            if name == "slow.example":
                async with asyncio.timeout(HANG_S):
                    while self.others < 50:
                        await asyncio.sleep(0)
            self.others += 1
            return await super().resolve(name, rdtype)

    domains = ["slow.example", *(f"d{number}.example" for number in range(50))]
    assert len(check_domains(domains, OneSlow(), in_flight=2)) == 51


@pytest.mark.parametrize("in_flight", [0, -1])
def test_none_in_flight_is_refused(in_flight):
    with pytest.raises(UsageError, match="one or more"):
        check_domains(["shop.example"], ZONE, in_flight=in_flight)


def test_no_domains():
    assert check_domains([], ZONE) == {}


def test_it_runs_inside_an_event_loop():
    async def notebook():
        return check_domains(["shop.example"], ZONE)

    assert list(asyncio.run(notebook())) == ["shop.example"]


def raise_error():
    raise ZeroDivisionError


def press_control_c():
    signal.raise_signal(signal.SIGINT)


STOPS = [(raise_error, ZeroDivisionError), (press_control_c, KeyboardInterrupt)]


@pytest.mark.parametrize(("stop", "error"), STOPS)
def test_a_run_that_is_stopped_ends_at_once_and_says_why(stop, error):
    resolver = Counting()

    def listen(_):
        stop()

    with pytest.raises(error):
        check_domains([f"d{number}.example" for number in range(100)], resolver, on_answer=listen, in_flight=5)
    assert len(resolver.names) <= 6


# --- kept in the store


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=bytes(32)) as opened:
        yield opened


def rows(store):
    with store.reading() as connection:
        found = connection.execute(select(DOMAIN_MAIL).order_by(DOMAIN_MAIL.c.domain))
        return [tuple(row) for row in found]


def write(store, **row):
    with store.writing() as connection:
        connection.execute(insert_into(connection, DOMAIN_MAIL).values(row))


def test_answers_are_kept_and_unknown_ones_are_not(store):
    zone = Zone({"shop.example": {"MX": "10 mx.shop.example"}, "late.example": Outcome.TIMEOUT})
    domains = ["Shop.example", "late.example", "gone.example"]
    found = check_with_store(domains, zone, store, now=NOW)
    assert rows(store) == [
        ("gone.example", "undeliverable", "does not exist (NXDOMAIN)", NOW),
        ("shop.example", "not-disproved", "MX mx.shop.example", NOW),
    ]
    again = Counting(zone)
    later = NOW + timedelta(days=1)
    assert check_with_store(domains, again, store, now=later) == found
    assert again.names == ["late.example"], "a failure is asked again"
    assert {row[3] for row in rows(store)} == {NOW}, "being used does not make an answer younger"


@pytest.mark.parametrize(
    ("age", "asked"),
    [
        (timedelta(0), False),
        (GOOD_FOR - timedelta(seconds=1), False),
        (GOOD_FOR, True),
        (timedelta(days=30), True),
        (timedelta(seconds=-1), True),  # the clock ran ahead
    ],
)
def test_answers_age(store, age, asked):
    write(store, domain="shop.example", verdict="undeliverable", detail="then", asked_at=NOW - age)
    resolver = Counting()
    (mail,) = check_with_store(["shop.example"], resolver, store, now=NOW).values()
    assert (resolver.names == ["shop.example"]) is asked
    assert (mail.verdict is Mail.NOT_DISPROVED) is asked
    assert [row[1:] for row in rows(store)] == [
        ("not-disproved", "MX mx1.shop.example", NOW) if asked else ("undeliverable", "then", NOW - age)
    ]


def test_what_is_too_old_is_forgotten(store):
    write(store, domain="ann.example", verdict="undeliverable", detail="", asked_at=NOW - GOOD_FOR)
    check_with_store([], ZONE, store, now=NOW)
    assert rows(store) == []


@pytest.mark.parametrize("verdict", ["unknown", "a word of a newer version"])
def test_only_verdicts_that_rest_on_answers_are_believed(store, verdict):
    write(store, domain="shop.example", verdict=verdict, detail="", asked_at=NOW)
    (mail,) = check_with_store(["shop.example"], ZONE, store, now=NOW).values()
    assert mail.verdict is Mail.NOT_DISPROVED


@pytest.mark.parametrize(("stop", "error"), STOPS)
@pytest.mark.parametrize("after", [1, 7, 15])
def test_a_run_that_was_stopped_goes_on(store, monkeypatch, stop, error, after):
    monkeypatch.setattr(domain_mail, "BATCH", 3)
    domains = [f"d{number:02}.example" for number in range(20)]
    told, again = [], []

    def stumble(mail):
        told.append(mail.domain)
        if len(told) == after:
            stop()

    with pytest.raises(error):
        check_with_store(domains, Counting(), store, now=NOW, on_answer=stumble, in_flight=4)
    assert after <= len(told) < len(domains)
    assert [row[0] for row in rows(store)] == sorted(told)
    resolver = Counting()
    found = check_with_store(domains, resolver, store, now=NOW, on_answer=again.append)
    assert sorted(resolver.names) == sorted(set(domains) - set(told))
    assert list(found) == domains
    assert sorted(mail.domain for mail in again) == domains


def test_answers_are_saved_while_they_come(store, monkeypatch):
    """So that also a run that is killed has not been for nothing."""
    monkeypatch.setattr(domain_mail, "BATCH", 3)
    saved = []
    domains = [f"d{number}.example" for number in range(8)]
    check_with_store(domains, ZONE, store, now=NOW, on_answer=lambda _: saved.append(len(rows(store))))
    assert saved == [0, 0, 3, 3, 3, 6, 6, 6]
    assert len(rows(store)) == 8


def test_a_store_that_fails_is_said_once(store, monkeypatch):
    monkeypatch.setattr(domain_mail, "BATCH", 1)

    def lose(_):
        with store.writing() as connection:
            DOMAIN_MAIL.drop(connection)

    with pytest.raises(UnreadableInput, match="cannot be used: no such table"):
        check_with_store(["shop.example", "bare.example"], ZONE, store, now=NOW, on_answer=lose, in_flight=1)


def test_the_store_serves_a_notebook(store):
    async def notebook():
        return check_with_store(["shop.example"], ZONE, store, now=NOW)

    assert asyncio.run(notebook())["shop.example"].verdict is Mail.NOT_DISPROVED
    assert [row[0] for row in rows(store)] == ["shop.example"]


@pytest.mark.parametrize("domain", ["\N{PILE OF POO}.example", "a..example", "x" * 400, "", "\ud800.example"])
def test_what_dns_cannot_hold_does_not_reach_it(store, domain):
    resolver = Counting()
    (mail,) = check_with_store([domain], resolver, store, now=NOW).values()
    assert mail.verdict is (Mail.UNDELIVERABLE if domain.isascii() else Mail.UNKNOWN)
    assert asked_name(domain) == domain
    assert resolver.asked == []
