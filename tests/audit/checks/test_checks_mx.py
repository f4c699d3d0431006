"""Checks of MX records (RFC 5321 §5, RFC 7505)."""

import pytest

from hygiene.finding import Severity
from hygiene.resolver import Outcome

from .shop_zone import DOMAIN, MX_IP, Case, apex, audit, bad, dmarc, fault, found, good

QUIET = dmarc("v=DMARC1; p=reject; rua=mailto:r@mx.shop.test")  # reports do not depend on the domain's MX
STRICT_STS = {f"_mta-sts.{DOMAIN}": None}
FIXED_SPF = "v=spf1 ip4:192.0.2.10 -all"


def hosts(*exchanges: str, **others: object) -> dict:
    """Other MX records; MTA-STS goes away, as its policy names the old host."""
    return {**apex(MX=list(exchanges), TXT=FIXED_SPF), **STRICT_STS, **others}


CASES = [
    # an MX of somebody else's that nobody owns: whoever registers gone.test gets the mail
    bad(
        "mx-registrable",
        apex(MX=[f"10 mx.{DOMAIN}", "20 mail.gone.test"]),
        "mx-without-address",
        "spf-void-lookup",
        "mta-sts-host-not-covered",
    ),
    good(  # the domain is there, only this host is not
        "mx-registrable",
        apex(MX=[f"10 mx.{DOMAIN}", "20 mail.a.test"]) | {"a.test": {"NS": "ns.a.test"}},
        "mx-without-address",
        "spf-void-lookup",
        "mta-sts-host-not-covered",
    ),
    # RFC 5321 §5.1: without MX the name's own address counts
    bad("mx-missing", apex(MX=None, TXT=FIXED_SPF) | QUIET),
    good("mx-missing", apex(MX=None, TXT=FIXED_SPF, A=MX_IP) | STRICT_STS, "mx-implicit", "mta-sts-missing"),
    good("mx-missing", apex(MX="0 .", TXT="v=spf1 -all") | QUIET),
    bad("mx-implicit", apex(MX=None, TXT=FIXED_SPF, A=MX_IP) | STRICT_STS, "mta-sts-missing"),
    good("mx-implicit", apex(A="192.0.2.80")),
    # RFC 7505 §3: exactly one record, "0 ."
    bad("mx-null-with-others", apex(MX=["0 .", f"10 mx.{DOMAIN}"])),
    good("mx-null-with-others", apex(MX="0 .", TXT="v=spf1 -all") | QUIET),
    # RFC 2181 §10.3
    bad("mx-is-alias", hosts("10 in.test", **{"in.test": {"CNAME": f"mx.{DOMAIN}"}}), "mta-sts-missing"),
    good("mx-is-alias", hosts("10 in.test", **{"in.test": {"A": MX_IP}}), "mta-sts-missing"),
    # RFC 1035 §3.3.9
    bad("mx-ip-address", hosts(f"10 {MX_IP}"), "mta-sts-missing"),
    bad("mx-ip-address", hosts("10 [192.0.2.10]"), "mta-sts-missing"),
    good("mx-ip-address", hosts("10 a10.test", **{"a10.test": {"A": MX_IP}}), "mta-sts-missing"),
    # RFC 5321 §2.3.5
    bad("mx-invalid-name", hosts("10 mx_1.test", **{"mx_1.test": {"A": MX_IP}}), "mta-sts-missing"),
    bad("mx-invalid-name", hosts("10 mail", mail={"A": MX_IP}), "mta-sts-missing"),
    good("mx-invalid-name", hosts("10 1-x.test", **{"1-x.test": {"A": MX_IP}}), "mta-sts-missing"),
    bad("mx-duplicate", apex(MX=[f"10 mx.{DOMAIN}", f"20 MX.{DOMAIN}."])),
    good("mx-duplicate", hosts(f"10 mx.{DOMAIN}", "10 b.test", **{"b.test": {"A": MX_IP}}), "mta-sts-missing"),
    bad("mx-without-address", hosts(f"10 mx.{DOMAIN}", "20 gone.test"), "mta-sts-missing", "mx-registrable"),
    good(
        "mx-without-address",
        hosts(
            "10 six.test",
            **{
                "six.test": {"AAAA": "2001:db8::6"},
                "6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": "six.test"},
            },
        ),
        "mta-sts-missing",
    ),
    bad(
        "mx-private-address", hosts("10 in.test", **{"in.test": {"A": "10.0.0.1"}}), "mta-sts-missing"
    ),  # RFC 1918 §3
    bad(
        "mx-private-address", hosts("10 in.test", **{"in.test": {"A": [MX_IP, "127.0.0.1"]}}), "mta-sts-missing"
    ),
    good(
        "mx-private-address",
        hosts("10 in.test", **{"in.test": {"A": "172.32.0.1"}, "1.0.32.172.in-addr.arpa": {"PTR": "in.test"}}),
        "mta-sts-missing",
    ),
    # no answer is no fault
    bad(
        "mx-hosts-answered?",
        hosts(f"10 mx.{DOMAIN}", "20 slow.test", **{"slow.test": Outcome.TIMEOUT}),
        "mta-sts-missing",
    ),
    good("mx-hosts-answered", {f"mx.{DOMAIN}": {"A": MX_IP, "AAAA": Outcome.SERVFAIL}}),  # one family is enough
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


@pytest.mark.parametrize(
    ("check_id", "changes", "severity"),
    [
        ("mx-missing", apex(MX=None, TXT=FIXED_SPF), Severity.MEDIUM),
        ("mx-missing", apex(MX=None, TXT="v=spf1 -all"), Severity.LOW),  # says that it sends no mail
        ("mx-without-address", hosts("10 gone.test"), Severity.CRITICAL),
        ("mx-without-address", hosts(f"10 mx.{DOMAIN}", "20 gone.test"), Severity.MEDIUM),
        ("mx-private-address", hosts("10 in.test", **{"in.test": {"A": "10.0.0.1"}}), Severity.HIGH),
        ("mx-private-address", hosts("10 in.test", **{"in.test": {"A": [MX_IP, "10.0.0.1"]}}), Severity.MEDIUM),
    ],
)
def test_severity(check_id: str, changes: dict, severity: Severity) -> None:
    assert fault(audit(changes), check_id).severity is severity
