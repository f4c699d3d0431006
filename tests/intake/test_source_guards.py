"""What is no list is refused in one sentence, before it costs memory, disk or time."""

import bz2
import gzip
import io
import lzma
import os
import resource
import shutil
import signal
import socket
import struct
import zipfile
import zlib
from contextlib import nullcontext, suppress

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.errors import HygieneError, UnreadableInput, UnwritableOutput, UsageError
from hygiene.intake import encoding, source
from hygiene.intake.guard import Limits, in_units, shown
from hygiene.intake.source import open_sources

PLAIN = b"Email,Name\nann@example.com,Ann\n"
MIB = 1 << 20


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def refusal(tmp_path, work):
    """The one sentence with which some bytes are refused."""

    def refuse(content, name="list.csv", error=UnreadableInput, **keywords):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(error) as caught:
            open_sources([path], work, **keywords)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(f"{tmp_path}/", "")

    return refuse


def zipped(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def workbook(cells):
    book, data = openpyxl.Workbook(), io.BytesIO()
    for place, value in cells.items():
        book.active[place] = value
    book.save(data)
    return data.getvalue()


def zstd(content):
    data = pa.BufferOutputStream()
    with pa.CompressedOutputStream(data, "zstd") as stream:
        stream.write(content)
    return data.getvalue().to_pybytes()


def parquet(**columns):
    data = io.BytesIO()
    pq.write_table(pa.table(columns), data)
    return data.getvalue()


# --- no file at all -------------------------------------------------------------------------------


def refused_path(path, work):
    with pytest.raises(UnreadableInput) as caught:
        open_sources([path], work)
    return str(caught.value)


def test_missing(tmp_path, work):
    assert refused_path(tmp_path / "none.csv", work).endswith(
        "none.csv cannot be read: No such file or directory"
    )
    assert refused_path(tmp_path / "none.xlsx#Sheet", work).endswith("No such file or directory")
    assert "null" in refused_path(tmp_path / "a\0b", work)


def test_folder_and_standard_input(tmp_path, work):
    assert refused_path(tmp_path, work).endswith("it is a folder; name the files in it")
    assert refused_path("-", work).startswith("standard input cannot be read twice")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_no_permission(tmp_path, work):
    (tmp_path / "list.csv").write_bytes(PLAIN)
    (tmp_path / "list.csv").chmod(0)
    assert refused_path(tmp_path / "list.csv", work).endswith("Permission denied")


def test_pipes_devices_and_sockets_are_never_opened(tmp_path, work, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe" in refused_path(tmp_path / "pipe", work)
    assert "it is a device" in refused_path("/dev/zero", work)
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("sock")
        assert "it is a socket" in refused_path("sock", work)


@pytest.mark.parametrize(
    "content", [b"", b" \r\n\n\t", b"\xef\xbb\xbf", b"\xff\xfe\n\0", gzip.compress(b"", mtime=0)]
)
def test_empty(refusal, content):
    assert "is empty" in refusal(content)


def test_the_same_file_twice(tmp_path, work):
    path, link, hard = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.csv"
    path.write_bytes(PLAIN)
    link.symlink_to(path)
    hard.hardlink_to(path)
    with pytest.raises(UsageError, match=r"a\.csv was given twice$"):
        open_sources([path, path], work)
    for other in (link, hard):
        with pytest.raises(UsageError, match=r"was given twice, also as .*a\.csv"):
            open_sources([path, other], work)


def greedy_xz():
    """xz that asks for 2 GiB of memory: its dictionary's size (The .xz File Format §3.1, §5.3.1) changed."""
    packed = bytearray(lzma.compress(PLAIN))
    end = 12 + packed[12] * 4  # of the block's header, without its check sum
    packed[16] = 38
    packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
    return bytes(packed)


# --- of another kind ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "an image (PNG)"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx or .csv"),
        (b"SQLite format 3\0" + bytes(50), "an SQLite database"),
        (b"BZh91AY&SY\x01\x02", "it is damaged or cut short"),
        (b"\xfd7zXZ\0\0\4", "it is damaged or cut short"),
        (lzma.compress(gzip.compress(PLAIN, mtime=0)), "compressed twice"),
        (greedy_xz(), "in a way not known here"),
        (b"\xff\xfe\0\0E\0\0\0", "UTF-32"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "a web page or XML"),
        (bytes(range(256)) * 4, "it is not text"),
        (b'{\n  "email": "ann@example.com"\n}\n', "JSON, but neither"),
        (b'["ann@example.com"]', "JSON, but neither"),
        (b'[{"email": "a"}, {"email"', "not well-formed JSON"),
        (b"{}\n{}\n", "holds no key"),
        (zipped({"[Content_Types].xml": "", "word/document.xml": ""}), "office document but no .xlsx"),
        (gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0), "compressed twice"),
        (zstd(gzip.compress(PLAIN, mtime=0)), "compressed twice"),
        (gzip.compress(zipped({"a.csv": PLAIN}), mtime=0), "an archive in an archive"),
        (zipped({"b.zip": zipped({"a.csv": PLAIN})}), "it holds another archive, b.zip"),
        (zipped({"a.csv": zipped({"a.csv": PLAIN})}), "an archive in an archive"),
        (zipped({}), "holds no list: no file"),
        (zipped({"a.png": b"", "b.csv": b""}), "holds no list: only a.png, b.csv (empty)"),
        (workbook({}), "is empty: no sheet has a row"),
    ],
)
def test_other_kinds(refusal, content, said):
    assert said in refusal(content)


