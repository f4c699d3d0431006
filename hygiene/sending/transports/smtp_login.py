"""How one logs in by SMTP (RFC 4954): what is said first, and to each challenge of the server. Pure."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeAlias

from hygiene.credentials import Secret
from hygiene.sending.transports.smtp_syntax import base64_of, plain_credentials

#: a challenge as the server wrote it → what is said to it
Respond: TypeAlias = Callable[[str], str]


@dataclass(frozen=True)
class Login:
    """A dialogue: the command, then an answer to each challenge. `secrets` are what no message may repeat."""

    command: str
    responds: tuple[Respond, ...] = ()
    secrets: tuple[str, ...] = ()


def _plain(name: str, secret: str) -> Login:
    """RFC 4616."""
    credentials = plain_credentials(name, secret)
    return Login(f"AUTH PLAIN {credentials}", secrets=(secret, credentials))


def _login(name: str, secret: str) -> Login:
    """As draft-murchison-sasl-login describes what was never made a standard."""
    word = base64_of(secret)
    return Login("AUTH LOGIN", (lambda _: base64_of(name), lambda _: word), (secret, word))


def _cram_md5(name: str, secret: str) -> Login:
    """RFC 2195: the secret is shown to nobody."""
    return Login("AUTH CRAM-MD5", (lambda challenge: cram_md5(name, secret, challenge),), (secret,))


def _xoauth2(name: str, token: str) -> Login:
    """As Google and Microsoft describe it; an error comes as a challenge, which is answered by nothing."""
    credentials = base64_of(f"user={name}\x01auth=Bearer {token}\x01\x01")
    return Login(f"AUTH XOAUTH2 {credentials}", (lambda _: "",), (token, credentials))


_BY_TOKEN: Final = {"XOAUTH2": _xoauth2}
_SECURED: Final = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}  # the best one first
_IN_CLEAR: Final = {"CRAM-MD5": _cram_md5, "PLAIN": _plain, "LOGIN": _login}


def choose_login(
    offered: Collection[str], name: str, *, password: Secret, token: Secret, secured: bool
) -> Login | None:
    """The best login of those offered (in capitals), a token before a password; None where there is none."""
    known = _BY_TOKEN if token else _SECURED if secured else _IN_CLEAR
    secret = (token or password).reveal()
    return next((make(name, secret) for mechanism, make in known.items() if mechanism in offered), None)


def wanted(*, token: bool) -> str:
    """The mechanisms that we know, for a message."""
    return " or ".join(_BY_TOKEN if token else _SECURED)


def cram_md5(name: str, secret: str, challenge: str) -> str:
    """The answer to a challenge of CRAM-MD5; one that is no base64 is taken as it is.

    >>> cram_md5("tim", "tanstaaftanstaaf", "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
    'dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw'
    """
    try:
        octets = base64.b64decode(challenge)
    except ValueError:
        octets = challenge.encode()
    digest = hmac.new(secret.encode(), octets, "md5").hexdigest()
    return base64_of(f"{name} {digest}")
