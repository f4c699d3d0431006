"""Checks of DMARC (RFC 9989; RFC 7489 for receivers that still follow it)."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from hygiene.audit.checks.dkim import sends_no_mail
from hygiene.audit.records.dmarc import DmarcRecord, Policy, Psd, is_dmarc
from hygiene.audit.records.report_uri import ReportUri, parse_report_uris
from hygiene.audit.registry import check
from hygiene.audit.views.dmarc import DmarcView, ReportTarget
from hygiene.audit.views.mx import MxView
from hygiene.audit.views.spf import SpfView
from hygiene.audit.zone_line import txt_line
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity

POLICY_TAGS = ("p", "sp", "np")
FIRST = "; once the reports show your own mail only"
KNOWN_TAGS = ("p", "sp", "np", "t", "psd", "adkim", "aspf", "rua", "ruf", "fo", "pct", "rf", "ri", "v")


def _publish(dmarc: DmarcView, **changes: Any) -> str:
    """The record with some tags changed (None removes one), as a line of a zone file."""
    record = replace(dmarc.record or DmarcRecord(), **changes)
    name = f"_dmarc.{dmarc.found.record_domain or dmarc.domain}"
    line = txt_line(name, record.to_text())
    return f"{line}\n; {name} is an alias: change the record at {dmarc.alias}" if dmarc.alias else line


def _enforce(dmarc: DmarcView, policy: Policy) -> str:
    """The record with at least this policy; the domain's own one where it inherits a weaker one."""
    record = dmarc.record or DmarcRecord()
    if not dmarc.inherited:
        rua = record.rua or (None if policy is Policy.REJECT else _reports_to(dmarc.domain))
        return _publish(dmarc, p=max(policy, record.p or policy, key=_strictness), rua=rua, t=None)
    ours = record.rua if dmarc.found.origin == "organizational" else None
    own = DmarcRecord(p=policy, rua=ours or _reports_to(dmarc.domain))
    return txt_line(f"_dmarc.{dmarc.domain}", own.to_text())


def _with_mailto(record: DmarcRecord) -> dict[str, tuple[ReportUri, ...]]:
    """The report addresses, with mailto: before those that lack only that."""
    changed: dict[str, tuple[ReportUri, ...]] = {}
    for problem in record.problems:
        if problem.tag in ("rua", "ruf") and "@" in problem.value and ":" not in problem.value:
            sound, _ = parse_report_uris(problem.tag, f"mailto:{problem.value}")
            before = changed.get(problem.tag, getattr(record, problem.tag) or ())
            changed[problem.tag] = (*before, *sound)
    return changed


def _spoilt(record: DmarcRecord) -> bool:
    """A policy tag cannot be read, which has a finding of its own."""
    return any(problem.tag in POLICY_TAGS for problem in record.problems)


def _reports_to(domain: str) -> tuple[ReportUri, ...]:
    return (ReportUri(uri=f"mailto:dmarc@{domain}", scheme="mailto"),)


def _softened(record: DmarcRecord) -> bool:
    """t=y takes something away."""
    return record.testing and record.p not in (None, Policy.NONE)


def _strictness(policy: Policy) -> int:
    return list(Policy).index(policy)


@check(
    severity=Severity.HIGH,
    rule="RFC 9989 §4.7",
    why="Anybody can put this domain into the From line, and large receivers refuse bulk mail without DMARC.",
    fix='_dmarc.{domain}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"\n'
    "; once the reports show your own mail only: p=quarantine, then p=reject",
)
def dmarc_missing(dmarc: DmarcView, *, spf: SpfView, mx: MxView) -> Evidence:
    """There is no DMARC record"""
    if dmarc.record is None and not dmarc.texts:
        near = [text for text in dmarc.strays if "dmarc" in text.lower()]
        fix = '_dmarc.{domain}. TXT "v=DMARC1; p=reject"' if sends_no_mail(spf, mx) else ""
        yield Problem(evidence=f"no record at _dmarc.{dmarc.domain} or above", fix=fix)
        for text in near:
            yield f"ignored, as it does not begin with v=DMARC1: {text}"
        if dmarc.doubled:
            where = f"_dmarc.{dmarc.domain}.{dmarc.domain}"
            yield f"published at {where} instead: leave the domain out of the name field: {dmarc.doubled}"
        for text in filter(is_dmarc, spf.answer.texts):
            yield f"ignored, as it stands at {dmarc.domain} and not at _dmarc.{dmarc.domain}: {text}"


