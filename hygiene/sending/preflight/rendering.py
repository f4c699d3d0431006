"""The templates filled for the recipients, and the mails that come of it judged by the rules of content."""

from __future__ import annotations

from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime, formataddr
from itertools import chain
from typing import Final

import msgspec

from hygiene.content.lint import judge
from hygiene.content.page import MAX_HTML_BYTES, read_page
from hygiene.content.parts import Content, Message
from hygiene.errors import HygieneError, UsageError
from hygiene.finding import Finding, by_severity
from hygiene.sending.audience import Audience, Recipient
from hygiene.sending.compose import Composer
from hygiene.sending.definition import Definition
from hygiene.sending.letter import Letter
from hygiene.sending.preflight.parts import Rendered, Rendering
from hygiene.tokens import REF_LENGTH

_SOME_REF: Final = "a" * REF_LENGTH  # of a mail that is only looked at
_SHOWN: Final = 5  # failures told with their address
#: rules of content that are about marketing
_MARKETING: Final = ("postal-address-missing", "unsubscribe-link-missing", "list-unsubscribe-missing")


def render(definition: Definition, audience: Audience | None, *, now: datetime) -> Rendering:
    """Fill the templates: for all recipients where some values can fail, always for those at the extremes."""
    composer = Composer(definition, b"")
    plain = Composer(without_tracking(definition), b"") if definition.tracking else composer
    extremes = audience.extremes() if audience else None
    chosen = extremes.each() if extremes else {"sample": _sample(definition)}
    every = audience is not None and any(template.can_fail for template in composer.templates)
    rest = chain.from_iterable(audience.batches()) if audience and every else iter(chosen.values())
    failures: list[str] = []
    failed = tried = 0
    for recipient in rest:
        tried += 1
        fault = _fault(composer, recipient)
        failed += bool(fault)
        if fault and len(failures) < _SHOWN:
            failures.append(f"{recipient[0]}: {fault}")
    mails = tuple(_rendered(composer, plain, chosen, now))
    return Rendering(mails=mails, tried=tried, every=every, failed=failed, failures=tuple(failures))


def _sample(definition: Definition) -> Recipient:
    fields = {name: field.default or name.replace("_", " ") for name, field in definition.fields.items()}
    return "someone@example.com", fields


def _fault(composer: Composer, recipient: Recipient) -> str:
    """Why a mail cannot be made; ""."""
    address, fields = recipient
    try:
        composer.try_out(address, fields)
    except UsageError as error:
        return str(error)
    return ""


def without_tracking(definition: Definition) -> Definition:
    """The same with its links as they were written."""
    return msgspec.structs.replace(definition, tracking=msgspec.UNSET)


def _rendered(
    composer: Composer, plain: Composer, chosen: Mapping[str, Recipient], now: datetime
) -> Iterator[Rendered]:
    """Each mail as it leaves; where links are counted, those that people wrote are judged, too."""
    definition = composer.definition
    ignore = () if definition.marketing else _MARKETING
    for version in definition.versions:
        for label, (address, fields) in chosen.items():
            try:
                letter = _letter(composer, version.name, address, fields, now)
                name = f"{version.name} {label}".strip()
                lint = judge(content_of(letter, name=name), ignore=ignore)
                if definition.tracking:
                    written = content_of(_letter(plain, version.name, address, fields, now), name=name)
                    more = judge(written, select=("links",)).findings
                    lint = replace(lint, findings=tuple(by_severity([*lint.findings, *more])))
            except HygieneError:
                continue  # told among the failures
            yield Rendered(
                label=label,
                address=address,
                variant=version.name,
                subject=letter.subject,
                html_bytes=len(letter.html.encode()),
                lint=lint,
            )


def _letter(composer: Composer, variant: str, address: str, fields: Mapping[str, str], now: datetime) -> Letter:
    return composer.letter(ref=_SOME_REF, recipient=address, fields=fields, now=now, variant=variant)


def content_of(letter: Letter, *, name: str) -> Content:
    """A letter as the rules of content see it; raises UsageError for one that is too large to judge."""
    html = letter.html.encode("utf-8", "replace")
    if len(html) > MAX_HTML_BYTES:
        raise UsageError(f"{len(html):,} bytes are too large for a mail")
    fields = {
        "from": formataddr((letter.sender.name, letter.sender.address)),
        "to": letter.to.address,
        "subject": letter.subject,
        "date": format_datetime(letter.date),
        "message-id": f"<{letter.message_id}>",
        **({"reply-to": letter.reply_to.address} if letter.reply_to else {}),
        **{key.lower(): value for key, value in letter.headers.items()},
    }
    return Content(
        name=name,
        subject=letter.subject,
        page=read_page(letter.html) if letter.html else None,
        text=letter.text or None,
        message=Message(
            fields={key: (value,) for key, value in fields.items()},
            from_domain=letter.sender.address.rpartition("@")[2],
            raw_subject=letter.subject,
        ),
        html_bytes=len(html),
        html_encoded_bytes=len(b2a_qp(html)),
    )


def content_findings(rendering: Rendering, subject: str) -> Iterator[Finding]:
    """The findings of all mails, each rule once: what only some of them have is told with whose mail it is."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for mail in rendering.mails:
        for finding in mail.lint.findings:
            found.setdefault((finding.id, finding.state), []).append(finding)
    for same in found.values():
        worst = min(same, key=lambda each: each.severity.rank)
        everywhere = len({each.subject for each in same}) == len(rendering.mails)
        yield _told(worst, same, subject, everywhere=everywhere)


def _told(worst: Finding, same: Iterable[Finding], subject: str, *, everywhere: bool) -> Finding:
    evidence = dict.fromkeys(line for each in same for line in each.evidence)
    if not everywhere:
        evidence = dict.fromkeys(f"{each.subject}: {line}" for each in same for line in each.evidence)
    return replace(worst, subject=subject, area="content", evidence=tuple(evidence)[:12])
