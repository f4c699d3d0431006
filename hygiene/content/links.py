"""A link: where it leads, what it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urlsplit

from hygiene.content.merge_fields import MERGE_FIELD
from hygiene.domain import registered_domain

_HOST_IN_TEXT = re.compile(
    r"(?:(https?)://)?((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24})(?=[/:?#\s]|$)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link of the HTML or the text part."""

    href: str
    text: str
    place: str
    alt: str = ""
    has_image: bool = False
    hidden: bool = False
    looks_like_button: bool = False
    number: int = -1  # of its element; -1 in a text

    @property
    def label(self) -> str:
        """What a reader takes it for: its text, or the alternative text of its image."""
        return (self.text or self.alt).strip()

    @property
    def is_merge_field(self) -> bool:
        """The address is filled in later."""
        return bool(MERGE_FIELD.match(self.href))

    @cached_property
    def scheme(self) -> str:
        """Lower case; '' for an anchor, a relative address or a merge field."""
        match = re.match(r"\s*([a-z][a-z0-9+.-]*)\s*:", self.href, re.IGNORECASE)
        return match[1].lower() if match else ""

    @cached_property
    def host(self) -> str:
        """Lower case, without port; '' where there is none or it is filled in later."""
        if self.scheme not in {"http", "https"}:
            return ""
        try:
            host = urlsplit(self.href.strip()).hostname or ""
        except ValueError:
            return ""
        return (
            ""
            if MERGE_FIELD.search(host) or "{" in host or "*|" in self.href[:12]
            else host.lower().rstrip(".")
        )

    @property
    def site(self) -> str:
        """The registered domain of the host, or the host itself."""
        return site_of(self.host)

    @property
    def is_ip(self) -> bool:
        """The host is an address, in whatever notation a browser understands."""
        try:
            ip_address(self.host)
        except ValueError:
            return bool(re.fullmatch(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", self.host))
        return True

    @property
    def shown_host(self) -> str:
        """The host its text names, if the text is an address; ''."""
        match = _HOST_IN_TEXT.match(self.text.strip())
        if not match:
            return ""
        whole = (
            match.end() == len(self.text.strip()) or bool(match[1]) or self.text.strip()[match.end()] in "/:?#"
        )
        return match[2].lower() if whole and (match[1] or _is_known_suffix(match[2])) else ""


def site_of(host: str) -> str:
    """The registered domain, as far as the public suffix list tells."""
    if not host or "." not in host:
        return host
    try:
        return registered_domain(host)
    except (ValueError, UnicodeError):
        return host


_COMMON_SUFFIX = re.compile(r"\.(?:com|net|org|info|biz|io|co|eu|shop|example|[a-z]{2})$")


def _is_known_suffix(host: str) -> bool:
    """A bare word with a dot is a host only below a suffix that is usual, not in "e.g.this"."""
    return bool(_COMMON_SUFFIX.search(host.lower()))