@check(
    severity=Severity.CRITICAL,
    rule="RFC 9989 §4.10",
    why="Receivers discard all of several records, so no policy applies and no reports come.",
    fix="keep one of the records at _dmarc.{domain} and delete the others",
)
def dmarc_multiple_records(dmarc: DmarcView) -> Evidence:
    """There are several DMARC records"""
    if len(dmarc.texts) > 1:
        yield from dmarc.texts


@check(
    severity=Severity.HIGH,
    rule="RFC 9989 §4.10.1",
    why="Without a usable policy and without a report address receivers ignore the record.",
    fix='_dmarc.{domain}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"',
)
def dmarc_without_effect(dmarc: DmarcView) -> Evidence:
    """The DMARC record has no effect"""
    if dmarc.record is not None and dmarc.effective is None and not _spoilt(dmarc.record):
        yield f"at _dmarc.{dmarc.found.record_domain}: {dmarc.record.to_text()}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 9989 §4.8",
    why="A tag that cannot be read is replaced by its default or ignored.",
)
def dmarc_invalid_tag(dmarc: DmarcView) -> Evidence:
    """A DMARC tag is malformed"""
    record = dmarc.record
    for problem in record.problems if record else ():
        severity = Severity.HIGH if problem.tag in POLICY_TAGS else Severity.MEDIUM
        fix = _publish(dmarc, p=record.p or Policy.NONE, **_with_mailto(record)) if record else ""
        ignored = "; receivers ignore the whole record" if record and dmarc.effective is None else ""
        evidence = f"{problem.tag}={problem.value}: {problem.reason}{ignored}"
        yield Problem(evidence=evidence, severity=severity, fix=fix)


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.7",
    why="Receivers ignore tags they do not know; this one looks like a slip of the pen.",
)
def dmarc_unknown_tag(dmarc: DmarcView) -> Evidence:
    """A DMARC tag is not known to anybody"""
    for name, value in dmarc.record.unknown if dmarc.record else ():
        near = get_close_matches(name, KNOWN_TAGS, n=1, cutoff=0.5)
        yield f"{name}={value}{f' (did you mean {near[0]}=?)' if near else ''}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 9989 §4.7",
    why="p=none only collects reports: forged mail is delivered like any other.",
    fix="p=quarantine, once the reports show your own mail only",
)
def dmarc_policy_none(dmarc: DmarcView, *, spf: SpfView, mx: MxView) -> Evidence:
    """DMARC does not protect the domain"""
    if not dmarc.effective or not dmarc.record or _softened(dmarc.record):
        return
    if dmarc.effective.policy is Policy.NONE:
        quiet = sends_no_mail(spf, mx)
        fix = _enforce(dmarc, Policy.REJECT if quiet else Policy.QUARANTINE) if dmarc.record.p else ""
        fix = f"{fix}\n{FIRST}" if fix and not (quiet and not spf.networks) else fix
        source = f" by _dmarc.{dmarc.found.record_domain}" if dmarc.inherited else ""
        severity = Severity.HIGH if quiet else Severity.MEDIUM
        yield Problem(evidence=f"p=none in effect for {dmarc.domain}{source}", severity=severity, fix=fix)


@check(
    severity=Severity.MEDIUM,
    rule="RFC 9989 §4.7",
    why="t=y lowers the policy by one level: reject acts as quarantine, quarantine as none.",
    fix="remove t=y from the record",
)
def dmarc_testing(dmarc: DmarcView) -> Evidence:
    """DMARC is in testing mode"""
    if dmarc.record and dmarc.effective and _softened(dmarc.record):
        evidence = f"p={dmarc.record.p}; t=y acts as {dmarc.effective.policy}"
        yield Problem(evidence=evidence, fix=f"{_publish(dmarc, t=None)}\n{FIRST}")


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.7",
    why="Receivers that follow RFC 9989 ignore these tags; older ones still honour them, so the two act "
    "differently.",
    fix="remove the tag; to soften a policy while testing, use t=y",
)
def dmarc_removed_tag(dmarc: DmarcView) -> Evidence:
    """DMARC tags are used that no longer exist"""
    record = dmarc.record
    if record is None:
        return
    fix = _publish(dmarc, pct=None, rf=None, ri=None)
    if record.pct is not None and record.pct < 100 and record.p not in (None, Policy.NONE):
        evidence = f"pct={record.pct}: old receivers apply {record.p} to {record.pct} %, new ones to all mail"
        careful = f"{fix}\n; old receivers then apply {record.p} to all mail, as new ones do already"
        yield Problem(evidence=evidence, severity=Severity.MEDIUM, fix=careful)
        return
    if record.pct is not None:
        yield Problem(evidence=f"pct={record.pct}", fix=fix, severity=Severity.INFO)
    for tag in ("rf", "ri"):
        if getattr(record, tag) is not None:
            yield Problem(evidence=f"{tag}=", fix=fix, severity=Severity.INFO)


