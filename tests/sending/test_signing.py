"""DKIM signatures that others verify: dkimpy, and our own audit."""

from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.audit.dkim_verification import why_not_verified
from hygiene.audit.message import read_message
from hygiene.audit.records.dkim import parse as parse_key
from hygiene.errors import HygieneError
from hygiene.sending.letter import Mailbox
from hygiene.sending.message import build
from hygiene.sending.signing import Signer, load_signers, sign
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


WRONG = {
    "encrypted": pem(RSA, BestAvailableEncryption(b"x")),
    "no key": b"hello",
    "another kind": pem(ec.generate_private_key(ec.SECP256R1())),
    "too short": pem(rsa.generate_private_key(65_537, 1024)).replace(b"x", b"x"),
    "missing": None,
}


@pytest.mark.parametrize("content", [each for name, each in WRONG.items() if name != "too short"])
def test_keys_that_cannot_sign(tmp_path, content):
    place = tmp_path / "key.pem"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(HygieneError) as raised:
        load_signers([f"s1._domainkey.shop.example=file:{place}"])
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "entry", ["", "s1.shop.example=file:x", "s1._domainkey.shop.example=x", "s1._domainkey.=file:x"]
)
def test_entries_that_name_no_key(entry):
    with pytest.raises(HygieneError, match="names no key"):
        load_signers([entry])


def test_an_address_with_a_name_is_signed_too():
    signed = sign(build(letter(to=Mailbox(address="a@example.com", name="Zoë"))), [KEYS["rsa"]], NOW)
    assert verified(signed, KEYS["rsa"])
