"""The parts of a preflight, gathered: the list, the store, DNS. The only file here that touches the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hygiene.audit.dmarc_discovery import organizational_domain, tree_names
from hygiene.audit.records.dmarc import Alignment, DmarcRecord, is_dmarc
from hygiene.audit.records.dmarc import parse as parse_dmarc
from hygiene.audit.run import Audit, audit_domain
from hygiene.audit.spf_evaluation import drive, evaluate
from hygiene.config import AccountSettings, Settings
from hygiene.domain import registered_domain, to_ascii
from hygiene.errors import HygieneError, RecordError, UnreadableInput, UsageError
from hygiene.ip import parse_ip
from hygiene.resolver import Answer, Outcome, Resolver, run_now
from hygiene.sending.audience import Audience, open_audience
from hygiene.sending.compose import Composer
from hygiene.sending.definition import Definition
from hygiene.sending.filters import SCHEMES
from hygiene.sending.pace import SECOND_US
from hygiene.sending.preflight.parts import Key, Login, People, Relay, Route, Workspace
from hygiene.web import Fetcher

_DAY_S = 86_400
_LOGIN_S = 20.0  # patience with a server in each phase


def clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


# The list


def open_people(definition: Definition, to: Path | str, now: datetime) -> tuple[People, Audience | None]:
    """The list, and what is open of it; one that may not be mailed is not opened."""
    try:
        audience = open_audience(to, definition.fields, segment=definition.segment)
    except (UnreadableInput, UsageError) as error:
        return People(name=str(to), fault=str(error)), None
    change = " ".join(audience.changes())
    if change:
        made = audience.made_at
        return People(
            name=str(audience.path), change=change, made_at=made, rows=1, age_days=_age(made, now)
        ), None
    return _people(definition, audience, now), audience


def _people(definition: Definition, audience: Audience, now: datetime) -> People:
    templates = Composer(definition, b"").templates
    used = frozenset().union(*(template.fields for template in templates))
    links = sorted(frozenset().union(*(template.links for template in templates)))
    missing = audience.missing
    return People(
        name=str(audience.path),
        rows=audience.count(),
        made_at=audience.made_at,
        age_days=_age(audience.made_at, now),
        by_activity=audience.by_activity,
        missing=tuple(field for field in missing if field.default is None),
        blanks=tuple(blank for blank in audience.blanks() if blank.field in used),
        unsafe_links=audience.unsafe_links(links, SCHEMES),
        providers=_providers(audience.domains()),
        columns_unused=tuple(name for name in definition.fields if name not in used),
    )


def _age(made: datetime, now: datetime) -> float:
    return (now - made).total_seconds() / _DAY_S


def _providers(domains: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Mailboxes by provider, domains of their own by themselves."""
    from hygiene.events.values import providers

    names, counts = providers(), dict[str, int]()
    for domain, count in domains:
        name = names.get(domain, domain)
        counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items(), key=lambda each: -each[1]))


# The workspace


def look_at_workspace(settings: Settings, account: str, now: datetime) -> Workspace:
    """Whether the suppressions can be asked, and since when an account sends; a new store knows of nothing."""
    from hygiene.contacts.suppression.workspace import count_suppressions
    from hygiene.sending.allowance import sending_day
    from hygiene.store import open_store, store_exists

    place = settings.workspace.store
    shown = place.rpartition("@")[2] if "://" in place else place  # no password
    try:
        if not store_exists(place):
            return Workspace(place=shown)
        with open_store(place, key=Path(settings.workspace.key_file), create=False) as store:
            entries = sum(count_suppressions(store).values())
            with store.reading() as connection:
                day = sending_day(connection, account, round(now.timestamp() * SECOND_US))
            return Workspace(place=shown, entries=entries, sending_day=day)
    except HygieneError as error:
        return Workspace(place=shown, fault=str(error))


# The route


def look_at_domain(
    definition: Definition,
    account: AccountSettings,
    *,
    resolver: Resolver,
    fetcher: Fetcher | None,
    settings: Settings,
) -> tuple[Audit, Route]:
    """The audit of the From domain, and what SPF, DKIM and DMARC will see."""
    from hygiene.sending.signing_keys import why_no_signature

    sender = to_ascii(definition.sender.address.rpartition("@")[2]).lower()
    unheard = why_no_signature(account)
    keys = tuple(replace(key, fault=unheard) if unheard else key for key in map(_key, account.sign))
    audit = audit_domain(
        sender,
        selectors=(*settings.audit.selectors, *(key.selector for key in keys if key.domain == sender)),
        ips=settings.audit.ips,
        resolver=resolver,
        fetcher=fetcher,
        timeout_s=settings.audit.timeout,
        second_opinion=False,
    )
    envelope = to_ascii(definition.return_path).lower() or sender
    return audit, run_now(_route(account, envelope, keys, audit, resolver))


def try_login(account: AccountSettings, name: str) -> Login | None:
    """What the account's server says to a login; None where its provider has no way to ask without sending."""
    from hygiene.sending.transports.open import try_account

    smtp = account.transport == "smtp"
    place = f"{account.host}:{account.port}" if smtp else account.endpoint or account.transport
    try:
        reply = run_now(try_account(account, name=name, patience_s=_LOGIN_S))
    except HygieneError as error:
        return Login(place=place, fault=str(error))
    return Login(place=place, reply=reply) if reply else None


