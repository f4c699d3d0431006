"""The name itself: does it exist, who may register below it, and do wildcards or the resolver make names up?"""

from __future__ import annotations

from dataclasses import dataclass

from hygiene.audit.facts import Look
from hygiene.domain import is_public_suffix, registered_domain
from hygiene.resolver import Answer, Outcome

#: what is asked of the bare name anyway; one of them in vain is enough to know that the name does not exist
_TYPES = ("MX", "TXT", "NS", "A")


@dataclass(frozen=True, kw_only=True)
class DomainView:
    """One domain name.

    `wildcard_texts` are TXT records that any label below the domain gets; `invented` is an address the
    resolver gives for a name that cannot exist (RFC 6761 §6.4).
    """

    name: str
    unknown: str = ""
    exists: bool = True
    public_suffix: bool = False
    organizational: str = ""  # by the public suffix list
    wildcard_texts: tuple[str, ...] = ()
    wildcard: bool = False  # some record answers for every label
    invented: str = ""
    nameservers: tuple[str, ...] = ()
    txt_records: int = 0
    txt_octets: int = 0  # of the whole answer to a TXT question


def read_domain(facts: Look) -> DomainView:
    """The audited name."""
    answers = [facts.answer(facts.domain, rdtype) for rdtype in _TYPES]
    texts, hosts, mail = (facts.answer(f"{facts.probe}.{facts.domain}", kind) for kind in ("TXT", "A", "MX"))
    impossible = facts.answer(f"{facts.probe}.invalid", "A")
    reasons = [answer.reason for answer in answers if answer.reason]
    return DomainView(
        name=facts.domain,
        unknown=reasons[0] if len(reasons) == len(answers) else "",
        exists=any(answer.is_known and answer.outcome is not Outcome.NXDOMAIN for answer in answers),
        public_suffix=is_public_suffix(facts.domain),
        organizational=registered_domain(facts.domain),
        wildcard_texts=texts.texts,
        wildcard=any(
            answer.is_known and answer.outcome is not Outcome.NXDOMAIN for answer in (texts, hosts, mail)
        ),
        invented=impossible.values[0] if impossible.records else "",
        nameservers=answers[2].values,
        txt_records=len(answers[1].records),
        txt_octets=_answer_octets(answers[1]),
    )


def _answer_octets(answer: Answer) -> int:
    """The size on the wire: header, question, then 12 octets and the strings of each record (RFC 1035 §4.1)."""
    question = 12 + len(answer.name) + 2 + 4
    return question + sum(12 + sum(len(part) + 1 for part in record) for record in answer.records)
