"""Suppression: what an entry means, that only more of them can suppress more, and that erased means erased."""

import base64
import gzip
import hashlib
import hmac
import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.address import judge_address
from hygiene.contacts.suppression import (
    HASHED_FIELDS,
    Form,
    Reason,
    combine,
    digest_sql,
    hash_forms,
    read_suppressions,
    read_target,
    suppressed_by,
)
from hygiene.contacts.suppression.entries import collect
from hygiene.contacts.suppression.presentation import export_csv
from hygiene.contacts.suppression.read import MAX_LINE
from hygiene.contacts.suppression.workspace import (
    add_suppressions,
    count_suppressions,
    erase_people,
    export_suppressions,
    import_suppressions,
    load_suppressions,
)
from hygiene.errors import UnreadableInput, UsageError
from hygiene.store import open_store
from hygiene.suppression_forms import digest, domains_above, shared_hash, written_value

KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MD5 = hashlib.md5(b"ann@shop.example").hexdigest()
SHA256 = hashlib.sha256(b"ann@shop.example").hexdigest()
UID2 = base64.b64encode(hashlib.sha256(b"ann@shop.example").digest()).decode()
HMAC = hmac.digest(KEY, b"ann@shop.example", "sha256").hex()


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as opened:
        yield opened


def save(folder, data, name="list.txt"):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def listed(*texts, reason=Reason.MANUAL, since=NOW, source="list.txt", key=KEY):
    return collect(((read_target(text), reason, since, source) for text in texts), key=key)


def values(found, form=Form.ADDRESS):
    rows = found.to_table().to_pylist()
    return [row["value"] for row in rows if row["form"] == form]


# what an entry means


@pytest.mark.parametrize(
    ("text", "form", "value"),
    [
        (" Ann@Shop.EXAMPLE \r\n", Form.ADDRESS, "ann@shop.example"),
        ('"ann@shop.example"', Form.ADDRESS, "ann@shop.example"),
        ("Ann <ann@shop.example>", Form.ADDRESS, "ann@shop.example"),
        (MD5.upper(), Form.MD5, MD5),
        (SHA256.upper(), Form.SHA256, SHA256),
        (UID2, Form.UID2, UID2),
        (f"HMAC-SHA256:{HMAC.upper()}", Form.HMAC, HMAC),
        ("@Shop.Example", Form.DOMAIN, "shop.example"),
        ("*@shop.example", Form.DOMAIN, "shop.example"),
        ("shop.example", Form.DOMAIN, "shop.example"),
        ("*.shop.example", Form.DOMAIN, ".shop.example"),
        (".shop.example", Form.DOMAIN, ".shop.example"),
        ("@xn--bcher-kva.example", Form.DOMAIN, "bücher.example"),
    ],
)
def test_an_entry_is_known_by_its_look(text, form, value):
    assert read_target(text)[:2] == (form, value)
    assert read_target(text, form)[:2] == (form, value)


@pytest.mark.parametrize(
    "text",
    ["", "ann", "ann@", "@", "*", "@.", ".", "1.2.3.4", MD5[1:], "x" * 32, hashlib.sha1(b"").hexdigest()],
)
def test_what_is_no_entry_is_none(text):
    assert read_target(text) is None


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (MD5, Form.SHA256),
        (SHA256, Form.MD5),
        ("ann@shop.example", Form.MD5),
        ("ann@shop.example", Form.DOMAIN),
        ("shop.example", Form.ADDRESS),
        (f"hmac-sha256:{HMAC}", Form.SHA256),
        (MD5, Form.UID2),
    ],
)
def test_a_form_that_was_asked_for_is_kept_to(text, form):
    assert read_target(text, form) is None


def test_a_keyed_hash_needs_no_prefix_where_it_is_asked_for():
    assert read_target(HMAC, Form.HMAC).value == HMAC


@pytest.mark.parametrize(
    "text", ["ann@shop.example", MD5, SHA256, UID2, f"hmac-sha256:{HMAC}", "@a.example", "*.a.example"]
)
def test_a_value_written_is_read_again(text):
    target = read_target(text)
    assert read_target(written_value(target.form, target.value)) == target


