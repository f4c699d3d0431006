"""Checks of BIMI (draft-brand-indicators-for-message-identification); all of it is optional."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hygiene.web import FetchOutcome

from .shop_zone import DOMAIN, Case, audit, bad, dmarc, found, good, page

NAME = f"default._bimi.{DOMAIN}"
LOGO, PEM = f"https://{DOMAIN}/logo.svg", f"https://{DOMAIN}/mark.pem"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps" viewBox="0 0 64 64">'
    b'<title>Shop</title><circle r="9"/></svg>'
)
RUA = f"rua=mailto:dmarc@{DOMAIN}"


def mark_certificate() -> bytes:
    """Enough of a VMC: our checks read its purpose, names, dates and the logotype extension."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Shop"),
            x509.NameAttribute(x509.ObjectIdentifier("1.3.6.1.4.1.53087.1.13"), "Registered Mark"),
        ]
    )
    now = datetime.now(UTC)
    purpose = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.31")])
    logotype = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.12"), b"\x30\x00")
    builder = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - timedelta(days=9), now + timedelta(days=9)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(DOMAIN)]), critical=False)
        .add_extension(purpose, critical=False)
        .add_extension(logotype, critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


PAGES = page(LOGO, SVG, kind="image/svg+xml") | page(PEM, mark_certificate(), kind="application/x-pem-file")
RECORD = f"v=BIMI1; l={LOGO}; a={PEM}"


def bimi(record: str = RECORD) -> dict:
    return {NAME: {"TXT": record}}


CASES = [
    bad("bimi-invalid-record", bimi("v=BIMI1; l=http://a.test/x.svg")),
    bad("bimi-invalid-record", bimi("v=BIMI1;")),
    bad("bimi-invalid-record", {NAME: {"TXT": [RECORD, RECORD + ";"]}}),
    good("bimi-invalid-record", bimi(), pages=PAGES),
    good("bimi-invalid-record", bimi("v=bimi1; l=")),  # not a BIMI record at all
    # draft §7: quarantine or reject for all mail, subdomains too, whoever reads it
    bad(
        "bimi-without-enforcement", bimi() | dmarc(f"v=DMARC1; p=none; {RUA}"), "dmarc-policy-none", pages=PAGES
    ),
    bad(
        "bimi-without-enforcement",
        bimi() | dmarc(f"v=DMARC1; p=quarantine; pct=50; {RUA}"),
        "dmarc-removed-tag",
        pages=PAGES,
    ),
    bad(
        "bimi-without-enforcement",
        bimi() | dmarc(f"v=DMARC1; p=reject; sp=none; {RUA}"),
        "dmarc-weak-subdomains",
        pages=PAGES,
    ),
    bad("bimi-without-enforcement", bimi() | dmarc(), "dmarc-missing", pages=PAGES),
    good("bimi-without-enforcement", bimi() | dmarc(f"v=DMARC1; p=quarantine; {RUA}"), pages=PAGES),
    good(
        "bimi-without-enforcement",
        bimi("v=BIMI1; l=; a=;") | dmarc(f"v=DMARC1; p=none; {RUA}"),
        "dmarc-policy-none",
    ),
    bad("bimi-logo", bimi(), pages=PAGES | page(LOGO, SVG.replace(b"tiny-ps", b"full"))),
    bad("bimi-logo", bimi(), pages=PAGES | page(LOGO, SVG.replace(b"<circle", b"<script>x</script><circle"))),
    bad("bimi-logo", bimi(), pages=PAGES | page(LOGO, status=404)),
    bad("bimi-logo", bimi(), pages=PAGES | page(LOGO, status=None, outcome=FetchOutcome.PRIVATE_ADDRESS)),
    bad("bimi-logo?", bimi(), pages=PAGES | page(LOGO, status=None, outcome=FetchOutcome.TIMEOUT)),
    good("bimi-logo", bimi(), pages=PAGES),
    bad("bimi-certificate", bimi(f"v=BIMI1; l={LOGO}"), pages=PAGES),  # Gmail and Apple show nothing
    bad("bimi-certificate", bimi(), pages=PAGES | page(PEM, b"hello")),
    bad("bimi-certificate?", bimi(), pages=PAGES | page(PEM, status=None, outcome=FetchOutcome.UNRESOLVED)),
    good("bimi-certificate", bimi(), pages=PAGES),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds


def test_bimi_never_costs_a_grade() -> None:
    result = audit(bimi("v=BIMI1;"))
    assert all(one.optional for one in result.findings)
    assert str(result.grade) == "A"
