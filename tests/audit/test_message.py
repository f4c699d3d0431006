"""Messages: read, verified beside dkimpy, and joined with the domain."""

import dkim
import pytest
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

import hygiene
from hygiene.audit.dkim_verification import why_not_verified
from hygiene.audit.message import Signature, read_message
from hygiene.audit.records.dkim import parse
from hygiene.errors import RecordError, UnreadableInput, UsageError

from .checks.letters import LETTER, ed_key, rsa_key, sign
from .checks.shop_zone import DOMAIN, SHOP, Validating
from .checks.shop_zone import audit as audit_shop


def verdict(raw: bytes, record: str) -> str:
    message = read_message(raw)
    (signature,) = message.signatures
    if isinstance(signature, RecordError):
        return str(signature)
    return why_not_verified(message, signature, parse(record))


FORMS = [("simple", "simple"), ("simple", "relaxed"), ("relaxed", "simple"), ("relaxed", "relaxed")]
FIELD = st.builds(
    lambda name, lines: f"{name}: " + "\r\n ".join(lines) + "\r\n",
    st.sampled_from(["X-A", "x-b", "Subject", "To", "X-A"]),
    st.lists(
        st.text(st.sampled_from("ab \t;=:"), max_size=9).map(lambda text: text + "x"), min_size=1, max_size=3
    ),
)
LINE = st.text(st.sampled_from("ab \t."), max_size=8)


@settings(max_examples=150)
@given(
    fields=st.lists(FIELD, max_size=5),
    body=st.lists(LINE, max_size=6).map(lambda lines: "".join(f"{line}\r\n" for line in lines)),
    forms=st.sampled_from(FORMS),
    names=st.lists(st.sampled_from(["x-a", "x-b", "subject", "to", "x-none"]), max_size=5),
    at=st.integers(0, 400),
)
@example(fields=[], body="", forms=("relaxed", "relaxed"), names=[], at=0)
@example(fields=[], body="\r\n\r\n", forms=("simple", "simple"), names=[], at=0)
def test_the_same_verdict_as_dkimpy(fields, body, forms, names, at) -> None:
    plain = ("From: a@shop.test\r\n" + "".join(fields) + "\r\n" + body).encode()
    raw = sign(plain, fields=["from", *names], forms=forms)
    record = rsa_key(2048)[1]
    assert verdict(raw, record) == ""
    changed = bytearray(raw)
    place = len(raw) - 1 - at % len(plain)
    assume(raw[place] not in b"\r\n")  # what half a line end means is nobody's to say
    changed[place] = ord("b")
    try:
        theirs = dkim.verify(bytes(changed), dnsfunc=lambda *_, **__: record.encode(), minkey=1024)
    except dkim.DKIMException:  # no header field any more: dkimpy refuses the whole message
        reject()
    assert (verdict(bytes(changed), record) == "") is theirs


@pytest.mark.parametrize("forms", FORMS)
def test_ed25519(forms) -> None:
    private, record = ed_key()
    raw = sign(LETTER, forms=forms, private=private, signature_algorithm=b"ed25519-sha256")
    assert verdict(raw, record) == ""
    assert "header was changed" in verdict(raw.replace(b"Spring", b"Summer"), record)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((b"buy now", b"buy soon"), "the body was changed"),
        ((b"news@", b"sale@"), "the header was changed"),
        ((b"a=rsa-sha256", b"a=rsa-sha1"), "RFC 8301"),
        ((b"a=rsa-sha256", b"a=rsa-md5"), "unknown algorithm"),
        ((b"h=from", b"h=fr0m"), "does not cover From"),
        ((b"bh=", b"xh="), "no bh= tag"),
        ((b"v=1", b"v=2"), "version"),
    ],
)
def test_a_signature_that_does_not_hold(change, said) -> None:
    raw = sign(LETTER, fields=["from", "subject"])
    assert change[0] in raw
    assert said in verdict(raw.replace(*change, 1), rsa_key(2048)[1])


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("v=DKIM1; p=", "revoked"),
        (ed_key()[1], "type ed25519"),
        (rsa_key(2048)[1].replace("k=rsa", "k=rsa; h=sha1"), "not for such signatures"),
        (rsa_key(3072)[1], "another one"),
    ],
    ids=["revoked", "of another type", "of another hash", "of somebody else"],
)
def test_a_key_that_does_not_serve(record, said) -> None:
    assert said in verdict(sign(LETTER), record)


