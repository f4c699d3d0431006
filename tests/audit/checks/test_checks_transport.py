"""Checks of MTA-STS (RFC 8461), TLS-RPT (RFC 8460), DNSSEC, DANE (RFC 7672) and STARTTLS (RFC 3207)."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hygiene.finding import Severity
from hygiene.resolver import Outcome
from hygiene.web import FetchOutcome

from .shop_zone import (
    DOMAIN,
    POLICY,
    POLICY_URL,
    Case,
    apex,
    audit,
    bad,
    fault,
    found,
    good,
    greeting,
    page,
    sts_policy,
)

STS, RPT, TLSA = f"_mta-sts.{DOMAIN}", f"_smtp._tls.{DOMAIN}", f"_25._tcp.mx.{DOMAIN}"
MX_LINE = f"mx: mx.{DOMAIN}"
DNSKEY, DS = "257 3 13 mdsswUyr3DPW", "12345 13 2 49FD46E6"


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"mx.{DOMAIN}")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


DER = certificate()
SPKI = (
    x509.load_der_x509_certificate(DER)
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)


def tlsa(*records: str) -> dict:
    return {TLSA: {"TLSA": list(records)}}


def policy(*lines: str) -> dict:
    return {"pages": page(POLICY_URL, sts_policy(*lines))}


def smtp(**fields: object) -> dict:
    return {"smtp": True, "greetings": (greeting(**fields),)}


MATCHING = tlsa(f"3 1 1 {hashlib.sha256(SPKI).hexdigest().upper()}")
OTHER = tlsa(f"3 1 1 {'00' * 32}")

CASES = [
    # RFC 8461 §3.2: each key once; RFC 7672 §2.1.2: without TLSA answers mail is put off
    bad("mta-sts-odd-line", pages=page(POLICY_URL, POLICY + b"max_age: 86400\r\n")),
    good("mta-sts-odd-line", pages=page(POLICY_URL, POLICY + b"future: yes\r\n")),
    bad("dane-hosts-answered?", {f"_25._tcp.mx.{DOMAIN}": Outcome.SERVFAIL}),
    good("dane-hosts-answered", {f"_25._tcp.mx.{DOMAIN}": {"A": "192.0.2.1"}}),
    # RFC 8461 §3.1
    bad("mta-sts-missing", {STS: None}),
    bad("mta-sts-missing", {STS: {"TXT": "hello"}}),
    good("mta-sts-missing", {STS: None} | OTHER),  # DANE protects as well
    bad("mta-sts-invalid-record", {STS: {"TXT": "v=STSv1; id=2026-01-01;"}}),
    bad("mta-sts-invalid-record", {STS: {"TXT": "v=STSv1;"}}),
    bad("mta-sts-invalid-record", {STS: {"TXT": ["v=STSv1; id=1;", "v=STSv1; id=2;"]}}),
    good("mta-sts-invalid-record", {STS: {"TXT": ["v=STSv1; id=1", "hello"]}}),
    # RFC 8461 §3.3: status 200 only, no redirects, a valid certificate
    bad("mta-sts-unusable-policy", pages=page(POLICY_URL, POLICY, status=404)),
    bad(
        "mta-sts-unusable-policy",
        pages=page(POLICY_URL, outcome=FetchOutcome.REDIRECT, location="https://a.test/"),
    ),
    bad("mta-sts-unusable-policy", pages=page(POLICY_URL, outcome=FetchOutcome.TLS, detail="expired")),
    bad("mta-sts-unusable-policy", **policy("mode: enforce", "max_age: 604800")),  # no mx
    bad("mta-sts-unusable-policy", **policy(MX_LINE, "mode: strict", "max_age: 604800")),
    bad("mta-sts-unusable-policy", **policy(MX_LINE, "mode: enforce", "max_age: 31557601")),
    bad("mta-sts-unusable-policy?", pages=page(POLICY_URL, status=None, outcome=FetchOutcome.TIMEOUT)),
    good("mta-sts-unusable-policy", **policy("mode: enforce", MX_LINE, "max_age: 31557600", "x: y")),
    # §4.1: "*." is exactly one label
    bad("mta-sts-host-not-covered", **policy("mode: enforce", f"mx: {DOMAIN}", "max_age: 604800")),
    bad("mta-sts-host-not-covered", **policy("mode: enforce", "mx: *.test", "max_age: 604800")),
    good("mta-sts-host-not-covered", **policy("mode: enforce", f"mx: *.{DOMAIN}", "max_age: 604800")),
    good(
        "mta-sts-host-not-covered",
        None,
        "mta-sts-not-enforced",
        **policy("mode: none", "mx: a.test", "max_age: 604800"),
    ),
    bad("mta-sts-not-enforced", **policy("mode: testing", MX_LINE, "max_age: 604800")),  # §5
    good("mta-sts-not-enforced", **policy("mode: enforce", MX_LINE, "max_age: 604800")),
    bad("mta-sts-short-lived", **policy("mode: enforce", MX_LINE, "max_age: 86399")),  # §3.2
    good("mta-sts-short-lived", **policy("mode: enforce", MX_LINE, "max_age: 86400")),
    bad("mta-sts-content-type", pages=page(POLICY_URL, POLICY, kind="text/html")),
    good("mta-sts-content-type", pages=page(POLICY_URL, POLICY, kind="Text/Plain; charset=utf-8")),
    # RFC 8460 §3
    bad("tls-rpt-missing", {RPT: None}),
    good("tls-rpt-missing", {RPT: {"TXT": "v=TLSRPTv1; rua=https://a.test/x"}}),
    bad("tls-rpt-invalid", {RPT: {"TXT": "v=TLSRPTv1"}}),
    bad("tls-rpt-invalid", {RPT: {"TXT": "v=TLSRPTv1; rua=ftp://a.test/"}}),
    bad(
        "tls-rpt-invalid",
        {RPT: {"TXT": ["v=TLSRPTv1; rua=mailto:a@a.test", "v=TLSRPTv1; rua=mailto:b@a.test"]}},
    ),
    good("tls-rpt-invalid", {RPT: {"TXT": ["v=TLSRPTv1; rua=mailto:a@a.test", "hello"]}}),
    # RFC 4033, 4035: what a resolver can know
    bad("dnssec-bogus", bogus=frozenset({"DNSKEY"})),
    good("dnssec-bogus", apex(DNSKEY=DNSKEY, DS=DS), signed=False),  # this resolver does not validate
    bad("dnssec-without-ds", apex(DNSKEY=DNSKEY), signed=False),
    good("dnssec-without-ds", apex(DNSKEY=DNSKEY, DS=DS), signed=False),
    bad("dnssec-unsigned", signed=False),
    good("dnssec-unsigned", apex(DS=Outcome.TIMEOUT), "dnssec-unknown?", signed=False),
    good("dnssec-unsigned", apex(DS=DS), "dnssec-unknown?", signed=False),  # resolvers may drop DNSKEY
    # RFC 7672 §2.2: counts only with signed MX and TLSA
    bad("dane-without-dnssec", OTHER, "dnssec-unsigned", signed=False),
    good("dane-without-dnssec", OTHER),
    bad("dane-unusable", tlsa(f"1 0 1 {'00' * 32}")),  # §3.1.3: only DANE-TA and DANE-EE
    good("dane-unusable", tlsa(f"1 0 1 {'00' * 32}", f"2 0 1 {'00' * 32}")),
    bad("dane-mismatch", OTHER, **smtp(certificate=DER.hex())),  # §3
    good("dane-mismatch", MATCHING, **smtp(certificate=DER.hex())),
    good("dane-mismatch", tlsa(f"3 0 2 {hashlib.sha512(DER).hexdigest()}"), **smtp(certificate=DER.hex())),
    good("dane-mismatch", OTHER | tlsa(f"2 0 1 {'00' * 32}"), **smtp(certificate=DER.hex())),  # needs the chain
    # RFC 3207 §4, RFC 7817 §3, RFC 8996 §1
    bad("starttls-missing", **smtp(starttls=False, tls_version="")),
    bad("starttls-missing?", smtp=True),  # port 25 out of reach is "not tested"
    good("starttls-missing", **smtp()),
    bad("starttls-certificate", **smtp(certificate_problem="certificate has expired")),
    good("starttls-certificate", **smtp(certificate_problem="")),
    bad("starttls-old-version", **smtp(tls_version="TLSv1.1")),
    good("starttls-old-version", **smtp(tls_version="TLSv1.2")),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


@pytest.mark.parametrize(
    ("mode", "check_id", "settings", "severity"),
    [
        ("enforce", "mta-sts-host-not-covered", {}, Severity.HIGH),
        ("testing", "mta-sts-host-not-covered", {}, Severity.MEDIUM),
        ("enforce", "starttls-certificate", smtp(certificate_problem="expired"), Severity.HIGH),
        ("testing", "starttls-certificate", smtp(certificate_problem="expired"), Severity.LOW),
    ],
)
def test_an_enforced_policy_makes_it_worse(
    mode: str, check_id: str, settings: dict, severity: Severity
) -> None:
    result = audit(**settings, **policy(f"mode: {mode}", "mx: old.test", "max_age: 604800"))
    assert fault(result, check_id).severity is severity


def test_a_certificate_is_judged_although_mta_sts_was_silent() -> None:
    result = audit({STS: Outcome.TIMEOUT}, **smtp(certificate_problem="expired"))
    assert found(result) == {"starttls-certificate", "mta-sts-unknown?"}


def test_optional_findings_never_change_the_grade() -> None:
    result = audit({STS: None, RPT: None}, signed=False)
    assert {one.id for one in result.faults} == {"mta-sts-missing", "tls-rpt-missing", "dnssec-unsigned"}
    assert str(result.grade) == "A"
