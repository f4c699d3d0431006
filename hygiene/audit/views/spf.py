"""SPF as published: the tree of includes, its two counts, and the addresses it lets send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, collapse_addresses, ip_address, ip_network

from hygiene.audit.facts import Look
from hygiene.audit.records.spf import (
    LOOKUP_TERMS,
    Mechanism,
    Network,
    Qualifier,
    SpfRecord,
    is_spf,
    scan,
)
from hygiene.audit.records.spf_macros import MacroString, expand_domain
from hygiene.audit.spf_evaluation import MAX_MX_HOSTS, SpfVerdict, drive_now, evaluate
from hygiene.audit.views.ownership import free_domain
from hygiene.errors import RecordError
from hygiene.ip import IPAddress
from hygiene.resolver import Answer

MAX_NODES = 256  # records read in one tree; a tree this large is broken whatever follows
MAX_DEPTH = 128  # includes in includes
MAX_SENDERS = 40  # authorised ranges for which a receiver's evaluation is played through
#: addresses nobody is authorised to send from; one of them plays the forger
STRANGERS = ("198.18.0.1", "240.0.0.1", "203.0.113.254", "192.0.2.254", "100.64.0.1")


@dataclass(frozen=True, kw_only=True)
class SpfTerm:
    """One term in the tree. `target` is None when it depends on the message (macros)."""

    text: str
    kind: str
    target: str | None = None
    cost: int = 0  # look-ups of the term itself: 0 or 1
    voids: tuple[str, ...] = ()  # names looked up without an answer
    networks: tuple[Network, ...] = ()  # what it authorises by itself
    node: SpfNode | None = None
    problem: str = ""  # why evaluation ends in permerror here
    unknown: str = ""  # why this could not be looked up

    @property
    def lookups(self) -> int:
        """Of the term and everything below it."""
        return self.cost + (self.node.lookups if self.node else 0)

    @property
    def authorised(self) -> tuple[Network, ...]:
        """Every range that passes through it, overlaps merged."""
        return _merge([*self.networks, *_authorised(self.node)])


@dataclass(frozen=True, kw_only=True)
class SpfNode:
    """One domain's record in the tree."""

    domain: str
    text: str = ""
    record: SpfRecord | None = None
    terms: tuple[SpfTerm, ...] = ()
    problem: str = ""
    unknown: str = ""
    free: str = ""  # the registered domain it needs, when nobody has registered that

    @property
    def lookups(self) -> int:
        """Worst case: every term is evaluated."""
        return sum(term.lookups for term in self.terms)

    def walk(self) -> Iterator[tuple[SpfNode, SpfTerm]]:
        """Every term of the tree with the record it stands in, in reading order."""
        for term in self.terms:
            yield self, term
            if term.node:
                yield from term.node.walk()


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What a receiver does for one authorised range."""

    network: Network
    verdict: SpfVerdict


@dataclass(frozen=True, kw_only=True)
class SpfView:
    """Everything known about a domain's SPF.

    `lookups` is the worst case; `senders` holds what a receiver needs for each authorised range, `stranger`
    for everybody else, `given` for the addresses the user named.
    """

    domain: str
    unknown: str = ""
    answer: Answer
    texts: tuple[str, ...] = ()
    errors: tuple[RecordError, ...] = ()
    tree: SpfNode | None = None
    senders: tuple[Sender, ...] = ()
    stranger: SpfVerdict | None = None
    given: tuple[tuple[str, SpfVerdict], ...] = ()
    type99: tuple[str, ...] = ()
    sender_id: tuple[str, ...] = ()

    @property
    def published(self) -> bool:
        """At least one record."""
        return bool(self.texts)

    @property
    def record(self) -> SpfRecord | None:
        """The one sound record, if there is exactly one."""
        return self.tree.record if self.tree and not self.errors else None

    @property
    def lookups(self) -> int:
        """Worst-case look-ups."""
        return self.tree.lookups if self.tree else 0

    @property
    def terms(self) -> tuple[tuple[SpfNode, SpfTerm], ...]:
        """Every term of the tree."""
        return tuple(self.tree.walk()) if self.tree else ()

    @property
    def voids(self) -> tuple[str, ...]:
        """Names looked up without an answer, one entry a look-up."""
        return tuple(name for _, term in self.terms for name in term.voids)

    @property
    def problems(self) -> tuple[str, ...]:
        """Places where evaluation ends in permerror."""
        own = [self.tree.problem] if self.tree and self.tree.problem else []
        return tuple(own + [term.problem for _, term in self.terms if term.problem])

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Look-ups in the tree that got no answer, each once."""
        return tuple(dict.fromkeys(term.unknown for _, term in self.terms if term.unknown))

    @property
    def networks(self) -> tuple[Network, ...]:
        """All authorised ranges, overlaps merged; ranges behind macros or ptr are not among them."""
        return _merge(_authorised(self.tree)) if self.tree else ()

    @property
    def addresses(self) -> int:
        """How many IPv4 addresses may send."""
        return sum(network.num_addresses for network in self.networks if isinstance(network, IPv4Network))

    @property
    def typical_lookups(self) -> int | None:
        """What a receiver needs at most for a sender that passes; None when none is known to."""
        passing = [sender.verdict.lookups for sender in self.senders if sender.verdict.result == "pass"]
        return max(passing, default=None)

    @property
    def works(self) -> bool:
        """A receiver gets a pass for those who may send: exactly one sound record, not cut off by a limit."""
        if self.record is None or self.problems:
            return False
        return not any(sender.verdict.result == "permerror" for sender in self.senders)

    @property
    def all_qualifier(self) -> Qualifier | None:
        """What happens to everybody else, followed through redirects; None when nothing is said."""
        node = self.tree
        while node and node.record:
            if node.record.all:
                return node.record.all.qualifier
            node = next((term.node for term in node.terms if term.kind == "redirect"), None)
        return None


