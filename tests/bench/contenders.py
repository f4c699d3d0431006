"""What is measured: an audit by hygiene and one by checkdmarc, over the same server, neither fetching pages."""

import sys
import time

import checkdmarc
import checkdmarc.dnssec
import checkdmarc.mta_sts
import checkdmarc.smtp
import checkdmarc.utils
from dns.nameserver import Do53Nameserver

from hygiene.audit.run import audit_domain, audit_domains
from hygiene.dns_client import LiveResolver
from hygiene.resolver import run_now
from hygiene.web import RecordedFetcher

sent = 0


def watch_packets():
    """Count what dnspython sends, and refuse whatever would leave loopback."""

    def watch(event, arguments):
        global sent  # noqa: PLW0603 - an audit hook has nowhere else to count
        if event not in {"socket.connect", "socket.sendto"} or not isinstance(arguments[1], tuple):
            return
        if arguments[1][0] not in {"127.0.0.1", "::1"}:
            raise RuntimeError(f"the benchmark must not talk to {arguments[1]}")
        sent += 1

    sys.addaudithook(watch)


def timed(work):
    """Seconds, and what came out."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def round_trip(server, questions=5):
    """Seconds of one question, the median of a few."""
    resolver = LiveResolver([server], cache=False)

    async def ask():
        durations = []
        for _ in range(questions):
            started = time.perf_counter()
            await resolver.resolve("_netblocks.google.com", "TXT")
            durations.append(time.perf_counter() - started)
        return sorted(durations)[questions // 2]

    return run_now(ask())


def our_audit(server, name):
    """One domain, nothing cached."""
    resolver = LiveResolver([server])
    return audit_domain(name, resolver=resolver, fetcher=RecordedFetcher([]), second_opinion=False)


def our_audits(server, names):
    """Many domains together; returns the audits and the questions sent."""
    resolver = LiveResolver([server])
    audits = audit_domains(names, resolver=resolver, fetcher=RecordedFetcher([]))
    return audits, resolver.queries


def their_audit(server, name):
    """The parts of `checkdmarc.check_domains` in its order, less what fetches over HTTPS."""
    where = {"nameservers": [Do53Nameserver(server.host, server.port)], "timeout": 5.0}
    checkdmarc.check_dnssec(name, **where)
    checkdmarc.check_soa(name, **where)
    checkdmarc.check_ns(name, **where)
    checkdmarc.mta_sts.query_mta_sts_record(name, **where)
    checkdmarc.check_mx(name, check_mx_tls=False, **where)
    spf = checkdmarc.check_spf(name, **where)
    dmarc = checkdmarc.check_dmarc(name, **where)
    checkdmarc.check_smtp_tls_reporting(name, **where)
    assert spf["valid"], spf
    assert dmarc["valid"], dmarc


def forget():
    """Empty every cache checkdmarc keeps for the life of a process."""
    for cache in (
        checkdmarc.utils.DNS_CACHE,
        checkdmarc.utils._NAMESERVER_FAILURES,
        checkdmarc.dnssec.DNSSEC_CACHE,
        checkdmarc.dnssec.DNSKEY_CACHE,
        checkdmarc.dnssec.TLSA_CACHE,
        checkdmarc.smtp.TLS_CACHE,
        checkdmarc.smtp.STARTTLS_CACHE,
    ):
        cache.clear()


def their_packets(server, name):
    """How many packets one of their audits sends."""
    before = sent
    their_audit(server, name)
    return sent - before
