"""Checks of SPF (RFC 7208)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from hygiene.audit.checks.spf_tree import GLUED, removals
from hygiene.audit.records.spf import LOOKUP_TERMS, Qualifier, SpfRecord, is_spf, scan
from hygiene.audit.registry import check
from hygiene.audit.spf_evaluation import SpfResult
from hygiene.audit.spf_repair import merged, publish, rejoined, with_all
from hygiene.audit.views.dkim import DkimView
from hygiene.audit.views.mx import MxView, is_unreachable
from hygiene.audit.views.spf import SpfView
from hygiene.audit.zone_line import txt_line
from hygiene.domain import registered_domain
from hygiene.finding import Evidence, Open, Problem, Severity

MANY_ADDRESSES = 100_000  # a third of all SPF records allow more (arXiv 2502.08240, 2023)
RECORD_SIZE = 450  # octets that leave room in a 512-octet answer, RFC 7208 §3.4
REPORT_MODIFIERS = frozenset({"ra", "rp", "rr"})  # RFC 6652, never taken up


def _ended(spf: SpfView, qualifier: Qualifier) -> str:
    """The own record with another `all`; '' when a redirect decides, which `all` would switch off."""
    record = spf.tree.record if spf.tree else None
    return publish(spf.domain, with_all(record, qualifier)) if record and not record.redirect else ""


def _sound(spf: SpfView) -> str:
    """The own record with the spaces it lacks, or what can be read of it, never with +all."""
    if spaced := rejoined(spf):
        return spaced
    record = spf.tree.record if spf.tree and spf.tree.record else SpfRecord()
    open_end = record.all is None or record.all.qualifier is Qualifier.PASS
    line = publish(spf.domain, with_all(record, Qualifier.SOFTFAIL) if open_end else record)
    return f"{line}\n; the faulty terms are left out: check that no sender is missing"


def _unmasked(text: str, domain: str) -> str:
    """The record without the quotation marks and backslashes that were published as part of it."""
    plain = text.replace("\\", "").strip(" \"'")
    return txt_line(domain, plain) if is_spf(plain) and not scan(plain)[1] else ""


@check(
    severity=Severity.HIGH,
    rule="RFC 7208 §4.5",
    why="Without a record receivers cannot tell your servers from anybody else's; large ones require SPF.",
    fix='{domain}. TXT "v=spf1 mx ~all"\n; first add an include: for each service that sends for you',
)
def spf_missing(spf: SpfView, *, mx: MxView, dkim: DkimView) -> Evidence:
    """There is no SPF record"""
    if not spf.published:
        takes_mail = mx.accepts_mail or mx.unknown
        severity = Severity.HIGH if takes_mail else Severity.MEDIUM
        near = [text for text in spf.answer.texts if "spf1" in text.lower()]
        fix = next(filter(None, (_unmasked(text, spf.domain) for text in near)), "")
        if not fix and not takes_mail:
            fix = '{domain}. TXT "v=spf1 -all"'
        if not fix and dkim.includes:
            senders = " ".join(f"include:{name}" for name in dkim.includes)
            fix = f'{{domain}}. TXT "v=spf1 {senders} ~all"\n; first add an include: for each other service'
        yield Problem(evidence=f"no TXT record at {spf.domain} begins with v=spf1", severity=severity, fix=fix)
        for text in near:
            evidence = f"ignored, as it does not begin with v=spf1: {text}"
            yield Problem(evidence=evidence, severity=severity)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 7208 §4.5",
    why="Receivers answer permerror when there are several records, so SPF passes for nobody.",
    fix="merge the terms into one record and delete the others",
)
def spf_multiple_records(spf: SpfView) -> Evidence:
    """There are several SPF records"""
    if len(spf.texts) > 1:
        fix = f"{publish(spf.domain, merged(spf.texts))}\n; instead of all of them"
        for text in spf.texts:
            yield Problem(evidence=text, fix=fix)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 7208 §4.6",
    why="A fault anywhere in the record is a permerror, also behind terms that match: SPF passes for nobody.",
)
def spf_syntax_error(spf: SpfView) -> Evidence:
    """The SPF record has a syntax error"""
    fix = _sound(spf)
    for error in spf.errors:
        yield Problem(evidence=f"{error} ({error.section})", fix=fix)
    if spf.errors and rejoined(spf):
        yield Problem(evidence=GLUED, fix=fix)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 7208 §5.1",
    why="+all tells every receiver that any server in the world may send in this name.",
    fix="write ~all instead of +all, and -all once every sender is named",
)
def spf_allows_everyone(spf: SpfView) -> Evidence:
    """SPF lets everybody send"""
    for node, term in spf.terms:
        if term.kind == "all" and term.text == "all":
            fix = _ended(spf, Qualifier.SOFTFAIL) if node is spf.tree else ""
            fix = f"{fix}\n; first name your senders: servers that are not named softfail then" if fix else ""
            yield Problem(evidence=f"+all in {node.domain}: {node.text}", fix=fix)
    for network in spf.networks:
        if network.prefixlen == 0 and not any(term.text == "all" for _, term in spf.terms):
            yield f"{network} is authorised"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 7208 §5.1",
    why="Nothing is said about other servers, so forged mail is treated as if there were no SPF.",
    fix="write ~all while you check the reports, then -all",
)
def spf_neutral_all(spf: SpfView) -> Evidence:
    """SPF is neutral about everybody else"""
    if spf.record and spf.all_qualifier is Qualifier.NEUTRAL:
        yield Problem(evidence=f"?all: {spf.texts[0]}", fix=_ended(spf, Qualifier.SOFTFAIL))


@check(
    severity=Severity.MEDIUM,
    rule="RFC 7208 §4.7",
    why="A record without all or redirect ends neutral for servers it does not name.",
    fix="end the record with ~all while you check the reports, then -all",
)
def spf_without_all(spf: SpfView) -> Evidence:
    """SPF does not say what happens to everybody else"""
    if spf.record and spf.all_qualifier is None and not spf.unknowns and not spf.problems:
        if any(term.kind == "redirect" and term.target is None for _, term in spf.terms):
            return  # where the macro leads depends on the message
        yield Problem(evidence=spf.texts[0], fix=_ended(spf, Qualifier.SOFTFAIL))


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §11.4",
    why="Anybody who can send from one of these addresses passes SPF in your name, for example other customers "
    "of the same hoster.",
    fix="write ip4: ranges no wider than what you send from; those of a provider are the provider's choice",
)
def spf_too_many_addresses(spf: SpfView) -> Evidence:
    """SPF authorises a very large number of addresses"""
    if MANY_ADDRESSES < spf.addresses < 2**32:
        largest = sorted(spf.networks, key=lambda network: network.num_addresses * (network.version == 4))[-3:]
        shown = ", ".join(str(network) for network in reversed(largest))
        written = sum(network.num_addresses for network in _own_ranges(spf))
        yield Problem(
            evidence=f"{spf.addresses:,} IPv4 addresses, the largest ranges: {shown}",
            severity=Severity.LOW if written > MANY_ADDRESSES else Severity.INFO,
        )


def _own_ranges(spf: SpfView) -> Iterator[IPv4Network]:
    """The IPv4 ranges written in the domain's own record; a provider's cannot be narrowed by its customers."""
    for node, term in spf.terms:
        if node is spf.tree and term.kind == "ip4":
            yield from (network for network in term.networks if isinstance(network, IPv4Network))


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §5.1",
    why="Evaluation ends at all, so whoever is named behind it may not send.",
    fix="move all to the end of the record",
)
def spf_terms_after_all(spf: SpfView) -> Evidence:
    """SPF terms stand behind all"""
    if spf.record and len(spf.record.mechanisms) > len(spf.record.reachable):
        behind = spf.record.mechanisms[len(spf.record.reachable) :]
        yield f"never read: {' '.join(term.to_text() for term in behind)}"
    if spf.record and spf.record.all and spf.record.modifier("redirect"):
        yield "redirect= is ignored beside all (RFC 7208 §6.1)"


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §6",
    why="name=value is read as an unknown modifier and ignored, so this sender is not authorised.",
    fix="write a colon instead of the equals sign",
)
def spf_mistaken_modifier(spf: SpfView) -> Evidence:
    """An SPF mechanism is written with an equals sign"""
    for modifier in spf.record.modifiers if spf.record else ():
        if modifier.name in LOOKUP_TERMS - {"redirect"} or modifier.name in ("ip4", "ip6", "all"):
            meant = re.sub(rf"(?<=\s){modifier.name}=", f"{modifier.name}:", spf.texts[0], flags=re.IGNORECASE)
            yield Problem(evidence=modifier.to_text(), fix=txt_line(spf.domain, meant))


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §3.4",
    why="Answers over 512 octets are cut off in UDP and fetched again over TCP, which some networks block.",
    fix="shorten the record, or move a part behind an include",
)
def spf_record_too_long(spf: SpfView) -> Evidence:
    """The SPF record is too long for one UDP answer"""
    for text in spf.texts[:1]:
        if len(text) > RECORD_SIZE:
            yield f"{len(text)} octets, up to {RECORD_SIZE} leave room in an answer"


@check(
    severity=Severity.LOW,
    rule="RFC 1918 §3",
    why="Mail never arrives from these addresses over the internet, so the term does nothing.",
    fix="remove the term",
)
def spf_private_address(spf: SpfView) -> Evidence:
    """SPF names addresses that cannot reach anybody"""
    faults = [
        (f"{term.text} in {node.domain}", term.text)
        for node, term in spf.terms
        if term.kind in ("ip4", "ip6") and any(is_unreachable(str(network)) for network in term.networks)
    ]
    yield from removals(spf, faults)


@check(
    severity=Severity.LOW,
    rule="RFC 7208 §4.6.4",
    why="The same question twice costs two of ten look-ups.",
    fix="keep one of them",
)
def spf_repeated_term(spf: SpfView) -> Evidence:
    """An SPF term appears twice"""
    texts = [term.to_text() for term in spf.record.reachable] if spf.record else []
    for text in dict.fromkeys(texts):
        if texts.count(text) > 1:
            unique = SpfRecord(tuple(dict.fromkeys(spf.record.terms))) if spf.record else SpfRecord()
            yield Problem(evidence=f"{text}, {texts.count(text)} times", fix=publish(spf.domain, unique))


@check(
    severity=Severity.INFO,
    rule="RFC 7208 §3.1",
    why="The SPF record type and Sender ID are obsolete; a copy there is only ever out of date.",
    fix="delete the obsolete record",
    optional=True,
)
def spf_obsolete_record(spf: SpfView) -> Evidence:
    """Obsolete sender records are still published"""
    for text in spf.type99:
        yield f"type SPF (99): {text}"
    for text in spf.sender_id:
        yield f"Sender ID: {text}"
    for modifier in spf.record.modifiers if spf.record else ():
        if modifier.name in REPORT_MODIFIERS:
            yield f"{modifier.to_text()} (RFC 6652)"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 1034 §3.6.2",
    why="A CNAME may not stand beside other records, and the top of a zone always has some: resolvers "
    "disagree on what they see.",
    fix="replace the CNAME by the records you need",
)
def spf_behind_alias(spf: SpfView) -> Evidence:
    """The domain itself is an alias"""
    if spf.answer.aliases and spf.domain == registered_domain(spf.domain):  # senders ask for aliases below
        yield f"{spf.domain} CNAME {' → '.join(spf.answer.aliases)}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 7505 §4.2",
    why="A domain that takes no mail should also say that nobody sends from it.",
    fix='{domain}. TXT "v=spf1 -all"\n'
    "; if it does send, give it an MX instead: many receivers refuse senders that take no mail",
)
def spf_open_on_null_mx(spf: SpfView, mx: MxView) -> Evidence:
    """The domain takes no mail but SPF lets somebody send"""
    if mx.null and not mx.hosts and spf.record and spf.texts[0].lower().split() != ["v=spf1", "-all"]:
        yield f"null MX, and {spf.texts[0]}"


@check(
    severity=Severity.HIGH,
    rule="RFC 7208 §2.6",
    why="Mail from this address fails SPF; without an aligned DKIM signature it fails DMARC as well.",
)
def spf_sender_not_authorised(spf: SpfView) -> Evidence:
    """An address you send from does not pass SPF"""
    for ip, verdict in spf.given:
        if verdict.result is SpfResult.TEMPERROR:
            yield Open(f"{ip}: {verdict.reason}")
        elif verdict.result is not SpfResult.PASS:
            family = "ip6" if ":" in ip else "ip4"
            fix = f"add {family}:{ip} to the SPF record of {spf.domain}"
            yield Problem(evidence=f"{ip}: {verdict.result}, {verdict.reason}", fix=fix)