def _key(entry: str) -> Key:
    """The key of one entry of an account's `sign`: SELECTOR._domainkey.DOMAIN=file:PATH."""
    name = entry.partition("=")[0].strip().lower()
    selector, _, domain = name.partition("._domainkey.")
    if not selector or not domain:
        return Key(
            selector=selector or "?", domain=domain or "?", fault="write SELECTOR._domainkey.DOMAIN=file:KEY"
        )
    try:
        return Key(selector=selector, domain=domain, record=public_record(entry))
    except HygieneError as error:
        return Key(selector=selector, domain=domain, fault=str(error))


def public_record(entry: str) -> str:
    """The record that belongs to the key of an entry of `sign`; raises a HygieneError where there is none."""
    from hygiene.sending.signing_keys import load_signer

    return load_signer(entry).public_record()


async def _route(
    account: AccountSettings, envelope: str, keys: Sequence[Key], audit: Audit, resolver: Resolver
) -> Route:
    sender = audit.domain
    domains = dict.fromkeys((sender, envelope, *(key.domain for key in keys if key.domain != "?")))
    view, unknown = audit.views["dmarc"], ""
    organizational = {}
    for domain in domains:
        organizational[domain], silent = await _organization(domain, resolver)
        unknown = unknown or silent
    record = view.record
    relays, relay_unknown = await _relays(account, envelope, resolver)
    return Route(
        account=account,
        sender=sender,
        envelope=envelope,
        keys=tuple([await _published(key, resolver) for key in keys]),
        relays=relays,
        relay_unknown=relay_unknown,
        organizational=organizational,
        strict_dkim=record is not None and record.dkim_alignment is Alignment.STRICT,
        strict_spf=record is not None and record.spf_alignment is Alignment.STRICT,
        policy=view.effective.policy.value if view.effective else "",
        envelope_receives=await _receives(envelope, resolver),
        unknown=unknown or view.unknown,
    )


async def _organization(domain: str, resolver: Resolver) -> tuple[str, str]:
    """The organizational domain (RFC 9989 §4.10.2; without a record by the public suffix list); why not."""
    answers = {name: await resolver.resolve(f"_dmarc.{name}", "TXT") for name in tree_names(domain)}
    records = {name: tuple(_dmarc_records(answer)) for name, answer in answers.items()}
    silent = next((answer.reason for answer in answers.values() if not answer.is_known), "")
    if not any(records.values()):
        return registered_domain(domain), silent
    return organizational_domain(domain, lambda name: records.get(name, ())), silent


def _dmarc_records(answer: Answer) -> list[DmarcRecord]:
    found = []
    for text in answer.texts:
        if is_dmarc(text):
            try:
                found.append(parse_dmarc(text))
            except RecordError:
                continue
    return found


async def _published(key: Key, resolver: Resolver) -> Key:
    if key.domain == "?":
        return key
    answer = await resolver.resolve(key.name, "TXT")
    return replace(key, unknown=answer.reason, published=answer.texts if answer.is_known else ())


async def _relays(account: AccountSettings, envelope: str, resolver: Resolver) -> tuple[tuple[Relay, ...], str]:
    """The addresses of the SMTP host and what SPF says of each; of private ones nothing can be said."""
    if account.transport != "smtp":
        return (), ""
    literal = parse_ip(account.host)
    found, unknown = ([str(literal)], "") if literal else await _addresses(account.host, resolver)
    relays = []
    for ip in found:
        address = parse_ip(ip)
        if address is None or address.is_loopback or address.is_link_local or _is_inner(ip):
            continue
        asking = evaluate(ip=ip, helo=account.host, mail_from=f"b@{envelope}")
        relays.append(Relay(ip=ip, verdict=await drive(asking, resolver)))
    return tuple(relays), unknown


async def _addresses(host: str, resolver: Resolver) -> tuple[list[str], str]:
    if host == "localhost" or "." not in host:
        return [], ""
    answers = [await resolver.resolve(host, kind) for kind in ("A", "AAAA")]
    found = [value for answer in answers if answer.outcome is Outcome.RECORDS for value in answer.values]
    return found, "" if found else next((each.reason for each in answers if not each.is_known), "")


def _is_inner(ip: str) -> bool:
    """Private networks (RFC 1918, RFC 4193): the relay sends from another address."""
    first, second = [*ip.split("."), "", ""][:2]
    return (
        first == "10"
        or (first, second) == ("192", "168")
        or ip.lower().startswith(("fc", "fd"))
        or (first == "172" and second.isdigit() and 16 <= int(second) <= 31)
    )


async def _receives(domain: str, resolver: Resolver) -> bool | None:
    """Whether a domain takes mail (RFC 5321 §5.1); None where DNS does not say."""
    mx = await resolver.resolve(domain, "MX")
    if mx.outcome is Outcome.RECORDS:
        return any(host not in {"", "."} for _, host in mx.exchanges)  # a null MX takes none, RFC 7505
    addresses = [await resolver.resolve(domain, kind) for kind in ("A", "AAAA")]
    if any(each.outcome is Outcome.RECORDS for each in addresses):
        return True if mx.is_known else None
    return False if mx.is_known and all(each.is_known for each in addresses) else None


def parts_by_name(parts: Any) -> Mapping[str, Any]:
    """The parts by the names that checks use."""
    return {name: getattr(parts, name) for name in parts.__dataclass_fields__}
