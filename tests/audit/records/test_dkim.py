"""DKIM key records: grammar (RFC 6376 §3.6.1) and key strength (RFC 8301, RFC 8463)."""

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records.dkim import DkimKey, KeyStrength, key_strength, parse
from hygiene.errors import RecordError

RSA = rsa.RSAPublicNumbers(e=65537, n=(1 << 2047) + 12345).public_key()
SPKI = RSA.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS1 = RSA.public_bytes(Encoding.DER, PublicFormat.PKCS1)
ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32).public_key()
RAW = ED25519.public_bytes(Encoding.Raw, PublicFormat.Raw)
RECORD = f"v=DKIM1; k=rsa; h=sha256; s=email; t=y:s; n=note; p={base64.b64encode(SPKI).decode()}"


def rsa_der(bits):
    numbers = rsa.RSAPublicNumbers(e=65537, n=(1 << (bits - 1)) + 1)
    return numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def good(text, **fields):
    return pytest.param(text, DkimKey(**{"public_key": b"\x00\x10\x83", **fields}), id=text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        good("p=ABCD"),
        good("p=ABCD;"),
        good(" p = AB CD "),  # FWS inside base64
        good("p=AB\r\n\tCD"),
        good("p=", public_key=b""),  # revoked
        good("v=DKIM1; p=ABCD", version="DKIM1"),
        good("k=RSA; p=ABCD", published_key_type="RSA"),
        good("k=x-new; p=ABCD", published_key_type="x-new"),  # verifiers ignore it, the record is sound
        good("p=ABCD; h=sha1 : sha256", hash_algorithms=("sha1", "sha256")),
        good("p=ABCD; s=*", service_types=("*",)),
        good("p=ABCD; s=email:tlsrpt; t=y:s", service_types=("email", "tlsrpt"), flags=("y", "s")),
        good("p=ABCD; n=", notes=""),
        good("p=ABCD; g=*; P=x", unknown=(("g", "*"), ("P", "x"))),  # names are case-sensitive
    ],
)
def test_good(text, key):
    assert parse(text) == key


def bad(text, reason=""):
    return pytest.param(text, reason, id=repr(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        bad("", "no p="),
        bad("v=DKIM1", "no p="),  # §3.6.1: p is required
        bad("p=ABCD; v=DKIM1", "first"),  # §3.6.1: v, if present, is first
        bad("v=DKIM2; p=ABCD", "exactly"),
        bad("v=dkim1; p=ABCD", "exactly"),  # case-sensitive
        bad("v=; p=ABCD", "exactly"),
        bad("p=ABCD; p=ABCD", "twice"),  # §3.2: a repeated tag spoils the list
        bad("x=1; p=ABCD; x=2", "twice"),
        bad("p=ABCD;; k=rsa", "nothing between"),
        bad("p=ABC", "base64"),  # padding is missing
        bad("p=ABC%", "base64"),
        bad("p==", "base64"),  # padding alone is no revocation
        bad("p=AB==CD", "base64"),
        bad("h=; p=ABCD", "word"),  # key-h-tag needs one algorithm
        bad("h=sha256:; p=ABCD", "word"),
        bad("h=*; p=ABCD", "word"),  # only s= knows *
        bad("t=y s; p=ABCD", "word"),
        bad("k=-rsa; p=ABCD", "word"),
        bad("n=é; p=ABCD", "character"),
        bad("google-site-verification=x", "tag name"),
        bad("v=spf1 -all", "exactly"),
    ],
)
def test_bad(text, reason):
    with pytest.raises(RecordError, match=reason):
        parse(text)


def test_what_applies():
    key = parse(RECORD)
    assert (key.key_type, key.revoked, key.testing, key.serves_email) == ("rsa", False, True, True)
    assert key.accepts_hash("sha256")
    assert not key.accepts_hash("sha1")
    other = parse("s=tlsrpt; p=")
    assert (other.key_type, other.revoked, other.testing, other.serves_email) == ("rsa", True, False, False)
    assert other.accepts_hash("sha1")


@pytest.mark.parametrize(
    ("key_type", "der", "strength"),
    [
        (None, SPKI, KeyStrength("rsa", 2048)),
        ("RSA", PKCS1, KeyStrength("rsa", 2048)),  # the bare RSAPublicKey of old records
        ("rsa", rsa_der(512), KeyStrength("rsa", 512)),
        ("rsa", rsa_der(1023), KeyStrength("rsa", 1023)),
        ("rsa", rsa_der(16_384), KeyStrength("rsa", 16_384)),
        ("ed25519", RAW, KeyStrength("ed25519", 256)),
    ],
)
def test_strength(key_type, der, strength):
    assert key_strength(DkimKey(public_key=der, published_key_type=key_type)) == strength


EC = ec.derive_private_key(7, ec.SECP256R1()).public_key()


@pytest.mark.parametrize(
    ("key_type", "der", "reason"),
    [
        (None, b"", "revoked"),
        (None, b"junk", "RSA public key"),
        (None, SPKI[:-20], "RSA public key"),
        (None, RAW, "RSA public key"),  # k=ed25519 forgotten
        (None, EC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "another type"),
        (None, b"\x30" * 50_000, "longer"),
        ("ed25519", ED25519.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "wraps"),
        ("ed25519", RAW[:31], "32 bytes, this one 31"),
        ("x-new", SPKI, "unknown"),
    ],
)
def test_not_a_key(key_type, der, reason):
    with pytest.raises(RecordError, match=reason):
        key_strength(DkimKey(public_key=der, published_key_type=key_type))


@given(st.binary(max_size=300) | st.builds(lambda cut: SPKI[:cut] + SPKI[cut + 1 :], st.integers(0, 290)))
def test_any_key_bytes(der):
    for key_type in ("rsa", "ed25519"):
        with suppress(RecordError):
            assert key_strength(DkimKey(public_key=der, published_key_type=key_type)).bits > 0


latin1 = st.text(st.characters(max_codepoint=255), max_size=100)
damaged = st.builds(
    lambda record, start, cut, piece: record[:start] + piece + record[start + cut :],
    st.sampled_from([RECORD, "k=ed25519; p=" + base64.b64encode(RAW).decode()]),
    st.integers(0, 120),
    st.integers(0, 9),
    latin1 | st.sampled_from([";", "=", ";;", ",", "!", "\x00", "\r\n ", "\r\n", "%zz", "é"]),
)


@given(latin1 | damaged)
def test_any_text(text):
    try:
        key = parse(text)
    except RecordError:
        return
    assert parse(key.to_text()) == key


words = st.from_regex(r"[A-Za-z]([A-Za-z0-9-]{0,8}[A-Za-z0-9])?", fullmatch=True)
colon_lists = st.none() | st.lists(words, min_size=1, max_size=3).map(tuple)
notes = st.from_regex(r"|[!-:<-~]([ -:<-~]{0,20}[!-:<-~])?", fullmatch=True)
keys = st.builds(
    DkimKey,
    public_key=st.binary(max_size=300),
    version=st.sampled_from([None, "DKIM1"]),
    published_key_type=st.none() | words,
    hash_algorithms=colon_lists,
    service_types=colon_lists | st.just(("*",)),
    flags=colon_lists,
    notes=st.none() | notes,
    unknown=st.dictionaries(st.from_regex("x[a-z0-9_]{0,5}", fullmatch=True), notes, max_size=3).map(
        lambda found: tuple(found.items())
    ),
)


@given(keys)
def test_round_trip(key):
    assert parse(key.to_text()) == key
