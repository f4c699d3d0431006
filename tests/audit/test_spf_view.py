"""SPF as published: the tree, its two counts, the addresses, and the smallest repair (RFC 7208)."""

from ipaddress import IPv4Network, ip_address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hygiene.audit.facts import AuditOptions, Facts
from hygiene.audit.records.spf import Qualifier, parse
from hygiene.audit.spf_evaluation import MAX_LOOKUPS, SpfResult, check_host
from hygiene.audit.spf_repair import repair
from hygiene.audit.views.spf import MAX_NODES, MAX_SENDERS, STRANGERS, SpfNode, SpfView, read_spf
from hygiene.resolver import Answer, Outcome, Zone

DOMAIN = "shop.test"


class Asked(Facts):
    """Facts that ask a zone at once, so a view is read in one go."""

    def __init__(self, zone: Zone, **options) -> None:
        super().__init__(domain=DOMAIN, options=AuditOptions(**options))
        object.__setattr__(self, "zone", zone)

    def answer(self, name: str, rdtype: str) -> Answer:
        return self.zone.answer(name, rdtype)

    recorded = answer


def view(*terms: str, others: dict | None = None, **records: str) -> SpfView:
    """SPF of ``shop.test``; the records of other names as ``a_test="ip4:…"``."""
    elsewhere = {name.replace("_", "."): {"TXT": f"v=spf1 {text}"} for name, text in records.items()}
    data = {DOMAIN: {"TXT": " ".join(["v=spf1", *terms])}, **elsewhere, **(others or {})}
    return read_spf(Asked(Zone(data)))


def shape(node: SpfNode | None) -> object:
    """The tree as nested pairs of term and what is below."""
    return [(term.text, shape(term.node)) if term.node else term.text for term in node.terms] if node else None


HOSTS = {
    "h1.test": {"A": "192.0.2.1"},
    "h2.test": {"A": ["192.0.2.2", "192.0.2.3"], "AAAA": "2001:db8::2"},
    "mail.test": {"MX": ["10 h1.test", "20 h2.test"]},
}


def test_tree() -> None:
    seen = view(
        "include:a.test",
        "a:h1.test",
        "redirect=b.test",
        others=HOSTS,
        a_test="include:c.test ?all",
        b_test="-all",
        c_test="ip4:192.0.2.9",
    )
    assert shape(seen.tree) == [
        ("include:a.test", [("include:c.test", ["ip4:192.0.2.9"]), "?all"]),
        "a:h1.test",
        ("redirect=b.test", ["-all"]),
    ]
    assert seen.lookups == 4
    assert [term.lookups for term in seen.tree.terms] == [2, 1, 1]
    assert seen.all_qualifier is Qualifier.FAIL


@pytest.mark.parametrize(
    ("terms", "lookups"),
    [
        ("ip4:192.0.2.1 ip6:2001:db8::1 -all exp=x.test", 0),  # §4.6.4: these ask nothing
        ("a mx ptr exists:h1.test include:a.test -all", 5),
        ("a:%{i}.test exists:%{l}.test include:%{d}.test -all", 3),  # one each, wherever they lead
        ("redirect=a.test", 1),
        ("-all a mx include:a.test", 0),  # never reached
        ("-all redirect=a.test", 0),
        ("mx:mail.test", 1),  # its hosts have a limit of their own
        ("include:a.test include:a.test", 2),
    ],
)
def test_worst_case(terms: str, lookups: int) -> None:
    assert view(*terms.split(), others=HOSTS, a_test="-all").lookups == lookups


def test_what_a_receiver_needs() -> None:
    tail = {f"e{n}.test": {"TXT": f"v=spf1 ip4:198.51.100.{n} -all"} for n in range(10)}
    seen = view("a:h1.test", *(f"include:e{n}.test" for n in range(10)), "-all", others=HOSTS | tail)
    assert seen.lookups == 11
    # ten senders pass in time, the last is cut off
    results = [sender.verdict.result for sender in seen.senders]
    assert (results.count("pass"), results.count("permerror")) == (10, 1)
    assert seen.typical_lookups == 10
    assert not seen.works
    assert seen.stranger.result is SpfResult.PERMERROR
    assert view("mx:mail.test", "-all", others=HOSTS).typical_lookups == 1
    assert view("-all").typical_lookups is None


