"""What a BIMI record points to: the logo (SVG Tiny PS) and the mark certificate, each judged from its bytes.

Both come from strangers, so nothing here raises: whatever is wrong is a problem in the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from hygiene.audit.records.tag_list import excerpt

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SVG_NAMESPACE = "http://www.w3.org/2000/svg"
MAX_LOGO_BYTES = 32 * 1024  # BIMI draft §4.2: receivers need not read more
MAX_PARSED_BYTES = 1024 * 1024  # beyond it the logo is not even parsed
MAX_PROBLEMS = 20  # reported of one logo
MAX_PEM_BYTES = 256 * 1024  # of a whole chain

MARK_EKU = "1.3.6.1.5.5.7.3.31"  # id-kp-BrandIndicatorforMessageIdentification
LOGOTYPE_EXTENSION = "1.3.6.1.5.5.7.1.12"  # RFC 9399
MARK_TYPE = "1.3.6.1.4.1.53087.1.13"  # in the subject
MARK_KINDS = {
    "registered mark": "VMC",
    "government mark": "VMC",
    "prior use mark": "CMC",
    "modified registered mark": "CMC",
    "pending registration mark": "CMC",
    "provisional mark": "CMC",
}

_FORBIDDEN = {
    **dict.fromkeys(("script", "handler", "listener"), "a script"),
    **dict.fromkeys(("animate", "animateColor", "animateMotion", "animateTransform", "set"), "an animation"),
    **dict.fromkeys(("audio", "video", "animation"), "sound or video"),
    "image": "an embedded image",
    "foreignObject": "foreign content",
}
_REFERENCE = re.compile(r"url\(['\"\s]*+(?!#)|@import", re.IGNORECASE)
_STYLESHEET = b"<?xml-stylesheet"
_GZIP = b"\x1f\x8b"


def check_logo(svg: bytes) -> tuple[str, ...]:
    """Everything that keeps a logo from being SVG Tiny PS; empty when it is fine."""
    if svg.startswith(_GZIP):
        return ("it is gzip-compressed (.svgz); publish the plain SVG",)
    size = [f"it is {len(svg)} bytes long, more than {MAX_LOGO_BYTES}"] if len(svg) > MAX_LOGO_BYTES else []
    if len(svg) > MAX_PARSED_BYTES:
        return tuple(size)
    root = _parse_xml(svg)
    if isinstance(root, str):
        return (*size, root)
    found = [*size, *_root_problems(root), *_title_problems(root), *_content_problems(root)]
    if _STYLESHEET in svg:
        found.append("it refers to an external style sheet")
    return tuple(dict.fromkeys(found))[:MAX_PROBLEMS]


def _parse_xml(svg: bytes) -> Element | str:
    """The root element, or why there is none."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(svg)
    except DefusedXmlException:
        return "it declares XML entities"
    except (SyntaxError, ValueError, LookupError) as error:  # ParseError, bad or unknown encodings
        return f"it is not well-formed XML: {error}"
    return root


def _root_problems(root: Element) -> Iterator[str]:
    if root.tag != f"{{{SVG_NAMESPACE}}}svg":
        yield f"its root is not an svg element of the namespace {SVG_NAMESPACE}"
        return
    if root.get("version") != "1.2":
        yield 'the root lacks version="1.2"'
    if root.get("baseProfile") != "tiny-ps":
        yield 'the root lacks baseProfile="tiny-ps"'
    for name in ("x", "y"):
        if name in root.attrib:
            yield f"the root has an {name} attribute"
    yield from _view_box_problems(root.get("viewBox"))


def _view_box_problems(view_box: str | None) -> Iterator[str]:
    if view_box is None:
        yield "the root has no viewBox"
        return
    try:
        _x, _y, width, height = (float(number) for number in re.split(r"[\s,]+", view_box.strip()))
    except ValueError:
        yield "its viewBox is not four numbers"
        return
    if not (width == height and 0 < width < float("inf")):
        yield f"its viewBox is {width:g} by {height:g}, not square"


def _title_problems(root: Element) -> Iterator[str]:
    title = root.find(f"{{{SVG_NAMESPACE}}}title")
    if title is None or not any((element.text or "").strip() for element in _walk(title)):
        yield "it has no title"


