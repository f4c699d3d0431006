"""What a subject line is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.content.subject import features, length_class


@pytest.mark.parametrize(
    ("subject", "has"),
    [
        ("Ready for spring?", {"question"}),
        ("3 plants for you!", {"number", "exclamation"}),
        ("20% off everything", {"number", "percent_or_price", "discount"}),
        ("Only today: sale", {"urgency", "discount"}),
        ("Nur heute: Rabatt", {"urgency", "discount"}),
        ("🌱 News", {"emoji"}),
        ("{{ first_name }}, hello", {"personalised"}),
        ("*|FNAME|*, hello", {"personalised"}),
        ("Our GREAT plants", {"capitals"}),
        ("OUR NEW PLANTS", {"capitals", "all_capitals"}),
        ("[Shop] News", {"brackets"}),
        ("And then…", {"ellipsis"}),
        ("Fwd: our list", {"reply_or_forward"}),
        ("A wholesale garden", set()),  # not a sale
        ("We are back, Regina", set()),
    ],
)
def test_features(subject: str, has: set[str]) -> None:
    assert {name for name, value in features(subject).items() if value is True} == has


@pytest.mark.parametrize(
    ("length", "named"), [(0, "0-29"), (29, "0-29"), (30, "30-49"), (50, "50-69"), (69, "50-69"), (70, "70+")]
)
def test_length_classes_meet(length: int, named: str) -> None:
    assert length_class("a" * length) == named


@given(st.text(max_size=200))
def test_keys_are_the_same_for_every_subject(subject: str) -> None:
    found = features(subject)
    assert found.keys() == features("").keys()
    assert found == features(subject)
    assert all(isinstance(value, bool | str) for value in found.values())