def test_a_text_may_begin_like_a_binary_file(tmp_path, work):
    (tmp_path / "list.csv").write_bytes(b"PAR1,BZh\nann@example.com,x\n")
    assert open_sources([tmp_path / "list.csv"], work)[0].header == ("PAR1", "BZh")


def test_only_workbooks_have_sheets(tmp_path, work):
    for name, content in (("list.csv", PLAIN), ("list.zip", zipped({"a.csv": PLAIN}))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="no sheets to choose from"):
            open_sources([tmp_path / f"{name}#One"], work)


# --- damaged --------------------------------------------------------------------------------------

SOUND = {
    "list.gz": gzip.compress(PLAIN * 50, mtime=0),
    "list.bz2": bz2.compress(PLAIN * 50),
    "list.xz": lzma.compress(PLAIN * 50),
    "list.zst": zstd(PLAIN * 50),
    "list.zip": zipped({"list.csv": PLAIN * 50}),
    "list.xlsx": workbook({"A1": "Email", "A2": "ann@example.com"}),
    "list.parquet": parquet(email=["ann@example.com"]),
}


@pytest.mark.parametrize("name", SOUND)
def test_cut_short(refusal, name):
    assert "it is damaged or cut short" in refusal(SOUND[name][:-9], name)


@pytest.mark.parametrize(("name", "place"), [("list.gz", -6), ("list.bz2", 12), ("list.xz", -30)])
def test_a_wrong_check_sum(refusal, name, place):
    packed = bytearray(SOUND[name])
    packed[place] ^= 1
    assert "it is damaged or cut short" in refusal(bytes(packed))


def test_a_password(refusal):
    packed = bytearray(SOUND["list.zip"])
    packed[packed.index(b"PK\x01\x02") + 8] |= 1  # general purpose bit 0 of the central directory
    assert "it is protected by a password" in refusal(bytes(packed))


def test_a_member_without_a_name(refusal):
    packed = bytearray(SOUND["list.zip"])
    for mark, length_at, name_at in ((b"PK\x03\x04", 26, 30), (b"PK\x01\x02", 28, 46)):
        header = packed.index(mark)
        packed[header + name_at] = 0  # zipfile cuts a name at its first NUL
        assert packed[header + length_at]
    assert "it is damaged or cut short" in refusal(bytes(packed))


