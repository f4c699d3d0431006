"""check_host() of RFC 7208: may this address send mail in this name?

The evaluation is a generator that yields questions and is sent answers, so it is pure: the same code is
driven by a live resolver, by a dict, or by the answers of a saved audit. It reads strictly in order and counts
where the look-up happens, so prefetching can never change a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import TypeAlias, TypeVar

from hygiene.audit.records.spf import LOOKUP_TERMS, Mechanism, SpfRecord, is_spf, parse
from hygiene.audit.records.spf_macros import MacroString, expand_domain, parse_macro_string
from hygiene.audit.spf_transaction import client_address, dotted, is_checkable, sender_of, to_a_labels
from hygiene.domain import is_queryable
from hygiene.errors import RecordError
from hygiene.ip import IPAddress
from hygiene.resolver import Answer, Outcome, Resolver, run_now

T = TypeVar("T")
Question: TypeAlias = tuple[str, str]
Asking: TypeAlias = Generator[Question, Answer, T]

MAX_LOOKUPS = 10  # terms that cause DNS queries, RFC 7208 §4.6.4
MAX_VOID_LOOKUPS = 2  # RFC 7208 §4.6.4 (SHOULD)
MAX_MX_HOSTS = 10  # per mx, RFC 7208 §4.6.4
MAX_PTR_NAMES = 10  # the rest are ignored, RFC 7208 §4.6.4

_REVERSE_FAMILY = {4: ("in-addr", "A"), 6: ("ip6", "AAAA")}


class SpfResult(StrEnum):
    """The results of RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, kw_only=True)
class SpfVerdict:
    """What a receiver concludes, and why.

    `explanation` is the domain owner's text for a fail, None without one. `lookups` counts the terms that
    caused look-ups (11 means the limit stopped it), `void_lookups` the answers without records. `matched`
    is the term that decided, `domain` whose record it stands in, `reason` one sentence.
    """

    result: SpfResult
    explanation: str | None = None
    lookups: int = 0
    void_lookups: int = 0
    matched: str = ""
    domain: str = ""
    reason: str = ""


def check_host(
    *,
    ip: str | IPAddress,
    helo: str,
    mail_from: str,
    resolver: Resolver,
    receiver: str = "unknown",
    now: float = 0.0,
) -> SpfVerdict:
    """Evaluate SPF for one SMTP transaction (RFC 7208 §4).

    `mail_from` is the envelope sender; "" is a bounce and stands for postmaster@helo (§2.4). `receiver` and
    `now` (Unix seconds) only serve the macros r and t of an explanation. Raises UsageError when `ip` is not
    an address; whatever DNS does is a result.

    >>> from hygiene.resolver import Zone
    >>> zone = Zone({"shop.example": {"TXT": "v=spf1 ip4:192.0.2.0/24 -all"}})
    >>> verdict = check_host(ip="192.0.2.1", helo="mx.shop.example", mail_from="a@shop.example", resolver=zone)
    >>> verdict.result.value, verdict.matched
    ('pass', 'ip4:192.0.2.0/24')
    """
    return run_now(drive(evaluate(ip=ip, helo=helo, mail_from=mail_from, receiver=receiver, now=now), resolver))


async def drive(asking: Asking[T], resolver: Resolver) -> T:
    """Run an evaluation against a resolver, one question after the other."""
    try:
        question = next(asking)
        while True:
            question = asking.send(await resolver.resolve(*question))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def drive_now(asking: Asking[T], answer: Callable[[str, str], Answer]) -> T:
    """Run an evaluation against answers that are at hand."""
    try:
        question = next(asking)
        while True:
            question = asking.send(answer(*question))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def evaluate(
    *, ip: str | IPAddress, helo: str, mail_from: str, receiver: str = "unknown", now: float = 0.0
) -> Asking[SpfVerdict]:
    """The evaluation as a generator of questions; see `check_host`."""
    session = _Session(client_address(ip), to_a_labels(helo), sender_of(mail_from, helo), receiver, now)
    try:
        decision = yield from _check(session, session.sender.rpartition("@")[2])
        explanation = yield from _explain(session, decision)
    except _Stop as stop:
        return session.verdict(stop.result, reason=stop.reason, domain=stop.domain)
    return session.verdict(
        decision.result,
        explanation=explanation,
        matched=decision.matched,
        domain=decision.domain,
        reason=decision.reason,
    )


