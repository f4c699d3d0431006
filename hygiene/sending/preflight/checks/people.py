"""Checks of the list: cleaned, unaltered, fresh, and held against the suppressions."""

from __future__ import annotations

from typing import Final

from hygiene.finding import Evidence, Problem, Severity
from hygiene.sending.preflight.parts import People, Workspace
from hygiene.sending.preflight.registry import check

STALE_DAYS: Final = 30  # people unsubscribe and mailboxes close meanwhile: then it is not mailed
OLD_DAYS: Final = 7
_PRACTICE: Final = "common practice"


@check(
    severity=Severity.CRITICAL,
    rule=_PRACTICE,
    why="Only a cleaning tells that nobody on the list said no, bounced or complained.",
    fix="hygiene clean subscribers.csv --output cleaned\nhygiene preflight campaign.toml --to cleaned",
    final=True,
)
def list_not_cleaned(people: People) -> Evidence:
    """The list is none that a cleaning vouches for"""
    if people.fault:
        yield people.fault


@check(
    severity=Severity.CRITICAL,
    rule=_PRACTICE,
    why="What was put in by hand was never checked, and may be somebody who said no.",
    fix="hygiene clean clean.csv --output cleaned",
    final=True,
)
def list_altered(people: People) -> Evidence:
    """The list was changed after its cleaning"""
    if people.change:
        yield people.change


@check(
    severity=Severity.HIGH,
    rule=_PRACTICE,
    why="Meanwhile mailboxes closed, and whoever unsubscribed elsewhere is still on it.",
    fix="clean the newest export again: hygiene clean subscribers.csv --output cleaned",
)
def list_stale(people: People) -> Evidence:
    """The list was cleaned too long ago"""
    if people.age_days >= STALE_DAYS:
        yield f"cleaned {people.age_days:.0f} days ago; after {STALE_DAYS} it is not mailed"
    elif people.age_days >= OLD_DAYS:
        yield Problem(evidence=f"cleaned {people.age_days:.0f} days ago", severity=Severity.MEDIUM)
    elif people.age_days < -1:
        yield Problem(
            evidence="cleaned in the future, says its manifest: a clock is wrong", severity=Severity.MEDIUM
        )


@check(
    severity=Severity.HIGH,
    rule=_PRACTICE,
    why="There is nobody to send it to.",
    fix="look at report.html of the cleaning: it says why each row was rejected",
)
def list_empty(people: People) -> Evidence:
    """The list is empty"""
    if not people.fault and not people.rows:
        yield f"{people.name} has no recipients"


@check(
    severity=Severity.CRITICAL,
    rule=_PRACTICE,
    why="Whoever says no between the cleaning and the sending is only known there.",
    fix="hygiene suppress list",
    final=True,
)
def suppressions_unreachable(workspace: Workspace) -> Evidence:
    """The suppressions of the workspace cannot be asked"""
    if workspace.fault:
        yield f"{workspace.place}: {workspace.fault}"
