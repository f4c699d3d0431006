"""An address: repaired visibly, normalised as email-validator does it, and the keys that show two to be one.

A table decides ordinary addresses by itself, with this module's constants, and hands Python only the others:

- *ordinary*: matches `ORDINARY`, has at most `MAX_ADDRESS` characters, at most `MAX_DOMAIN` of them behind the
  @, no ``--`` behind the @, and its lower(last label) is not in `SPECIAL_USE`;
- *normal form*: local part + ``@`` + lower(domain); if lower(local part) is in `LOWERCASED_LOCALS`, that;
- *identity key*: lower(normal form);
- *mailbox key*, from the identity key: at a domain of `TAGS_CUT` the local part ends before its first ``+``,
  unless it begins with one; at a domain of `DOTS_IGNORED` all dots of the local part go; last, a domain in
  `SAME_DOMAIN` is replaced by what stands there.

`fast_normal`, `identity_key` and `mailbox_key` give the same; `judge_address` is for all other addresses.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 §3.2.3
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123 §2.1

ORDINARY_BODY: Final = rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}"  #: without anchors
ORDINARY: Final = (
    rf"\A{ORDINARY_BODY}\z"  #: for RE2 (DuckDB) and Java (Spark); ``$`` would let a newline through
)
ORDINARY_PYTHON: Final = rf"\A{ORDINARY_BODY}\Z"  #: Python's word for the same end

MAX_ADDRESS: Final = 254  # octets, RFC 5321 §4.5.3.1.3 with erratum 1690 of RFC 3696
MAX_DOMAIN: Final = 253  # octets in text form, RFC 1035 §2.3.4

#: last labels that mail cannot reach (RFC 6761, 6762, 7686); email-validator refuses them
SPECIAL_USE: Final = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})

#: local parts that RFC 2142 makes case-insensitive; email-validator lower-cases exactly these
LOWERCASED_LOCALS: Final = frozenset(
    {"info", "marketing", "sales", "support"}  # §3
    | {"abuse", "noc", "security"}  # §4
    | {"postmaster", "hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp"}  # §5
)

#: Gmail ignores dots at its own domains only (https://support.google.com/mail/answer/7436150, 2026-11)
DOTS_IGNORED: Final = frozenset({"gmail.com", "googlemail.com"})

#: domain → the domain at which it is the same mailbox (the page above)
SAME_DOMAIN: Final[Mapping[str, str]] = {"googlemail.com": "gmail.com"}


def _domains(brand: str, suffixes: str) -> frozenset[str]:
    return frozenset(f"{brand}.{suffix}" for suffix in suffixes.split())


# Outlook.com, every domain that validator.js lists for it (normalizeEmail.js, 2026-11).
_MICROSOFT = (
    _domains("msn", "com")
    | _domains("live", "be co.uk com com.ar com.mx de es eu fr it nl")
    | _domains("hotmail", "at be ca cl co.il co.nz co.th co.uk com com.ar com.au com.br com.gr com.mx com.pe")
    | _domains("hotmail", "com.tr com.vn cz de dk es fr hu id ie in it jp kr lv my ph pt sa sg sk")
    | _domains("outlook", "at be cl co.il co.nz co.th com com.ar com.au com.br com.gr com.pe com.tr com.vn")
    | _domains("outlook", "cz de dk es fr hu id ie in it jp kr lv my ph pt sa sg sk")
)
_APPLE = {"icloud.com", "me.com", "mac.com"}  # https://support.apple.com/118230, 2026-11
# Fastmail cuts tags at all its domains; these are the ones named after it
# (https://www.fastmail.help/hc/en-us/articles/360060591053, 2026-11).
_FASTMAIL = _domains("fastmail", "cn co.uk com com.au de es fm fr im in jp mx net nl org se to tw uk us")

#: where ``name+tag`` is the mailbox of ``name``. Not Yahoo: it cuts at ``-``, which also stands in names.
TAGS_CUT: Final = DOTS_IGNORED | _MICROSOFT | _APPLE | _FASTMAIL


class Repair(StrEnum):
    """What was done to a cell before it was an address."""

    TRIMMED = "trimmed"  #: white space or control characters at the ends
    INVISIBLE = "invisible"  #: characters without width: BOM, zero-width space, soft hyphen, direction marks
    PUNCTUATION = "punctuation"  #: a comma or semicolon at either end, a full stop at the end
    UNWRAPPED = "unwrapped"  #: quotes or brackets around it, a display name before it
    MAILTO = "mailto"  #: a mailto: link (RFC 6068)
    SPACED = "spaced"  #: white space around the @
    FULL_WIDTH = "full-width"  #: typed in full-width letters, with ＠


class AddressFault(StrEnum):
    """Why a cell holds no address that can be mailed."""

    MISSING = "missing"  #: the cell is empty, or holds nothing but blanks and punctuation
    SEVERAL = "several"  #: two addresses or more in one cell: not ours to choose
    SYNTAX = "syntax"  #: email-validator refuses it


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that can be mailed: `normal` is written out, the keys only compare."""

    original: str
    normal: str
    key: str
    mailbox: str
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A cell that cannot be mailed; `repaired` is what was left to judge, `detail` a sentence."""

    original: str
    reason: AddressFault
    detail: str
    repaired: str


def judge_address(text: str) -> Address | Invalid:
    """The address meant by a cell, or why there is none.

    >>> judge_address(" <Ann@Example.COM>, ").normal, judge_address("a@b.com;c@d.com").reason.value
    ('Ann@example.com', 'several')
    """
    repaired, repairs = repair(text)
    if not repaired:
        return _invalid(text, repaired, AddressFault.MISSING, "The cell holds no address.")
    try:
        normal = _normalised(repaired)
    except ValueError as error:
        if _count_addresses(repaired) > 1:
            return _invalid(text, repaired, AddressFault.SEVERAL, "The cell holds more than one address.")
        return _invalid(text, repaired, AddressFault.SYNTAX, str(error))
    return Address(
        original=text,
        normal=normal,
        key=identity_key(normal),
        mailbox=mailbox_key(normal),
        repairs=repairs,
    )


def _invalid(original: str, repaired: str, reason: AddressFault, detail: str) -> Invalid:
    return Invalid(original=original, reason=reason, detail=detail, repaired=repaired)


def split(address: str) -> tuple[str, str]:
    """(local part, domain); the domain is empty without an @."""
    local, at, domain = address.rpartition("@")
    return (local, domain) if at else (domain, "")


_ORDINARY = re.compile(ORDINARY_PYTHON)


def fast_normal(text: str) -> str | None:
    """The normal form of an ordinary address, None for any other: what a table does by itself."""
    if len(text) > MAX_ADDRESS or not _ORDINARY.match(text):
        return None
    local, domain = split(text)
    domain = domain.lower()
    if len(domain) > MAX_DOMAIN or "--" in domain or domain.rpartition(".")[2] in SPECIAL_USE:
        return None
    return f"{local.lower() if local.lower() in LOWERCASED_LOCALS else local}@{domain}"


def _normalised(text: str) -> str:
    """The normal form; raises ValueError with a sentence when email-validator refuses the address."""
    fast = fast_normal(text)
    if fast is not None:
        return fast
    return _library_normal(text)


@lru_cache(maxsize=64)  # repairing asks first, judging asks again
def _library_normal(text: str) -> str:
    if len(text) > MAX_ADDRESS:  # refused anyway; the library's time grows with the length
        raise ValueError(f"The email address is too long: {len(text)} characters of at most {MAX_ADDRESS}.")
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=True).normalized
    except EmailNotValidError:
        raise
    except ValueError:  # a UnicodeError is no sentence
        raise ValueError("The email address contains an invalid character.") from None


#: ASCII that stands in no address without quotes (RFC 5322 §3.2.3); seen before the library is asked
_NEVER_VALID = re.compile(r'[\x00-\x20"(),:;<>\[\\\]\x7f]')


def _is_valid(text: str) -> bool:
    if _NEVER_VALID.search(text):
        return False
    try:
        _normalised(text)
    except ValueError:
        return False
    return True


def identity_key(normal: str) -> str:
    """The key of one person's address: the normal form, its local part without case and in Unicode NFC.

    Decomposed before the case goes, as Unicode §3.13 (D145) has it, so that no order of the two matters.
    """
    local, domain = split(normal)
    folded = unicodedata.normalize("NFD", local).casefold()
    return f"{unicodedata.normalize('NFC', folded)}@{domain}"


def mailbox_key(normal: str) -> str:
    """The key of the mailbox by its provider's published rules: to compare, never to be written or mailed."""
    local, domain = split(identity_key(normal))
    if domain in TAGS_CUT:
        local = local.partition("+")[0] or local
    if domain in DOTS_IGNORED:
        local = local.replace(".", "") or local
    local = unicodedata.normalize("NFC", local)  # a dot may have stood before a combining mark
    return f"{local}@{SAME_DOMAIN.get(domain, domain)}"


