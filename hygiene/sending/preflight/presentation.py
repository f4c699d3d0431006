"""A preflight as sections: whether it may be sent, what stops it, then what was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hygiene.finding import Severity, inside_sentence
from hygiene.render.sections import Cell, Document, FindingList, Headline, Section, Table, Tone
from hygiene.sending.reply import Outcome

if TYPE_CHECKING:
    from hygiene.sending.preflight.parts import Login, Parts, Route
    from hygiene.sending.preflight.preflight import Preflight

_PROVIDERS: Final = 4  # named, the others together
_AREAS: Final = {
    "people": "list",
    "fields": "merge fields",
    "content": "content",
    "leaving": "leaving",
    "tracking": "tracking",
    "signing": "keys, relay",
    "volume": "volume",
}

Row = tuple[Cell, ...]


def document(preflight: Preflight) -> Document:
    """The whole page."""
    return Document(
        headline=_headline(preflight), sections=tuple(_sections(preflight)), footer=_footer(preflight)
    )


def _headline(preflight: Preflight) -> Headline:
    stops = preflight.blocking()
    if stops:
        verdict, tone = "would not be sent", Tone.BAD
        sentence = f"First to mend: {inside_sentence(stops[0].title)}."
    elif preflight.exit_code() == 3:
        verdict, tone = "may be sent, as far as known", Tone.UNKNOWN
        sentence = f"Open: {inside_sentence(preflight.unknowns[0].title)}."
    else:
        verdict, tone, sentence = "may be sent", Tone.GOOD, _goes_to(preflight.parts)
    return Headline(
        subject=preflight.name, verdict=verdict, tone=tone, note=_counts(preflight), sentence=sentence
    )


def _goes_to(parts: Parts) -> str:
    number = parts.people.rows
    return (
        f"It goes to {number:,} {'person' if number == 1 else 'people'} from {parts.definition.sender.address}."
    )


def _counts(preflight: Preflight) -> str:
    found = Counter(finding.severity for finding in preflight.faults)
    parts = [
        f"{found[severity]} {severity}"
        for severity in Severity
        if found[severity] and severity is not Severity.INFO
    ]
    return " · ".join([*parts, *([f"{len(preflight.unknowns)} unknown"] if preflight.unknowns else [])])


def _sections(preflight: Preflight) -> Iterator[Section]:
    stops = {finding.id for finding in preflight.blocking()}
    serious = [finding for finding in preflight.findings if finding.severity is not Severity.INFO]
    first = tuple(finding for finding in serious if finding.id in stops and not finding.unknown)
    later = tuple(finding for finding in serious if finding not in first)
    notes = tuple(finding for finding in preflight.findings if finding.severity is Severity.INFO)
    yield Section(title="What was looked at", blocks=(Table(rows=tuple(_looked_at(preflight))),))
    if first:
        yield Section(title="What stops it", blocks=(FindingList(first),))
    if later:
        yield Section(title="What could be better", blocks=(FindingList(later),))
    if notes:
        yield Section(title="Notes", blocks=(FindingList(notes),), detail=True)
    yield Section(title="Mails made to look at", blocks=(_mails(preflight.parts),), detail=True)


def _looked_at(preflight: Preflight) -> Iterator[Row]:
    parts = preflight.parts
    yield _row(preflight, "people", _list_words(parts))
    yield _row(preflight, "fields", _field_words(parts))
    yield _row(preflight, "content", _content_words(parts))
    if parts.definition.marketing:
        yield _row(preflight, "leaving", parts.definition.unsubscribe or "no address to unsubscribe")
    if parts.definition.tracking:
        yield _row(
            preflight, "tracking", f"{parts.definition.tracking.words} by {parts.definition.tracking.base}"
        )
    if parts.route is None:
        yield Cell("domain"), Cell("not judged without DNS", Tone.UNKNOWN)
        return
    yield Cell("domain"), Cell(_domain_words(preflight), _domain_tone(preflight))
    yield _row(preflight, "signing", _route_words(parts.route, parts.login))
    yield _row(preflight, "volume", _volume_words(parts))


def _row(preflight: Preflight, area: str, words: str) -> Row:
    return Cell(_AREAS[area]), Cell(words, _tone(preflight, area))


def _tone(preflight: Preflight, *areas: str) -> Tone:
    of_area = [each for each in preflight.findings if each.area in areas and each.severity is not Severity.INFO]
    faults = [each for each in of_area if not each.unknown]
    if any(each in preflight.blocking() for each in faults):
        return Tone.BAD
    if any(each.severity.rank <= Severity.MEDIUM.rank for each in faults):
        return Tone.WARN
    return Tone.UNKNOWN if any(each.unknown for each in of_area) else Tone.GOOD


def _list_words(parts: Parts) -> str:
    people = parts.people
    if people.fault:
        return "none that a cleaning vouches for"
    if people.change:
        return "changed after its cleaning"
    order = ", the most engaged first" if people.by_activity else ""
    listed = f" · {parts.workspace.entries:,} suppressed in the workspace" if parts.workspace.entries else ""
    return f"{people.rows:,} recipients, cleaned {_age(people.age_days)}{order}{listed}"


def _age(days: float) -> str:
    if days < 1:
        return "today"
    return "yesterday" if days < 2 else f"{days:.0f} days ago"


def _field_words(parts: Parts) -> str:
    number = len(parts.definition.fields)
    if parts.people.fault or parts.people.change:
        return f"{_number(number, 'field')}, not looked up"
    made = parts.rendering.tried if parts.rendering and parts.rendering.every else 0
    every = f", {made:,} mails made" if made else ""
    return (
        f"{_number(number, 'field')} looked up for all {parts.people.rows:,}{every}" if number else "none used"
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _content_words(parts: Parts) -> str:
    mails = parts.rendering.mails if parts.rendering else ()
    if not mails:
        return "no mail could be made"
    longest = max(mails, key=lambda mail: mail.html_bytes)
    versions = len(parts.definition.versions)
    variants = f"{versions} variants · " if versions > 1 else ""
    return f"{variants}{longest.html_bytes / 1000:,.0f} kB at most · {mails[0].lint.judged} rules applied"


def _domain_words(preflight: Preflight) -> str:
    parts = preflight.parts
    if parts.audit is None or parts.route is None:
        return ""
    ways = [
        "SPF" if parts.route.envelope_aligned else "",
        "DKIM" if parts.route.signed_aligned else "",
    ]
    aligned = " and ".join(filter(None, ways)) or "nothing"
    policy = f"p={parts.route.policy}" if parts.route.policy else "no DMARC"
    return f"{parts.route.sender}: grade {parts.audit.grade} · {policy} · {aligned} aligned"


def _domain_tone(preflight: Preflight) -> Tone:
    own = {*_AREAS, "content"} - {"domain"}
    return _tone(preflight, *({each.area for each in preflight.findings} - own))


def _route_words(route: Route, login: Login | None) -> str:
    ready = " · it lets us in" if login and login.reply and login.reply.outcome is Outcome.SENT else ""
    return _signed_words(route) + ready


def _signed_words(route: Route) -> str:
    if route.signs_itself:
        return f"signed by {route.account.transport}"
    signed = ", ".join(key.name for key in route.keys) or "not signed here"
    relays = ", ".join(f"{relay.ip} {relay.verdict.result.value}" for relay in route.relays)
    return f"{signed} · {f'SPF {relays}' if relays else f'relay {route.account.host}'}"


def _volume_words(parts: Parts) -> str:
    counts = list(parts.people.providers.items())
    named = [f"{name} {count:,}" for name, count in counts[:_PROVIDERS]]
    others = sum(count for _, count in counts[_PROVIDERS:])
    return " · ".join([*named, *([f"others {others:,}"] if others else [])]) or "nobody"


def _mails(parts: Parts) -> Table:
    rows = tuple(
        (
            Cell(f"{mail.variant} {mail.label}".strip()),
            Cell(mail.address, code=True),
            Cell(mail.subject, code=True),
            Cell(f"{mail.html_bytes:,}"),
        )
        for mail in (parts.rendering.mails if parts.rendering else ())
    )
    return Table(columns=("mail", "to", "subject", "bytes"), rows=rows, align="lllr")


def _footer(preflight: Preflight) -> str:
    parts = [f"{preflight.parts.now:%Y-%m-%d %H:%M} UTC", f"definition {preflight.definition.sha256[:12]}"]
    if preflight.ignored:
        parts.append(f"ignored: {', '.join(preflight.ignored)}")
    return " · ".join(parts)
