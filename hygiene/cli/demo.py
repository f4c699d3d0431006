"""`hygiene demo`: the main job on the built-in sample, on this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hygiene.cli.output import Format, deliver, note, say

if TYPE_CHECKING:
    from hygiene.demo.post import Post

INTRODUCTION = """\
Three sample shops, served by a DNS and a web server that run on this machine for as long as this takes.
The same for your own domain:  hygiene audit your-domain.com
"""
CLEANING = """\

The list of one of them, exported from Klaviyo and cleaned.
The same for your own list:  hygiene clean your-export.csv --inactive-after 1y
"""
SENDING = """\

A spring sale for that list, held against the domain, the list and its own content, and then sent: into a server
on this machine that delivers nothing.
The same for your own campaign:  hygiene preflight campaign.toml --to cleaned/  and  hygiene send
"""
RETURNING = """\

What comes back: bounces, complaints and opt-outs by mail, read from a folder; each counts once.
The same for your own mailbox:  hygiene feedback imaps://bounces@mail.your-domain.com/INBOX
"""
AGAIN = """\

The list cleaned again: whoever bounced, complained or left is gone, and what was sent is measured like any log.
"""
MEASURING = """\

What it mailed since September, as Amazon SES tells of it, and the orders that followed.
The same for your own mail:  hygiene measure your-events.jsonl --orders orders.csv --by campaign
"""
OPENING = """
Open {} in a browser: what was mailed, measured.
Beside it: {}, the audits, and {}, the list."""


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the page.")] = Path("reports"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Audit the three shops of the built-in sample, clean a list and measure; nothing leaves this machine."""
    _audit(output, verbose=verbose)
    _clean(output, verbose=verbose)
    _send(output, verbose=verbose)
    _measure(output, verbose=verbose)
    say(OPENING.format(output / "measure.html", output / "audit.html", output / "clean" / "report.html"))


def _audit(output: Path, *, verbose: bool) -> None:
    from hygiene.audit.run import audit_domain
    from hygiene.demo.sample import SHOPS, playground

    say(INTRODUCTION)
    with playground() as play:
        audits = [audit_domain(shop, resolver=play.resolver, fetcher=play.fetcher, ips=()) for shop in SHOPS]
    documents = [each.sections() for each in audits]
    data = {"audits": [each.to_dict() for each in audits]}
    title = "E-mail audit of three sample shops"
    deliver(documents, data, form=Format.TEXT, title=title, verbose=verbose)
    deliver(documents, data, form=Format.HTML, title=title, output=output / "audit.html")
    deliver(documents, data, form=Format.JSON, title=title, output=output / "audit.json")


def _clean(output: Path, *, verbose: bool) -> None:
    from tempfile import TemporaryDirectory

    from hygiene.config import CleaningPolicy
    from hygiene.contacts.clean import clean_contacts
    from hygiene.demo.lists import AS_OF, write_list
    from hygiene.demo.pictures import write_cleaned

    say(CLEANING)
    with TemporaryDirectory() as folder:
        export, listed = write_list(Path(folder))
        policy = CleaningPolicy(inactive_after="1y", segments={"loyal": "orders >= 3 and life = 'active'"})
        cleaned = clean_contacts(export, policy, output=output / "clean", suppress=[listed], now=AS_OF)
    deliver([cleaned.sections()], cleaned.to_dict(), form=Format.TEXT, title="List cleaning", verbose=verbose)
    write_cleaned(cleaned, output)
    note(f"written to {output / 'clean'}")


def _send(output: Path, *, verbose: bool) -> None:
    from tempfile import TemporaryDirectory

    from hygiene.demo.post import post
    from hygiene.demo.spring_sale import write_campaign
    from hygiene.sending.preflight.preflight import preflight_campaign
    from hygiene.sending.send import send_campaign
    from hygiene.sending.status import Status

    say(SENDING)
    with TemporaryDirectory() as name, post() as office:
        folder, to = Path(name), output / "clean"
        seen: dict[str, Any] = {
            "settings": office.settings,
            "resolver": office.play.resolver,
            "fetcher": office.play.fetcher,
        }
        campaign = write_campaign(folder)
        checked = preflight_campaign(campaign, to, **seen)
        deliver([checked.sections()], checked.to_dict(), form=Format.TEXT, title="Preflight", verbose=verbose)
        sent = Status(campaigns=(send_campaign(campaign, to, store=office.store, **seen),))
        deliver([sent.sections()], sent.to_dict(), form=Format.TEXT, title="Outbox", verbose=verbose)
        _return(office, folder, to / "clean.csv", verbose=verbose)
    page = output / "preflight.html"
    deliver([checked.sections()], checked.to_dict(), form=Format.HTML, title="Preflight", output=page)


def _return(office: Post, folder: Path, mailed: Path, *, verbose: bool) -> None:
    """What came back, the list cleaned again, and the campaign measured."""
    from hygiene.config import CleaningPolicy
    from hygiene.contacts.clean import clean_contacts
    from hygiene.contacts.suppression.workspace import load_opt_outs, load_suppressions
    from hygiene.demo.answers import write_answers
    from hygiene.demo.post import TOPIC
    from hygiene.feedback.read import read_feedback
    from hygiene.metrics.measure import measure

    say(RETURNING)
    write_answers(office.taken, folder / "returned")
    back = read_feedback(folder / "returned", store=office.store, settings=office.settings)
    say(AGAIN)
    listed = [load_suppressions(office.store), load_opt_outs(office.store, TOPIC)]
    again = clean_contacts(mailed, CleaningPolicy(), output=folder / "again", suppress=listed)
    measured = measure(office.store.place, causes=False)
    for found, title in ((back, "Feedback"), (again, "List cleaning"), (measured, "Campaign measured")):
        deliver([found.sections()], found.to_dict(), form=Format.TEXT, title=title, verbose=verbose)


def _measure(output: Path, *, verbose: bool) -> None:
    from tempfile import TemporaryDirectory

    from hygiene.demo.mailing import write_mailing
    from hygiene.demo.pictures import write_measured
    from hygiene.metrics.measure import measure

    say(MEASURING)
    with TemporaryDirectory() as folder:
        log, orders = write_mailing(Path(folder))
        kpis = measure(log, by="campaign", orders=orders)
    documents, data, title = [kpis.sections()], kpis.to_dict(), "Mail measured"
    data["account"]["files"] = [Path(name).name for name in kpis.account.files]  # the folder was only for now
    deliver(documents, data, form=Format.TEXT, title=title, verbose=verbose)
    deliver(documents, data, form=Format.HTML, title=title, output=output / "measure.html")
    deliver(documents, data, form=Format.JSON, title=title, output=output / "measure.json")
    write_measured(kpis, output)
    note(f"written to {output / 'measure.csv'} and {output / 'pictures'}")
