"""Every KPI, declared once: what is counted, of what, which way is better, and who defines it so.

Numerator and denominator are sums of columns of a counts table (`hygiene.metrics.counts`). A value is a share
with Wilson's interval, or an amount of money; without a denominator it is null with a reason, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from hygiene.errors import UsageError
from hygiene.event import EventKind


class Unit(StrEnum):
    """What a value is."""

    SHARE = "share"  # 0 to 1
    MONEY = "money"  # units of the currency, for one mail
    SECONDS = "seconds"


class Better(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Verdict(StrEnum):
    """What is known of a value and its benchmark."""

    MET = "met"
    MISSED = "missed"
    NOT_PROVEN = "not proven yet"
    NONE = "none"  # no benchmark, or no value


@dataclass(frozen=True, kw_only=True, slots=True)
class Kpi:
    """A declaration. `needs` are the events without which a log says nothing of it."""

    name: str
    title: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    better: Better
    definition: str
    empty: str  # why it is null when the denominator is 0
    source: str
    as_of: str
    unit: Unit = Unit.SHARE
    family: str = ""  # open_rate for open_rate_human: what a person may call it
    needs: tuple[EventKind, ...] = ()
    grows: bool = True  # for days after the mail was sent; else only while mails are under way


@dataclass(frozen=True, kw_only=True, slots=True)
class KpiValue:
    """One KPI of one slice. `slice` is empty for all mail together."""

    name: str
    slice: Mapping[str, Any]
    numerator: int | None
    n: int | None
    value: float | None
    why_null: str | None = None
    low: float | None = None
    high: float | None = None
    benchmark: str | None = None  # as it is said: "> 90 %"
    verdict: Verdict = Verdict.NONE
    needed: int | None = None  # more of what the denominator counts until it is proven, at the same rate
    leans: Verdict | None = None  # what so many more would prove: met or missed
    note: str | None = None  # what else is to be said: a level reached, a suspicion, more to come

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, keys in the order of the fields."""
        leans = self.leans.value if self.leans else None
        return {**asdict(self), "slice": dict(self.slice), "verdict": self.verdict.value, "leans": leans}


_HOUSE: Final = "hygiene"
_AS_OF: Final = "2026-11-28"
_UNSENT: Final = "nothing was sent"
_UNDELIVERED: Final = "nothing was delivered"


def _bounces(name: str, title: str, columns: tuple[str, ...], sentence: str) -> Kpi:
    return Kpi(
        name=name,
        title=title,
        numerator=columns,
        denominator=("sent",),
        better=Better.LOWER,
        definition=f"{sentence} / mails sent. A mail bounces once, when its delivery was given up; "
        "retries and deferrals are none, and one that bounced after it was delivered is one.",
        empty=_UNSENT,
        source="RFC 3463 classes; the mails a platform refused to send are left out, as Mailgun does",
        as_of=_AS_OF,
        needs=(EventKind.BOUNCED,),
        grows=False,
    )


