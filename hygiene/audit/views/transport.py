"""Transport security of incoming mail: MTA-STS, TLS-RPT, DNSSEC, DANE, and STARTTLS when it may be tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hygiene.audit.facts import Look
from hygiene.audit.records import mta_sts, tls_rpt
from hygiene.audit.records.mta_sts import Mode, StsPolicy, StsRecord
from hygiene.audit.records.tls_rpt import TlsRptRecord
from hygiene.audit.views.mx import MxView, is_unreachable, read_mx
from hygiene.domain import registered_domain
from hygiene.errors import RecordError
from hygiene.resolver import Answer
from hygiene.smtp_probe import Greeting
from hygiene.web import FetchOutcome, Page

USABLE_TLSA_USAGES = frozenset({"2", "3"})  # DANE-TA and DANE-EE, RFC 7672 §3.1.3
_OPEN_FETCHES = frozenset({FetchOutcome.UNRECORDED, FetchOutcome.UNRESOLVED, FetchOutcome.TIMEOUT})


@dataclass(frozen=True, kw_only=True)
class MtaStsView:
    """The record at ``_mta-sts`` and the policy behind it."""

    unknown: str = ""
    texts: tuple[str, ...] = ()
    record: StsRecord | None = None
    record_error: str = ""
    url: str = ""
    page: Page | None = None
    policy: StsPolicy | None = None
    policy_error: str = ""
    policy_unknown: str = ""
    uncovered: tuple[str, ...] = ()  # MX hosts that no pattern matches


@dataclass(frozen=True, kw_only=True)
class TlsRptView:
    """The record at ``_smtp._tls``."""

    unknown: str = ""
    texts: tuple[str, ...] = ()
    record: TlsRptRecord | None = None
    error: str = ""


class DnssecState(StrEnum):
    """What a resolver can know of a zone's signatures."""

    VALIDATED = "validated"  #: the resolver checked the chain (AD)
    SIGNED = "signed"  #: DS and keys are published; this resolver does not validate
    ISLAND = "no DS at the parent"  #: signed, but nobody can tell
    UNSIGNED = "unsigned"
    BOGUS = "bogus"  #: validation fails: the domain is unreachable for validating resolvers
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class DnssecView:
    """DNSSEC of the zone the domain is in."""

    zone: str
    state: DnssecState
    unknown: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DaneHost:
    """The TLSA records of one mail host."""

    host: str
    records: tuple[tuple[str, ...], ...] = ()
    authenticated: bool = False
    unknown: str = ""
    matches: bool | None = None  # compared with the certificate, when that was fetched

    @property
    def usable(self) -> tuple[tuple[str, ...], ...]:
        """Records an SMTP client may use."""
        return tuple(record for record in self.records if record[0] in USABLE_TLSA_USAGES)


@dataclass(frozen=True, kw_only=True)
class DaneView:
    """TLSA of all mail hosts."""

    unknown: str = ""
    hosts: tuple[DaneHost, ...] = ()

    @property
    def published(self) -> bool:
        """At least one TLSA record."""
        return any(host.records for host in self.hosts)


@dataclass(frozen=True, kw_only=True)
class StartTlsView:
    """What the mail hosts said on port 25; empty unless asked for."""

    asked: bool = False
    greetings: tuple[Greeting, ...] = ()

    @property
    def unknown(self) -> str:
        """Never as a whole: each host stands for itself."""
        return ""


def read_mta_sts(facts: Look) -> MtaStsView:
    """MTA-STS of the audited domain."""
    answer = facts.answer(f"_mta-sts.{facts.domain}", "TXT")
    if not answer.is_known:
        return MtaStsView(unknown=answer.reason)
    texts = tuple(text for text in answer.texts if text.lower().replace(" ", "").startswith("v=stsv1"))
    if not texts:
        return MtaStsView()
    url = f"https://mta-sts.{facts.domain}/.well-known/mta-sts.txt"
    page = facts.page(url, max_bytes=mta_sts.MAX_POLICY_BYTES)
    record, record_error = _parse_sts_record(texts)
    policy, policy_error, policy_unknown = _read_policy(page)
    hosts = read_mx(facts).names
    return MtaStsView(
        texts=texts,
        record=record,
        record_error=record_error,
        url=url,
        page=page,
        policy=policy,
        policy_error=policy_error,
        policy_unknown=policy_unknown,
        uncovered=_uncovered(policy, hosts),
    )


def _uncovered(policy: StsPolicy | None, hosts: tuple[str, ...]) -> tuple[str, ...]:
    if policy is None or policy.mode is Mode.NONE:
        return ()
    return tuple(host for host in hosts if not policy.matches(host))


def _parse_sts_record(texts: tuple[str, ...]) -> tuple[StsRecord | None, str]:
    if len(texts) > 1:
        return None, f"{len(texts)} MTA-STS records; senders then act as if there were none (RFC 8461 §3.1)"
    try:
        return mta_sts.parse_record(texts[0]), ""
    except RecordError as error:
        return None, str(error)


