"""`hygiene support`: how soon support mail is answered and closed, and what customers say of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hygiene.cli.output import Format, deliver, note, say
from hygiene.errors import UsageError

_FORMULA = r"^[=+\-@\t\r\n]"  # what a spreadsheet would take for one


class SupportFormat(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"


class Dates(StrEnum):
    """How dates like 3/4/2026 are meant."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


def support(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            readable=False,
            help="Exports of Zendesk, Freshdesk or Help Scout, or plain tables of tickets or messages.",
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="WORDS", help="Split by day, week, month, topic, channel, group, agent, priority."
        ),
    ] = "",
    timezone: Annotated[
        str,
        typer.Option(metavar="ZONE", help="Zone of days, of business hours, and of times that name none."),
    ] = "UTC",
    business_hours: Annotated[
        str, typer.Option(metavar="HOURS", help='As "Mon-Fri 9-17" or "Mon-Fri 9-12 13-18; Sat 10-14".')
    ] = "Mon-Fri 9-17",
    dates: Annotated[
        Dates | None, typer.Option(help="What dates like 3/4/2026 mean, where a file does not tell.")
    ] = None,
    ratings: Annotated[
        str | None,
        typer.Option(metavar="LOW-HIGH", help="What numbers rate from and to, where a file does not tell."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Reckon up to this moment, like 2026-11-28 or 2026-11-28T09:00."),
    ] = None,
    form: Annotated[
        SupportFormat, typer.Option("--format", help="How to write the result.")
    ] = SupportFormat.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
) -> None:
    """Measure support mail: first response, resolution, reopened cases, backlog and satisfaction.

    Who still waits is counted with the time waited so far, so unanswered mail makes the figures worse, not
    better. Exits 0, also when nothing can be told; 2 for wrong use or what is no support export.
    """
    from hygiene.metrics.support import measure_support

    result = measure_support(
        list(files),
        by=[word.strip() for word in by.split(",") if word.strip()],
        timezone=timezone,
        business_hours=business_hours,
        day_first=None if dates is None else dates is Dates.DAY_FIRST,
        ratings=ratings,
        as_of=_moment(as_of),
    )
    if form is SupportFormat.CSV:
        frame = result.to_frame()
        for name in result.by:
            frame[name] = frame[name].str.replace(_FORMULA, r"'\g<0>", regex=True)
        _write_csv(frame.to_csv(index=False), output)
        return
    deliver([result.sections()], result.to_dict(), form=Format(form.value), title="Support mail", output=output)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text[:40]!r} is no moment: write 2026-11-28 or 2026-11-28T09:00") from None


def _write_csv(text: str, output: Path | None) -> None:
    from hygiene.files import write_whole

    if output is None or str(output) == "-":
        say(text, end="")
        return
    write_whole(output, text)
    note(f"written to {output}")
