"""Names of others that nobody owns: whoever registers them takes over what points there."""

from __future__ import annotations

from hygiene.audit.facts import Look
from hygiene.domain import is_below, registered_domain
from hygiene.resolver import Answer, Outcome


def free_domain(answer: Answer, facts: Look) -> str:
    """The registered domain that the end of this answer needs, when that does not exist; '' otherwise."""
    owner = registered_domain((answer.name, *answer.aliases)[-1])
    if answer.outcome is not Outcome.NXDOMAIN or is_below(facts.domain, owner):
        return ""
    return owner if facts.answer(owner, "NS").outcome is Outcome.NXDOMAIN else ""