def test_an_unknown_compression(refusal):
    packed = bytearray(SOUND["list.zip"])
    packed[packed.index(b"PK\x01\x02") + 10] = packed[8] = 9  # deflate64
    assert "compressed in a way not known here" in refusal(bytes(packed))


@settings(max_examples=150)
@given(
    name=st.sampled_from(sorted(SOUND)),
    places=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1),
)
def test_any_damage_is_one_sentence(tmp_path_factory, name, places):
    data = bytearray(SOUND[name])
    for place, value in places:
        data[place % len(data)] = value
    folder = tmp_path_factory.mktemp("damaged")
    (folder / name).write_bytes(data)
    with suppress(HygieneError):  # nothing else
        open_sources([folder / name], folder)


# --- too much -------------------------------------------------------------------------------------

SMALL = Limits(ratio_from=MIB)


def bomb():
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        file.write(b"Email\n")
        for _ in range(3):
            file.write(b"ann@example.com\n" * (MIB // 16))
    return packed.getvalue()


def written(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_gzip_bomb(refusal, work):
    assert len(bomb()) * 200 < 3 * MIB
    assert "grows more than 200 times" in refusal(bomb(), limits=SMALL)
    assert written(work) <= 2 * MIB


def test_a_zip_bomb_and_a_gzip_in_a_zip(refusal):
    inside = gzip.decompress(bomb())
    assert "grows more than 200 times" in refusal(zipped({"list.csv": inside}), limits=SMALL)
    assert "grows more than 200 times" in refusal(zipped({"list.csv.gz": bomb()}), limits=SMALL)
    many = {f"{number}.csv": inside[: MIB // 2] for number in range(4)}
    assert "grows more than 200 times" in refusal(zipped(many), limits=SMALL)


def test_sizes_that_lie(refusal):
    packed = bytearray(zipped({"list.csv": gzip.decompress(bomb())}))
    at = packed.index(b"PK\x01\x02")
    struct.pack_into("<L", packed, at + 24, 31)  # says 31 bytes
    assert "list.zip" in refusal(bytes(packed), "list.zip", limits=SMALL)


def test_a_workbook_bomb(refusal):
    packed = io.BytesIO(SOUND["list.xlsx"])
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros", bytes(3 * MIB))
    assert "grows more than 200 times" in refusal(packed.getvalue(), limits=SMALL)


def test_a_workbook_with_a_cell_far_away(refusal):
    said = refusal(workbook({"A1": "ann@example.com", "XFD1048576": "x"}))
    assert "a sheet spans 17,179,869,184 cells" in said


def test_a_parquet_bomb(refusal):
    assert "grows more than 200 times" in refusal(parquet(email=["x" * 100] * 50_000), limits=SMALL)


def test_a_parquet_file_of_more_rows_than_its_bytes_can_tell_apart(refusal, monkeypatch):
    monkeypatch.setattr("hygiene.intake.tabular._FREE_ROWS", 1_000)
    assert "grows more than 200 times" in refusal(parquet(email=[None] * 100_000))


def test_too_many_members_keys_and_damaged_lines(refusal):
    assert "more than 2 files" in refusal(zipped(dict.fromkeys("abc", b"")), limits=Limits(members=2))
    assert "3 different keys" in refusal(b'{"a":1,"b":1,"c":1}', limits=Limits(keys=2))
    lines = b'{"a":1}\n{\n{"b\xff\n{\n'
    assert "more than 2 lines are no JSON objects" in refusal(lines, limits=Limits(damaged=2))


def test_an_endless_line_fails_fast(tmp_path, work, monkeypatch):
    path = tmp_path / "endless.csv"
    with path.open("wb") as file:
        file.write(b"Email\n" + b"x" * (1 << 20))
    os.truncate(path, 4 << 30)  # sparse
    read = []
    feed = encoding._Tally.feed
    monkeypatch.setattr(
        encoding._Tally, "feed", lambda self, chunk: (read.append(len(chunk)), feed(self, chunk))
    )
    assert "a line longer than 16 MiB" in refused_path(path, work)
    assert sum(read) <= 18 * MIB


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"Email\n" + b"x" * 50 + b"\n", False),
        (b"Email\n" + b"x" * 51 + b"\n", True),
        (b"Email\r" + b"x" * 50 + b"\r" + b"y" * 50, False),
        (b"Email\r" + b"x" * 51, True),
        (b"Email\r" + b"x" * 49 + b"\r" + b"y" * 30 + b"\nz", True),  # the newline makes the returns text
        (("Email\n" + "x" * 51 + "\n").encode("utf-16"), True),
    ],
)
@pytest.mark.parametrize("chunk", [7, MIB])
def test_how_long_a_line_may_be(tmp_path, work, monkeypatch, content, refused, chunk):
    monkeypatch.setattr("hygiene.intake.encoding.CHUNK", chunk)
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    sentence = pytest.raises(UnreadableInput, match="a line longer than 50 bytes")
    with sentence if refused else nullcontext():
        open_sources([path], work, limits=Limits(line=50))


def test_a_first_record_without_end(refusal, monkeypatch):
    monkeypatch.setattr("hygiene.intake.source._SAMPLES", (8, 16))
    assert "its first record does not end" in refusal(b"\n" * 50 + b"Email\n")


# --- a moving world -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [PLAIN, SOUND["list.gz"], SOUND["list.zip"], SOUND["list.parquet"]])
def test_a_file_that_changes_while_it_is_read(tmp_path, work, monkeypatch, content):
    path = tmp_path / "list"
    path.write_bytes(content)
    head = source._head

    def grow(which):
        with path.open("ab") as file:
            file.write(b"more")
        return head(which)

    monkeypatch.setattr(source, "_head", grow)
    assert "changed while it was read" in refused_path(path, work)


def test_a_file_that_disappears(tmp_path, work, monkeypatch):
    path = tmp_path / "list.csv"
    path.write_bytes(PLAIN)
    monkeypatch.setattr(source, "binary_kind", lambda head: path.unlink(missing_ok=True) or source.Kind.TEXT)
    assert "list.csv cannot be read" in refused_path(path, work)


def test_no_room_is_known_beforehand(refusal, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    said = refusal(b"\xff\xfe" + "Email\nann@example.com\n".encode("utf-16-le"), error=UnwritableOutput)
    assert "takes 46 bytes to read" in said
    assert "has 10 bytes left" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.gz", gzip.compress(PLAIN * 9000, mtime=0)),
        ("list.zst", zstd(PLAIN * 9000)),
        ("list.zip", zipped({"list.csv": PLAIN * 9000})),
        ("list.csv", b"\xff\xfe" + ("ann@example.com\n" * 9000).encode("utf-16-le")),
        ("list.jsonl", b'{"email": "ann@example.com"}\n' * 9000),
    ],
)
def test_a_disk_that_fills_up(tmp_path, work, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(UnwritableOutput, match="no room left in"):
            open_sources([path], work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_work_folder_that_is_not_there(tmp_path):
    (tmp_path / "list.csv").write_bytes(PLAIN)
    with pytest.raises(UnwritableOutput, match="none cannot be written"):
        open_sources([tmp_path / "list.csv"], tmp_path / "none")


# --- what is said ---------------------------------------------------------------------------------


@given(st.text())
def test_whatever_is_shown_is_printable_and_short(text):
    assert shown(text).isprintable()
    assert len(shown(text)) <= 200


@pytest.mark.parametrize(
    ("size", "text"), [(10, "10 bytes"), (16 * MIB, "16 MiB"), (64 << 30, "64 GiB"), (1000, "1000 bytes")]
)
def test_sizes(size, text):
    assert in_units(size) == text
