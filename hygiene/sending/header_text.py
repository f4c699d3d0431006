"""Text as it may stand in a header field: encoded where it must be (RFC 2047), folded (RFC 5322 §2.2.3).

Texts that people read (a subject, a name) are put on one line, whatever they hold. All else is refused where it
holds what a header cannot carry: nobody writes a field of ours through a value.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from hygiene.domain import to_ascii
from hygiene.errors import UsageError
from hygiene.sending.letter import Mailbox

MAX_LINE: Final = 998  # octets without CRLF, RFC 5322 §2.1.1
FOLD_AT: Final = 76  # octets of a line with encoded words, RFC 2047 §2

_WORD: Final = 66  # octets of an encoded word, so that one fits behind "Reply-To: "
_B, _Q = "=?utf-8?b?", "=?utf-8?q?"
_ROOM: Final = _WORD - len(_B) - len("?=")
_MAX_PLAIN: Final = 900  # octets of a word that fits a line with any name before it
_MAX_QUOTED: Final = 60
_MAX_NAME: Final = 76
_MAX_ADDRESS: Final = 320  # 64 before the @ and 255 behind it, RFC 5321 §4.5.3.1
_SAFE: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
)  # RFC 2047 §5 (3)

_SPACE: Final = 0x20
_Piece = TypeVar("_Piece", str, bytes)

_BROKEN: Final = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]+")  # ftext, RFC 5322 §3.6.8
_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ATOMS: Final = re.compile(rf"{_ATEXT}(?: {_ATEXT})*")
_DOT_ATOM: Final = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_QUOTED: Final = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_PLAIN_LOCAL: Final = re.compile(r"[!-~]+")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[A-Za-z0-9:.-]+\]")
_MESSAGE_ID: Final = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*@(?:{_ATEXT}(?:\.{_ATEXT})*|\[[!-Z^-~]+\])")


def one_line(text: str) -> str:
    """The text without what breaks or hides lines, blanks and such as one space."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    return _BROKEN.sub(" ", text).strip(" ")


def text_field(name: str, text: str) -> bytes:
    """A field that people read; any text will do."""
    return fold(name, _text_words(one_line(text)))


def plain_field(name: str, value: str, *, encoded: bool = True) -> bytes:
    """A field of another name; `encoded`: what is not ASCII may become encoded words.

    Raises UsageError for a name that cannot be one, and for a value that holds more than a line of text.
    """
    check_name(name)
    if found := _CONTROL.search(value):
        raise UsageError(f"the header {name} holds {found[0]!a}, which no header may")
    value = one_line(value)
    if encoded:
        return fold(name, _text_words(value))
    if not value.isascii():
        raise UsageError(f"the header {name} may hold ASCII only")
    words = value.split(" ")
    if max(map(len, words)) > _MAX_PLAIN:
        raise UsageError(f"the header {name} holds a word of more than {_MAX_PLAIN} characters")
    return fold(name, words)


def mailbox_field(name: str, mailbox: Mailbox) -> bytes:
    """A field with one mailbox; raises UsageError for an address that no mail can go to."""
    address = checked_address(mailbox.address)
    shown = one_line(mailbox.name)
    return fold(name, [*_phrase(shown), f"<{address}>"] if shown else [address])


def message_id_field(message_id: str) -> bytes:
    """Never folded: some servers lose an id that stands on a line of its own."""
    if len(message_id) > _MAX_PLAIN or not _MESSAGE_ID.fullmatch(message_id):
        raise UsageError(f"{message_id[:80]!a} is no Message-ID: it is written left@right, in ASCII")
    return f"Message-ID: <{message_id}>\r\n".encode("ascii")


def check_name(name: str) -> None:
    """Raises UsageError for what cannot name a header field."""
    if len(name) > _MAX_NAME or not _FIELD_NAME.fullmatch(name):
        raise UsageError(
            f"{name[:80]!a} cannot name a header: visible ASCII without a colon, at most {_MAX_NAME}"
        )


@lru_cache(maxsize=1024)
def checked_address(address: str) -> str:
    """An address as headers take it: domain in A-labels, local part quoted where it must be."""
    local, at, domain = address.rpartition("@")
    if not at or len(address) > _MAX_ADDRESS:
        raise UsageError(f"{address[:80]!a} is no address")
    return f"{_local(local, address)}@{_domain(domain, address)}"


def _local(local: str, address: str) -> str:
    if _DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local):
        return local
    if not local.isascii():
        raise UsageError(f"{address[:80]!a} has letters beyond ASCII before the @, which few servers take")
    if _PLAIN_LOCAL.fullmatch(local) and not set(local) & set('"\\<>()@,;:[]'):
        return f'"{local}"'  # dots where no dot-atom has them: some providers gave such addresses out
    raise UsageError(f"{address[:80]!a} is no address")


def _domain(domain: str, address: str) -> str:
    try:
        name = to_ascii(domain)
    except UnicodeError:
        raise UsageError(f"{address[:80]!a} has a domain that cannot be") from None
    if not _DOMAIN.fullmatch(name):
        raise UsageError(f"{address[:80]!a} has a domain that cannot be")
    return name


def fold(name: str, words: Iterable[str]) -> bytes:
    """The field on lines of at most `FOLD_AT` octets where its words allow; the first stays beside the name."""
    line, lines = f"{name}:", []
    for place, word in enumerate(words):
        if place and len(line) + 1 + len(word) > FOLD_AT:
            lines.append(line)
            line = ""
        line = f"{line} {word}"
    lines.append(line.rstrip(" "))
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


# Words


def _text_words(text: str) -> Sequence[str]:
    """The words of unstructured text; from the first that needs it to the last, they are encoded."""
    words = text.split(" ")
    if text.isascii() and "=?" not in text and max(map(len, words)) <= _MAX_PLAIN:
        return words
    needy = [place for place, word in enumerate(words) if _needs_encoding(word)]
    first, end = needy[0], needy[-1] + 1
    return [*words[:first], *_encoded(" ".join(words[first:end])), *words[end:]]


def _needs_encoding(word: str) -> bool:
    return not word.isascii() or "=?" in word or len(word) > _MAX_PLAIN


def _phrase(name: str) -> Sequence[str]:
    """A display name (RFC 5322 §3.2.5): as it is, quoted, or encoded."""
    if _ATOMS.fullmatch(name) and "=?" not in name and len(name) <= _MAX_PLAIN:
        return name.split(" ")
    if name.isascii() and "=?" not in name and len(name) <= _MAX_QUOTED:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"']
    return list(_encoded(name))


def _encoded(text: str) -> list[str]:
    """Encoded words that spell it, in the shorter of the two ways; none parts a character (RFC 2047 §5)."""
    spelled = [character.encode("utf-8", "replace") for character in text]
    quoted = ["".join(map(_quoted_octet, octets)) for octets in spelled]
    if sum(map(len, quoted)) * 3 <= sum(map(len, spelled)) * 4:
        return [f"{_Q}{''.join(part)}?=" for part in _parts(quoted, _ROOM)]
    parts = _parts(spelled, _ROOM // 4 * 3)
    return [f"{_B}{base64.b64encode(b''.join(part)).decode('ascii')}?=" for part in parts]


def _quoted_octet(octet: int) -> str:
    if octet in _SAFE:
        return chr(octet)
    return "_" if octet == _SPACE else f"={octet:02X}"


def _parts(pieces: Sequence[_Piece], room: int) -> Iterator[list[_Piece]]:
    """The pieces in turn, as many together as there is room for."""
    part: list[_Piece] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > room:
            yield part
            part, size = [], 0
        part.append(piece)
        size += len(piece)
    yield part
