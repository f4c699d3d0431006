"""Digests worked out beside the cleaning."""

import gzip
import hashlib
import threading

import pytest

from hygiene import clean_contacts
from hygiene.contacts import digests
from hygiene.contacts.digests import digests_of
from hygiene.errors import UnreadableInput


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 64])
def test_a_file_of_several_portions(tmp_path, monkeypatch, size):
    monkeypatch.setattr(digests, "_PORTION", 8)
    content = bytes(range(size))
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with digests_of([path, path]) as digest:
        assert digest(path) == hashlib.sha256(content).hexdigest()


def test_a_file_that_went_is_one_sentence(tmp_path):
    with digests_of([tmp_path / "gone.csv"]) as digest, pytest.raises(UnreadableInput, match=r"gone\.csv"):
        digest(tmp_path / "gone.csv")


def test_who_gives_up_does_not_wait_for_the_end(tmp_path):
    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        file.truncate(1 << 42)  # holes: it would take hours
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), digests_of([path]):
        raise KeyboardInterrupt
    assert threading.active_count() == before


def test_the_manifest_names_the_file_as_it_was_given(tmp_path):
    packed = tmp_path / "list.csv.gz"
    packed.write_bytes(gzip.compress(b"Email,Status\nann@example.com,subscribed\n"))
    cleaned = clean_contacts(packed)
    (file,) = cleaned.summary.files
    assert file.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()
