"""From the settings of an account to its transport; secrets are read here, and only here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hygiene.config import AccountSettings
from hygiene.credentials import Secret, read_secret
from hygiene.errors import UsageError
from hygiene.sending.reply import Reply
from hygiene.sending.transports.answer import Api

if TYPE_CHECKING:
    from hygiene.sending.transports.http_api import HttpApi
    from hygiene.sending.transports.smtp import SmtpTransport


def open_transport(account: AccountSettings, *, connections: int, name: str = "") -> SmtpTransport | HttpApi:
    """The transport of an account, with so many connections at once; it connects when the first mail comes.

    `name` is the account's, for messages. Raises UsageError or UnreadableInput for a setting that is missing or
    cannot be used, naming it.
    """
    if account.transport == "smtp":
        return _open_smtp(account, connections, name)
    from hygiene.sending.transports.http_api import HttpApi

    return HttpApi(
        APIS[account.transport](account, f"accounts.{name}" if name else "account"),
        connections=connections,
        patience_s=account.patience_s,
        ca_file=account.ca_file,
    )


async def try_account(account: AccountSettings, *, name: str, patience_s: float) -> Reply | None:
    """Connect to an account's server and log in, without sending: SENT, REFUSED for good, or DEFERRED.

    None where the provider knows no such thing. Raises UsageError or UnreadableInput as `open_transport`.
    """
    import msgspec

    hasty = msgspec.structs.replace(account, patience_s=min(account.patience_s, patience_s))
    transport = open_transport(hasty, connections=1, name=name)
    try:
        return await transport.check()
    finally:
        await transport.close()


def _open_smtp(account: AccountSettings, connections: int, name: str) -> SmtpTransport:
    from hygiene.sending.transports.smtp import SmtpTransport

    def read_token() -> Secret:
        return read_secret(account.token, f"accounts.{name}.token")

    read_token()  # one that is missing is told at once
    if account.token and not account.username:
        raise UsageError(f"accounts.{name}.token needs a username")
    password = read_secret(account.password, f"accounts.{name}.password")
    return SmtpTransport(account, connections=connections, password=password, read_token=read_token)


def _ses(account: AccountSettings, where: str) -> Api:
    from hygiene.sending.transports.ses import Ses

    region = _needed(account.region, f"{where}.region")
    return Ses(
        base_url=account.endpoint or f"https://email.{region}.{_suffix(region)}",
        region=region,
        access_key=_secret(account.api_key, f"{where}.api_key"),
        secret_key=_secret(account.api_secret, f"{where}.api_secret"),
        configuration_set=account.configuration_set,
    )


def _sendgrid(account: AccountSettings, where: str) -> Api:
    from hygiene.sending.transports.sendgrid import HOSTS, SendGrid

    base_url = account.endpoint or _host(HOSTS, account.region, where)
    return SendGrid(base_url=base_url, api_key=_secret(account.api_key, f"{where}.api_key"))


def _mailgun(account: AccountSettings, where: str) -> Api:
    from hygiene.sending.transports.mailgun import HOSTS, Mailgun

    return Mailgun(
        base_url=account.endpoint or _host(HOSTS, account.region, where),
        domain=_needed(account.domain, f"{where}.domain"),
        api_key=_secret(account.api_key, f"{where}.api_key"),
    )


def _postmark(account: AccountSettings, where: str) -> Api:
    from hygiene.sending.transports.postmark import Postmark

    token = _secret(account.api_key, f"{where}.api_key")
    stream = account.message_stream or Postmark.stream
    return Postmark(base_url=account.endpoint or Postmark.base_url, server_token=token, stream=stream)


def _brevo(account: AccountSettings, where: str) -> Api:
    from hygiene.sending.transports.brevo import Brevo

    return Brevo(
        base_url=account.endpoint or Brevo.base_url, api_key=_secret(account.api_key, f"{where}.api_key")
    )


#: transport of an account → what makes its API
APIS: Final[Mapping[str, Callable[[AccountSettings, str], Api]]] = {
    "ses": _ses,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "brevo": _brevo,
}


def _secret(written: str, setting: str) -> Secret:
    secret = read_secret(written, setting)
    if not secret:
        raise UsageError(f"{setting} is missing: write env:VARIABLE or file:PATH")
    if not secret.reveal().isascii() or not secret.reveal().isprintable():
        raise UsageError(f"{setting} holds characters that no key has")
    return secret


def _needed(written: str, setting: str) -> str:
    if not written:
        raise UsageError(f"{setting} is missing")
    return written


def _host(hosts: Mapping[str, str], region: str, where: str) -> str:
    if region not in hosts:
        raise UsageError(f"{where}.region must be one of {', '.join(filter(None, hosts))}, not {region!r}")
    return hosts[region]


def _suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
