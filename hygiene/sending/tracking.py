"""Opens and clicks by links of our own: found in the templates once a campaign, signed for each mail.

A link leads where it was signed to lead, for one mail: nobody turns it, and each try has the same octets.
Links to leave are never touched, nor what is no link to the web.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from html import unescape
from html.entities import html5
from typing import Any, Final, cast

from jinja2 import TemplateError, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from hygiene.content.leaving import says_leaving
from hygiene.errors import UsageError
from hygiene.sending.definition import Tracking
from hygiene.sending.tags import SetAside, pieces, put_back, set_aside
from hygiene.sending.template import Compiled, Sandbox, environment
from hygiene.tokens import Purpose, make_token, sign_target, target_key, write_target

OPEN: Final = "/o/"  # a token behind it
CLICK: Final = "/l/"  # a token, and the target signed for it
MAX_TARGET: Final = 1_400  # characters; with ours around them fewer than the 2,083 that old clients bear
LEAVE_ALONE: Final = "data-hygiene-track"  # ="off" on a link that is to stay as it is

_LINKS: Final = "_links"  # of the mail, among the values; no template can name it
_OURS: Final = ("unsubscribe_url", "preferences_url")
_PIXEL: Final = 'width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0"'
_PASSED: Final = r"<!--(?!\[if|>).*?-->|<(?P<raw>style|script|title|textarea)\b.*?</(?P=raw)\s*>"
_ATTRIBUTES: Final = r"(?:[^\"'>]|\"[^\"]*\"|'[^']*')*"
_TAG: Final = re.compile(
    rf"{_PASSED}|<(?P<tag>a|area|v:[a-z]+)(?=[\s/])(?P<attributes>{_ATTRIBUTES})>", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"\s*([^\s\"'>/=]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_ENDED: Final = re.compile(r"</a\s*>", re.IGNORECASE)
_LABEL: Final = 2_000  # characters in which a link has said what it is
_ANY_TAG: Final = re.compile(r"<[^>]*>")
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*(?:;|(?![A-Za-z0-9=;])))")
_WEB: Final = ("http://", "https://")
_LEAVING: Final = "leads to leaving"
_LINK_FIELD: Final = re.compile(r"\|\s*link\s*[-+]?\}\}\s*$")
_IN_TEXT: Final = r"(?:https?://|{fields})(?:[^\s<>\"\x02\x03]|\x02\d+\x03)*"
_AFTER_LINK: Final = ".,;:!?'\"()[]*_"


def open_path(ref: str, secret: bytes) -> str:
    """The path of a mail's pixel."""
    return f"{OPEN}{make_token(ref, Purpose.OPEN, secret)}"


def click_path(ref: str, target: str, secret: bytes) -> str:
    """The path that leads to a target, which is part of it and signed with it."""
    signed = sign_target(write_target(target), target_key(ref, secret))
    return f"{CLICK}{make_token(ref, Purpose.CLICK, secret)}/{signed}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The links of a template: those that are counted, and those that stay as they are, with why."""

    source: str
    counted: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


class MailLinks:
    """The links of one mail."""

    __slots__ = ("_key", "_leaving", "_ref", "_secret", "_start", "base")

    def __init__(self, base: str, leaving: str, ref: str, secret: bytes) -> None:
        self.base, self._leaving, self._ref, self._secret = base, leaving, ref, secret
        self._start, self._key = "", b""

    def click(self, written: str) -> str:
        """The link that leads to a written target."""
        if not self._start:
            self._start = f"{self.base}{CLICK}{make_token(self._ref, Purpose.CLICK, self._secret)}/"
            self._key = target_key(self._ref, self._secret)
        return self._start + sign_target(written, self._key)

    def click_on(self, link: str) -> str | None:
        """The link that leads where a link leads; None for one that stays as it is."""
        written = written_target(link)
        left = written is None or (self._leaving and link.startswith(self._leaving))
        return None if left else self.click(written or "")

    def pixel(self) -> Markup:
        """The picture that tells of opening."""
        src = escape(self.base + open_path(self._ref, self._secret))
        return Markup(f'<img src="{src}" {_PIXEL}>')  # noqa: S704 - all of it is ours