@dataclass
class _Session:
    """One transaction and the counters that span its whole tree of records."""

    ip: IPAddress
    helo: str
    sender: str
    receiver: str
    now: float
    lookups: int = 0
    void_lookups: int = 0
    validated: list[str] | None = field(default=None)

    @property
    def address_type(self) -> str:
        return _REVERSE_FAMILY[self.ip.version][1]

    def count(self, kind: str, domain: str) -> None:
        if kind not in LOOKUP_TERMS:
            return
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _Stop(SpfResult.PERMERROR, f"more than {MAX_LOOKUPS} DNS look-ups", domain)

    def count_void(self, answer: Answer) -> None:
        if not answer.outcome.is_void:
            return
        self.void_lookups += 1
        if self.void_lookups > MAX_VOID_LOOKUPS:
            reason = f"more than {MAX_VOID_LOOKUPS} look-ups without an answer, the last {answer.name}"
            raise _Stop(SpfResult.PERMERROR, reason, answer.name)

    def verdict(
        self,
        result: SpfResult,
        *,
        explanation: str | None = None,
        matched: str = "",
        domain: str = "",
        reason: str = "",
    ) -> SpfVerdict:
        return SpfVerdict(
            result=result,
            explanation=explanation,
            lookups=self.lookups,
            void_lookups=self.void_lookups,
            matched=matched,
            domain=domain,
            reason=reason,
        )


@dataclass(frozen=True)
class _Decision:
    result: SpfResult
    domain: str
    reason: str
    matched: str = ""
    explanation: MacroString | None = None


class _Stop(Exception):
    """The whole evaluation ends in temperror or permerror."""

    def __init__(self, result: SpfResult, reason: str, domain: str) -> None:
        super().__init__(reason)
        self.result, self.reason, self.domain = result, reason, domain


def _check(session: _Session, domain: str) -> Asking[_Decision]:
    """check_host() proper (§4.3 to §4.7) for one domain of the tree."""
    record = yield from _find_record(domain)
    if isinstance(record, _Decision):
        return record
    for mechanism in record.mechanisms:
        session.count(mechanism.kind, domain)
        if (yield from _matches(session, mechanism, domain)):
            result = SpfResult(mechanism.qualifier.result)
            text = mechanism.to_text()
            return _Decision(result, domain, f"{text} matches", text, record.explanation)
    if record.redirect is not None:
        return (yield from _redirect(session, record.redirect, domain))
    return _Decision(SpfResult.NEUTRAL, domain, "no term matches")


def _find_record(domain: str) -> Asking[SpfRecord | _Decision]:
    if not is_checkable(domain):
        return _Decision(SpfResult.NONE, domain, "not a domain name of two labels or more")
    answer = yield domain, "TXT"
    _require(answer, domain)
    texts = [text for text in answer.texts if is_spf(text)]
    if not texts:
        return _Decision(SpfResult.NONE, domain, "no SPF record")
    if len(texts) > 1:
        raise _Stop(SpfResult.PERMERROR, f"{len(texts)} SPF records", domain)
    try:
        return parse(texts[0])
    except RecordError as error:
        raise _Stop(SpfResult.PERMERROR, str(error), domain) from None


def _redirect(session: _Session, target: MacroString, domain: str) -> Asking[_Decision]:
    session.count("redirect", domain)
    name = yield from _expand(session, target, domain)
    decision = yield from _check(session, name)
    if decision.result is SpfResult.NONE:
        raise _Stop(SpfResult.PERMERROR, f"redirect to {name}, which has no SPF record", domain)
    return decision


def _matches(session: _Session, mechanism: Mechanism, domain: str) -> Asking[bool]:
    if mechanism.kind == "all":
        return True
    if mechanism.network is not None:
        return session.ip in mechanism.network
    if mechanism.domain and mechanism.domain.letters & {"s", "l"} and not session.sender.isascii():
        return False  # RFC 8616 §4: a non-ASCII local part matches nothing
    target = domain if mechanism.domain is None else (yield from _expand(session, mechanism.domain, domain))
    return (yield from _MATCHERS[mechanism.kind](session, mechanism, target))


def _match_include(session: _Session, _: Mechanism, target: str) -> Asking[bool]:
    decision = yield from _check(session, target)
    if decision.result is SpfResult.NONE:
        raise _Stop(SpfResult.PERMERROR, f"include of {target}, which has no SPF record", target)
    return decision.result is SpfResult.PASS


def _match_a(session: _Session, mechanism: Mechanism, target: str) -> Asking[bool]:
    addresses = yield from _addresses(session, target)
    return _any_in_range(session, mechanism, addresses)


