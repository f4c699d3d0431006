"""What an SMTP server offers on port 25: greeting, STARTTLS, certificate. Sends no mail.

An edge: it connects only to the addresses it is given, which our own resolver looked up.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from hygiene.ip import is_public

if TYPE_CHECKING:
    import aiosmtplib

QUIT_TIMEOUT_S = 1.0

GreetingOutcome: TypeAlias = Literal["greeted", "unreachable", "timeout", "refused", "private", "unrecorded"]


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """One conversation up to TLS.

    `starttls` is whether the server offers it, `tls_version` what was agreed, `certificate_problem` why the
    certificate does not hold for the host name ("" = it does), `certificate` the leaf certificate, DER in hex,
    for DANE. An outcome other than "greeted" means "not tested".
    """

    host: str
    ip: str
    outcome: GreetingOutcome
    banner: str = ""
    starttls: bool = False
    tls_version: str = ""
    certificate_problem: str = ""
    certificate: str = ""
    detail: str = ""


class SmtpProbe(Protocol):
    """Whoever can talk to a mail server."""

    async def greet(self, host: str, ip: str) -> Greeting:
        """Connect to `ip` as a client of `host`. Never raises for what the network does."""
        ...


class LiveSmtpProbe:
    """Connects for real. `timeout_s` covers one conversation."""

    def __init__(
        self,
        *,
        timeout_s: float = 10.0,
        port: int = 25,
        ca_file: str | None = None,
        allow_private: bool = False,
    ) -> None:
        self.timeout_s, self.port = timeout_s, port
        self.ca_file, self.allow_private = ca_file, allow_private

    async def greet(self, host: str, ip: str) -> Greeting:
        """One conversation."""
        if not self.allow_private and not is_public(ip_address(ip)):
            return Greeting(host=host, ip=ip, outcome="private", detail=f"{ip} is not a public address")
        try:
            return await asyncio.wait_for(self._converse(host, ip), self.timeout_s)
        except TimeoutError:
            detail = f"no answer on port {self.port} within {self.timeout_s:g} s (often blocked by the network)"
            return Greeting(host=host, ip=ip, outcome="timeout", detail=detail)

    @contextlib.asynccontextmanager
    async def _connected(self, ip: str) -> AsyncIterator[tuple[aiosmtplib.SMTP, str]]:
        """A client that has said EHLO, and the banner."""
        import aiosmtplib

        client = aiosmtplib.SMTP(
            hostname=ip,
            port=self.port,
            use_tls=False,
            start_tls=False,
            timeout=self.timeout_s,
            local_hostname="[127.0.0.1]",  # else the library asks the system's name service for ours
        )
        transports: list[asyncio.BaseTransport | None] = []
        try:
            banner = await client.connect()
            transports.append(client.transport)  # a failed handshake makes the client forget it
            await client.ehlo(hostname=_own_name(client))
            yield client, banner.message
        finally:
            with contextlib.suppress(Exception):  # the verdict is in, however the server takes a QUIT
                await client.quit(timeout=QUIT_TIMEOUT_S)
            await _hang_up(client, transports)

    async def _converse(self, host: str, ip: str) -> Greeting:
        import aiosmtplib

        try:
            async with self._connected(ip) as (client, banner):
                if not client.supports_extension("starttls"):
                    return Greeting(host=host, ip=ip, outcome="greeted", banner=banner)
                return await self._upgrade(client, host, ip, banner)
        except aiosmtplib.SMTPResponseException as error:
            return Greeting(host=host, ip=ip, outcome="refused", detail=f"{error.code} {error.message}")
        except aiosmtplib.SMTPTimeoutError as error:
            return Greeting(host=host, ip=ip, outcome="timeout", detail=str(error))
        except (aiosmtplib.SMTPException, OSError) as error:
            return Greeting(host=host, ip=ip, outcome="unreachable", detail=str(error))

    async def _upgrade(self, client: aiosmtplib.SMTP, host: str, ip: str, banner: str) -> Greeting:
        """STARTTLS without judging the certificate, which is judged afterwards: a bad one is still seen."""
        await client.starttls(server_hostname=host, tls_context=_accept_anything())
        tls = client.get_transport_info("ssl_object")
        der = tls.getpeercert(binary_form=True) or b""
        return Greeting(
            host=host,
            ip=ip,
            outcome="greeted",
            banner=banner,
            starttls=True,
            tls_version=tls.version() or "",
            certificate_problem=await self._verify(host, ip),
            certificate=der.hex(),
        )

    async def _verify(self, host: str, ip: str) -> str:
        import aiosmtplib

        context = ssl.create_default_context(cafile=self.ca_file)
        try:
            async with self._connected(ip) as (client, _):
                await client.starttls(server_hostname=host, tls_context=context)
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except (aiosmtplib.SMTPException, OSError) as error:
            cause = error.__cause__ or error
            return getattr(cause, "verify_message", "") or str(cause)
        return ""


def _accept_anything() -> ssl.SSLContext:
    """A context that also sees servers of the past: any certificate, any TLS version."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _own_name(client: aiosmtplib.SMTP) -> str:
    """Our side of the connection as an address literal (RFC 5321 §4.1.3)."""
    address = ip_address(str(client.get_transport_info("sockname")[0]).partition("%")[0])
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


async def _hang_up(client: aiosmtplib.SMTP, transports: list[asyncio.BaseTransport | None]) -> None:
    transports.append(client.transport)
    client.close()
    for transport in transports:
        if isinstance(transport, asyncio.Transport):
            transport.abort()
    await asyncio.sleep(0)  # lets the loop close the sockets before it may end itself