_LONGEST_CELL = 2000  # characters; what is longer is only trimmed, as nested brackets cost their square

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_SPACES = (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_BLANKS = "".join(map(chr, (*_CONTROLS, *_SPACES)))

# Soft hyphen, ZWSP, LRM, RLM, ALM, embeddings and isolates, WJ and the invisible operators, BOM. Not the
# overrides U+202D and U+202E: what was seen and what is stored then differ. A joiner between two letters that
# are not ASCII may tell one Persian or Indic domain from another (RFC 5892 A.1), so there it stays.
_WIDTHLESS = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u061c\u202a-\u202c\u2060-\u2064\u2066-\u2069\ufeff]"
    "|(?<![^\\x00-\\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\\x00-\\x7f])"
)
_PAIRS = {
    "'": "'",
    '"': '"',
    "`": "`",
    "“": "”",
    "„": "“",
    "‘": "’",
    "‚": "‘",
    "«": "»",
    "(": ")",
    "[": "]",
    "<": ">",
}
_NAMED = re.compile(r"([^<>]*)<([^<>]*)>")  # RFC 5322 §3.4
_MAILTO = re.compile(r"mailto:(?://)?", re.IGNORECASE)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xFE6B: "@", 0x3002: ".", 0xFF61: "."}
_BETWEEN_ADDRESSES = re.compile(r"[\s,;:<>()\[\]\"|/?=&\\，；、]+")
_AT_ENCODED = re.compile(r"%40|＠|﹫")
_ADDRESS_LIKE = re.compile(r"[^@]+@[^@]+\.[^@.]+")


