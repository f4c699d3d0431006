"""Documents as GitHub-flavoured Markdown, for tickets and comments on pull requests."""

from __future__ import annotations

from collections.abc import Sequence

from hygiene.finding import Finding
from hygiene.render.figures import bar_text, tables_of
from hygiene.render.safe import (
    markdown_block,
    markdown_code,
    markdown_html,
    markdown_link,
    markdown_text,
)
from hygiene.render.sections import (
    Block,
    Cell,
    Document,
    FindingList,
    Headline,
    Paragraph,
    Section,
    Table,
    Tree,
)
from hygiene.render.tones import (
    MARKS,
    finding_asides,
    finding_mark,
    finding_reason,
    finding_word,
    mark_of,
    verdict_of,
)


def render_markdown(documents: Sequence[Document]) -> str:
    """The documents one below the other; of several, an overview comes first."""
    overview = [_overview(documents)] if len(documents) > 1 else []
    return "\n\n".join(overview + [_document(document) for document in documents]) + "\n"


def _overview(documents: Sequence[Document]) -> str:
    rows = tuple(
        (Cell(headline.subject), Cell(verdict_of(headline), headline.tone), Cell(headline.sentence))
        for headline in (document.headline for document in documents)
    )
    return _table(Table(columns=("", "Verdict", ""), rows=rows))


def _document(document: Document) -> str:
    parts = [
        _headline(document.headline),
        *(_section(section, document.headline.subject) for section in document.sections),
        f"<sub>{markdown_text(document.footer)}</sub>" if document.footer.strip() else "",
    ]
    return _joined(parts)


def _headline(headline: Headline) -> str:
    mark = MARKS.get(headline.tone, "")
    verdict = f"{mark} {_bold(verdict_of(headline))}".strip()
    sentence = markdown_text(headline.sentence)
    return _joined([f"## {markdown_text(headline.subject)}".rstrip(), verdict, sentence])


def _section(section: Section, subject: str) -> str:
    blocks = _joined([_block(block, subject) for block in section.blocks])
    if section.detail or section.drawn:
        title = markdown_html(section.title) or "Details"
        return f"<details><summary>{title}</summary>\n\n{blocks}\n\n</details>"
    return _joined([f"### {markdown_text(section.title)}" if section.title.strip() else "", blocks])


def _block(block: Block, subject: str) -> str:
    if isinstance(block, Paragraph):
        return "" if block.brief else _toned(markdown_text(block.text), Cell(block.text, block.tone))
    if tables := tables_of(block):
        return _joined([_table(table) for table in tables])
    if isinstance(block, Tree):
        return "\n".join(_tree(block))
    return _findings(block, subject) if isinstance(block, FindingList) else ""


def _findings(block: FindingList, subject: str) -> str:
    return _joined([_finding(finding, subject) for finding in block.findings])


def _table(table: Table) -> str:
    count = max([len(table.columns), *map(len, table.rows)], default=0)
    head = [markdown_text(name) for name in table.columns]
    rules = ["--:" if table.align[index : index + 1] == "r" else "---" for index in range(count)]
    rows = [[_cell(cell, in_table=True) for cell in row] for row in table.rows]
    filled = [row + [""] * (count - len(row)) for row in (head, rules, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in filled) if count else ""


def _cell(cell: Cell, *, in_table: bool = False) -> str:
    if cell.bar is not None:
        return bar_text(cell.bar)
    text = markdown_code(cell.text, in_table=in_table) if cell.code else markdown_text(cell.text)
    return _toned(text, cell)


def _toned(text: str, cell: Cell) -> str:
    return f"{mark_of(cell)} {text}".strip()


def _tree(tree: Tree, depth: int = 0) -> list[str]:
    return [
        f"{'  ' * depth}- {_cell(tree.label)}".rstrip(),
        *(line for child in tree.children for line in _tree(child, depth + 1)),
    ]


def _finding(finding: Finding, subject: str) -> str:
    asides = "".join(f" · {markdown_text(aside)}" for aside in finding_asides(finding, subject))
    head = f"{finding_mark(finding)} {finding_word(finding)}: {markdown_code(finding.id)}{asides}"
    rule = markdown_link(finding.rule or finding.source, finding.source)
    return _joined(
        [
            f"#### {head}",
            _bold(finding.title),
            " ".join(text for text in (markdown_text(finding_reason(finding)), rule and f"({rule})") if text),
            "\n".join(f"- {markdown_code(text)}" for text in finding.evidence if text),
            f"Fix:\n\n{markdown_block(finding.fix)}" if finding.fix.strip() else "",
        ]
    )


def _bold(text: str) -> str:
    return f"**{markdown_text(text)}**" if text.strip() else ""


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part)
