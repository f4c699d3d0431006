"""Audit a domain: collect the facts, judge them, keep both.

`audit_domain` asks the network; `judge` is pure and gives the same result for the same facts, so a saved audit
can be replayed offline and compared.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from hygiene.audit.checks.dkim import sends_no_mail
from hygiene.audit.collect import collect
from hygiene.audit.facts import AuditOptions, Facts
from hygiene.audit.message import read_message
from hygiene.audit.receivers import ReceiverVerdict, judge_receivers
from hygiene.audit.registry import ESSENTIAL, Check, choose, run
from hygiene.audit.subjects import read_all
from hygiene.domain import parse_domain
from hygiene.errors import UsageError
from hygiene.files import packaged_text
from hygiene.finding import Finding, Grade, Severity, by_severity, frame_of_findings, grade
from hygiene.resolver import Assumed, Resolver, Zone, run_now
from hygiene.smtp_probe import LiveSmtpProbe, SmtpProbe
from hygiene.web import Fetcher, LiveFetcher

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document

MAX_DOMAINS_AT_ONCE = 20  # audits side by side; the resolver caps the questions in flight


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The verdict on one domain: findings worst first, grade, receivers, and the facts they rest on.

    `opinion` maps a subject to where checkdmarc differs; None when it was not asked.
    """

    domain: str
    findings: tuple[Finding, ...]
    grade: Grade
    receivers: tuple[ReceiverVerdict, ...]
    facts: Facts
    opinion: Mapping[str, str] | None = None
    views: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if not finding.unknown)

    @property
    def unknowns(self) -> tuple[Finding, ...]:
        """What could not be determined."""
        return tuple(finding for finding in self.findings if finding.unknown)

    @property
    def undetermined(self) -> str:
        """The reason why nothing at all could be found out; '' otherwise."""
        if not all(self.views[name].unknown for name in ESSENTIAL):
            return ""
        return str(self.views["domain"].unknown).partition(": ")[2]

    def exit_code(self, fail_on: Severity | None = Severity.HIGH) -> int:
        """0 fine, 1 a fault at or above `fail_on`, 3 something could not be determined."""
        if fail_on and any(finding.severity.rank <= fail_on.rank for finding in self.faults):
            return 1
        return 3 if self.unknowns else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what was published and what it amounts to, without the raw answers."""
        from hygiene.audit.summary import published

        return {
            "domain": self.domain,
            "grade": self.grade.letter,
            "grade_at_best": self.grade.at_best,
            "grade_drivers": list(self.grade.drivers),
            "findings": [finding.to_dict() for finding in self.findings],
            "receivers": [receiver.to_dict() for receiver in self.receivers],
            "published": published(self),
            "second_opinion": None if self.opinion is None else dict(self.opinion),
            "collected_at": self.facts.collected_at,
            "queries": self.facts.queries,
            "elapsed_s": self.facts.elapsed_s,
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a finding: domain, id, severity, confidence, state, area, title, evidence, fix, rule.

        Texts are strings; severity is a category, worst first.
        """
        return frame_of_findings(self.findings, domain=self.domain)

    def sections(self) -> Document:
        """What a person should see."""
        from hygiene.audit.presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        counts = f"{len(self.faults)} faults, {len(self.unknowns)} unknown"
        return f"<Audit {self.domain}: grade {self.grade}, {counts}>"


def audit_domain(domain: str, **settings: Any) -> Audit:
    """Audit one domain.

    Takes the keyword arguments of `audit_domains`, with the second opinion on by default. Raises UsageError
    when `domain` is none; whatever the network does is part of the result.
    """
    return audit_domains([domain], **{"second_opinion": True, **settings})[0]


