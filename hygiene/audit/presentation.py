"""An audit as sections: the verdict first, then the reason, then what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hygiene.audit.receivers import Met
from hygiene.audit.records.dmarc import Effective, Policy
from hygiene.audit.summary import mta_sts_word, others_word
from hygiene.audit.views.spf import SpfNode, SpfTerm
from hygiene.audit.views.transport import DnssecState, DnssecView
from hygiene.domain import to_unicode
from hygiene.finding import Severity, inside_sentence
from hygiene.render.sections import (
    Block,
    Cell,
    Document,
    FindingList,
    Headline,
    Paragraph,
    Section,
    Table,
    Tone,
    Tree,
)

if TYPE_CHECKING:
    from hygiene.audit.run import Audit

MAX_TREE_DEPTH = 12  # levels of includes drawn
_GRADE_TONES = {"A": Tone.GOOD, "B": Tone.GOOD, "C": Tone.WARN, "D": Tone.BAD, "F": Tone.BAD, "?": Tone.UNKNOWN}
_ACCEPT_TONES = {"yes": Tone.GOOD, "no": Tone.BAD, "unknown": Tone.UNKNOWN}
_MET_TONES = {
    Met.MET: Tone.GOOD,
    Met.NOT_MET: Tone.BAD,
    Met.UNKNOWN: Tone.UNKNOWN,
    Met.NOT_CHECKABLE: Tone.MUTED,
}
_POLICY_WORDS = {
    Policy.REJECT: "Mail forged in this name is rejected.",
    Policy.QUARANTINE: "Mail forged in this name goes to the spam folder.",
    Policy.NONE: "Mail forged in this name is delivered.",
}


def document(audit: Audit) -> Document:
    """The whole page of one domain."""
    if audit.undetermined:
        return _undetermined(audit)
    return Document(headline=_headline(audit), sections=tuple(_sections(audit)), footer=_footer(audit))


def _undetermined(audit: Audit) -> Document:
    headline = Headline(
        subject=_display(audit.domain),
        verdict="?",
        label="grade",
        tone=Tone.UNKNOWN,
        sentence=f"Nothing could be determined: {audit.undetermined}.",
    )
    return Document(headline=headline, sections=())


def _sections(audit: Audit) -> Iterator[Section]:
    urgent = tuple(finding for finding in audit.findings if finding.severity is not Severity.INFO)
    notes = tuple(finding for finding in audit.findings if finding.severity is Severity.INFO)
    if audit.facts.options.assumed:
        assumed = ", ".join(audit.facts.options.assumed)
        yield Section(title="As if these were published", blocks=(Paragraph(assumed, Tone.WARN),))
    yield Section(title="Would bulk mail from here be accepted?", blocks=(_receivers(audit),))
    yield Section(title="What is published", blocks=(_areas(audit),))
    if audit.views["dmarc"].record is not None:
        title = "DMARC policy in effect, for new receivers (RFC 9989) and old ones (RFC 7489)"
        yield Section(title=title, blocks=(_matrix(audit),))
    if urgent:
        yield Section(title="What to do", blocks=(*_drivers(audit), FindingList(urgent)))
    if notes:
        yield Section(title="Notes", blocks=(FindingList(notes),), detail=True)
    yield from _details(audit)


def _details(audit: Audit) -> Iterator[Section]:
    spf = audit.views["spf"]
    yield Section(title="Receivers' requirements, one by one", blocks=tuple(_requirements(audit)), detail=True)
    if spf.tree is not None:
        yield Section(title="SPF, include by include", blocks=(_tree(spf.tree),), detail=True)
    rows = [(Cell(name), Cell(text, code=True)) for name, text in _records(audit)]
    if rows:
        yield Section(title="Records", blocks=(Table(rows=tuple(rows)),), detail=True)


# the headline


def _headline(audit: Audit) -> Headline:
    return Headline(
        subject=_display(audit.domain),
        verdict=str(audit.grade),
        label="grade",
        tone=_GRADE_TONES[audit.grade.letter],
        note=_counts(audit),
        sentence=" ".join(_sentences(audit)),
    )


def _counts(audit: Audit) -> str:
    faults = sum(finding.severity is not Severity.INFO for finding in audit.faults)
    unknown = len(audit.unknowns)
    parts = [f"{faults} finding{'' if faults == 1 else 's'}" if faults else "nothing to mend"]
    return " · ".join([*parts, f"{unknown} unknown"] if unknown else parts)


def _sentences(audit: Audit) -> Iterator[str]:
    yield _acceptance(audit)
    dmarc = audit.views["dmarc"]
    if not dmarc.unknown:
        yield _POLICY_WORDS[dmarc.effective.policy if dmarc.effective else Policy.NONE]
    if urgent := next(
        (finding for finding in audit.faults if finding.severity.rank <= Severity.MEDIUM.rank), None
    ):
        yield f"First to mend: {inside_sentence(urgent.title)}."


def _acceptance(audit: Audit) -> str:
    names = {
        word: [receiver.name for receiver in audit.receivers if receiver.accepts == word]
        for word in _ACCEPT_TONES
    }
    if names["no"]:
        return f"{_listing(names['no'])} would not accept bulk mail from here."
    if names["unknown"]:
        return f"Whether {_listing(names['unknown'])} would accept bulk mail from here is not known."
    return f"As far as DNS can tell, {_listing(names['yes'])} would accept bulk mail from here."


def _listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _drivers(audit: Audit) -> Iterator[Paragraph]:
    if audit.grade.drivers:
        drivers = _listing(list(dict.fromkeys(audit.grade.drivers)))
        yield Paragraph(f"The grade comes from {drivers}; optional findings never count.", Tone.MUTED)


# receivers


def _receivers(audit: Audit) -> Table:
    return Table(
        rows=tuple(
            (
                Cell(receiver.name),
                Cell(receiver.accepts, _ACCEPT_TONES[receiver.accepts]),
                Cell(receiver.reason or "as far as DNS can tell"),
                Cell(f"rules of {receiver.rules}", Tone.MUTED),
            )
            for receiver in audit.receivers
        )
    )


def _requirements(audit: Audit) -> Iterator[Block]:
    for receiver in audit.receivers:
        yield Paragraph(f"{receiver.name}, rules of {receiver.rules}, read {receiver.read}: {receiver.source}")
        yield Table(
            rows=tuple(
                (Cell(one.met.value, _MET_TONES[one.met]), Cell(one.text), _aside(one.reason))
                for one in receiver.requirements
            )
        )


# areas


def _areas(audit: Audit) -> Table:
    rows = [_spf_row(audit), _dkim_row(audit), _dmarc_row(audit), _mx_row(audit), _transport_row(audit)]
    rows.append(_bimi_row(audit))
    return Table(rows=(*rows, _message_row(audit)) if audit.views["message"].present else tuple(rows))


Row = tuple[Cell, ...]


def _row(audit: Audit, area: str, label: str, text: str, aside: str = "") -> Row:
    return (
        Cell(label),
        Cell("", _tone(audit, area)),
        Cell(text),
        _aside(aside),
    )


def _aside(text: str) -> Cell:
    """Muted; an empty one stays empty."""
    return Cell(text, Tone.MUTED if text else Tone.PLAIN)


def _tone(audit: Audit, area: str) -> Tone:
    """The mark of an area: its worst finding that is not optional."""
    findings = [finding for finding in audit.findings if finding.area == area and not finding.optional]
    faults = [finding.severity for finding in findings if not finding.unknown]
    worst = min((severity.rank for severity in faults), default=Severity.INFO.rank)
    if worst <= Severity.HIGH.rank:
        return Tone.BAD
    if any(finding.unknown for finding in findings):
        return Tone.UNKNOWN
    return Tone.WARN if worst < Severity.INFO.rank else Tone.GOOD


def _spf_row(audit: Audit) -> Row:
    spf = audit.views["spf"]
    if spf.unknown:
        return _row(audit, "spf", "SPF", "not looked up", spf.unknown)
    if not spf.published:
        return _row(audit, "spf", "SPF", "not published")
    if spf.record is None:
        return _row(audit, "spf", "SPF", f"{len(spf.texts)} records" if len(spf.texts) > 1 else "syntax error")
    differs = spf.typical_lookups not in (None, spf.lookups)
    typical = f", {spf.typical_lookups} for a typical sender" if differs else ""
    text = f"{spf.lookups} of 10 look-ups{typical} · {len(spf.voids)} void"
    allowed = "everybody" if spf.addresses >= 2**32 else f"{spf.addresses:,} addresses"
    return _row(audit, "spf", "SPF", text, f"{allowed}, others {others_word(spf)}")


def _dkim_row(audit: Audit) -> Row:
    dkim = audit.views["dkim"]
    if dkim.unknown:
        return _row(audit, "dkim", "DKIM", "not looked up", dkim.unknown)
    found = " · ".join(selector.summary for selector in dkim.found[:6])
    more = f" · {len(dkim.found) - 6} more" if len(dkim.found) > 6 else ""
    return _row(audit, "dkim", "DKIM", f"{found}{more}" or "no key found", f"{dkim.tried} selectors tried")


def _dmarc_row(audit: Audit) -> Row:
    dmarc = audit.views["dmarc"]
    if dmarc.unknown:
        return _row(audit, "dmarc", "DMARC", "not looked up", dmarc.unknown)
    record = dmarc.record
    if record is None:
        several = f"{len(dmarc.texts)} records, all discarded" if dmarc.texts else "not published"
        return _row(audit, "dmarc", "DMARC", several)
    targets = [uri.address or uri.uri for uri in record.rua or ()]
    reports = f", reports to {targets[0]}" if targets else ", no reports"
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    source = f"from {dmarc.found.record_domain}" if dmarc.inherited else ""
    testing = " (testing)" if record.testing else ""
    policy = f"p={record.p}" if record.p else "no policy"
    return _row(audit, "dmarc", "DMARC", f"{policy}{testing}{reports}{more}", source)


def _mx_row(audit: Audit) -> Row:
    mx = audit.views["mx"]
    if mx.unknown:
        return _row(audit, "mx", "MX", "not looked up", mx.unknown)
    if mx.null and not mx.hosts:
        return _row(audit, "mx", "MX", "takes no mail (null MX)")
    if mx.implicit or not mx.hosts:
        return _row(audit, "mx", "MX", "no MX, mail goes to the domain's own address" if mx.hosts else "none")
    hosts = len(mx.names)
    shown = ", ".join(mx.names[:2]) + (", …" if hosts > 2 else "")
    return _row(audit, "mx", "MX", f"{hosts} host{'' if hosts == 1 else 's'}", shown)


def _transport_row(audit: Audit) -> Row:
    views = audit.views
    parts = [
        f"MTA-STS {mta_sts_word(views['mta_sts'])}",
        f"TLS-RPT {_yes(views['tls_rpt'].record, views['tls_rpt'])}",
        f"DANE {_yes(views['dane'].published, views['dane'])}",
        f"DNSSEC {_dnssec_word(views['dnssec'])}",
    ]
    used = any(not part.endswith("–") for part in parts)
    row = _row(audit, "transport", "TLS", " · ".join(parts))
    return row if used else (row[0], Cell("", Tone.MUTED), *row[2:])


def _yes(present: Any, view: Any) -> str:
    return "?" if view.unknown else "✓" if present else "–"


def _dnssec_word(view: DnssecView) -> str:
    words = {DnssecState.VALIDATED: "✓", DnssecState.UNSIGNED: "–", DnssecState.UNKNOWN: "?"}
    return words.get(view.state, view.state.value)


def _bimi_row(audit: Audit) -> Row:
    bimi = audit.views["bimi"]
    if bimi.error:
        return (Cell("BIMI"), Cell("", Tone.WARN), Cell("malformed"), Cell(bimi.domain, Tone.MUTED))
    if bimi.published:
        return _row(audit, "bimi", "BIMI", "published", bimi.domain)
    return (Cell("BIMI"), Cell("", Tone.MUTED), Cell("?" if bimi.unknown else "not published"), Cell(""))


def _message_row(audit: Audit) -> Row:
    message = audit.views["message"]
    word = {True: "passes DMARC", False: "fails DMARC", None: "DMARC not determined"}[message.dmarc_passes]
    signers = [one.domain for one in message.signatures if one.holds]
    parts = [word, f"signed by {', '.join(signers)}" if signers else "no signature holds"]
    if message.is_bulk:
        parts.append(f"one-click {'✓' if message.unsubscribe_signed and message.one_click else '–'}")
    return _row(audit, "message", "Message", " · ".join(parts), f"From {', '.join(message.authors)}")


# DMARC matrix


def _matrix(audit: Audit) -> Table:
    names = {"domain": "itself", "subdomain": "if it exists", "nonexistent": "if it does not"}
    dmarc = audit.views["dmarc"]
    return Table(
        columns=("mail from", "", "RFC 9989", "RFC 7489"),
        rows=tuple(
            (
                Cell(_display(row.name)),
                Cell(names[row.kind], Tone.MUTED),
                _policy(row.rfc9989),
                _policy(row.rfc7489),
            )
            for row in dmarc.matrix
        ),
    )


def _policy(effective: Effective | None) -> Cell:
    if effective is None:
        return Cell("no DMARC", Tone.BAD)
    tone = Tone.WARN if effective.policy is Policy.NONE else Tone.GOOD
    if effective.percent == 100:
        return Cell(effective.policy.value, tone)
    return Cell(f"{effective.policy} for {effective.percent} %, else {effective.rest}", Tone.WARN)


# details


def _tree(node: SpfNode, depth: int = 0) -> Tree:
    trouble = node.problem or node.unknown
    tone = Tone.UNKNOWN if node.unknown else Tone.BAD if node.problem else Tone.PLAIN
    label = f"{node.domain}: {trouble}" if trouble else f"{node.domain}  {_plural(node.lookups, 'look-up')}"
    return Tree(Cell(label, tone), tuple(_term(term, depth) for term in node.terms))


def _term(term: SpfTerm, depth: int) -> Tree:
    if term.node is not None and depth < MAX_TREE_DEPTH:
        below = _tree(term.node, depth + 1)
        text = f"{term.text}  {term.node.problem or term.unknown or _plural(term.lookups, 'look-up')}"
        return Tree(Cell(text, below.label.tone, code=True), below.children)
    tone = Tone.BAD if term.problem else Tone.UNKNOWN if term.unknown else Tone.PLAIN
    extra = term.problem or term.unknown or (_plural(term.lookups, "look-up") if term.lookups else "")
    return Tree(Cell(f"{term.text}  {extra}".rstrip(), tone, code=True))


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _records(audit: Audit) -> Iterator[tuple[str, str]]:
    views, domain = audit.views, audit.domain
    yield from ((domain, text) for text in views["spf"].texts)
    for selector in views["dkim"].found:
        yield from ((f"{selector.name}._domainkey.{domain}", text) for text in selector.texts)
    yield from ((f"_dmarc.{domain}", text) for text in views["dmarc"].texts)
    yield from ((domain, f"MX {host.preference} {host.name}") for host in views["mx"].hosts)
    yield from ((f"_mta-sts.{domain}", text) for text in views["mta_sts"].texts)
    yield from ((f"_smtp._tls.{domain}", text) for text in views["tls_rpt"].texts)
    yield from ((f"default._bimi.{views['bimi'].domain}", text) for text in views["bimi"].texts)


# the last line


def _footer(audit: Audit) -> str:
    known = sum(answer.is_known for answer in audit.facts.answers.values())
    parts = [f"{known} answers in {audit.facts.elapsed_s:.2f} s"]
    if audit.opinion is not None:
        parts.append(_opinion(audit.opinion))
    return " · ".join(parts)


def _opinion(opinion: Any) -> str:
    if not opinion:
        return "checkdmarc agrees on SPF and DMARC"
    if "" in opinion:
        return str(opinion[""])
    return "checkdmarc differs on " + "; on ".join(f"{subject}: {text}" for subject, text in opinion.items())


def _display(name: str) -> str:
    """A-labels with the written form beside them: what is shown must be what was asked."""
    written = to_unicode(name)
    return name if written == name else f"{written} ({name})"
