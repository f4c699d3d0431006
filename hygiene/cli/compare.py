"""`hygiene compare`: which variant of a mailing is better, and how many mails it takes to know."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hygiene.cli.clean import EngineName
from hygiene.cli.frame_csv import frame_csv
from hygiene.cli.measure import MeasureFormat, Paths, Words
from hygiene.cli.output import Format, deliver, deliver_text
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.metrics.variants.comparison import Comparison
    from hygiene.metrics.variants.plan import Plan


class Metric(StrEnum):
    """What variants are compared by."""

    OPEN_RATE = "open_rate"
    CLICK_RATE = "click_rate"
    CONVERSION_RATE = "conversion_rate"
    REVENUE_PER_MAIL = "revenue_per_mail"
    CTOR = "ctor"
    UNSUBSCRIBE_RATE = "unsubscribe_rate"
    COMPLAINT_RATE = "complaint_rate"


class TestName(StrEnum):
    """How a difference is tested."""

    ALWAYS = "always-valid"
    FIXED = "fixed-horizon"


def compare(
    logs: Annotated[
        Words,
        typer.Argument(metavar="LOG...", help="Event logs, as `hygiene measure` reads them."),
    ] = None,
    variant_column: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="What tells the variants: variant, segment, subject, or any column, key or tag of the log.",
        ),
    ] = "variant",
    campaign: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the mails of this campaign.")
    ] = None,
    metric: Annotated[Metric, typer.Option(help="What decides.")] = Metric.CLICK_RATE,
    arms: Annotated[
        str, typer.Option(metavar="NAME,...", help="Compare these variants and no others, in this order.")
    ] = "",
    split: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS",
            help="How people were to be divided, in the order of --arms or else of the names (50:50).",
        ),
    ] = None,
    effect: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="The difference worth finding: 0.5%, or money a mail."),
    ] = None,
    equivalent_within: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Differences below this do not matter: 0.2%, or money a mail."),
    ] = None,
    test: Annotated[
        TestName, typer.Option(help="Look every day, or only once at a size set before.")
    ] = TestName.ALWAYS,
    plan: Annotated[bool, typer.Option("--plan", help="No log: say how many mails a test takes.")] = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="SHARE", help="With --plan: the rate as it is, like 3%.")
    ] = None,
    power: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="With --plan: how sure the effect is to be found (80%)."),
    ] = None,
    variants: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="With --plan: how many variants (2).")
    ] = None,
    orders: Annotated[
        Paths,
        typer.Option(metavar="FILE", readable=False, help="Orders, for conversion and revenue (repeatable)."),
    ] = None,
    sends: Annotated[
        Paths,
        typer.Option(
            metavar="FILE", readable=False, help="What was sent, where the log does not say it (repeatable)."
        ),
    ] = None,
    attribution: Annotated[
        str, typer.Option(metavar="RULE", help="Which mail an order is credited to.")
    ] = "last-click:5d",
    timezone: Annotated[
        str, typer.Option(metavar="NAME", help="Of times without a zone, as in Europe/Berlin.")
    ] = "UTC",
    now: Annotated[
        str | None, typer.Option(metavar="DATE", help="When the logs were taken (their last event).")
    ] = None,
    year: Annotated[
        int | None, typer.Option(min=1990, max=2100, help="Of times that have none, as in Postfix logs.")
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="Where the tables are computed.")] = EngineName.DUCKDB,
    form: Annotated[
        MeasureFormat, typer.Option("--format", help="How to write the result.")
    ] = MeasureFormat.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show how it was reckoned, too.")] = False,
) -> None:
    """Compare the variants of a test: is one better, are they equivalent, or must it keep running?

    The test may be looked at every day: at most one test in twenty without a difference names a winner, however
    often you look. Who is in which variant is checked first.

    Exit codes: 0 decided, 1 the split is broken, 2 wrong use or unreadable input, 3 not decided yet.
    """
    if plan:
        if logs:
            raise UsageError("--plan needs no log: hygiene compare --plan --baseline 3% --effect 0.5%")
        planned = _plan(metric, baseline, effect, power, variants)
        _deliver(planned, planned.to_frame(), form, ("A/B test planned", verbose), output)
        return
    if given := [name for name, value in _of_plans(baseline, power, variants) if value is not None]:
        raise UsageError(f"{given[0]} is for a plan: add --plan, or leave it out")
    if not logs:
        raise UsageError("name an event log: hygiene compare events.jsonl --campaign spring-sale")
    from hygiene.cli.progress import watching
    from hygiene.metrics.variants.compare import compare_variants

    with watching() as watch:
        compared = compare_variants(
            logs,
            campaign,
            metric.value,
            variant_column,
            arms=[name.strip() for name in arms.split(",") if name.strip()],
            split=split,
            effect=effect,
            equivalent_within=equivalent_within,
            test=test.value,
            sends=sends or (),
            orders=orders or (),
            attribution=attribution,
            timezone=timezone,
            now=now,
            year=year,
            engine=engine.value,
            tick=watch.hear if watch.seen else None,
            say=watch.say,
        )
    _deliver(compared, compared.to_frame(), form, ("A/B test", verbose), output)
    raise typer.Exit(compared.exit_code)


def _of_plans(baseline: Any, power: Any, variants: Any) -> Iterable[tuple[str, Any]]:
    return (("--baseline", baseline), ("--power", power), ("--variants", variants))


def _plan(
    metric: Metric, baseline: str | None, effect: str | None, power: str | None, variants: int | None
) -> Plan:
    from hygiene.metrics.variants.asked import read_share
    from hygiene.metrics.variants.plan import POWER, plan_test

    if metric is Metric.REVENUE_PER_MAIL:
        raise UsageError("revenue is not planned, as nobody knows how it will vary: plan the conversion rate")
    if baseline is None or effect is None:
        raise UsageError("a plan needs both: hygiene compare --plan --baseline 3% --effect 0.5%")
    return plan_test(
        baseline=read_share(baseline, "--baseline"),
        effect=read_share(effect, "--effect"),
        power=POWER if power is None else read_share(power, "--power"),
        variants=2 if variants is None else variants,
    )


def _deliver(
    result: Comparison | Plan, frame: Any, form: MeasureFormat, shown: tuple[str, bool], output: Path | None
) -> None:
    title, verbose = shown
    if form is MeasureFormat.CSV:
        deliver_text(frame_csv(frame), output)
        return
    deliver(
        [result.sections()],
        result.to_dict(),
        form=Format(form.value),
        title=title,
        verbose=verbose,
        output=output,
    )