def read_spf(facts: Look) -> SpfView:
    """The SPF of the audited domain."""
    answer = facts.answer(facts.domain, "TXT")
    type99 = facts.answer(facts.domain, "SPF")
    if not answer.is_known:
        return SpfView(domain=facts.domain, answer=answer, unknown=answer.reason)
    texts = tuple(text for text in answer.texts if is_spf(text))
    errors = scan(texts[0])[1] if len(texts) == 1 else ()
    tree = _Builder(facts).node(facts.domain, ()) if len(texts) == 1 else None
    view = SpfView(
        domain=facts.domain,
        answer=answer,
        texts=texts,
        errors=errors,
        tree=tree,
        type99=type99.texts,
        sender_id=tuple(text for text in answer.texts if text.lower().startswith("spf2.0/")),
    )
    if tree is None:
        return view
    view = replace(view, given=tuple((ip, _play(ip, view, facts.answer)) for ip in facts.options.ips))
    return view if facts.waiting else _with_evaluations(view, facts)


def _with_evaluations(view: SpfView, facts: Look) -> SpfView:
    """Play receivers through for the ranges that may send and for a stranger, without look-ups of their own."""
    ranges = _sample(tuple(dict.fromkeys(_authorised(view.tree) if view.tree else ())))
    known = tuple(ip for ip in STRANGERS if not _covers(view.networks, ip))
    return replace(
        view,
        senders=tuple(
            Sender(network=network, verdict=_play(network[0], view, facts.recorded)) for network in ranges
        ),
        stranger=_play(known[0], view, facts.recorded) if known else None,
    )


def _play(ip: str | IPAddress, view: SpfView, answer: Callable[[str, str], Answer]) -> SpfVerdict:
    return drive_now(evaluate(ip=ip, helo=view.domain, mail_from=f"postmaster@{view.domain}"), answer)


