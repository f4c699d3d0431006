"""What the dashboard shows, as documents: what needs somebody, how campaigns stand, the figures, the lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygiene.finding import Finding, Severity
from hygiene.metrics.kpis import Verdict
from hygiene.render.sections import (
    Block,
    Cell,
    Document,
    FindingList,
    Headline,
    Paragraph,
    Part,
    Section,
    Split,
    Table,
    Tone,
)
from hygiene.sending.states import CampaignState, State
from hygiene.sending.status import CampaignStatus, Doubt
from hygiene.suppression_forms import Reason

if TYPE_CHECKING:
    from hygiene.audit.run import Audit
    from hygiene.metrics.measured import Kpis

SHOWN_CAMPAIGNS: Final = 12
SHOWN_FINDINGS: Final = 3  # of a domain
_CAMPAIGN_TONES: Final = {
    CampaignState.RUNNING: Tone.GOOD,
    CampaignState.HELD: Tone.BAD,
    CampaignState.PAUSED: Tone.WARN,
    CampaignState.PREPARING: Tone.PLAIN,
    CampaignState.CANCELLED: Tone.MUTED,
    CampaignState.FINISHED: Tone.MUTED,
}
_WHY: Final = {
    Reason.UNSUBSCRIBED: "receipts still reach them",
    Reason.COMPLAINED: "reported as spam",
    Reason.BOUNCED: "no such mailbox",
    Reason.MANUAL: "added by hand",
    Reason.IMPORTED: "from another list",
    Reason.ERASED: "only a keyed hash is left",
}
#: whose log it is, which goes without saying here
_SOURCE: Final = re.compile(r"^[^,.]*, (?=[\d,]+ mails? sent)")
_KPI_SECTIONS: Final = ("", "What to do next", "What missed its aim")


@dataclass(frozen=True, kw_only=True)
class Now:
    """How things stand at this moment."""

    campaigns: Sequence[CampaignStatus] = ()
    doubts: Sequence[Doubt] = ()
    posts_waiting: int = 0


def now_document(now: Now, name: str) -> Document:
    """What needs somebody, and the campaigns."""
    needs = [*_held(now), *_doubtful(now)]
    sections = [Section(title="Campaigns", blocks=tuple(_campaigns(now.campaigns)))]
    running = sum(each.state is CampaignState.RUNNING and each.open > 0 for each in now.campaigns)
    sending = f"{_count(running, 'campaign')} under way" if running else "nothing under way"
    return Document(
        headline=Headline(
            subject=name or "This workspace",
            verdict=str(len(needs)) if needs else "fine",
            label=("needs you" if len(needs) == 1 else "need you") if needs else "all is",
            tone=Tone.BAD if needs else Tone.GOOD,
            note=sending,
            sentence=" ".join(needs) or "No campaign is held, and no mail is in doubt.",
        ),
        sections=tuple(sections),
    )


def _held(now: Now) -> list[str]:
    return [
        f"{each.name} is held: {each.held_because.rstrip('.')}."
        for each in now.campaigns
        if each.state is CampaignState.HELD
    ]


def _doubtful(now: Now) -> list[str]:
    number = len(now.doubts)
    return [f"{_count(number, 'mail')} {'is' if number == 1 else 'are'} in doubt."] if number else []


def _campaigns(campaigns: Sequence[CampaignStatus]) -> list[Block]:
    latest = tuple(reversed(campaigns))
    shown = sorted(latest, key=lambda each: not each.open)[:SHOWN_CAMPAIGNS]
    if not shown:
        return [Paragraph("No campaign has been queued yet: hygiene send FILE queues one.", Tone.MUTED)]
    columns = ("campaign", "", "sent", "", "")
    return [Table(columns=columns, rows=tuple(_campaign(each) for each in shown), align="llrll")]


def _campaign(each: CampaignStatus) -> tuple[Cell, ...]:
    return (
        Cell(each.name),
        Cell(each.state.value, _CAMPAIGN_TONES[each.state]),
        Cell(f"{each.counts.get(State.SENT, 0):,} of {each.total:,}"),
        Cell("", bar=(each.total - each.open) / each.total if each.total else 0.0),
        Cell(_rest(each), Tone.MUTED),
    )


def _rest(each: CampaignStatus) -> str:
    """What became of those that were not sent."""
    said = {
        "to go": each.open,
        "in doubt": each.counts.get(State.UNKNOWN, 0),
        "failed": each.counts.get(State.FAILED, 0),
        "expired": each.counts.get(State.EXPIRED, 0),
        "suppressed": each.counts.get(State.SUPPRESSED, 0),
        "cancelled": each.counts.get(State.CANCELLED, 0),
    }
    return " · ".join(f"{count:,} {word}" for word, count in said.items() if count)


def figures_document(kpis: Kpis | None, told: str = "") -> Document:
    """The figures; without them `told` says why there are none."""
    if kpis is None:
        headline = Headline(subject="Figures", verdict="", tone=Tone.MUTED, note=told)
        return Document(headline=headline, sections=())
    whole = kpis.sections()
    sections = [section for section in whole.sections if section.title in _KPI_SECTIONS]
    judged = [value for value in kpis.overall if value.benchmark]
    missed = sum(value.verdict is Verdict.MISSED for value in judged)
    headline = Headline(
        subject="Figures",
        verdict=whole.headline.verdict,
        label=whole.headline.label,
        tone=Tone.BAD if missed else whole.headline.tone,
        note=whole.headline.note,
        sentence=_SOURCE.sub("", whole.headline.sentence),
    )
    return Document(headline=headline, sections=tuple(sections))


def lists_document(suppressed: Mapping[Reason, int], opt_outs: Mapping[str, int]) -> Document:
    """Who is not mailed, by reason, and how many left each list."""
    total = sum(suppressed.values())
    blocks: list[Block] = []
    if total:
        parts = tuple(
            Part(label=reason.value, figure=f"{count:,}", share=count / total, note=_WHY[reason])
            for reason, count in sorted(suppressed.items(), key=lambda each: -each[1])
        )
        blocks.append(Split(parts))
    if opt_outs:
        rows = tuple((Cell(topic), Cell(f"{count:,}")) for topic, count in sorted(opt_outs.items()))
        blocks.append(Table(columns=("list", "left it"), rows=rows, align="lr"))
    return Document(
        headline=Headline(
            subject="Who is not mailed",
            verdict="",
            tone=Tone.PLAIN,
            note=_count(total, "entry", "entries") + " of the suppression list"
            if total
            else "nobody is suppressed",
        ),
        sections=(Section(title="", blocks=tuple(blocks)),) if blocks else (),
    )


def audits_document(audits: Sequence[Audit]) -> Document:
    """The domains that were audited, and what is serious."""
    rows = tuple(
        (
            Cell(audit.domain),
            Cell(str(audit.grade)),
            Cell(_worst(audit), Tone.BAD if _serious(audit) else Tone.GOOD),
            Cell(audit.facts.collected_at[:10], Tone.MUTED),
        )
        for audit in audits
    )
    table = Table(columns=("domain", "grade", "serious findings", "audited"), rows=rows, align="llll")
    serious = tuple(finding for audit in audits for finding in _serious(audit)[:SHOWN_FINDINGS])
    found = (Section(title="Serious findings", blocks=(FindingList(serious),), detail=True),) if serious else ()
    return Document(
        headline=Headline(
            subject="Domains",
            verdict="",
            tone=Tone.BAD if serious else Tone.GOOD,
            note=_count(len(audits), "domain") + " audited",
        ),
        sections=(Section(title="", blocks=(table,)), *found),
    )


def _serious(audit: Audit) -> list[Finding]:
    worst = {Severity.CRITICAL, Severity.HIGH}
    return [finding for finding in audit.findings if finding.severity in worst and not finding.unknown]


def _worst(audit: Audit) -> str:
    serious = _serious(audit)
    more = f" and {len(serious) - 1} more" if len(serious) > 1 else ""
    return f"{serious[0].id}{more}" if serious else "none"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
