"""Logs that are compressed, and those that end before they should."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.errors import UnreadableInput
from hygiene.events.read import read_events

PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda text: pa.compress(text, codec="zstd", asbytes=True),
}
MAIL = (
    "2026-11-28T10:00:0{0}+00:00 mx postfix/qmgr[7]: 4AB00{0}: from=<n@shop.example>, size=9, nrcpt=1 (queue)\n"
    "2026-11-28T10:00:0{0}+00:00 mx postfix/smtp[8]: 4AB00{0}: to=<u{0}@x.example>, relay=x[192.0.2.1]:25, "
    "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n"
)


def event(number):
    return {"event": "delivered", "email": f"u{number}@x.example", "timestamp": 1_788_256_800 + number}


def lines(count):
    return b"".join(json.dumps(event(number)).encode() + b"\n" for number in range(count))


def read(path, content):
    path.write_bytes(content)
    with duckdb.connect() as connection:
        report = read_events(path, connection)
        found = connection.execute("select recipient from events order by ts_us, kind").fetchall()
        return [recipient for (recipient,) in found], report.files[0]


def refused(path, content):
    path.write_bytes(content)
    with duckdb.connect() as connection, pytest.raises(UnreadableInput) as caught:
        read_events(path, connection)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def open_ended(text):
    """A gzip stream that is still written: all of the text is in it, and no end."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("one", PACKERS)
@pytest.mark.parametrize("other", PACKERS)
def test_one_layer_and_two(tmp_path, one, other):
    for number, content in enumerate((PACKERS[one](lines(5)), PACKERS[other](PACKERS[one](lines(5))))):
        recipients, file = read(tmp_path / f"{number}.log", content)
        assert recipients == [f"u{number}@x.example" for number in range(5)]
        assert not any("cut short" in note for note in file.notes)


@pytest.mark.parametrize("one", PACKERS)
def test_three_layers_and_bombs_are_refused(tmp_path, one):
    pack = PACKERS[one]
    assert "compressed 2 times and more" in refused(tmp_path / "log", pack(pack(pack(lines(1)))))
    if one != "zst":  # which does not pack nothing that small
        assert "it grows more than" in refused(tmp_path / "log", pack(bytes(80 << 20)))


@pytest.mark.parametrize("one", PACKERS)
def test_of_a_cut_archive_what_is_whole_is_read(tmp_path, one):
    """The first member is whole; of the second, which begins with a fourth event, nothing but its mark."""
    pack = PACKERS[one]
    recipients, file = read(tmp_path / "log", pack(lines(3)) + pack(lines(1))[:8])
    assert recipients == ["u0@x.example", "u1@x.example", "u2@x.example"]
    assert file.damaged == 0
    assert file.notes[0] == f"{tmp_path}/log is cut short: what comes after its first 3 lines is not read"


def test_the_line_in_which_it_breaks_off_is_not_read(tmp_path):
    """A cut line may look whole: an address, a time or a class that lacks its end."""
    table = b"email,event,time\nann@example.com,open,2026-09-01T10:00:00Z\nbob@example.com,open,2026-09-01T10:0"
    assert read(tmp_path / "a.csv.gz", open_ended(table))[0] == ["ann@example.com"]
    form = b"event=opened&email=a%40x.example\nevent=opened&email=b%40x"
    assert read(tmp_path / "a.form.gz", open_ended(form))[0] == ["a@x.example"]
    mail = (MAIL.format(1) + MAIL.format(2)).encode()
    recipients, file = read(tmp_path / "mail.log.gz", open_ended(mail[: mail.rindex(b", status")]))
    assert recipients == ["u1@x.example", "u1@x.example"]
    assert "its first 3 lines" in file.notes[0]


def test_a_list_of_json_is_read_up_to_its_last_whole_value(tmp_path):
    text = json.dumps([event(number) for number in range(4)]).encode()
    recipients, file = read(tmp_path / "a.json.gz", open_ended(text[: text.rindex(b"timestamp")]))
    assert recipients == ["u0@x.example", "u1@x.example", "u2@x.example"]
    assert file.damaged == 1
    assert "is cut short" in file.notes[0]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(lines(3))[:5],
        gzip.compress(lines(3))[:12],
        open_ended(lines(1)[:20]),
        open_ended(b"email,event"),
        open_ended("email,event\na@x.example,open\n".encode("utf-16")),
        lzma.compress(lines(3))[:40],
        PACKERS["zst"](lines(3))[:7],
        bz2.compress(lines(3))[:-40],
        gzip.compress(gzip.compress(lines(3)))[:20],
    ],
)
def test_where_nothing_is_whole_it_is_refused(tmp_path, content):
    refused(tmp_path / "log", content)


def test_a_refusal_names_the_file_as_it_was_given(tmp_path):
    assert refused(tmp_path / "log.gz", gzip.compress(bytes(range(256)))).startswith(
        f"{tmp_path}/log.gz cannot"
    )


@pytest.mark.parametrize("one", ["gz", "bz2", "xz"])
def test_damage_in_the_middle_is_refused(tmp_path, one):
    packed = bytearray(
        PACKERS[one](b"".join(b"%d %s\n" % (n, zlib.crc32(b"%d" % n).to_bytes(4)) for n in range(9_999)))
    )
    packed[len(packed) // 2] ^= 0xFF
    assert "it is damaged or cut short" in refused(tmp_path / "log", bytes(packed))


@pytest.mark.parametrize(
    "name", ["mail.log", "mail.log.1", "var/log/maillog", "maillog-20261128", "maillog.2", "a.out"]
)
def test_logs_in_a_zip(tmp_path, name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, MAIL.format(1))
        archive.writestr("logo.png", b"\x89PNG")
    assert read(tmp_path / "logs.zip", data.getvalue())[0] == ["u1@x.example"] * 2


def test_a_folder_says_which_of_its_archives_is_cut(tmp_path):
    (tmp_path / "a.gz").write_bytes(open_ended(lines(2) + b'{"event"'))
    (tmp_path / "b.gz").write_bytes(gzip.compress(lines(2)))
    with duckdb.connect() as connection:
        report = read_events(tmp_path, connection)
    assert [[note for note in file.notes if "cut" in note] != [] for file in report.files] == [True, False]
    assert report.events == 4


@settings(max_examples=30, deadline=None)
@given(one=st.sampled_from(sorted(PACKERS)), share=st.floats(0.02, 1), layers=st.integers(1, 2))
def test_of_any_cut_a_beginning_is_read(tmp_path_factory, one, share, layers):
    whole = lines(400)
    for _ in range(layers):
        whole = PACKERS[one](whole)
    path = tmp_path_factory.mktemp("cut") / "log"
    path.write_bytes(whole[: int(len(whole) * share)])
    with duckdb.connect() as connection:
        try:
            report = read_events(path, connection)
        except UnreadableInput:
            return
        found = connection.execute("select recipient from events order by ts_us").fetchall()
    assert [recipient for (recipient,) in found] == [f"u{number}@x.example" for number in range(report.events)]
    assert (report.events == 400) or "is cut short" in report.files[0].notes[0]
    assert report.damaged == 0
