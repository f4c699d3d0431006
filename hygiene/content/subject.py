"""What a subject line is made of, for the rules and for comparing subjects by their results."""

from __future__ import annotations

import re
import unicodedata

from hygiene.content.knowledge import limit, words
from hygiene.content.links import MERGE_FIELD

REPLY = re.compile(r"\s*(re|fwd?|aw|wg|antw|sv|tr|rif|odp)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
#: the emoji below U+1F000; the stars and arrows beside them are signs
_OLD_EMOJI = (
    "☀-☄☎☑☔☕☘☝☠☢☣☦☪☮☯☸-☺♀♂♈-♓♟♠♣♥♦♨♻♾♿⚒-⚗⚙⚛⚜⚠⚡⚧⚪⚫⚰⚱⚽⚾⛄⛅⛈⛎⛏⛑⛓⛔⛩⛪⛰-⛵⛷-⛺⛽✂✅✈-✍✏✒✔✖✝✡✨✳✴❄❇❌❎❓-❕❗❣❤"
    "➕-➗➡➰➿⬅-⬇⭐⭕⌚⌛⏩-⏳"
)
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff{_OLD_EMOJI}]")
_MONEY = re.compile(r"[€$£¥₹]\s?\d|\d\s?(?:€|£|%|EUR|USD|CHF)", re.IGNORECASE)
_NAME_FIELD = re.compile(
    r"name|vorname|prenom|nombre|first|recipient|contact|person|customer|anrede", re.IGNORECASE
)
_SHOUTED = re.compile(r"[^\W\d_]{2,}")


def features(subject: str) -> dict[str, bool | str]:
    """What a subject line has; the same keys for every subject, a pure function of its text.

    >>> found = features("Re: Last chance, Ann: 20% off?")
    >>> [name for name, value in found.items() if value is True]
    ['question', 'number', 'percent_or_price', 'urgency', 'discount', 'reply_or_forward']
    >>> found["length"]
    '30-49'
    """
    subject = subject[:1000]
    bare = MERGE_FIELD.sub("", subject)
    folded = bare.casefold()
    return {
        "length": length_class(subject),
        "words": _word_class(subject),
        "question": "?" in subject or "？" in subject,
        "exclamation": "!" in subject or "！" in subject,
        "number": any(character.isdigit() for character in bare),
        "percent_or_price": bool(_MONEY.search(bare)),
        "emoji": bool(emoji(subject)),
        "personalised": personalised(subject),
        "capitals": bool(shouted(subject)),
        "all_capitals": all_capitals(subject),
        "urgency": holds_any(folded, words("urgency")),
        "discount": holds_any(folded, words("discount")),
        "brackets": bool(re.search(r"[\[(【].+[\])】]", bare)),
        "ellipsis": "…" in subject or "..." in subject,
        "reply_or_forward": bool(REPLY.match(subject)),
    }


def length_class(subject: str) -> str:
    """The length in characters as one of four classes, whose limits are those of clients."""
    length, lower = len(subject.strip()), 0
    for upper in (30, limit("subject_on_phone"), limit("subject_longest")):
        if length < upper:
            return f"{lower}-{upper - 1}"
        lower = upper
    return f"{lower}+"


def _word_class(subject: str) -> str:
    count = len(subject.split())
    return "1-3" if count <= 3 else "4-6" if count <= 6 else "7-10" if count <= 10 else "11+"


def emoji(text: str) -> list[str]:
    """The pictures in a text, flags as two letters each."""
    return _EMOJI.findall(text)


def personalised(subject: str) -> bool:
    """A merge field stands in it: as far as a template tells."""
    return bool(MERGE_FIELD.search(subject))


def shouted(text: str) -> list[str]:
    """Words of at least four letters in capitals; shorter ones may be abbreviations."""
    bare = MERGE_FIELD.sub("", text)
    return [word for word in _SHOUTED.findall(bare) if len(word) >= 4 and word.isupper()]


def all_capitals(text: str) -> bool:
    """Every letter of a script with capitals is one, and there are enough to tell."""
    letters = [letter for letter in MERGE_FIELD.sub("", text) if letter.lower() != letter.upper()]
    return len(letters) >= 8 and all(letter.isupper() for letter in letters)


def symbols(text: str) -> list[str]:
    """Signs that are neither letters, digits, usual punctuation, money nor emoji."""
    usual = set("%+&@#€$£¥=<>|°©®™§…–—")
    bare = MERGE_FIELD.sub("", text)
    return [
        sign
        for sign in bare
        if (unicodedata.category(sign).startswith("S") or sign in "*~^_\\")
        and sign not in usual
        and not emoji(sign)
        and sign not in "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
    ]


def holds_any(folded: str, wordings: tuple[str, ...]) -> bool:
    """One of the wordings stands in the text, as whole words."""
    return any(found_wording(folded, wording) for wording in wordings)


def found_wording(folded: str, wording: str) -> bool:
    """The wording stands in the text and does not go on in a letter or digit."""
    at = folded.find(wording)
    while at >= 0:
        before = folded[at - 1 : at]
        after = folded[at + len(wording) : at + len(wording) + 1]
        if not (wording[0].isalnum() and before.isalnum()) and not (wording[-1].isalnum() and after.isalnum()):
            return True
        at = folded.find(wording, at + 1)
    return False