@pytest.mark.parametrize(
    ("terms", "voids"),
    [
        ("a:gone.test -all", ["gone.test"]),
        ("a:gone.test a:gone.test -all", ["gone.test", "gone.test"]),  # counted per look-up
        ("mx:gone.test -all", ["gone.test"]),
        ("mx:half.test -all", ["gone.test", "gone2.test"]),  # of the hosts, not of the term
        ("exists:gone.test -all", ["gone.test"]),
        ("a:six.test -all", ["six.test"]),  # for an IPv4 sender
        ("include:gone.test -all", []),  # a permerror, not a void look-up
        ("a:slow.test -all", []),  # no answer is not an empty one
        ("-all a:gone.test", []),
    ],
)
def test_voids(terms: str, voids: list[str]) -> None:
    others = {
        "half.test": {"MX": ["1 gone.test", "2 gone2.test"]},
        "six.test": {"AAAA": "2001:db8::6"},
        "slow.test": Outcome.TIMEOUT,
    }
    assert list(view(*terms.split(), others=others).voids) == voids


def test_loops() -> None:
    seen = view("include:a.test", "-all", a_test="include:b.test", b_test="include:A.test")
    assert seen.problems == ("loop: a.test → b.test → a.test",)
    assert not seen.works
    assert view(f"include:{DOMAIN}").problems == (f"loop: {DOMAIN} → {DOMAIN}",)
    assert view("include:a.test", "include:b.test", a_test="include:b.test", b_test="-all").problems == ()


def test_a_chain_of_a_hundred_includes() -> None:
    chain = {f"n{n}.test": {"TXT": f"v=spf1 include:n{n + 1}.test"} for n in range(100)}
    seen = view("include:n0.test", others={**chain, "n100.test": {"TXT": "v=spf1 ip4:192.0.2.1"}})
    assert seen.lookups == 101
    assert seen.addresses == 1
    assert seen.senders[0].verdict.result is SpfResult.PERMERROR


@pytest.mark.parametrize("width", [2, 8])
def test_a_web_of_includes_ends(width: int) -> None:
    """Every record includes the next `width` ones: exponentially many paths."""
    web = {
        f"n{n}.test": {"TXT": "v=spf1 " + " ".join(f"include:n{n + 1 + k}.test" for k in range(width))}
        for n in range(60)
    }
    seen = view("include:n0.test", "-all", others=web)
    assert seen.lookups > MAX_LOOKUPS
    assert any(f"more than {MAX_NODES} records" in problem for problem in seen.problems)


def test_macros_are_left_to_the_message() -> None:
    seen = view("exists:%{i}.bl.test", "include:%{d}.a.test", "a:%{h}", "-all")
    assert [term.target for _, term in seen.terms[:3]] == [None, None, None]
    assert (seen.lookups, seen.voids, seen.problems, seen.unknowns) == (3, (), (), ())
    assert seen.works


def test_escapes_are_no_macros() -> None:
    (_, term) = view("a:a%%b.test").terms[0]
    assert term.target == "a%b.test"


@pytest.mark.parametrize(
    ("terms", "addresses"),
    [
        ("ip4:192.0.2.0/24 -all", 256),
        ("ip4:192.0.2.0/24 ip4:192.0.2.128/25 ip4:192.0.2.7 -all", 256),  # overlaps once
        ("ip4:192.0.2.0/25 ip4:192.0.2.128/25", 256),
        ("ip4:192.0.2.7/24", 256),  # host bits do not matter
        ("a:h2.test/24 -all", 256),
        ("a:h2.test mx:mail.test -all", 3),
        ("ip4:192.0.2.1 -ip4:198.51.100.0/24 ~a:h2.test ?include:a.test -all", 1),  # only a pass authorises
        ("include:a.test -all", 2),
        ("redirect=a.test", 2),
        ("ip6:2001:db8::/32 -all", 0),
        ("+all", 2**32),
        ("-all ip4:192.0.2.1", 0),
        ("exists:%{i}.test ptr -all", 0),
    ],
)
def test_addresses(terms: str, addresses: int) -> None:
    seen = view(*terms.split(), others=HOSTS, a_test="ip4:203.0.113.0/31 -ip4:203.0.113.8 ?ip4:10.0.0.0/8 ~all")
    assert seen.addresses == addresses


