"""Rules of links: where they lead, and what they pretend."""

from __future__ import annotations

from collections.abc import Iterator

from hygiene.content.knowledge import data, limit, words
from hygiene.content.links import Link, site_of
from hygiene.content.page import Page
from hygiene.content.parts import Content, Message
from hygiene.content.registry import rule
from hygiene.content.spelling import mixed_words
from hygiene.content.wording import fold
from hygiene.finding import Confidence, Evidence, Problem, Severity


def _has_body(content: Content) -> bool:
    return content.page is not None or content.text is not None


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Readers can do nothing, and clicks, the surest sign of interest, cannot be measured.",
    fix='<a href="https://www.shop.example/">See the new plants</a>',
)
def link_missing(content: Content) -> Evidence:
    """The mail has no link"""
    if _has_body(content) and not content.links:
        yield "no link in it"


@rule(
    severity=Severity.LOW,
    source="practice",
    why="Readers who may go anywhere go nowhere, and filters count links.",
    fix="keep those that serve the purpose of the mail",
    confidence=Confidence.LIKELY,
)
def links_too_many(content: Content) -> Evidence:
    """The mail has very many links"""
    if len(content.links) > limit("links"):
        yield f"{len(content.links)} links, {len({link.href for link in content.links})} different"


@rule(
    severity=Severity.HIGH,
    source="spamassassin",
    why="Nobody sees where it leads, spam uses it, and some are on blocklists as a whole.",
    fix="link to the page itself, or through a tracking host of your own domain",
)
def link_shortened(content: Content) -> Evidence:
    """A link goes through a public shortener"""
    hosts = set(data("shorteners")["hosts"])
    yield from (link.place for link in content.links if link.host.removeprefix("www.") in hosts)


@rule(
    severity=Severity.HIGH,
    source="spamassassin",
    why="Honest senders have names; filters take a bare address for malware.",
    fix="link to a host name below your own domain",
)
def link_to_ip_address(content: Content) -> Evidence:
    """A link leads to an IP address"""
    yield from (link.place for link in content.links if link.is_ip)


@rule(
    severity=Severity.LOW,
    source="gmail-senders",
    why="Anybody on the way can read and change what is fetched; browsers warn.",
    fix="write https://",
)
def link_not_https(content: Content) -> Evidence:
    """A link does not use https"""
    for link in content.links:
        if link.scheme == "http":
            yield Problem(evidence=link.place, fix=f"https{link.href.strip()[4:]}"[:300])


@rule(
    severity=Severity.HIGH,
    source="gmail-senders",
    why="To show one address and lead to another is how phishing works; clients and filters look for it.",
    fix='<a href="https://www.shop.example/">www.shop.example</a>, or words that are no address',
    confidence=Confidence.LIKELY,
)
def link_text_of_another_host(content: Content, *, message: Message | None) -> Evidence:
    """A link shows one address and leads to another"""
    for link in content.links:
        if not link.shown_host or not link.host or site_of(link.shown_host) == link.site:
            continue
        own = message is not None and link.site == site_of(message.from_domain)
        yield Problem(
            evidence=f"{link.place} shows {link.shown_host}, leads to {link.host}",
            fix=f'<a href="https://{link.shown_host}/">{link.shown_host}</a>',
            severity=Severity.MEDIUM if own else None,  # a tracking host of the sender
        )


@rule(
    severity=Severity.INFO,
    source="gmail-senders",
    why="Filters judge the reputation of every host in a mail; those of your own domain are in your hands.",
    fix="let links go through a host below the domain in From, as in click.shop.example",
    confidence=Confidence.GUESS,
)
def link_to_foreign_host(content: Content, message: Message) -> Evidence:
    """Links lead to other domains than that of the sender"""
    if not message.from_domain:
        return
    own = site_of(message.from_domain)
    foreign: dict[str, int] = {}
    for link in content.links:
        if link.host and link.site != own:
            foreign[link.site] = foreign.get(link.site, 0) + 1
    if foreign and len(foreign) > 0:
        listed = ", ".join(f"{site} ({count})" for site, count in foreign.items())
        yield f"From is at {own}; links to {listed}"


@rule(
    severity=Severity.MEDIUM,
    source="html-links",
    why="It leads nowhere.",
    fix='<a href="https://www.shop.example/">…</a>',
)
def link_broken(content: Content) -> Evidence:
    """A link leads nowhere"""
    names = set(_anchors(content.page)) if content.page else set()
    for link in content.links:
        href = link.href.strip()
        if href in {"", "#"}:
            yield f"{link.place}: {'empty' if not href else 'only #'}"
        elif href.startswith("#") and href[1:] not in names and href.lower() != "#top":
            yield f"{link.place}: there is no element {href[1:]!r}"
        elif link.scheme in {"http", "https"} and not link.host and _host_is_missing(link):
            yield f"{link.place}: it names no host"
        elif not link.scheme and not link.is_merge_field and not href.startswith(("#", "//")):
            yield f"{link.place}: an address without https:// and host"
        elif " " in href and link.scheme in {"http", "https"} and "{" not in href:
            yield f"{link.place}: a space in the address"


def _anchors(page: Page) -> Iterator[str]:
    for each in page.elements:
        yield from (each.attributes[key] for key in ("id", "name") if each.attributes.get(key))


def _host_is_missing(link: Link) -> bool:
    rest = link.href.strip().partition(":")[2].removeprefix("//")
    return not rest or rest[:1] in {"/", "?", "#", "."}


@rule(
    severity=Severity.HIGH,
    source="practice",
    why="No client runs it, and filters take it for an attack.",
    fix='<a href="https://www.shop.example/">…</a>',
)
def link_with_script(content: Content) -> Evidence:
    """A link runs a script or opens a file"""
    for link in content.links:
        if link.scheme in {"javascript", "vbscript", "data", "file"}:
            yield link.place


@rule(
    severity=Severity.LOW,
    source="wcag-link-purpose",
    why='Screen readers list links by their words: ten times "here" tells nothing.',
    fix='<a href="…">See the spring list</a>',
)
def link_text_vague(page: Page) -> Evidence:
    """The words of a link do not say where it leads"""
    vague = set(words("vague_link"))
    for link in page.links:
        label = fold(link.label).strip(" .!>»→")
        if label in vague:
            yield f"{link.place} says {link.label!r}"
        elif not link.label and not link.has_image and not link.hidden and link.href.strip():
            yield f"{link.place} shows nothing"


@rule(
    severity=Severity.HIGH,
    source="uts39",
    why="A host in letters of several scripts imitates another; browsers show it in its raw form.",
    fix="type the address again by hand",
)
def link_host_disguised(content: Content) -> Evidence:
    """A host mixes scripts that look alike"""
    for link in content.links:
        for label in link.host.split("."):
            if mixed_words(_unicode(label)):
                yield f"{link.place}: {_unicode(label)!a}"
        if "@" in link.href.partition("//")[2].partition("/")[0] and link.host:
            yield f"{link.place}: what stands before @ is no host, it leads to {link.host}"


def _unicode(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii", "replace").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