def test_line_ends_and_mbox_lines_do_not_matter() -> None:
    raw = sign(LETTER)
    for other in (raw.replace(b"\r\n", b"\n"), b"From shop Sat Nov 21\n" + raw.replace(b"\r\n", b"\n")):
        assert verdict(other, rsa_key(2048)[1]) == ""


@given(
    raw=st.binary(max_size=400)
    | st.binary(max_size=200).map(lambda tail: b"From: a@b.c\r\nDKIM-Signature: " + tail)
)
def test_anything_can_be_read(raw: bytes) -> None:
    try:
        message = read_message(raw)
    except UnreadableInput:
        return
    for signature in message.signatures:
        if isinstance(signature, Signature):
            assert why_not_verified(message, signature, parse(rsa_key(2048)[1]))
    assert isinstance(message.author_domains, tuple)
    assert isinstance(message.unsubscribe_uri, str)


# joined with the domain


def joined(raw: bytes, changes=None, **settings):
    record = {f"sel._domainkey.{DOMAIN}": {"TXT": rsa_key(2048)[1]}}
    return audit_shop({**record, **(changes or {})}, message=raw, **settings)


def message_ids(result) -> set[str]:
    return {f"{one.id}{'?' if one.unknown else ''}" for one in result.findings if one.area == "message"}


def test_spf_decides_when_the_sending_address_is_known() -> None:
    assert "message-fails-dmarc" not in message_ids(
        joined(LETTER.replace(b"mail.shop.test", b"shop.test"), ips=["192.0.2.10"])
    )
    assert "message-fails-dmarc" in message_ids(
        joined(LETTER.replace(b"mail.shop.test", b"shop.test"), ips=["203.0.113.9"])
    )


def test_a_silent_key_is_an_open_question() -> None:
    silent = {f"sel._domainkey.{DOMAIN}": hygiene.Outcome.SERVFAIL}
    assert message_ids(joined(sign(LETTER), silent)) == {
        "message-signature-broken?",
        "message-one-click-unsigned",
    } - {"message-one-click-unsigned"}


def test_receivers_judge_what_dns_cannot_show() -> None:
    met = {one.id: one.met for one in joined(sign(LETTER)).receivers[0].requirements}
    assert (met["alignment"], met["one-click"]) == ("met", "met")
    met = {
        one.id: one.met
        for one in joined(LETTER.replace(b"mail.shop.test", b"esp.test")).receivers[0].requirements
    }
    assert (met["alignment"], met["one-click"]) == ("not met", "not met")
    met = {one.id: one.met for one in audit_shop().receivers[0].requirements}
    assert (met["alignment"], met["one-click"]) == ("not checkable from DNS",) * 2


def test_the_domain_is_that_of_the_author() -> None:
    zone = Validating(hygiene.Zone({**SHOP, f"sel._domainkey.{DOMAIN}": {"TXT": rsa_key(2048)[1]}}))
    result = hygiene.audit_message(sign(LETTER), resolver=zone, second_opinion=False)
    assert result.domain == DOMAIN
    assert "sel" in {
        one.name for one in result.views["dkim"].found
    }  # its selector is tried without being named
    assert "From news@shop.test" in str(result.sections())


@pytest.mark.parametrize("raw", [b"", b"hello", b"\r\n\r\nbody only", b"\x00\xff"])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableInput):
        hygiene.audit_message(raw)


@pytest.mark.parametrize("raw", [b"Subject: x\r\n\r\n", b"From: nobody\r\n\r\n", b"From: a@localhost\r\n\r\n"])
def test_a_message_without_an_author_is_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        hygiene.audit_message(raw)
