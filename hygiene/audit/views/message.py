"""A message the user sent, held against what is published: signatures, alignment, one-click unsubscribe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hygiene.audit.dkim_verification import why_not_verified
from hygiene.audit.dmarc_discovery import organizational_domain
from hygiene.audit.facts import Look
from hygiene.audit.message import Message, Signature, read_message
from hygiene.audit.records.dkim import parse
from hygiene.audit.records.dmarc import Alignment, DmarcRecord
from hygiene.audit.spf_evaluation import SpfResult, drive_now, evaluate
from hygiene.audit.views.dmarc import read_dmarc, records_at
from hygiene.errors import RecordError

_LIST_FIELDS = ("list-unsubscribe", "list-id", "feedback-id")


@dataclass(frozen=True, kw_only=True)
class SignatureVerdict:
    """One DKIM signature. `reason` says why it does not hold, '' = it does; `unknown` why that is not known."""

    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    covers: tuple[str, ...] = ()
    body_length: int | None = None
    aligned: bool = False
    reason: str = ""
    unknown: str = ""

    @property
    def holds(self) -> bool:
        """A receiver verifies it."""
        return not self.reason and not self.unknown


@dataclass(frozen=True, kw_only=True)
class MessageView:
    """The message, if one was given. `spf` is None when the envelope or the sending address is not known."""

    present: bool = False
    unknown: str = ""
    authors: tuple[str, ...] = ()
    author_domains: tuple[str, ...] = ()
    envelope_domain: str = ""
    signatures: tuple[SignatureVerdict, ...] = ()
    spf: SpfResult | None = None
    spf_aligned: bool = False
    is_bulk: bool = False
    unsubscribe_uri: str = ""
    one_click: bool = False

    @property
    def dkim_passes(self) -> bool | None:
        """An aligned signature holds; None when that is not known."""
        aligned = [one for one in self.signatures if one.aligned]
        if any(one.holds for one in aligned):
            return True
        return None if any(one.unknown for one in aligned) else False

    @property
    def spf_passes(self) -> bool | None:
        """The envelope is aligned and SPF passes; None when the sending address is not known."""
        if not self.envelope_domain or (self.spf_aligned and self.spf in (None, SpfResult.TEMPERROR)):
            return None
        return self.spf_aligned and self.spf is SpfResult.PASS

    @property
    def dmarc_passes(self) -> bool | None:
        """DKIM or SPF passes in the name of the author (RFC 9989 §4.4)."""
        results = (self.dkim_passes, self.spf_passes)
        return True if True in results else None if None in results else False

    @property
    def unsubscribe_signed(self) -> bool:
        """Both fields stand under a signature that holds (RFC 8058 §4)."""
        wanted = {"list-unsubscribe", "list-unsubscribe-post"}
        return any(wanted <= set(one.covers) for one in self.signatures if one.holds)


def read_message_view(facts: Look) -> MessageView:
    """The message of an audit."""
    if not facts.options.message:
        return MessageView()
    message = _read(facts.options.message)
    author = message.author_domains[0] if message.author_domains else facts.domain
    record = read_dmarc(facts).record
    return MessageView(
        present=True,
        authors=message.authors,
        author_domains=message.author_domains,
        envelope_domain=message.envelope_domain,
        signatures=tuple(_judge(one, message, author, record, facts) for one in message.signatures),
        spf=_spf(message, facts),
        spf_aligned=_aligned(message.envelope_domain, author, record.spf_alignment if record else None, facts),
        is_bulk=any(message.all(name) for name in _LIST_FIELDS),
        unsubscribe_uri=message.unsubscribe_uri,
        one_click=message.one_click,
    )


@lru_cache(maxsize=8)
def _read(text: str) -> Message:
    return read_message(text.encode("latin-1"))


def _judge(
    one: Signature | RecordError, message: Message, author: str, record: DmarcRecord | None, facts: Look
) -> SignatureVerdict:
    if isinstance(one, RecordError):
        return SignatureVerdict(reason=str(one))
    reason, unknown = _verify(one, message, facts)
    return SignatureVerdict(
        domain=one.domain,
        selector=one.selector,
        algorithm=one.algorithm,
        covers=one.headers,
        body_length=one.body_length,
        aligned=_aligned(one.domain, author, record.dkim_alignment if record else None, facts),
        reason=reason,
        unknown=unknown,
    )


def _verify(signature: Signature, message: Message, facts: Look) -> tuple[str, str]:
    """Why it does not hold, and why that is not known."""
    answer = facts.answer(signature.key_name, "TXT")
    if not answer.is_known:
        return "", answer.reason
    if len(answer.texts) != 1:
        return f"{len(answer.texts) or 'no'} key records at {signature.key_name}", ""
    try:
        key = parse(answer.texts[0])
    except RecordError as error:
        return f"the key at {signature.key_name} is malformed: {error}", ""
    return why_not_verified(message, signature, key), ""


def _aligned(domain: str, author: str, mode: Alignment | None, facts: Look) -> bool:
    """Same domain, or relaxed the same organizational domain (RFC 9989 §4.10.2, §5.1)."""
    if not domain or domain == author:
        return bool(domain)
    if mode is Alignment.STRICT:
        return False
    published = records_at(facts)
    return organizational_domain(domain, published) == organizational_domain(author, published)


def _spf(message: Message, facts: Look) -> SpfResult | None:
    """What SPF says of the envelope for the first sending address given."""
    if not message.envelope_domain or not facts.options.ips:
        return None
    sender = f"postmaster@{message.envelope_domain}"
    asking = evaluate(ip=facts.options.ips[0], helo=message.envelope_domain, mail_from=sender)
    return drive_now(asking, facts.answer).result