@pytest.mark.parametrize(
    ("terms", "works"),
    [
        ("mx:mail.test -all", True),
        ("-all", True),
        ("mx:mail.test include:gone.test -all", False),
        ("a:gone.test a:gone.test a:gone.test mx:mail.test -all", False),  # cut off by the void limit
        ("mx:mail.test a:gone.test a:gone.test a:gone.test -all", True),  # its senders pass before
        ("moo", False),
        ("redirect=none.test", False),
    ],
)
def test_works(terms: str, works: bool) -> None:
    assert view(*terms.split(), others={**HOSTS, "none.test": {"TXT": "x"}}).works is works


@pytest.mark.parametrize(
    ("terms", "qualifier"),
    [
        ("-all", Qualifier.FAIL),
        ("~ALL", Qualifier.SOFTFAIL),
        ("?all -all", Qualifier.NEUTRAL),
        ("all", Qualifier.PASS),
        ("mx", None),
        ("redirect=a.test", Qualifier.SOFTFAIL),
        ("include:a.test", None),  # §5.2: an include's all means nothing outside
        ("redirect=%{d}.test", None),
        ("redirect=loop.test", None),
    ],
)
def test_everybody_else(terms: str, qualifier: Qualifier | None) -> None:
    seen = view(*terms.split(), a_test="redirect=b.test", b_test="~all", loop_test="redirect=loop.test")
    assert seen.all_qualifier == qualifier


def test_the_stranger_is_authorised_nowhere() -> None:
    assert view("ip4:198.18.0.0/15", "-all").stranger.result is SpfResult.FAIL
    assert view("~all").stranger.result is SpfResult.SOFTFAIL
    assert view("+all").stranger is None
    networks = view("ip4:192.0.2.0/25", "-all").networks
    assert not any(ip_address(ip) in network for ip in STRANGERS for network in networks)


def test_many_ranges_are_sampled_evenly() -> None:
    ranges = [f"ip4:20.0.{n}.0/25" for n in range(200)]
    seen = view(*ranges, "-all")
    assert len(seen.senders) == MAX_SENDERS
    assert str(seen.senders[0].network) == "20.0.0.0/25"
    assert str(seen.senders[-1].network) == "20.0.199.0/25"


def test_unknown_parts() -> None:
    slow = {"slow.test": Outcome.TIMEOUT}
    seen = view("include:slow.test", "a:slow.test", "mx:slow.test", "-all", others=slow)
    assert list(seen.unknowns) == ["TXT slow.test: timeout", "A slow.test: timeout", "MX slow.test: timeout"]
    assert seen.problems == ()
    assert read_spf(Asked(Zone({DOMAIN: Outcome.SERVFAIL}))).unknown == f"TXT {DOMAIN}: servfail"


def test_given_addresses() -> None:
    zone = Zone({DOMAIN: {"TXT": "v=spf1 exists:%{i}.ok.test -all"}, "192.0.2.1.ok.test": {"A": "127.0.0.2"}})
    given = dict(read_spf(Asked(zone, ips=("192.0.2.1", "192.0.2.2"))).given)
    assert (given["192.0.2.1"].result, given["192.0.2.2"].result) == (SpfResult.PASS, SpfResult.FAIL)


# Random trees over literal names

NAMES = [f"n{number}.test" for number in range(6)]
ADDRESSES = [f"192.0.2.{number}" for number in (1, 2, 129)] + ["198.51.100.9"]
literal = st.one_of(
    st.sampled_from(NAMES).flatmap(
        lambda name: st.sampled_from([f"include:{name}", f"a:{name}", f"mx:{name}"])
    ),
    st.sampled_from(ADDRESSES).flatmap(lambda ip: st.sampled_from([f"ip4:{ip}", f"ip4:{ip}/25"])),
    st.sampled_from([f"exists:{NAMES[0]}", "ptr", "a", "mx", "ip6:2001:db8::/32"]),
)
mechanisms = st.tuples(st.sampled_from(["", "", "", "", "-", "~", "?"]), literal).map("".join)
endings = st.sampled_from(["", "-all", "~all", "?all", *(f"redirect={name}" for name in NAMES)])
texts = st.builds(
    lambda terms, end: " ".join(["v=spf1", *terms, end]).rstrip(), st.lists(mechanisms, max_size=6), endings
)
nodes = st.fixed_dictionaries(
    {},
    optional={
        "TXT": texts | st.just("hello"),
        "A": st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2),
        "MX": st.lists(st.sampled_from(NAMES).map("10 {}".format), min_size=1, max_size=3),
    },
)
others = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, nodes))


