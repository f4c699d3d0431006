"""What reports/ holds of the sample is what is made of it, and a demo ends by saying what to open."""

import re
from pathlib import Path
from tempfile import gettempdir

import pytest

from hygiene.demo.pictures import DRAWN, draw

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "reports"


@pytest.mark.parametrize("name", ["measure.html", "measure.csv", "rejected-by-reason.csv"])
def test_the_page_and_the_data_are_up_to_date(played, name):
    folder = played.folder
    assert (COMMITTED / name).read_bytes() == (folder / name).read_bytes(), "make reports"


@pytest.mark.parametrize("name", ["measure.json", "measure.html"])
def test_a_folder_for_the_time_being_is_not_named(played, name):
    folder = played.folder
    text = (folder / name).read_text("utf-8")
    assert "outfitters-events.jsonl" in text
    assert gettempdir() not in text.replace(str(folder), "")


def test_the_page_needs_nothing_beside_it():
    """It is opened from a checkout, or sent on: no script, no request, and small enough for a mail."""
    text = (COMMITTED / "measure.html").read_text("utf-8")
    assert not re.search(r"<script|<link[^>]*http|<img|url\(|@import|src=", text)
    assert "prefers-color-scheme: dark" in text
    assert len(text) < 200_000


def test_what_is_listed_as_in_the_repository_is_there():
    """The table of the README, what git leaves out, and what is there agree."""
    rows = re.findall(r"^\| (.+?) \| .+ \| (yes|no) \|$", (COMMITTED / "README.md").read_text("utf-8"), re.M)
    kept = {name for names, there in rows for name in re.findall("`([^`]+)`", names) if there == "yes"}
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    spared = {line.removeprefix("!reports/") for line in ignored if line.startswith("!reports/")}
    assert {name.split("/")[0] for name in kept} == {name.rstrip("/") for name in spared - {"README.md"}}
    assert all(list(COMMITTED.glob(name)) for name in kept)


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
