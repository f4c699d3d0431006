"""`hygiene measure`: from event logs to figures with verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hygiene.cli.audit import FailOn
from hygiene.cli.clean import EngineName
from hygiene.cli.frame_csv import frame_csv
from hygiene.cli.output import Format, deliver, deliver_text
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.config import MeasureSettings
    from hygiene.metrics.measured import Kpis


class MeasureFormat(StrEnum):
    """How a measurement is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"


class As(StrEnum):
    """Whose way of counting is shown beside ours."""

    MAILCHIMP = "mailchimp"
    KLAVIYO = "klaviyo"
    SES = "ses"
    GMAIL = "gmail"


Words = list[str] | None
Paths = list[Path] | None


def measure(
    logs: Annotated[
        Words,
        typer.Argument(
            metavar="LOG...",
            help="Event logs of any platform or mail server, or reports of campaigns: JSON, CSV, Parquet, "
            "syslog, .gz; files, folders, patterns.",
        ),
    ] = None,
    sends: Annotated[
        Paths,
        typer.Option(
            metavar="FILE", readable=False, help="What was sent, where the log does not say it (repeatable)."
        ),
    ] = None,
    orders: Annotated[
        Paths,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="Orders, for conversion and revenue: Shopify, WooCommerce or plain CSV (repeatable).",
        ),
    ] = None,
    subjects: Annotated[
        Paths,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="Subjects of campaigns for --by subject-feature, where no log tells them (repeatable).",
        ),
    ] = None,
    contacts: Annotated[
        Paths,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="The list, exported or cleaned: since when people are on it, for cohorts (repeatable).",
        ),
    ] = None,
    by: Annotated[
        Words,
        typer.Option(
            metavar="COLUMN,...",
            help="Split by campaign, provider, domain, segment, variant, stream, source, day, week, "
            "cohort, weeks-since, or by subject-feature: what went with which subject lines.",
        ),
    ] = None,
    benchmarks: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Thresholds: default, ses, gmail-yahoo, strict, or a TOML file (default)."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only mails sent from this day or moment on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only mails sent until this day, it included, or moment.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of days, and of times without a zone, as in Europe/Berlin (UTC)."),
    ] = None,
    attribution: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="Which mail an order is credited to: last-click:5d (default), first-touch:24h … or none.",
        ),
    ] = None,
    human: Annotated[
        bool | None,
        typer.Option(
            "--human/--all-opens", help="Judge opens and clicks of people, or machines', too (people)."
        ),
    ] = None,
    as_: Annotated[
        As | None, typer.Option("--as", help="Show what this platform would count, and why it differs.")
    ] = None,
    engine: Annotated[EngineName | None, typer.Option(help="Where the tables are computed (duckdb).")] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory for the tables; the rest waits on disk (a quarter of it)."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Processor threads to use.")] = None,
    year: Annotated[
        int | None, typer.Option(min=1990, max=2100, help="Of times that have none, as in Postfix logs.")
    ] = None,
    now: Annotated[
        str | None, typer.Option(metavar="DATE", help="When the logs were taken (their last event).")
    ] = None,
    causes: Annotated[
        bool, typer.Option("--causes/--no-causes", help="Look for what is behind the figures.")
    ] = True,
    format: Annotated[  # noqa: A002
        MeasureFormat,
        typer.Option(
            help="How to write the result; csv holds every figure and time of all mail and of each slice, json "
            "what was found behind them, too."
        ),
    ] = MeasureFormat.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with 1 when a benchmark of this severity is missed (high).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(readable=False, help="Settings, instead of ./hygiene.toml.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Measure mail: delivery, bounces, complaints, opens, clicks, orders, each held against a benchmark.

    Every mail counts once and everything is accounted for. A verdict is met, missed, or not proven yet: then it
    says how many more mails would prove it.

    Exit codes: 0 fine, 1 a benchmark missed, 2 wrong use or unreadable input, 3 not proven yet.
    """
    from hygiene.cli.progress import watching
    from hygiene.config import load_settings
    from hygiene.finding import Severity
    from hygiene.metrics.measure import measure as measure_logs

    if not logs:
        raise UsageError("name an event log: hygiene measure events.jsonl")
    settings = _merged(
        load_settings(config).measure,
        by=by,
        benchmarks=benchmarks,
        timezone=timezone,
        attribution=attribution,
        human=human,
        engine=engine,
        memory_limit=memory_limit,
        fail_on=fail_on,
    )
    with watching() as watch:
        kpis = measure_logs(
            logs,
            **_arguments(settings),
            sends=sends or (),
            orders=orders or (),
            subjects=subjects or (),
            joined=_signups(contacts, config),
            since=since,
            until=until,
            as_platform=as_.value if as_ else None,
            now=now,
            year=year,
            threads=threads,
            causes=causes,
            tick=watch.hear if watch.seen else None,
            say=watch.say,
        )
    _deliver(kpis, format, verbose=verbose, output=output)
    limit = None if settings.fail_on == "never" else Severity(settings.fail_on)
    raise typer.Exit(kpis.exit_code(limit))


def _signups(contacts: Paths, config: Path | None) -> Any:
    """Since when people are on the list, by the columns that a cleaning reads; nothing without one."""
    if not contacts:
        return None
    from hygiene.config import load_settings
    from hygiene.contacts.signups import read_signups

    return read_signups(contacts, columns=load_settings(config).clean.columns)


def _merged(settings: MeasureSettings, **given: Any) -> MeasureSettings:
    """Options that were given win over the file and the environment."""
    import msgspec

    changes: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            plain = str(value) if isinstance(value, StrEnum) else value
            changes[name] = tuple(plain) if isinstance(plain, list) else plain
    return msgspec.structs.replace(settings, **changes)


def _arguments(settings: MeasureSettings) -> Mapping[str, Any]:
    import msgspec

    return {name: value for name, value in msgspec.structs.asdict(settings).items() if name != "fail_on"}


def _deliver(kpis: Kpis, form: MeasureFormat, *, verbose: bool, output: Path | None) -> None:
    if form is MeasureFormat.CSV:
        deliver_text(frame_csv(kpis.to_frame(), kpis.times_to_frame()), output)
        return
    deliver(
        [kpis.sections()],
        kpis.to_dict(),
        form=Format(form.value),
        title="Mail measured",
        verbose=verbose,
        output=output,
    )