@dataclass(frozen=True)
class Tracker:
    """What makes the templates of a campaign count, and the links of each mail. `leaving` is never counted."""

    tracking: Tracking
    leaving: str
    secret: bytes = field(repr=False)

    def links(self, ref: str) -> dict[str, Any]:
        """What the templates need besides the fields."""
        return {_LINKS: MailLinks(self.tracking.base, self.leaving, ref, self.secret)}

    def find(self, source: str, *, name: str = "the HTML") -> Found:
        """The links of a template of HTML."""
        return find_links(source, leaving=self.leaving, name=name)

    def html(self, compiled: Compiled, source: str) -> Compiled:
        """The template of the HTML, with links that are counted and a pixel."""
        if self.tracking.clicks:
            source = self.find(source, name=compiled.name).source
        if self.tracking.opens:
            source = with_pixel(source)
        return _compiled(compiled, source, html=True)

    def text(self, compiled: Compiled, source: str) -> Compiled:
        """The template of the text part; its links stay what they are unless the campaign asks."""
        if not self.tracking.text_clicks:
            return compiled
        return _compiled(compiled, find_text_links(source), html=False)


# HTML


def find_links(source: str, *, leaving: str = "", name: str = "the HTML") -> Found:
    """The links of HTML with its template tags, each made to be counted where it may; none below `leaving`."""
    aside = set_aside(source, name=name, finished=True)
    counted: list[str] = []
    left: list[tuple[str, str]] = []

    def rewritten(found: re.Match[str]) -> str:
        if not found["tag"]:
            return found[0]
        attributes = _attributes(found["attributes"])
        href = next((each for each in attributes if each[0].lower() == "href"), None)
        if href is None:
            return found[0]
        label = _label(aside.markup, found) if found["tag"].lower() == "a" else ""
        value = _bare(href[1])
        below = bool(leaving) and _decoded(value).strip().startswith(leaving)
        why = _LEAVING if below else _why_left(value, attributes, label, aside)
        if why is None:
            counted.append(_with_tags(value, aside))
        elif why:
            left.append((_with_tags(value, aside), why))
        return _rewritten(found, value, aside, changed=why is None)

    markup = _TAG.sub(rewritten, aside.markup)
    return Found(source=put_back(markup, aside, name=name), counted=tuple(counted), left=tuple(left))


def _attributes(text: str) -> list[tuple[str, str]]:
    return [(each[1], each[2] or "") for each in _ATTRIBUTE.finditer(text)]


def _bare(written: str) -> str:
    """A value without the quotes around it."""
    return written[1:-1] if written[:1] in {'"', "'"} else written


def _label(markup: str, found: re.Match[str]) -> str:
    """The words of a link, in small letters."""
    inside = _ENDED.split(markup[found.end() : found.end() + _LABEL], maxsplit=1)[0]
    return _ANY_TAG.sub("", inside).casefold()


def _why_left(value: str, attributes: list[tuple[str, str]], label: str, aside: SetAside) -> str | None:
    """Why a link stays as it is; "" for what leads nowhere on the web, None for one that is counted."""
    whole = _with_tags(value, aside).strip()
    wish = next((_bare(said).lower() for name, said in attributes if name.lower() == LEAVE_ALONE), None)
    if wish not in (None, "off"):
        raise UsageError(f'{whole[:60]}: {LEAVE_ALONE}="{wish[:20]}" says nothing: "off" does')
    if wish:
        return LEAVE_ALONE
    if any(name in whole for name in _OURS) or says_leaving(whole, label):
        return _LEAVING
    if whole == value.strip():
        if not _decoded(whole).lower().startswith(_WEB):
            return ""
        return None if written_target(_decoded(whole)) else "cannot be carried: too long, or no plain link"
    if whole.startswith("{") or whole.lower().startswith(_WEB):
        return None
    return ""


def _rewritten(found: re.Match[str], value: str, aside: SetAside, *, changed: bool) -> str:
    """The start of an element with its new link, and without our own attribute."""

    def attribute(each: re.Match[str]) -> str:
        if each[1].lower() == LEAVE_ALONE:
            return ""
        if each[1].lower() == "href" and changed:
            space = each[0][: each.start(1) - each.start()]
            return f'{space}{each[1]}="{_counted(value, aside)}"'
        return each[0]

    return f"<{found['tag']}{_ATTRIBUTE.sub(attribute, found['attributes'])}>"


def _counted(value: str, aside: SetAside) -> str:
    if not aside.pattern.search(value):
        return f'{{{{ "{written_target(_decoded(value).strip())}"|_sign }}}}'
    return f"{{% filter _click %}}{value}{{% endfilter %}}"


def _with_tags(value: str, aside: SetAside) -> str:
    return aside.pattern.sub(lambda found: aside.tags.get(found[found.lastindex or 0], found[0]), value)


