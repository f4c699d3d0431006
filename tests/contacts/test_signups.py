"""Since when people are on a list, whatever platform wrote it."""

from pathlib import Path

import pytest

import hygiene
from hygiene.errors import UnreadableInput, UsageError

FORMATS = Path(__file__).parent / "formats"
DAY_US = 86_400_000_000
SEPTEMBER = 1_788_220_800_000_000  # 2026-09-01, midnight


def signups(path, **options):
    table = hygiene.read_signups(path, **options)
    return dict(zip(table["recipient"].to_pylist(), table["joined_us"].to_pylist(), strict=True))


def test_the_first_sign_up_of_each_address_counts(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Email,Signed up at\n Ann@Example.com,2026-09-03\nbob@example.com,\n,2026-09-01\n", "utf-8"
    )
    (tmp_path / "b.csv").write_text("email,joined at\nann@example.com,2026-09-01\n", "utf-8")
    both = [tmp_path / "a.csv", str(tmp_path / "b.csv")]
    assert signups(both) == {"ann@example.com": SEPTEMBER}
    assert signups(both[0]) == {"ann@example.com": SEPTEMBER + 2 * DAY_US}


def test_a_column_can_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("who,since\nann@example.com,2026-09-01\n", "utf-8")
    assert signups(tmp_path / "a.csv", columns={"joined": "since"}) == {"ann@example.com": SEPTEMBER}


@pytest.mark.parametrize("layout", ["klaviyo", "listmonk", "hubspot", "plain"])
def test_the_layout_of_an_export_tells(layout):
    found = signups(FORMATS / f"{layout}.csv")
    assert found
    assert all(moment > 0 and moment % 1_000_000 == 0 for moment in found.values())


def test_a_cleaned_list_tells_it_again(tmp_path):
    (tmp_path / "a.csv").write_text("Email,Signed up at\nAnn@Example.com,2026-09-03\n", "utf-8")
    hygiene.clean_contacts(tmp_path / "a.csv", output=tmp_path / "clean")
    assert signups(tmp_path / "clean" / "clean.csv") == signups(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("email\nann@example.com\n", UsageError, "tells nobody's sign-up"),
        ("email,signed up at\nann@example.com,soon\n", UsageError, "tells nobody's sign-up"),
        ("", UnreadableInput, "empty"),
    ],
)
def test_a_list_without_sign_ups_is_refused(tmp_path, text, error, said):
    (tmp_path / "a.csv").write_text(text, "utf-8")
    with pytest.raises(error, match=said):
        hygiene.read_signups(tmp_path / "a.csv")
