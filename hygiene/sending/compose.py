"""Letters of a campaign: templates filled for one person, and the header fields that a campaign's mail needs.

No `Precedence: bulk`: it is no standard (RFC 2076 §3.9), and List-Unsubscribe and List-Id already keep
autoresponders from answering (RFC 5230 §4.6).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from hygiene.domain import to_ascii
from hygiene.sending.definition import OWN_FIELDS, Definition, Version
from hygiene.sending.letter import Letter, Mailbox
from hygiene.sending.template import Compiled, compile_template
from hygiene.sending.tracking import Tracker
from hygiene.tokens import CHECK_LENGTH, REF_LENGTH, Purpose, make_token

REF_HEADER: Final = "X-Hygiene-Ref"

_LIST_POST: Final = "List-Unsubscribe=One-Click"  # RFC 8058 §3.1
_VERP: Final = "b"
_SOME_REF: Final = "a" * REF_LENGTH
_SOME_TOKEN: Final = "a" * (REF_LENGTH + CHECK_LENGTH)
#: control characters, line separators, and marks that turn the direction of what follows
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_SPACES: Final = re.compile(r"\s+")
_NOT_LABEL: Final = re.compile(r"[^a-z0-9-]+")
_MAX_VALUE: Final = 10_000  # characters of a merge field


@dataclass(frozen=True, slots=True)
class _Parts:
    """The templates of a version."""

    version: Version
    headers: Mapping[str, str]  # that are the same for everybody
    subject: Compiled
    html: Compiled | None
    text: Compiled | None


class Composer:
    """Makes the letters of a campaign. Raises UsageError when its templates are not sound."""

    def __init__(self, definition: Definition, secret: bytes) -> None:
        self.definition, self._secret = definition, secret
        self._domain = to_ascii(definition.sender.address.rpartition("@")[2])
        known = known_fields(definition.fields, unsubscribe=bool(definition.unsubscribe))
        standing, self._tracker = _standing_headers(definition), tracker_of(definition, secret)
        self._parts = {
            each.name: _compile(
                each, known, {**standing, "Feedback-ID": feedback_id(definition, each.name)}, self._tracker
            )
            for each in definition.versions
        }
        self._marks = _marks(definition.versions)

    @cached_property
    def templates(self) -> tuple[Compiled, ...]:
        """Every template of every version."""
        parts = (part for each in self._parts.values() for part in (each.subject, each.html, each.text))
        return tuple(part for part in parts if part is not None)

    def letter(
        self,
        *,
        ref: str,
        recipient: str,
        fields: Mapping[str, str],
        now: datetime,
        variant: str | None = None,
    ) -> Letter:
        """The letter to one person; the same for the same arguments. `variant` is the person's if not given.

        Raises UsageError with one sentence when a template cannot be filled.
        """
        definition = self.definition
        token = make_token(ref, Purpose.UNSUBSCRIBE, self._secret)
        values = self._values(recipient, fields, token, ref)
        parts = self._parts[self.variant(ref) if variant is None else variant]
        return Letter(
            sender=definition.sender.mailbox,
            to=Mailbox(address=recipient),
            subject=_SPACES.sub(" ", parts.subject.render(values)).strip(),
            html=parts.html.render(values) if parts.html else "",
            text=parts.text.render(values) if parts.text else "",
            reply_to=definition.reply_to.mailbox if definition.reply_to else None,
            date=now,
            message_id=f"{ref}@{self._domain}",
            headers={REF_HEADER: ref, **self._leaving(token), **parts.headers},
        )

    def try_out(self, recipient: str, fields: Mapping[str, str]) -> None:
        """Fill the templates that some values break, of every version; raises UsageError where these do."""
        values = self._values(recipient, fields, _SOME_TOKEN, _SOME_REF)
        for template in self.templates:
            if template.can_fail:
                template.render(values)

    def variant(self, ref: str) -> str:
        """The version that a person gets: by the hash of campaign, seed and person, the same on every try."""
        if len(self._marks) == 1:
            return self._marks[0][1]
        definition = self.definition
        seed = f"variant\0{definition.name}\0{definition.variant_seed}\0{ref}"
        at = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) / 2**64
        return next(name for mark, name in self._marks if at < mark)

    def return_path(self, ref: str) -> str:
        """The envelope sender: bounces come back to it, and its token tells whose mail they mean."""
        if not self.definition.return_path:
            return self.definition.sender.address
        return f"{_VERP}+{make_token(ref, Purpose.RETURN_PATH, self._secret)}@{self.definition.return_path}"

    def _values(self, recipient: str, fields: Mapping[str, str], token: str, ref: str) -> dict[str, Any]:
        definition = self.definition
        values: dict[str, Any] = {
            name: clean_value(fields.get(name) or "") or field.default or ""
            for name, field in definition.fields.items()
        }
        values["address"] = recipient
        values["sender_name"] = definition.sender.name
        values["postal_address"] = definition.postal_address
        if definition.unsubscribe:
            values["unsubscribe_url"] = unsubscribe_url(definition, token)
            values["preferences_url"] = f"{values['unsubscribe_url']}/preferences"
        return {**values, **self._tracker.links(ref)} if self._tracker else values

    def _leaving(self, token: str) -> dict[str, str]:
        """How to leave (RFC 2369, RFC 8058): for marketing only, as nobody unsubscribes from receipts."""
        definition = self.definition
        if not definition.marketing:
            return {}
        ways = [f"<{unsubscribe_url(definition, token)}>"] if definition.unsubscribe else []
        if definition.unsubscribe_mail:
            ways.append(f"<mailto:{definition.unsubscribe_mail}?subject=unsubscribe%20{token}>")
        if not ways:
            return {}
        headers = {"List-Unsubscribe": ", ".join(ways)}
        return {**headers, "List-Unsubscribe-Post": _LIST_POST} if definition.unsubscribe else headers


def known_fields(fields: Iterable[str], *, unsubscribe: bool) -> frozenset[str]:
    """What templates may ask for: the campaign's fields and ours, links to leave only where there are some."""
    own = set(OWN_FIELDS) if unsubscribe else set(OWN_FIELDS) - {"unsubscribe_url", "preferences_url"}
    return frozenset(own | set(fields))