# hashes


def test_hashes_as_their_users_make_them():
    """Each from its own description, not from our code."""
    ann = judge_address("Ann.Lee+news@Gmail.com")
    raw, lower, bare = b"Ann.Lee+news@gmail.com", b"ann.lee+news@gmail.com", b"annlee@gmail.com"
    typed = {b"Ann.Lee+news@Gmail.com", raw, lower, bare}
    assert hash_forms(ann, Form.MD5) == {hashlib.md5(text).hexdigest() for text in typed}
    assert hash_forms(ann, Form.SHA256) == {hashlib.sha256(text).hexdigest() for text in typed}
    assert base64.b64encode(hashlib.sha256(bare).digest()).decode() in hash_forms(ann, Form.UID2)
    assert hash_forms(ann, Form.HMAC, KEY) == {hmac.digest(KEY, text, "sha256").hex() for text in (lower, bare)}


def test_uid2_as_its_documentation_shows_it():
    """At gmail.com alone dots and tags go; elsewhere only case does."""
    at_gmail = shared_hash(judge_address("Jane.Doe+Home@gmail.com"), Form.UID2)
    assert at_gmail == base64.b64encode(hashlib.sha256(b"janedoe@gmail.com").digest()).decode()
    elsewhere = shared_hash(judge_address("Jane.Doe+Home@outlook.com"), Form.UID2)
    assert elsewhere == base64.b64encode(hashlib.sha256(b"jane.doe+home@outlook.com").digest()).decode()


@pytest.mark.parametrize("form", [Form.MD5, Form.SHA256, Form.HMAC])
@pytest.mark.parametrize("text", ["ann@shop.example", "ünï@bücher.example", ""])
def test_a_table_hashes_as_we_do(form, text):
    query = f"SELECT {digest_sql('x', form, KEY)} FROM (SELECT ?::VARCHAR AS x)"
    assert duckdb.connect().execute(query, [text]).fetchall() == [(digest(text, form, KEY),)]


def test_keyed_hashes_without_their_key_are_refused(tmp_path):
    with pytest.raises(UsageError, match="key"):
        hash_forms(judge_address("ann@shop.example"), Form.HMAC)
    with pytest.raises(UsageError, match="key"):
        digest_sql("x", Form.HMAC)
    with pytest.raises(UsageError, match="key"):
        read_suppressions(save(tmp_path, f"hmac-sha256:{HMAC}\n"))


def test_lists_of_different_keys_do_not_mix():
    mine, theirs = listed(f"hmac-sha256:{HMAC}"), listed(f"hmac-sha256:{HMAC}", key=KEY[::-1])
    with pytest.raises(UsageError, match="different keys"):
        combine([mine, theirs])
    assert combine([mine, listed(MD5, key=None)]).key == KEY


# files


