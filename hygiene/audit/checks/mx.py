"""Checks of MX records (RFC 5321 §5, RFC 7505)."""

from __future__ import annotations

from hygiene.audit.checks.dkim import sends_no_mail
from hygiene.audit.registry import check
from hygiene.audit.views.mx import MxView
from hygiene.audit.views.spf import SpfView
from hygiene.finding import Confidence, Evidence, Open, Problem, Severity


@check(
    severity=Severity.MEDIUM,
    rule="RFC 5321 §5.1",
    why="Bounces and replies have nowhere to go; many receivers refuse senders that cannot receive.",
    fix="{domain}. MX 10 <your mail host>.\n; or, for a domain without mail:\n{domain}. MX 0 .",
)
def mx_missing(mx: MxView, *, spf: SpfView) -> Evidence:
    """The domain cannot receive mail"""
    if not mx.published and not mx.hosts:
        severity = Severity.LOW if sends_no_mail(spf, mx) else Severity.MEDIUM
        yield Problem(evidence=f"no MX, A or AAAA record at {mx.domain}", severity=severity)


@check(
    severity=Severity.LOW,
    rule="RFC 5321 §5.1",
    why="Mail goes to the web server's address because there is no MX; that is seldom meant.",
    fix="{domain}. MX 10 <your mail host>.\n; or, for a domain without mail:\n{domain}. MX 0 .",
)
def mx_implicit(mx: MxView) -> Evidence:
    """There is no MX record"""
    if mx.implicit and mx.hosts:
        yield f"mail is delivered to {', '.join(mx.hosts[0].addresses)}"


@check(
    severity=Severity.HIGH,
    rule="RFC 7505 §3",
    why="A null MX must stand alone; beside other records senders disagree on what it means.",
    fix='delete either "MX 0 ." or the other MX records of {domain}',
)
def mx_null_with_others(mx: MxView) -> Evidence:
    """A null MX stands beside other MX records"""
    if mx.null and mx.hosts:
        yield f"0 . and {', '.join(mx.names)}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 2181 §10.3",
    why="An MX must not name an alias; some senders refuse to deliver.",
    fix="name the host that the alias points to",
)
def mx_is_alias(mx: MxView) -> Evidence:
    """An MX record names an alias"""
    for host in mx.hosts:
        if host.alias and not mx.implicit:
            yield f"{host.name} CNAME {host.alias}"


@check(
    severity=Severity.HIGH,
    rule="RFC 1035 §3.3.9",
    why="An MX must name a host, not an address; senders look up a name of digits and find nothing.",
    fix="create a host name with this address and name it in the MX",
)
def mx_ip_address(mx: MxView) -> Evidence:
    """An MX record names an IP address"""
    for host in mx.hosts:
        if host.is_address:
            yield f"MX {host.preference} {host.name}"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 5321 §2.3.5",
    why="Some senders refuse to look up names with other characters than letters, digits and hyphens.",
    fix="give the host a name of letters, digits and hyphens",
)
def mx_invalid_name(mx: MxView) -> Evidence:
    """An MX record names an impossible host"""
    for host in mx.hosts:
        if not host.is_host_name and not host.is_address:
            yield f"MX {host.preference} {host.name}"


@check(
    severity=Severity.LOW,
    rule="RFC 5321 §5.1",
    why="The same host twice gains nothing: senders try one address list.",
    fix="keep one of them",
)
def mx_duplicate(mx: MxView) -> Evidence:
    """The same host is named twice"""
    names = [host.name for host in mx.hosts]
    for name in mx.names:
        if names.count(name) > 1:
            yield f"{name}, {names.count(name)} times"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 5321 §5.1",
    why="Mail to a host without an address waits until the sender tries another host, or bounces.",
    fix="give the host an address, or remove the MX",
)
def mx_without_address(mx: MxView) -> Evidence:
    """A mail host has no address"""
    dead = [host for host in mx.hosts if not host.addresses and not host.is_address and not host.unknown]
    severity = Severity.CRITICAL if dead and len(dead) == len(mx.hosts) else Severity.MEDIUM
    for host in dead:
        yield Problem(evidence=f"{host.name}: no A or AAAA record", severity=severity)


@check(
    severity=Severity.CRITICAL,
    rule="RFC 5321 §5.1",
    why="Whoever registers that domain receives mail meant for you, password resets among it.",
    fix="remove the MX record today",
    confidence=Confidence.LIKELY,
)
def mx_registrable(mx: MxView) -> Evidence:
    """Mail goes to a domain that does not exist"""
    for host in mx.hosts:
        if host.free:
            yield f"MX {host.preference} {host.name}: NXDOMAIN, {host.free} may be free to register"


@check(
    severity=Severity.MEDIUM,
    rule="RFC 1918 §3",
    why="Nobody outside your network can reach these addresses.",
    fix="publish the public address",
)
def mx_private_address(mx: MxView) -> Evidence:
    """A mail host has a private address"""
    severity = Severity.HIGH if mx.hosts and not any(host.usable for host in mx.hosts) else Severity.MEDIUM
    for host in mx.hosts:
        if host.private:
            yield Problem(evidence=f"{host.name}: {', '.join(host.private)}", severity=severity)


@check(
    severity=Severity.MEDIUM,
    rule="RFC 5321 §5.1",
    why="Whether mail arrives depends on these hosts.",
)
def mx_hosts_answered(mx: MxView) -> Evidence:
    """All mail hosts have an address"""
    for host in mx.hosts:
        if host.unknown:
            yield Open(f"{host.name}: {host.unknown}")
