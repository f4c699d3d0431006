"""What the records of an audit amount to, as plain JSON values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hygiene.audit.records.dmarc import Effective
from hygiene.audit.views.bimi import BimiView
from hygiene.audit.views.dkim import DkimView, Selector
from hygiene.audit.views.dmarc import DmarcView
from hygiene.audit.views.message import MessageView
from hygiene.audit.views.mx import MxView
from hygiene.audit.views.reputation import ReverseDnsView
from hygiene.audit.views.spf import SpfView
from hygiene.audit.views.transport import DaneView, MtaStsView, TlsRptView

if TYPE_CHECKING:
    from hygiene.audit.run import Audit


def published(audit: Audit) -> dict[str, Any]:
    """What the records amount to, for JSON: one entry a subject."""
    return {name: summarise(audit.views[name]) for name, summarise in _SUMMARIES.items()}


def _spf(view: SpfView) -> dict[str, Any]:
    return {
        "records": list(view.texts),
        "lookups": view.lookups,
        "lookups_typical": view.typical_lookups,
        "void_lookups": len(view.voids),
        "ipv4_addresses": view.addresses,
        "all": (view.all_qualifier.result if view.all_qualifier else "neutral") if view.record else None,
        "others": others_word(view) if view.record else None,
        "unknown": view.unknown,
    }


def _dkim(view: DkimView) -> dict[str, Any]:
    selectors = {one.name: _selector(one) for one in view.found}
    return {"selectors": selectors, "tried": view.tried, "unknown": view.unknown}


def _dmarc(view: DmarcView) -> dict[str, Any]:
    return {
        "records": list(view.texts),
        "record_domain": view.found.record_domain or None,
        "organizational_domain": view.found.organizational,
        "policy_in_effect": {
            row.kind: {"rfc9989": _effective(row.rfc9989), "rfc7489": _effective(row.rfc7489)}
            for row in view.matrix
        },
        "unknown": view.unknown,
    }


def _mx(view: MxView) -> dict[str, Any]:
    hosts = [
        {"preference": host.preference, "name": host.name, "addresses": list(host.addresses)}
        for host in view.hosts
    ]
    return {"hosts": hosts, "null": view.null, "unknown": view.unknown}


def _dane(view: DaneView) -> list[str]:
    return [host.host for host in view.hosts if host.records]


def _records(view: TlsRptView | BimiView) -> dict[str, Any]:
    return {"records": list(view.texts), "unknown": view.unknown}


def _reverse_dns(view: ReverseDnsView) -> list[dict[str, Any]]:
    return [
        {
            "address": one.address,
            "names": list(one.names),
            "confirmed": bool(one.confirmed),
            "origin": one.origin,
        }
        for one in view.addresses
    ]


def _message(view: MessageView) -> dict[str, Any] | None:
    if not view.present:
        return None
    return {
        "authors": list(view.authors),
        "envelope_domain": view.envelope_domain or None,
        "dmarc_passes": view.dmarc_passes,
        "signatures": [
            {"domain": one.domain, "selector": one.selector, "holds": one.holds, "aligned": one.aligned}
            for one in view.signatures
        ],
        "one_click_unsubscribe": view.one_click and view.unsubscribe_signed,
    }


def _mta_sts(view: MtaStsView) -> dict[str, Any]:
    return {
        "records": list(view.texts),
        "mode": view.policy.mode.value if view.policy else None,
        "problem": view.record_error or view.policy_error,
        "unknown": view.unknown or view.policy_unknown,
    }


def _selector(selector: Selector) -> dict[str, Any]:
    strength = selector.strength
    return {
        "algorithm": strength.algorithm if strength else None,
        "bits": strength.bits if strength else None,
        "usable": selector.usable,
        "problem": selector.error,
    }


def _effective(effective: Effective | None) -> dict[str, Any] | None:
    return {"policy": effective.policy.value, "percent": effective.percent} if effective else None


def others_word(spf: SpfView) -> str:
    """What a receiver concludes of servers SPF does not name; `all`, where that cannot be played through."""
    if spf.stranger and spf.stranger.result != "temperror":
        return spf.stranger.result.value
    return spf.all_qualifier.result if spf.all_qualifier else "neutral"


def mta_sts_word(view: MtaStsView) -> str:
    """The mode senders see: enforce, testing or none; "broken", "?" or "–" otherwise."""
    if view.unknown or view.policy_unknown:
        return "?"
    if view.policy and not view.record_error:
        return str(view.policy.mode.value)
    return "broken" if view.texts else "–"


_SUMMARIES: Mapping[str, Callable[[Any], Any]] = {
    "spf": _spf,
    "dkim": _dkim,
    "dmarc": _dmarc,
    "mx": _mx,
    "mta_sts": _mta_sts,
    "tls_rpt": _records,
    "dnssec": lambda view: view.state.value,
    "dane": _dane,
    "bimi": _records,
    "message": _message,
    "reverse_dns": _reverse_dns,
}
