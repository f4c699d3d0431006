import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.render.lettering import distinct, shortened, width_of
from hygiene.render.safe import printable


@given(st.text(max_size=80), st.integers(30, 300))
def test_shortened_names_fit_and_keep_both_ends(text, room):
    short = shortened(text, room)
    assert width_of(short) <= room
    if "…" in short and "…" not in text:
        head, tail = short.split("…")
        assert head
        assert printable(text).startswith(head) or width_of(text) > width_of(short)
        assert not tail or width_of(head) <= room / 2 + 16


@given(st.lists(st.text(max_size=60), max_size=12), st.integers(30, 300))
def test_names_shortened_together_fit_and_are_no_worse_apart(texts, room):
    cut = distinct(texts, room)
    assert all(width_of(one) <= room for one in cut)
    assert len(set(cut)) >= len({shortened(text, room) for text in texts})


@pytest.mark.parametrize(
    "names",
    [
        [f"Campaign {number} – spring sale, everything must go" for number in range(24)],
        [f"provider-{number}.very-long-name-of-a-hosting-company.example.net" for number in range(12)],
        [f"Newsletter of the friends of the garden, number {number} of the year" for number in range(12)],
        [f"https://shop.example/a/long/way/to/what/differs/{number}" for number in range(12)],
    ],
)
def test_names_that_differ_anywhere_still_differ_when_cut(names):
    cut = distinct(names, 144)
    assert len(set(cut)) == len(names)
    assert max(map(width_of, cut)) <= 144


def test_names_are_measured_as_wide_as_they_may_be():
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    for text in ("W8 MMM @@", "iiill.,", "letters 0.0943 %", "Ünïcödé – “x”"):
        drawn = TextPath((0, 0), text, size=12, prop=FontProperties(family="DejaVu Sans")).get_extents().width
        assert drawn - 1 <= width_of(text) <= drawn + 8
    assert width_of("0.0943 %", bold=True) > width_of("0.0943 %")
    assert width_of("漢字") >= 24
    assert width_of("हिन्दी") > 12
    assert width_of("e\u0301") == width_of("e")


def test_a_letter_under_a_tower_of_marks_stays_in_its_line():
    assert shortened("Z" + "\u0353" * 40 + "!", 100) == "Z" + "\u0353" * 3 + "!"
