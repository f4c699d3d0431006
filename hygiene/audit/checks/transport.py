"""Checks of MTA-STS, TLS-RPT, DNSSEC, DANE and STARTTLS. Missing extras are optional, broken ones are not."""

from __future__ import annotations

from hygiene.audit.records.mta_sts import Mode
from hygiene.audit.registry import check
from hygiene.audit.views.mx import MxView
from hygiene.audit.views.transport import (
    DaneView,
    DnssecState,
    DnssecView,
    MtaStsView,
    StartTlsView,
    TlsRptView,
)
from hygiene.finding import Evidence, Open, Problem, Severity

ONE_DAY_S = 86_400
OLD_TLS = ("TLSv1", "TLSv1.1", "SSLv3", "SSLv2")  # RFC 8996 §1


@check(
    severity=Severity.LOW,
    rule="RFC 8461 §3",
    why="Without MTA-STS (or DANE) anybody on the way can switch off encryption of mail sent to you.",
    fix='_mta-sts.{domain}. TXT "v=STSv1; id={today}"\n'
    "; and a policy at https://mta-sts.{domain}/.well-known/mta-sts.txt",
    optional=True,
)
def mta_sts_missing(mta_sts: MtaStsView, mx: MxView, dane: DaneView) -> Evidence:
    """MTA-STS is not used"""
    if not mta_sts.texts and mx.hosts and not dane.published:
        yield "no record at _mta-sts"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 8461 §3.1",
    why="Senders act as if there were no MTA-STS.",
    fix='_mta-sts.{domain}. TXT "v=STSv1; id={today}"',
)
def mta_sts_invalid_record(mta_sts: MtaStsView) -> Evidence:
    """The MTA-STS record is malformed"""
    if mta_sts.record_error:
        yield mta_sts.record_error


@check(
    severity=Severity.MEDIUM,
    rule="RFC 8461 §3.3",
    why="The record promises a policy that senders cannot fetch or read.",
    fix="serve the policy with status 200, a certificate for mta-sts.{domain} and no redirect",
)
def mta_sts_unusable_policy(mta_sts: MtaStsView) -> Evidence:
    """The MTA-STS policy cannot be used"""
    if mta_sts.policy_unknown:
        yield Open(mta_sts.policy_unknown)
    if mta_sts.policy_error:
        yield f"{mta_sts.url}: {mta_sts.policy_error}"


@check(
    severity=Severity.HIGH,
    rule="RFC 8461 §4.1",
    why="Senders that follow MTA-STS refuse to deliver to a host the policy does not name.",
    fix="add an mx: line for each host, then change the id= of the record",
)
def mta_sts_host_not_covered(mta_sts: MtaStsView) -> Evidence:
    """A mail host is missing from the MTA-STS policy"""
    enforced = mta_sts.policy is not None and mta_sts.policy.mode is Mode.ENFORCE
    for host in mta_sts.uncovered:
        severity = Severity.HIGH if enforced else Severity.MEDIUM
        yield Problem(evidence=f"{host} matches no mx: line", severity=severity)


@check(
    severity=Severity.LOW,
    rule="RFC 8461 §5",
    why="In this mode senders deliver even when encryption was tampered with.",
    fix="mode: enforce, once TLS-RPT reports are clean",
    optional=True,
)
def mta_sts_not_enforced(mta_sts: MtaStsView) -> Evidence:
    """MTA-STS is not enforced"""
    if mta_sts.policy and mta_sts.policy.mode is not Mode.ENFORCE:
        yield f"mode: {mta_sts.policy.mode}"


@check(
    severity=Severity.LOW,
    rule="RFC 8461 §3.2",
    why="Senders forget a short-lived policy between two mails, and the protection with it.",
    fix="max_age: 604800",
    optional=True,
)
def mta_sts_short_lived(mta_sts: MtaStsView) -> Evidence:
    """The MTA-STS policy is forgotten within a day"""
    policy = mta_sts.policy
    if policy and policy.mode is not Mode.NONE and policy.max_age_s < ONE_DAY_S:
        yield f"max_age: {policy.max_age_s} seconds"


@check(
    severity=Severity.LOW,
    rule="RFC 8461 §3.2",
    why="Senders disagree on what such a line means.",
    fix="correct the line, then change the id= of the record",
)
def mta_sts_odd_line(mta_sts: MtaStsView) -> Evidence:
    """The MTA-STS record or policy has a line that cannot be read"""
    for source in (mta_sts.record, mta_sts.policy):
        for problem in source.problems if source else ():
            yield f"{problem.value or problem.tag}: {problem.reason}"


@check(
    severity=Severity.LOW,
    rule="RFC 8461 §3.2",
    why="The policy must be text/plain; strict senders refuse others.",
    fix="serve the file as text/plain",
    optional=True,
)
def mta_sts_content_type(mta_sts: MtaStsView) -> Evidence:
    """The MTA-STS policy is not text/plain"""
    page = mta_sts.page
    if mta_sts.policy and page and not page.content_type.lower().startswith("text/plain"):
        yield f"Content-Type: {page.content_type or 'none'}"


@check(
    severity=Severity.LOW,
    rule="RFC 8460 §3",
    why="You do not hear when senders fail to reach you over TLS.",
    fix='_smtp._tls.{domain}. TXT "v=TLSRPTv1; rua=mailto:tls@{domain}"',
    optional=True,
)
def tls_rpt_missing(tls_rpt: TlsRptView, mx: MxView) -> Evidence:
    """No TLS reports are asked for"""
    if not tls_rpt.texts and mx.hosts:
        yield "no record at _smtp._tls"


