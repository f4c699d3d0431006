"""May it be sent? Every check over the parts, and the verdict that `hygiene send` obeys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygiene.audit.run import Audit
from hygiene.config import AccountSettings, Settings, load_settings
from hygiene.finding import Confidence, Finding, Severity, by_severity, frame_of_findings
from hygiene.resolver import Resolver
from hygiene.sending.campaign import Campaign, load_campaign
from hygiene.sending.definition import Definition
from hygiene.sending.preflight import collect
from hygiene.sending.preflight.parts import Parts, Route
from hygiene.sending.preflight.registry import all_checks, demand_known, is_meant, run
from hygiene.sending.preflight.rendering import content_findings, render
from hygiene.web import Fetcher

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """The verdict on a campaign and its list: findings worst first, and the parts they rest on."""

    findings: tuple[Finding, ...]
    parts: Parts = field(repr=False)
    ignored: tuple[str, ...] = ()

    @property
    def definition(self) -> Definition:
        """What would be sent."""
        return self.parts.definition

    @property
    def name(self) -> str:
        """The campaign."""
        return self.definition.name

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if not finding.unknown)

    @property
    def unknowns(self) -> tuple[Finding, ...]:
        """What could not be determined."""
        return tuple(finding for finding in self.findings if finding.unknown)

    def blocking(self, overrides: Collection[str] = ()) -> tuple[Finding, ...]:
        """What keeps it from being sent: faults that are critical or high and no guess.

        `overrides` are ids that somebody gave a reason for; a list that no cleaning vouches for, and one that
        was changed, cannot be overridden.
        """
        final = {each.id for each in all_checks().values() if each.final}
        return tuple(
            each for each in self.faults if _stops(each) and (each.id in final or each.id not in overrides)
        )

    def exit_code(self, fail_on: Severity | None = Severity.HIGH) -> int:
        """0 fine, 1 a fault at or above `fail_on`, 3 when only an open question might be one."""
        if fail_on is None:
            return 0
        if any(finding.severity.rank <= fail_on.rank for finding in self.faults):
            return 1
        return 3 if any(finding.severity.rank <= fail_on.rank for finding in self.unknowns) else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        from hygiene.sending.preflight.summary import summary

        return summary(self)

    def to_frame(self) -> pd.DataFrame:
        """One row a finding: id, severity, confidence, state, area, title, evidence, fix, rule.

        Texts are strings; severity is a category, worst first.
        """
        return frame_of_findings(self.findings)

    def sections(self) -> Document:
        """What a person should see."""
        from hygiene.sending.preflight.presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        counts = f"{len(self.faults)} faults, {len(self.unknowns)} unknown"
        return f"<Preflight {self.name}: {len(self.blocking())} blocking, {counts}>"


def _stops(finding: Finding) -> bool:
    return finding.severity.rank <= Severity.HIGH.rank and finding.confidence is not Confidence.GUESS


def preflight_campaign(
    campaign: Campaign | Path | str,
    to: Path | str,
    *,
    settings: Settings | None = None,
    resolver: Resolver | None = None,
    fetcher: Fetcher | None = None,
    dns: bool = True,
    login: bool = True,
    now: datetime | None = None,
    ignore: Sequence[str] = (),
) -> Preflight:
    """Judge a campaign and its list before message 1.

    `campaign` is its TOML file, `to` the folder of a cleaning or clean.csv in it. Without `resolver` the
    servers of the settings, or the system's, are asked; with `dns` false nobody is asked anything, and what
    needs that is not judged; with `login` false the account's server is left in peace.
    Raises UsageError or UnreadableInput for a campaign that cannot be read; whatever is wrong with the list and
    the domain is part of the result.
    """
    settings = settings or load_settings()
    demand_known(ignore)
    campaign = campaign if isinstance(campaign, Campaign) else load_campaign(campaign, settings)
    definition, now = campaign.define(), now or collect.clock()
    people, audience = collect.open_people(definition, to, now)
    audit = route = None
    if dns:
        audit, route = _domain(definition, campaign.account, settings, resolver, fetcher)
    parts = Parts(
        definition=definition,
        people=people,
        rendering=render(definition, audience, now=now),
        workspace=collect.look_at_workspace(settings, definition.account, now),
        route=route,
        login=collect.try_login(campaign.account, definition.account) if dns and login else None,
        audit=audit,
        now=now,
    )
    return judge(parts, ignore=ignore)


def _domain(
    definition: Definition,
    account: AccountSettings,
    settings: Settings,
    resolver: Resolver | None,
    fetcher: Fetcher | None,
) -> tuple[Audit, Route]:
    asks = resolver or live_resolver(settings)
    fetches = fetcher or _live_fetcher(settings, asks)
    return collect.look_at_domain(definition, account, resolver=asks, fetcher=fetches, settings=settings)


def judge(parts: Parts, *, ignore: Sequence[str] = ()) -> Preflight:
    """The verdict on parts at hand. Pure: no network, no clock."""
    final = {each.id for each in all_checks().values() if each.final}
    findings = [finding for finding in _findings(parts) if finding.id in final or not is_meant(finding, ignore)]
    return Preflight(findings=tuple(by_severity(findings)), parts=parts, ignored=tuple(ignore))


def _findings(parts: Parts) -> Iterator[Finding]:
    """Of preflight itself, of the content, and of the audit what large receivers would act on."""
    yield from run(collect.parts_by_name(parts), parts.definition.name)
    if parts.rendering is not None:
        yield from content_findings(parts.rendering, parts.definition.name)
    if parts.audit is not None:
        yield from (each for each in parts.audit.findings if each.severity.rank <= Severity.HIGH.rank)


def live_resolver(settings: Settings) -> Resolver:
    """The DNS servers of the settings, or of the system."""
    from hygiene.dns_client import LiveResolver, parse_server

    servers = [parse_server(text) for text in settings.audit.resolvers] or None
    return LiveResolver(servers, timeout_s=settings.audit.timeout)


def _live_fetcher(settings: Settings, resolver: Resolver) -> Fetcher:
    from hygiene.web import LiveFetcher

    web = settings.web
    return LiveFetcher(
        resolver,
        timeout_s=settings.audit.timeout,
        allow_private=web.allow_private,
        ca_file=web.ca_file,
        port=web.port,
    )
