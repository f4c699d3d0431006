"""Messages of the sound shop, and keys to sign them with."""

import base64
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .shop_zone import DOMAIN

LETTER = b"""Return-Path: <bounce@mail.shop.test>
Received: from out.shop.test by mx.example.com; Sat, 21 Nov 2026 10:00:00 +0000
From: "The Shop" <news@shop.test>
To: ann@example.com
Subject: Spring  sale
 starts today
List-Unsubscribe: <mailto:u@shop.test>, <https://shop.test/u/1>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <1@shop.test>

Hello  Ann,\t
buy now.

""".replace(b"\n", b"\r\n")
SIGNED = ["from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"]


@cache
def rsa_key(bits: int) -> tuple[bytes, str]:
    key = rsa.generate_private_key(65537, bits)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


@cache
def ed_key() -> tuple[bytes, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return base64.b64encode(private), f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"


def sign(
    message: bytes, *, domain: str = DOMAIN, fields: list[str] = SIGNED, forms=("relaxed", "relaxed"), **more
):
    private, _ = rsa_key(2048)
    header = dkim.sign(
        message,
        more.pop("selector", "sel").encode(),
        domain.encode(),
        more.pop("private", private),
        canonicalize=tuple(form.encode() for form in forms),
        include_headers=[field.encode() for field in fields],
        **more,
    )
    return header + message


#: the zone with the key that `sign` uses
KEY_PUBLISHED = {f"sel._domainkey.{DOMAIN}": {"TXT": rsa_key(2048)[1].replace("k=rsa; ", "")}}