@check(
    severity=Severity.LOW,
    rule="RFC 8460 §3",
    why="Reporters ignore the record.",
    fix='_smtp._tls.{domain}. TXT "v=TLSRPTv1; rua=mailto:tls@{domain}"',
)
def tls_rpt_invalid(tls_rpt: TlsRptView) -> Evidence:
    """The TLS-RPT record is malformed"""
    if tls_rpt.error:
        yield tls_rpt.error
    for problem in tls_rpt.record.problems if tls_rpt.record else ():
        yield f"{problem.value}: {problem.reason}"


@check(
    severity=Severity.CRITICAL,
    rule="RFC 4035 §5",
    why="Resolvers that validate get no answer for this domain at all: mail to and from it fails there.",
    fix="sign the zone again, or remove the DS record at the registrar",
)
def dnssec_bogus(dnssec: DnssecView) -> Evidence:
    """DNSSEC validation fails"""
    if dnssec.state is DnssecState.BOGUS:
        yield from dnssec.evidence


@check(
    severity=Severity.LOW,
    rule="RFC 4035 §2.4",
    why="The zone is signed, but without a DS record at the parent nobody can check it.",
    fix="give the DS record of {domain} to your registrar",
    optional=True,
)
def dnssec_without_ds(dnssec: DnssecView) -> Evidence:
    """DNSSEC is signed but not delegated"""
    if dnssec.state is DnssecState.ISLAND:
        yield f"{dnssec.zone} has DNSKEY records and no DS"


@check(
    severity=Severity.INFO,
    rule="RFC 4033 §3",
    why="Answers about this domain can be forged on the way; DANE needs DNSSEC.",
    fix="switch on DNSSEC at your DNS provider and registrar",
    optional=True,
)
def dnssec_unsigned(dnssec: DnssecView) -> Evidence:
    """The zone is not signed"""
    if dnssec.state is DnssecState.UNSIGNED:
        yield f"{dnssec.zone} has no DS record"


@check(
    severity=Severity.LOW,
    rule="RFC 7672 §2.2",
    why="TLSA records count only when they and the MX are signed with DNSSEC.",
    fix="sign both zones, or remove the TLSA records",
    optional=True,
)
def dane_without_dnssec(dane: DaneView, dnssec: DnssecView) -> Evidence:
    """TLSA records are not protected by DNSSEC"""
    if dnssec.state is DnssecState.VALIDATED or dnssec.state is DnssecState.UNSIGNED:
        for host in dane.hosts:
            if host.records and not host.authenticated:
                yield f"_25._tcp.{host.host}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 7672 §2.1.2",
    why="Senders that use DANE put mail off when the TLSA records cannot be looked up.",
    optional=True,
)
def dane_hosts_answered(dane: DaneView) -> Evidence:
    """Mail hosts have TLSA records"""
    for host in dane.hosts:
        if host.unknown:
            yield Open(f"_25._tcp.{host.host}: {host.unknown}")


@check(
    severity=Severity.MEDIUM,
    rule="RFC 7672 §3.1.3",
    why="For mail only usages 2 (DANE-TA) and 3 (DANE-EE) count; with others senders fall back or refuse.",
    fix="publish 3 1 1 records",
)
def dane_unusable(dane: DaneView) -> Evidence:
    """TLSA records are of a kind that mail cannot use"""
    for host in dane.hosts:
        if host.records and not host.usable:
            yield f"_25._tcp.{host.host}: {', '.join(' '.join(record[:3]) for record in host.records)}"


@check(
    severity=Severity.HIGH,
    rule="RFC 7672 §3",
    why="Senders that use DANE refuse to deliver to a server with another certificate.",
    fix="publish the TLSA record of the certificate in use",
)
def dane_mismatch(dane: DaneView) -> Evidence:
    """A TLSA record does not fit the certificate"""
    for host in dane.hosts:
        if host.matches is False:
            yield f"_25._tcp.{host.host}"


@check(
    severity=Severity.HIGH,
    rule="RFC 3207 §4",
    why="Mail to this host travels unencrypted: anybody on the way can read it.",
    fix="switch on STARTTLS on the mail server",
)
def starttls_missing(starttls: StartTlsView) -> Evidence:
    """A mail host offers no encryption"""
    for greeting in starttls.greetings:
        if greeting.outcome != "greeted":
            yield Open(f"{greeting.host} not tested: {greeting.detail or greeting.outcome}")
        elif not greeting.starttls:
            yield f"{greeting.host} ({greeting.ip}) does not offer STARTTLS"


@check(
    severity=Severity.LOW,
    rule="RFC 8461 §4.2",
    why="Most senders encrypt without checking the certificate, but MTA-STS senders refuse to deliver.",
    fix="install a certificate for the host name in the MX record",
)
def starttls_certificate(starttls: StartTlsView, *, mta_sts: MtaStsView) -> Evidence:
    """A mail host's certificate does not hold"""
    for greeting in starttls.greetings:
        if greeting.starttls and greeting.certificate_problem:
            enforced = mta_sts.policy is not None and mta_sts.policy.mode is Mode.ENFORCE
            severity = Severity.HIGH if enforced else Severity.LOW
            yield Problem(evidence=f"{greeting.host}: {greeting.certificate_problem}", severity=severity)


@check(
    severity=Severity.MEDIUM,
    rule="RFC 8996 §1",
    why="TLS 1.0 and 1.1 are withdrawn; senders may refuse them.",
    fix="allow TLS 1.2 and 1.3 on the mail server",
)
def starttls_old_version(starttls: StartTlsView) -> Evidence:
    """A mail host speaks an outdated TLS version"""
    for greeting in starttls.greetings:
        if greeting.tls_version in OLD_TLS:
            yield f"{greeting.host}: {greeting.tls_version}"
