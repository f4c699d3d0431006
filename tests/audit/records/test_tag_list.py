"""The tag=value list of RFC 6376 §3.2."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records import bimi, dkim, dmarc, mta_sts, tls_rpt
from hygiene.audit.records.tag_list import (
    MAX_TAGS,
    Fault,
    extension_fields,
    field_grammar,
    first_of_each,
    join_tags,
    parse_tags,
    refuse_repeats,
    sound_tags,
)
from hygiene.errors import RecordError

PARSERS = (dkim.parse, dmarc.parse, mta_sts.parse_record, mta_sts.parse_policy, tls_rpt.parse, bimi.parse)

FIELDS = field_grammar("RFC 8461 §3.1")

GOOD = [
    ("", []),
    ("v=DKIM1", [("v", "DKIM1")]),
    ("v=DKIM1;", [("v", "DKIM1")]),  # one trailing semicolon
    ("v=DKIM1; \t", [("v", "DKIM1")]),
    (" v = DKIM1 ;p =", [("v", "DKIM1"), ("p", "")]),  # FWS around name and value; empty value
    ("a=b=c", [("a", "b=c")]),  # "=" is a VCHAR
    ("a=b  c", [("a", "b  c")]),  # blanks inside count
    ("a=b\r\n c", [("a", "b c")]),  # folded
    ("A_1=x;a_1=y", [("A_1", "x"), ("a_1", "y")]),  # names are case-sensitive
]
BAD = [
    (";", "nothing between"),  # tag-list needs a tag-spec before ";"
    ("v=DKIM1;;", "nothing between"),  # only one trailing ";"
    ("v=DKIM1; p", 'no "="'),
    ("=x", "not a tag name"),
    ("1a=x", "not a tag name"),  # tag-name starts with ALPHA
    ("a-b=x", "not a tag name"),
    ("a=\x00", "character"),
    ("a=é", "character"),  # VCHAR is ASCII
    ("a=b\nc", "character"),  # a bare line feed is no fold
    ("a=b\r\nc", "character"),  # a fold needs a blank after it
]


@pytest.mark.parametrize(("text", "pairs"), GOOD)
def test_sound_lists(text, pairs):
    assert [(tag.name, tag.value) for tag in sound_tags(text)] == pairs


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_faults_are_data_or_errors(text, reason):
    assert any(reason in tag.problem for tag in parse_tags(text))
    with pytest.raises(RecordError, match=reason):
        sound_tags(text)


def test_a_fault_hides_no_other_tag():
    tags = parse_tags("v=X; ?; p=1")
    assert [(tag.name, tag.value, bool(tag.problem)) for tag in tags] == [
        ("v", "X", False),
        ("", "", True),
        ("p", "1", False),
    ]
    assert tags[1].raw == "?"


def test_repeats():
    tags = sound_tags("a=1; b=2; a=3")
    with pytest.raises(RecordError, match="twice"):
        refuse_repeats(tags)
    values, repeats = first_of_each(tags)
    assert values == {"a": "1", "b": "2"}
    assert [(repeat.tag, repeat.value, repeat.fault) for repeat in repeats] == [("a", "3", Fault.REPEATED)]


def test_the_rest_beyond_the_limit_is_one_problem():
    tags = parse_tags("a=1;" * (MAX_TAGS + 5))
    assert len(tags) == MAX_TAGS + 1
    assert "more than" in tags[-1].problem


@pytest.mark.parametrize("text", ["v =STSv1", "v= STSv1", "v=", "_a=1", "a" * 33 + "=1"])
def test_fields_are_stricter(text):  # RFC 8461 §3.1
    with pytest.raises(RecordError):
        sound_tags(text, FIELDS)


@pytest.mark.parametrize(("text", "sound"), [("x=1", True), ("x=a=b", False), ("x=a b", False)])
def test_extension_values(text, sound):
    tags = sound_tags(text, FIELDS)
    if sound:
        assert extension_fields(tags, (), "") == (("x", "1"),)
    else:
        with pytest.raises(RecordError):
            extension_fields(tags, (), "")


latin1 = st.text(st.characters(max_codepoint=255), max_size=100)
damaged = st.builds(
    lambda record, start, cut, piece: record[:start] + piece + record[start + cut :],
    st.sampled_from(["v=DKIM1; k=rsa; p=abc=", "v=STSv1; id=1;"]),
    st.integers(0, 120),
    st.integers(0, 9),
    latin1 | st.sampled_from([";", "=", ";;", ",", "!", "\x00", "\r\n ", "\r\n", "%zz", "é"]),
)


@given(latin1 | damaged)
def test_any_text_is_read(text):
    for tag in parse_tags(text):
        assert tag.problem or (tag.name and tag.raw.partition("=")[0].strip(" \t") == tag.name)


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,10}", fullmatch=True)
values = st.from_regex(r"|[!-:<-~]([ -:<-~]{0,20}[!-:<-~])?", fullmatch=True)


@given(st.lists(st.tuples(names, values), max_size=20))
def test_round_trip(pairs):
    assert [(tag.name, tag.value) for tag in sound_tags(join_tags(pairs))] == pairs


@pytest.mark.parametrize(
    "head",
    [
        "",
        "v=DKIM1; p=",
        "v=DMARC1; rua=",
        "v=STSv1; id=",
        "version: STSv1\nmx: ",
        "v=TLSRPTv1; rua=",
        "v=BIMI1; l=",
    ],
)
@pytest.mark.parametrize(
    "unit", [";", " ", "=", ",", "!", "a.", "-", "\r\n ", "a:b\n", "%41", "a@b,", "é", "x=1;"]
)
def test_64_kib_of_anything_can_be_read(head, unit):
    text = head + unit * (65_536 // len(unit))
    for parse in PARSERS:
        with suppress(RecordError):
            parse(text)
