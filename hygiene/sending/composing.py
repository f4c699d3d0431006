"""From a row of the outbox to a signed mail: by the templates of its campaign, or as it was handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec

from hygiene.config import AccountSettings, Settings, StreamSettings
from hygiene.domain import to_ascii
from hygiene.errors import UsageError
from hygiene.sending.compose import REF_HEADER, Composer
from hygiene.sending.definition import Definition
from hygiene.sending.letter import Letter, Mail, Mailbox
from hygiene.sending.mailing import Canary, Mailing
from hygiene.sending.message import build
from hygiene.sending.pace import SECOND_US, read_rate, warm_up_days
from hygiene.sending.signing import Signer, sign
from hygiene.sending.signing_keys import account_signers
from hygiene.sending.states import STANDING
from hygiene.tokens import Purpose, make_token

_fields = msgspec.json.Decoder(dict[str, str])


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transactional mail as it is handed in: all of it but what the stream's settings say."""

    to: str
    to_name: str = ""
    subject: str
    html: str = ""
    text: str = ""
    reply_to: str = ""
    headers: dict[str, str] = {}


class CampaignComposing:
    """Fills the templates of one campaign."""

    def __init__(self, definition: Definition, secret: bytes, signers: Sequence[Signer]) -> None:
        self.composer = Composer(definition, secret)
        self._signers = tuple(signers)

    def mail(self, row: Mapping[str, Any], now: datetime) -> Mail:
        """The mail of a row, signed."""
        definition = self.composer.definition
        fields = _fields.decode(row["fields"])
        letter = self.composer.letter(ref=row["ref"], recipient=row["recipient"], fields=fields, now=now)
        return Mail(
            ref=row["ref"],
            return_path=self.composer.return_path(row["ref"]),
            recipient=row["recipient"],
            content=sign(build(letter), self._signers, now),
            letter=letter,
            campaign=definition.name,
            stream=definition.stream,
        )


class MessageComposing:
    """Makes mails that were handed in whole."""

    def __init__(
        self, name: str, stream: StreamSettings, secret: bytes, signers: Sequence[Signer], return_path: str
    ) -> None:
        self._name, self._secret, self._signers = name, secret, tuple(signers)
        self._sender, self._return_path = read_mailbox(stream.sender), return_path
        self._reply_to = stream.reply_to

    def mail(self, row: Mapping[str, Any], now: datetime) -> Mail:
        """The mail of a row, signed."""
        message = msgspec.json.decode(row["fields"], type=Message)
        letter = self._letter(row["ref"], message, row["recipient"], now)
        return Mail(
            ref=row["ref"],
            return_path=self._path(row["ref"]),
            recipient=row["recipient"],
            content=sign(build(letter), self._signers, now),
            letter=letter,
            campaign=self._name,
            stream=self._name,
        )

    def _letter(self, ref: str, message: Message, recipient: str, now: datetime) -> Letter:
        reply_to = message.reply_to or self._reply_to
        domain = to_ascii(self._sender.address.rpartition("@")[2])
        return Letter(
            sender=self._sender,
            to=Mailbox(address=recipient, name=message.to_name),
            subject=message.subject,
            html=message.html,
            text=message.text,
            reply_to=read_mailbox(reply_to) if reply_to else None,
            date=now,
            message_id=f"{ref}@{domain}",
            headers={REF_HEADER: ref, "Auto-Submitted": "auto-generated", **message.headers},  # RFC 3834 §5
        )

    def _path(self, ref: str) -> str:
        if not self._return_path:
            return self._sender.address
        return f"b+{make_token(ref, Purpose.RETURN_PATH, self._secret)}@{self._return_path}"


def read_mailbox(written: str) -> Mailbox:
    """The mailbox that ``Name <address>`` or an address writes; raises UsageError."""
    from email.utils import parseaddr

    name, address = parseaddr(written)
    if "@" not in address:
        raise UsageError(f"{written[:80]!r} is no sender: write Name <name@example.com>")
    return Mailbox(address=address, name=name)


def mailing_of(row: Mapping[str, Any], settings: Settings, secret: bytes) -> Mailing:
    """A campaign's row as a worker needs it; raises UsageError where the settings lack what it goes by."""
    stream = settings.streams.get(row["stream"])
    if row["definition"] == STANDING:
        if stream is None:
            raise UsageError(f"the settings have no [streams.{row['stream']}], by which {row['name']} is sent")
        return _standing(row, stream, settings, secret)
    definition = Definition.from_json(row["definition"])
    rates = stream.rates if stream else ()
    account = _account(settings, definition.account, rates)
    canary = definition.canary
    return Mailing(
        id=row["id"],
        name=row["name"],
        stream=definition.stream,
        topic=definition.topic,
        account=definition.account,
        composing=CampaignComposing(definition, secret, account_signers(account)),
        secret=secret,
        sender_domain=definition.sender.address.rpartition("@")[2],
        resends_doubts=definition.in_doubt == "resend",
        canary=Canary(count=canary.count(row["queued"]), wait_us=canary.wait_s * SECOND_US) if canary else None,
        rates=rates,
        not_before_us=definition.due_us(0),
        tracked=definition.tracking.told if definition.tracking else _untracked(settings),
    )


def _standing(row: Mapping[str, Any], stream: StreamSettings, settings: Settings, secret: bytes) -> Mailing:
    account = _account(settings, stream.account, stream.rates)
    composing = MessageComposing(row["name"], stream, secret, account_signers(account), account.return_path)
    return Mailing(
        id=row["id"],
        name=row["name"],
        stream=row["stream"],
        topic=row["topic"],
        account=stream.account,
        composing=composing,
        secret=secret,
        sender_domain=read_mailbox(stream.sender).address.rpartition("@")[2],
        resends_doubts=stream.in_doubt != "park",
        rates=stream.rates,
        tracked=_untracked(settings),
    )


def _untracked(settings: Settings) -> str | None:
    """What is told of mails without our links: nobody counts, but for a provider whose webhooks are read."""
    return "none" if settings.service.tracking and not settings.webhooks else None


def _account(settings: Settings, name: str, rates: Sequence[str]) -> AccountSettings:
    """The account of a name, whose pace, and that of the stream, can be read."""
    account = settings.accounts.get(name)
    if account is None:
        raise UsageError(f"the settings have no [accounts.{name}] to send by")
    for text in (*account.rates, *chain.from_iterable(account.providers.values()), *rates):
        read_rate(text)
    if account.warm_up:
        warm_up_days(account.warm_up)
    return account
