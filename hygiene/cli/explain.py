"""`hygiene explain`: what a check, a rule of content, a reason of a cleaning or a figure means."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hygiene.cli.output import say, tell, tell_table


def explain(
    id: Annotated[  # noqa: A002 - the word users see
        str | None,
        typer.Argument(
            metavar="ID", help="A finding's id, a reason of a cleaning or a figure; none lists all."
        ),
    ] = None,
) -> None:
    """Say what a finding, a reason or a figure means and by which rule; without ID list all."""
    from hygiene.audit.registry import choose
    from hygiene.contacts.reasons import ABOUT
    from hygiene.content.registry import all_rules
    from hygiene.metrics.durations import ABOUT as ABOUT_TIMES
    from hygiene.metrics.kpis import FAMILIES, KPIS
    from hygiene.sending.preflight.registry import all_checks as preflight_checks

    if id is None:
        _list_all()
        return
    figure = id.removesuffix("-missed").removesuffix("-not-proven").replace("-", "_")
    for known, name, explain_one in (
        ({*KPIS, *FAMILIES, *ABOUT_TIMES}, figure, _explain_figure),
        (all_rules(), id, _explain_rule),
        (preflight_checks(), id, _explain_check),
        (ABOUT, id, _explain_reason),
    ):
        if name in known:
            explain_one(name)
            return
    for each in choose([id]):
        optional = ", optional: never changes a grade" if each.optional else ""
        tell(f"{each.id}\n  {each.title}. Severity {each.severity}{optional}.\n  {each.why}")
        tell(f"  Rule: {each.rule}  {each.source}".rstrip())
        if each.fix:
            say(f"  Fix:  {each.fix}")


def _list_all() -> None:
    from hygiene.audit.registry import all_checks
    from hygiene.contacts.reasons import ABOUT
    from hygiene.content.registry import all_rules
    from hygiene.metrics.kpis import KPIS
    from hygiene.render.sections import Cell, Table
    from hygiene.sending.preflight.registry import all_checks as preflight_checks

    checks: list[Any] = [*all_checks().values(), *all_rules().values(), *preflight_checks().values()]
    rows = [(each.id, str(each.severity), each.title) for each in checks]
    rows += [(reason.value, about.step.value, about.meaning) for reason, about in ABOUT.items()]
    rows += [(kpi.name, kpi.unit.value, kpi.title) for kpi in KPIS.values()]
    cells = tuple((Cell(name), Cell(word), Cell(f"{said[:1].upper()}{said[1:]}")) for name, word, said in rows)
    tell_table(Table(rows=cells))


def _explain_reason(name: str) -> None:
    """Why a row of a list is not mailed."""
    from hygiene.contacts.reasons import ABOUT, RejectReason

    about = ABOUT[RejectReason(name)]
    tell(f"{name}\n  A row is not mailed: {about.meaning}. Found at the step {about.step}.")
    tell(f"  What would change it: {about.remedy}")


def _explain_rule(name: str) -> None:
    """A rule of the content of a mail."""
    from hygiene.content.registry import all_rules

    each = all_rules()[name]
    tell(f"{each.id}\n  {each.title}. Severity {each.severity}, {each.confidence}.\n  {each.why}")
    tell(f"  Rule: {each.source.dated}  {each.source.url}".rstrip())
    say(f"  Fix:  {each.fix}")


def _explain_check(name: str) -> None:
    """A check of preflight."""
    from hygiene.sending.preflight.registry import all_checks

    each = all_checks()[name]
    final = "; it cannot be overridden" if each.final else ""
    tell(f"{each.id}\n  {each.title}. Severity {each.severity}, {each.confidence}{final}.\n  {each.why}")
    tell(f"  Rule: {each.rule}  {each.source}".rstrip())
    say(f"  Fix:  {each.fix}")


def _explain_figure(name: str) -> None:
    """A KPI, each of a family, or a time."""
    from hygiene.metrics.benchmarks import profiles
    from hygiene.metrics.durations import ABOUT
    from hygiene.metrics.kpis import KPIS

    if name in ABOUT:
        tell(f"{name}\n  {ABOUT[name].definition}")
        return
    for kpi in KPIS.values():
        if name not in {kpi.name, kpi.family}:
            continue
        columns = f"{' + '.join(kpi.numerator)} / {' + '.join(kpi.denominator)}"
        tell(f"{kpi.name}\n  {kpi.definition}\n  Counts: {columns}; {kpi.better} is better")
        for profile in profiles().values():
            if target := profile.target_of(kpi.name):
                tell(f"  Benchmark {profile.name}: {target.limit} ({profile.source}, {profile.as_of})")
        tell(f"  Defined by: {kpi.source}")
