"""`hygiene clean`: from any platform's export to a list that is safe to mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hygiene.cli.output import Format, deliver, note
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.config import CleaningPolicy, Settings
    from hygiene.contacts.cleaned import Cleaned
    from hygiene.contacts.suppression import SuppressionList

DEFAULT_OUTPUT = Path("reports/clean")


class Keep(StrEnum):
    """Which row of a person stays."""

    NEWEST = "newest"
    FIRST = "first"
    MOST_CONSENTED = "most-consented"


class Treat(StrEnum):
    """What is done with a kind of address."""

    KEEP = "keep"
    FLAG = "flag"
    DROP = "drop"


class Typos(StrEnum):
    """What is done with a domain that looks mistyped."""

    FLAG = "flag"
    HOLD = "hold"


class EngineName(StrEnum):
    """Where the tables are computed."""

    DUCKDB = "duckdb"
    SPARK = "spark"


Words = list[str] | None
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        readable=False,  # what cannot be read is said in our own words
        help="Exports: CSV, TSV, Excel, Parquet, JSON Lines, one address a line; .gz and .zip of them.",
    ),
]


def clean(
    files: Files,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files that are written.")
    ] = DEFAULT_OUTPUT,
    inactive_after: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD", help="Move who shows no sign of life for 180d, 26w, 6mo or 1y to winback.csv."
        ),
    ] = None,
    max_removed: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Stop when --inactive-after would take more of the mailable (40%)."),
    ] = None,
    suppress: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="Never mail who is listed here: addresses, domains or hashes (repeatable).",
        ),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="Logs of what people did with your mail, as measure reads them (repeatable).",
        ),
    ] = None,
    check_mx: Annotated[
        bool, typer.Option("--check-mx", help="Ask DNS which domains can receive mail.")
    ] = False,
    resolver: Annotated[
        Words, typer.Option(metavar="HOST[:PORT]", help="DNS server for --check-mx, and no other (repeatable).")
    ] = None,
    keep: Annotated[Keep | None, typer.Option(help="Which of a person's rows stays (newest).")] = None,
    role: Annotated[Treat | None, typer.Option(help="Addresses of functions, like info@ (flag).")] = None,
    disposable: Annotated[Treat | None, typer.Option(help="Throw-away addresses (flag).")] = None,
    typos: Annotated[
        Typos | None, typer.Option(help="Domains that look mistyped (flag); never rewritten.")
    ] = None,
    require_confirmed: Annotated[
        bool, typer.Option("--require-confirmed", help="Keep only who confirmed (double opt-in).")
    ] = False,
    assume_consent: Annotated[
        bool, typer.Option("--assume-consent", help="Take the customers of a shop for subscribers.")
    ] = False,
    column: Annotated[
        Words,
        typer.Option(
            metavar="WHAT=NAME",
            help="Which column is the address, status, activity, joined or confirmed (repeatable).",
        ),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="The platform, where the header fits several.")] = None,
    segment: Annotated[
        Words,
        typer.Option(
            metavar="'NAME: EXPRESSION'",
            help="Write the kept rows for which it holds to NAME.csv (repeatable).",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
    format: Annotated[Format, typer.Option(help="How to write the summary.")] = Format.TEXT,  # noqa: A002
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="Reckon from this day instead of now, as in 2026-11-22.")
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="Where the tables are computed.")] = EngineName.DUCKDB,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Processor threads to use.")] = None,
    config: Annotated[
        Path | None, typer.Option(readable=False, help="Settings, instead of ./hygiene.toml.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Clean lists: exports of any platform to the rows that are safe to mail, and the others with the reason
    of each.

    The rows kept stay as they came. Suppression lists are obeyed, the workspace's own included. A policy may
    stand in hygiene.toml: [clean].
    """
    from hygiene.config import load_settings

    settings = load_settings(config)
    policy = _merged(
        settings.clean,
        inactive_after=inactive_after,
        max_removed=_share(max_removed),
        check_mx=check_mx or None,
        keep=keep,
        role=role,
        disposable=disposable,
        typos=typos,
        require_confirmed=require_confirmed or None,
        assume_consent=assume_consent or None,
        columns=_pairs(column, "=", "--column", "address=Email"),
        layout=layout,
        segments=_pairs(segment, ":", "--segment", "'loyal: orders > 3'"),
    )
    cleaned = _clean(
        files,
        policy,
        settings,
        format,
        output=output,
        lists=suppress or [],
        events=events or [],
        now=_moment(as_of),
        resolvers=resolver or settings.audit.resolvers,
        engine=engine.value,
        threads=threads,
        dry_run=dry_run,
    )
    _deliver(cleaned, format, verbose=verbose)
    if not dry_run:
        note(f"written to {output}")


