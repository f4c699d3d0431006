"""DMARC as it takes effect: the record that speaks, the policy of each kind of name, and where reports go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hygiene.audit.dmarc_discovery import (
    Discovery,
    RecordsAt,
    discover,
    discover_legacy,
    tree_names,
)
from hygiene.audit.facts import Look
from hygiene.audit.records.dmarc import DmarcRecord, Effective, Reader, is_dmarc, parse
from hygiene.audit.records.report_uri import ReportUri
from hygiene.audit.views.ownership import free_domain
from hygiene.domain import is_below, registered_domain
from hygiene.resolver import Answer, Outcome


@dataclass(frozen=True, kw_only=True)
class PolicyRow:
    """What receivers do with failing mail of one kind of name; None = no DMARC processing."""

    kind: str  # "domain", "subdomain", "nonexistent"
    name: str
    rfc9989: Effective | None
    rfc7489: Effective | None


@dataclass(frozen=True, kw_only=True)
class ReportTarget:
    """One report address. `authorised` and `has_mail` are None when not known or not needed.

    `unknown` and `mail_unknown` say why they are not known.
    """

    tag: str  # "rua" or "ruf"
    uri: ReportUri
    external: bool = False
    authorised: bool | None = None
    record_name: str = ""  # where the authorisation belongs
    has_mail: bool | None = None
    unknown: str = ""
    mail_unknown: str = ""
    free: str = ""  # the registered domain of the host, when nobody has registered that


@dataclass(frozen=True, kw_only=True)
class DmarcView:
    """DMARC of one domain.

    `texts` are the DMARC records at its own name, `strays` other TXT records there. `found` is what RFC 9989
    receivers apply, `legacy` what RFC 7489 receivers do.
    """

    domain: str
    unknown: str = ""
    texts: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    found: Discovery
    legacy: Discovery
    matrix: tuple[PolicyRow, ...] = ()
    targets: tuple[ReportTarget, ...] = ()
    from_wildcard: bool = False
    doubled: str = ""  # a record at _dmarc.D.D, where panels put it that append the zone's name themselves
    alias: str = ""  # where the record really stands, when its name is a CNAME

    @property
    def record(self) -> DmarcRecord | None:
        """The record in effect, own or inherited."""
        return self.found.record

    @property
    def inherited(self) -> bool:
        """The record stands at a parent."""
        return self.found.record is not None and self.found.origin != "own"

    @property
    def effective(self) -> Effective | None:
        """What RFC 9989 receivers do with failing mail of the domain itself."""
        return self.matrix[0].rfc9989 if self.matrix else None


def read_dmarc(facts: Look) -> DmarcView:
    """The DMARC of the audited domain."""
    domain, published = facts.domain, records_at(facts)
    own = facts.answer(f"_dmarc.{domain}", "TXT")
    walked = [facts.answer(f"_dmarc.{name}", "TXT") for name in tree_names(domain)]
    found, legacy = discover(domain, published), discover_legacy(domain, published)
    texts = tuple(text for text in own.texts if is_dmarc(text))
    return DmarcView(
        domain=domain,
        unknown=_unknown(own, walked, found),
        texts=texts,
        strays=tuple(text for text in own.texts if not is_dmarc(text)),
        found=found,
        legacy=legacy,
        matrix=tuple(_matrix(facts, published)),
        targets=_targets(facts, found),
        doubled=_doubled(facts) if found.record is None and not texts else "",
        from_wildcard=bool(texts)
        and set(facts.answer(f"{facts.probe}.{domain}", "TXT").texts) == set(own.texts),
        alias=next(iter(facts.answer(f"_dmarc.{found.record_domain or domain}", "TXT").aliases[-1:]), ""),
    )


def _doubled(facts: Look) -> str:
    answer = facts.answer(f"_dmarc.{facts.domain}.{facts.domain}", "TXT")
    return next((text for text in answer.texts if is_dmarc(text)), "")


def records_at(facts: Look) -> RecordsAt:
    """The DMARC records published for a name, over these facts."""

    def records(name: str) -> tuple[DmarcRecord, ...]:
        return tuple(_parse(text) for text in facts.answer(f"_dmarc.{name}", "TXT").texts if is_dmarc(text))

    return records


@lru_cache(maxsize=1024)
def _parse(text: str) -> DmarcRecord:
    return parse(text)


def _unknown(own: Answer, walked: list[Answer], found: Discovery) -> str:
    """A silent parent only matters where the policy would have come from it."""
    if own.reason:
        return own.reason
    if found.origin == "own":
        return ""
    below = len(walked) if found.record is None else tree_names(found.name).index(found.record_domain)
    return next((answer.reason for answer in walked[:below] if answer.reason), "")


def _matrix(facts: Look, published: RecordsAt) -> list[PolicyRow]:
    domain = facts.domain
    child = f"sub.{domain}"

    def none_below(name: str) -> tuple[DmarcRecord, ...]:
        return () if name == child else published(name)

    rows = [("domain", domain, True), ("subdomain", child, True), ("nonexistent", child, False)]
    return [
        PolicyRow(
            kind=kind,
            name=domain if kind == "domain" else f"{'sub' if exists else 'nosuch'}.{domain}",
            rfc9989=discover(name, none_below).effective(exists=exists, reader=Reader.RFC9989),
            rfc7489=discover_legacy(name, none_below).effective(exists=exists, reader=Reader.RFC7489),
        )
        for kind, name, exists in rows
    ]


def _targets(facts: Look, found: Discovery) -> tuple[ReportTarget, ...]:
    record = found.record
    if record is None or found.origin == "public suffix":
        return ()  # the registry's own reports
    pairs = [("rua", uri) for uri in record.rua or ()] + [("ruf", uri) for uri in record.ruf or ()]
    return tuple(_target(tag, uri, facts, found) for tag, uri in pairs)


def _target(tag: str, uri: ReportUri, facts: Look, found: Discovery) -> ReportTarget:
    host = uri.host
    if not host:
        return ReportTarget(tag=tag, uri=uri)
    has_mail, mail_unknown = _has_mail(host, facts) if uri.scheme == "mailto" else (None, "")
    if is_below(host, found.organizational) or registered_domain(host) == registered_domain(
        found.record_domain
    ):
        return ReportTarget(tag=tag, uri=uri, has_mail=has_mail, mail_unknown=mail_unknown)
    name = f"{found.record_domain}._report._dmarc.{host}"
    answer = facts.answer(name, "TXT")
    return ReportTarget(
        tag=tag,
        uri=uri,
        external=True,
        authorised=None if answer.reason else any(is_dmarc(text) for text in answer.texts),
        record_name=name,
        has_mail=has_mail,
        unknown=answer.reason,
        mail_unknown=mail_unknown,
        free=free_domain(facts.answer(host, "MX"), facts) if uri.scheme == "mailto" else "",
    )


def _has_mail(host: str, facts: Look) -> tuple[bool | None, str]:
    """Whether mail to the host can be delivered: an MX, or an address of its own (RFC 5321 §5.1)."""
    mx = facts.answer(host, "MX")
    if mx.records:
        return any(name for _, name in mx.exchanges), ""
    if mx.outcome is Outcome.NXDOMAIN:
        return False, ""
    answers = (mx, facts.answer(host, "A"), facts.answer(host, "AAAA"))
    if any(answer.records for answer in answers):
        return True, ""
    reason = next((answer.reason for answer in answers if answer.reason), "")
    return (None, reason) if reason else (False, "")
