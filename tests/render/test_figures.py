import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.render.figures import BAR_CELLS, bar_text, bounded, share_of, share_text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.0004, "< 0.1 %"),
        (0.0005, "0.1 %"),
        (0.71496, "71.5 %"),
        (0.9994, "99.9 %"),
        (0.9996, "> 99.9 %"),
        (-1, "0 %"),
        (float("inf"), "100 %"),
        (float("nan"), "0 %"),
    ],
)
def test_share_text(share, text):
    assert share_text(share) == text


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_only_all_is_all_and_only_nothing_is_nothing(part, rest):
    assert share_text(share_of(part, part + rest)) not in {"0 %", "100 %", "0.0 %", "100.0 %"}
    assert share_text(share_of(0, rest)) == "0 %"
    assert share_text(share_of(rest, rest)) == "100 %"


def test_the_share_of_nothing_is_nothing():
    assert share_of(0, 0) == share_of(5, 0) == 0


@given(st.floats())
def test_bars_fit_and_show_whatever_is_there(share):
    bar = bar_text(share)
    assert len(bar) <= BAR_CELLS
    assert bool(bar) is (bounded(share) > 0)