def repair(text: str) -> tuple[str, tuple[Repair, ...]]:
    """The address inside a cell, as far as it is unambiguous, and what was done to find it.

    A valid address is never touched, so an apostrophe before one (``'ann@x.com``, valid) stays; only matched
    quotes go. One repair is made at a time until the text is valid or nothing more can be said for certain:
    repairing the result again changes nothing. A blank cell gives an empty text.
    """
    made: dict[Repair, None] = {}
    while not _is_valid(text) and (step := _next_repair(text)):
        kind, text = step
        made[kind] = None
    return text, tuple(made)


def _next_repair(text: str) -> tuple[Repair, str] | None:
    """The first repair that changes the text, and the text it leaves."""
    for kind, step in _STEPS.items():
        after = step(text)
        if after != text:
            return kind, after
        if len(text) > _LONGEST_CELL:
            break
    return None


def _trim(text: str) -> str:
    return text.strip(_BLANKS)


def _drop_widthless(text: str) -> str:
    return _WIDTHLESS.sub("", text)


def _drop_punctuation(text: str) -> str:
    return text.lstrip(",;").rstrip(",;.，；、。")


def _unwrap(text: str) -> str:
    """Drop a pair of quotes or brackets around one address, or the display name before it."""
    if len(text) > 1 and _PAIRS.get(text[0]) == text[-1] and text.count("@") == 1:
        return text[1:-1]
    named = _NAMED.fullmatch(text)
    if named is None or "@" not in named[2]:
        return text
    address = _MAILTO.sub("", named[2], count=1).strip(_BLANKS)
    return named[2] if _names_nobody_else(named[1], address) else text


def _names_nobody_else(name: str, address: str) -> bool:
    """True when a display name holds no address but this one."""
    words = _MAILTO.sub("", name).split()
    bare = (word.strip("\"'`()[],;:") for word in words if word.casefold() != address.casefold())
    return all("@" not in word.strip("@") or word.casefold() == address.casefold() for word in bare)


def _drop_mailto(text: str) -> str:
    """The address of a mailto link, decoded; the link where it names more recipients (RFC 6068 §2)."""
    link = _MAILTO.match(text)
    if link is None:
        return text
    address, _, fields = text[link.end() :].partition("?")
    try:
        decoded, others = unquote(address, errors="strict"), unquote(fields)
    except UnicodeDecodeError:
        return text
    return text if "@" in others or "@" not in decoded else decoded


def _close_up(text: str) -> str:
    return "@".join(part.strip() for part in text.split("@"))


def _narrow(text: str) -> str:
    """ASCII for full-width forms, if the @ is one of them: then all of it was typed that way."""
    return text.translate(_FULL_WIDTH) if "＠" in text or "﹫" in text else text


_STEPS: Mapping[Repair, Callable[[str], str]] = {
    Repair.TRIMMED: _trim,
    Repair.INVISIBLE: _drop_widthless,
    Repair.PUNCTUATION: _drop_punctuation,
    Repair.UNWRAPPED: _unwrap,
    Repair.MAILTO: _drop_mailto,
    Repair.SPACED: _close_up,
    Repair.FULL_WIDTH: _narrow,
}


def addresses_in(text: str) -> list[str]:
    """What may be an address in a text, whatever stands between; an encoded @ is one.

    >>> addresses_in('"a@example.com; Bob <b@example.com>", c%40example.com')
    ['a@example.com', 'b@example.com', 'c@example.com']
    """
    words = _BETWEEN_ADDRESSES.split(_AT_ENCODED.sub("@", html.unescape(text)))
    plain = (re.sub(r"^mailto:", "", word.strip(".'")) for word in words)
    return [word for word in plain if "@" in word.strip("@")]


def _count_addresses(text: str) -> int:
    return sum(1 for word in _BETWEEN_ADDRESSES.split(text) if _ADDRESS_LIKE.fullmatch(word))
