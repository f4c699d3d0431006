"""`hygiene send`: a campaign to a cleaned list, and how it stands."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hygiene.cli.output import Format, deliver, note
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.config import Settings
    from hygiene.sending.breaker import Trip
    from hygiene.sending.preflight.preflight import Preflight
    from hygiene.sending.running import Sending
    from hygiene.sending.worker import Settled
    from hygiene.store import Store

_CAMPAIGN = "campaign"


class _Group(TyperGroup):
    """What is no command is a campaign: ``hygiene send spring.toml --to clean.csv``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in front where it was left out."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [_CAMPAIGN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Send a campaign to a cleaned list: hygiene send CAMPAIGN --to LIST, and see how campaigns stand.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Config = Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")]
As = Annotated[Format, typer.Option("--format", help="How to write the result.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name.")]
MaybeName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The campaign's name; none: all.")]


class HowResolved(StrEnum):
    """What is to become of mails in doubt."""

    SENT = "sent"
    RESEND = "resend"


@app.command(_CAMPAIGN)
def campaign(
    file: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="The campaign's TOML file.")],
    to: Annotated[Path, typer.Option(metavar="LIST", help="clean.csv of a cleaning, or its folder.")],
    override: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Send in spite of this finding; needs --because.")
    ] = None,
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why it is sent all the same; kept.")] = "",
    dry_run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the mails there as .eml files; send nothing.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until deferred mails have their end, too.")
    ] = True,
    resolver: Annotated[
        list[str] | None, typer.Option(metavar="HOST[:PORT]", help="DNS server to ask, and no other.")
    ] = None,
    dns: Annotated[bool, typer.Option("--dns/--no-dns", help="Look at the domain before.")] = True,
    login: Annotated[
        bool, typer.Option("--login/--no-login", help="Connect to the relay and log in, too.")
    ] = True,
    give_up: Annotated[float, typer.Option(min=0, help="Seconds to bear with a relay that fails.")] = 300.0,
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Check a campaign and its list, queue a mail to each person once, and send.

    Called again it goes on where it was. Exit codes: 0 all have their end, 1 preflight forbids it or it was
    held, 2 wrong use, 3 something is left: deferred or in doubt mails, or a relay that fails.
    """
    from hygiene.sending.send import NotFit, send_campaign, write_out

    settings = _settings(config, resolver)
    if override and not because:
        raise UsageError("--override needs --because TEXT: the reason is kept with the campaign")
    with _store(settings) as store:
        if dry_run is not None:
            count = write_out(file, to, dry_run, settings=settings, secret=store.key)
            note(f"{count:,} mails written to {dry_run}; nothing was sent")
            return
        with _watching() as watch:
            try:
                found = send_campaign(
                    file,
                    to,
                    store=store,
                    settings=settings,
                    overrides=dict.fromkeys(override or (), because),
                    dns=dns,
                    login=login,
                    wait=wait,
                    give_up_s=give_up,
                    sending=watch.sending(),
                )
            except NotFit as unfit:
                deliver([unfit.preflight.sections()], unfit.preflight.to_dict(), form=form, title="Preflight")
                raise
    _deliver_one(found, form)


@app.command("status")
def status(name: MaybeName = None, form: As = Format.TEXT, config: Config = None) -> None:
    """How campaigns stand: where each of their mails is."""
    from hygiene.sending.status import read_status

    with _store(_settings(config), create=False) as store:
        found = read_status(store, name)
    deliver([found.sections()], found.to_dict(), form=form, title="Outbox")


@app.command("pause")
def pause(name: Name, config: Config = None) -> None:
    """Send nothing more of a campaign until it is resumed."""
    from hygiene.sending.status import pause as pause_campaign

    with _store(_settings(config), create=False) as store:
        pause_campaign(store, name)
    note(f"{name} is paused")


@app.command("resume")
def resume(
    name: Name,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until deferred mails have their end.")
    ] = True,
    give_up: Annotated[float, typer.Option(min=0, help="Seconds to bear with a relay that fails.")] = 300.0,
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Go on with a campaign that was paused, held, or cut off."""
    from hygiene.sending.running import find_running, go_on
    from hygiene.sending.states import CampaignState
    from hygiene.sending.status import resume as resume_campaign

    settings = _settings(config)
    with _store(settings, create=False) as store:
        number, state = find_running(store, name)
        if state is not CampaignState.RUNNING:
            resume_campaign(store, name)
        with _watching() as watch:
            found = go_on(store, settings, number, name, wait=wait, give_up_s=give_up, sending=watch.sending())
    _deliver_one(found, form)


