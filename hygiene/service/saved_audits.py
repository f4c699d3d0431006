"""Audits that were saved in a folder, judged again: the latest of each domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hygiene.errors import HygieneError

if TYPE_CHECKING:
    from hygiene.audit.run import Audit

MOST: Final = 50  # files that are looked at, newest first


def read_audits(folder: str) -> list[Audit]:
    """The latest audit of each domain, by domain; a file that is none is passed over."""
    from hygiene.audit.facts import load_facts
    from hygiene.audit.run import judge

    try:
        files = sorted(Path(folder).glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)[:MOST]
    except OSError:
        return []
    found: dict[str, Audit] = {}
    for path in files:
        try:
            facts = load_facts(path)
            if facts.domain not in found or facts.collected_at > found[facts.domain].facts.collected_at:
                found[facts.domain] = judge(facts)
        except HygieneError:
            continue
    return [found[domain] for domain in sorted(found)]