@check(
    severity=Severity.MEDIUM,
    rule="RFC 9989 §4.7",
    why="The weaker policy opens the door beside the locked one: forgers use a subdomain.",
    fix="remove the tag; subdomains then get the policy of the domain",
)
def dmarc_weak_subdomains(dmarc: DmarcView) -> Evidence:
    """Subdomains are protected less than the domain"""
    record = dmarc.record
    if record is None or record.p is None or dmarc.domain != dmarc.found.organizational:
        return  # sp and np only speak at the organizational domain (RFC 9989 §4.7)
    if record.psd is Psd.YES:
        return  # names below a public suffix have owners of their own
    tags = (("sp", record.sp, "existing"), ("np", record.np, "non-existent"))
    weak = [one for one in tags if one[1] is not None and _strictness(one[1]) < _strictness(record.p)]
    fix = f"{_publish(dmarc, **{tag: None for tag, _, _ in weak})}\n{FIRST}"
    for tag, policy, names in weak:
        evidence = f"{tag}={policy} under p={record.p}: {names} subdomains of {dmarc.domain}"
        yield Problem(evidence=evidence, fix=fix)


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.7",
    why="Without reports you cannot see who sends in your name, nor whether a stricter policy would hurt.",
    fix="rua=mailto:dmarc@{domain}",
)
def dmarc_without_reports(dmarc: DmarcView, *, spf: SpfView, mx: MxView) -> Evidence:
    """No DMARC reports are asked for"""
    record = dmarc.record
    if record is None or record.rua or sends_no_mail(spf, mx) or dmarc.found.origin == "public suffix":
        return
    if any(problem.tag == "rua" for problem in record.problems):
        return  # the addresses are there and cannot be read
    useless = record.p in (None, Policy.NONE)
    evidence = "p=none without rua= achieves nothing" if useless else "no rua= tag"
    fix = _publish(dmarc, p=record.p or Policy.NONE, rua=_reports_to(dmarc.found.record_domain))
    yield Problem(evidence=evidence, severity=Severity.MEDIUM if useless else Severity.LOW, fix=fix)


@check(
    severity=Severity.MEDIUM,
    rule="RFC 9990 §4",
    why="Reporters must not send to a host of another organisation that has not agreed; these reports "
    "never come.",
)
def dmarc_report_not_authorised(dmarc: DmarcView) -> Evidence:
    """A report address has not agreed to receive reports"""
    for target in dmarc.targets:
        if target.external and target.unknown and target.authorised is None:
            yield Open(f"{target.uri.uri}: {target.unknown}")
        elif target.external and target.authorised is False:
            fix = f'{target.record_name}. TXT "v=DMARC1"\n; published by the owner of {target.uri.host}'
            yield Problem(evidence=f"{target.tag}={target.uri.uri}: no record at {target.record_name}", fix=fix)


@check(
    severity=Severity.MEDIUM,
    rule="RFC 9990 §4",
    why="Reports to a host that takes no mail are lost.",
    fix="give the host an MX, or name another address",
)
def dmarc_report_undeliverable(dmarc: DmarcView) -> Evidence:
    """A report address cannot receive mail"""
    for target in dmarc.targets:
        if target.has_mail is False:
            yield f"{target.tag}={target.uri.uri}: {target.uri.host} takes no mail"
        elif target.mail_unknown:
            yield Open(f"{target.uri.uri}: {target.mail_unknown}")