def _walk(root: Element) -> Iterator[Element]:
    """The element and all below it, without recursion: a stranger chooses the depth."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        yield element
        waiting.extend(element)


def _content_problems(root: Element) -> Iterator[str]:
    for element in _walk(root):
        name = _local_name(str(element.tag))
        if name in _FORBIDDEN:
            yield f"it holds {_FORBIDDEN[name]} (<{name}>)"
        if name == "style" and _REFERENCE.search(_direct_text(element)):
            yield "a style refers to something outside the file"
        for attribute, value in element.attrib.items():
            yield from _attribute_problems(_local_name(attribute), value)


def _direct_text(element: Element) -> str:
    return "".join((element.text or "", *(child.tail or "" for child in element)))


def _attribute_problems(name: str, value: str) -> Iterator[str]:
    if name == "href" and not value.strip().startswith("#"):
        yield "it links to something outside the file (href)"
    elif name.lower().startswith("on"):
        yield f"it holds a script ({excerpt(name)})"
    elif _REFERENCE.search(value):
        yield f"{excerpt(name)} refers to something outside the file"


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


@dataclass(frozen=True, kw_only=True)
class MarkCertificate:
    """The first certificate of the evidence document; what could not be read stays empty."""

    kind: str = "unknown"  # VMC, CMC or unknown
    subject: str = ""  # RFC 4514
    not_before: datetime | None = None  # UTC
    not_after: datetime | None = None  # UTC
    domains: tuple[str, ...] = ()  # DNS names of the SAN, lower case
    problems: tuple[str, ...] = ()


def check_certificate(pem: bytes, *, domain: str, selector: str, now: datetime) -> MarkCertificate:
    """Judge a mark certificate for one domain at one time; the chain is not followed to a root."""
    if len(pem) > MAX_PEM_BYTES:
        return MarkCertificate(problems=(f"the file is longer than {MAX_PEM_BYTES} bytes",))
    try:
        return _judge(_first_certificate(pem), frozenset({domain, f"{selector}._bimi.{domain}"}), now)
    except Exception as error:  # a stranger's ASN.1 fails in more ways than cryptography documents
        return MarkCertificate(problems=(f"it cannot be read as a PEM certificate: {error}",))


def _first_certificate(pem: bytes) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificates

    return load_pem_x509_certificates(pem)[0]


def _judge(certificate: Certificate, wanted: frozenset[str], now: datetime) -> MarkCertificate:
    kind, domains = _kind(certificate), _dns_names(certificate)
    problems = [*_extension_problems(certificate), *_validity_problems(certificate, now)]
    if kind == "unknown":
        problems.append("its subject names no known mark type, so it is neither a VMC nor a CMC")
    if {_plain(name) for name in wanted}.isdisjoint(domains):
        problems.append(f"it is for {', '.join(domains) or 'no domain'}, not for {min(wanted, key=len)}")
    return MarkCertificate(
        kind=kind,
        subject=certificate.subject.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        domains=domains,
        problems=tuple(problems),
    )


def _kind(certificate: Certificate) -> str:
    from cryptography.x509 import ObjectIdentifier

    marks = certificate.subject.get_attributes_for_oid(ObjectIdentifier(MARK_TYPE))
    return MARK_KINDS.get(str(marks[0].value).strip().lower(), "unknown") if len(marks) == 1 else "unknown"


def _dns_names(certificate: Certificate) -> tuple[str, ...]:
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName

    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ()
    return tuple(_plain(name) for name in names.get_values_for_type(DNSName))


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _validity_problems(certificate: Certificate, now: datetime) -> Iterator[str]:
    moment = now if now.tzinfo else now.replace(tzinfo=UTC)
    if moment < certificate.not_valid_before_utc:
        yield f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
    if moment > certificate.not_valid_after_utc:
        yield f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}"


def _extension_problems(certificate: Certificate) -> Iterator[str]:
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound

    try:
        usages = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
        marked = any(usage.dotted_string == MARK_EKU for usage in usages)
    except ExtensionNotFound:
        marked = False
    if not marked:
        yield f"it is not a mark certificate: extended key usage {MARK_EKU} is missing"
    if not any(extension.oid.dotted_string == LOGOTYPE_EXTENSION for extension in certificate.extensions):
        yield f"it holds no logo: the logotype extension {LOGOTYPE_EXTENSION} is missing"
