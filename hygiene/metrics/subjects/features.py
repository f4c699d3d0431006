"""What subject lines have, each subject looked at once: sets of features, numbered, for the engine to count by.

What a subject is made of is the content's to say; here only its results are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hygiene.content.subject import features

#: what a feature is called, by its name among those of `hygiene.content.subject`
TITLES: Final = MappingProxyType(
    {
        "question": "a question mark",
        "exclamation": "an exclamation mark",
        "number": "a number",
        "percent_or_price": "a percentage or price",
        "emoji": "an emoji",
        "personalised": "a merge field",
        "capitals": "a word in capitals",
        "all_capitals": "nothing but capitals",
        "urgency": "urgent words",
        "discount": "words of a discount",
        "brackets": "brackets",
        "ellipsis": "an ellipsis",
        "reply_or_forward": "Re: or Fwd:",
        "length": "{} characters",
        "words": "{} words",
    }
)
_BETWEEN: Final = ":"  # a feature with classes and its class: length:30-49


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSets:
    """Subjects by number, and the features of each set that any of them has."""

    numbers: Mapping[str, int]  # subject → its own number
    sets: Mapping[str, int]  # subject → the number of its set
    features: tuple[frozenset[str], ...]  # number of a set → its features

    @property
    def names(self) -> tuple[str, ...]:
        """Every feature that any subject has, in one order: those of `TITLES`, classes from short to long."""
        order = {name: place for place, name in enumerate(TITLES)}
        found = set().union(*self.features)
        return tuple(sorted(found, key=lambda name: (order[name.split(_BETWEEN)[0]], _size(name), name)))


def feature_sets(subjects: Iterable[str]) -> FeatureSets:
    """The features of each subject.

    >>> found = feature_sets(["Now?", "Really?", "Now!"])
    >>> found.sets["Now?"] == found.sets["Really?"], sorted(found.features[found.sets["Now!"]])
    (True, ['exclamation', 'length:0-29', 'words:1-3'])
    """
    numbers: dict[str, int] = {}
    sets: dict[str, int] = {}
    known: dict[frozenset[str], int] = {}
    for subject in subjects:
        numbers.setdefault(subject, len(numbers))
        if subject not in sets:
            sets[subject] = known.setdefault(_labels(subject), len(known))
    return FeatureSets(numbers=numbers, sets=sets, features=tuple(known))


def _labels(subject: str) -> frozenset[str]:
    """What it has, as words: those of yes and no by name, the others with their class."""
    return frozenset(
        name if isinstance(value, bool) else f"{name}{_BETWEEN}{value}"
        for name, value in features(subject).items()
        if value
    )


def title_of(name: str) -> str:
    """What a person calls a feature.

    >>> title_of("question"), title_of("length:30-49")
    ('a question mark', '30–49 characters')
    """
    word, _, size = name.partition(_BETWEEN)
    return TITLES[word].format(size.replace("-", "–").replace("+", " or more"))


def _size(name: str) -> int:
    digits = name.partition(_BETWEEN)[2].split("-")[0].rstrip("+")
    return int(digits) if digits else 0
