"""Lint content: read, judge by every rule, keep what was seen. Pure: no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hygiene.content.parts import Content
from hygiene.content.read import read_content
from hygiene.content.registry import choose, run
from hygiene.errors import UsageError
from hygiene.finding import Finding, Severity, by_severity, frame_of_findings

if TYPE_CHECKING:
    import pandas as pd

    from hygiene.render.sections import Document


@dataclass(frozen=True, kw_only=True)
class Lint:
    """The verdict on one mail: findings worst first, and the rules that could not be applied, with reasons."""

    content: Content
    findings: tuple[Finding, ...]
    not_judged: Mapping[str, str]
    judged: int

    @property
    def name(self) -> str:
        """The file, or what was given."""
        return self.content.name

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if not finding.unknown)

    @property
    def unknowns(self) -> tuple[Finding, ...]:
        """What could not be determined."""
        return tuple(finding for finding in self.findings if finding.unknown)

    def exit_code(self, fail_on: Severity | None = Severity.HIGH) -> int:
        """0 fine, 1 a fault at or above `fail_on`, 3 when only an open question might be one."""
        if fail_on is None:
            return 0
        if any(finding.severity.rank <= fail_on.rank for finding in self.faults):
            return 1
        return 3 if any(finding.severity.rank <= fail_on.rank for finding in self.unknowns) else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        content = self.content
        return {
            "name": content.name,
            "subject": content.subject,
            "preheader": content.preheader.text if content.preheader else None,
            "html_bytes": content.html_bytes if content.page else None,
            "html_encoded_bytes": content.html_encoded_bytes if content.page else None,
            "text_characters": None if content.text is None else len(content.text),
            "links": len(content.links),
            "images": len(content.page.images) if content.page else None,
            "findings": [finding.to_dict() for finding in self.findings],
            "not_judged": dict(self.not_judged),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a finding: name, id, severity, confidence, state, area, title, evidence, fix, rule.

        Texts are strings; severity is a category, worst first.
        """
        return frame_of_findings(self.findings, name=self.name)

    def sections(self) -> Document:
        """What a person should see."""
        from hygiene.content.presentation import document

        return document(self)

    def _repr_html_(self) -> str:
        from hygiene.render.fragment import render_fragment

        return render_fragment([self.sections()])

    def __repr__(self) -> str:
        return f"<Lint {self.name}: {len(self.faults)} faults, {len(self.unknowns)} unknown>"


def lint_content(
    *,
    html: str | None = None,
    text: str | None = None,
    subject: str | None = None,
    preheader: str | None = None,
    message: bytes | None = None,
    name: str = "",
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Lint:
    """Judge the parts of a mail that are at hand; `message` is a whole one, as it would leave.

    >>> lint_content(subject="LAST CHANCE TO BUY").findings[0].id
    'subject-all-caps'

    `name` stands in the findings. Raises UsageError when nothing was given, or a word of `select` or `ignore`
    fits no rule; UnreadableInput when what was given is no mail.
    """
    if message is not None:
        if html is not None or text is not None:
            raise UsageError("give a message, or its HTML and text, not both")
        content = read_content(message, name=name or "message.eml", subject=subject, preheader=preheader)
        return judge(content, select=select, ignore=ignore)
    if html is None and text is None and subject is None:
        raise UsageError("there is nothing to judge: give html, text, subject or message")
    return judge(_put_together(html, text, subject, preheader, name), select=select, ignore=ignore)


def _put_together(
    html: str | None, text: str | None, subject: str | None, preheader: str | None, name: str
) -> Content:
    from binascii import b2a_qp

    from hygiene.content.page import read_page

    raw = (html or "").encode("utf-8", "replace")
    return Content(
        name=name or ("subject" if html is None and text is None else "content"),
        subject=subject,
        page=None if html is None else read_page(html),
        text=text,
        given_preheader=preheader,
        html_bytes=len(raw),
        html_encoded_bytes=len(b2a_qp(raw)),
    )


def judge(content: Content, *, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> Lint:
    """The verdict on a mail that was read."""
    rules = choose(select, ignore)
    findings, not_judged = run(content, rules)
    return Lint(
        content=content,
        findings=tuple(by_severity(findings)),
        not_judged=not_judged,
        judged=len(rules) - len(not_judged),
    )
