"""How names of columns, and words in cells, are compared."""

from __future__ import annotations

import re
import unicodedata

_LIST_MARKS = str.maketrans(dict.fromkeys("[](){}\"'"))
#: BOM, zero-width characters and soft hyphen go; a typographic apostrophe is one
_TYPOGRAPHY = {**dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00ad")), ord("’"): "'"}


def column_key(name: str) -> str:
    """A column's name for comparison: without BOM, invisible characters, case, and with single spaces."""
    return unicodedata.normalize("NFC", " ".join(name.translate(_TYPOGRAPHY).split()).casefold())


def word_key(cell: str) -> str:
    """A status word for comparison: as `column_key`, and "HARD_BOUNCE" is "hard-bounce" is "hard bounce"."""
    return column_key(re.sub(r"[_-]+", " ", cell))


def listed_words(cell: str) -> list[str]:
    """The words of a cell that lists several, as "[A, B]", "A;B" or '["A"]'."""
    return re.split(r"[,;|]", cell.translate(_LIST_MARKS))


def name_key(name: str) -> str:
    """A column's name by its words alone, for comparison where names are anybody's.

    >>> name_key("HasOptedOutOfEmail"), name_key("E-Mail (privé)?"), name_key("opt_in")
    ('has opted out of email', 'email prive', 'opt in')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    folded = unicodedata.normalize("NFKD", apart.casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter)).casefold()
    return re.sub(r"\be mail", "email", " ".join(re.findall(r"[^\W_]+", plain)))