def _match_mx(session: _Session, mechanism: Mechanism, target: str) -> Asking[bool]:
    if not is_queryable(target):
        return False
    answer = yield target, "MX"
    _require(answer, target)
    session.count_void(answer)
    hosts = [host for _, host in answer.exchanges if host]
    if len(hosts) > MAX_MX_HOSTS:
        raise _Stop(SpfResult.PERMERROR, f"mx of {target} has more than {MAX_MX_HOSTS} hosts", target)
    for host in hosts:
        addresses = yield from _addresses(session, host)
        if _any_in_range(session, mechanism, addresses):
            return True
    return False


def _match_ptr(session: _Session, _: Mechanism, target: str) -> Asking[bool]:
    target = target.lower()
    names = yield from _reverse_names(session)
    for name in names:
        if name == target or name.endswith(f".{target}"):
            answer = yield name, session.address_type
            session.count_void(answer)
            if str(session.ip) in _normal_addresses(answer):
                return True
    return False


def _match_exists(session: _Session, _: Mechanism, target: str) -> Asking[bool]:
    if not is_queryable(target):
        return False
    answer = yield target, "A"  # also for IPv6 clients, §5.7
    _require(answer, target)
    session.count_void(answer)
    return answer.outcome is Outcome.RECORDS


_MATCHERS = {
    "include": _match_include,
    "a": _match_a,
    "mx": _match_mx,
    "ptr": _match_ptr,
    "exists": _match_exists,
}


def _addresses(session: _Session, name: str) -> Asking[tuple[str, ...]]:
    if not is_queryable(name):
        return ()
    answer = yield name, session.address_type
    _require(answer, name)
    session.count_void(answer)
    return answer.values


def _any_in_range(session: _Session, mechanism: Mechanism, addresses: tuple[str, ...]) -> bool:
    network = mechanism.around(session.ip)
    return any(ip_address(address) in network for address in addresses)


def _reverse_names(session: _Session) -> Asking[list[str]]:
    """The PTR names of the client; any DNS error means there are none (§5.5)."""
    answer = yield session.ip.reverse_pointer, "PTR"
    session.count_void(answer)
    return _usable_names(answer)


def _usable_names(pointer: Answer) -> list[str]:
    return [name.lower() for name in pointer.values[:MAX_PTR_NAMES] if is_queryable(name)]


def _validated_name(session: _Session, domain: str) -> Asking[str]:
    """The value of macro p: the domain itself, a name below it, any validated name, or "unknown" (§7.3)."""
    if session.validated is None:
        answer = yield session.ip.reverse_pointer, "PTR"
        session.validated = []
        for name in _usable_names(answer):
            forward = yield name, session.address_type
            if str(session.ip) in _normal_addresses(forward):
                session.validated.append(name)
    names, wanted = session.validated, domain.lower()
    below = [name for name in names if name.endswith(f".{wanted}")]
    return wanted if wanted in names else next(iter([*below, *names]), "unknown")


def _explain(session: _Session, decision: _Decision) -> Asking[str | None]:
    """The domain owner's text for a fail (§6.2); anything wrong with it means there is none."""
    if decision.result is not SpfResult.FAIL or decision.explanation is None:
        return None
    name = yield from _expand(session, decision.explanation, decision.domain)
    if not is_queryable(name):
        return None
    answer = yield name, "TXT"
    if len(answer.texts) != 1:
        return None
    try:
        text = parse_macro_string(answer.texts[0], spaces=True)
    except RecordError:
        return None
    values = yield from _macro_values(session, text, decision.domain)
    return text.expand(values)


def _expand(session: _Session, spec: MacroString, domain: str) -> Asking[str]:
    values = yield from _macro_values(session, spec, domain)
    return expand_domain(spec, values)


def _macro_values(session: _Session, spec: MacroString, domain: str) -> Asking[dict[str, str]]:
    local, _, sender_domain = session.sender.rpartition("@")
    values = {
        "s": session.sender,
        "l": local,
        "o": sender_domain,
        "d": domain,
        "i": dotted(session.ip),
        "h": session.helo,
        "v": _REVERSE_FAMILY[session.ip.version][0],
        "c": str(session.ip),
        "r": session.receiver,
        "t": str(int(session.now)),
    }
    if "p" in spec.letters:
        values["p"] = yield from _validated_name(session, domain)
    return values


def _require(answer: Answer, domain: str) -> None:
    if not answer.is_known:
        raise _Stop(SpfResult.TEMPERROR, answer.reason, domain)


def _normal_addresses(answer: Answer) -> set[str]:
    return {str(ip_address(value)) for value in answer.values}
