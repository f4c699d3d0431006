"""NSD and Unbound on loopback, each in a folder of its own, and the signed zones they play."""

import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ports import free_port

HOST = "127.0.0.1"
READY_S = 15
ALGORITHM = "ECDSAP256SHA256"
SOA = "@ 300 IN SOA ns hostmaster 1 7200 900 1209600 300\n"


class Key:
    """One key that signs a whole zone."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.dnskey = dns.dnssec.make_dnskey(self.private.public_key(), ALGORITHM, flags=257)

    def ds(self, name):
        """The DS record for the parent."""
        return f"{name}. IN DS {dns.dnssec.make_ds(dns.name.from_text(name), self.dnskey, 'SHA256')}\n"

    def anchor(self):
        """The trust anchor of a root signed with this key."""
        return f". IN DNSKEY {self.dnskey.to_text()}"


def read_zone(origin, text):
    """A zone from master file lines below its SOA; the name server is this machine."""
    lines = f"{SOA}@ IN NS ns\nns IN A {HOST}\n{text}"
    return dns.zone.from_text(f"$TTL 300\n{lines}", origin=origin, relativize=False, check_origin=True)


def sign(zone, key):
    """The same zone with signatures that began an hour ago and hold a week."""
    now = datetime.now(UTC)
    dns.dnssec.sign_zone(
        zone,
        keys=[(key.private, key.dnskey)],
        inception=now - timedelta(hours=1),
        expiration=now + timedelta(days=7),
    )
    return zone


def spoil(zone, *rdtypes):
    """Turn one bit of every signature over these types."""
    for _, rdataset in zone.iterate_rdatasets():
        if rdataset.rdtype == dns.rdatatype.RRSIG and dns.rdatatype.to_text(rdataset.covers) in rdtypes:
            broken = [
                rdata.replace(signature=bytes([rdata.signature[0] ^ 1]) + rdata.signature[1:])
                for rdata in rdataset
            ]
            rdataset.clear()
            for rdata in broken:
                rdataset.add(rdata, ttl=300)
    return zone


@contextmanager
def running(command, port, log, probe):
    """A server while the block lasts; it is stopped by its own process id."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, port, log, probe)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process, port, log, probe):
    question = dns.message.make_query(probe, "SOA")
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if dns.query.udp(question, HOST, timeout=0.5, port=port).answer:
                return
        except (OSError, dns.exception.Timeout):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not answer:\n{log.read_text(errors='replace')}")


@contextmanager
def nsd(program, folder, zones):
    """An authoritative server of `zones`; yields its port."""
    folder.mkdir()
    port, blocks = free_port(), []
    for zone in zones:
        name = zone.origin.to_text()
        file = folder / f"{name.strip('.') or 'root'}.zone"
        file.write_text(zone.to_text(relativize=False))
        blocks.append(f'zone:\n  name: "{name}"\n  zonefile: "{file}"\n')
    settings = f"""server:
  ip-address: {HOST}
  port: {port}
  do-ip6: no
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  zonesdir: "{folder}"
  xfrdir: "{folder}"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
remote-control:
  control-enable: no
"""
    config = folder / "nsd.conf"
    config.write_text(settings + "".join(blocks))
    command = [program, "-d", "-c", config]
    with running(command, port, folder / "nsd.log", zones[0].origin):
        yield port


@contextmanager
def unbound(program, folder, *, upstream, anchor, zones, unblock):
    """A validating resolver that asks `upstream` for everything; yields its port and process.

    `unblock` names reverse zones that Unbound would answer itself.
    """
    folder.mkdir()
    port = free_port()
    settings = f"""server:
  interface: {HOST}@{port}
  outgoing-interface: {HOST}
  do-ip6: no
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  val-log-level: 2
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "validator iterator"
  trust-anchor: "{anchor}"
  trust-anchor-signaling: no
  unblock-lan-zones: yes
"""
    settings += "".join(f'  local-zone: "{name}" nodefault\n' for name in unblock)
    settings += "remote-control:\n  control-enable: no\n"
    settings += "".join(
        f'stub-zone:\n  name: "{name}"\n  stub-addr: {HOST}@{upstream}\n  stub-prime: no\n' for name in zones
    )
    config = folder / "unbound.conf"
    config.write_text(settings)
    command = [program, "-d", "-c", config]
    with running(command, port, folder / "unbound.log", dns.name.root) as process:
        yield port, process
