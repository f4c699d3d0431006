"""`hygiene explain`: what a check looks at, why it matters, and which rule it follows."""

from __future__ import annotations

from typing import Annotated

import typer

from hygiene.cli.output import say


def explain(
    id: Annotated[  # noqa: A002 - the word users see
        str | None, typer.Argument(metavar="ID", help="A finding's id; none lists all.")
    ] = None,
) -> None:
    """Say what a finding means, why it matters and which rule it follows; without ID list all checks."""
    from hygiene.audit.registry import all_checks, choose

    if id is None:
        for each in all_checks().values():
            say(f"{each.id:<30} {each.severity:<9} {each.title}")
        return
    for each in choose([id]):
        optional = ", optional: never changes a grade" if each.optional else ""
        say(f"{each.id}\n  {each.title}. Severity {each.severity}{optional}.\n  {each.why}")
        say(f"  Rule: {each.rule}  {each.source}".rstrip())
        if each.fix:
            say(f"  Fix:  {each.fix}")
