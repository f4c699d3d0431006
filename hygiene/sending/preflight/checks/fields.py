"""Checks of merge fields: for every recipient, not for one."""

from __future__ import annotations

from typing import Final

from hygiene.finding import Evidence, Problem, Severity
from hygiene.sending.preflight.parts import People, Rendering
from hygiene.sending.preflight.registry import check

_PRACTICE: Final = "common practice"


@check(
    severity=Severity.CRITICAL,
    rule=_PRACTICE,
    why="Its place would be empty in every mail.",
    fix='first_name = "First Name"  # in [fields]: a column of the list',
)
def merge_field_missing(people: People) -> Evidence:
    """A merge field has no column in the list"""
    for field in people.missing:
        yield f"there is no column {field.column!r} in {people.name}"


@check(
    severity=Severity.HIGH,
    rule=_PRACTICE,
    why="A greeting without a name shows that it was made by a machine.",
    fix='first_name = { column = "First Name", default = "there" }',
)
def merge_field_empty(people: People) -> Evidence:
    """A merge field is empty for some, with nothing to stand for it"""
    for blank in people.blanks:
        lines = ", ".join(f"{line:,}" for line in blank.lines)
        more = " …" if blank.count > len(blank.lines) else ""
        share = blank.count / max(people.rows, 1)
        yield Problem(
            evidence=f"{blank.field}: {blank.count:,} of {people.rows:,} ({share:.1%}), lines {lines}{more}",
            fix=f'{blank.field} = {{ column = "{blank.column}", default = "…" }}',
        )


@check(
    severity=Severity.HIGH,
    rule=_PRACTICE,
    why="Only http, https, mailto and tel are left in a link; any other is made to lead nowhere.",
    fix="put https:// before it in the list",
)
def merge_field_no_link(people: People) -> Evidence:
    """A merge field that is a link leads nowhere"""
    for name, (count, lines) in people.unsafe_links.items():
        yield f"{name}: {count:,} of {people.rows:,}, lines {', '.join(f'{line:,}' for line in lines)}"


@check(
    severity=Severity.LOW,
    rule=_PRACTICE,
    why="A field that is declared and never used is often misspelt in the template.",
    fix="use it, or take it out of [fields]",
)
def merge_field_unused(people: People) -> Evidence:
    """A merge field stands in no template"""
    yield from people.columns_unused


@check(
    severity=Severity.CRITICAL,
    rule=_PRACTICE,
    why="Their mail cannot be made, so they would get none.",
    fix="mend the template, or the cells it cannot work with",
)
def template_fails(rendering: Rendering) -> Evidence:
    """The templates cannot be filled for somebody"""
    yield from rendering.failures
    if rendering.failed > len(rendering.failures):
        yield f"… {rendering.failed:,} of {rendering.tried:,} in all"