@dataclass
class _Builder:
    """Reads records into a tree, up to MAX_NODES of them."""

    facts: Look
    nodes: int = field(default=0)

    def node(self, domain: str, path: tuple[str, ...]) -> SpfNode:
        """The record of one domain; `path` holds the domains above it."""
        self.nodes += 1
        answer = self.facts.answer(domain, "TXT")
        if not answer.is_known:
            return SpfNode(domain=domain, unknown=answer.reason)
        texts = [text for text in answer.texts if is_spf(text)]
        if len(texts) != 1:
            problem = f"{domain} has {len(texts)} SPF records" if texts else f"{domain} has no SPF record"
            return SpfNode(domain=domain, problem=problem, free=free_domain(answer, self.facts))
        record, errors = scan(texts[0])
        inner = (*path, domain)
        terms = [self._term(mechanism, domain, inner) for mechanism in record.reachable]
        if record.redirect is not None:
            terms.append(
                self._include("redirect", f"redirect={record.redirect.to_text()}", record.redirect, inner)
            )
        problem = f"{domain}: {errors[0]}" if errors else ""
        return SpfNode(domain=domain, text=texts[0], record=record, terms=tuple(terms), problem=problem)

    def _term(self, mechanism: Mechanism, domain: str, path: tuple[str, ...]) -> SpfTerm:
        text, kind = mechanism.to_text(), mechanism.kind
        cost = int(kind in LOOKUP_TERMS)
        if kind == "include" and mechanism.domain:
            return self._include(kind, text, mechanism.domain, path)
        if mechanism.network is not None:
            return SpfTerm(text=text, kind=kind, networks=(mechanism.network,))
        target = domain if mechanism.domain is None else _literal(mechanism.domain)
        if target is None or kind in ("all", "ptr"):
            return SpfTerm(text=text, kind=kind, target=target, cost=cost)
        if kind == "exists":
            return self._exists(text, target)
        return self._hosts(mechanism, text, target)

    def _include(self, kind: str, text: str, spec: MacroString, path: tuple[str, ...]) -> SpfTerm:
        target = _literal(spec)
        if target is None:
            return SpfTerm(text=text, kind=kind, cost=1)
        if target in path:
            loop = " → ".join([*path[path.index(target) :], target])
            return SpfTerm(text=text, kind=kind, target=target, cost=1, problem=f"loop: {loop}")
        if self.nodes >= MAX_NODES or len(path) >= MAX_DEPTH:
            problem = f"more than {MAX_NODES} records in the tree, or more than {MAX_DEPTH} in a row"
            return SpfTerm(text=text, kind=kind, target=target, cost=1, problem=problem)
        node = self.node(target, path)
        return SpfTerm(
            text=text, kind=kind, target=target, cost=1, node=node, problem=node.problem, unknown=node.unknown
        )

    def _exists(self, text: str, target: str) -> SpfTerm:
        answer = self.facts.answer(target, "A")
        return SpfTerm(
            text=text, kind="exists", target=target, cost=1, voids=_voids(answer), unknown=answer.reason
        )

    def _hosts(self, mechanism: Mechanism, text: str, target: str) -> SpfTerm:
        names, problem, unknown = [target], "", ""
        voids: tuple[str, ...] = ()
        if mechanism.kind == "mx":
            answer = self.facts.answer(target, "MX")
            voids, unknown = _voids(answer), answer.reason
            names = [host for _, host in answer.exchanges if host]
            if len(names) > MAX_MX_HOSTS:
                problem = f"{text} at {target}: {len(names)} MX hosts, {MAX_MX_HOSTS} are allowed"
        answers = [self.facts.answer(name, "A") for name in names]
        six = [self.facts.answer(name, "AAAA") for name in names]
        return SpfTerm(
            text=text,
            kind=mechanism.kind,
            target=target,
            cost=1,
            # an IPv4 sender causes A look-ups only (RFC 7208 §5.3)
            voids=(*voids, *(name for answer in answers for name in _voids(answer))),
            networks=tuple(_ranges(mechanism, [*answers, *six])),
            problem=problem,
            unknown=unknown or next((answer.reason for answer in answers if answer.reason), ""),
        )


def _literal(spec: MacroString) -> str | None:
    """The name meant, or None when it depends on the message."""
    return expand_domain(spec, {}).lower() if spec.is_literal else None


def _voids(answer: Answer) -> tuple[str, ...]:
    return (answer.name,) if answer.outcome.is_void else ()


def _ranges(mechanism: Mechanism, answers: list[Answer]) -> Iterator[Network]:
    for answer in answers:
        for value in answer.values:
            yield mechanism.around(ip_address(value))


def _authorised(node: SpfNode | None) -> Iterator[Network]:
    """Ranges that get a pass, in reading order."""
    if node is None or node.record is None or node.problem:
        return
    passes = {
        mechanism.to_text() for mechanism in node.record.mechanisms if mechanism.qualifier is Qualifier.PASS
    }
    for term in node.terms:
        if term.text in passes or term.kind == "redirect":
            yield from term.networks
            yield from _authorised(term.node)
        if term.kind == "all" and term.text in passes:
            yield from (ip_network("0.0.0.0/0"), ip_network("::/0"))


def _merge(networks: Iterable[Network]) -> tuple[Network, ...]:
    found = list(networks)
    four = collapse_addresses(network for network in found if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in found if not isinstance(network, IPv4Network))
    return (*four, *six)


def _covers(networks: tuple[Network, ...], ip: str) -> bool:
    return any(ip_address(ip) in network for network in networks)


def _sample(networks: tuple[Network, ...]) -> tuple[Network, ...]:
    """At most MAX_SENDERS of them, spread evenly, with the first and the last."""
    if len(networks) <= MAX_SENDERS:
        return networks
    step = (len(networks) - 1) / (MAX_SENDERS - 1)
    return tuple(networks[round(index * step)] for index in range(MAX_SENDERS))