def _clean(
    files: Sequence[Path],
    policy: CleaningPolicy,
    settings: Settings,
    form: Format,
    *,
    lists: Sequence[Path],
    resolvers: Sequence[str],
    **options: Any,
) -> Cleaned:
    """The cleaning, with what the workspace knows; one that stops itself still shows what it would do."""
    from hygiene.cli.progress import watching
    from hygiene.contacts.clean import clean_contacts
    from hygiene.contacts.cleaned import Cleaned, TooManyRemoved

    suppressed, key = _workspace(settings)
    with watching() as watch:
        check = _mail_check(settings, resolvers, watch.say) if policy.check_mx else None
        try:
            return clean_contacts(
                list(files),
                policy,
                suppress=[*suppressed, *lists],
                suppression_key=key,
                check_mail=check,
                tick=watch.tick,
                say=watch.say,
                **options,
            )
        except TooManyRemoved as error:
            watch.stop()
            _deliver(
                Cleaned(summary=error.summary, policy=policy, as_of=options["now"] or datetime.now(UTC)), form
            )
            raise


def _deliver(cleaned: Cleaned, form: Format, *, verbose: bool = False) -> None:
    deliver([cleaned.sections()], cleaned.to_dict(), form=form, title="List cleaning", verbose=verbose)


def _workspace(settings: Settings) -> tuple[list[SuppressionList], bytes | None]:
    """Whom the workspace says not to mail, and the key of its hashes: its list, and who left what is mailed."""
    from hygiene.store import open_store, store_exists

    if not store_exists(settings.workspace.store):
        return [], None
    from hygiene.contacts.suppression.workspace import load_opt_outs, load_suppressions

    stream = settings.streams.get("marketing")
    with open_store(settings.workspace.store, key=Path(settings.workspace.key_file), create=False) as store:
        left = [load_opt_outs(store, stream.topic or "marketing")] if stream else []
        return [load_suppressions(store), *left], store.key


def _mail_check(
    settings: Settings, servers: Sequence[str], say: Callable[[str], None]
) -> Callable[[Any], Mapping[str, Any]]:
    """Asks DNS once for each domain; what was answered is kept in the workspace."""
    from hygiene.contacts.domain_mail import check_with_store
    from hygiene.dns_client import LiveResolver, parse_server
    from hygiene.store import open_store

    def check(domains: Any) -> Mapping[str, Any]:
        names = list(domains)
        asked = 0

        def answered(_: Any) -> None:
            nonlocal asked
            asked += 1
            say(f"Asking DNS: {asked:,} of {len(names):,} domains")

        live = LiveResolver([parse_server(text) for text in servers] or None, timeout_s=settings.audit.timeout)
        with open_store(settings.workspace.store, key=Path(settings.workspace.key_file)) as store:
            return check_with_store(names, live, store, now=datetime.now(UTC), on_answer=answered)

    return check


def _merged(policy: CleaningPolicy, **given: Any) -> CleaningPolicy:
    """The policy of the settings under what was typed; tables are joined, and what was typed wins."""
    import msgspec

    typed = {name: value for name, value in given.items() if value not in (None, {})}
    for name in ("columns", "segments"):
        typed[name] = {**getattr(policy, name), **typed.get(name, {})}
    plain = {name: str(value) if isinstance(value, StrEnum) else value for name, value in typed.items()}
    return msgspec.structs.replace(policy, **plain)


def _share(text: str | None) -> float | None:
    """``40%`` or ``0.4`` as a share of one."""
    if text is None:
        return None
    written = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?|\.\d+)\s*(%?)\s*", text)
    share = float(written[1]) / (100 if written[2] else 1) if written else -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--max-removed {text[:40]!r} is no share: write 40% or 0.4")
    return share


def _pairs(words: Words, mark: str, option: str, example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words or []:
        name, found, value = word.partition(mark)
        if not (found and name.strip() and value.strip()):
            raise UsageError(f"{option} {word[:60]!r} cannot be read: write it as in {option} {example}")
        if name.strip() in pairs:
            raise UsageError(f"{option} {name.strip()!r} was given twice")
        pairs[name.strip()] = value.strip()
    return pairs


def _moment(text: str | None) -> datetime | None:
    """The moment that a text names; a day is its first, in UTC like all that has no zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text[:40]!r} is no date: write it as in 2026-11-22") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
