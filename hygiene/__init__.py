"""Deliverability and list hygiene: audit a domain's authentication, clean the list, measure what was sent.

>>> import hygiene
>>> audit = hygiene.audit_domain("shop.example", resolver=hygiene.Zone({}), second_opinion=False)
>>> audit.grade.letter, audit.findings[0].id
('F', 'domain-does-not-exist')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hygiene.audit.facts import Facts as Facts
    from hygiene.audit.facts import load_facts as load_facts
    from hygiene.audit.run import Audit as Audit
    from hygiene.audit.run import audit_domain as audit_domain
    from hygiene.audit.run import audit_domains as audit_domains
    from hygiene.audit.run import audit_message as audit_message
    from hygiene.audit.run import judge as judge
    from hygiene.audit.spf_evaluation import check_host as check_host
    from hygiene.bounce import Bounce as Bounce
    from hygiene.bounces.classify import classify_bounce as classify_bounce
    from hygiene.bounces.refusal import classify_reply as classify_reply
    from hygiene.config import CleaningPolicy as CleaningPolicy
    from hygiene.contacts.clean import clean_contacts as clean_contacts
    from hygiene.contacts.cleaned import Cleaned as Cleaned
    from hygiene.contacts.signups import read_signups as read_signups
    from hygiene.content.lint import Lint as Lint
    from hygiene.content.lint import lint_content as lint_content
    from hygiene.dns_client import LiveResolver as LiveResolver
    from hygiene.errors import HygieneError as HygieneError
    from hygiene.feedback.read import read_feedback as read_feedback
    from hygiene.feedback.result import Feedback as Feedback
    from hygiene.finding import Finding as Finding
    from hygiene.finding import Severity as Severity
    from hygiene.metrics.event_log import Events as Events
    from hygiene.metrics.event_log import read_events as read_events
    from hygiene.metrics.measure import measure as measure
    from hygiene.metrics.measured import Kpis as Kpis
    from hygiene.metrics.support import Support as Support
    from hygiene.metrics.support import measure_support as measure_support
    from hygiene.metrics.variants.compare import compare_variants as compare_variants
    from hygiene.metrics.variants.comparison import Comparison as Comparison
    from hygiene.resolver import Outcome as Outcome
    from hygiene.resolver import Recorded as Recorded
    from hygiene.resolver import Zone as Zone
    from hygiene.sending.preflight.preflight import Preflight as Preflight
    from hygiene.sending.preflight.preflight import preflight_campaign as preflight_campaign

#: public name → the module it lives in; loaded when first used, so that `import hygiene` costs nothing
_HOMES = {
    "Audit": "hygiene.audit.run",
    "Bounce": "hygiene.bounce",
    "Cleaned": "hygiene.contacts.cleaned",
    "CleaningPolicy": "hygiene.config",
    "Comparison": "hygiene.metrics.variants.comparison",
    "Events": "hygiene.metrics.event_log",
    "Facts": "hygiene.audit.facts",
    "Feedback": "hygiene.feedback.result",
    "Finding": "hygiene.finding",
    "HygieneError": "hygiene.errors",
    "Kpis": "hygiene.metrics.measured",
    "Lint": "hygiene.content.lint",
    "LiveResolver": "hygiene.dns_client",
    "Outcome": "hygiene.resolver",
    "Preflight": "hygiene.sending.preflight.preflight",
    "Recorded": "hygiene.resolver",
    "Severity": "hygiene.finding",
    "Support": "hygiene.metrics.support",
    "Zone": "hygiene.resolver",
    "audit_domain": "hygiene.audit.run",
    "audit_domains": "hygiene.audit.run",
    "audit_message": "hygiene.audit.run",
    "classify_bounce": "hygiene.bounces.classify",
    "classify_reply": "hygiene.bounces.refusal",
    "clean_contacts": "hygiene.contacts.clean",
    "check_host": "hygiene.audit.spf_evaluation",
    "compare_variants": "hygiene.metrics.variants.compare",
    "judge": "hygiene.audit.run",
    "lint_content": "hygiene.content.lint",
    "load_facts": "hygiene.audit.facts",
    "measure_support": "hygiene.metrics.support",
    "measure": "hygiene.metrics.measure",
    "preflight_campaign": "hygiene.sending.preflight.preflight",
    "read_events": "hygiene.metrics.event_log",
    "read_signups": "hygiene.contacts.signups",
    "read_feedback": "hygiene.feedback.read",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'hygiene' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