def clean_value(value: str) -> str:
    """A merge field without characters that no one sees and that break lines or turn text around."""
    text = value[:_MAX_VALUE].replace("\r\n", "\n").replace("\r", "\n")
    return (_CONTROL.sub("", text) if _CONTROL.search(text) else text).strip()


def unsubscribe_url(definition: Definition, token: str) -> str:
    """Where a person leaves; opening it shows a page, only a POST acts."""
    return f"{definition.unsubscribe.rstrip('/')}/{token}"


def feedback_id(definition: Definition, version: str = "") -> str:
    """Campaign, version, stream and sender, as Gmail's complaint figures are grouped; nothing of the person.

    https://support.google.com/a/answer/6254652
    """
    domain = _label(to_ascii(definition.sender.address.rpartition("@")[2]))
    sender = domain[-15:].strip("-").rjust(5, "x")  # 5 to 15 characters
    return ":".join(
        [_label(definition.name)[:40], _label(version or definition.topic)[:40], definition.stream, sender]
    )


def tracker_of(definition: Definition, secret: bytes) -> Tracker | None:
    """What makes the mails of a campaign count opens and clicks; None where it asks for neither."""
    leaving = f"{definition.unsubscribe.rstrip('/')}/" if definition.unsubscribe else ""
    return Tracker(definition.tracking, leaving, secret) if definition.tracking else None


def _compile(
    version: Version, known: frozenset[str], headers: Mapping[str, str], tracker: Tracker | None
) -> _Parts:
    of = f" of variant {version.name}" if version.name else ""
    subject = compile_template(version.subject, name=f"the subject{of}", html=False, known=known)
    html = (
        compile_template(version.html, name=f"the HTML{of}", html=True, known=known) if version.html else None
    )
    text = (
        compile_template(version.text, name=f"the text{of}", html=False, known=known) if version.text else None
    )
    if tracker is not None:
        html = html and tracker.html(html, version.html)
        text = text and tracker.text(text, version.text)
    return _Parts(version, headers, subject, html, text)


def _marks(versions: tuple[Version, ...]) -> tuple[tuple[float, str], ...]:
    """Where the share of each version ends, between 0 and 1."""
    total, reached, marks = sum(each.weight for each in versions), 0, []
    for each in versions:
        reached += each.weight
        marks.append((reached / total, each.name))
    return tuple(marks)


def _standing_headers(definition: Definition) -> dict[str, str]:
    headers = dict(definition.headers)
    if definition.marketing:
        domain = to_ascii(definition.sender.address.rpartition("@")[2])
        headers.setdefault("List-Id", f"<{_label(definition.topic)}.{domain}>")  # RFC 2919 §2
    else:
        headers.setdefault("Auto-Submitted", "auto-generated")  # RFC 3834 §5
    return headers


def _label(text: str) -> str:
    return _NOT_LABEL.sub("-", text.lower()).strip("-") or "x"
