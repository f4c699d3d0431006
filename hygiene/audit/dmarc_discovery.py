"""Which DMARC record speaks for a name: the tree walk of RFC 9989 §4.10 and the two steps of RFC 7489 §6.6.3.

Pure functions over "name → records published there". All names of a walk are known beforehand, so they can be
asked at once; what lies behind a stop is simply not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from hygiene.audit.records.dmarc import DmarcRecord, Effective, Psd, Reader
from hygiene.domain import is_public_suffix, registered_domain

MAX_QUERIES = 8  # RFC 9989 §4.10
#: the sound DMARC records at a name (not at its _dmarc label); several count as none under RFC 9989
RecordsAt: TypeAlias = Callable[[str], tuple[DmarcRecord, ...]]


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """The record that speaks for a name. `origin` is "own", "organizational", "public suffix" or ""."""

    name: str
    record: DmarcRecord | None = None
    record_domain: str = ""
    origin: str = ""
    organizational: str = ""

    def effective(self, *, exists: bool, reader: Reader) -> Effective | None:
        """What a receiver does with failing mail in this name; None = no DMARC processing."""
        if self.record is None:
            return None
        existing = None if self.origin == "own" else exists
        found = self.record.policy_for(existing, reader)
        return found if found.applies else None


def tree_names(name: str) -> tuple[str, ...]:
    """The names a walk may query, in order, at most eight (RFC 9989 §4.10).

    >>> tree_names("a.b.c.d.e.f.g.h.i.example")[:3]
    ('a.b.c.d.e.f.g.h.i.example', 'd.e.f.g.h.i.example', 'e.f.g.h.i.example')
    """
    labels = name.split(".")
    start = max(1, len(labels) - (MAX_QUERIES - 1))
    return (name, *(".".join(labels[cut:]) for cut in range(start, len(labels))))


def walk(name: str, records_at: RecordsAt) -> Iterator[tuple[str, DmarcRecord]]:
    """The valid records met on the way up; ends at psd=y or psd=n."""
    for step in tree_names(name):
        records = records_at(step)
        if len(records) != 1:
            continue  # none, or several: all discarded
        yield step, records[0]
        if records[0].psd in (Psd.YES, Psd.NO):
            return


def organizational_domain(name: str, records_at: RecordsAt) -> str:
    """The organizational domain of a name (RFC 9989 §4.10.2)."""
    met = list(walk(name, records_at))
    for step, record in met:
        if record.psd is Psd.NO:
            return step
        if record.psd is Psd.YES and step != name:
            return _one_label_below(step, name)
    return min((step for step, _ in met), key=lambda step: step.count("."), default=name)


def discover(name: str, records_at: RecordsAt) -> Discovery:
    """The record an RFC 9989 receiver applies to `name` (§4.10.1)."""
    met = dict(walk(name, records_at))
    organizational = organizational_domain(name, records_at)
    suffix = next((step for step, record in met.items() if record.psd is Psd.YES), "")
    for origin, domain in (("own", name), ("organizational", organizational), ("public suffix", suffix)):
        if domain in met:
            return Discovery(
                name=name,
                record=met[domain],
                record_domain=domain,
                origin=origin,
                organizational=organizational,
            )
    return Discovery(name=name, organizational=organizational)


def discover_legacy(name: str, records_at: RecordsAt) -> Discovery:
    """The record an RFC 7489 receiver applies: the name's own, else that of the listed registered domain."""
    organizational = registered_domain(name)
    for origin, domain in (("own", name), ("organizational", organizational)):
        records = records_at(domain)
        if len(records) == 1:
            return Discovery(
                name=name,
                record=records[0],
                record_domain=domain,
                origin=origin,
                organizational=organizational,
            )
        if len(records) > 1 or is_public_suffix(name):
            break  # several records end discovery (§6.6.3 step 5)
    return Discovery(name=name, organizational=organizational)


def _one_label_below(step: str, name: str) -> str:
    label = name.removesuffix(f".{step}").rpartition(".")[2]
    return f"{label}.{step}"
