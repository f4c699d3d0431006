"""`hygiene demo`: the main job on the built-in sample, on this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import Format, deliver, say

INTRODUCTION = """\
Three sample shops, served by a DNS and a web server that run on this machine for as long as this takes.
The same for your own domain:  hygiene audit your-domain.com
"""


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the page.")] = Path("reports"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Audit the three shops of the built-in sample; nothing leaves this machine."""
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
