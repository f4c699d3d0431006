"""Whose mail came back: tokens and references of ours that stand in it. Nothing that only names an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from hygiene.bounce import Bounce, BounceKind, BounceReason
from hygiene.bounces.original import address_in
from hygiene.bounces.parts import Headers, read_part
from hygiene.finding import Confidence
from hygiene.sending.compose import REF_HEADER
from hygiene.tokens import CHECK_LENGTH, REF_LENGTH, Purpose, read_token

_TOKEN: Final = rf"[a-z2-7]{{{REF_LENGTH + CHECK_LENGTH}}}"
_VERP = re.compile(rf"b\+({_TOKEN})@", re.IGNORECASE)
_LEAVE = re.compile(rf"(?:re:\s*)?unsubscribe[\s+]+({_TOKEN})", re.IGNORECASE)
_IN_LINK = re.compile(rf"(?<![a-z0-9])({_TOKEN})(?![a-z0-9])", re.IGNORECASE)
_REF = re.compile(rf"[a-z2-7]{{{REF_LENGTH}}}", re.IGNORECASE)
_SHORTEST_REMOTE: Final = 16  # characters of a provider's id that nobody guesses


@dataclass(frozen=True, kw_only=True)
class Clues:
    """What says of which mails something came back.

    `tokens` are references whose check is genuine, `refs` such as stand in the open: good if the outbox knows
    them, as they are as long as a key. `remotes` are what a provider may have called the mail. `leaving` is the
    reference of a mail to unsubscribe whose token is genuine.
    """

    tokens: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    remotes: tuple[str, ...] = ()
    leaving: str | None = None
    sender: str | None = None  # who wrote it, as far as anybody can say so
    sent: datetime | None = None  # by its Date


def find_clues(raw: bytes, bounces: Iterable[Bounce], secret: bytes) -> Clues:
    """The clues of a mail, of which `bounces` is what it says."""
    headers = read_part(raw.partition(b"\n")[2] if raw.startswith((b"From ", b">From ")) else raw).headers
    told = list(bounces)
    leaving = _leaving(headers, secret)
    tokens = [*_returned(headers, told, secret), *([leaving] if leaving else []), *_in_links(told, secret)]
    ids = list(dict.fromkeys(each.message_id for each in told if each.message_id))
    return Clues(
        tokens=tuple(dict.fromkeys(tokens)),
        refs=tuple(dict.fromkeys([*_in_headers(told), *_in_ids(ids)])),
        remotes=tuple(_remotes(ids)),
        leaving=leaving,
        sender=address_in(headers.get("from")),
        sent=_moment(headers.get("date")),
    )


def as_unsubscribe(clues: Clues) -> Bounce:
    """What a mail says whose subject is our own wish to leave."""
    return Bounce(
        kind=BounceKind.UNSUBSCRIBE,
        reason=BounceReason.UNSUBSCRIBE,
        confidence=Confidence.SURE,
        recipient=clues.sender,
        final_recipient=clues.sender,
        evidence="Subject: unsubscribe, with our token",
    )


def _returned(headers: Headers, told: Iterable[Bounce], secret: bytes) -> Iterator[str]:
    """References of return paths that the mail came to, or that its fields name."""
    addresses = [address for each in told for address in each.returned_to]
    fields = [headers.get(name) for name in ("to", "delivered-to", "x-original-to", "envelope-to")]
    for text in [*addresses, *fields]:
        for match in _VERP.finditer(text[:2000]):
            if ref := read_token(match[1], Purpose.RETURN_PATH, secret):
                yield ref


def _leaving(headers: Headers, secret: bytes) -> str | None:
    match = _LEAVE.fullmatch(headers.decoded("subject").strip()[:200])
    return read_token(match[1], Purpose.UNSUBSCRIBE, secret) if match else None


def _in_links(told: Iterable[Bounce], secret: bytes) -> Iterator[str]:
    """References of List-Unsubscribe in what was returned of the original."""
    for text in {each.headers.get("list-unsubscribe", "") for each in told}:
        for match in _IN_LINK.finditer(text[:2000]):
            if ref := read_token(match[1], Purpose.UNSUBSCRIBE, secret):
                yield ref


def _in_headers(told: Iterable[Bounce]) -> Iterator[str]:
    for each in told:
        if (found := each.headers.get(REF_HEADER.lower(), "").strip()) and _REF.fullmatch(found):
            yield found.lower()


def _in_ids(ids: Iterable[str]) -> Iterator[str]:
    locals_ = (each.partition("@")[0] for each in ids)
    return (each.lower() for each in locals_ if _REF.fullmatch(each))


def _remotes(ids: Iterable[str]) -> Iterator[str]:
    for each in ids:
        local = each.partition("@")[0]
        yield from (name for name in dict.fromkeys((each, local)) if len(name) >= _SHORTEST_REMOTE)


def _moment(written: str) -> datetime | None:
    """The moment of a Date field; None for what is none, or names no zone."""
    try:
        found = parsedate_to_datetime(written[:200])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else None
