"""What is asked when a mail's last dot is due: may it leave? Answered, and written down, in one transaction.

The statements are made once, as they are asked for every few mails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, and_, bindparam, literal, or_, select, union_all, update

from hygiene.sending.states import STOPPED, State
from hygiene.suppression_forms import Form
from hygiene.tables import CAMPAIGN, OPT_OUT, OUTBOX, SUPPRESSION

_UNSUBSCRIBED: Final = "unsubscribed"  # from a list: reason of its mails, not of receipts
_TOPIC: Final = "topic"  # beside the forms of suppressions: an opt-out from it
_MOST: Final = 500  # mails a statement; with their targets below SQLite's limit of 32,766 parameters
_C, _O, _S, _L = CAMPAIGN.c, OUTBOX.c, SUPPRESSION.c, OPT_OUT.c


@dataclass(frozen=True, kw_only=True)
class Going:
    """A mail whose last dot is due. `targets` are the entries of a suppression list that mean its person."""

    id: int
    owner: str
    person: str  # HMAC of the mailbox key
    topic: str
    targets: tuple[tuple[str, str], ...]
    allowed: frozenset[str]  # reasons that do not keep this stream from mailing

    def is_meant_by(self, form: str, value: str, person: str | None) -> bool:
        """Whether an entry of the suppressions, or an opt-out, is about this mail."""
        if form == _TOPIC:
            return value == self.topic and person == self.person
        return person == self.person or (form, value) in self.targets


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a mail may leave: as DATA; else what it becomes, and why. None: not now, or no longer ours."""

    state: State | None
    reason: str = ""


def _many(name: str) -> Any:
    return bindparam(name, expanding=True)


_CLAIMED: Final = and_(_O.id.in_(_many("ids")), _O.owner.in_(_many("owners")), _O.state == State.CLAIMED)
_STILL_CLAIMED: Final = select(_O.id).where(_CLAIMED)
_MARK: Final = (
    update(OUTBOX)
    .where(
        _CLAIMED,
        _O.lease_us > bindparam("now_us"),
        or_(_O.expires_us.is_(None), _O.expires_us > bindparam("now_us")),
        _O.campaign.not_in(select(_C.id).where(_C.state.in_(tuple(STOPPED)))),
    )
    .values(state=State.DATA, changed_us=bindparam("now_us"))
    .returning(_O.id)
)
_LISTED: Final = select(_S.form, _S.value, _S.mailbox, _S.reason)
_REASONS: Final[CompoundSelect[Any]] = union_all(
    _LISTED.where(_S.mailbox.in_(_many("people"))),
    *(_LISTED.where(_S.form == form.value, _S.value.in_(_many(form.value))) for form in Form),
    select(literal(_TOPIC), _L.topic, _L.person, literal(_UNSUBSCRIBED)).where(
        _L.topic.in_(_many("topics")), _L.person.in_(_many("people"))
    ),
)


def let_go(connection: Connection, going: Sequence[Going], *, now_us: int) -> dict[int, Verdict]:
    """Decide for each mail whether its last dot may be written, and write that down first.

    Suppression, the campaign's state, expiry and the claim itself are looked at in this very transaction.
    """
    verdicts: dict[int, Verdict] = {}
    for start in range(0, len(going), _MOST):
        part = going[start : start + _MOST]
        reasons = suppressed(connection, part)
        free = [each for each in part if each.id not in reasons]
        left = _ask(connection, _MARK, free, now_us=now_us)
        ours = _ask(connection, _STILL_CLAIMED, [each for each in part if each.id in reasons])
        verdicts |= {each.id: Verdict(None) for each in part}
        verdicts |= {row: Verdict(State.DATA) for row in left}
        verdicts |= {row: Verdict(State.SUPPRESSED, reasons[row]) for row in ours}
    return verdicts


def _ask(connection: Connection, statement: Any, going: Sequence[Going], **more: int) -> set[int]:
    """The rows that a statement finds among claimed mails."""
    if not going:
        return set()
    claimed = {"ids": [each.id for each in going], "owners": sorted({each.owner for each in going})}
    return set(connection.scalars(statement, {**claimed, **more}))


def suppressed(connection: Connection, going: Sequence[Going]) -> dict[int, str]:
    """Mail → why its person must not have it, of those for whom something says so."""
    asked = {
        "people": sorted({each.person for each in going}),
        "topics": sorted({each.topic for each in going}),
        **_by_form(going),
    }
    rows = sorted(connection.execute(_REASONS, asked), key=lambda row: row[0] == _TOPIC)
    found: dict[int, str] = {}
    for form, value, person, reason in rows:
        for each in going:
            if reason not in each.allowed and each.is_meant_by(form, value, person):
                found.setdefault(each.id, reason)
    return found


def _by_form(going: Sequence[Going]) -> dict[str, list[str]]:
    """The targets by form, as the index of the suppressions has them."""
    found: dict[str, set[str]] = {form.value: set() for form in Form}
    for form, value in (target for each in going for target in each.targets):
        found[form].add(value)
    return {form: sorted(values) for form, values in found.items()}
