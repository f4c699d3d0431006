"""The logo (SVG Tiny PS) and the mark certificate of a BIMI record."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records.bimi_assets import (
    LOGOTYPE_EXTENSION,
    MARK_EKU,
    MARK_TYPE,
    MAX_PROBLEMS,
    MarkCertificate,
    check_certificate,
    check_logo,
)

SVG = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.2" '
    'baseProfile="tiny-ps" viewBox="0 0 64 64"><title>Shop</title>'
    '<defs><g id="a"/></defs><use xlink:href="#a" fill="url(#b)"/><circle r="9"/></svg>'
)
BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + SVG[SVG.index("<svg") :]


def test_sound_logos():
    assert check_logo(SVG.encode()) == ()
    assert check_logo(SVG.replace("0 0 64 64", " -1,-1 , 8.5 8.5 ").encode()) == ()
    assert check_logo(SVG.replace("UTF-8", "utf-16").encode("utf-16")) == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('version="1.2"', "", 'version="1.2"'),
        ('version="1.2"', 'version="1.1"', 'version="1.2"'),
        ("tiny-ps", "tiny", "baseProfile"),
        ("<title>Shop</title>", "", "title"),
        ("Shop", " ", "title"),
        ("<title>Shop</title>", "<g><title>Shop</title></g>", "title"),  # must be the root's own
        ("http://www.w3.org/2000/svg", "http://example.com/", "namespace"),
        ("viewBox", "x='0' viewBox", "an x attribute"),
        ("viewBox", "y='0' viewBox", "an y attribute"),
        ("viewBox", "viewbox", "no viewBox"),
        ("0 0 64 64", "0 0 64 65", "not square"),
        ("0 0 64 64", "0 0 0 0", "not square"),
        ("0 0 64 64", "0 0 inf inf", "not square"),
        ("0 0 64 64", "0 0 nan nan", "not square"),
        ("0 0 64 64", "0 0 64", "four numbers"),
        ("0 0 64 64", "", "four numbers"),
        ("<circle", "<script>x</script><circle", "a script"),
        ("<circle", "<circle onclick='x'", "onclick"),
        ("<circle", "<animate/><circle", "animation"),
        ("<circle", "<set/><circle", "animation"),
        ("<circle", "<image xlink:href='#a'/><circle", "embedded image"),
        ("<circle", "<foreignObject/><circle", "foreign"),
        ("#a", "https://example.com/x.svg", "outside"),
        ("#a", "data:image/png;base64,AAAA", "outside"),
        ("url(#b)", "url( 'https://example.com/')", "fill refers"),
        ("<circle", "<style>@import 'x.css'</style><circle", "a style"),
        ("<svg", '<?xml-stylesheet href="x.css"?><svg', "style sheet"),
        ("</svg>", "", "well-formed"),
        ("UTF-8", "klingon", "well-formed"),
        ("<circle", "&nbsp;<circle", "well-formed"),
    ],
)
def test_logo_problems(old, new, problem):
    assert old in SVG
    assert any(problem in found for found in check_logo(SVG.replace(old, new, 1).encode()))


def test_logo_as_a_file():
    assert "gzip" in check_logo(gzip.compress(SVG.encode()))[0]
    assert "32768" in check_logo(SVG.encode() + b" " * 32_768)[0]
    assert len(check_logo(b" " * 2_000_000)) == 1
    assert "entities" in check_logo(BOMB.encode())[0]
    assert "entities" in check_logo(BOMB.replace('"aaaaaaaaaa"', 'SYSTEM "file:///etc/passwd"').encode())[0]
    assert "well-formed" in check_logo(b"")[0]


def test_deep_nesting_and_many_problems():
    deep = SVG.replace("<circle", "<g>" * 50_000 + "</g>" * 50_000 + "<circle")
    assert len(check_logo(deep.encode())) == 1  # its size
    loud = SVG.replace("<circle", "<circle " + " ".join(f"on{number}='x'" for number in range(999)))
    assert len(check_logo(loud.encode())) == MAX_PROBLEMS


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_no_logo(svg):
    assert check_logo(svg)


@given(st.integers(0, len(SVG)), st.integers(0, len(SVG)), st.binary(max_size=5))
def test_damaged_logo(start, end, piece):
    assert isinstance(check_logo(SVG.encode()[:start] + piece + SVG.encode()[end:]), tuple)


NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = ec.derive_private_key(7, ec.SECP256R1())


def pem(*, mark="Registered Mark", names=("shop.example",), usage=MARK_EKU, logo=True, days=365):
    attributes = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Shop")]
    if mark:
        attributes.append(x509.NameAttribute(x509.ObjectIdentifier(MARK_TYPE), mark))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA")]))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW - timedelta(days=30) + timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False
        )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(usage)]), False)
    if logo:
        unread = x509.UnrecognizedExtension(x509.ObjectIdentifier(LOGOTYPE_EXTENSION), b"0\x00")
        builder = builder.add_extension(unread, False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def judge(content, domain="shop.example", now=NOW):
    return check_certificate(content, domain=domain, selector="default", now=now)


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("Registered Mark", "VMC"),
        ("government mark", "VMC"),
        ("Prior Use Mark", "CMC"),
        ("Modified Registered Mark", "CMC"),
        ("Something Else", "unknown"),
        ("", "unknown"),
    ],
)
def test_kind(mark, kind):
    found = judge(pem(mark=mark))
    assert found.kind == kind
    assert bool(found.problems) is (kind == "unknown")


def test_what_is_read():
    found = judge(pem(names=("Shop.example", "www.shop.example")) + pem())  # a chain: the first counts
    assert found.domains == ("shop.example", "www.shop.example")
    assert found.not_before == NOW - timedelta(days=30)
    assert found.not_after == NOW + timedelta(days=335)
    assert "O=Shop" in found.subject
    assert found.problems == ()


@pytest.mark.parametrize(
    ("names", "covered"),
    [
        (("shop.example",), True),
        (("other.example", "SHOP.example"), True),
        (("default._bimi.shop.example",), True),
        (("news._bimi.shop.example",), False),  # another selector
        (("*.example",), False),
        (("www.shop.example",), False),
        ((), False),
    ],
)
def test_domains(names, covered):
    assert any("it is for" in problem for problem in judge(pem(names=names)).problems) is not covered


@pytest.mark.parametrize(
    ("content", "now", "problem"),
    [
        (pem(usage=None), NOW, "extended key usage"),
        (pem(usage="1.3.6.1.5.5.7.3.1"), NOW, "extended key usage"),
        (pem(logo=False), NOW, "logotype"),
        (pem(days=10), NOW, "expired on 2026-05-12"),
        (pem(), NOW - timedelta(days=99), "not valid before 2026-05-02"),
        (pem(), datetime(2030, 1, 1), "expired"),  # a naive time counts as UTC
    ],
)
def test_certificate_problems(content, now, problem):
    (found,) = judge(content, now=now).problems
    assert problem in found


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x" * 300_000]
)
def test_no_certificate(content):
    found = judge(content)
    assert found == MarkCertificate(problems=found.problems)
    assert len(found.problems) == 1


SOUND = pem()


@given(st.integers(30, len(SOUND) - 30), st.binary(min_size=1, max_size=4))
def test_damaged_certificate(place, piece):
    assert isinstance(judge(SOUND[:place] + piece + SOUND[place + len(piece) :]), MarkCertificate)
