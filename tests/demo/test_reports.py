"""What reports/ holds of the sample is what is made of it, and a demo ends by saying what to open."""

from pathlib import Path
from tempfile import gettempdir

import pytest

from hygiene.demo.pictures import DRAWN, draw

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "reports"


@pytest.mark.parametrize("name", ["measure.csv", "rejected-by-reason.csv"])
def test_the_data_is_up_to_date(played, name):
    folder = played.folder
    assert (COMMITTED / name).read_bytes() == (folder / name).read_bytes(), "make reports"


@pytest.mark.parametrize("name", ["measure.json", "measure.html"])
def test_a_folder_for_the_time_being_is_not_named(played, name):
    folder = played.folder
    text = (folder / name).read_text("utf-8")
    assert "outfitters-events.jsonl" in text
    assert gettempdir() not in text.replace(str(folder), "")


def test_the_pictures_are_those_drawn(played):
    folder = played.folder
    drawn = {path.name for path in (folder / "pictures").iterdir()}
    assert drawn == {path.name for path in (COMMITTED / "pictures").iterdir()}
    assert len(drawn) == len(DRAWN) + 1
    for path in (folder / "pictures").iterdir():
        text = path.read_text("utf-8")
        assert "<dc:date>" not in text
        assert text.count("<text") == (COMMITTED / "pictures" / path.name).read_text("utf-8").count("<text")


def test_a_picture_has_the_same_bytes_every_time():
    def paint(ax):
        ax.errorbar([1, 2], [3, 4], yerr=[0.1, 0.2], label="x")
        ax.legend()

    assert draw(paint) == draw(paint)


def test_the_demo_ends_by_saying_what_to_open(played):
    folder = played.folder
    last = "\n".join(played.out.splitlines()[-2:])
    assert f"Open {folder / 'measure.html'}" in last
    for name in ("measure.html", "audit.html", "clean/report.html"):
        assert str(folder / name) in last
        assert (folder / name).stat().st_size > 1_000
