"""The marks and words of tones and findings, the same in every format."""

from __future__ import annotations

from hygiene.finding import Finding, Severity
from hygiene.render.sections import Cell, Headline, Tone

MARKS = {Tone.GOOD: "✓", Tone.WARN: "!", Tone.BAD: "✗", Tone.UNKNOWN: "?", Tone.MUTED: "–"}

#: Problems of one finding shown at first sight.
SHORT_EVIDENCE = 8

_SEVERITY_TONES = {
    Severity.CRITICAL: Tone.BAD,
    Severity.HIGH: Tone.BAD,
    Severity.MEDIUM: Tone.WARN,
    Severity.LOW: Tone.MUTED,
    Severity.INFO: Tone.MUTED,
}
_SEVERITY_MARKS = {Severity.LOW: "·", Severity.INFO: "i"}


def mark_of(cell: Cell) -> str:
    """The mark of a cell; muted text and bars go without, an empty muted cell is the mark of absence."""
    return "" if cell.bar is not None or (cell.tone is Tone.MUTED and cell.text) else MARKS.get(cell.tone, "")


def finding_tone(finding: Finding) -> Tone:
    """How a finding is meant."""
    return Tone.UNKNOWN if finding.unknown else _SEVERITY_TONES[finding.severity]


def finding_word(finding: Finding) -> str:
    """Its severity, or that it is not known."""
    return "unknown" if finding.unknown else finding.severity.value


def finding_mark(finding: Finding) -> str:
    """Its mark."""
    tone = finding_tone(finding)
    return MARKS[tone] if finding.unknown else _SEVERITY_MARKS.get(finding.severity, MARKS[tone])


def finding_asides(finding: Finding, subject: str) -> list[str]:
    """What qualifies a finding: how sure it is, whether it counts, and whose it is unless the subject's."""
    sure = "" if finding.unknown else finding.confidence.value
    about = "" if finding.subject == subject else finding.subject
    return [text for text in (sure, "optional" if finding.optional else "", about) if text]


def finding_reason(finding: Finding) -> str:
    """The reason, unless the title has said it."""
    return "" if finding.why.strip() == finding.title.strip() else finding.why


def verdict_of(headline: Headline) -> str:
    """The verdict in a line: `grade C · 4 findings · 1 unknown`."""
    verdict = f"{headline.label} {headline.verdict}".strip()
    return " · ".join(text for text in (verdict, headline.note) if text)