def _read_policy(page: Page) -> tuple[StsPolicy | None, str, str]:
    """Policy, why it is unusable, why it is unknown."""
    if page.outcome in _OPEN_FETCHES:
        return None, "", f"{page.url}: {page.detail or page.outcome.value}"
    if page.outcome is FetchOutcome.REDIRECT:
        return None, f"redirects to {page.location}; senders must not follow (RFC 8461 §3.3)", ""
    if page.outcome is not FetchOutcome.FETCHED:
        return None, page.detail or page.outcome.value, ""
    if page.status != 200:
        return None, f"HTTP status {page.status}, only 200 counts (RFC 8461 §3.3)", ""
    try:
        return mta_sts.parse_policy(page.body), "", ""
    except RecordError as error:
        return None, str(error), ""


def read_tls_rpt(facts: Look) -> TlsRptView:
    """TLS-RPT of the audited domain."""
    answer = facts.answer(f"_smtp._tls.{facts.domain}", "TXT")
    if not answer.is_known:
        return TlsRptView(unknown=answer.reason)
    texts = tuple(text for text in answer.texts if text.lower().startswith("v=tlsrptv1"))
    if not texts:
        return TlsRptView()
    if len(texts) > 1:
        error = f"{len(texts)} TLS-RPT records; reporters act as if there were none (RFC 8460 §3)"
        return TlsRptView(texts=texts, error=error)
    try:
        return TlsRptView(texts=texts, record=tls_rpt.parse(texts[0]))
    except RecordError as fault:
        return TlsRptView(texts=texts, error=str(fault))


def read_dnssec(facts: Look) -> DnssecView:
    """DNSSEC, as far as one resolver can tell."""
    zone = registered_domain(facts.domain)
    delegation, keys = facts.answer(zone, "DS"), facts.answer(zone, "DNSKEY")
    content = [facts.answer(facts.domain, rdtype) for rdtype in ("MX", "TXT")]
    bogus = [answer.reason for answer in (*content, keys) if "bogus" in answer.detail]
    if bogus:
        return DnssecView(zone=zone, state=DnssecState.BOGUS, evidence=tuple(bogus))
    if any(answer.authenticated for answer in content if answer.is_known):
        return DnssecView(zone=zone, state=DnssecState.VALIDATED)
    if keys.records:
        if delegation.reason:
            return DnssecView(zone=zone, state=DnssecState.UNKNOWN, unknown=delegation.reason)
        return DnssecView(zone=zone, state=DnssecState.SIGNED if delegation.records else DnssecState.ISLAND)
    if delegation.records:
        return DnssecView(
            zone=zone,
            state=DnssecState.UNKNOWN,
            unknown=keys.reason or f"{zone} has a DS record, but the resolver gives no DNSKEY",
        )
    reason = delegation.reason or keys.reason
    return DnssecView(zone=zone, state=DnssecState.UNKNOWN if reason else DnssecState.UNSIGNED, unknown=reason)


def read_dane(facts: Look) -> DaneView:
    """TLSA records of the mail hosts (RFC 7672)."""
    mx = read_mx(facts)
    if mx.unknown or mx.implicit:
        return DaneView(unknown=mx.unknown)
    hosts = [host for host in mx.hosts if host.is_host_name]
    return DaneView(
        hosts=tuple(_dane_host(name, mx, facts) for name in dict.fromkeys(host.name for host in hosts))
    )


def _dane_host(name: str, mx: MxView, facts: Look) -> DaneHost:
    answer = facts.answer(f"_25._tcp.{name}", "TLSA")
    return DaneHost(
        host=name,
        records=answer.records,
        authenticated=answer.authenticated and mx.authenticated,
        unknown=answer.reason,
        matches=_compare(answer, name, mx, facts),
    )


def _compare(answer: Answer, name: str, mx: MxView, facts: Look) -> bool | None:
    if not facts.options.smtp or not answer.records:
        return None
    certificates = [greeting.certificate for greeting in _greetings(mx, facts) if greeting.host == name]
    certificates = [certificate for certificate in certificates if certificate]
    if not certificates:
        return None
    end_entity = [record for record in answer.records if record[0] == "3"]
    if not end_entity:
        return None  # DANE-TA needs the chain, which is not kept
    try:
        return any(matches_certificate(record, bytes.fromhex(certificates[0])) for record in end_entity)
    except ValueError:
        return None  # a certificate that OpenSSL takes and a stricter reader refuses


def matches_certificate(record: tuple[str, ...], der: bytes) -> bool:
    """True when a TLSA record fits a DER certificate (RFC 6698 §2.1)."""
    import hashlib

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    _, selector, matching, association = record
    public = x509.load_der_x509_certificate(der).public_key()
    chosen = der if selector == "0" else public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digests = {
        "0": chosen.hex(),
        "1": hashlib.sha256(chosen).hexdigest(),
        "2": hashlib.sha512(chosen).hexdigest(),
    }
    return digests.get(matching) == association.lower()


def read_starttls(facts: Look) -> StartTlsView:
    """One conversation with each mail host, if the user asked for it."""
    if not facts.options.smtp:
        return StartTlsView()
    return StartTlsView(asked=True, greetings=_greetings(read_mx(facts), facts))


def _greetings(mx: MxView, facts: Look) -> tuple[Greeting, ...]:
    """The first address of each host; IPv4 first, as more networks have it."""
    chosen = {
        host.name: sorted(host.addresses, key=lambda address: (":" in address, is_unreachable(address)))[0]
        for host in mx.hosts
        if host.addresses
    }
    return tuple(facts.greeting(host, address) for host, address in chosen.items())
