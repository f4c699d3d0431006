"""checkdmarc's reading of the same answers, and where it differs from ours. The only file that imports it.

It runs on a resolver that answers from the recorded facts, and only its SPF and DMARC parts do: its DNSSEC and
TLSA code asks the system's resolver whatever it is given, and its policy fetches go out unguarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hygiene.audit.facts import Facts
from hygiene.audit.spf_evaluation import MAX_LOOKUPS
from hygiene.resolver import Answer, Outcome

MAX_QUOTE = 100  # characters of a sentence of checkdmarc's

if TYPE_CHECKING:
    import dns.resolver

    from hygiene.audit.views.dmarc import DmarcView
    from hygiene.audit.views.spf import SpfView


def ask_checkdmarc(facts: Facts) -> dict[str, Any]:
    """What checkdmarc concludes about SPF and DMARC, as plain values."""
    import checkdmarc.dmarc
    import checkdmarc.spf
    import checkdmarc.utils

    checkdmarc.utils.DNS_CACHE.clear()  # its key lacks the resolver, so it would mix audits
    resolver = _recorded_resolver(facts)
    try:
        spf = checkdmarc.spf.check_spf(facts.domain, resolver=resolver)
        dmarc = checkdmarc.dmarc.check_dmarc(facts.domain, resolver=resolver)
    except Exception as error:  # a second opinion must never cost the first one
        return {"failed": f"{type(error).__name__}: {error}"}
    finally:
        checkdmarc.utils.DNS_CACHE.clear()
    return {"spf": _spf_summary(spf), "dmarc": _dmarc_summary(dmarc)}


def differences(opinion: Mapping[str, Any], spf: SpfView, dmarc: DmarcView) -> dict[str, str]:
    """Subject → how checkdmarc differs; empty when it agrees. Subjects unknown to us are not compared."""
    if "failed" in opinion:
        return {"": f"checkdmarc failed: {opinion['failed']}"}
    found = {}
    if not spf.unknown and (text := _spf_difference(opinion["spf"], spf)):
        found["SPF"] = text
    if not dmarc.unknown and (text := _dmarc_difference(opinion["dmarc"], dmarc)):
        found["DMARC"] = text
    return found


def _spf_difference(theirs: Mapping[str, Any], spf: SpfView) -> str:
    sound = spf.record is not None and not spf.problems and spf.lookups <= MAX_LOOKUPS
    if bool(theirs["record"]) != spf.published and not theirs["error"]:
        return f"it sees {'a' if theirs['record'] else 'no'} record"
    if theirs["valid"] != sound:
        reason = f" ({_brief(theirs['error'])})" if theirs["error"] else ""
        return f"it calls the record {'valid' if theirs['valid'] else 'invalid'}{reason}"
    if sound and theirs["dns_lookups"] not in (None, spf.lookups):
        return f"it counts {theirs['dns_lookups']} look-ups, we {spf.lookups}"
    return ""


def _dmarc_difference(theirs: Mapping[str, Any], dmarc: DmarcView) -> str:
    ours = dmarc.effective.policy.value if dmarc.effective else None
    if not theirs["valid"]:
        return f"it calls the record invalid ({_brief(theirs['error'])})" if ours else ""
    if ours is None:
        return f"it sees a working record with p={theirs['p']}"
    return f"it reads p={theirs['p']}, in effect is {ours}" if theirs["p"] != ours else ""


def _brief(sentence: str) -> str:
    """The first sentence, one line of it."""
    text = " ".join(sentence.split()).partition(". ")[0].rstrip(".")
    return text if len(text) <= MAX_QUOTE else f"{text[: MAX_QUOTE - 1]}…"


def _spf_summary(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "record": result.get("record"),
        "valid": bool(result.get("valid")),
        "dns_lookups": result.get("dns_lookups"),
        "error": str(result.get("error") or ""),
    }


def _dmarc_summary(result: Mapping[str, Any]) -> dict[str, Any]:
    policy = (result.get("tags") or {}).get("p", {}).get("value")
    return {"valid": bool(result.get("valid")), "p": policy, "error": str(result.get("error") or "")}


def _recorded_resolver(facts: Facts) -> dns.resolver.Resolver:
    """A dnspython resolver that knows the recorded answers and nothing else."""
    import dns.resolver

    class RecordedResolver(dns.resolver.Resolver):
        def resolve(self, qname: Any, rdtype: Any = "A", *_: Any, **__: Any) -> dns.resolver.Answer:
            return _replay(facts, str(qname), str(dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rdtype))))

    return RecordedResolver(configure=False)


def _replay(facts: Facts, name: str, rdtype: str) -> dns.resolver.Answer:
    import dns.flags
    import dns.message
    import dns.name
    import dns.rdataclass
    import dns.rdatatype
    import dns.resolver

    from hygiene.dns_wire import to_rrset

    answer = _alias(facts, name) if rdtype == "CNAME" else facts.recorded(name, rdtype)
    query = dns.message.make_query(name, rdtype)
    if answer.outcome is Outcome.NXDOMAIN:
        raise dns.resolver.NXDOMAIN(  # type: ignore[no-untyped-call]
            qnames=[dns.name.from_text(name)], responses={}
        )
    if answer.outcome is Outcome.TIMEOUT:
        raise dns.resolver.LifetimeTimeout(timeout=0, errors=[])  # type: ignore[no-untyped-call]
    if not answer.is_known and answer.outcome is not Outcome.UNRECORDED:
        raise dns.resolver.NoNameservers(request=query, errors=[])  # type: ignore[no-untyped-call]
    response = dns.message.make_response(query)
    if not answer.records:
        raise dns.resolver.NoAnswer(response=response)  # type: ignore[no-untyped-call]
    response.answer.append(to_rrset(dns.name.from_text(name), rdtype, answer.records, answer.ttl))
    response = dns.message.from_wire(response.to_wire())
    wanted = dns.rdatatype.from_text(rdtype)
    return dns.resolver.Answer(dns.name.from_text(name), wanted, dns.rdataclass.IN, response)  # type: ignore[arg-type]


def _alias(facts: Facts, name: str) -> Answer:
    """The CNAME at a name, known from where another answer led."""
    for rdtype in ("TXT", "A", "MX"):
        found = facts.recorded(name, rdtype)
        if found.aliases:
            return Answer(name, "CNAME", Outcome.RECORDS, ((found.aliases[0],),))
    return Answer(name, "CNAME", Outcome.NODATA)
