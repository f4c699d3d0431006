"""What a subject line is made of, for the rules and for comparing subjects by their results."""

from __future__ import annotations

import re
from functools import cache

from hygiene.content.header_text import as_read
from hygiene.content.knowledge import data, limit, words
from hygiene.content.merge_fields import MERGE_FIELD, bare, filled
from hygiene.content.signs import emoji, width
from hygiene.content.wording import fold, holds_any, is_dense

_MONEY = re.compile(r"[€$£¥₹₺₩₽₪]\s?\d|\d\s?(?:€|£|%|٪|₺|₽|zł|元|円|원|EUR|USD|CHF|TL|kr)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_QUESTION, _EXCLAMATION = "?？؟", "!！"


def features(subject: str) -> dict[str, bool | str]:
    """What a subject line has; the same keys for every subject, a pure function of its text.

    >>> found = features("Re: Last chance, Ann: 20% off?")
    >>> [name for name, value in found.items() if value is True]
    ['question', 'number', 'percent_or_price', 'urgency', 'discount', 'reply_or_forward']
    >>> found["length"]
    '30-49'
    """
    subject = as_read(subject[:1000])
    plain = bare(subject)
    folded = fold(plain)
    return {
        "length": length_class(subject),
        "words": _word_class(subject),
        "question": any(mark in plain for mark in _QUESTION),
        "exclamation": any(mark in plain for mark in _EXCLAMATION),
        "number": any(character.isdigit() for character in plain),
        "percent_or_price": bool(_MONEY.search(plain)),
        "emoji": bool(emoji(subject)),
        "personalised": personalised(subject),
        "capitals": bool(shouted(subject)),
        "all_capitals": all_capitals(subject),
        "urgency": holds_any(folded, words("urgency")),
        "discount": holds_any(folded, words("discount")),
        "brackets": bool(re.search(r"[\[(【].+[\])】]", plain)),
        "ellipsis": "…" in subject or "..." in subject,
        "reply_or_forward": bool(reply_marks().match(subject)),
    }


@cache
def reply_marks() -> re.Pattern[str]:
    """One mark or several of an answer or a forwarded mail; "re:Invent" and "RE:CAP" are names.

    >>> [bool(reply_marks().match(each)) for each in ("Re: x", "AW[2]: x", "回复：x", "re:Invent", "Reply: x")]
    [True, True, True, False, False]
    """
    marks = "|".join(re.escape(each) for each in data("words")["reply_mark"]["words"])
    dotted = "i\u0307lt"  # İLT in small letters
    return re.compile(
        rf"\s*(?:(?:{marks}|{dotted}|İLT)\s?(?:[\[(]\d+[\])]|\*\d+)?\s?[:：]\s*)+(?<!:(?=[a-z0-9]))",
        re.IGNORECASE,
    )


def length_class(subject: str) -> str:
    """How wide the line is, in letters, as one of four classes, whose limits are those of clients."""
    length, lower = width(subject.strip()), 0
    for upper in (30, limit("subject_on_phone"), limit("subject_longest")):
        if length < upper:
            return f"{lower}-{upper - 1}"
        lower = upper
    return f"{lower}+"


def shown_width(subject: str) -> int:
    """How wide the line is as somebody may see it, its merge fields filled."""
    return width(filled(subject).strip())


def _word_class(subject: str) -> str:
    dense = sum(map(is_dense, subject))  # where no blanks are set, a word is about two signs
    count = sum(not any(map(is_dense, word)) for word in subject.split()) + (dense + 1) // 2
    return "1-3" if count <= 3 else "4-6" if count <= 6 else "7-10" if count <= 10 else "11+"


def personalised(subject: str) -> bool:
    """A merge field stands in it: as far as a template tells."""
    return bool(MERGE_FIELD.search(subject))


def shouted(text: str) -> list[str]:
    """Words of at least four letters in capitals; shorter ones may be abbreviations."""
    return [word for word in _WORD.findall(bare(text)) if len(word) >= 4 and _is_upper(word)]


def shouted_together(text: str) -> list[str]:
    """The longest row of words in capitals with nothing but blanks between, as a list of names has not."""
    rows = re.findall(r"[^\W\d_]{2,}(?:\s+[^\W\d_]{2,})+", bare(text))
    found: list[str] = []
    for row in rows:
        run: list[str] = []
        for word in row.split():
            run = [*run, word] if _is_upper(word) else []
            found = max(found, run, key=len)
    return found


def all_capitals(text: str) -> bool:
    """Every letter of a script with capitals is one, and there are enough to tell; ß hardly ever is."""
    letters = [letter for letter in bare(text) if letter != "ß" and letter.lower() != letter.upper()]
    return len(letters) >= 8 and all(letter.isupper() for letter in letters)


def _is_upper(word: str) -> bool:
    return word.replace("ß", "").isupper()


_TURKISH = frozenset("İıĞğŞş")


def sentence_case(subject: str) -> str:
    """A line in capitals as a sentence; names are for people to mend, merge fields stay.

    >>> sentence_case("SON FIRSAT: İNDİRİM"), sentence_case("{{ NAME }}, LAST CHANCE")
    ('Son fırsat: indirim', '{{ NAME }}, last chance')
    """
    turkish = bool(_TURKISH & set(subject))
    pieces, at = [], 0
    for match in MERGE_FIELD.finditer(subject):
        pieces += [_lower(subject[at : match.start()], turkish=turkish), match.group()]
        at = match.end()
    text = "".join([*pieces, _lower(subject[at:], turkish=turkish)])
    first = next((place for place, letter in enumerate(text) if letter.isalpha()), 0)
    if any(match.start() <= first < match.end() for match in MERGE_FIELD.finditer(text)):
        return text
    return text[:first] + _upper(text[first : first + 1], turkish=turkish) + text[first + 1 :]


def _lower(text: str, *, turkish: bool) -> str:
    return text.replace("İ", "i").replace("I", "ı").lower() if turkish else text.lower()


def _upper(letter: str, *, turkish: bool) -> str:
    return "İ" if turkish and letter == "i" else letter.upper()
