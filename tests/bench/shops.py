"""The measured domains: shops with Google Workspace, SendGrid and Mailchimp, as master file lines."""

import base64
import ipaddress

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SELECTORS = ("google", "s1", "k1")

PROVIDERS = """$TTL 300
_spf.google.com. TXT "v=spf1 include:_netblocks.google.com include:_netblocks2.google.com \
include:_netblocks3.google.com ~all"
_netblocks.google.com. TXT "v=spf1 ip4:192.0.2.0/25 ~all"
_netblocks2.google.com. TXT "v=spf1 ip6:2001:db8:2::/48 ~all"
_netblocks3.google.com. TXT "v=spf1 ip4:192.0.2.128/26 ~all"
sendgrid.net. TXT "v=spf1 ip4:198.51.100.0/26 ~all"
servers.mcsv.net. TXT "v=spf1 ip4:198.51.100.128/26 ?all"
*._report._dmarc.dmarc-tool.example. TXT "v=DMARC1"
dmarc-tool.example. MX 10 mx.dmarc-tool.example.
mx.dmarc-tool.example. A 203.0.113.99
"""

HOSTS = ("aspmx", "alt1.aspmx", "alt2.aspmx", "alt3.aspmx", "alt4.aspmx")


def shop(number):
    """The name of a measured domain."""
    return f"shop{number}.example"


def zone_text(shops):
    """All records: the providers' once, then each shop's."""
    keys = [dkim_record() for _ in SELECTORS]
    return PROVIDERS + "".join(mail_hosts()) + "".join(records(shop(number), keys) for number in range(shops))


def mail_hosts():
    """Five mail hosts, each with A, AAAA and names for both that lead back."""
    for number, host in enumerate(HOSTS, 26):
        addresses = (f"192.0.2.{number}", f"2001:db8:2::{number}")
        for owner in (f"{host}.l.google.com.", f"mx{number}.google.com."):
            yield f"{owner} A {addresses[0]}\n{owner} AAAA {addresses[1]}\n"
        for address in addresses:
            yield f"{ipaddress.ip_address(address).reverse_pointer}. PTR mx{number}.google.com.\n"


def records(name, keys):
    """One shop."""
    mx = "".join(f"{name}. MX {rank * 5} {host}.l.google.com.\n" for rank, host in enumerate(HOSTS, 1))
    dkim = "".join(
        f'{selector}._domainkey.{name}. TXT "{key[:250]}" "{key[250:]}"\n'
        for selector, key in zip(SELECTORS, keys, strict=True)
    )
    return f"""{mx}{dkim}{name}. A 203.0.113.10
{name}. NS ns1.{name}.
ns1.{name}. A 203.0.113.2
{name}. TXT "v=spf1 include:_spf.google.com include:sendgrid.net include:servers.mcsv.net ~all"
_dmarc.{name}. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@{name},mailto:{name}@dmarc-tool.example"
_mta-sts.{name}. TXT "v=STSv1; id=20261101"
mta-sts.{name}. A 203.0.113.10
_smtp._tls.{name}. TXT "v=TLSRPTv1; rua=mailto:tls@{name}"
"""


def dkim_record():
    """A published 2048-bit key."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
