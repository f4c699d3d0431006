"""Campaigns and doubts as sections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hygiene.render.sections import Block, Cell, Document, Headline, Paragraph, Section, Table, Tone
from hygiene.sending.pace import SECOND_US
from hygiene.sending.states import CampaignState, State
from hygiene.sending.status import CampaignStatus, Doubt, Status

_TONES = {
    CampaignState.RUNNING: Tone.PLAIN,
    CampaignState.FINISHED: Tone.GOOD,
    CampaignState.HELD: Tone.BAD,
    CampaignState.PAUSED: Tone.WARN,
    CampaignState.CANCELLED: Tone.WARN,
    CampaignState.PREPARING: Tone.WARN,
}
_STATE_TONES = {
    State.SENT: Tone.GOOD,
    State.FAILED: Tone.BAD,
    State.UNKNOWN: Tone.WARN,
    State.EXPIRED: Tone.WARN,
}


def status_document(status: Status) -> Document:
    """One campaign in full, several as a table."""
    if len(status.campaigns) == 1:
        return campaign_document(status.campaigns[0])
    states = [state for state in State if any(state in each.counts for each in status.campaigns)]
    rows = tuple(
        (
            Cell(each.name),
            Cell(each.state.value, _TONES[each.state]),
            *(Cell(f"{each.counts.get(state, 0):,}") for state in states),
        )
        for each in status.campaigns
    )
    columns = ("campaign", "", *(state.value for state in states))
    table = Table(columns=columns, rows=rows, align="ll" + "r" * len(states))
    number = len(status.campaigns)
    return Document(
        headline=Headline(subject="outbox", verdict=f"{number} campaigns", tone=Tone.PLAIN),
        sections=(Section(title="Campaigns", blocks=(table,)),) if rows else (),
    )


def campaign_document(campaign: CampaignStatus) -> Document:
    """Where each mail of a campaign stands."""
    sent = campaign.counts.get(State.SENT, 0)
    return Document(
        headline=Headline(
            subject=campaign.name,
            verdict=campaign.state.value,
            tone=_TONES[campaign.state],
            note=f"{sent:,} of {campaign.total:,} sent",
            sentence=campaign.held_because,
        ),
        sections=tuple(_sections(campaign)),
    )


def _sections(campaign: CampaignStatus) -> Sequence[Section]:
    rows = tuple(
        (
            Cell(state.value, _STATE_TONES.get(state, Tone.PLAIN)),
            Cell(f"{count:,}"),
            Cell(state.meaning),
        )
        for state, count in sorted(campaign.counts.items(), key=lambda each: list(State).index(each[0]))
    )
    blocks: list[Block] = [Table(columns=("", "mails", ""), rows=rows, align="lrl")] if rows else []
    blocks += [Paragraph(text) for text in _next(campaign)]
    found = [Section(title="Mails", blocks=tuple(blocks))]
    if campaign.overrides:
        lines = tuple(Paragraph(f"{name}: {why}", Tone.WARN) for name, why in campaign.overrides.items())
        found.append(Section(title="Sent all the same", blocks=lines))
    return found


def _next(campaign: CampaignStatus) -> list[str]:
    told = []
    if campaign.begins_us and set(campaign.counts) == {State.READY}:
        told.append(
            f"Nothing leaves before {_clock(campaign.begins_us)} UTC: hygiene send work, or "
            f"hygiene send resume {campaign.name}, sends it then."
        )
    if campaign.next_us and campaign.counts.get(State.DEFERRED):
        told.append(f"The next deferred mail is due at {_clock(campaign.next_us)} UTC.")
    if campaign.counts.get(State.UNKNOWN):
        told.append("Mails in doubt are listed, and resolved, by: hygiene send doubts")
    if campaign.state in (CampaignState.HELD, CampaignState.PAUSED):
        told.append(f"To go on: hygiene send resume {campaign.name}")
    return told


def doubts_document(doubts: Sequence[Doubt]) -> Document:
    """The mails in doubt, and what can be done."""
    rows = tuple(
        (
            Cell(str(each.id)),
            Cell(each.campaign),
            Cell(each.recipient),
            Cell(_clock(each.since_us)),
            Cell(each.what),
        )
        for each in doubts
    )
    advice = (
        "The server may have taken these: look for their Message-ID in the relay's log. Then say so, or have "
        "them sent once more: hygiene send doubts --resolve sent|resend [ID...]"
    )
    table = Table(
        columns=("id", "campaign", "recipient", "since (UTC)", "what happened"), rows=rows, align="rllll"
    )
    return Document(
        headline=Headline(
            subject="mails in doubt",
            verdict=f"{len(doubts):,}" if doubts else "none",
            tone=Tone.WARN if doubts else Tone.GOOD,
        ),
        sections=(Section(title="In doubt", blocks=(table, Paragraph(advice))),) if doubts else (),
    )


def _clock(us: int) -> str:
    return datetime.fromtimestamp(us / SECOND_US, UTC).strftime("%Y-%m-%d %H:%M:%S")
