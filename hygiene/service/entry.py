"""Who may come in: the tokens of the API, of the dashboard and of its forms."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from hygiene.credentials import Secret, read_secret
from hygiene.errors import UsageError

SESSION_S: Final = 12 * 3600  # that one stays signed in
_SECOND_US: Final = 1_000_000
_SHORTEST: Final = 16  # characters of a token; shorter ones can be tried out


def read_token_setting(written: str, setting: str) -> Secret:
    """The token of a setting; "" where there is none. Raises UsageError for one that can be guessed."""
    secret = read_secret(written, setting)
    if secret and len(secret.reveal()) < _SHORTEST:
        raise UsageError(
            f"{setting} is too short: {_SHORTEST} characters or more, such as `openssl rand -hex 24`"
        )
    return secret


def is_token(given: str, secret: Secret) -> bool:
    """Whether it is the token, told in a time that says nothing of how much of it is right."""
    return bool(secret) and hmac.compare_digest(_digest(given), _digest(secret.reveal()))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    """Signed-in browsers, without a table: a session is when it ends, and a proof that we said so.

    The proof is made with the workspace's key and the token, so that a new token ends all sessions.
    """

    def __init__(self, key: bytes, token: Secret, clock: Callable[[], int]) -> None:
        self._secret = hmac.digest(key, b"session\0" + _digest(token.reveal()), "sha256")
        self._clock = clock

    def new(self) -> str:
        """A session that begins now."""
        ends = str(self._clock() // _SECOND_US + SESSION_S)
        return f"{ends}.{self._proof('session', ends)}"

    def is_open(self, session: str) -> bool:
        """Whether it is ours and has not ended."""
        ends, _, proof = session.partition(".")
        sound = _same(proof, self._proof("session", ends))
        return sound and ends.isdecimal() and int(ends) > self._clock() // _SECOND_US

    def form_token(self, session: str) -> str:
        """What the forms of a session carry, so that no other page can post them."""
        return self._proof("form", session)

    def is_form_token(self, given: str, session: str) -> bool:
        """Whether a form was ours."""
        return _same(given, self.form_token(session))

    def _proof(self, purpose: str, text: str) -> str:
        return hmac.digest(self._secret, f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(_digest(one), _digest(other))
