"""A campaign from its file to its last reply: preflight, queue, send; and workers that send whatever is due."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hygiene.config import Settings
from hygiene.contacts.manifest import NAME as MANIFEST
from hygiene.errors import HygieneError
from hygiene.files import read_bytes
from hygiene.finding import Finding
from hygiene.resolver import Resolver
from hygiene.sending.audience import Audience, open_audience
from hygiene.sending.campaign import load_campaign
from hygiene.sending.composing import CampaignComposing
from hygiene.sending.definition import Definition
from hygiene.sending.exchangers import look_up_providers
from hygiene.sending.preflight.preflight import Preflight, live_resolver, preflight_campaign
from hygiene.sending.preflight.registry import demand_ids
from hygiene.sending.queueing import queue_campaign
from hygiene.sending.running import GIVE_UP_S, Sending, clock, go_on
from hygiene.sending.signing_keys import account_signers
from hygiene.sending.status import CampaignStatus
from hygiene.sending.transports.transport import Transport
from hygiene.store import Store
from hygiene.tokens import make_ref
from hygiene.web import Fetcher


class NotFit(HygieneError):
    """Preflight found what must not be sent."""

    exit_code = 1

    def __init__(self, preflight: Preflight, blocking: Sequence[Finding]) -> None:
        self.preflight, self.blocking = preflight, tuple(blocking)
        names = ", ".join(finding.id for finding in self.blocking)
        super().__init__(f"{preflight.name} must not be sent as it is: {names}. Nothing was queued.")


def send_campaign(
    campaign: Path | str,
    to: Path | str,
    *,
    store: Store,
    settings: Settings,
    overrides: Mapping[str, str] | None = None,
    resolver: Resolver | None = None,
    fetcher: Fetcher | None = None,
    dns: bool = True,
    login: bool = True,
    wait: bool = True,
    give_up_s: float = GIVE_UP_S,
    sending: Sending | None = None,
) -> CampaignStatus:
    """Send a campaign to a cleaned list, or go on with it: nobody has it twice.

    `overrides` are findings of the preflight to send all the same, with the reason for each, which is kept.
    With `wait` it ends when every mail has its end, deferred ones included; without, when nothing is due, and
    at once where the campaign begins later.
    Raises NotFit, NoWay, UsageError or UnreadableInput with one sentence; whatever was queued by then stays.
    """
    sending, reasons = sending or Sending(), dict(overrides or {})
    demand_ids(reasons)
    loaded = load_campaign(campaign, settings)
    definition = loaded.define()
    checked = preflight_campaign(
        loaded, to, settings=settings, resolver=resolver, fetcher=fetcher, dns=dns, login=login
    )
    sending.preflight(checked)
    if blocking := checked.blocking(tuple(reasons)):
        raise NotFit(checked, blocking)
    audience = open_audience(to, definition.fields, segment=definition.segment)
    queued = queue_campaign(
        store,
        definition,
        audience.batches(),
        manifest=_manifest(audience),
        overrides={each.id: reasons[each.id] for each in checked.faults if each.id in reasons},
        now_us=clock(),
        exchangers=_exchangers(audience, resolver or live_resolver(settings)) if dns else None,
        tick=sending.queued,
    )
    return go_on(
        store,
        settings,
        queued,
        definition.name,
        resolver=resolver,
        wait=wait,
        give_up_s=give_up_s,
        sending=sending,
    )


def write_out(campaign: Path | str, to: Path | str, folder: Path, *, settings: Settings, secret: bytes) -> int:
    """Write each mail of a campaign as an .eml file instead of sending it; how many. Nothing is queued."""
    from hygiene.sending.transports.eml import EmlTransport

    loaded = load_campaign(campaign, settings)
    definition = loaded.define()
    audience = open_audience(to, definition.fields, segment=definition.segment)
    composing = CampaignComposing(definition, secret, account_signers(loaded.account))
    return asyncio.run(_write_out(definition, audience, composing, EmlTransport(folder), secret))


async def _write_out(
    definition: Definition, audience: Audience, composing: CampaignComposing, out: Transport, secret: bytes
) -> int:
    import msgspec

    count, now = 0, datetime.now(UTC)
    for batch in audience.batches():
        for address, fields in batch:
            ref = make_ref(definition.name, address, secret)
            row = {"ref": ref, "recipient": address, "fields": msgspec.json.encode(dict(fields)).decode()}
            await out.send(composing.mail(row, now), _yes)
            count += 1
    return count


async def _yes() -> bool:
    return True


def _exchangers(audience: Audience, resolver: Resolver) -> dict[str, str]:
    """The providers behind the domains of a list that are none's own."""
    return look_up_providers((domain for domain, _ in audience.domains()), resolver)


def _manifest(audience: Audience) -> str:
    return hashlib.sha256(read_bytes(audience.folder.path / MANIFEST)).hexdigest()
