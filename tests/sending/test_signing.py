"""DKIM signatures that others verify: dkimpy, and our own audit."""

import base64
import re
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.audit.dkim_verification import why_not_verified
from hygiene.audit.message import read_message
from hygiene.audit.records.dkim import parse as parse_key
from hygiene.config import AccountSettings
from hygiene.dkim_canonical import canonical_body, canonical_field
from hygiene.errors import HygieneError
from hygiene.sending.letter import Mailbox
from hygiene.sending.message import build
from hygiene.sending.signing import Signer, sign
from hygiene.sending.signing_keys import account_signers, load_signers
from tests.sending.test_message import letter

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
RSA = rsa.generate_private_key(65_537, 2048)
KEYS = {
    "rsa": Signer("shop.example", "s1", RSA),
    "ed25519": Signer("shop.example", "s2", ed25519.Ed25519PrivateKey.generate()),
}


def verified(message, signer, index=0):
    def txt(name, timeout=5):
        assert name.rstrip(b".").decode() == signer.name
        return signer.public_record().encode()

    try:
        return dkim.DKIM(message).verify(index, dnsfunc=txt)
    except dkim.ValidationError:
        return False


def own_verdicts(message, *signers):
    read = read_message(message)
    return [
        why_not_verified(read, signature, parse_key(signer.public_record()))
        for signature, signer in zip(read.signatures, signers, strict=True)
    ]


lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)


@settings(max_examples=40)
@given(subject=lines, text=st.lists(lines, max_size=8).map("\n".join), kind=st.sampled_from(list(KEYS)))
def test_signatures_hold(subject, text, kind):
    signed = sign(build(letter(subject=subject, text=text)), [KEYS[kind]], NOW)
    assert verified(signed, KEYS[kind])
    assert own_verdicts(signed, KEYS[kind]) == [""]


@pytest.mark.parametrize("body", ["", "\n\n", "a  b\tc \n", " \n\n x\n\n\n", "x"])
def test_bodies_that_relaxing_changes(body):
    signed = sign(build(letter(text=body, html="")), [KEYS["rsa"]], NOW)
    assert verified(signed, KEYS["rsa"])
    assert own_verdicts(signed, KEYS["rsa"]) == [""]


def test_two_keys_sign_side_by_side():
    both = tuple(KEYS.values())
    signed = sign(build(letter()), both, NOW)
    assert all(verified(signed, signer, number) for number, signer in enumerate(both))
    assert own_verdicts(signed, *both) == ["", ""]


CHANGES = {
    "the subject": (b"Subject: Hello", b"Subject: Hallo"),
    "a second From": (b"\r\nTo:", b"\r\nFrom: evil@example.com\r\nTo:"),
    "an added Reply-To": (b"\r\nTo:", b"\r\nReply-To: evil@example.com\r\nTo:"),
    "the body": (b"<p>", b"<b>"),
    "how to leave": (b"List-Unsubscribe: <https", b"List-Unsubscribe: <http"),
}


