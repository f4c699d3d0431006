"""Files of every kind are read as what they are, and said so; the bytes to scan say the same as the file."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import zipfile
from datetime import date, datetime, time

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from hygiene.errors import UnreadableInput, UsageError
from hygiene.intake.encoding import count_sequences, survey_text
from hygiene.intake.guard import Limits
from hygiene.intake.source import open_sources

PLAIN = "Email Address,First Name\nann@example.com,Ann\nbob@example.com,Bob\n"


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(tmp_path, work):
    """Write a file and open it: the one source it holds."""

    def open_one(content, name="list.csv", **keywords):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        (source,) = open_sources([path], work, **keywords)
        return source

    return open_one


def records(source):
    """The records after the header, as the standard library reads what is to be scanned."""
    data = source.path.read_bytes()[source.header_bytes[1] :]
    text = data.decode("utf-8", "surrogateescape")
    if not source.delimiter:
        return [[line] for line in text.splitlines() if line]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter, strict=True)
    return [row for row in reader if row]


# --- plain text -----------------------------------------------------------------------------------


def test_plain_utf_8_is_scanned_where_it_lies(opened, tmp_path, work):
    source = opened(PLAIN)
    assert source.path == tmp_path / "list.csv"
    assert (source.name, source.file_name, source.encoding) == ("list.csv", "list.csv", "UTF-8")
    assert source.header == ("Email Address", "First Name")
    assert source.header_bytes == (0, 25)
    assert (source.start, source.delimiter, source.quoted, source.fields) == (0, ",", True, 2)
    assert (source.line_end, source.data_line, source.lines, source.damaged) == (b"\n", 2, None, ())
    assert source.said == ()
    assert source.size == len(PLAIN)
    assert not [path for path in work.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("codec", "mark", "encoding"),
    [
        ("utf-8", b"\xef\xbb\xbf", "UTF-8 with BOM"),
        ("utf-16-le", b"\xff\xfe", "UTF-16 LE"),
        ("utf-16-be", b"\xfe\xff", "UTF-16 BE"),
        ("utf-16-le", b"", "UTF-16 LE"),
        ("utf-16-be", b"", "UTF-16 BE"),
        ("cp1252", b"", "Windows-1252"),
    ],
)
def test_encodings(opened, codec, mark, encoding):
    text = "Email;Name\r\nann@example.com;Ann Müller €\r\n"
    source = opened(mark + text.encode(codec))
    assert source.encoding == encoding
    assert source.said == (encoding, "separated by semicolon")
    assert source.header == ("Email", "Name")
    assert source.start == (3 if encoding == "UTF-8 with BOM" else 0)
    assert records(source) == [["ann@example.com", "Ann Müller €"]]
    assert source.size == len(mark + text.encode(codec))


def test_a_few_broken_bytes_leave_utf_8_what_it_is(opened):
    body = b"".join(b"ann%d@example.com,M\xc3\xbcller\n" % number for number in range(20))
    source = opened(b"Email,Name\n" + body + b"bob@example.com,M\xfcller\n")
    assert source.encoding == "UTF-8"
    assert b"M\xfcller" in source.path.read_bytes()


def test_undecodable_bytes_become_ff_in_their_line(opened):
    source = opened(b"Email,Name\nann@example.com,M\xfcller\nbob@example.com,B\x81b\n")
    lines = source.path.read_bytes().splitlines()
    assert source.encoding == "Windows-1252"
    assert lines[1].decode() == "ann@example.com,Müller"
    assert lines[2] == b"bob@example.com,B\xffb"


def test_half_a_pair_in_utf_16_becomes_ff_in_its_line(opened):
    text = "Email,Name\nann@example.com,😀\nbob@example.com,".encode("utf-16-le")
    source = opened(b"\xff\xfe" + text + b"\x3d\xd8" + "x\n".encode("utf-16-le"))
    lines = source.path.read_bytes().splitlines()
    assert lines[1].decode() == "ann@example.com,😀"
    assert lines[2] == b"bob@example.com,\xffx"


def test_a_torn_end_of_utf_16_is_not_lost(opened):
    source = opened(b"\xff\xfe" + "Email,Name\nann@example.com,Ann".encode("utf-16-le") + b"x")
    assert source.path.read_bytes().splitlines()[1] == b"ann@example.com,Ann\xff"


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"a", b"\n", "é".encode(), "漢".encode(), "😀".encode(), b"\xe9", b"\xf0\x9f", b"\x80"]
        )
    )
)
@example([b"\xe6\xbc", b"\xa2"])
def test_sequences_are_counted_the_same_however_the_file_is_cut(tmp_path_factory, pieces):
    import hygiene.intake.encoding as encoding

    data = b"".join(pieces)
    valid, invalid = count_sequences(data)
    path = tmp_path_factory.mktemp("cut") / "list.csv"
    path.write_bytes(b"x" * 7 + data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "CHUNK", 8)
        survey = survey_text(path, "list.csv", Limits())
    assume(not survey.encoding.startswith("UTF-16"))
    assert survey.encoding == ("UTF-8" if not invalid or valid >= invalid else "Windows-1252")


@pytest.mark.parametrize(
    ("text", "delimiter", "header", "fields"),
    [
        (
            b"email;name;amount\na@example.com;Ann;1,5\nb@example.com;Bob;2,5\n",
            ";",
            ("email", "name", "amount"),
            3,
        ),
        (b"a@example.com,Ann,1;2\nb@example.com,Bob,3;4\n", ",", None, 3),
        (b"Email\tName\na@example.com\tAnn, Lee\n", "\t", ("Email", "Name"), 2),
        (b"Email|Name\na@example.com|Ann\n", "|", ("Email", "Name"), 2),
        (b"Name, First <a@example.com>\nLee, Bob <b@example.com>\n", "", None, 1),
        (b'"Lee, Ann" <a@example.com>\nb@example.com\n', "", None, 1),
        (b"id,contact\n1,Ann <a@example.com>\n", ",", ("id", "contact"), 2),
        (b"email\na@example.com\n", "", ("email",), 1),
        (b"a@example.com", "", None, 1),
        (b'"email"\n"a@example.com"\n', ",", ("email",), 1),
        (b"Email,Name\n", ",", ("Email", "Name"), 2),
        (b'Email,Note\n"a@example.com","one;\n;two;\n;three"\nb@example.com,x\n', ",", ("Email", "Note"), 2),
        (b'Email,Note\na@example.com,"never closed\nb@example.com,x\n', ",", ("Email", "Note"), 2),
        (b"5d41402abc4b2a76b9719d911017c592\n7d793037a0760186574b0282f2f435e7\n", "", None, 1),
        (b"example.com\nexample.org\n", "", None, 1),
        (b"Email,Email,\na@example.com,,x\n", ",", ("Email", "Email", ""), 3),
    ],
)
def test_dialects(opened, text, delimiter, header, fields):
    source = opened(text)
    assert (source.delimiter, source.header, source.fields) == (delimiter, header, fields)
    assert source.quoted == (delimiter != "")


def test_what_was_assumed_is_said(opened):
    assert opened("a@example.com\nb@example.com\n").said == ("one address a line", "no header")
    assert opened("Email\tName\ra@example.com\tAnn\r", "mac.tsv").said == (
        "separated by tab",
        "lines end in CR",
    )


def test_a_return_ends_lines_only_where_there_is_no_newline(opened):
    assert opened("Email,Name\ra@example.com,Ann\r").line_end == b"\r"
    assert opened("Email,Name\r\na@example.com,Ann\r\n", "b.csv").line_end == b"\n"
    assert opened("Email,Name\na@example.com,A\rnn\n", "c.csv").line_end == b"\n"


def test_blank_lines_and_excels_first_line_are_skipped_but_counted(opened):
    source = opened("\n \nsep=;\r\nEmail;Name\r\na@example.com;Ann\r\n")
    assert (source.delimiter, source.header, source.data_line) == (";", ("Email", "Name"), 5)
    assert source.path.read_bytes()[source.start :].startswith(b"Email;Name")
    assert records(source) == [["a@example.com", "Ann"]]


def test_a_header_over_two_lines(opened):
    source = opened('"E\nmail",Name\na@example.com,Ann\n')
    assert (source.header, source.data_line, source.header_bytes) == (("E\nmail", "Name"), 3, (0, 14))


def test_a_header_longer_than_the_first_look(opened, monkeypatch):
    monkeypatch.setattr("hygiene.intake.source._SAMPLES", (8, 16, 1000))
    assert opened(PLAIN).header == ("Email Address", "First Name")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
HEADERS = st.lists(
    st.text(
        st.characters(codec="utf-8", categories=["L", "N"], include_characters=' "\n'), min_size=1, max_size=8
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=HEADERS,
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be-mark"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_in_any_dialect_keeps_its_header_and_separator(
    tmp_path_factory, names, rows, delimiter, codec, line_end
):
    names = ["Email", *names]
    table = [[f"ann{number}@example.com", *row[: len(names) - 1]] for number, row in enumerate(rows)]
    table = [row + [""] * (len(names) - len(row)) for row in table]
    if line_end == "\n":  # the writer leaves a lone return unquoted then
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows([names, *table])
    if codec == "utf-16-be-mark":
        data = b"\xfe\xff" + text.getvalue().encode("utf-16-be")
    else:
        data = text.getvalue().encode(codec)
    folder = tmp_path_factory.mktemp("table")
    (folder / "list.csv").write_bytes(data)
    (source,) = open_sources([folder / "list.csv"], folder)
    assert source.delimiter == delimiter
    assert source.header == tuple(names)
    assert records(source) == table


# --- archives -------------------------------------------------------------------------------------


def zipped(members, **keywords):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, **keywords) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def zstd(content):
    data = pa.BufferOutputStream()
    with pa.CompressedOutputStream(data, "zstd") as stream:
        stream.write(content)
    return data.getvalue().to_pybytes()


def test_gzip_with_several_members(opened):
    packed = gzip.compress(b"Email,Name\n") + gzip.compress(b"ann@example.com,Ann\n")
    source = opened(packed, "list.csv.gz")
    assert (source.name, source.file_name) == ("list.csv.gz", "list.csv")
    assert source.size == len(packed)
    assert records(source) == [["ann@example.com", "Ann"]]


def test_other_compressions_of_one_file(opened):
    for suffix, pack in (("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd)):
        packed = pack(b"Email,Name\n") + pack(b"ann@example.com,Ann\n")
        source = opened(packed, f"list.csv.{suffix}")
        assert source.file_name == "list.csv"
        assert records(source) == [["ann@example.com", "Ann"]]


def test_streams_of_xz_may_be_padded(opened):
    packed = lzma.compress(b"Email,Name\n") + bytes(8) + lzma.compress(b"ann@example.com,Ann\n") + bytes(4)
    assert records(opened(packed, "list.csv.xz")) == [["ann@example.com", "Ann"]]


def test_a_zip_of_three(tmp_path, work):
    path = tmp_path / "subscribers.zip"
    path.write_bytes(
        zipped(
            {
                "subscribed_members.csv": PLAIN,
                "export/unsubscribed_members.csv": PLAIN,
                "cleaned_members.csv.gz": gzip.compress(PLAIN.encode()),
                "README.txt": "hello",
                "logo.png": b"\x89PNG",
                "nothing.csv": "",
                "__MACOSX/._subscribed_members.csv": b"\0\5\x16\7",
                ".DS_Store": b"\0",
                "folder/": b"",
            }
        )
    )
    sources = open_sources([path], work)
    assert [(source.name, source.file_name) for source in sources] == [
        ("subscribers.zip/subscribed_members.csv", "subscribed_members.csv"),
        ("subscribers.zip/export/unsubscribed_members.csv", "unsubscribed_members.csv"),
        ("subscribers.zip/cleaned_members.csv.gz", "cleaned_members.csv"),
    ]
    assert sources[0].said == ("skipped in the archive: README.txt, logo.png, nothing.csv (empty)",)
    assert sources[1].said == ()
    assert {source.given.path for source in sources} == {path}
    assert all(source.header == ("Email Address", "First Name") for source in sources)


def test_content_decides_not_the_name(opened):
    assert records(opened(gzip.compress(PLAIN.encode()), "list.csv")) == records(opened(PLAIN, "list.xlsx"))


# --- workbooks ------------------------------------------------------------------------------------


def workbook(sheets, hidden=()):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name in hidden else "visible"
        for row in rows:
            sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def test_cells_of_a_workbook(opened):
    rows = [
        ["Email", "int", "float", "date", "time stamp", "time", "bool", "text"],
        [
            "ann@example.com",
            42,
            0.5,
            date(2024, 5, 1),
            datetime(2024, 5, 1, 12, 0),
            time(3, 4),
            True,
            ' a"b,\nc ',
        ],
        [None] * 8,
        [
            "bob@example.com",
            0,
            -1e20,
            None,
            datetime(2024, 5, 1, 12, 0, 0, 500_000),
            None,
            False,
            "00123_x000D_",
        ],
    ]
    source = opened(workbook({"Sheet": rows}), "list.xlsx")
    assert source.said == ("Excel workbook",)
    assert source.header == tuple(rows[0])
    assert records(source) == [
        ["ann@example.com", "42", "0.5", "2024-05-01", "2024-05-01 12:00:00", "03:04:00", "TRUE", ' a"b,\nc '],
        ["bob@example.com", "0", "-1e+20", "", "2024-05-01 12:00:00.500", "", "FALSE", "00123\r"],
    ]
    assert source.lines.tolist() == [2, 4]
    assert source.lines.dtype == np.int64


def test_a_workbook_without_a_header(opened):
    source = opened(workbook({"Sheet": [[], ["ann@example.com"], ["bob@example.com"]]}), "list.xlsx")
    assert (source.header, source.lines.tolist()) == (None, [2, 3])
    assert records(source) == [["ann@example.com"], ["bob@example.com"]]


def test_the_sheet_with_addresses_is_read(opened):
    book = workbook({"About": [["Export"]], "Empty": [], "Contacts": [["Email"], ["ann@example.com"]]})
    source = opened(book, "list.xlsx")
    assert source.said == ("Excel workbook", "sheet “Contacts” of 3")
    assert records(source) == [["ann@example.com"]]


def test_a_hidden_sheet_is_read_only_when_named(opened, tmp_path, work):
    rows = [["Email"], ["ann@example.com"]]
    source = opened(workbook({"Old": rows, "New": rows}, hidden=["Old"]), "list.xlsx")
    assert source.said == ("Excel workbook", "sheet “New” of 2")
    (source,) = open_sources([tmp_path / "list.xlsx#Old"], work)
    assert (source.name, source.said) == ("list.xlsx#Old", ("Excel workbook", "sheet “Old”"))


def test_two_sheets_with_addresses_are_a_question(opened, tmp_path, work):
    rows = [["Email"], ["ann@example.com"]]
    with pytest.raises(UsageError, match=r"on 2 sheets, “A”, “B”; name one as .*list\.xlsx#A"):
        opened(workbook({"A": rows, "B": rows}), "list.xlsx")
    first, second = open_sources([tmp_path / "list.xlsx#A", tmp_path / "list.xlsx#B"], work)
    assert (first.name, second.name) == ("list.xlsx#A", "list.xlsx#B")
    with pytest.raises(UsageError, match="has no sheet C; it has “A”, “B”"):
        open_sources([tmp_path / "list.xlsx#C"], work)


def test_a_workbook_in_a_zip(opened):
    source = opened(zipped({"list.xlsx": workbook({"S": [["Email"], ["ann@example.com"]]})}), "all.zip")
    assert (source.name, source.file_name) == ("all.zip/list.xlsx", "list.xlsx")
    assert records(source) == [["ann@example.com"]]


# --- Parquet and JSON -----------------------------------------------------------------------------


def test_parquet(opened, tmp_path):
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES (NULL, 1, DATE '2024-05-01', [1, 2], {'a': 'x'}, 'b'::BLOB),"
        " ('ann@example.com', 2, NULL, NULL, NULL, NULL)) t(email, n, day, list, nested, raw))"
        f" TO '{tmp_path / 'made'}' (FORMAT parquet)"
    )
    source = opened((tmp_path / "made").read_bytes(), "a[1]*.parquet")
    assert source.header == ("email", "n", "day", "list", "nested", "raw")
    assert records(source) == [
        ["", "1", "2024-05-01", "[1,2]", '{"a":"x"}', "b"],
        ["ann@example.com", "2", "", "", "", ""],
    ]
    assert source.lines.tolist() == [1, 2]
    assert source.said == ("Parquet",)


def test_parquet_with_one_column_and_missing_addresses(opened):
    data = io.BytesIO()
    pq.write_table(pa.table({"ann@example.com": ["", None, "bob@example.com"]}), data)
    source = opened(data.getvalue(), "list.parquet")
    assert source.header == ("ann@example.com",)
    assert records(source) == [[""], [""], ["bob@example.com"]]


def test_json_lines(opened):
    lines = [
        b'{"email": "ann@example.com", "n": 12345678901234567890123, "Email": "x"}',
        b"",
        b'{"email": "bob@example.com", "tags": ["a", "b"], "a/b~c": true, "": null}',
        b'{"email": "broken',
        b"[1]",
        '{"name": "Bö"}'.encode(),
        b'{"email": "M\xff"}',
        b'{"email": "a\\nb\\"c", "": "x"}',
    ]
    source = opened(b"\r\n".join(lines), "list.jsonl")
    assert source.header == ("email", "n", "Email", "tags", "a/b~c", "", "name")
    assert records(source) == [
        ["ann@example.com", "12345678901234567890123", "x", "", "", "", ""],
        ["bob@example.com", "", "", '["a","b"]', "true", "", ""],
        ["", "", "", "", "", "", "Bö"],
        ['a\nb"c', "", "", "", "", "x", ""],
    ]
    assert source.lines.tolist() == [1, 3, 6, 8]
    assert [(damage.line, damage.text, damage.why) for damage in source.damaged] == [
        (4, '{"email": "broken', "not valid JSON"),
        (5, "[1]", "a JSON array, not an object"),
        (7, '{"email": "M�"}', "not valid UTF-8"),
    ]


def test_json_lines_are_the_same_however_they_are_batched(opened, monkeypatch):
    lines = "".join(
        json.dumps({"email": f"ann{number}@example.com", "n": "x" * number}) + "\n" for number in range(50)
    )
    whole = opened(lines, "whole.jsonl")
    monkeypatch.setattr("hygiene.intake.tabular.BATCH", 64)
    parts = opened(lines, "parts.jsonl")
    assert parts.lines.tolist() == whole.lines.tolist() == list(range(1, 51))
    assert parts.path.read_bytes() == whole.path.read_bytes()


def test_a_long_damaged_line_is_shortened(opened):
    source = opened(b'{"email": "ann@example.com"}\n{"' + b"x" * 5000 + b"\n", "list.jsonl")
    assert [len(damage.text) for damage in source.damaged] == [2000]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_json_array(opened, mark):
    source = opened(mark + b' [\n{"email": "ann@example.com"},\n 5, {"name": "B\xc3\xb6b"}]', "list.json")
    assert source.header == ("email", "name")
    assert records(source) == [["ann@example.com", ""], ["", "Böb"]]
    assert source.lines.tolist() == [1, 3]
    assert [(damage.line, damage.why) for damage in source.damaged] == [(2, "a JSON value, not an object")]


SUMMARIES = [{"EmailAddress": "ann@example.com", "Since": 1.50}, {"EmailAddress": "bob@example.com"}]


@pytest.mark.parametrize(
    "document",
    [
        {"SuppressedDestinationSummaries": SUMMARIES, "NextToken": None},  # Amazon SES
        {"items": SUMMARIES, "paging": {"next": "https://example.com/a", "ids": [1, 2]}},  # Mailgun
        {"data": {"contacts": SUMMARIES}, "total": 2},
    ],
)
@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_the_answer_of_a_web_api_is_the_list_in_it(opened, document, indent):
    source = opened(json.dumps(document, indent=indent).replace("1.5", "1.50"), "list.json")
    assert source.header == ("EmailAddress", "Since")
    assert records(source) == [["ann@example.com", "1.50"], ["bob@example.com", ""]]
    assert (source.lines.tolist(), source.said) == ([1, 2], ("JSON array within a document",))


def test_one_person_with_lists_is_no_list_of_persons(opened):
    source = opened('{"email": "ann@example.com", "lists": [{"id": 1}, {"id": 2}]}\n', "list.jsonl")
    assert source.header == ("email", "lists")


def test_json_in_utf_16(opened):
    source = opened('{"email": "ann@example.com", "name": "Bö"}\n'.encode("utf-16"), "list.jsonl")
    assert (source.encoding, source.said) == ("UTF-16 LE", ("JSON Lines", "UTF-16 LE"))
    assert records(source) == [["ann@example.com", "Bö"]]


JSON_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(JSON_TEXT, JSON_TEXT, max_size=3), min_size=1, max_size=6))
def test_any_texts_in_json_come_back(tmp_path_factory, objects):
    assume(any(objects))
    keys = list(dict.fromkeys(key for one in objects for key in one))
    folder = tmp_path_factory.mktemp("json")
    (folder / "lines").write_text("\n".join(json.dumps(one) for one in objects))
    (folder / "array").write_text(json.dumps(objects, ensure_ascii=False))
    for source in open_sources([folder / "lines", folder / "array"], folder):
        assert source.header == tuple(keys)
        assert records(source) == [[one.get(key, "") for key in keys] for one in objects]
        assert source.lines.tolist() == list(range(1, len(objects) + 1))


# --- names and changes ----------------------------------------------------------------------------


def test_files_of_the_same_name_go_by_their_paths(tmp_path, work):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "list.csv").write_text(PLAIN)
    names = [source.name for source in open_sources([tmp_path / "a/list.csv", tmp_path / "b/list.csv"], work)]
    assert names == [str(tmp_path / "a/list.csv"), str(tmp_path / "b/list.csv")]


def test_names_are_safe_to_print(opened):
    source = opened(PLAIN, "list\n\x1b[31m.csv")
    assert source.name == "list\\n\\x1b[31m.csv"
    assert opened(PLAIN, os.fsdecode(b"l\xff.csv")).name.isprintable()


def test_a_hash_in_a_name_is_no_sheet(opened):
    assert opened(PLAIN, "list#1.csv").name == "list#1.csv"


def test_a_file_that_changes_afterwards_is_noticed(opened, tmp_path):
    source = opened(PLAIN)
    source.check_unchanged()
    with (tmp_path / "list.csv").open("a") as file:
        file.write("x")
    with pytest.raises(UnreadableInput, match="changed while it was read"):
        source.check_unchanged()
