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
        ("İNDİRİM BAŞLADI, son fırsat", {"discount", "urgency", "capitals"}),
        ("限时折扣！", {"urgency", "discount", "exclamation"}),
        ("本日限り：送料無料", {"urgency", "discount"}),
        ("هل أنت مستعد؟", {"question"}),
        ("Sie haben die Wahl", set()),
        ("500 ₺ hediye", {"number", "percent_or_price"}),
        ("=?utf-8?q?Ready=3F?=", {"question"}),
        ("回复：您的订单", {"reply_or_forward"}),
        ("re:Invent is near", set()),
        ("Families 👨\u200d👩\u200d👧", {"emoji"}),
        ("{{ what? }}, {name}", {"personalised"}),
    ],
)
def test_features(subject: str, has: set[str]) -> None:
    assert {name for name, value in features(subject).items() if value is True} == has


@pytest.mark.parametrize(
    ("subject", "length"),
    [
        ("字" * 14, "0-29"),
        ("字" * 15, "30-49"),
        ("字" * 35, "70+"),
        ("e\u0301" * 29, "0-29"),
        ("👩\u200d🌾" * 14, "0-29"),
    ],
)
def test_length_is_how_wide_a_line_is(subject: str, length: str) -> None:
    assert length_class(subject) == length


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
