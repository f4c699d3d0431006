"""A campaign: a TOML file beside its templates, read, checked and made into a definition."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from hygiene.address import Invalid, judge_address
from hygiene.config import AccountSettings, ServiceSettings, Settings, Stream, StreamSettings
from hygiene.errors import UnreadableInput, UsageError
from hygiene.files import read_whole
from hygiene.period import read_duration
from hygiene.sending.compose import Composer, known_fields
from hygiene.sending.definition import (
    OWN_FIELDS,
    Canary,
    Definition,
    InDoubt,
    MergeField,
    Person,
    Tracking,
    Version,
    seal,
)
from hygiene.sending.markup import MAX_SOURCE, make_html
from hygiene.sending.states import LANES
from hygiene.sending.template import compile_template
from hygiene.sending.text_part import make_text

MAX_INCLUDES: Final = 50  # files read for one template
MAX_INCLUDED: Final = 10  # files within files

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_INCLUDE: Final = re.compile(
    r"\{%[-+]?\s*include\s*(?:\"([^\"]*)\"|'([^']*)')\s*[-+]?%\}"
    r"|<mj-include\s+path\s*=\s*(?:\"([^\"]*)\"|'([^']*)')\s*(?:/>|>\s*</mj-include\s*>)",
    re.IGNORECASE,
)
_WRAPPED: Final = re.compile(
    r"\s*<mjml[^>]*>\s*<mj-body[^>]*>(.*)</mj-body>\s*</mjml>\s*", re.DOTALL | re.IGNORECASE
)
#: header fields that are not the campaign's to set
_OURS: Final = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "sender",
        "subject",
        "date",
        "message-id",
        "reply-to",
        "return-path",
        "received",
    }
    | {"mime-version", "dkim-signature", "list-unsubscribe", "list-unsubscribe-post", "feedback-id"}
    | {"x-hygiene-ref", "authentication-results"}
)


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[variants.NAME]`` table: what is other for a part of the people."""

    weight: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    subject: str = ""
    preheader: str = ""
    html: str = ""
    mjml: str = ""
    text: str = ""


class CanaryKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``canary`` table."""

    share: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.02
    wait: str = "1h"


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a campaign's file."""

    name: str
    stream: Stream
    subject: str
    preheader: str = ""
    html: str = ""  # file names beside the TOML file
    mjml: str = ""
    text: str = ""
    sender: str = ""  # Name <address>; "" is the stream's
    reply_to: str = ""
    fields: dict[str, str | MergeField] = {}
    headers: dict[str, str] = {}
    not_before: datetime | None = None
    expires_after: str = ""  # 12h, 3d; "" is the stream's
    canary: CanaryKeys | None = None
    segment: str = ""
    variants: dict[str, Variant] = {}
    variant_seed: str = ""
    tracking: bool | tuple[Literal["opens", "clicks", "text-clicks"], ...] = False


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What was read: the file, its keys, the stream and account it goes by, and every file it names."""

    path: Path
    keys: Keys
    stream: StreamSettings
    account: AccountSettings
    sources: Mapping[str, str]  # file name → text, with what it includes
    tracking: Tracking | None = None

    @property
    def name(self) -> str:
        """What `hygiene send` and events call it."""
        return self.keys.name

    def define(self) -> Definition:
        """Everything its mails are made from; raises UsageError with one sentence."""
        return _define(self)


def load_campaign(path: Path | str, settings: Settings) -> Campaign:
    """Read a campaign's file and those beside it.

    Raises UnreadableInput for what cannot be read, UsageError for what cannot be; each is one sentence.
    """
    path = Path(path)
    keys = _keys(path)
    stream = settings.streams.get(keys.stream)
    if stream is None:
        raise UsageError(f"{path}: the settings have no [streams.{keys.stream}] to send it by")
    account = settings.accounts.get(stream.account)
    if account is None:
        raise UsageError(
            f"[streams.{keys.stream}] goes by the account {stream.account!r}, which the settings lack"
        )
    names = dict.fromkeys(name for each in _worded(keys).values() for name in _files(each))
    sources = {name: _expanded(path.parent, name, str(path)) for name in names}
    return Campaign(
        path=path,
        keys=keys,
        stream=stream,
        account=account,
        sources=sources,
        tracking=_tracking(keys, settings.service, path),
    )


def _tracking(keys: Keys, service: ServiceSettings, path: Path) -> Tracking | None:
    """What the campaign asks to be counted, where the settings let it."""
    asked = frozenset(("opens", "clicks") if keys.tracking is True else keys.tracking or ())
    if not asked:
        return None
    if not service.tracking or not service.url:
        lacks = "url" if service.tracking else "tracking = true"
        raise UsageError(f"{path} asks for tracking, and [service] of the settings has no {lacks}")
    return Tracking(
        base=service.url.rstrip("/"),
        opens="opens" in asked,
        clicks="clicks" in asked,
        text_clicks="text-clicks" in asked,
    )


# The file


def _keys(path: Path) -> Keys:
    try:
        table = tomllib.loads(read_whole(path))
    except tomllib.TOMLDecodeError as error:
        raise UnreadableInput(f"{path} is not TOML: {error}") from None
    try:
        keys = msgspec.convert(table, Keys)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {_unknown_key(table) or error}") from None
    for fault in _faults(keys):
        raise UsageError(f"{path}: {fault}")
    return keys


def _unknown_key(table: Mapping[str, Any]) -> str:
    names = [each.name for each in msgspec.structs.fields(Keys)]
    for key in table:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            return f"there is no key {key!r}; " + (
                f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            )
    return ""


def _faults(keys: Keys) -> Iterator[str]:
    """What is wrong with the keys, each a sentence."""
    if not _NAME.fullmatch(keys.name):
        yield f"the name {keys.name[:40]!r} cannot be one: letters, digits, dots, - and _ are, at most 80"
    if keys.name in LANES:
        yield f"the name {keys.name} is that of a stream: give the campaign one of its own"
    if not keys.subject.strip():
        yield "the subject is empty"
    if not (keys.html or keys.mjml or keys.text):
        yield "a campaign needs html, mjml or text: the name of a file beside it"
    for label, each in _worded(keys).items():
        if each.html and each.mjml:
            yield f"{label}html and mjml are two ways to say the same: keep one"
        if any("\n" in text or "\r" in text for text in (each.subject, each.preheader)):
            yield f"{label}subject and preheader are one line each"
    if len(keys.variants) == 1:
        yield "one variant is no test: name two or more, one of which may be as the campaign itself"
    if keys.not_before is not None and keys.not_before.tzinfo is None:
        yield "not_before needs its zone: 2026-03-20T09:00:00+01:00"
    yield from _field_faults(keys)
    yield from _header_faults(keys)


def _worded(keys: Keys) -> dict[str, Keys | Variant]:
    """All that have words or files: the campaign under "", its variants as they are called in a sentence."""
    return {"": keys, **{f"variants.{name}: ": each for name, each in keys.variants.items()}}


def _field_faults(keys: Keys) -> Iterator[str]:
    for name in keys.fields:
        if not _FIELD.fullmatch(name):
            yield f"the field {name[:40]!r} cannot be one: a letter, then letters, digits and _"
        if name in OWN_FIELDS or name == "loop":
            yield f"the field {name!r} is there already: {', '.join(OWN_FIELDS)} are"
    for name in keys.variants:
        if not _NAME.fullmatch(name):
            yield f"the variant {name[:40]!r} cannot be one: letters, digits, dots, - and _ are"


def _header_faults(keys: Keys) -> Iterator[str]:
    for name, value in keys.headers.items():
        if not _HEADER.fullmatch(name):
            yield f"{name[:40]!r} is no header field"
        elif name.lower() in _OURS or name.lower().startswith(("content-", "resent-", "arc-")):
            yield f"the header field {name} is not a campaign's to set"
        if not value.isprintable() or "{{" in value or "{%" in value or len(value) > 900:
            yield f"the header field {name[:40]} holds one line of plain text"


def _files(keys: Keys | Variant) -> Iterator[str]:
    yield from (name for name in (keys.html, keys.mjml, keys.text) if name)


def _expanded(folder: Path, name: str, of: str) -> str:
    """A file with what it includes, none of them outside the folder."""
    counted = 0

    def text(wanted: str, by: str, depth: int) -> str:
        nonlocal counted
        counted += 1
        if depth > MAX_INCLUDED or counted > MAX_INCLUDES:
            raise UsageError(f"{by} includes itself, or more than {MAX_INCLUDES} files")
        found = _read_beside(folder, wanted, by)

        def included(match: re.Match[str]) -> str:
            inner = text(
                next(each for each in match.groups() if each is not None), str(folder / wanted), depth + 1
            )
            wrapped = _WRAPPED.fullmatch(inner)
            return wrapped[1] if wrapped else inner

        return _INCLUDE.sub(included, found)

    whole = text(name, of, 0)
    if len(whole) > MAX_SOURCE:
        raise UsageError(f"{folder / name} is too large for a mail: {len(whole):,} characters")
    return whole


def _read_beside(folder: Path, name: str, by: str) -> str:
    place = folder / name
    if "\0" in name or not place.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{by} names {name!r}, which is outside its folder")
    if not place.is_file():
        raise UnreadableInput(f"{by} names {name!r}, and there is no such file beside it")
    if place.stat().st_size > 4 * MAX_SOURCE:
        raise UsageError(f"{place} is too large for a mail: {place.stat().st_size:,} bytes")
    return read_whole(place)


# The definition


def _define(campaign: Campaign) -> Definition:
    keys, stream = campaign.keys, campaign.stream
    definition = Definition(
        name=keys.name,
        stream=keys.stream,
        topic=stream.topic or keys.stream,
        account=stream.account,
        sender=_person(keys.sender or stream.sender, "sender"),
        reply_to=_person(keys.reply_to or stream.reply_to, "reply_to")
        if keys.reply_to or stream.reply_to
        else None,
        fields={name: _field(each) for name, each in keys.fields.items()},
        versions=tuple(_versions(campaign)),
        variant_seed=keys.variant_seed,
        headers=keys.headers,
        unsubscribe=stream.unsubscribe,
        unsubscribe_mail=stream.unsubscribe_mail,
        postal_address=stream.postal_address,
        return_path=campaign.account.return_path,
        not_before=keys.not_before,
        expires_after_s=read_duration(keys.expires_after or stream.expires_after),
        in_doubt=stream.in_doubt or _in_doubt(keys.stream),
        canary=Canary(keys.canary.share, read_duration(keys.canary.wait)) if keys.canary else None,
        segment=keys.segment,
        tracking=campaign.tracking or msgspec.UNSET,
    )
    Composer(definition, b"")  # its templates are checked before anything is queued
    return seal(definition)


def _in_doubt(stream: Stream) -> InDoubt:
    """A receipt twice is better than never; a newsletter once is enough."""
    return "resend" if stream == "transactional" else "park"


def _field(written: str | MergeField) -> MergeField:
    return MergeField(written) if isinstance(written, str) else written


def _person(written: str, key: str) -> Person:
    name, address = parseaddr(written)
    judged = judge_address(address)
    if isinstance(judged, Invalid) or any(each in written for each in "\r\n"):
        raise UsageError(f"{key} {written[:80]!r} is no mailbox: write Name <address@domain>")
    return Person(judged.normal, name)


def _versions(campaign: Campaign) -> Iterator[Version]:
    keys = campaign.keys
    if not keys.variants:
        yield _version(campaign, "", Variant())
    for name, variant in keys.variants.items():
        yield _version(campaign, name, variant)


def _version(campaign: Campaign, name: str, variant: Variant) -> Version:
    """A version: the campaign's own words and files where the variant has none."""
    keys = campaign.keys
    own = bool(variant.html or variant.mjml)
    markup = variant.html or variant.mjml if own else keys.html or keys.mjml
    mjml = bool(variant.mjml if own else keys.mjml)
    html = ""
    if markup:
        known = known_fields(keys.fields, unsubscribe=bool(campaign.stream.unsubscribe))
        compile_template(
            campaign.sources[markup], name=markup, html=True, known=known
        )  # with the file's own lines
        preheader = variant.preheader or keys.preheader
        html = make_html(campaign.sources[markup], mjml=mjml, preheader=preheader, name=markup)
    words = variant.text or ("" if own else keys.text)
    return Version(
        name=name,
        weight=variant.weight,
        subject=variant.subject or keys.subject,
        html=html,
        text=campaign.sources[words] if words else make_text(html, name=markup),
    )
