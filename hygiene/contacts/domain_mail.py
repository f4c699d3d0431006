"""Which domains can receive mail at all, by DNS: RFC 5321 §5.1 (MX, else an address), RFC 7505 (null MX).

What DNS does not answer disproves nothing, and nothing here proves that a mailbox exists. Every domain is asked
once, many at a time; what was found out can be kept in the store of the workspace, so that a run that was
stopped goes on where it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from hygiene.domain import is_queryable, to_ascii
from hygiene.errors import UsageError
from hygiene.ip import is_public, parse_ip
from hygiene.resolver import Answer, Outcome, Resolver, canonical_name, run_now

if TYPE_CHECKING:
    from hygiene.store import Store

IN_FLIGHT: Final = 100  #: domains asked at the same time
GOOD_FOR: Final = timedelta(days=7)  #: how long a verdict from the store stands in for asking again
BATCH: Final = 200  #: answers that one transaction of the store saves or looks up


class Mail(StrEnum):
    """Whether a domain can receive mail. There is no "yes": DNS can only rule it out."""

    UNDELIVERABLE = "undeliverable"  #: DNS says that no mail can reach it
    UNKNOWN = "unknown"  #: DNS did not answer: removes nobody
    NOT_DISPROVED = "not-disproved"  #: DNS names somewhere to deliver to


@dataclass(frozen=True, slots=True)
class DomainMail:
    """The verdict on one domain."""

    domain: str  #: as it is asked: A-labels, lower case
    verdict: Mail
    detail: str  #: one clause with the domain as its subject


OnAnswer: TypeAlias = Callable[[DomainMail], None]
_NONE_KNOWN: Final[Mapping[str, DomainMail]] = MappingProxyType({})


def check_domains(
    domains: Iterable[str],
    resolver: Resolver,
    *,
    known: Mapping[str, DomainMail] = _NONE_KNOWN,
    on_answer: OnAnswer | None = None,
    in_flight: int = IN_FLIGHT,
) -> dict[str, DomainMail]:
    """The verdict on each domain, by its spelling in `domains` and in that order.

    Spellings of one name share one verdict. What is `known`, by its A-labels, is not asked. `on_answer` is
    called once for each different name, those known first; what it raises ends the run and is passed on. At
    most `in_flight` domains are under way at once. Raises UsageError if that is less than one.
    """
    if in_flight < 1:
        raise UsageError(f"{in_flight} domains at a time is none: ask one or more")
    names = {domain: asked_name(domain) for domain in domains}
    unique = dict.fromkeys(names.values())
    tell = on_answer or _tell_nobody
    found = {name: known[name] for name in unique if name in known}
    for mail in found.values():
        tell(mail)
    open_names = [name for name in unique if name not in found]
    found |= run_now(_ask_all(open_names, resolver, tell, in_flight))
    return {domain: found[name] for domain, name in names.items()}


def check_with_store(
    domains: Iterable[str],
    resolver: Resolver,
    store: Store,
    *,
    now: datetime,
    on_answer: OnAnswer | None = None,
    in_flight: int = IN_FLIGHT,
) -> dict[str, DomainMail]:
    """As `check_domains`, but what the store knows is not asked, and what is found out is saved as it comes.

    An answer that came before an error or an interruption is in the store when that is passed on. Raises
    UnreadableInput when the store cannot be used.
    """
    domains = list(domains)
    with MailCache(store, now=now) as cache:
        known = cache.find(filter(is_queryable, {asked_name(domain) for domain in domains}))

        def keep(mail: DomainMail) -> None:
            if mail.domain not in known:
                cache.add(mail)
            if on_answer:
                on_answer(mail)

        return check_domains(domains, resolver, known=known, on_answer=keep, in_flight=in_flight)


def asked_name(domain: str) -> str:
    """The name asked for a domain: its A-labels, or what was written where it has none.

    >>> asked_name("Bücher.Example.")
    'xn--bcher-kva.example'
    """
    try:
        return canonical_name(to_ascii(domain))
    except UnicodeError:
        return canonical_name(domain)


# Asking


async def _ask_all(
    names: Sequence[str], resolver: Resolver, tell: OnAnswer, in_flight: int
) -> dict[str, DomainMail]:
    """Ask about every name; as many tasks as may be in flight share the names, however many those are."""
    waiting, found = iter(names), dict[str, DomainMail]()

    async def work() -> None:
        for name in waiting:
            found[name] = await _ask(name, resolver)
            tell(found[name])

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(in_flight, len(names))):
                group.create_task(work())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return found


async def _ask(name: str, resolver: Resolver) -> DomainMail:
    """One domain: MX, then the addresses that count in its place, until an answer decides."""
    if not name.isascii():
        return DomainMail(name, Mail.UNKNOWN, "has no spelling in A-labels to ask for")
    if not is_queryable(name):
        return DomainMail(name, Mail.UNDELIVERABLE, "is no name that DNS can hold (RFC 1035 §2.3.4)")
    addresses: tuple[str, ...] = ()
    for rdtype in ("MX", "A", "AAAA"):
        answer = await resolver.resolve(name, rdtype)
        if decided := _judge(answer):
            return DomainMail(name, *decided)
        addresses += answer.values
    if addresses:
        return DomainMail(name, Mail.UNDELIVERABLE, f"no MX, and only private addresses ({addresses[0]})")
    return DomainMail(name, Mail.UNDELIVERABLE, "no MX and no address record")


def _judge(answer: Answer) -> tuple[Mail, str] | None:
    """What one answer decides; None when the next type must be asked."""
    if not answer.is_known:
        return Mail.UNKNOWN, f"{answer.rdtype} not answered: {_failure(answer)}"
    return _judge_mx(answer) if answer.rdtype == "MX" else _judge_addresses(answer)


def _failure(answer: Answer) -> str:
    word = answer.outcome.value.upper()
    return f"{answer.detail} ({word})" if answer.detail.upper() not in {"", word} else word


def _judge_mx(answer: Answer) -> tuple[Mail, str] | None:
    if answer.outcome is Outcome.NXDOMAIN:
        return Mail.UNDELIVERABLE, _absence(answer)
    hosts = [host for _, host in answer.exchanges]
    if not hosts:
        return None
    if not any(hosts):
        return Mail.UNDELIVERABLE, "null MX (RFC 7505)"
    return Mail.NOT_DISPROVED, f"MX {next(filter(None, hosts))}"


def _absence(answer: Answer) -> str:
    if answer.aliases:  # RFC 5321 §5.1: the name at the end counts as the domain
        return f"is an alias of {answer.aliases[-1]}, which does not exist (NXDOMAIN)"
    return f"does not exist (NXDOMAIN{', ' + answer.detail if answer.detail else ''})"


def _judge_addresses(answer: Answer) -> tuple[Mail, str] | None:
    """An address the public internet knows; NXDOMAIN, once MX said NODATA, is none (RFC 4074 §4.2)."""
    for address in map(parse_ip, answer.values):
        if address and is_public(address):
            return Mail.NOT_DISPROVED, f"no MX, but the address {address} (RFC 5321 §5.1)"
    return None


def _tell_nobody(mail: DomainMail) -> None:
    """For a caller who does not listen."""


# Keeping


class MailCache:
    """The verdicts of a store, at the moment `now`; leaving the ``with`` block saves what is not saved yet.

    Unknown ones are neither kept nor believed. Entering deletes what is no longer good, so enter it first.
    """

    def __init__(self, store: Store, *, now: datetime) -> None:
        self.store, self.now = store, now
        self._unsaved: list[DomainMail] = []

    def __enter__(self) -> Self:
        from sqlalchemy import delete

        from hygiene.tables import DOMAIN_MAIL

        with self.store.writing() as connection:
            connection.execute(delete(DOMAIN_MAIL).where(DOMAIN_MAIL.c.asked_at <= self.now - GOOD_FOR))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.save()

    def find(self, names: Iterable[str]) -> dict[str, DomainMail]:
        """The verdicts on these names that are still good."""
        return {mail.domain: mail for some in _batches(list(names)) for mail in self._find(some)}

    def _find(self, names: Sequence[str]) -> Iterator[DomainMail]:
        from sqlalchemy import select

        from hygiene.tables import DOMAIN_MAIL

        columns = DOMAIN_MAIL.c
        good = select(columns.domain, columns.verdict, columns.detail).where(
            columns.domain.in_(names),
            columns.verdict.in_([Mail.UNDELIVERABLE.value, Mail.NOT_DISPROVED.value]),
            columns.asked_at <= self.now,  # a clock that ran ahead
        )
        with self.store.reading() as connection:
            rows = connection.execute(good).all()
        return (DomainMail(domain, Mail(verdict), detail) for domain, verdict, detail in rows)

    def add(self, mail: DomainMail) -> None:
        """Keep a verdict; with every `BATCH` of them the store is written."""
        if mail.verdict is Mail.UNKNOWN:
            return
        self._unsaved.append(mail)
        if len(self._unsaved) >= BATCH:
            self.save()

    def save(self) -> None:
        """Write what is not saved yet."""
        from hygiene.store import insert_into
        from hygiene.tables import DOMAIN_MAIL

        rows, self._unsaved = [self._row(mail) for mail in self._unsaved], []
        if not rows:
            return
        with self.store.writing() as connection:
            insert = insert_into(connection, DOMAIN_MAIL)
            new = {name: insert.excluded[name] for name in ("verdict", "detail", "asked_at")}
            connection.execute(insert.on_conflict_do_update(index_elements=["domain"], set_=new), rows)

    def _row(self, mail: DomainMail) -> dict[str, str | datetime]:
        return {
            "domain": mail.domain,
            "verdict": mail.verdict.value,
            "detail": mail.detail,
            "asked_at": self.now,
        }


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + BATCH] for start in range(0, len(names), BATCH))
