"""Checks of the tree that an SPF record spans: look-ups, includes and what they lead to (RFC 7208 §4.6.4)."""

from __future__ import annotations

from hygiene.audit.records.spf import Qualifier, SpfRecord
from hygiene.audit.registry import check
from hygiene.audit.spf_evaluation import MAX_LOOKUPS, MAX_VOID_LOOKUPS
from hygiene.audit.spf_repair import publish, rejoined, repair, with_all, without
from hygiene.audit.views.spf import SpfTerm, SpfView
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

GLUED = "a space is missing where two strings of the TXT record meet"


def removals(spf: SpfView, faults: list[tuple[str, str]], note: str = "") -> Evidence:
    """Each fault is (evidence, term); the fix is the own record without all of these terms, and a note."""
    record = spf.tree.record if spf.tree else None
    unwanted = {text for _, text in faults}
    own = record is not None and any(term.to_text() in unwanted for term in record.terms)
    fix = publish(spf.domain, _remainder(record, unwanted)) if record and own else ""
    fix = f"{fix}\n; {note}" if fix and note else fix
    for evidence, _ in faults:
        yield Problem(evidence=evidence, fix=fix)


def _remainder(record: SpfRecord, unwanted: set[str]) -> SpfRecord:
    kept = without(record, unwanted)
    lost_redirect = record.redirect is not None and kept.redirect is None
    return with_all(kept, Qualifier.SOFTFAIL) if lost_redirect else kept


@check(
    severity=Severity.MEDIUM,
    rule="RFC 7208 §4.6.4",
    why="Receivers answer permerror beyond ten look-ups, and DMARC can then not use SPF.",
)
def spf_too_many_lookups(spf: SpfView) -> Evidence:
    """The SPF record can need more than ten DNS look-ups"""
    if spf.lookups <= MAX_LOOKUPS or not spf.tree:
        return
    cut_off = [str(one.network) for one in spf.senders if "DNS look-ups" in one.verdict.reason]
    repaired = repair(spf)
    fix = publish(spf.domain, repaired) if repaired else "remove the includes of services you no longer use"
    if repaired and (written := _written_out(spf, repaired)):
        fix = f"{fix}\n; written out as addresses, to be kept up to date: {written}"
    costs = " · ".join(f"{term.text} {term.lookups}" for term in spf.tree.terms if term.lookups)
    severity = Severity.HIGH if cut_off else Severity.MEDIUM
    yield Problem(evidence=f"{spf.lookups} of {MAX_LOOKUPS}: {costs}", fix=fix, severity=severity)
    if cut_off:
        yield f"senders that get a permerror instead of a pass: {', '.join(cut_off[:5])}"
    else:
        yield f"known senders pass within {spf.typical_lookups or 0} look-ups; all others get a permerror"


def _written_out(spf: SpfView, repaired: SpfRecord) -> str:
    """The terms that a repaired record replaces by addresses."""
    kept = {term.to_text() for term in repaired.terms}
    terms = spf.tree.terms if spf.tree else ()
    return ", ".join(dict.fromkeys(term.text for term in terms if term.authorised and term.text not in kept))


