"""Figures that missed their benchmark as findings: how bad, why it matters, the proof, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hygiene.finding import Confidence, Finding, Severity, State, by_severity
from hygiene.metrics.kpis import KPIS, KpiValue, Verdict
from hygiene.metrics.words import counted, range_text, rate_text, slice_text

if TYPE_CHECKING:
    from hygiene.metrics.measured import Kpis

AREA: Final = "kpis"
#: Slices of one KPI that are findings of their own; the others are counted in the last one.
MOST_SLICES: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What a missed benchmark of a KPI means."""

    severity: Severity
    why: str
    fix: str
    action: str  # in one line


_CLEAN: Final = "hygiene clean LIST --events LOG"
ADVICE: Final = MappingProxyType(
    {
        "delivery_rate": Advice(
            severity=Severity.HIGH,
            why="Mail that does not arrive is lost, and who keeps sending it is trusted less. Look at the "
            "reasons of the bounces, and clean the list.",
            fix=f"hygiene measure LOG --by provider\n{_CLEAN}",
            action="Clean the list, and look at why mail bounced.",
        ),
        "bounce_rate": Advice(
            severity=Severity.HIGH,
            why="Many bounces look like a bought or neglected list, and such senders are blocked. Clean the "
            "list, and send only to what is kept.",
            fix=_CLEAN,
            action="Clean the list, and send only to what is kept.",
        ),
        "hard_bounce_rate": Advice(
            severity=Severity.HIGH,
            why="Mailboxes that do not exist are the mark of a bought or neglected list. Clean it, and send "
            "only to what is kept.",
            fix=_CLEAN,
            action="Clean the list, and send only to what is kept.",
        ),
        "complaint_rate_delivered": Advice(
            severity=Severity.HIGH,
            why="Who is reported as spam lands in the spam folder, or is refused, with all further mail. Leave "
            "out who has not engaged for long, and make unsubscribing easier than complaining.",
            fix=f"{_CLEAN} --inactive-after 6mo",
            action="Stop mailing who has not engaged for long, and make unsubscribing easier than complaining.",
        ),
        "unsubscribe_rate": Advice(
            severity=Severity.LOW,
            why="Many who leave at once were mailed too often, or something they did not ask for.",
            fix="hygiene measure LOG --by campaign,segment",
            action="Mail less often, and only what people asked for.",
        ),
        "open_rate_human": Advice(
            severity=Severity.LOW,
            why="Few people see the mail: it goes to the spam folder, or to people who no longer care. A "
            "provider far below the others junks it.",
            fix="hygiene measure LOG --by provider",
            action="Find out which provider junks the mail, and leave out who no longer cares.",
        ),
        "click_rate_human": Advice(
            severity=Severity.LOW,
            why="Few people do what the mail is for. Compare campaigns and variants.",
            fix="hygiene measure LOG --by campaign,variant",
            action="Compare campaigns and variants, and repeat what works.",
        ),
    }
)
_SAME_AS: Final = {
    "complaint_rate_fbl": "complaint_rate_delivered",
    "open_rate_all": "open_rate_human",
    "click_rate_all": "click_rate_human",
    "soft_bounce_rate": "bounce_rate",
    "block_bounce_rate": "bounce_rate",
    "undetermined_bounce_rate": "bounce_rate",
}
_OTHER: Final = Advice(
    severity=Severity.LOW,
    why="A threshold of your own is missed.",
    fix="hygiene measure LOG --by campaign",
    action="See which campaigns miss it.",
)


def advice_on(name: str) -> Advice:
    """What a missed benchmark of this KPI means."""
    return ADVICE.get(_SAME_AS.get(name, name), _OTHER)


def findings_of(kpis: Kpis) -> tuple[Finding, ...]:
    """One finding for each KPI that all mail or slices missed; of all mail also what cannot be judged yet."""
    slices: dict[str, list[KpiValue]] = {}
    for value in kpis.by_slice:
        if value.verdict is Verdict.MISSED:
            slices.setdefault(value.name, []).append(value)
    found = []
    for value in kpis.overall:
        bad = [value] if value.verdict is Verdict.MISSED else []
        if missed := bad + slices.get(value.name, []):
            found.append(_missed(kpis, missed))
        if value.benchmark and value.verdict in {Verdict.NOT_PROVEN, Verdict.NONE}:
            found.append(_open(kpis, value))
    return tuple(by_severity(found))


def _missed(kpis: Kpis, missed: Sequence[KpiValue]) -> Finding:
    """`missed` are of one KPI: all mail first, if it did, then the slices, largest first."""
    worst = missed[0]
    advice, title = advice_on(worst.name), KPIS[worst.name].title
    hidden = len(missed) - MOST_SLICES
    return Finding(
        id=f"{_kebab(worst.name)}-missed",
        title=f"{_upper(title)}: {rate_text(worst.value or 0.0)}, but the aim is {worst.benchmark}",
        area=AREA,
        subject=_subject(kpis, missed),
        severity=advice.severity,
        why=advice.why,
        evidence=(
            *(_seen(value) for value in missed[:MOST_SLICES]),
            *((f"and {counted(hidden, 'smaller slice')}",) if hidden > 0 else ()),
        ),
        rule=kpis.profile.dated,
        source=kpis.profile.source,
        fix=advice.fix,
    )


def _subject(kpis: Kpis, missed: Sequence[KpiValue]) -> str:
    if not missed[0].slice or len(missed) == 1:
        return slice_text(missed[0].slice)
    return counted(len(missed), kpis.settings.by[0] if len(kpis.settings.by) == 1 else "slice")


def _open(kpis: Kpis, value: KpiValue) -> Finding:
    title = KPIS[value.name].title
    return Finding(
        id=f"{_kebab(value.name)}-not-proven",
        title=f"{_upper(title)}: whether it is {value.benchmark} is not known",
        area=AREA,
        subject=slice_text(value.slice),
        severity=Severity.INFO,
        confidence=Confidence.SURE,
        state=State.UNKNOWN,
        why=unproven(value),
        evidence=(_seen(value),) if value.value is not None else (),
        rule=kpis.profile.dated,
        source=kpis.profile.source,
    )


def unproven(value: KpiValue) -> str:
    """Why a value cannot be judged, and what would change that."""
    if value.why_null:
        return f"There is no figure: {value.why_null}."
    if value.needed is not None:
        mails = counted(value.needed, "more mail", "more mails")
        note = f"; {value.note}" if value.note else ""
        return f"Too few mails; {mails} at the same rate would prove it {value.leans}{note}."
    if value.note:
        return f"{_upper(value.note)}."
    return "The rate lies on the threshold: no number of mails at this rate proves it."


def _seen(value: KpiValue) -> str:
    """`spring-sale: 0.145 % (168 of 115,600; 95 % sure 0.125–0.169 %)`."""
    sure = "" if value.low is None or value.high is None else f"; 95 % sure {range_text(value.low, value.high)}"
    seen = (
        f"{slice_text(value.slice)}: {rate_text(value.value or 0.0)} ({value.numerator:,} of {value.n:,}{sure})"
    )
    return f"{seen}; {value.note}" if value.note else seen


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _kebab(name: str) -> str:
    return name.replace("_", "-")
