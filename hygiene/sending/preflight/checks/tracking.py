"""Checks of opens and clicks counted by links of our own: that it is so, what it means, and where they lead."""

from __future__ import annotations

from collections import Counter
from typing import Final
from urllib.parse import urlsplit

from hygiene.finding import Evidence, Severity
from hygiene.sending.compose import tracker_of
from hygiene.sending.definition import Definition, Version
from hygiene.sending.preflight.registry import check
from hygiene.sending.tracking import CLICK, LEAVE_ALONE, OPEN, Tracker

_PRIVACY: Final = "https://eur-lex.europa.eu/eli/dir/2002/58/oj"


@check(
    severity=Severity.LOW,
    rule="Directive 2002/58/EC (ePrivacy), Article 5(3)",
    source=_PRIVACY,
    why="Who opened what, and when, is kept by name; many laws want people told of it, some want them asked.",
    fix='tracking = false  # or tell people, and ask\nkeep_events = "180d"  # in [workspace]',
)
def tracking_on(definition: Definition) -> Evidence:
    """Opens or clicks of each person are counted"""
    tracker = tracker_of(definition, b"")
    if tracker is None:
        return
    if tracker.tracking.opens:
        yield f"opens by a pixel, {tracker.tracking.base}{OPEN}…; machines load it, too"
    for version in definition.versions:
        yield from _clicks(version, tracker)


def _clicks(version: Version, tracker: Tracker) -> Evidence:
    of, tracking = f"{version.name}: " if version.name else "", tracker.tracking
    found = tracker.find(version.html) if tracking.clicks and version.html else None
    if found:
        text = ", and those of the text part" if tracking.text_clicks else ""
        yield f"{of}clicks of {_number(len(found.counted))} by {tracking.base}{CLICK}…{text}"
        for why, count in Counter(why for _, why in found.left).items():
            yield f"{of}{_number(count)} left as written: {why}"
    elif tracking.text_clicks:
        yield f"{of}clicks of the text part by {tracking.base}{CLICK}…"


def _number(count: int) -> str:
    return f"{count} {'link' if count == 1 else 'links'}"


@check(
    severity=Severity.HIGH,
    rule="common practice",
    why="Every link of the mail goes through it: whoever is on the way reads, and may change, where people go.",
    fix='url = "https://mail.YOUR-DOMAIN"  # in [service]',
)
def tracking_not_https(definition: Definition) -> Evidence:
    """The address that counts opens and clicks is not https"""
    if definition.tracking:
        parts = urlsplit(definition.tracking.base)
        if parts.scheme.lower() != "https" or not parts.hostname:
            yield definition.tracking.base


@check(
    severity=Severity.MEDIUM,
    rule="common practice",
    why="A campaign that counts clicks and finds no link to count tells nothing.",
    fix=f'take {LEAVE_ALONE}="off" from links that may be counted',
)
def tracking_finds_nothing(definition: Definition) -> Evidence:
    """Clicks are to be counted, and there is no link that can be"""
    tracker = tracker_of(definition, b"")
    if tracker is None or not tracker.tracking.clicks or tracker.tracking.text_clicks:
        return
    for version in definition.versions:
        if not version.html:
            yield f"{version.name or 'the campaign'} has no HTML part"
        elif not tracker.find(version.html).counted:
            yield f"{version.name or 'the HTML'} has no link to the web but those to leave"
