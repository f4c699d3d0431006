"""Repaired SPF records: with a term less, with another `all`, or with no more than ten look-ups."""

from __future__ import annotations

from collections.abc import Iterable

from hygiene.audit.records.spf import Mechanism, Modifier, Network, Qualifier, SpfRecord, Term, scan
from hygiene.audit.spf_evaluation import MAX_LOOKUPS
from hygiene.audit.views.spf import SpfNode, SpfTerm, SpfView
from hygiene.audit.zone_line import txt_line

MAX_NETWORKS = 12  # of one term written out; more would make the record too long for one answer


def publish(domain: str, record: SpfRecord) -> str:
    """The line of a zone file; nobody is advised to let everybody send, whatever else is repaired."""
    if record.all and record.all.qualifier is Qualifier.PASS:
        record = with_all(record, Qualifier.SOFTFAIL)
    return txt_line(domain, record.to_text())


def without(record: SpfRecord, texts: Iterable[str]) -> SpfRecord:
    """The record without the terms of these texts."""
    unwanted = set(texts)
    return SpfRecord(tuple(term for term in record.terms if term.to_text() not in unwanted))


def with_all(record: SpfRecord, qualifier: Qualifier) -> SpfRecord:
    """The record ended by `all` with this qualifier; senders that stood behind the old one count again."""
    named = [term for term in record.mechanisms if term.kind != "all"]
    modifiers = [modifier for modifier in record.modifiers if modifier.name != "redirect"]
    return SpfRecord((*named, Mechanism(kind="all", qualifier=qualifier), *modifiers))


def merged(texts: Iterable[str]) -> SpfRecord:
    """One record for whoever any of these lets send; it refuses others only where all of them do."""
    records = [scan(text)[0] for text in texts]
    found = [_as_include(term) for record in records for term in record.terms]
    ends = {record.all.qualifier if record.all else None for record in records}
    end = Qualifier.FAIL if ends == {Qualifier.FAIL} else Qualifier.SOFTFAIL
    senders = [term for term in found if not (isinstance(term, Mechanism) and term.kind == "all")]
    return with_all(SpfRecord(tuple(dict.fromkeys(senders))), end)


def _as_include(term: Term) -> Term:
    """A redirect passes what it points to; beside other terms an include does."""
    if isinstance(term, Modifier) and term.name == "redirect":
        return Mechanism(kind="include", domain=term.value)
    return term


def rejoined(view: SpfView) -> str:
    """The record with a space where two of its strings meet, when that is all it lacks; '' otherwise.

    Strings are joined without one (RFC 7208 §3.3), so terms on both sides become a single term.
    """
    strings = next((parts for parts in view.answer.records if "".join(parts) in view.texts), ())
    spaced = " ".join(strings)
    if len(view.texts) != 1 or spaced.split() == view.texts[0].split() or scan(spaced)[1]:
        return ""
    return txt_line(view.domain, " ".join(spaced.split()))


def repair(view: SpfView) -> SpfRecord | None:
    """The record with as few terms written out as addresses as possible; None when that cannot suffice.

    First goes what authorises nobody, then the host names of one's own (`a`, `mx`), then the includes with the
    fewest addresses. What is written out must be looked after when the provider moves.
    """
    if view.tree is None or view.tree.record is None:
        return None
    lookups = view.lookups
    replaced: dict[str, tuple[Term, ...]] = {}
    for term in _cheapest_first(view.tree):
        if lookups <= MAX_LOOKUPS:
            break
        replaced[term.text] = written_out(term)
        lookups -= term.lookups
    return _rewrite(view.tree.record, replaced) if lookups <= MAX_LOOKUPS else None


def written_out(term: SpfTerm) -> tuple[Mechanism, ...]:
    """The addresses a term lets send, as ip4 and ip6 terms."""
    return tuple(_as_mechanism(network) for network in term.authorised)


def _cheapest_first(tree: SpfNode) -> list[SpfTerm]:
    candidates = [term for term in tree.terms if term.cost and _can_be_written_out(term)]
    return sorted(candidates, key=lambda term: (_rank(term), len(term.authorised) / term.lookups))


def _can_be_written_out(term: SpfTerm) -> bool:
    if term.kind not in ("a", "mx", "include") or term.unknown or not _lists_addresses(term):
        return False
    below = [inner for _, inner in term.node.walk()] if term.node else []
    if not all(_lists_addresses(inner) and not inner.unknown for inner in below):
        return False
    return len(term.authorised) <= MAX_NETWORKS


def _lists_addresses(term: SpfTerm) -> bool:
    """It stands for addresses that pass, whatever the message is."""
    if term.kind == "all":
        return True
    by_message = term.kind in ("ptr", "exists") or (term.cost and term.target is None)
    return not by_message and term.text[0] not in "-~?"


def _rank(term: SpfTerm) -> int:
    if not term.authorised:
        return 0
    return 1 if term.kind in ("a", "mx") else 2


def _rewrite(record: SpfRecord, replaced: dict[str, tuple[Term, ...]]) -> SpfRecord:
    terms: list[Term] = []
    for term in record.reachable:
        terms.extend(replaced.get(term.to_text(), (term,)))
    kept = [modifier for modifier in record.modifiers if not (modifier.name == "redirect" and record.all)]
    unique = dict.fromkeys([*terms, *kept])
    return SpfRecord(tuple(unique))


def _as_mechanism(network: Network) -> Mechanism:
    whole = network.prefixlen == network.max_prefixlen
    prefix = None if whole else network.prefixlen
    if network.version == 4:
        return Mechanism(kind="ip4", qualifier=Qualifier.PASS, address=network.network_address, prefix4=prefix)
    return Mechanism(kind="ip6", qualifier=Qualifier.PASS, address=network.network_address, prefix6=prefix)
