"""The story of one address: found in every spelling, with its rows, reasons, settings and warnings."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.address import Address, judge_address
from hygiene.contacts.reasons import ABOUT, RejectReason
from hygiene.contacts.sought import Match, Sought
from hygiene.contacts.why import DECIDED_BY, JUDGED_WITH, Verdict, explain_address
from hygiene.errors import UnreadableInput, UsageError
from hygiene.render.page import render_page
from hygiene.render.terminal import render_terminal

from .cleaning_folders import POLICY, flag, reject, write_cleaning


def shown(story):
    return render_terminal(story.sections(), width=100, colour=False)


@pytest.fixture
def shop(tmp_path):
    """A cleaning with one person of each kind."""
    kept = [
        "Ann@shop.example",
        "ben.lee@gmail.com",
        "info@shop.example",
        "zoë@müller.example",
        "=sum@shop.example",
    ]
    rejected = [
        reject("ann@SHOP.example", "duplicate", 7, step="deduplicate", kept_row="list.csv:2"),
        reject("benlee+news@googlemail.com", "duplicate-mailbox", 8, step="deduplicate", kept_row="list.csv:3"),
        reject("cy@shop.example", "unsubscribed", 9, detail='status "cleaned out"'),
        reject("cy@shop.example", "unsubscribed", 10, file="other.csv"),
        reject("di@shop.example", "inactive", 11, step="prune", detail="last click 2025-01-02"),
        reject("eva@shop.example; fay@shop.example", "several-addresses", 12, step="validate"),
        reject("", "damaged-line", 13, step="read", text='"guy@shop.example,x'),
        reject("not an address", "invalid-address", 14, step="validate"),
        reject("+plus@shop.example", "unsubscribed", 15),
        reject("'=two@shop.example", "bounced", 18),
        reject('"quoted"@shop.example', "invalid-address", 16, step="validate"),
        reject("Hal <hal@shop.example>", "unsubscribed", 17),
    ]
    flagged = [flag("info@shop.example", "role", 4), flag(" zoë@xn--mller-kva.example", "repaired", 5)]
    return write_cleaning(tmp_path / "shop", kept, rejected, flagged)


# found, and told


def test_a_kept_address_with_its_duplicate(shop):
    story = explain_address("ann@shop.example", shop)
    assert (story.verdict, story.exit_code()) == (Verdict.MAILED, 0)
    kept, duplicate = story.rows
    assert (kept.kept, kept.file, kept.line, kept.clean_row, kept.address) == (
        True,
        "list.csv",
        2,
        1,
        "Ann@shop.example",
    )
    assert (duplicate.reason, duplicate.line, duplicate.kept_row) == ("duplicate", 7, "list.csv:2")
    assert "1 other row of the person gave way to it" in shown(story)


@pytest.mark.parametrize(
    ("asked", "verdict", "matches"),
    [
        ("BEN.LEE@GMAIL.COM", Verdict.MAILED, [Match.SAME, Match.MAILBOX]),
        ("b.e.n.l.e.e+x@gmail.com", Verdict.OTHER_SPELLING, [Match.MAILBOX, Match.MAILBOX]),
        ("benlee+news@googlemail.com", Verdict.OTHER_SPELLING, [Match.MAILBOX, Match.SAME]),
        ("mailto:ann@shop.example", Verdict.MAILED, [Match.SAME, Match.SAME]),
        ("Zoë <ZOË@xn--mller-kva.example>", Verdict.MAILED, [Match.SAME]),
        ("=sum@shop.example", Verdict.MAILED, [Match.SAME]),
        ("+plus@shop.example", Verdict.NOT_MAILED, [Match.SAME]),
        ("hal@shop.example", Verdict.NOT_MAILED, [Match.SAME]),
        ("'=two@shop.example", Verdict.NOT_MAILED, [Match.SAME]),
        ("=two@shop.example", Verdict.NOT_FOUND, []),
        ("fay@shop.example", Verdict.NOT_MAILED, [Match.MENTION]),
        ("guy@shop.example", Verdict.NOT_MAILED, [Match.MENTION]),
        ("Not an address ", Verdict.NOT_MAILED, [Match.SAME]),
        ('"quoted"@shop.example', Verdict.NOT_MAILED, [Match.SAME]),
        ("nn@shop.example", Verdict.NOT_FOUND, []),
        ("ay@shop.example", Verdict.NOT_FOUND, []),
        ("ann@shop.example.com", Verdict.NOT_FOUND, []),
        ("nobody at all", Verdict.NOT_FOUND, []),
    ],
)
def test_every_spelling_that_means_it(shop, asked, verdict, matches):
    story = explain_address(asked, shop)
    assert (story.verdict, [row.match for row in story.rows]) == (verdict, matches)
    assert story.exit_code() == (0 if verdict is Verdict.MAILED else 1)


def test_a_rejected_person_in_two_files(shop):
    story = explain_address("cy@shop.example", shop)
    assert [(row.file, row.line) for row in story.rows] == [("list.csv", 9), ("other.csv", 10)]
    text = shown(story)
    assert text.splitlines()[0].split() == ["cy@shop.example", "not", "mailed", "·", "unsubscribed"]
    about = ABOUT[RejectReason.UNSUBSCRIBED]
    assert "The person said no." in text
    assert about.remedy in text
    assert 'status "cleaned out"' in text


def test_the_settings_behind_it_and_what_was_not_asked(tmp_path):
    gone = reject("di@shop.example", "inactive", 11, step="prune")
    role = reject("info@shop.example", "role", 12, step="policy")
    folder = write_cleaning(tmp_path, [], [gone, role])
    story = explain_address("di@shop.example", folder)
    assert story.policy["inactive_after"] == "180d"
    assert "counted from 2026-11-22" in shown(story)
    assert "still to be asked" not in shown(story)
    assert "still to be asked then: prune" in shown(explain_address("info@shop.example", folder))


def test_the_lists_and_versions_behind_it(tmp_path):
    rejected = [
        reject("a@shop.example", "suppressed", step="suppress", detail="complained, in stop.csv"),
        reject("b@mailinator.com", "disposable", step="policy"),
    ]
    lists = [{"name": "stop.csv", "sha256": "cd" * 32, "entries": 1200}]
    folder = write_cleaning(tmp_path, [], rejected, lists=lists)
    text = shown(explain_address("a@shop.example", folder))
    assert "stop.csv" in text
    assert "1,200 entries · sha256 cdcdcdcdcdcd" in text
    story = explain_address("b@mailinator.com", folder)
    assert story.versions == {"disposable-email-domains": "0.0.198"}
    assert "stop.csv" not in shown(story)


def test_flags_and_the_address_to_write_to(shop):
    story = explain_address("zoë@müller.example", shop)
    (row,) = story.rows
    assert (row.flags, row.address, row.mail_to) == (
        ("repaired",),
        " zoë@xn--mller-kva.example",
        "zoë@müller.example",
    )
    assert "mail goes to zoë@müller.example" in shown(story)
    assert "(xn--mller-kva.example)" in shown(story)


def test_a_mistyped_flag_carries_its_suggestion(tmp_path):
    flagged = [flag("ann@gmial.com", "mistyped", suggestion="ann@gmail.com")]
    folder = write_cleaning(tmp_path, ["ann@gmial.com"], [], flagged)
    assert "ann@gmail.com?" in shown(explain_address("ann@gmial.com", folder))


def test_no_file_is_told_for_a_kept_row_without_company(tmp_path):
    folder = write_cleaning(tmp_path, ["a@shop.example", "b@shop.example"])
    (row,) = explain_address("b@shop.example", folder).rows
    assert (row.file, row.line, row.clean_row) == ("", None, 2)


def test_inputs_of_one_name_are_said(tmp_path):
    rejected = [reject("a@shop.example", "unsubscribed", 3)]
    folder = write_cleaning(tmp_path, [], rejected, inputs=[{"name": "list.csv"}, {"name": "list.csv"}])
    (warning,) = explain_address("a@shop.example", folder).warnings
    assert warning.startswith("2 inputs are called list.csv")


def test_a_reason_of_another_version_is_still_told(tmp_path):
    folder = write_cleaning(tmp_path, [], [reject("a@shop.example", "eaten-by-the-dog")])
    story = explain_address("a@shop.example", folder)
    assert story.verdict is Verdict.NOT_MAILED
    assert "eaten-by-the-dog" in shown(story)


# clean.csv in every dialect


@pytest.mark.parametrize(
    ("data", "dialect", "column"),
    [
        (b'Name;Email\r\n"Lee; Ann";ann@shop.example\r\n', {"delimiter": ";"}, "Email"),
        (b"Email\tName\nann@shop.example\tAnn\n", {"delimiter": "\t"}, "Email"),
        (b"x|ann@shop.example\n", {"delimiter": "|", "header": False}, 1),
        (b"ann@shop.example\nben@shop.example", {"delimiter": "", "header": False, "quoted": False}, 0),
        (b"\xef\xbb\xbfann@shop.example\n", {"delimiter": "", "header": False, "quoted": False}, 0),
        (b"\xef\xbb\xbfEmail,Note\nann@shop.example,x\n", {"bom": True}, "Email"),
        (b'Email,Email\nx,"ann@shop.example"\n', {}, 1),
        (b'"two\nlines",Email\n"1\n2",ann@shop.example\n', {}, "Email"),
        (b'Note,Email\na "quote" inside,ann@shop.example\n', {}, "Email"),
        (b'Note,Email\n"a \\"quote, inside",ann@shop.example\n', {"escape": "\\"}, "Email"),
        (b"Email\rann@shop.example\r", {}, "Email"),
        (b"Email,hygiene_address\nAnn <ann@shop.example>,ann@shop.example\n", {}, "hygiene_address"),
        (b"Email,hygiene_address\nann@shop.example,\nAnn <a@b>,a@shop.example\n", {}, "Email"),
    ],
)
def test_any_dialect(tmp_path, data, dialect, column):
    folder = write_cleaning(tmp_path, data, clean={"quoted": True, **dialect}, address_column=column)
    story = explain_address("ann@shop.example", folder)
    assert story.verdict is Verdict.MAILED
    assert story.rows[0].clean_row == 1


def test_the_place_of_the_address_is_enough(tmp_path):
    clean = {"delimiter": "\t", "header": False}
    folder = write_cleaning(
        tmp_path, b"x\tann@shop.example\n", clean=clean, address_column="column_2", address_place=1
    )
    assert explain_address("ann@shop.example", folder).verdict is Verdict.MAILED


def test_an_empty_clean_csv_keeps_nobody(tmp_path):
    folder = write_cleaning(tmp_path, b"", [reject("a@shop.example", "bounced")])
    assert explain_address("b@shop.example", folder).verdict is Verdict.NOT_FOUND


def test_a_folder_whose_name_is_a_pattern(tmp_path):
    folder = write_cleaning(tmp_path / "[a]*'?", ["ann@shop.example"])
    write_cleaning(tmp_path / "a", ["ben@shop.example"])
    assert explain_address("ann@shop.example", folder).verdict is Verdict.MAILED


def test_without_a_flagged_csv(tmp_path):
    folder = write_cleaning(tmp_path, ["ann@shop.example"])
    (folder / "flagged.csv").unlink()
    outputs = json.loads((folder / "manifest.json").read_text())["outputs"]
    del outputs["flagged.csv"]
    write_cleaning(tmp_path, ["ann@shop.example"], outputs=outputs)
    (folder / "flagged.csv").unlink()
    story = explain_address("ann@shop.example", folder)
    assert (story.verdict, story.warnings) == (Verdict.MAILED, ())


# what is no longer as it was


def test_a_changed_output_is_said(shop):
    with (shop / "clean.csv").open("a") as file:
        file.write("new@shop.example\n")
    (warning,) = explain_address("ann@shop.example", shop).warnings
    assert "clean.csv was changed after the cleaning" in warning


def test_a_change_that_keeps_the_size_is_said(shop):
    data = (shop / "rejected.csv").read_bytes()
    (shop / "rejected.csv").write_bytes(data.replace(b"cy@", b"xy@"))
    story = explain_address("cy@shop.example", shop)
    assert story.verdict is Verdict.NOT_FOUND
    assert "rejected.csv was changed" in " ".join(shown(story).split())


# what is no cleaning


def sentence(address, folder):
    with pytest.raises(UnreadableInput) as caught:
        explain_address(address, folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "is not there" in sentence("a@b.com", tmp_path / "nowhere")
    assert "is no folder" in sentence("a@b.com", tmp_path / "file")
    assert "holds no cleaning" in sentence("a@b.com", tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": "npm"}', '{"format": "1"}', "\ud800", "[" * 100_000, "null"]
)
def test_no_manifest(tmp_path, text):
    write_cleaning(tmp_path, ["a@shop.example"])
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "is not the manifest of a cleaning" in sentence("a@b.com", tmp_path)


def test_a_manifest_of_another_format(tmp_path):
    write_cleaning(tmp_path, format=2)
    assert "format 2" in sentence("a@b.com", tmp_path)


@pytest.mark.parametrize("name", ["clean.csv", "rejected.csv", "flagged.csv"])
def test_an_output_that_is_missing(shop, name):
    (shop / name).unlink()
    assert f"{name} is missing" in sentence("a@b.com", shop)


def test_tables_that_are_not_ours(shop):
    (shop / "rejected.csv").write_text("file;line;address\nx;1;a@shop.example\n")
    assert "it has no column 'file'" in sentence("a@b.com", shop)
    (shop / "rejected.csv").write_bytes(b"file,line,address,step,reason,detail,kept_row,text\n1,2\n")
    assert "rejected.csv" in sentence("a@b.com", shop)


@pytest.mark.parametrize("column", ["E-mail", 1, -1])
def test_a_column_that_is_not_there(tmp_path, column):
    write_cleaning(tmp_path, ["a@shop.example"], address_column=column)
    assert f"has no column {column!r}" in sentence("a@b.com", tmp_path)


def test_an_empty_address(shop):
    with pytest.raises(UsageError):
        explain_address("  ", shop)


# as data


def test_as_json_and_as_a_frame(shop):
    story = explain_address("cy@shop.example", shop)
    data = json.loads(json.dumps(story.to_dict()))
    assert (data["verdict"], data["address"], len(data["rows"])) == ("not-mailed", "cy@shop.example", 2)
    assert data["rows"][0]["remedy"] == ABOUT[RejectReason.UNSUBSCRIBED].remedy
    frame = story.to_frame()
    assert list(frame["reason"]) == ["unsubscribed", "unsubscribed"]
    assert frame["match"].tolist() == ["same", "same"]
    assert explain_address("no@shop.example", shop).to_frame().empty


def test_a_page_and_a_notebook(shop):
    hostile = reject("<script>alert(1)</script>@shop.example", "invalid-address")
    folder = write_cleaning(shop, [], [hostile])
    story = explain_address("<script>alert(1)</script>@shop.example", folder)
    assert story.verdict is Verdict.NOT_MAILED
    assert "<script>alert" not in render_page([story.sections()], title="why")
    assert "<script>alert" not in story._repr_html_()
    assert repr(story).startswith("<Story ")


def test_the_settings_named_are_settings():
    from hygiene.config import CleaningPolicy

    fields = set(CleaningPolicy.__struct_fields__)
    assert {name for names in DECIDED_BY.values() for name in names} <= fields
    assert set(POLICY) <= fields
    assert set(JUDGED_WITH) <= set(RejectReason)


# the law: SQL lets through whatever Python would recognise

CELLS = st.builds(
    lambda before, local, tag, at, domain, after: f"{before}{local}{tag}{at}{domain}{after}",
    st.sampled_from(["", " ", "'", "mailto:", "Ann Lee <", "王 <", "\u200b", "x", "x.", "b@c.com;", "%"]),
    st.sampled_from(
        ["ann.lee", "annlee", "Ann.Lee", "a.n.n.l.e.e", "ann%2Elee", "ａｎｎ.lee", "zoë", "zoe\u0308"]
    ),
    st.sampled_from(["", "+x", "+", "+王"]),
    st.sampled_from(["@", " @ ", "＠", "\u200b@", "%40"]),
    st.sampled_from(["gmail.com", "GoogleMail.com", "müller.example", "xn--mller-kva.example", "ｇmail.com"]),
    st.sampled_from(["", " ", ">", ",", ".", "?subject=x", "\n", ".uk"]),
)


@given(asked=CELLS, cell=CELLS)
def test_sql_finds_what_python_recognises(asked, cell):
    import duckdb

    sought = Sought(asked)
    judged, other = judge_address(asked), judge_address(cell)
    match = sought.match(cell)
    if isinstance(judged, Address) and isinstance(other, Address):
        wanted = Match.MAILBOX if judged.mailbox == other.mailbox else None
        assert match is (Match.SAME if judged.key == other.key else wanted)
    if match:
        query = f"select {sought.condition('cell')} from (select $cell as cell)"
        assert duckdb.execute(query, {**sought.parameters, "cell": cell}).fetchall() == [(True,)]


def test_the_hash_of_a_manifest_is_that_of_the_file(shop):
    """Guards the builder of these folders."""
    said = json.loads((shop / "manifest.json").read_text())["outputs"]["clean.csv"]["sha256"]
    assert said == hashlib.sha256((shop / "clean.csv").read_bytes()).hexdigest()
