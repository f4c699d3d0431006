"""BIMI assertion records (draft-brand-indicators-for-message-identification §4.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records.bimi import BimiRecord, is_bimi, parse
from hygiene.errors import RecordError

LOGO, MARK = "https://a.example/logo.svg", "https://a.example/mark.pem"


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (f"v=BIMI1; l={LOGO}; a={MARK};", BimiRecord(logo_uri=LOGO, evidence_uri=MARK)),
        (f"v=BIMI1;l={LOGO}", BimiRecord(logo_uri=LOGO)),
        (f"v = BIMI1 ; a = {MARK} ; l = {LOGO}", BimiRecord(logo_uri=LOGO, evidence_uri=MARK)),
        (f"v=BIMI1; l=;a={MARK}", BimiRecord(logo_uri="", evidence_uri=MARK)),
        ("v=BIMI1; l=; a=;", BimiRecord(logo_uri="", evidence_uri="")),
        (
            f"v=BIMI1; l={LOGO}; avp=personal; lps=brand-; e=x",
            BimiRecord(
                logo_uri=LOGO,
                avatar_preference="personal",
                local_part_selectors="brand-",
                unknown=(("e", "x"),),
            ),
        ),
        ("v=BIMI1; l=HTTPS://a.example/l!x.svg?v=1", BimiRecord(logo_uri="HTTPS://a.example/l!x.svg?v=1")),
    ],
)
def test_good(text, record):
    assert parse(text) == record


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "start"),
        (f"v=bimi1; l={LOGO}", "start"),  # the value must match precisely
        (f"v=BIMI2; l={LOGO}", "start"),
        (f"l={LOGO}; v=BIMI1", "start"),  # first tag
        ("v=BIMI1", "no l="),  # l is required, if only to decline
        (f"v=BIMI1; a={MARK}", "no l="),
        ("v=BIMI1; l=http://a.example/logo.svg", "https:"),
        ("v=BIMI1; l=a.example/logo.svg", "URI"),
        ("v=BIMI1; l=https:///logo.svg", "host"),
        ("v=BIMI1; l=https://192.0.2.1/logo.svg", "host"),  # a fully qualified name
        (f"v=BIMI1; l={LOGO},{LOGO}", "%2C"),
        (f"v=BIMI1; l={LOGO}; a=mailto:a@x.example", "https:"),
        (f"v=BIMI1; l={LOGO}; l={LOGO}", "twice"),
        (f"v=BIMI1; l={LOGO};; a=", "nothing between"),
        (f"v=BIMI1; l={LOGO}; oops", 'no "="'),
    ],
)
def test_bad(text, reason):
    with pytest.raises(RecordError, match=reason):
        parse(text)


@pytest.mark.parametrize(
    ("text", "declined"),
    [
        ("v=BIMI1; l=", True),
        ("v=BIMI1; l=; a=", True),
        (f"v=BIMI1; l=; a={MARK}", False),
        (f"v=BIMI1; l={LOGO}", False),
    ],
)
def test_declination(text, declined):
    assert parse(text).declined is declined


def test_unknown_preference_is_a_problem():
    record = parse(f"v=BIMI1; l={LOGO}; avp=mine")
    assert record.avatar_preference is None
    assert [problem.tag for problem in record.problems] == ["avp"]


latin1 = st.text(st.characters(max_codepoint=255), max_size=100)
damaged = st.builds(
    lambda record, start, cut, piece: record[:start] + piece + record[start + cut :],
    st.sampled_from([f"v=BIMI1; l={LOGO}; a={MARK}; avp=brand; lps=x", "v=BIMI1; l=; a=;"]),
    st.integers(0, 120),
    st.integers(0, 9),
    latin1 | st.sampled_from([";", "=", ";;", ",", "!", "\x00", "\r\n ", "\r\n", "%zz", "é"]),
)


@given(latin1 | damaged)
def test_any_text(text):
    try:
        record = parse(text)
    except RecordError:
        return
    assert is_bimi(text)
    assert not parse(record.to_text()).problems


values = st.from_regex(r"|[!-:<-~]([ -:<-~]{0,20}[!-:<-~])?", fullmatch=True)


@given(
    st.builds(
        BimiRecord,
        logo_uri=st.sampled_from(["", LOGO, "https://b.example/?a=1#x"]),
        evidence_uri=st.sampled_from([None, "", MARK]),
        avatar_preference=st.sampled_from([None, "brand", "personal"]),
        local_part_selectors=st.none() | values,
        unknown=st.dictionaries(st.from_regex("x[a-z0-9_]{0,5}", fullmatch=True), values, max_size=3).map(
            lambda found: tuple(found.items())
        ),
    )
)
def test_round_trip(record):
    assert parse(record.to_text()) == record
