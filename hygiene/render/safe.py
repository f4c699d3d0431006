"""Text from DNS is hostile: every renderer passes every text through this file."""

from __future__ import annotations

import re
from html import escape
from unicodedata import category
from urllib.parse import urlsplit

#: Other (control, format, surrogate, private, unassigned), and separators that are not spaces.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

#: Default_Ignorable_Code_Point beyond those categories: letters and marks that draw nothing.
_IGNORABLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
    | {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)


#: What shapes a picture or a word where it has its place, and only there is not hidden: between two parts of an
#: emoji, behind a sign that is to be one, and between letters of scripts that join (Arabic to Sinhala).
_PICTURE = "[\u203c\u2049\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\xa9\xae]"
_JOINING = "[\u0620-\u065f\u066e-\u06d3\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff]"
_SHAPING = re.compile(
    f"(?<={_PICTURE})\ufe0f?\u200d(?={_PICTURE})|(?<={_PICTURE})\ufe0f|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?<={_JOINING})[\u200c\u200d](?={_JOINING})"
)


def printable(text: str) -> str:
    r"""The text on one line, with everything that acts or hides shown as an escape.

    >>> print(printable("a\x1b[31m\u202eb\n"))
    a\x1b[31m\u202eb\x0a
    """
    if text.isascii() and text.isprintable():
        return text
    pieces, end = [], 0
    for shaping in _SHAPING.finditer(text):
        pieces += [_without_hidden(text[end : shaping.start()]), shaping.group()]
        end = shaping.end()
    return "".join([*pieces, _without_hidden(text[end:])])


def _without_hidden(text: str) -> str:
    return "".join(_escaped(character) if _hidden(character) else character for character in text)


def lines_of(text: str) -> list[str]:
    """The printable lines of a text that may have several, without its last line end."""
    return [printable(line) for line in text.removesuffix("\n").split("\n")]


def _hidden(character: str) -> bool:
    return category(character) in _HIDDEN_CATEGORIES or ord(character) in _IGNORABLE


def _escaped(character: str) -> str:
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


#: What GitHub and its like link after parsing, where no backslash helps: addresses, mentions, issues, emoji.
_LINKED = re.compile(r"(?<![^\s|])[^\s|]*(?:://|@|www\.|(?:#|gh-)\d|:[\w+-]+:)[^\s|]*", re.IGNORECASE)
_AROUND_LINK = "()[]{}\"'.,;!?"
_MARKUP = re.compile(r"[\\`*_\[\]~$#&<>|]")
_BLOCK_START = re.compile(r"[-+=]|\d+(?=[.)](?:\s|$))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}


def markdown_text(text: str) -> str:
    r"""The text as GitHub-flavoured prose that cannot become markup; what would be linked becomes code.

    >>> print(markdown_text("<b> [x](http://y) | p=none"))
    &lt;b&gt; \[`x](http://y`) &#124; p=none
    """
    clean = printable(text).strip()
    pieces, end = [], 0
    for linked in _LINKED.finditer(clean):
        start, stop = _trimmed(linked)
        pieces += [_prose(clean[end:start], start=not end), markdown_code(clean[start:stop])]
        end = stop
    return "".join([*pieces, _prose(clean[end:], start=not end)])


def markdown_code(text: str, *, in_table: bool = False) -> str:
    r"""A code span that nothing inside can end; in a table, pipes need a backslash even there.

    >>> print(markdown_code("a`|b"), markdown_code("a`|b", in_table=True))
    ``a`|b`` ``a`\|b``
    """
    clean = printable(text)
    if not clean:
        return ""
    fence = "`" * (_longest_run(clean) + 1)
    padded = f" {clean} " if _needs_padding(clean) else clean
    return f"{fence}{padded.replace('|', chr(92) + '|') if in_table else padded}{fence}"


def markdown_block(text: str) -> str:
    """A fenced block for what is to be copied."""
    body = "\n".join(lines_of(text))
    fence = "`" * max(3, _longest_run(body) + 1)
    return f"{fence}text\n{body}\n{fence}"


def markdown_html(text: str) -> str:
    """The text for an HTML block within Markdown, where backslashes and code spans mean nothing."""
    clean = printable(text)
    linked = _LINKED.search(clean)
    return f"<code>{escape(clean)}</code>" if linked else escape(clean)


def _trimmed(linked: re.Match[str]) -> tuple[int, int]:
    run = linked.group()
    start = linked.start() + len(run) - len(run.lstrip(_AROUND_LINK))
    return start, linked.end() - (len(run) - len(run.rstrip(_AROUND_LINK)))


def _prose(text: str, *, start: bool) -> str:
    quoted = _MARKUP.sub(lambda found: _ENTITIES.get(found.group(), f"\\{found.group()}"), text)
    marker = _BLOCK_START.match(text) if start else None
    if not marker:
        return quoted
    after = marker.end() if marker.group().isdigit() else 0
    return f"{quoted[:after]}\\{quoted[after:]}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _needs_padding(code: str) -> bool:
    spaced = code.startswith(" ") and code.endswith(" ") and code.strip() != ""
    return spaced or code.startswith("`") or code.endswith("`")


_URL = re.compile(r"https?://[\w\-.~:/?#\[\]@!$&'*+,;=%()]+", re.ASCII | re.IGNORECASE)


def web_link(url: str) -> str:
    """The address if it may become a link (http or https, a host, no user name), otherwise nothing."""
    if not _URL.fullmatch(url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.hostname and "@" not in parts.netloc else ""


def markdown_link(label: str, url: str) -> str:
    """The label, linked if the address may be."""
    target = web_link(url).replace("&", "&amp;")
    return f"[{markdown_text(label)}](<{target}>)" if target and label.strip() else markdown_text(label)
