"""`hygiene explain`: what a check looks at and by which rule, and what a reason of a cleaning means."""

from __future__ import annotations

from typing import Annotated

import typer

from hygiene.cli.output import say


def explain(
    id: Annotated[  # noqa: A002 - the word users see
        str | None,
        typer.Argument(metavar="ID", help="A finding's id, or a reason of a cleaning; none lists all."),
    ] = None,
) -> None:
    """Say what a finding or a reason means, why it matters and which rule it follows; without ID list all."""
    from hygiene.audit.registry import all_checks, choose
    from hygiene.contacts.reasons import ABOUT, RejectReason

    if id is None:
        for each in all_checks().values():
            say(f"{each.id:<30} {each.severity:<9} {each.title}")
        for reason, about in ABOUT.items():
            say(f"{reason:<30} {about.step:<12} {about.meaning[0].upper()}{about.meaning[1:]}")
        return
    if id in ABOUT:
        about = ABOUT[RejectReason(id)]
        say(f"{id}\n  A row is not mailed: {about.meaning}. Found at the step {about.step}.")
        say(f"  What would change it: {about.remedy}")
        return
    for each in choose([id]):
        optional = ", optional: never changes a grade" if each.optional else ""
        say(f"{each.id}\n  {each.title}. Severity {each.severity}{optional}.\n  {each.why}")
        say(f"  Rule: {each.rule}  {each.source}".rstrip())
        if each.fix:
            say(f"  Fix:  {each.fix}")