_ALL: Final = (
    Kpi(
        name="delivery_rate",
        title="delivered",
        numerator=("delivered",),
        denominator=("sent",),
        better=Better.HIGHER,
        definition="Mails delivered and not bounced later / mails sent. Delivered says that the receiver's "
        "server took it, to whatever folder; mails still under way count as sent.",
        empty=_UNSENT,
        source="Mailgun, metric definitions",
        as_of=_AS_OF,
        grows=False,
    ),
    _bounces("bounce_rate", "bounced", ("bounced",), "Mails that bounced, of whatever class,"),
    _bounces("hard_bounce_rate", "hard bounces", ("hard",), "Mails whose mailbox or domain does not exist"),
    _bounces("soft_bounce_rate", "soft bounces", ("soft",), "Mails that a mailbox could not take in the end"),
    _bounces(
        "block_bounce_rate",
        "blocked",
        ("block",),
        "Mails whose sender or content the receiver refused",
    ),
    _bounces(
        "undetermined_bounce_rate",
        "bounces of no known class",
        ("undetermined",),
        "Mails that bounced and whose log does not say how",
    ),
    Kpi(
        name="complaint_rate_delivered",
        title="complained",
        numerator=("complained",),
        denominator=("delivered",),
        better=Better.LOWER,
        definition="Mails reported as spam / mails delivered, to all receivers. Gmail tells no sender who "
        "complained, so mail to it dilutes this rate: see complaint_rate_fbl.",
        empty=_UNDELIVERED,
        source="as Mailchimp, Brevo and Mailgun count",
        as_of=_AS_OF,
        family="complaint_rate",
        needs=(EventKind.COMPLAINED,),
    ),
    Kpi(
        name="complaint_rate_fbl",
        title="complained, where it is told",
        numerator=("complained_fbl",),
        denominator=("delivered_fbl",),
        better=Better.LOWER,
        definition="Mails reported as spam / mails delivered, both only at receivers with a feedback loop, "
        "which are those that tell of complaints.",
        empty="nothing was delivered to a receiver with a feedback loop",
        source="Amazon SES developer guide, reputation metrics",
        as_of=_AS_OF,
        needs=(EventKind.COMPLAINED,),
    ),
    Kpi(
        name="open_rate_human",
        title="opened",
        numerator=("opened_human",),
        denominator=("delivered_open_tracked",),
        better=Better.HIGHER,
        definition="Mails opened at least once by what is not known to be a machine / mails delivered with "
        "open tracking on. A lower bound: images may be off, and a real open behind Apple's privacy proxy "
        "cannot be seen.",
        empty="nothing was delivered with open tracking on",
        source=_HOUSE,
        as_of=_AS_OF,
        family="open_rate",
        needs=(EventKind.OPENED,),
    ),
    Kpi(
        name="open_rate_all",
        title="opened, machines included",
        numerator=("opened_all",),
        denominator=("delivered_open_tracked",),
        better=Better.HIGHER,
        definition="Mails opened at least once by anyone or anything / mails delivered with open tracking on. "
        "An upper bound: Apple's privacy proxy and scanners load images nobody looks at.",
        empty="nothing was delivered with open tracking on",
        source="SendGrid glossary, unique opens",
        as_of=_AS_OF,
        family="open_rate",
        needs=(EventKind.OPENED,),
    ),
    Kpi(
        name="click_rate_human",
        title="clicked",
        numerator=("clicked_human",),
        denominator=("delivered_click_tracked",),
        better=Better.HIGHER,
        definition="Mails clicked at least once by what is not known to be a machine / mails delivered with "
        "tracked links (click-through rate).",
        empty="nothing was delivered with tracked links",
        source=_HOUSE,
        as_of=_AS_OF,
        family="click_rate",
        needs=(EventKind.CLICKED,),
    ),
    Kpi(
        name="click_rate_all",
        title="clicked, machines included",
        numerator=("clicked_all",),
        denominator=("delivered_click_tracked",),
        better=Better.HIGHER,
        definition="Mails clicked at least once by anyone or anything / mails delivered with tracked links. "
        "Scanners of companies follow every link of a mail.",
        empty="nothing was delivered with tracked links",
        source="as most platforms count",
        as_of=_AS_OF,
        family="click_rate",
        needs=(EventKind.CLICKED,),
    ),
    Kpi(
        name="ctor",
        title="click-to-open",
        numerator=("clicked_human",),
        denominator=("engaged_human",),
        better=Better.HIGHER,
        definition="Mails clicked by a person / mails opened or clicked by a person. Who clicks has opened, "
        "whether or not an image was loaded, so this is never more than 1.",
        empty="no person opened or clicked",
        source=_HOUSE,
        as_of=_AS_OF,
        needs=(EventKind.OPENED, EventKind.CLICKED),
    ),
    Kpi(
        name="unsubscribe_rate",
        title="unsubscribed",
        numerator=("unsubscribed",),
        denominator=("delivered",),
        better=Better.LOWER,
        definition="Mails by which a person unsubscribed / mails delivered.",
        empty=_UNDELIVERED,
        source="as Mailchimp and Klaviyo count",
        as_of=_AS_OF,
        needs=(EventKind.UNSUBSCRIBED,),
    ),
    Kpi(
        name="conversion_rate",
        title="converted",
        numerator=("converted",),
        denominator=("delivered",),
        better=Better.HIGHER,
        definition="Mails that an order is credited to / mails delivered. By default an order belongs to the "
        "last mail the person clicked in the five days before it (--attribution).",
        empty=_UNDELIVERED,
        source="Klaviyo's default window; last click is the stricter rule",
        as_of=_AS_OF,
        needs=(EventKind.CONVERTED,),
    ),
    Kpi(
        name="revenue_per_mail",
        title="revenue per mail",
        numerator=("revenue_micros",),
        denominator=("delivered",),
        better=Better.HIGHER,
        definition="Value of the orders credited to a mail / mails delivered, in the currency of the orders.",
        empty=_UNDELIVERED,
        source="Klaviyo, revenue per recipient",
        as_of=_AS_OF,
        unit=Unit.MONEY,
        needs=(EventKind.CONVERTED,),
    ),
)

KPIS: Final[Mapping[str, Kpi]] = MappingProxyType({kpi.name: kpi for kpi in _ALL})
FAMILIES: Final = tuple(dict.fromkeys(kpi.family for kpi in _ALL if kpi.family))


def find_kpi(word: str, *, human: bool = True) -> Kpi:
    """The KPI of that name; open_rate and click_rate are those of people, or of all where `human` is false.

    Raises UsageError with the names there are.

    >>> find_kpi("open_rate").name, find_kpi("click_rate", human=False).name
    ('open_rate_human', 'click_rate_all')
    """
    if word in KPIS:
        return KPIS[word]
    family = [kpi for kpi in _ALL if kpi.family == word]
    if not family:
        raise UsageError(f"no KPI is called {word[:40]!r}: there are {', '.join([*FAMILIES, *KPIS])}")
    chosen = [kpi for kpi in family if kpi.name.endswith("_human" if human else "_all")]
    return (chosen or family)[0]


def columns_of(kpis: Sequence[Kpi] = _ALL) -> tuple[str, ...]:
    """The columns of a counts table that these KPIs are made of, each once."""
    return tuple(dict.fromkeys(column for kpi in kpis for column in (*kpi.numerator, *kpi.denominator)))
