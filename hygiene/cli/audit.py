"""`hygiene audit`: the verdict on one or more domains."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hygiene.cli.output import Format, deliver, note
from hygiene.errors import UsageError

if TYPE_CHECKING:
    from hygiene.audit.run import Audit
    from hygiene.config import Settings
    from hygiene.resolver import Zone


class FailOn(StrEnum):
    """The mildest severity that makes the command fail."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


Words = list[str] | None


def audit(
    domains: Annotated[
        Words, typer.Argument(metavar="DOMAIN...", help="Domains to audit; - reads them from standard input.")
    ] = None,
    selector: Annotated[Words, typer.Option(help="A DKIM selector in use (repeatable).")] = None,
    resolver: Annotated[
        Words, typer.Option(metavar="HOST[:PORT]", help="DNS server to ask, and no other (repeatable).")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.05, max=300, help="Seconds for one question with all its retries.")
    ] = None,
    ip: Annotated[Words, typer.Option(help="An address that sends (repeatable).")] = None,
    blocklist: Annotated[
        Words,
        typer.Option(
            metavar="ZONE", help="A DNSBL to ask about sending addresses; 'default' asks the usual ones."
        ),
    ] = None,
    smtp: Annotated[bool, typer.Option("--smtp", help="Try STARTTLS on port 25 of the mail hosts.")] = False,
    assume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Judge as if the records of this zone file were published."),
    ] = None,
    eml: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A message you sent: judge it with the domain in From."),
    ] = None,
    format: Annotated[Format, typer.Option(help="How to write the result.")] = Format.TEXT,  # noqa: A002
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit with 1 from this severity on.")] = None,
    select: Annotated[Words, typer.Option(metavar="ID", help="Only these checks: id, area or pattern.")] = None,
    ignore: Annotated[Words, typer.Option(metavar="ID", help="Not these checks: id, area or pattern.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, instead of ./hygiene.toml.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Save all answers to this file (a folder for several domains).")
    ] = None,
    replay: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Judge saved answers, without any network.")
    ] = None,
    second_opinion: Annotated[
        bool | None, typer.Option(help="Compare with checkdmarc; by default for a single domain.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show details, too.")] = False,
) -> None:
    """Audit domains: SPF, DKIM, DMARC, MX, transport security, BIMI, and what large receivers require."""
    from hygiene.config import load_settings
    from hygiene.files import read_bytes

    settings = _merged(
        load_settings(config),
        resolvers=resolver,
        timeout=timeout,
        selectors=selector,
        ips=ip,
        blocklists=blocklist,
        smtp=smtp or None,
        fail_on=fail_on,
        select=select,
        ignore=ignore,
    )
    if replay:
        audits = _replay(replay, settings, domains or [])
    else:
        message = read_bytes(eml) if eml else None
        audits = _ask(_domains(domains or [], message), settings, second_opinion, assume, message)
    deliver(
        [each.sections() for each in audits],
        {"audits": [each.to_dict() for each in audits]},
        form=format,
        title="E-mail audit of " + ", ".join(each.domain for each in audits[:3]),
        verbose=verbose,
        output=output,
    )
    if save:
        _save(audits, save)
    raise typer.Exit(_exit_code(audits, settings.audit.fail_on))


def _merged(settings: Settings, **given: object) -> Settings:
    """Options that were given win over the file and the environment."""
    import msgspec

    changes = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items() if value}
    return msgspec.structs.replace(settings, audit=msgspec.structs.replace(settings.audit, **changes))


def _domains(words: list[str], message: bytes | None) -> list[str]:
    """The domains meant, each once; - stands for those of standard input, a message for its author's."""
    from hygiene.audit.message import read_message
    from hygiene.domain import parse_domain

    if message is not None and not words:
        words = list(read_message(message).author_domains[:1])

    named = [line for word in words for line in (_input_lines() if word == "-" else [word])]
    if not named:
        raise UsageError("name a domain: hygiene audit shop.example")
    return list(dict.fromkeys(map(parse_domain, named)))


def _input_lines() -> list[str]:
    """The lines of standard input that say something; nothing when it is closed."""
    lines = (line.removeprefix("\ufeff").strip() for line in sys.stdin or ())  # a byte order mark
    return [line for line in lines if line and not line.startswith("#")]


def _ask(
    domains: list[str],
    settings: Settings,
    second_opinion: bool | None,
    assume: Path | None,
    message: bytes | None,
) -> list[Audit]:
    from hygiene.audit.run import audit_domains
    from hygiene.dns_client import LiveResolver, parse_server
    from hygiene.smtp_probe import LiveSmtpProbe
    from hygiene.web import LiveFetcher

    chosen, web = settings.audit, settings.web
    servers = [parse_server(text) for text in chosen.resolvers] or None
    resolver = LiveResolver(servers, timeout_s=chosen.timeout)
    return audit_domains(
        domains,
        selectors=chosen.selectors,
        ips=chosen.ips,
        blocklists=chosen.blocklists,
        smtp=chosen.smtp,
        resolver=resolver,
        fetcher=LiveFetcher(
            resolver,
            timeout_s=chosen.timeout,
            allow_private=web.allow_private,
            ca_file=web.ca_file,
            port=web.port,
        ),
        smtp_probe=LiveSmtpProbe(
            timeout_s=max(chosen.timeout, 10.0),
            port=chosen.smtp_port,
            ca_file=web.ca_file,
            allow_private=web.allow_private,
        ),
        assume=_read_zone(assume) if assume else None,
        message=message,
        second_opinion=len(domains) == 1 if second_opinion is None else second_opinion,
        select=chosen.select,
        ignore=chosen.ignore,
    )


def _read_zone(path: Path) -> Zone:
    from hygiene.files import read_whole
    from hygiene.resolver import Zone

    try:
        return Zone.from_text(read_whole(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _replay(files: list[Path], settings: Settings, domains: list[str]) -> list[Audit]:
    from hygiene.audit.facts import load_facts
    from hygiene.audit.run import judge
    from hygiene.domain import parse_domain

    saved = [load_facts(path) for path in files]
    wanted = {parse_domain(domain) for domain in domains}
    if missing := wanted - {facts.domain for facts in saved}:
        raise UsageError(f"no saved audit of {', '.join(sorted(missing))} among the files given")
    return [
        judge(facts, select=settings.audit.select, ignore=settings.audit.ignore)
        for facts in saved
        if not wanted or facts.domain in wanted
    ]


def _save(audits: list[Audit], target: Path) -> None:
    if len(audits) == 1 and not target.is_dir():
        audits[0].facts.save(target)
    else:
        for each in audits:
            each.facts.save(target / f"{each.domain}.json")
    note(f"saved to {target}")


def _exit_code(audits: list[Audit], fail_on: str) -> int:
    """The worst of all: a fault before an open question."""
    from hygiene.finding import Severity

    limit = None if fail_on == FailOn.NEVER else Severity(fail_on)
    codes = {each.exit_code(limit) for each in audits}
    return next((code for code in (1, 3) if code in codes), 0)