def audit_domains(
    domains: str | Iterable[str],
    *,
    selectors: Sequence[str] = (),
    ips: Sequence[str] = (),
    blocklists: Sequence[str] = (),
    smtp: bool = False,
    resolver: Resolver | None = None,
    fetcher: Fetcher | None = None,
    smtp_probe: SmtpProbe | None = None,
    timeout_s: float = 5.0,
    assume: Zone | None = None,
    message: bytes | None = None,
    second_opinion: bool = False,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> list[Audit]:
    """Audit one or several domains side by side over one resolver and its cache; results in the order given.

    `timeout_s` is for one question with all its retries. The records of `assume` are judged as if they were
    published; `message` is one that was sent in the domain's name, and is judged with it. Without `resolver`
    the system's servers are asked, without `fetcher` HTTPS is fetched through that resolver and never from
    private addresses.
    """
    choose(
        select, ignore
    )  # a mistyped id, like all that is wrong with the words, is said before anybody is asked
    if message is not None:
        read_message(message)
    options = AuditOptions(
        selectors=(selectors,) if isinstance(selectors, str) else tuple(selectors),
        ips=normal_addresses(ips),
        blocklists=blocklist_zones(blocklists),
        smtp=smtp,
        message=(message or b"").decode("latin-1"),
        assumed=assume.record_sets if assume else (),
    )
    resolver = resolver or _system_resolver(timeout_s)
    work = _collect_all(
        [parse_domain(domain) for domain in ([domains] if isinstance(domains, str) else domains)],
        options,
        Assumed(resolver, assume) if assume else resolver,
        fetcher or LiveFetcher(resolver, timeout_s=timeout_s),
        smtp_probe or LiveSmtpProbe(timeout_s=max(timeout_s, 10.0)),
    )
    collected = run_now(work)
    if second_opinion:
        collected = [with_second_opinion(facts) for facts in collected]
    return [judge(facts, select=select, ignore=ignore) for facts in collected]


def _system_resolver(timeout_s: float) -> Resolver:
    from hygiene.dns_client import LiveResolver

    return LiveResolver(timeout_s=timeout_s)


def audit_message(raw: bytes, **settings: Any) -> Audit:
    """Audit the domain in the From field of a message, and the message with it.

    Takes the keyword arguments of `audit_domains`, with the second opinion on by default. Raises
    UnreadableInput when `raw` is no message, UsageError when From names no domain.
    """
    domains = read_message(raw).author_domains
    if not domains:
        raise UsageError("the message has no address with a domain in From")
    return audit_domain(domains[0], message=raw, **settings)


async def _collect_all(
    names: list[str], options: AuditOptions, resolver: Resolver, fetcher: Fetcher, probe: SmtpProbe
) -> list[Facts]:
    places = asyncio.Semaphore(MAX_DOMAINS_AT_ONCE)

    async def one(name: str) -> Facts:
        async with places:
            return await collect(name, options=options, resolver=resolver, fetcher=fetcher, smtp_probe=probe)

    return list(await asyncio.gather(*map(one, names)))


def judge(facts: Facts, *, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> Audit:
    """The verdict on facts at hand. Pure: no network, no clock."""
    views = read_all(facts)
    words = {"domain": facts.domain, "today": facts.collected_at[:10].replace("-", "")}
    findings = run(
        views, words=words, checks=_worth_asking(choose(select, ignore), views), waived=_waived(views)
    )
    return Audit(
        domain=facts.domain,
        findings=tuple(by_severity(findings)),
        grade=_grade(findings, views),
        receivers=judge_receivers(views),
        facts=facts,
        opinion=_compare(facts, views),
        views=views,
    )


def with_second_opinion(facts: Facts) -> Facts:
    """The same facts with checkdmarc's conclusions among them."""
    from hygiene.audit.second_opinion import ask_checkdmarc

    return replace(facts, second_opinion=ask_checkdmarc(facts))


def normal_addresses(ips: Iterable[str]) -> tuple[str, ...]:
    """Addresses in their canonical form; raises UsageError for anything else."""
    try:
        return tuple(dict.fromkeys(str(ip_address(ip.strip())) for ip in ips))
    except ValueError as error:
        raise UsageError(f"--ip: {error}") from None


def blocklist_zones(words: Iterable[str]) -> tuple[str, ...]:
    """The DNSBL zones meant; "default" stands for those of ``data/blocklists.toml``."""
    listed = tomllib.loads(packaged_text("hygiene.audit", "data/blocklists.toml"))["default"]
    zones = [zone for word in words for zone in (listed if word == "default" else [parse_domain(word)])]
    return tuple(dict.fromkeys(zones))


def _compare(facts: Facts, views: Mapping[str, Any]) -> Mapping[str, str] | None:
    if facts.second_opinion is None or (views["spf"].unknown and views["dmarc"].unknown):
        return None
    from hygiene.audit.second_opinion import differences

    return differences(facts.second_opinion, views["spf"], views["dmarc"])


def _worth_asking(checks: tuple[Check, ...], views: Mapping[str, Any]) -> tuple[Check, ...]:
    """Of a name that does not exist nothing more can be wrong than that."""
    if views["domain"].unknown or views["domain"].exists:
        return checks
    return tuple(each for each in checks if each.area == "domain")


def _waived(views: Mapping[str, Any]) -> frozenset[str]:
    """A domain that says it sends no mail owes nobody a DKIM key."""
    spf, mx = views["spf"], views["mx"]
    quiet = not spf.unknown and not mx.unknown and sends_no_mail(spf, mx)
    return frozenset({"dkim"}) if quiet else frozenset()


def _grade(findings: tuple[Finding, ...], views: Mapping[str, Any]) -> Grade:
    if all(views[name].unknown for name in ESSENTIAL):
        return Grade("?", (), at_best=True)
    return grade(findings)
