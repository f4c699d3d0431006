"""The subjects of an audit: name → how its view is read. A check names the subjects it judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hygiene.audit.facts import Facts, Look
from hygiene.audit.views.bimi import read_bimi
from hygiene.audit.views.dkim import read_dkim
from hygiene.audit.views.dmarc import read_dmarc
from hygiene.audit.views.domain import read_domain
from hygiene.audit.views.message import read_message_view
from hygiene.audit.views.mx import read_mx
from hygiene.audit.views.reputation import read_blocklists, read_reverse_dns
from hygiene.audit.views.spf import read_spf
from hygiene.audit.views.transport import (
    read_dane,
    read_dnssec,
    read_mta_sts,
    read_starttls,
    read_tls_rpt,
)

#: in the order their questions are asked
SUBJECTS: Mapping[str, Callable[[Look], Any]] = {
    "domain": read_domain,
    "spf": read_spf,
    "dmarc": read_dmarc,
    "mx": read_mx,
    "mta_sts": read_mta_sts,
    "tls_rpt": read_tls_rpt,
    "dnssec": read_dnssec,
    "dane": read_dane,
    "starttls": read_starttls,
    "bimi": read_bimi,
    "reverse_dns": read_reverse_dns,
    "blocklists": read_blocklists,
    "message": read_message_view,
    "dkim": read_dkim,  # last, as its many questions wait for nothing and nothing waits for them
}


def read_all(facts: Facts) -> dict[str, Any]:
    """Every view of an audit."""
    return {name: read(facts) for name, read in SUBJECTS.items()}