def with_pixel(source: str) -> str:
    """HTML with the pixel as its last element."""
    pixel = '{{ ""|_opened }}'
    end = max((place.start() for place in _BODY_END.finditer(source)), default=len(source))
    return f"{source[:end]}{pixel}{source[end:]}"


# Text


def find_text_links(source: str) -> str:
    """A text with its template tags, whose links are made to be counted, but for those that people wrote.

    Of fields only one that was made a link is taken for one: a name that reads like a link is none.
    """
    if "\x02" in source or "\x03" in source:
        return source
    tags: list[str] = []
    marked = []
    for piece in pieces(source, html=False):
        if piece.kind != "data":
            tags.append(piece.text)
        marked.append(piece.text if piece.kind == "data" else f"\x02{len(tags) - 1}\x03")
    ended = {number for number, tag in enumerate(tags) if tag.startswith("{%")}
    text = _text_pattern(tags).sub(lambda found: _text_link(found, tags, ended), "".join(marked))
    return re.sub(r"\x02(\d+)\x03", lambda found: tags[int(found[1])], text)


def _text_pattern(tags: list[str]) -> re.Pattern[str]:
    fields = "|".join(
        f"\x02{number}\x03" for number, tag in enumerate(tags) if _LINK_FIELD.search(tag.rstrip())
    )
    return re.compile(_IN_TEXT.format(fields=fields or "(?!)"), re.IGNORECASE)


def _text_link(found: re.Match[str], tags: list[str], ended: set[int]) -> str:
    link = found[0].rstrip(_AFTER_LINK)
    after = found[0][len(link) :]
    numbers = [int(each) for each in re.findall(r"\x02(\d+)\x03", link)]
    if ended.intersection(numbers) or any(name in tags[each] for each in numbers for name in _OURS):
        return found[0]
    if not numbers:
        written = written_target(link)
        return f'{{{{ "{written}"|_sign }}}}{after}' if written and not says_leaving(link, "") else found[0]
    return f"{{%+ filter _click_text +%}}{link}{{%+ endfilter +%}}{after}"


# What the templates call


@pass_context
def _sign(context: Context, written: str) -> str:
    return _links_of(context).click(written)


@pass_context
def _click(context: Context, value: str) -> Markup:
    """The link in place of an attribute's value, which is written as HTML has it."""
    link = _links_of(context).click_on(_decoded(value).strip())
    return escape(link) if link else Markup(value)  # noqa: S704 - it was escaped


@pass_context
def _click_text(context: Context, value: str) -> str:
    return _links_of(context).click_on(value) or value


@pass_context
def _opened(context: Context, _nothing: str) -> Markup:
    return _links_of(context).pixel()


def _links_of(context: Context) -> MailLinks:
    return cast(MailLinks, context.resolve(_LINKS))


_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "_sign": _sign,
    "_click": _click,
    "_click_text": _click_text,
    "_opened": _opened,
}


@cache
def _environment(*, html: bool) -> Sandbox:
    """Where templates are compiled that were checked before, and made to be counted."""
    plain = environment(html=html)
    made = Sandbox(
        autoescape=html,
        undefined=plain.undefined,
        trim_blocks=plain.trim_blocks,
        lstrip_blocks=plain.lstrip_blocks,
        keep_trailing_newline=True,
        cache_size=0,
    )
    made.globals, made.tests = plain.globals, plain.tests
    made.filters = {**plain.filters, **_FILTERS}
    return made


def _compiled(compiled: Compiled, source: str, *, html: bool) -> Compiled:
    try:
        return replace(compiled, template=_environment(html=html).from_string(source), plain=None)
    except TemplateError as error:
        raise UsageError(
            f"{compiled.name}: a tag begins within a link and ends outside it, so it cannot be counted: {error}"
        ) from None


# Where a link leads


@lru_cache(maxsize=4096)
def written_target(link: str) -> str | None:
    """A link to the web as it is signed and carried; None for what is none, or cannot be carried whole."""
    from hygiene.render.safe import web_link

    return write_target(link) if len(link) <= MAX_TARGET and web_link(link) else None


def _decoded(value: str) -> str:
    """An attribute's value without character references, as a browser reads it (HTML §13.2.5.73)."""
    return _REFERENCE.sub(_character, value) if "&" in value else value


def _character(found: re.Match[str]) -> str:
    name = found[1]
    return unescape(found[0]) if name.startswith("#") else html5.get(name, found[0])
