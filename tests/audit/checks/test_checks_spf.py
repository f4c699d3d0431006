"""Checks of SPF (RFC 7208)."""

import pytest

from hygiene.finding import Severity
from hygiene.resolver import Outcome

from .shop_zone import APEX, DOMAIN, Case, apex, audit, bad, fault, found, good, spf

PTR_7 = {"7.100.51.198.in-addr.arpa": {"PTR": "out.test"}, "out.test": {"A": "198.51.100.7"}}
PTR_9 = {"9.113.0.203.in-addr.arpa": {"PTR": "out.test"}, "out.test": {"A": "203.0.113.9"}}
ALIAS = {  # a subdomain handed to a sender
    f"em.{DOMAIN}": {"CNAME": "u1.sender.test"},
    "u1.sender.test": {"TXT": "v=spf1 ip4:198.51.100.7 -all", "MX": f"10 mx.{DOMAIN}"},
    **PTR_7,
}
EXTRAS = ("mta-sts-missing", "tls-rpt-missing")
HOSTS = {f"h{number}.test": {"A": f"198.51.100.{number}"} for number in range(12)}


def includes(number: int, *first: str) -> dict:
    names = [f"s{index}.test" for index in range(number)]
    elsewhere = {name: {"TXT": f"v=spf1 ip4:198.51.100.{index} ~all"} for index, name in enumerate(names)}
    return {**spf(*first, *(f"include:{name}" for name in names), "-all"), **elsewhere}


def mx_term(hosts: int) -> dict:
    exchanges = {"big.test": {"MX": [f"10 h{index}.test" for index in range(hosts)]}}
    return {**spf("mx:big.test", "-all"), **exchanges, **HOSTS}