ENCODINGS = {
    "plain": lambda text: text.encode(),
    "bom": lambda text: text.encode("utf-8-sig"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "no last line end": lambda text: text.rstrip("\n").encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode()),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize(
    "text",
    [
        "ann@shop.example\nbob@shop.example\n",
        "# left in spring, sorry\n\nemail\nann@shop.example\n  \nbob@shop.example\n",
        "Name,E-Mail Adresse,Note\nAnn,ann@shop.example,x\n\nBob,bob@shop.example,\n",
        "id;mail;since\n1;ann@shop.example;\n2;bob@shop.example;\n",
        "name\temail\nAnn\tann@shop.example\nBob\tbob@shop.example\n",
        'email,note\nann@shop.example,"two\nlines"\nbob@shop.example,"quoted ""word"""\n',
    ],
)
def test_lists_come_in_many_dresses(tmp_path, encode, text):
    found = read_suppressions(save(tmp_path, encode(text)))
    assert values(found) == ["ann@shop.example", "bob@shop.example"]
    (note,) = found.notes
    assert (note.source, note.entries, note.unreadable) == ("list.txt", 2, 0)


def test_lines_that_are_no_entry_are_counted_and_named(tmp_path):
    found = read_suppressions(
        save(tmp_path, "ann@shop.example\n\nann@\n# note\nbob\nann\xe9@x\n".encode("latin-1"))
    )
    assert values(found) == ["ann@shop.example"]
    assert (found.notes[0].unreadable, found.notes[0].lines) == (3, (3, 5, 6))


def test_of_many_bad_lines_the_first_are_named(tmp_path):
    (note,) = read_suppressions(save(tmp_path, "ann@shop.example\n" + "x\n" * 500)).notes
    assert (note.unreadable, note.lines) == (500, tuple(range(2, 22)))


@pytest.mark.parametrize("cell", ["ann@shop.example;bob@shop.example", "ann@shop.example,  bob@shop.example"])
def test_every_address_of_a_cell_counts(tmp_path, cell):
    found = read_suppressions(
        save(tmp_path, f'name,email\none,ann@shop.example\nboth,"{cell}"\nno,"cat@shop.example;?"\n')
    )
    assert sorted(set(values(found))) == ["ann@shop.example", "bob@shop.example", "cat@shop.example"]
    assert found.notes[0].unreadable == 0


@pytest.mark.parametrize(
    "line",
    [
        "ann@shop.example (left in May)",
        "ann%40shop.example",
        "Ann&#64;shop.example",
        "ann@shop.example,Ann,7",
        "'ann@shop.example",
        "* ann@shop.example / ANN@shop.example",
    ],
)
def test_an_address_in_a_line_that_is_no_entry_is_not_overlooked(tmp_path, line):
    found = read_suppressions(save(tmp_path, f"bob@shop.example\n{line}\n"))
    assert suppressed_by("ann@shop.example", found)
    assert found.notes[0].unreadable == 0


ADDRESSES = [{"EmailAddress": "ann@shop.example", "Tags": ["a"]}, {"EmailAddress": "bob@shop.example"}]
JSON = {
    "Amazon SES": json.dumps({"SuppressedDestinationSummaries": ADDRESSES, "NextToken": None}),
    "indented": json.dumps({"items": ADDRESSES, "paging": {"next": "/x?who=cat@shop.example"}}, indent=2),
    "array": json.dumps(ADDRESSES),
    "lines": "\n".join(json.dumps(one) for one in ADDRESSES),
}


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
@pytest.mark.parametrize("encode", [ENCODINGS["plain"], ENCODINGS["bom"], ENCODINGS["gzip"]])
def test_json_of_a_web_api_is_a_list(tmp_path, encode, text):
    found = read_suppressions(save(tmp_path, encode(text)))
    assert (values(found), found.notes[0].unreadable) == (["ann@shop.example", "bob@shop.example"], 0)


def test_what_only_begins_like_json_is_one_entry_a_line(tmp_path):
    found = read_suppressions(save(tmp_path, "[left in May]\nann@shop.example\n"))
    assert values(found) == ["ann@shop.example"]


def test_a_line_that_names_the_separator_is_no_entry(tmp_path):
    found = read_suppressions(save(tmp_path, "sep=;\r\nemail;why\r\nann@shop.example;x\r\n"))
    assert (values(found), found.notes[0].unreadable) == (["ann@shop.example"], 0)


def test_a_hash_of_the_address_as_it_was_typed_is_known():
    typed = "Ann@SHOP.example"
    for form, digest_of in ((Form.MD5, hashlib.md5), (Form.SHA256, hashlib.sha256)):
        found = listed(digest_of(typed.encode()).hexdigest())
        assert suppressed_by(typed, found).form is form
        assert suppressed_by("ann@shop.example", found) is None


def test_base64_for_urls_and_without_padding_is_the_same():
    hashes = (hashlib.sha256(b"ann%d@shop.example" % number).digest() for number in range(99))
    value = next(one for one in map(bytes.decode, map(base64.b64encode, hashes)) if {"+", "/"} <= set(one))
    for text in (value, value.rstrip("="), value.replace("+", "-").replace("/", "_")):
        assert read_target(text) == (Form.UID2, value, None, None)


def test_a_short_row_is_not_lost(tmp_path):
    rows = "".join(f"{number},a{number}@shop.example\n" for number in range(20))
    found = read_suppressions(save(tmp_path, f"id,email\n{rows}7\n"))
    assert (len(found), found.notes[0].lines) == (20, (22,))


def test_all_forms_in_one_list(tmp_path):
    lines = ["ann@shop.example", MD5, SHA256, UID2, f"hmac-sha256:{HMAC}", "@shop.example"]
    found = read_suppressions(save(tmp_path, "\n".join(lines)), key=KEY)
    assert set(found.forms) == set(Form)


def test_a_column_of_addresses_is_found_whatever_stands_beside_it(tmp_path):
    text = f"name,site,email,md5\nann,shop.example,ann@shop.example,{MD5}\nbob,shop.example,,{MD5}\n"
    found = read_suppressions(save(tmp_path, text))
    assert (values(found), found.forms) == (["ann@shop.example"], (Form.ADDRESS, Form.MD5))
    assert (values(found, Form.MD5), found.notes[0].lines) == ([MD5], ())  # of bob, who has no address here
    hashes = read_suppressions(save(tmp_path, text), column=" MD5 ")
    assert (values(hashes, Form.MD5), hashes.notes[0].unreadable) == ([MD5, MD5], 0)


def test_our_own_reason_and_moment_are_read(tmp_path):
    text = (
        "address,reason,since\n"
        "ann@shop.example,complained,2025-03-01T00:00:00+02:00\n"
        "bob@shop.example,whatever,2025-03-01\n"
        "cid@shop.example,imported,\n"
    )
    rows = read_suppressions(save(tmp_path, text), reason=Reason.BOUNCED, since=NOW).to_table().to_pylist()
    assert [(row["reason"], row["since"]) for row in rows] == [
        ("complained", datetime(2025, 2, 28, 22, tzinfo=UTC)),
        ("bounced", NOW),
        ("bounced", NOW),
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "holds no address, domain or hash"),
        (b"\xef\xbb\xbf\n# nothing\n", "holds no address, domain or hash"),
        (b"email\n", "holds no address, domain or hash"),
        (b"just some words\nand more\n", "holds no address, domain or hash"),
        (b"a@x.example,b@x.example\nc@x.example,d@x.example\n", "several columns"),
        (b"PK\x03\x04whatever", "archive or a workbook"),
        (gzip.compress(b"ann@shop.example\n" * 99, mtime=0)[:-9], "damaged or cut short"),
        (b"\x1f\x8bno gzip at all", "cannot be read"),
        (b'id,email\n1,ann@shop.example\n2,"bob@shop.example\n3,cid@shop.example\n', "line 3 do not match"),
        (b"a" * (MAX_LINE + 1), "over a million characters"),
        (b"\xff\xfe" + b"a\x00\n\x00x", "does not go on so"),
        (b"\x00\x01\x02\x03" * 99, "holds no"),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(tmp_path, data, why):
    with pytest.raises(UnreadableInput, match=why) as error:
        read_suppressions(save(tmp_path, data))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_or_a_folder_is_said(tmp_path):
    with pytest.raises(UnreadableInput, match="No such file"):
        read_suppressions(tmp_path / "nothing")
    with pytest.raises(UnreadableInput, match="Is a directory"):
        read_suppressions(tmp_path)


@pytest.mark.parametrize("text", ["ann@shop.example\n", "id,email\n1,ann@shop.example\n"])
def test_a_column_that_is_not_there_is_said(tmp_path, text):
    with pytest.raises(UsageError, match="column 'mail'"):
        read_suppressions(save(tmp_path, text), column="mail")


@given(st.binary(max_size=300))
@settings(max_examples=150)
def test_any_bytes_are_a_list_or_a_sentence(tmp_path_factory, data):
    path = save(tmp_path_factory.getbasetemp(), data, "any.txt")
    with suppress(UnreadableInput, UsageError):
        found = read_suppressions(path, key=KEY)
        assert len(found) == found.notes[0].entries > 0


# matching


@pytest.mark.parametrize(
    ("entry", "address", "suppressed"),
    [
        ("ann@shop.example", "ANN@Shop.example", True),
        ("a.nn+x@gmail.com", "ann@googlemail.com", True),
        ("ann@shop.example", "ann+x@shop.example", False),
        ("@shop.example", "bob@shop.example", True),
        ("@shop.example", "bob@mail.shop.example", False),
        ("*.shop.example", "bob@a.mail.shop.example", True),
        ("*.shop.example", "bob@shop.example", True),
        ("*.shop.example", "bob@myshop.example", False),
        ("@xn--bcher-kva.example", "ann@bücher.example", True),
        (MD5, "ann@shop.example", True),
        (MD5, "anne@shop.example", False),
        (hashlib.md5(b"Ann@shop.example").hexdigest(), "Ann@shop.example", True),
        ("ann@shop.example", "no address", False),
    ],
)
def test_who_is_suppressed(entry, address, suppressed):
    found = suppressed_by(address, listed(entry))
    assert bool(found) == suppressed
    assert not found or (found.reason, found.since, found.source) == (Reason.MANUAL, NOW, "list.txt")


def test_the_domains_above_a_domain():
    assert domains_above("a.example") == ("a.example", ".a.example", ".example")


def test_the_strictest_entry_speaks():
    lists = [
        listed("ann@shop.example", source="b.txt"),
        listed(MD5, reason=Reason.UNSUBSCRIBED, source="z.txt"),
        listed("@shop.example", reason=Reason.UNSUBSCRIBED, source="y.txt"),
    ]
    for order in (lists, lists[::-1]):
        assert suppressed_by("ann@shop.example", combine(order))[2:] == (Reason.UNSUBSCRIBED, NOW, "y.txt")


def test_each_value_is_matched_once_with_its_strictest_reason_and_earliest_moment():
    early = NOW - timedelta(days=9)
    found = combine(
        [
            listed("ann@shop.example", reason=Reason.IMPORTED, since=early, source="a.txt"),
            listed("Ann@Shop.example", reason=Reason.COMPLAINED, since=NOW, source="c.txt"),
            listed("ann@shop.example", reason=Reason.COMPLAINED, since=None, source="b.txt"),
        ]
    )
    row = {"value": "ann@shop.example", "reason": "complained", "since": early, "source": "b.txt"}
    assert {name: table.to_pylist() for name, table in found.match_tables().items()} == {
        "key": [row],
        "mailbox": [row],
    }


def test_uid2_is_matched_as_the_sha256_it_is():
    assert listed(UID2, SHA256).match_tables()["sha256"].to_pylist()[0]["value"] == SHA256
    assert list(listed(UID2).match_tables()) == ["sha256"]


def test_large_lists_are_grouped_in_parts(monkeypatch):
    found = listed(*(hashlib.md5(b"%d" % number).hexdigest() for number in (*range(300), *range(100))))
    whole = found.match_tables()["md5"].sort_by("value")
    monkeypatch.setattr("hygiene.contacts.suppression.entries._GROUPED_AT_ONCE", 10)
    assert found.match_tables()["md5"].sort_by("value") == whole
    assert whole.num_rows == 300


def test_only_domains_that_are_suppressed_are_returned():
    found = listed("@a.example", "*.b.example", "x@c.example").match_domains(
        ["x.b.example", "a.example", "c.example"]
    )
    assert found.column("value").to_pylist() == ["a.example", "x.b.example"]
    assert listed(MD5).match_domains(["a.example"]).num_rows == 0


# laws

PEOPLE = st.builds(
    "{}@{}".format,
    st.sampled_from(["ann", "Ann", "a.nn", "ann+x", "bob", "BOB+y", "ünï"]),
    st.sampled_from(
        ["shop.example", "Gmail.com", "googlemail.com", "outlook.com", "a.b.example", "bücher.example"]
    ),
)


@st.composite
def entries(draw):
    """An entry of any form, made from a person so that matches are common."""
    person = judge_address(draw(PEOPLE))
    form = draw(st.sampled_from(Form))
    if form is Form.ADDRESS:
        return person.normal
    if form is Form.DOMAIN:
        return draw(st.sampled_from(["@", "*."])) + person.normal.rpartition("@")[2]
    return written_value(form, draw(st.sampled_from(sorted(hash_forms(person, form, KEY)))))


def by_tables(address, found):
    """Suppressed as a plan decides it: keys, hashes and domains looked up in the tables."""
    judged = judge_address(address)
    for name, table in found.match_tables().items():
        held = set(table.column("value").to_pylist())
        if name in {"key", "mailbox"}:
            wanted = {getattr(judged, name)}
        else:
            wanted = {digest(getattr(judged, field), Form(name), KEY) for field in HASHED_FIELDS[Form(name)]}
        if wanted & held:
            return True
    return bool(found.match_domains([judged.normal.rpartition("@")[2]]).num_rows)


@given(PEOPLE, st.lists(entries(), max_size=6))
def test_tables_agree_with_the_rule(person, texts):
    assert by_tables(person, listed(*texts)) == bool(suppressed_by(person, listed(*texts)))


@given(PEOPLE, st.lists(entries(), max_size=4), st.lists(entries(), max_size=4))
def test_more_entries_never_free_anybody(person, some, more):
    if suppressed_by(person, listed(*some)):
        assert suppressed_by(person, listed(*some, *more))


@given(PEOPLE, st.sampled_from(sorted(HASHED_FIELDS)))
def test_every_hash_of_a_person_suppresses_that_person(person, form):
    for value in hash_forms(judge_address(person), form, KEY):
        hit = suppressed_by(person, listed(written_value(form, value)))
        assert hit[:2] == (form, value)


# the workspace's list

STATEMENTS = st.lists(
    st.tuples(entries(), st.sampled_from(list(Reason)[:-1]), st.integers(0, 3), st.sampled_from("ab")),
    max_size=8,
)


def say(store, statement):
    text, reason, day, source = statement
    return add_suppressions(store, [text], reason=reason, now=NOW + timedelta(days=day), source=source)


def contents(store):
    return {form: export_suppressions(store, form).entries for form in Form}


def fresh(folder_factory):
    return open_store(str(folder_factory.mktemp("workspace") / "hygiene.db"), key=KEY)


@given(STATEMENTS, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_neither_order_nor_repetition_matters(tmp_path_factory, statements, random):
    again = statements + statements[: len(statements) // 2]
    random.shuffle(again)
    with fresh(tmp_path_factory) as one, fresh(tmp_path_factory) as other:
        for statement in statements:
            say(one, statement)
        for statement in again:
            say(other, statement)
        assert contents(one) == contents(other)


@given(PEOPLE, STATEMENTS, STATEMENTS)
@settings(max_examples=25)
def test_erased_people_stay_suppressed_and_cannot_be_read_back(tmp_path_factory, person, before, after):
    with fresh(tmp_path_factory) as store:
        for statement in before:
            say(store, statement)
        erase_people(store, [person], now=NOW)
        for statement in [*after, (person, Reason.IMPORTED, 0, "a")]:
            say(store, statement)
        mailbox = judge_address(person).mailbox
        assert mailbox not in {judge_address(entry.value).mailbox for entry in contents(store)[Form.ADDRESS]}
        assert suppressed_by(person, load_suppressions(store)).reason is Reason.ERASED


def test_adding_says_what_was_new(store):
    first = add_suppressions(store, ["ann@shop.example", "Ann@Shop.example", "@bob.example"], now=NOW)
    assert (first.added, first.listed) == (2, 1)
    second = add_suppressions(store, ["ann@shop.example", MD5], now=NOW)
    assert (second.added, second.listed) == (1, 1)
    assert count_suppressions(store) == {
        (Form.ADDRESS, Reason.MANUAL): 1,
        (Form.DOMAIN, Reason.MANUAL): 1,
        (Form.MD5, Reason.MANUAL): 1,
    }


def test_adding_is_all_or_nothing(store):
    with pytest.raises(UsageError, match="'nobody' is no address"):
        add_suppressions(store, ["ann@shop.example", "nobody"], now=NOW)
    with pytest.raises(UsageError, match="erase"):
        add_suppressions(store, ["ann@shop.example"], reason=Reason.ERASED, now=NOW)
    assert count_suppressions(store) == {}


def test_a_reason_only_grows_stricter_and_the_moment_earlier(store):
    for reason, day in ((Reason.BOUNCED, 2), (Reason.COMPLAINED, 5), (Reason.MANUAL, 1)):
        add_suppressions(
            store, ["ann@shop.example"], reason=reason, now=NOW + timedelta(days=day), source=reason
        )
    (entry,) = export_suppressions(store).entries
    assert entry[1:] == (Reason.COMPLAINED, NOW + timedelta(days=1), "complained")


def test_importing_is_idempotent_and_whole(store, tmp_path):
    good = save(tmp_path, f"ann@shop.example\n{MD5}\nnobody\n")
    first = import_suppressions(store, [good], now=NOW)
    assert (first.added, first.listed, first.notes[0].lines) == (2, 0, (3,))
    before = contents(store)
    again = import_suppressions(store, [good, good], now=NOW + timedelta(days=3))
    assert (again.added, again.listed) == (0, 4)
    assert contents(store) == before
    bob = save(tmp_path, "bob@shop.example\n", "bob.txt")
    with pytest.raises(UnreadableInput):
        import_suppressions(store, [bob, tmp_path / "nothing"], now=NOW)
    assert contents(store) == before


@pytest.mark.parametrize("form", Form)
def test_what_is_exported_suppresses_the_same_people_elsewhere(store, tmp_path, form):
    people = ["Ann.Lee+x@gmail.com", "bob@shop.example", "ünï@bücher.example"]
    add_suppressions(
        store,
        people if form is not Form.DOMAIN else ["*.gmail.com", "@shop.example", "@bücher.example"],
        now=NOW,
    )
    add_suppressions(store, ["cid@shop.example"], reason=Reason.COMPLAINED, now=NOW)
    exported = save(tmp_path, export_csv(export_suppressions(store, form)), "out.csv")
    with open_store(str(tmp_path / "other.db"), key=KEY) as other:
        import_suppressions(other, [exported], now=NOW + timedelta(days=1))
        found = load_suppressions(other)
    assert found.forms == (form,)
    for person in people:
        assert suppressed_by(person, found).since == NOW
    if form is not Form.DOMAIN:
        assert suppressed_by("cid@shop.example", found).reason is Reason.COMPLAINED


def test_an_export_says_what_it_leaves_out(store):
    add_suppressions(store, ["ann@shop.example", "dee@shop.example", "@b.example", MD5], now=NOW)
    erase_people(store, ["dee@shop.example"], now=NOW)
    assert export_suppressions(store).left_out == {"domain": 1, "erased": 1, "md5": 1}
    md5 = export_suppressions(store, Form.MD5)
    assert ([entry.value for entry in md5.entries], md5.left_out) == ([MD5], {"domain": 1, "erased": 1})
    hmacs = export_suppressions(store, Form.HMAC)
    assert (len(hmacs.entries), hmacs.left_out) == (2, {"domain": 1, "md5": 1})


# erasure


def held(folder):
    """Every byte of the store, its log included."""
    return b"".join(path.read_bytes() for path in sorted(Path(folder).glob("hygiene.db*")))


def test_nothing_of_an_erased_person_is_left_in_the_file(store, tmp_path):
    ann, alias = "Ann.Lee@gmail.com", "annlee+shop@gmail.com"
    guessable = [digest("ann.lee@gmail.com", form) for form in (Form.MD5, Form.SHA256, Form.UID2)]
    guessable.append(hashlib.md5(b"annlee+shop@gmail.com").hexdigest())
    others = [f"customer{number}@shop.example" for number in range(2000)]
    add_suppressions(store, [*others, ann, alias, *guessable], now=NOW, source="Ann.Lee@gmail.com.csv")
    assert b"Ann.Lee@gmail.com" in held(tmp_path)
    erased = erase_people(store, ["annlee@gmail.com"], now=NOW)
    assert (erased.people, erased.replaced, erased.wiped) == (1, 6, True)
    left = held(tmp_path).lower()
    for trace in ("ann.lee", "annlee", *(value.lower() for value in guessable)):
        assert trace.encode() not in left
    assert b"customer1999@shop.example" in left
    for person in (ann, alias, "a.n.n.l.e.e@googlemail.com"):
        assert suppressed_by(person, load_suppressions(store)).reason is Reason.ERASED


def test_people_who_were_never_listed_can_be_erased(store, tmp_path):
    erased = erase_people(store, ["ann@shop.example", "Ann@shop.example"], now=NOW)
    assert (erased.people, erased.replaced) == (1, 0)
    added = add_suppressions(store, ["ann@shop.example", "bob@shop.example"], now=NOW)
    assert (added.added, added.listed, added.erased) == (1, 0, 1)
    assert b"ann@" not in held(tmp_path)


def test_erasing_is_all_or_nothing_and_repeats_no_address(store):
    add_suppressions(store, ["ann@shop.example"], now=NOW)
    with pytest.raises(UsageError, match="number 2 ") as error:
        erase_people(store, ["ann@shop.example", "bob@@shop.example"], now=NOW)
    assert not re.search("ann|bob", str(error.value))
    assert suppressed_by("ann@shop.example", load_suppressions(store)).reason is Reason.MANUAL


def test_a_reader_that_keeps_old_copies_alive_is_said(store, tmp_path, monkeypatch):
    monkeypatch.setattr("hygiene.store._WAIT_S", 0.1)
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as impatient, store.reading() as connection:
        add_suppressions(impatient, ["ann@shop.example"], now=NOW)
        connection.exec_driver_sql("SELECT count(*) FROM suppression").fetchall()
        assert not erase_people(impatient, ["ann@shop.example"], now=NOW).wiped
    assert erase_people(store, ["ann@shop.example"], now=NOW).wiped
    assert b"ann@" not in held(tmp_path)


def test_a_list_that_calls_an_address_erased_is_obeyed(store, tmp_path):
    path = save(tmp_path, "address,reason\nann@shop.example,erased\n", "x.csv")
    assert import_suppressions(store, [path], now=NOW).added == 1
    assert suppressed_by("ann@shop.example", load_suppressions(store)).reason is Reason.ERASED
    assert b"ann@" not in held(tmp_path)


def test_an_erased_person_who_was_known_by_a_keyed_hash_is_matched_by_mailbox_too(store):
    ann = judge_address("ann.lee@gmail.com")
    add_suppressions(store, [written_value(Form.HMAC, digest(ann.key, Form.HMAC, KEY))], now=NOW)
    assert not suppressed_by("annlee@gmail.com", load_suppressions(store))
    erase_people(store, ["ann.lee@gmail.com"], now=NOW)
    assert suppressed_by("annlee@gmail.com", load_suppressions(store))


def test_who_left_a_topic_is_suppressed_for_it_alone(tmp_path):
    from hygiene.contacts.suppression.workspace import load_opt_outs
    from hygiene.tables import OPT_OUT

    with open_store(str(tmp_path / "w.db"), key=bytes(range(32))) as store:
        person = digest("ann@gmail.com", Form.HMAC, store.key)
        with store.writing() as connection:
            row = {"topic": "news", "person": person, "since_us": 1_700_000_000_000_000, "source": "one-click"}
            connection.execute(OPT_OUT.insert().values(row))
        news, offers = load_opt_outs(store, "news"), load_opt_outs(store, "offers")
    assert suppressed_by("A.n.n+x@gmail.com", news).reason is Reason.UNSUBSCRIBED
    assert suppressed_by("bob@gmail.com", news) is None
    assert len(offers) == 0