@app.command("cancel")
def cancel(name: Name, config: Config = None) -> None:
    """End a campaign: what was not sent stays unsent."""
    from hygiene.sending.running import clock
    from hygiene.sending.status import cancel as cancel_campaign

    with _store(_settings(config), create=False) as store:
        count = cancel_campaign(store, name, now_us=clock())
    note(f"{name} is cancelled; {count:,} mails stay unsent")


@app.command("doubts")
def doubts(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Which; none: all.")] = None,
    resolve: Annotated[
        HowResolved | None, typer.Option(help="They were sent, or are to be sent once more.")
    ] = None,
    campaign_name: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="Of one campaign.")
    ] = None,
    form: As = Format.TEXT,
    config: Config = None,
) -> None:
    """Mails of which nobody knows whether they were taken: list them, or say what is to become of them.

    Exit code 3 while there are any.
    """
    from hygiene.sending.presentation import doubts_document
    from hygiene.sending.running import clock
    from hygiene.sending.status import read_doubts, resolve_doubts

    with _store(_settings(config), create=False) as store:
        if resolve is not None:
            chosen = ids or [each.id for each in read_doubts(store, campaign_name)]
            count = resolve_doubts(store, chosen, resolve.value, now_us=clock())
            note(f"{count:,} of {len(chosen):,} resolved: {resolve.value}")
        found = read_doubts(store, campaign_name)
    deliver([doubts_document(found)], {"doubts": [each.to_dict() for each in found]}, form=form, title="Doubts")
    raise typer.Exit(3 if found else 0)


@app.command("work")
def work(config: Config = None) -> None:
    """Send whatever is due until told to stop; several of these may share a store in PostgreSQL."""
    from hygiene.sending.running import run_worker

    settings = _settings(config)
    with _store(settings) as store, _watching() as watch:
        note("working; Ctrl-C ends it, and mails being talked about are finished first")
        run_worker(store, settings, sending=watch.sending())


def _deliver_one(found: Any, form: Format) -> None:
    from hygiene.sending.states import CampaignState, State
    from hygiene.sending.status import Status

    shown = Status(campaigns=(found,))
    deliver([shown.sections()], shown.to_dict(), form=form, title=found.name)
    if found.state is CampaignState.HELD:
        raise typer.Exit(1)
    raise typer.Exit(3 if found.open or found.counts.get(State.UNKNOWN) else 0)


def _settings(config: Path | None, resolver: list[str] | None = None) -> Settings:
    import msgspec

    from hygiene.config import load_settings

    settings = load_settings(config)
    if resolver:
        audit = msgspec.structs.replace(settings.audit, resolvers=tuple(resolver))
        settings = msgspec.structs.replace(settings, audit=audit)
    return settings


def _store(settings: Settings, *, create: bool = True) -> Store:
    from hygiene.store import open_store

    workspace = settings.workspace
    return open_store(workspace.store, key=Path(workspace.key_file), create=create)


class _Watch:
    """Shows on a terminal how many mails left, and says what goes wrong, each thing once."""

    def __init__(self, bar: Any) -> None:
        self.bar, self.started = bar, time.monotonic()
        self.counts: dict[str, int] = {}
        self.said: set[str] = set()

    def sending(self) -> Sending:
        """As a sending tells it."""
        from hygiene.sending.running import Sending as Told

        return Told(
            preflight=self._preflight,
            queued=self._queued,
            settled=self._settled,
            held=self._held,
            trouble=self._trouble,
        )

    def _preflight(self, found: Preflight) -> None:
        count = len(found.faults)
        if count:
            note(f"preflight: {count} {'finding' if count == 1 else 'findings'}; hygiene preflight shows them")

    def _queued(self, count: int) -> None:
        self._show("Queueing", f"{count:,} mails")

    def _settled(self, settled: Settled) -> None:
        state = settled.state.value
        self.counts[state] = self.counts.get(state, 0) + 1
        total = sum(self.counts.values())
        if total % 50 and total > 50:
            return
        speed = total / max(time.monotonic() - self.started, 1e-9)
        told = "  ".join(f"{count:,} {name}" for name, count in self.counts.items())
        self._show("Sending", f"{told}  {speed:,.0f}/s")

    def _held(self, name: str, trip: Trip, finding: str) -> None:
        note(f"{name} is held: {trip.sentence}. {finding}".rstrip())

    def _trouble(self, sentence: str) -> None:
        if sentence not in self.said:
            self.said.add(sentence)
            note(sentence)

    def _show(self, what: str, figures: str) -> None:
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], description=what, figures=figures)


@contextmanager
def _watching() -> Iterator[_Watch]:
    from hygiene.cli.progress import new_bar

    bar = new_bar() if sys.stderr.isatty() else None
    if bar is None:
        yield _Watch(None)
        return
    with bar:
        bar.add_task("Sending", total=None, figures="")
        yield _Watch(bar)
