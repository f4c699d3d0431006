"""Report addresses: the comma lists of DMARC's ``rua``/``ruf`` and TLS-RPT's ``rua`` (RFC 3986, RFC 6068)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from hygiene.audit.records.host_names import to_a_labels
from hygiene.audit.records.tag_list import BLANKS, TagProblem

MAX_URIS = 256  # addresses read of one tag; real records hold a handful
MAX_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):((?:[A-Za-z0-9\-._~:/?#\[\]@$&'()*+=]|%[0-9A-Fa-f]{2})+)")
_SIZE_LIMIT = re.compile(r"[0-9]{1,20}[kmgtKMGT]?")  # RFC 7489 §6.2; obsolete since RFC 9989
_LOCAL_PART = re.compile(r'[^\s"(),:;<>@\[\\\]\x00-\x1f\x7f-\x9f]+|"[^"\\\x00-\x1f\x7f-\x9f]*"')


@dataclass(frozen=True, kw_only=True)
class ReportUri:
    """One place reports are sent to."""

    uri: str  # as published, without the size limit
    scheme: str  # lower case
    address: str | None = None  # of mailto, percent-decoded, its host in A-labels
    host: str | None = None  # lower-case A-labels
    size_limit: str | None = None  # "!10m"

    def to_text(self) -> str:
        """As published."""
        return self.uri if self.size_limit is None else f"{self.uri}!{self.size_limit}"


def parse_report_uri(text: str) -> ReportUri:
    """Read one address.

    Raises:
        ValueError: its text says what is wrong.
    """
    uri, mark, size = text.partition("!")
    if mark and not _SIZE_LIMIT.fullmatch(size):
        raise ValueError('"!" must be written %21 (only a size limit such as !10m may follow it)')
    match = _URI.fullmatch(uri)
    if not match:
        raise ValueError(_why_no_uri(uri))
    scheme = match[1].lower()
    address = _mailto_address(match[2]) if scheme == "mailto" else None
    host = address.rpartition("@")[2] if address else _authority_host(uri)
    if scheme in ("http", "https") and not host:
        raise ValueError(f"{scheme}: without a host name")
    return ReportUri(uri=uri, scheme=scheme, address=address, host=host, size_limit=size if mark else None)


def parse_report_uris(tag: str, text: str) -> tuple[tuple[ReportUri, ...], tuple[TagProblem, ...]]:
    """The sound addresses of a comma list, and a problem for each of the others."""
    sound, problems = [], []
    for item in (part.strip(BLANKS) for part in text.split(",", MAX_URIS)):
        try:
            sound.append(parse_report_uri(item))
        except ValueError as error:
            problems.append(TagProblem(tag=tag, value=item, reason=str(error)))
    return tuple(sound), tuple(problems)


def join_report_uris(uris: Iterable[ReportUri]) -> str:
    """The comma list of a tag."""
    return ",".join(uri.to_text() for uri in uris)


def _why_no_uri(uri: str) -> str:
    if not uri:
        return "an empty element in the list of addresses"
    if "@" in uri and ":" not in uri:
        return "an address without mailto: in front"
    if "," in uri:
        return 'a "," that is not written %2C, or too many addresses'
    return "not a URI (RFC 3986)"


def _mailto_address(rest: str) -> str:
    path = rest.partition("#")[0].partition("?")[0]
    try:
        local, at, host = unquote(path, errors="strict").rpartition("@")
    except UnicodeDecodeError:
        raise ValueError("percent-encoding that is not UTF-8") from None
    ascii_host = to_a_labels(host)
    if not at or not _is_local_part(local) or ascii_host is None or host.endswith("."):
        raise ValueError("mailto: without a valid address")
    return f"{local}@{ascii_host}"


def _is_local_part(local: str) -> bool:
    if len(local) > MAX_LOCAL_PART or not _LOCAL_PART.fullmatch(local):
        return False
    return local.startswith('"') or all(local.split("."))


def _authority_host(uri: str) -> str | None:
    try:
        host = urlsplit(uri).hostname
    except ValueError:  # an unbalanced bracket
        return None
    return to_a_labels(host) if host else None
