"""Which DMARC record speaks for a name (RFC 9989 §4.10 beside RFC 7489 §6.6.3), and the policy it comes to."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.dmarc_discovery import (
    MAX_QUERIES,
    Discovery,
    discover,
    discover_legacy,
    organizational_domain,
    tree_names,
    walk,
)
from hygiene.audit.records.dmarc import DmarcRecord, Reader, parse
from hygiene.resolver import Outcome

from .checks.shop_zone import DOMAIN, audit, dmarc, fault

SUB = f"mail.{DOMAIN}"


def records(zone: dict[str, str | list[str]]) -> Callable[[str], tuple[DmarcRecord, ...]]:
    """``{"shop.test": "p=none"}`` as what is published at its _dmarc name."""
    listed = {name: [tags] if isinstance(tags, str) else tags for name, tags in zone.items()}
    return lambda name: tuple(parse(f"v=DMARC1; {tags}") for tags in listed.get(name, []))


def found(zone: dict, name: str) -> tuple[str, str]:
    seen = discover(name, records(zone))
    return seen.origin, seen.record_domain


# §4.10: the name, cut to seven labels, then a label less each time, the top-level domain included


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("shop.test", ["shop.test", "test"]),
        (
            "a.b.c.d.e.f.test",
            [
                *("a.b.c.d.e.f.test"[cut:] for cut in range(0, 13, 2)),
            ],
        ),  # 7 labels: all
        ("a.b.c.d.e.f.g.test", ["a.b.c.d.e.f.g.test", *("b.c.d.e.f.g.test"[cut:] for cut in range(0, 13, 2))]),
        (
            "a.b.c.d.e.f.g.h.test",
            ["a.b.c.d.e.f.g.h.test", *("c.d.e.f.g.h.test"[cut:] for cut in range(0, 13, 2))],
        ),
    ],
)
def test_names_asked(name: str, asked: list[str]) -> None:
    assert list(tree_names(name)) == asked


@given(st.integers(1, 120))
def test_never_more_than_eight_queries(labels: int) -> None:
    name = ".".join("x" for _ in range(labels))
    asked = tree_names(name)
    assert len(asked) <= MAX_QUERIES == 8
    assert asked[0] == name
    assert asked[-1] == "x"
    assert len(set(asked)) == len(asked)
    assert all(each.count(".") < 7 for each in asked[1:])


def test_a_record_left_out_by_the_cut_is_not_read() -> None:
    zone = {"b.c.d.e.f.g.h.test": "p=reject", "test": "p=none; psd=y"}
    assert found(zone, "a.b.c.d.e.f.g.h.test") == ("public suffix", "test")


def test_walk_stops_at_psd() -> None:
    zone = {"a.b.test": "p=none", "b.test": "p=none; psd=n", "test": "p=none"}
    assert [name for name, _ in walk("a.b.test", records(zone))] == ["a.b.test", "b.test"]
    zone = {"b.test": "p=none; psd=u", "test": "p=none; psd=y"}
    assert [name for name, _ in walk("a.b.test", records(zone))] == ["b.test", "test"]


# §4.10.2: the organizational domain


@pytest.mark.parametrize(
    ("zone", "organizational"),
    [
        ({}, "a.b.shop.test"),  # none: the start
        ({"shop.test": "p=none"}, "shop.test"),
        ({"a.b.shop.test": "p=none", "b.shop.test": "p=none"}, "b.shop.test"),  # the fewest labels
        ({"shop.test": "p=none", "test": "p=none"}, "test"),
        ({"b.shop.test": "p=none; psd=n", "shop.test": "p=none"}, "b.shop.test"),
        ({"test": "p=none; psd=y"}, "shop.test"),  # one label below
        ({"shop.test": "p=none; psd=y", "test": "p=none; psd=y"}, "b.shop.test"),
        ({"a.b.shop.test": "p=none; psd=y", "shop.test": "p=none"}, "a.b.shop.test"),  # the start itself stops
        ({"a.b.shop.test": "p=none; psd=n"}, "a.b.shop.test"),
        ({"b.shop.test": ["p=none", "p=reject"], "shop.test": "p=none"}, "shop.test"),  # several: discarded
        ({"shop.test": ["p=none; psd=n", "p=none"], "test": "p=none; psd=y"}, "shop.test"),
    ],
)
def test_organizational_domain(zone: dict, organizational: str) -> None:
    assert organizational_domain("a.b.shop.test", records(zone)) == organizational


# §4.10.1: own record, then the organizational domain's, then the public suffix's


@pytest.mark.parametrize(
    ("zone", "who"),
    [
        ({}, ("", "")),
        ({SUB: "p=none", DOMAIN: "p=reject"}, ("own", SUB)),
        ({DOMAIN: "p=reject", "test": "p=none; psd=y"}, ("organizational", DOMAIN)),
        ({"test": "p=none; psd=y"}, ("public suffix", "test")),
        ({"test": "p=none"}, ("organizational", "test")),
        ({SUB: ["p=none", "p=reject"], DOMAIN: "p=reject"}, ("organizational", DOMAIN)),  # discard and walk on
        ({SUB: ["p=none", "p=reject"]}, ("", "")),
        ({SUB: "rua=mailto:a@shop.test", DOMAIN: "p=reject"}, ("own", SUB)),  # p is not required
    ],
)
def test_who_speaks(zone: dict, who: tuple[str, str]) -> None:
    assert found(zone, SUB) == who


@pytest.mark.parametrize(
    ("zone", "name", "who", "organizational"),
    [
        # RFC 7489 §3.2: the public suffix list, one step
        ({"co.uk": "p=none", "shop.co.uk": "p=reject"}, "a.b.shop.co.uk", "organizational", "shop.co.uk"),
        ({"b.shop.co.uk": "p=none"}, "a.b.shop.co.uk", "", "shop.co.uk"),  # nothing in between is read
        ({"co.uk": "p=none"}, "shop.co.uk", "", "shop.co.uk"),
        ({"co.uk": "p=none"}, "co.uk", "own", "co.uk"),
        # §6.6.3 step 5: several records end discovery
        ({SUB: ["p=none", "p=none"], DOMAIN: "p=reject"}, SUB, "", DOMAIN),
        ({DOMAIN: ["p=none", "p=none"]}, SUB, "", DOMAIN),
        ({DOMAIN: "p=reject"}, SUB, "organizational", DOMAIN),
    ],
)
def test_older_receivers(zone: dict, name: str, who: str, organizational: str) -> None:
    seen = discover_legacy(name, records(zone))
    assert (seen.origin, seen.organizational) == (who, organizational)


def policy(seen: Discovery, *, exists: bool, reader: Reader = Reader.RFC9989) -> str:
    effective = seen.effective(exists=exists, reader=reader)
    return "-" if effective is None else effective.policy.value


@pytest.mark.parametrize(
    ("zone", "existing", "missing"),
    [
        # §4.7: absent np → sp → p
        ({DOMAIN: "p=reject"}, "reject", "reject"),
        ({DOMAIN: "p=reject; sp=none"}, "none", "none"),
        ({DOMAIN: "p=none; np=reject"}, "none", "reject"),
        ({DOMAIN: "p=reject; sp=quarantine; np=none"}, "quarantine", "none"),
        ({DOMAIN: "p=reject; sp=quarantine; t=y"}, "none", "none"),
        ({SUB: "p=reject; sp=none; np=none"}, "reject", "reject"),  # own sp never applies to itself
        ({"test": "p=none; np=reject; psd=y"}, "none", "reject"),
        # §4.10.1: unusable policy and somewhere to report to: as p=none
        ({DOMAIN: "p=reject; sp=bogus"}, "-", "-"),
        ({DOMAIN: "p=reject; sp=bogus; rua=mailto:a@shop.test"}, "none", "none"),
        ({DOMAIN: "rua=mailto:a@shop.test"}, "none", "none"),
    ],
)
def test_policy_of_a_subdomain(zone: dict, existing: str, missing: str) -> None:
    seen = discover(SUB, records(zone))
    assert (policy(seen, exists=True), policy(seen, exists=False)) == (existing, missing)


def test_older_receivers_know_no_np() -> None:
    seen = discover_legacy(SUB, records({DOMAIN: "p=none; np=reject"}))
    assert policy(seen, exists=False, reader=Reader.RFC7489) == "none"


names = st.lists(st.sampled_from(["a", "b", "shop", "co", "uk", "test"]), min_size=1, max_size=10).map(".".join)
tags = st.builds(
    "; ".join,
    st.lists(
        st.sampled_from(
            ["p=none", "p=reject", "sp=none", "np=x", "psd=y", "psd=n", "t=y", "rua=mailto:a@b.test"]
        ),
        min_size=1,
        unique_by=lambda tag: tag[:2],
    ),
)


@given(st.dictionaries(names, st.lists(tags, max_size=2), max_size=8), names)
def test_what_always_holds(zone: dict, name: str) -> None:
    seen = discover(name, records(zone))
    assert f".{name}".endswith(f".{seen.organizational}")
    assert seen.organizational in (*tree_names(name), name) or seen.organizational.count(".") >= 7
    assert (seen.record is None) == (seen.origin == "")
    if seen.record is not None:
        assert len(zone[seen.record_domain]) == 1
        assert seen.record_domain in tree_names(name)
    if len(zone.get(name, [])) == 1:
        assert seen.origin == "own"
    for exists in (True, False):
        for reader in Reader:
            seen.effective(exists=exists, reader=reader)


# The matrix of an audit: the domain, an existing and a missing subdomain × new and old receivers

RUA = f"rua=mailto:dmarc@{DOMAIN}"


def matrix(changes: dict, domain: str = DOMAIN) -> list[str]:
    """Six cells, "policy" or "policy/rest" for a share of mail; "-" where nothing is applied."""
    cells = []
    for row in audit(changes, domain=domain).views["dmarc"].matrix:
        for cell in (row.rfc9989, row.rfc7489):
            if cell is None:
                cells.append("-")
            else:
                cells.append(f"{cell.policy}/{cell.rest}" if cell.rest != cell.policy else str(cell.policy))
    return cells


@pytest.mark.parametrize(
    ("record", "cells"),
    [
        ("p=reject", "reject reject reject reject reject reject"),
        ("p=reject; t=y", "quarantine reject quarantine reject quarantine reject"),
        ("p=quarantine; t=y", "none quarantine none quarantine none quarantine"),
        ("p=none; t=y", "none none none none none none"),
        ("p=reject; pct=0", "reject reject/quarantine reject reject/quarantine reject reject/quarantine"),
        (
            "p=quarantine; pct=50",
            "quarantine quarantine/none quarantine quarantine/none quarantine quarantine/none",
        ),
        ("p=reject; sp=none", "reject reject none none none none"),
        ("p=none; np=reject", "none none none none reject none"),
        ("p=none; sp=quarantine; np=reject", "none none quarantine quarantine reject quarantine"),
        ("p=reject; sp=none; t=y", "quarantine reject none none none none"),
        ("p=REJECT", "reject reject reject reject reject reject"),
        (f"p=rejct; {RUA}", "none none none none none none"),
        ("p=rejct", "- - - - - -"),
        (f"p=reject; np=x; {RUA}", "none reject none reject none reject"),  # RFC 7489 knows no np
        (RUA, "none none none none none none"),
        ("adkim=s", "- - - - - -"),
    ],
)
def test_matrix(record: str, cells: str) -> None:
    assert matrix(dmarc(f"v=DMARC1; {record}")) == cells.split()


def test_matrix_of_an_inherited_policy() -> None:
    zone = {SUB: {"A": "192.0.2.1"}, **dmarc(f"v=DMARC1; p=reject; sp=quarantine; np=none; {RUA}")}
    assert matrix(zone, SUB) == ["quarantine", "quarantine", "quarantine", "quarantine", "none", "quarantine"]
    result = audit(zone, domain=SUB)
    assert result.views["dmarc"].inherited
    assert fault(result, "dmarc-inherited").evidence[0].startswith(f"from _dmarc.{DOMAIN}:")


def test_a_record_at_a_subdomain_speaks_for_it_alone() -> None:
    """What lies below `mail` has the organizational domain's policy (§4.10.1)."""
    zone = {SUB: {"A": "192.0.2.1"}, **dmarc("v=DMARC1; p=none; sp=none", name=SUB)}
    assert matrix(zone, SUB) == ["none", "none", "reject", "reject", "reject", "reject"]


def test_several_records_leave_the_parent_in_charge_for_new_receivers_only() -> None:
    zone = {SUB: {"A": "192.0.2.1"}, **dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject", name=SUB)}
    assert matrix(zone, SUB)[:2] == ["reject", "-"]


@pytest.mark.parametrize("outcome", [Outcome.SERVFAIL, Outcome.TIMEOUT])
@pytest.mark.parametrize(
    ("silent", "domain", "unknown"),
    [
        (DOMAIN, DOMAIN, True),
        ("test", DOMAIN, False),  # the domain has its own
        (DOMAIN, SUB, True),
        (SUB, SUB, True),
        ("test", SUB, False),  # found below
        ("co.uk", "x.shop.co.uk", True),  # nothing found, so it might stand there
    ],
)
def test_silence(silent: str, domain: str, unknown: bool, outcome: Outcome) -> None:
    zone = {SUB: {"A": "192.0.2.1"}, "x.shop.co.uk": {"A": "192.0.2.1"}, f"_dmarc.{silent}": outcome}
    result = audit(zone, domain=domain)
    ids = {one.id for one in result.findings}
    assert ("dmarc-unknown" in ids) == unknown
    assert "dmarc-missing" not in ids