@check(
    severity=Severity.HIGH,
    rule="RFC 9990 §4",
    why="Whoever registers that domain can agree to your reports and read who sends in your name.",
    confidence=Confidence.LIKELY,
)
def dmarc_report_registrable(dmarc: DmarcView) -> Evidence:
    """Reports go to a domain that does not exist"""
    gone = [target for target in dmarc.targets if target.free]
    for target in gone:
        evidence = f"{target.tag}={target.uri.uri}: NXDOMAIN, {target.free} may be free to register"
        yield Problem(evidence=evidence, fix=_without_targets(dmarc, gone))


def _without_targets(dmarc: DmarcView, unwanted: list[ReportTarget]) -> str:
    record = dmarc.record or DmarcRecord()
    uris = {target.uri for target in unwanted}
    kept = {
        tag: tuple(uri for uri in getattr(record, tag) or () if uri not in uris) or None
        for tag in ("rua", "ruf")
    }
    return _publish(dmarc, **kept)


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.7",
    why="Nobody may send in this name, so nothing is lost when all of it is refused.",
)
def dmarc_not_reject_without_mail(dmarc: DmarcView, spf: SpfView, mx: MxView) -> Evidence:
    """The domain sends no mail, but forged mail is not rejected"""
    if dmarc.effective and sends_no_mail(spf, mx) and dmarc.effective.policy is Policy.QUARANTINE:
        yield Problem(
            evidence=f"p=quarantine in effect for {dmarc.domain}", fix=_publish(dmarc, p=Policy.REJECT)
        )


@check(
    severity=Severity.INFO,
    rule="RFC 9989 §4.10",
    why="Records at _dmarc that are not DMARC are ignored; they do no harm.",
    fix="move them to the name they belong to",
    optional=True,
)
def dmarc_stray_record(dmarc: DmarcView) -> Evidence:
    """Other TXT records stand at _dmarc"""
    yield from dmarc.strays if dmarc.texts else ()


@check(
    severity=Severity.LOW,
    rule="RFC 7489 §6.3",
    why="Receivers that still follow RFC 7489 are stricter and may ignore such a record.",
    fix="put p= directly behind v=DMARC1",
)
def dmarc_older_receivers(dmarc: DmarcView) -> Evidence:
    """Older receivers read the DMARC record differently"""
    for problem in dmarc.record.legacy_problems if dmarc.record else ():
        fix = _publish(dmarc, p=dmarc.record.p or Policy.NONE) if dmarc.record else ""
        seen = problem.value if "=" in problem.value else f"{problem.tag}={problem.value}"
        yield Problem(evidence=f"{seen}: {problem.reason}", fix=fix)


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.10.2",
    why="New receivers find the organisational domain in DNS, old ones on the public suffix list; "
    "alignment and inherited policy differ between them.",
)
def dmarc_organisation_differs(dmarc: DmarcView) -> Evidence:
    """Old and new receivers see another organisational domain"""
    if dmarc.record is not None and dmarc.found.organizational != dmarc.legacy.organizational:
        yield f"RFC 9989: {dmarc.found.organizational}, RFC 7489: {dmarc.legacy.organizational}"


@check(
    severity=Severity.LOW,
    rule="RFC 9989 §4.7",
    why="fo= only matters for failure reports, and none are asked for.",
    fix="remove fo=, or add ruf=",
    optional=True,
)
def dmarc_fo_without_ruf(dmarc: DmarcView) -> Evidence:
    """fo= is set without ruf="""
    if dmarc.record and dmarc.record.fo is not None and not dmarc.record.ruf:
        yield Problem(evidence=f"fo={':'.join(dmarc.record.fo)}", fix=_publish(dmarc, fo=None))


@check(
    severity=Severity.MEDIUM,
    rule="RFC 4592 §2.1",
    why="A wildcard TXT record answers for _dmarc by accident; the policy disappears when the wildcard "
    "changes.",
    fix="publish the record at _dmarc.{domain}",
)
def dmarc_from_wildcard(dmarc: DmarcView) -> Evidence:
    """The DMARC record comes from a wildcard"""
    if dmarc.from_wildcard:
        yield from dmarc.texts


@check(
    severity=Severity.INFO,
    rule="RFC 9989 §4.10.1",
    why="The domain has no record of its own; that of its parent applies.",
    optional=True,
)
def dmarc_inherited(dmarc: DmarcView) -> Evidence:
    """The DMARC policy is inherited"""
    if dmarc.inherited and dmarc.record:
        yield f"from _dmarc.{dmarc.found.record_domain}: {dmarc.record.to_text()}"
