"""Checks of a message: DKIM (RFC 6376), DMARC (RFC 9989), one-click unsubscribe (RFC 8058)."""

import pytest

from .letters import KEY_PUBLISHED, LETTER, sign
from .shop_zone import Case, bad, found, good

SOUND = sign(LETTER)
TWO_AUTHORS = sign(LETTER.replace(b"<news@shop.test>", b"<news@shop.test>, x@shop.test"))
OTHER_AUTHOR = sign(LETTER.replace(b"news@shop.test", b"news@other.test"))
BY_SPF = LETTER.replace(b"mail.shop.test", b"shop.test")
ESP = sign(LETTER, domain="esp.test").replace(b"bounce@mail.shop.test", b"x@esp.test")


def letter(about: str, raw: bytes, *also: str) -> Case:
    return bad(about, KEY_PUBLISHED, *also, message=raw)


def sound(about: str, raw: bytes, *finds: str, **settings: object) -> Case:
    return good(about, KEY_PUBLISHED, *finds, message=raw, **settings)


CASES = [
    # RFC 5322 §3.6.2: several authors are allowed there, and refused by receivers
    letter("message-author-unclear", TWO_AUTHORS),
    sound("message-author-unclear", SOUND),
    letter("message-of-another-domain", OTHER_AUTHOR, "message-fails-dmarc"),
    sound("message-of-another-domain", sign(LETTER.replace(b"news@shop.test", b"news@mail.shop.test"))),
    # RFC 6376 §3.5, §6.1
    letter("message-unsigned", LETTER, "message-fails-dmarc?"),
    sound("message-unsigned", SOUND),
    letter("message-signature-broken", SOUND.replace(b"buy", b"Buy"), "message-fails-dmarc?"),
    letter("message-signature-broken", sign(LETTER, selector="gone"), "message-fails-dmarc?"),
    sound("message-signature-broken", SOUND.replace(b"Received: from out", b"Received: from in")),  # not signed
    # RFC 9989 §4.4: neither the signer nor the envelope belongs to the author
    letter("message-fails-dmarc", ESP, "message-signature-broken"),
    sound("message-fails-dmarc", BY_SPF, "message-unsigned", ips=["192.0.2.10"]),
    letter("message-partly-signed", sign(LETTER, length=True)),  # §8.2
    sound("message-partly-signed", SOUND),
    # RFC 8058 §3.1, §4
    letter("message-without-one-click", sign(LETTER.replace(b"List-Unsubscribe-Post", b"X-Post"))),
    letter("message-without-one-click", sign(LETTER.replace(b"https://", b"http://"))),
    sound("message-without-one-click", sign(LETTER.replace(b"List-Unsubscribe", b"X-List"))),  # a receipt, say
    letter("message-one-click-unsigned", sign(LETTER, fields=["from"])),
    sound("message-one-click-unsigned", SOUND),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_findings(case: Case) -> None:
    assert found(case.run()) == case.finds