@check(
    severity=Severity.HIGH,
    rule="RFC 7208 §4.6.4",
    why="Receivers answer permerror after two look-ups without an answer.",
    fix="remove the terms that lead nowhere",
)
def spf_too_many_void_lookups(spf: SpfView) -> Evidence:
    """More than two SPF look-ups have no answer"""
    if len(spf.voids) > MAX_VOID_LOOKUPS:
        cut_off = any("without an answer" in one.verdict.reason for one in spf.senders) or not spf.senders
        severity = Severity.HIGH if cut_off else Severity.MEDIUM
        evidence = f"{len(spf.voids)} of {MAX_VOID_LOOKUPS}: {', '.join(spf.voids)}"
        yield Problem(evidence=evidence, severity=severity)
        if not cut_off:
            evidence = "known senders pass before that; all others get a permerror"
            yield Problem(evidence=evidence, severity=severity)


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §4.6.4",
    why="A term that leads nowhere authorises nobody and uses up one of two look-ups that may fail.",
    fix="remove the term",
)
def spf_void_lookup(spf: SpfView) -> Evidence:
    """An SPF term leads nowhere"""
    if 0 < len(spf.voids) <= MAX_VOID_LOOKUPS:
        faults = [
            (
                f"{term.text} in {node.domain}: no address at {', '.join(term.voids)}",
                "" if term.authorised else term.text,
            )
            for node, term in spf.terms
            if term.voids and not any(network.version == 6 for network in term.networks)
        ]
        yield from removals(spf, faults)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 7208 §5.2",
    why="The chain of includes comes back to itself: receivers run into the look-up limit and answer "
    "permerror.",
    fix="remove the include that closes the loop",
)
def spf_include_loop(spf: SpfView) -> Evidence:
    """SPF includes form a loop"""
    faults = [
        (f"{term.text} in {node.domain}, {term.problem}", term.text)
        for node, term in spf.terms
        if term.problem.startswith("loop:")
    ]
    yield from removals(spf, faults)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 7208 §5.2",
    why="An include or redirect of a domain without exactly one sound SPF record is a permerror for the "
    "whole record.",
    fix="remove the include, or have its owner repair the record",
)
def spf_include_broken(spf: SpfView) -> Evidence:
    """An included SPF record is missing or broken"""
    faults = [
        (f"{term.text} in {node.domain}: {term.node.problem}", term.text)
        for node, term in spf.terms
        if term.node and term.node.problem and not term.node.free
    ]
    if faults and (spaced := rejoined(spf)):
        for evidence in (GLUED, *(evidence for evidence, _ in faults)):
            yield Problem(evidence=evidence, fix=spaced)
        return
    yield from removals(spf, faults, "if the service still sends for you, correct its name instead")


@check(
    severity=Severity.CRITICAL,
    rule="RFC 7208 §5.2",
    why="Whoever registers that domain can authorise any server to send in your name; until then SPF is "
    "a permerror.",
    fix="remove the term today",
    confidence=Confidence.LIKELY,
)
def spf_include_registrable(spf: SpfView) -> Evidence:
    """SPF trusts a domain that does not exist"""
    faults = [
        (f"{term.text} in {node.domain}: NXDOMAIN, {term.node.free} may be free to register", term.text)
        for node, term in spf.terms
        if term.node and term.node.free
    ]
    yield from removals(spf, faults)


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §4.6.4",
    why="The include costs look-ups and authorises nobody.",
    fix="remove the include",
)
def spf_include_empty(spf: SpfView) -> Evidence:
    """An included SPF record authorises nobody"""
    faults = [
        (f"{term.text} in {node.domain}: {term.node.text}", term.text)
        for node, term in spf.terms
        if term.kind == "include" and term.node and not term.node.problem and not _may_authorise(term)
    ]
    yield from removals(spf, faults)


def _may_authorise(term: SpfTerm) -> bool:
    """It has addresses, or something below it that only a message or another answer can tell."""
    if term.authorised or term.unknown or term.node is None:
        return True
    return any(
        below.unknown
        or below.problem
        or below.kind in ("exists", "ptr")
        or (below.cost and below.target is None)
        for _, below in term.node.walk()
    )


@check(
    severity=Severity.HIGH,
    rule="RFC 7208 §4.6.4",
    why="Receivers answer permerror when an mx term leads to more than ten hosts.",
    fix="name the addresses with ip4: and ip6:",
)
def spf_too_many_mx_hosts(spf: SpfView) -> Evidence:
    """An SPF mx term has more than ten hosts"""
    for _, term in spf.terms:
        if "MX hosts" in term.problem:
            yield term.problem


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §5.5",
    why="ptr is slow and unreliable and should not be published; some receivers skip it.",
    fix="write the addresses of your servers with ip4: and ip6: in its place",
)
def spf_uses_ptr(spf: SpfView) -> Evidence:
    """SPF uses the ptr mechanism"""
    for node, term in spf.terms:
        if term.kind == "ptr":
            yield f"{term.text} in {node.domain}"


@check(
    severity=Severity.HIGH,
    rule="RFC 7208 §2.6.6",
    why="A receiver that meets the same silence answers temperror and tries again later.",
)
def spf_tree_complete(spf: SpfView) -> Evidence:
    """All of the SPF record can be evaluated"""
    for reason in spf.unknowns:
        yield Open(reason)
