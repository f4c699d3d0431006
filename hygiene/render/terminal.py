"""A document for a terminal: the verdict, the reasons, and fixes that can be copied as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hygiene.finding import Finding, Severity
from hygiene.render.figures import tables_of
from hygiene.render.pen import Pen, cells, wrap
from hygiene.render.safe import lines_of, web_link
from hygiene.render.sections import (
    Block,
    Document,
    FindingList,
    Headline,
    Paragraph,
    Section,
    Table,
    Tone,
    Tree,
)
from hygiene.render.terminal_table import table_lines
from hygiene.render.tones import (
    MARKS,
    SHORT_EVIDENCE,
    finding_asides,
    finding_reason,
    finding_tone,
    finding_word,
    mark_of,
    verdict_of,
)

MIN_WIDTH = 60
#: Lines of prose longer than this are hard to read, however wide the window is.
PROSE_WIDTH = 100
_INDENT = 2
_BODY = _INDENT + len("critical") + 2
_LABEL = len("seen") + 3
_TRUNK, _NO_TRUNK = "│  ", "   "


@dataclass(frozen=True)
class _View:
    pen: Pen
    width: int
    verbose: bool
    subject: str

    @property
    def prose_width(self) -> int:
        return min(self.width, PROSE_WIDTH)


def render_terminal(
    document: Document, *, width: int, colour: bool, verbose: bool = False, encoding: str = "utf-8"
) -> str:
    """The document as lines that fit `width` (at least 60), fixes excepted: those are never broken."""
    view = _View(Pen(colour, encoding), max(width, MIN_WIDTH), verbose, document.headline.subject)
    sections = [section for section in document.sections if verbose or not (section.detail or section.drawn)]
    groups = [
        _headline_lines(document.headline, view),
        *(_section_lines(section, view) for section in sections),
        _prose_lines(document.footer, view, tone=Tone.MUTED),
    ]
    return "\n\n".join("\n".join(group) for group in groups if group) + "\n"


def _headline_lines(headline: Headline, view: _View) -> list[str]:
    pen, width = view.pen, view.prose_width
    subject, verdict = pen.exact(headline.subject), pen.prose(verdict_of(headline))
    gap = width - cells(subject) - cells(verdict)
    painted = [pen.paint(line, headline.tone, bold=True) for line in wrap(verdict, width)]
    subjects = [pen.paint(line, bold=True) for line in wrap(subject, width)]
    first = [f"{subjects[0]}{' ' * gap}{painted[0]}".rstrip(" ")] if gap > 1 else subjects + painted
    return first + _prose_lines(headline.sentence, view)


def _section_lines(section: Section, view: _View) -> list[str]:
    lines = _prose_lines(section.title, view, indent=_INDENT, bold=True)
    previous: Block | None = None
    for block in section.blocks:
        drawn = _block_lines(block, view)
        if drawn and previous and not (isinstance(previous, Paragraph) and not isinstance(block, FindingList)):
            lines.append("")
        lines += drawn
        previous = block if drawn else previous
    return lines


def _block_lines(block: Block, view: _View) -> list[str]:
    if isinstance(block, Paragraph):
        return [] if block.brief and view.verbose else _paragraph_lines(block, view)
    if isinstance(block, Tree):
        return _indented(_tree_lines(block, view.pen, view.width - _INDENT))
    if isinstance(block, FindingList):
        return _finding_list_lines(block, view)
    return _tables_lines(tables_of(block), view)


def _tables_lines(tables: Sequence[Table], view: _View) -> list[str]:
    """One below the other, with a line between them."""
    lines: list[str] = []
    for table in tables:
        drawn = _indented(table_lines(table, view.pen, view.width - _INDENT))
        lines += ["", *drawn] if lines and drawn else drawn
    return lines


def _paragraph_lines(paragraph: Paragraph, view: _View) -> list[str]:
    mark = "" if paragraph.tone is Tone.MUTED else view.pen.drawn(MARKS.get(paragraph.tone, ""))
    indent = _INDENT + len(mark) + bool(mark)
    lines = _prose_lines(paragraph.text, view, indent=indent, tone=paragraph.tone)
    if not (mark and lines):
        return lines
    return [" " * _INDENT + view.pen.paint(mark, paragraph.tone) + lines[0][_INDENT + 1 :], *lines[1:]]


def _tree_lines(tree: Tree, pen: Pen, width: int, lead: str = "", below: str = "") -> list[str]:
    mark, label = pen.drawn(mark_of(tree.label)), tree.label
    text = pen.exact(label.text) if label.code else pen.prose(label.text)
    first, *rest = wrap(f"{mark} {text}" if mark else text, width - len(below) - len(_TRUNK))
    hang = below + pen.drawn(_TRUNK if tree.children else _NO_TRUNK)
    lines = [lead + pen.paint(first, label.tone), *(hang + pen.paint(line, label.tone) for line in rest)]
    for number, child in enumerate(tree.children, 1):
        branch, trunk = ("└─ ", _NO_TRUNK) if number == len(tree.children) else ("├─ ", _TRUNK)
        inner = [_shortened(below + pen.drawn(prefix), width) for prefix in (branch, trunk)]
        lines += _tree_lines(child, pen, width, *inner)
    return lines


def _shortened(prefix: str, width: int) -> str:
    """The innermost branches, so that a deep tree leaves half of the width to its labels."""
    return prefix[-(width // 2) :]


def _finding_list_lines(block: FindingList, view: _View) -> list[str]:
    lines: list[str] = []
    for finding in block.findings:
        lines += ["", *_finding_lines(finding, view)] if lines else _finding_lines(finding, view)
    return lines


def _finding_lines(finding: Finding, view: _View) -> list[str]:
    return [
        *_finding_head(finding, view),
        *_finding_text(finding, view),
        *_evidence_lines(finding, view),
        *_source_lines(finding, view),
        *_fix_lines(finding, view),
    ]


def _finding_head(finding: Finding, view: _View) -> list[str]:
    pen = view.pen
    word = pen.paint(finding_word(finding), finding_tone(finding), bold=finding.severity is Severity.CRITICAL)
    gap = " " * (_BODY - _INDENT - len(finding_word(finding)))
    names = wrap(pen.exact(finding.id), view.width - _BODY)
    asides = pen.prose(" · ".join(finding_asides(finding, view.subject)))
    lines = [" " * _INDENT + word + gap + pen.paint(names[0], bold=True)]
    lines += [" " * _BODY + pen.paint(name, bold=True) for name in names[1:]]
    if len(names) == 1 and _BODY + cells(names[0]) + 3 + cells(asides) <= view.width:
        return [f"{lines[0]}   {pen.paint(asides, Tone.MUTED)}".rstrip(" ")]
    return lines + _prose_lines(asides, view, indent=_BODY, tone=Tone.MUTED)


def _finding_text(finding: Finding, view: _View) -> list[str]:
    reason = finding_reason(finding)
    title = finding.title if reason else _with_rule(finding.title, finding.rule)
    why = _with_rule(reason, finding.rule) if reason else ""
    return _prose_lines(title, view, indent=_BODY) + _prose_lines(why, view, indent=_BODY)


def _with_rule(text: str, rule: str) -> str:
    """The text with its rule in brackets, before the full stop."""
    if not rule:
        return text
    return f"{text.removesuffix('.')} ({rule}){'.' if text.endswith('.') else ''}".strip()


def _evidence_lines(finding: Finding, view: _View) -> list[str]:
    shown = finding.evidence if view.verbose else finding.evidence[:SHORT_EVIDENCE]
    lines = [line for text in shown for line in _hanging(view.pen.exact(text), view.width - _BODY - _LABEL)]
    hidden = len(finding.evidence) - len(shown)
    more = [view.pen.prose(f"… and {hidden} more")] if hidden else []
    return _labelled("seen", lines + more, view)


def _hanging(text: str, width: int) -> list[str]:
    first, *rest = wrap(text, width - 2)
    return [first, *(f"  {line}" for line in rest)]


def _source_lines(finding: Finding, view: _View) -> list[str]:
    link = web_link(finding.source) if view.verbose else ""
    return _labelled("rule", wrap(link, view.width - _BODY - _LABEL), view) if link else []


def _fix_lines(finding: Finding, view: _View) -> list[str]:
    """The fix beside its label, or unbroken from the first column: in a zone a leading blank has a meaning."""
    if not finding.fix.strip():
        return []
    lines = [view.pen.exact(line) for line in lines_of(finding.fix)]
    if len(lines) == 1 and _BODY + _LABEL + cells(lines[0]) <= view.width:
        return _labelled("fix", lines, view)
    return [*_labelled("fix", [""], view), *lines]


def _labelled(label: str, lines: list[str], view: _View) -> list[str]:
    heads = [
        view.pen.paint(label, Tone.MUTED) + " " * (_LABEL - len(label)),
        *[" " * _LABEL] * (len(lines) - 1),
    ]
    return [f"{' ' * _BODY}{head}{line}".rstrip(" ") for head, line in zip(heads, lines, strict=False)]


def _prose_lines(
    text: str, view: _View, *, indent: int = 0, tone: Tone = Tone.PLAIN, bold: bool = False
) -> list[str]:
    clean = view.pen.prose(text)
    if not clean.strip():
        return []
    lines = wrap(clean, view.prose_width - indent)
    return [" " * indent + view.pen.paint(line, tone, bold=bold) for line in lines]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"{' ' * _INDENT}{line}".rstrip(" ") for line in lines]