CASES = [
    # §4.5: "v=spf1" in any case, then a space or the end
    bad("spf-missing", apex(TXT=None)),
    bad("spf-missing", apex(TXT="v=spf10 mx -all")),
    bad("spf-missing", apex(TXT=" v=spf1 mx -all")),
    good("spf-missing", apex(TXT="V=SpF1 mx -all")),
    good("spf-missing", apex(TXT="v=spf1"), "spf-without-all"),
    good("spf-missing", apex(TXT=[["v=spf1 m", "x -all"]])),  # §3.3: joined without a space
    bad("spf-multiple-records", apex(TXT=["v=spf1 mx -all", "v=spf1 -all"])),
    good(
        "spf-multiple-records", apex(TXT=["v=spf1 mx -all", "v=spf1alpha", "spf2.0/pra"]), "spf-obsolete-record"
    ),
    good("spf-behind-alias", ALIAS, "dmarc-inherited", *EXTRAS, "dkim-no-key-found?", domain=f"em.{DOMAIN}"),
    # §4.6: a fault anywhere, also behind all
    bad("spf-syntax-error", spf("mx", "moo", "-all")),
    bad("spf-syntax-error", spf("-all", "a:111.222.33.44")),  # §7.1: no top label
    bad("spf-syntax-error", spf("exists:a.test/24", "-all")),  # §5.7
    bad("spf-syntax-error", spf("redirect=_spf.google.com", "redirect=_spf.google.com")),  # §6
    bad("spf-syntax-error", spf("mx", "-all", "exp=%{r}.test")),  # §7.2
    bad("spf-syntax-error", spf("mx\u00a0-all")),
    good("spf-syntax-error", spf("mx", "-all", "moo=cow")),  # §6: unknown modifiers are ignored
    good("spf-syntax-error", spf("mx", "a:x:y/z.shop.test", "-all"), "spf-void-lookup"),  # §7.1: legal
    # §4.6.4: ten terms that look up, over the whole tree
    bad("spf-too-many-lookups", includes(11)),
    bad("spf-too-many-lookups", includes(10, "mx")),
    good("spf-too-many-lookups", includes(10)),
    good("spf-too-many-lookups", includes(10, "ip4:192.0.2.10", "ip6:2001:db8::/64")),
    # §4.6.4: two void look-ups, counted per look-up
    bad("spf-too-many-void-lookups", spf("a:v1.test", "a:v2.test", "a:v3.test", "mx", "-all")),
    bad(  # three hosts of one mx are three look-ups
        "spf-too-many-void-lookups",
        {**spf("mx:dead.test", "-all"), "dead.test": {"MX": ["1 v1.test", "2 v2.test", "3 v3.test"]}},
    ),
    good("spf-too-many-void-lookups", spf("a:v1.test", "exists:v2.test", "mx", "-all"), "spf-void-lookup"),
    bad("spf-void-lookup", spf("mx", "a:gone.test", "-all")),
    bad("spf-void-lookup", {**spf("mx", "exists:text.test", "-all"), "text.test": {"TXT": "x"}}),
    good("spf-void-lookup", {**spf("a:six.test", "mx", "-all"), "six.test": {"AAAA": "2001:db8::6"}}),
    good("spf-void-lookup", spf("mx", "a:%{i}.gone.test", "-all")),  # depends on the message
    # §5.2
    bad("spf-include-loop", spf("mx", "include:a.test", "-all", a_test="include:shop.test -all")),
    bad("spf-include-loop", spf("mx", f"include:{DOMAIN}", "-all")),
    bad("spf-include-loop", spf("redirect=a.test", a_test="redirect=b.test", b_test="redirect=a.test")),
    good(  # the same record twice is no loop
        "spf-include-loop",
        spf("include:a.test", "include:b.test", "-all", a_test="include:c.test", b_test="include:c.test")
        | {"c.test": {"TXT": "v=spf1 ip4:198.51.100.1"}},
    ),
    bad("spf-include-broken", {**spf("mx", "include:none.test", "-all"), "none.test": {"TXT": "hello"}}),
    bad("spf-include-broken", spf("mx", "include:a.test", "-all", a_test="moo")),
    bad(
        "spf-include-broken", {**spf("redirect=two.test"), "two.test": {"TXT": ["v=spf1 -all", "v=spf1 ~all"]}}
    ),
    bad("spf-include-broken", spf("mx", f"include:typo.{DOMAIN}", "-all")),  # nobody else can register that
    bad("spf-include-broken", {**spf("mx", "include:typo.a.test", "-all"), "a.test": {"NS": "ns.a.test"}}),
    good("spf-include-broken", spf("mx", "include:a.test", "-all", a_test="?all"), "spf-include-empty"),
    # §11.5 and facts §1.2: whoever registers it sends in this name
    bad("spf-include-registrable", spf("mx", "include:_spf.gone.test", "-all")),
    bad("spf-include-registrable", spf("mx", "redirect=gone.test")),
    good(
        "spf-include-registrable",
        {**spf("mx", "include:_spf.a.test", "-all"), "a.test": Outcome.TIMEOUT},
        "spf-include-broken",
    ),
    bad("spf-include-empty", spf("mx", "include:a.test", "-all", a_test="-all")),
    good("spf-include-empty", spf("mx", "include:a.test", "-all", a_test="exists:%{i}.a.test -all")),
    bad("spf-include-empty", spf("mx", "include:a.test", "-all", a_test="?all")),  # never a pass
    # §4.6.4
    bad("spf-too-many-mx-hosts", mx_term(11)),
    good("spf-too-many-mx-hosts", mx_term(10)),
    # §5.1
    bad("spf-allows-everyone", spf("+all")),
    bad("spf-allows-everyone", spf("mx", "ip4:0.0.0.0/0", "-all")),
    bad("spf-allows-everyone", spf("mx", "ip4:0.0.0.0/1", "ip4:128.0.0.0/1", "-all")),
    bad("spf-allows-everyone", spf("mx", "include:a.test", "-all", a_test="all")),
    good("spf-allows-everyone", spf("mx", "?all"), "spf-neutral-all"),
    good("spf-allows-everyone", spf("mx", "-ip4:0.0.0.0/0", "~all")),
    bad("spf-neutral-all", spf("mx", "?all")),
    bad("spf-neutral-all", spf("mx", "redirect=a.test", a_test="?all")),
    good("spf-neutral-all", spf("mx", "~all")),
    bad("spf-without-all", spf("mx")),  # §4.7: the default is neutral
    bad("spf-without-all", spf("mx", "redirect=a.test", a_test="mx:shop.test")),
    good("spf-without-all", spf("mx", "redirect=a.test", a_test="-all")),
    good("spf-without-all", spf("mx", "redirect=%{o}.test")),
    # facts §9: a third of all records allow more than 100,000
    bad("spf-too-many-addresses", spf("mx", "ip4:20.0.0.0/15", "-all")),
    good("spf-too-many-addresses", spf("mx", "ip4:20.0.0.0/16", "ip4:20.0.0.0/17", "ip4:20.0.9.0/24", "-all")),
    good("spf-too-many-addresses", spf("mx", "-ip4:20.0.0.0/8", "~all")),
    bad("spf-uses-ptr", spf("mx", "ptr", "-all")),  # §5.5
    bad("spf-uses-ptr", spf("mx", "include:a.test", "-all", a_test="ptr:a.test ~all")),
    good("spf-uses-ptr", spf("mx", "-all", "ptrs=none")),
    bad("spf-terms-after-all", spf("-all", "mx")),  # §5.1
    bad("spf-terms-after-all", spf("mx", "-all", "redirect=a.test", a_test="-all")),  # §6.1
    good("spf-terms-after-all", spf("mx", "-all", "exp=why.test")),
    bad("spf-mistaken-modifier", spf("mx", "ip4=198.51.100.1", "-all")),  # §6
    bad("spf-mistaken-modifier", spf("mx", "include=_spf.google.com", "-all")),
    good("spf-mistaken-modifier", spf("mx", "-all", "note=1")),
    bad("spf-record-too-long", spf("mx", "-all", "n=" + "x" * (450 - 16))),  # §3.4
    good("spf-record-too-long", spf("mx", "-all", "n=" + "x" * (450 - 17))),
    bad("spf-private-address", spf("mx", "ip4:192.168.7.0/24", "-all")),  # RFC 1918 §3
    bad("spf-private-address", spf("mx", "ip6:fd00::1", "-all")),  # RFC 4193
    good("spf-private-address", spf("mx", "ip4:10.0.0.0/7", "-all"), "spf-too-many-addresses"),  # half of it
    good("spf-private-address", spf("mx", "ip4:172.32.0.0/24", "-all")),
    bad("spf-repeated-term", spf("mx", "MX", "-all")),
    good("spf-repeated-term", spf("mx", "mx/24", "-all")),
    bad("spf-obsolete-record", apex(SPF="v=spf1 -all")),  # §3.1
    bad("spf-obsolete-record", apex(TXT=["v=spf1 mx -all", "spf2.0/mfrom mx -all"])),  # RFC 4406
    bad("spf-obsolete-record", spf("mx", "-all", "ra=postmaster")),  # RFC 6652
    good("spf-obsolete-record", apex(TXT=["v=spf1 mx -all", "spf=2"])),
    bad("spf-behind-alias", {DOMAIN: {"CNAME": "www.host.test"}, "www.host.test": APEX}),  # RFC 1034 §3.6.2
    good(
        "spf-behind-alias",
        {**spf("mx", "include:a.test", "-all", b_test="ip4:198.51.100.7"), "a.test": {"CNAME": "b.test"}},
    ),
    bad(
        "spf-open-on-null-mx", apex(MX="0 .", TXT="v=spf1 a:h1.test -all") | HOSTS, "dmarc-report-undeliverable"
    ),
    good("spf-open-on-null-mx", apex(MX="0 .", TXT="v=spf1 -all"), "dmarc-report-undeliverable"),
    # §2.6
    bad("spf-sender-not-authorised", PTR_9, ips=["203.0.113.9"]),
    good("spf-sender-not-authorised", PTR_7, ips=["198.51.100.7"]),
    bad("spf-tree-complete?", spf("mx", "include:a.test", "-all") | {"a.test": Outcome.SERVFAIL}),  # §2.6.6
    bad("spf-tree-complete?", spf("mx", "a:a.test", "-all") | {"a.test": Outcome.TIMEOUT}),
    good("spf-tree-complete", spf("mx", "include:a.test", "-all", a_test="-all"), "spf-include-empty"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


@pytest.mark.parametrize(
    ("check_id", "changes", "severity"),
    [
        ("spf-missing", apex(TXT=None), Severity.HIGH),
        ("spf-missing", apex(TXT=None, MX="0 ."), Severity.MEDIUM),
        ("spf-missing", apex(TXT=None, MX=Outcome.TIMEOUT), Severity.HIGH),
        # a receiver that stops earlier never meets the limit (facts §1.2)
        ("spf-too-many-lookups", includes(11), Severity.HIGH),
        (
            "spf-too-many-lookups",
            spf("mx", *(f"a:h{n}.test" for n in range(10)), "-all") | HOSTS,
            Severity.HIGH,
        ),
        ("spf-too-many-void-lookups", spf("a:v1.test", "a:v2.test", "a:v3.test", "mx", "-all"), Severity.HIGH),
        (
            "spf-too-many-void-lookups",
            spf("mx", "a:v1.test", "a:v2.test", "a:v3.test", "-all"),
            Severity.MEDIUM,
        ),
    ],
)
def test_severity(check_id: str, changes: dict, severity: Severity) -> None:
    assert fault(audit(changes), check_id).severity is severity


def test_a_worst_case_that_no_known_sender_meets_is_a_warning() -> None:
    tail = {f"e{n}.test": {"TXT": "v=spf1 ~all"} for n in range(10)}
    result = audit(spf("mx", *(f"include:{name}" for name in tail), "-all") | tail)
    finding = fault(result, "spf-too-many-lookups")
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[1].startswith("known senders pass within 1 look-ups")
    assert (
        finding.fix
        == f'{DOMAIN}. TXT "v=spf1 mx {" ".join(f"include:{name}" for name in list(tail)[1:])} -all"'
    )


@pytest.mark.parametrize(
    "changes",
    [
        spf("redirect=a.test", a_test="?all"),
        spf("redirect=a.test", a_test="mx:shop.test"),
        spf("include:a.test", "-all", a_test="+all"),
    ],
)
def test_no_fix_takes_a_redirect_away_or_leaves_the_fault(changes: dict) -> None:
    assert not any(f"{DOMAIN}. TXT" in finding.fix for finding in audit(changes).faults)


@pytest.mark.parametrize(
    ("check_id", "changes", "fix"),
    [
        # nobody loses the right to send by a fix
        (
            "spf-missing",
            apex(TXT='"v=spf1 include:_spf.google.com ~all"'),
            "v=spf1 include:_spf.google.com ~all",
        ),
        ("spf-missing", apex(TXT=None), "v=spf1 mx ~all"),
        ("spf-missing", apex(TXT="x v=spf1 mx", MX="0 ."), "v=spf1 -all"),
        ("spf-allows-everyone", spf("+all", "mx"), "v=spf1 mx ~all"),
        ("spf-mistaken-modifier", spf("mx", "ra=x", "A=h1.test", "-all"), "v=spf1 mx ra=x a:h1.test -all"),
        ("spf-syntax-error", spf("mx", "moo"), "v=spf1 mx ~all"),
        ("spf-include-broken", spf("mx", f"redirect=typo.{DOMAIN}"), "v=spf1 mx ~all"),
        # RFC 7208 §3.3: strings are joined without a space
        ("spf-syntax-error", apex(TXT=[["v=spf1 ip4:192.0.2.10", "mx -all"]]), "v=spf1 ip4:192.0.2.10 mx -all"),
        (
            "spf-include-broken",
            apex(TXT=[["v=spf1 include:_spf.google.com", "include:_spf.google.com -all"]]),
            "v=spf1 include:_spf.google.com include:_spf.google.com -all",
        ),
    ],
)
def test_a_fix_drops_no_sender(check_id: str, changes: dict, fix: str) -> None:
    assert fault(audit(changes), check_id).fix.splitlines()[0] == f'{DOMAIN}. TXT "{fix}"'


def test_ptr_is_replaced_by_hand() -> None:
    assert "TXT" not in fault(audit(spf("ptr", "-all")), "spf-uses-ptr").fix


def test_addresses_written_out_are_named() -> None:
    assert "kept up to date: include:s0.test" in fault(audit(includes(11)), "spf-too-many-lookups").fix


def test_the_ranges_of_a_provider_do_not_count_against_its_customer() -> None:
    wide = spf("include:a.test", "-all", a_test="ip4:20.0.0.0/14 -all")
    assert fault(audit(wide), "spf-too-many-addresses").severity is Severity.INFO
    assert fault(audit(spf("ip4:20.0.0.0/14", "-all")), "spf-too-many-addresses").severity is Severity.LOW


def test_several_records_become_one_that_lets_all_of_them_send() -> None:
    texts = ["v=spf1 mx ip4:198.51.100.1 -all", "v=spf1 include:a.test mx ~all", "v=spf1 redirect=b.test"]
    fix = fault(audit(apex(TXT=texts)), "spf-multiple-records").fix
    assert (
        fix.splitlines()[0] == f'{DOMAIN}. TXT "v=spf1 mx ip4:198.51.100.1 include:a.test include:b.test ~all"'
    )
    strict = fault(audit(apex(TXT=["v=spf1 mx -all", "v=spf1 a -all"])), "spf-multiple-records").fix
    assert strict.splitlines()[0] == f'{DOMAIN}. TXT "v=spf1 mx a -all"'


def test_a_missing_record_names_the_provider_seen_in_mx() -> None:
    fix = fault(audit(apex(TXT=None, MX="1 aspmx.l.google.com")), "spf-missing").fix
    assert fix.startswith(f'{DOMAIN}. TXT "v=spf1 include:_spf.google.com ~all"')


@pytest.mark.parametrize("end", ["all", "+all", "+ALL"])
@pytest.mark.parametrize("first", [["include:gone.test"], ["mx", "mx"], ["ptr"], ["a:nosuch.test", "mx"], []])
def test_no_fix_lets_everybody_send(first: list[str], end: str) -> None:
    audited = audit(spf(*first, end))
    fixes = [
        line for one in audited.faults for line in one.fix.splitlines() if f'{DOMAIN}. TXT "v=spf1' in line
    ]
    assert fixes
    assert not [line for line in fixes if line.lower().endswith((' all"', ' +all"'))]