@pytest.mark.parametrize(("old", "new"), CHANGES.values(), ids=CHANGES)
def test_what_was_signed_cannot_be_changed(old, new):
    headers = {
        "List-Unsubscribe": "<https://shop.example/u/x>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    signed = sign(build(letter(headers=headers)), [KEYS["rsa"]], NOW)
    assert verified(signed, KEYS["rsa"])
    changed = signed.replace(old, new, 1)
    assert changed != signed
    assert not verified(changed, KEYS["rsa"])
    assert own_verdicts(changed, KEYS["rsa"]) != [""]


def test_both_fields_of_one_click_are_signed():
    """RFC 8058 §4."""
    headers = {
        "List-Unsubscribe": "<https://shop.example/u/x>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    (signature,) = read_message(sign(build(letter(headers=headers)), [KEYS["rsa"]], NOW)).signatures
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(signature.headers)
    assert signature.headers.count("from") == 2


def test_without_keys_nothing_is_signed():
    assert sign(b"From: a\r\n\r\n", (), NOW) == b"From: a\r\n\r\n"


def pem(key, encryption=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def test_keys_are_loaded(tmp_path):
    place = tmp_path / "key.pem"
    place.write_bytes(pem(RSA))
    (signer,) = load_signers([f"S1._domainkey.Shop.example = file:{place}"])
    assert (signer.name, signer.public_key()) == ("s1._domainkey.shop.example", KEYS["rsa"].public_key())
    assert "PRIVATE" not in repr(signer)


#: 512 bits, as nobody may sign with (and as `cryptography` makes none any more)
SHORT = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBAMteCrBWzpng46/5NOF0weq33ynQFcMagoWifgN57DQuqq1nNqQv
/mWYxYSfNJWPW7D/Kmh7k/9RRl/zZS4EdiECAwEAAQJASUxS4+3VtyaUSgezJJOV
lQjCuWpTfaefZZUEgDJAjSmj3bjJ3kSG2U9f5m+ryGsEjke8YuTZZJSSggnyaj51
wQIhAPTSLto7mB+u0lsD2YX9fwhvab0dNSwDSiWvfQuxUGNZAiEA1KdKAmZgx7UB
jkJOxGNL7vh9hbc0zW6/GT95IUTxuAkCIQDH6GCNnp/nLw9hdlFGkeoK7z6+R31F
hSIkh5lp1M25cQIgf4N4q4u8SMRPFIDKPpTUOY2jpwS+ktjvmjInbj2rPBECIQDO
gesrUNJI5O6ewlu2xOUgoVfUHTBYNpBIwETZ5PHJiw==
-----END RSA PRIVATE KEY-----
"""
WRONG = {
    "encrypted": (pem(RSA, BestAvailableEncryption(b"x")), "is encrypted"),
    "no key": (b"hello", "no private key"),
    "nothing": (b"", "no private key"),
    "octets": (bytes(range(256)), "no private key"),
    "cut short": (pem(RSA)[:700], "no private key"),
    "another kind": (pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
    "the public one": (
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "holds the public key",
    ),
    "too short": (SHORT, "512 bits"),
    "missing": (None, "cannot be read"),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG)
def test_keys_that_cannot_sign(tmp_path, content, said):
    place = tmp_path / "key.pem"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(HygieneError, match=said) as raised:
        load_signers([f"s1._domainkey.shop.example=file:{place}"])
    assert len(str(raised.value).splitlines()) == 1
    assert str(place) in str(raised.value)


def test_a_folder_is_no_key(tmp_path):
    with pytest.raises(HygieneError, match="cannot be read"):
        load_signers([f"s1._domainkey.shop.example=file:{tmp_path}"])


def test_an_ed25519_key_as_base64(tmp_path):
    """As dknewkey and rspamadm write it."""
    key = KEYS["ed25519"].key
    place = tmp_path / "key"
    place.write_bytes(base64.b64encode(key.private_bytes_raw()) + b"\n")
    (signer,) = load_signers([f"2026.s2._domainkey.bücher.example=file:{place}"])
    assert signer.public_record() == KEYS["ed25519"].public_record()
    assert signer.name == "2026.s2._domainkey.xn--bcher-kva.example"


def test_no_key_signs_twice(tmp_path):
    place = tmp_path / "key.pem"
    place.write_bytes(pem(RSA))
    entry = f"s1._domainkey.shop.example=file:{place}"
    with pytest.raises(HygieneError, match="twice"):
        load_signers([entry, f"S1._domainkey.Shop.Example=file:{place}"])


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "s1.shop.example=file:x",
        "s1._domainkey.shop.example=x",
        "s1._domainkey.=file:x",
        "s1;d=evil._domainkey.shop.example=file:x",
        "s..1._domainkey.shop.example=file:x",
        "._domainkey.shop.example=file:x",
    ],
)
def test_entries_that_name_no_key(entry):
    with pytest.raises(HygieneError, match="names no key"):
        load_signers([entry])


def test_an_address_with_a_name_is_signed_too():
    signed = sign(build(letter(to=Mailbox(address="a@example.com", name="Zoë"))), [KEYS["rsa"]], NOW)
    assert verified(signed, KEYS["rsa"])


@pytest.mark.parametrize("domain", ["example", "a..example", "x;y.example", "\ud800.example", "ü" * 300])
def test_domains_that_cannot_be(tmp_path, domain):
    with pytest.raises(HygieneError) as raised:
        load_signers([f"s1._domainkey.{domain}=file:{tmp_path}/x"])
    assert len(str(raised.value).splitlines()) == 1


def test_t_and_x_are_as_told():
    (signature,) = read_message(sign(build(letter()), [KEYS["rsa"]], NOW, valid_for_s=3600)).signatures
    tags = dict(each.strip().split("=", 1) for each in signature.field.value.split(";"))
    assert (tags["t"], tags["x"]) == (str(int(NOW.timestamp())), str(int(NOW.timestamp()) + 3600))
    assert not {"l", "i", "q"} & set(tags)
    assert verified(sign(build(letter()), [KEYS["rsa"]], NOW, valid_for_s=10**9), KEYS["rsa"])


SEALED = "From To Cc Subject Date Message-ID Reply-To MIME-Version Content-Type Content-Transfer-Encoding"


@pytest.mark.parametrize("name", [*SEALED.split(), "List-Unsubscribe", "List-Unsubscribe-Post"])
@pytest.mark.parametrize("at_the_end", [True, False])
def test_no_second_field_can_be_added(name, at_the_end):
    headers = {
        "List-Unsubscribe": "<https://shop.example/u/x>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    signed = sign(build(letter(headers=headers)), [KEYS["ed25519"]], NOW)
    field = f"{name}: other\r\n".encode()
    changed = signed.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n", 1) if at_the_end else field + signed
    assert own_verdicts(signed, KEYS["ed25519"]) == [""]
    assert own_verdicts(changed, KEYS["ed25519"]) != [""]


@pytest.mark.parametrize("field", [b"Received: by x\r\n", b"Feedback-ID: a:b\r\n", b"X-SES-Outgoing: 1\r\n"])
def test_a_relay_may_add_its_own(field):
    signed = sign(build(letter(headers={"Feedback-ID": "a:b:c:shop"})), [KEYS["ed25519"]], NOW)
    assert verified(field + signed, KEYS["ed25519"])
    assert own_verdicts(field + signed, KEYS["ed25519"]) == [""]


FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["Subject", "List-Id", "sender", "X-A", "List-Unsubscribe", "Feedback-ID", "To"]),
        st.lists(st.text("ab \t;=:", max_size=9).map(lambda text: f"{text}x"), min_size=1, max_size=3),
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(FIELDS, st.lists(st.text("ab \t.=", max_size=8), max_size=6), st.sampled_from(list(KEYS)))
def test_any_header_and_body(fields, body, kind):
    """Also what `build` never writes: names again and again, blanks everywhere."""
    head = "From: a@shop.example\r\n" + "".join(f"{name}: " + "\r\n ".join(of) + "\r\n" for name, of in fields)
    message = f"{head}\r\n" + "".join(f"{line}\r\n" for line in body)
    signed = sign(message.encode(), [KEYS[kind]], NOW)
    assert verified(signed, KEYS[kind])
    assert own_verdicts(signed, KEYS[kind]) == [""]
    assert max(map(len, signed.split(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78


def test_a_message_without_a_body():
    signed = sign(b"From: a@shop.example\r\n\r\n", [KEYS["rsa"]], NOW)
    assert verified(signed, KEYS["rsa"])


# Relays that change mail


SES = [
    {"transport": "ses"},
    {"host": "email-smtp.eu-west-1.amazonaws.com"},
    {"host": "email-smtp-fips.us-east-1.amazonaws.com"},
]


@pytest.fixture
def entry(tmp_path):
    place = tmp_path / "key.pem"
    place.write_bytes(pem(KEYS["ed25519"].key))
    return f"s2._domainkey.shop.example=file:{place}"


@pytest.mark.parametrize("account", SES)
def test_ses_may_put_its_own_id_and_date(entry, account):
    """https://docs.aws.amazon.com/ses/latest/dg/header-fields.html"""
    signers = account_signers(AccountSettings(sign=(entry,), **account))
    signed = sign(build(letter()), signers, NOW)
    changed = re.sub(rb"Date: [^\r]*", b"Date: Fri, 27 Nov 2026 09:01:07 +0000", signed)
    changed = re.sub(rb"Message-ID: [^\r]*", b"Message-ID: <0100@eu-west-1.amazonses.com>", changed)
    assert changed.count(b"amazonses") == 1
    assert verified(changed, KEYS["ed25519"])
    assert own_verdicts(changed, KEYS["ed25519"]) == [""]
    assert own_verdicts(changed.replace(b"Subject: H", b"Subject: h"), KEYS["ed25519"]) != [""]


@pytest.mark.parametrize(
    "account", [{}, {"transport": "mailgun"}, {"host": "email-smtp.amazonaws.com.shop.example"}]
)
def test_elsewhere_id_and_date_are_signed(entry, account):
    signers = account_signers(AccountSettings(sign=(entry,), **account))
    (signature,) = read_message(sign(build(letter()), signers, NOW)).signatures
    assert {"date", "message-id"} <= set(signature.headers)


@pytest.mark.parametrize("transport", ["sendgrid", "postmark", "brevo"])
def test_no_signature_is_made_that_would_not_arrive(entry, transport):
    with pytest.raises(HygieneError, match="leave out sign"):
        account_signers(AccountSettings(transport=transport, sign=(entry,)))
    assert account_signers(AccountSettings(transport=transport)) == ()


def test_each_signer_leaves_out_its_own(entry):
    (ses,) = account_signers(AccountSettings(sign=(entry,), transport="ses"))
    signed = sign(build(letter()), [KEYS["rsa"], ses], NOW)
    assert own_verdicts(signed, KEYS["rsa"], ses) == ["", ""]
    first, second = read_message(signed).signatures
    assert {"date", "message-id"} & set(first.headers)
    assert not {"date", "message-id"} & set(second.headers)


# Nothing that counts can be changed


NAMES = {
    "List-Unsubscribe": "<https://shop.example/u/x>, <mailto:u@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "List-Id": "<news.shop.example>",
    "Feedback-ID": "a:b:c:shop",
    "X-Hygiene-Ref": "r1",
}
SIGNED = sign(build(letter(headers=NAMES, text="Grüße  an\talle \n\n")), [KEYS["ed25519"]], NOW)
OWN = range(SIGNED.index(b" b="), SIGNED.index(b"\r\nDate:"))  # where blanks in b= mean nothing


def relaxed(message):
    read = read_message(message)
    return [canonical_field(field.raw, "relaxed") for field in read.fields], canonical_body(
        read.body, "relaxed"
    )


def holds(message):
    try:
        signatures = read_message(message).signatures
    except HygieneError:
        return False
    if len(signatures) != 1 or isinstance(signatures[0], HygieneError):
        return False
    return own_verdicts(message, KEYS["ed25519"]) == [""]


def test_it_holds_as_it_is():
    assert holds(SIGNED)


@settings(max_examples=400)
@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 255))
def test_one_octet_is_enough(at, octet):
    changed = SIGNED[:at] + bytes([octet]) + SIGNED[at + 1 :]
    if at not in OWN and holds(changed):
        assert relaxed(changed) == relaxed(SIGNED)