@given(texts, others, st.sampled_from(ADDRESSES))
def test_no_evaluation_exceeds_the_worst_case(text: str, data: dict, ip: str) -> None:
    zone = Zone({DOMAIN: {"TXT": text}, **data})
    seen = read_spf(Asked(zone))
    verdict = check_host(ip=ip, helo=DOMAIN, mail_from=f"a@{DOMAIN}", resolver=zone)
    if not any(problem.startswith(("loop", "more than")) for problem in seen.problems):
        assert verdict.lookups <= seen.lookups
    if verdict.result is SpfResult.PASS and "ptr" not in verdict.matched and "ptr" not in repr(data):
        by_exists = any(term.kind == "exists" for _, term in seen.terms)
        assert by_exists or any(ip_network(ip).subnet_of(net) for net in seen.networks if net.version == 4)
    assert all(isinstance(net, IPv4Network) or net.version == 6 for net in seen.networks)


@given(texts, others, st.integers(1, 8))
def test_a_repaired_record_allows_the_same_within_the_limit(text: str, data: dict, extra: int) -> None:
    dear = {f"e{n}.test": {"TXT": f"v=spf1 ip4:203.0.113.{n} a:n0.test -all"} for n in range(extra)}
    body, _, end = text.removeprefix("v=spf1").strip().rpartition(" ")
    includes = " ".join(f"include:{name}" for name in dear)
    data = {**data, **dear, DOMAIN: {"TXT": f"v=spf1 {includes} {body} {end}".replace("  ", " ").rstrip()}}
    before = read_spf(Asked(Zone(data)))
    assume(before.lookups > MAX_LOOKUPS)
    repaired = repair(before)
    assume(repaired is not None)
    assert parse(repaired.to_text()) == repaired
    zone = Zone({**data, DOMAIN: {"TXT": repaired.to_text()}})
    after = read_spf(Asked(zone))
    assert after.lookups <= MAX_LOOKUPS
    assert after.networks == before.networks
    assert after.all_qualifier == before.all_qualifier
    # and whoever passed or failed still does
    for ip in ADDRESSES:
        now, was = (
            check_host(ip=ip, helo=DOMAIN, mail_from=f"a@{DOMAIN}", resolver=each).result
            for each in (zone, Zone(data))
        )
        assert now == was or SpfResult.PERMERROR in (now, was)


@pytest.mark.parametrize(
    ("terms", "fixed"),
    [
        # first goes what authorises nobody, then one's own hosts, then the smallest include
        ("a:gone.test {ten} -all", "{ten} -all"),
        ("include:i.test a:h1.test {nine} -all", "include:i.test ip4:192.0.2.1 {nine} -all"),
        ("a:h2.test {ten} -all", "ip4:192.0.2.2/31 ip6:2001:db8::2 {ten} -all"),
        # what cannot be written down stays
        ("exists:%{{i}}.test include:m.test {ten} -all", ""),
        ("ptr {ten} -all", ""),
        ("include:p.test {ten} -all", ""),
        ("include:slow.test {ten} -all", ""),
        ("-a:h1.test {ten} -all", ""),
        ("include:deny.test {ten} -all", ""),
        ("{ten} redirect=i.test", ""),
    ],
)
def test_repairs(terms: str, fixed: str) -> None:
    ranges = [" ".join(f"ip4:20.{n}.{k}.0/25" for k in range(13)) for n in range(10)]  # too many to write out
    big = {f"b{n}.test": {"TXT": f"v=spf1 {many} -all"} for n, many in enumerate(ranges)}
    ten = " ".join(f"include:{name}" for name in big)
    nine = ten.rpartition(" ")[0]
    seen = view(
        *terms.format(ten=ten, nine=nine).split(),
        others={**HOSTS, **big, "slow.test": Outcome.TIMEOUT, "m.test": {"TXT": "v=spf1 a:%{h} -all"}},
        i_test="ip4:198.51.100.1 -all",
        p_test="ptr -all",
        deny_test="-ip4:192.0.2.0/28 ip4:192.0.2.0/24 -all",
    )
    repaired = repair(seen)
    assert (repaired.to_text() if repaired else "") == (
        f"v=spf1 {fixed.format(ten=ten, nine=nine)}" if fixed else ""
    )
