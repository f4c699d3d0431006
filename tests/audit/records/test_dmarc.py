"""DMARC records: RFC 9989 (sections of draft-ietf-dmarc-dmarcbis-41) and what RFC 7489 readers make of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records.dmarc import (
    Alignment,
    DmarcRecord,
    Effective,
    Policy,
    Psd,
    Reader,
    is_dmarc,
    parse,
)
from hygiene.audit.records.report_uri import parse_report_uri
from hygiene.audit.records.tag_list import Fault
from hygiene.errors import RecordError

NONE, QUARANTINE, REJECT = Policy
NEW, OLD = Reader
RUA = "rua=mailto:d@example.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1", True),
        ("v=DMARC1;", True),
        ("v=DMARC1; p=none", True),
        ("v \t= DMARC1 \t;p=none", True),  # equals = *WSP "=" *WSP
        ("V=DMARC1; p=none", True),  # "v" is an ABNF literal, only the value is %s
        ("v=dmarc1; p=none", False),  # §4.7: the value is case-sensitive
        ("v=DMARC1x; p=none", False),
        ("v=DMARC1 p=none", False),  # the value is "DMARC1 p=none"
        ("v=DMARC1, p=none", False),
        ("v=DMARC12", False),
        (" v=DMARC1; p=none", False),  # dmarc-record starts with dmarc-version
        ("p=none; v=DMARC1", False),  # §4.7: first tag
        ('"v=DMARC1; p=none"', False),
        ("v=DMARC1\n; p=none", False),
        ("", False),
        ("v=spf1 -all", False),
    ],
)
def test_version(text, expected):
    assert is_dmarc(text) is expected
    if expected:
        parse(text)
    else:
        with pytest.raises(RecordError):
            parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(" v=DMARC1; p=none", "blank"), ("v=dmarc1", "upper case"), ("v=spf1", "start")],
)
def test_near_misses_say_why(text, reason):
    with pytest.raises(RecordError, match=reason):
        parse(text)


def uri(text):
    return parse_report_uri(text)


def good(text, **fields):
    return pytest.param(text, DmarcRecord(**{"p": NONE, **fields}), id=text)


@pytest.mark.parametrize(
    ("text", "record"),
    [
        good("v=DMARC1; p=none"),
        good("v=DMARC1;p=none;"),
        good("v=DMARC1 ; p = None ;"),  # literals are case-insensitive
        good("v=DMARC1; p=none; sp=quarantine; np=REJECT", sp=QUARANTINE, np=REJECT),
        good("v=DMARC1; p=none; t=Y; psd=u", t=True, psd=Psd.UNSAID),
        good("v=DMARC1; p=none; adkim=s; aspf=r", adkim=Alignment.STRICT, aspf=Alignment.RELAXED),
        good("v=DMARC1; p=none; fo=1:d:s", fo=("1", "d", "s")),
        good("v=DMARC1; p=none; fo=0 : D", fo=("0", "d")),  # RFC 7489 §6.4 allows the blanks
        good("v=DMARC1; p=none; pct=0; rf=afrf; ri=3600", pct=0, rf=("afrf",), ri=3600),
        good("v=DMARC1; p=none; foo=bar baz", unknown=(("foo", "bar baz"),)),
        good("v=DMARC1; p=none; rua=mailto:a@x.example", rua=(uri("mailto:a@x.example"),)),
        good(
            "v=DMARC1; p=none; ruf=mailto:a@x.example!10m , https://r.example/d",
            ruf=(uri("mailto:a@x.example!10m"), uri("https://r.example/d")),
        ),
    ],
)
def test_good(text, record):
    assert parse(text) == record
    assert parse(record.to_text()) == record


def bad(tags, tag, reason, fault=Fault.INVALID):
    return pytest.param(f"v=DMARC1; p=none; {tags}", tag, reason, fault, id=repr(tags))


@pytest.mark.parametrize(
    ("text", "tag", "reason", "fault"),
    [
        bad("sp=rejct", "sp", "must be none, quarantine, reject"),  # §4.8 dmarc-request
        bad("np=", "np", "must be"),  # 1*dmarc-value
        bad("t=yes", "t", "y or n"),
        bad("psd=maybe", "psd", "must be y, n, u"),
        bad("adkim=relaxed", "adkim", "must be r, s"),
        bad("aspf=\x01", "aspf", "must be"),
        bad("fo=0:1", "fo", "not both"),  # §4.7: 0 and 1 exclude each other
        bad("fo=d:d", "fo", "once"),
        bad("fo=1,d", "fo", "colon list"),
        bad("fo=", "fo", "colon list"),
        bad("rua=d@example.com", "rua", "mailto:"),
        bad("rua=", "rua", "empty element"),
        bad("rua=mailto:a@x.example,", "rua", "empty element"),
        bad("ruf=mailto:a@x.example!big", "ruf", "%21"),  # §4.8: "!" MUST be encoded
        bad("ruf=mailto:a b@x.example", "ruf", "URI"),
        bad("p=reject", "p", "first one counts", Fault.REPEATED),
        bad("v=DMARC1", "v", "first one counts", Fault.REPEATED),
        bad("foo=1; foo=2", "foo", "first one counts", Fault.REPEATED),
        bad("SP=none", "sp", "lower case", Fault.CASE),  # RFC 6376 §3.2 reads names by case
        bad("sp", "", 'no "="', Fault.MALFORMED),
        bad(";", "", "nothing between", Fault.MALFORMED),
        bad("x-y=1", "", "not a tag name", Fault.MALFORMED),  # 1*ALPHA
        bad("foo=é", "foo", "character", Fault.MALFORMED),  # printing ASCII
        bad("foo=", "foo", "empty", Fault.MALFORMED),
    ],
)
def test_problems(text, tag, reason, fault):
    record = parse(text)
    (problem,) = record.problems
    assert (problem.tag, problem.fault) == (tag, fault)
    assert reason in problem.reason
    assert record.p is NONE
    assert parse(record.to_text()).problems == ()


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("v=DMARC1; p=none; sp=none", []),
        ("v=DMARC1; sp=none; p=none", ["directly after"]),  # RFC 7489 §6.3
        ("v=DMARC1; rua=mailto:a@x.example", ["required"]),
        ("v=DMARC1; p=none; pct=101; ri=-1; rf=a b", ["0 to 100", "0 to 4294967295", "report formats"]),
        ("v=DMARC1; p=none; pct=1²", ["0 to 100"]),
    ],
)
def test_legacy_problems(text, reasons):
    record = parse(text)
    assert record.problems == ()
    assert len(record.legacy_problems) == len(reasons)
    for problem, reason in zip(record.legacy_problems, reasons, strict=True):
        assert reason in problem.reason


def test_one_bad_address_spoils_no_other():
    record = parse("v=DMARC1; p=none; rua=nonsense,mailto:a@x.example")
    assert [found.address for found in record.rua] == ["a@x.example"]
    assert [problem.value for problem in record.problems] == ["nonsense"]


@pytest.mark.parametrize(
    ("text", "address", "host", "size"),
    [
        ("mailto:a@x.example", "a@x.example", "x.example", None),
        ("MAILTO:A@X.Example!50M", "A@x.example", "x.example", "50M"),
        ("mailto:a%21b@x.example", "a!b@x.example", "x.example", None),
        ("mailto:%22a%2Cb%22@x.example", '"a,b"@x.example', "x.example", None),
        ("mailto:a@b%C3%BCcher.example?subject=x", "a@xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("mailto:%22a%20b%22@x.example", '"a b"@x.example', "x.example", None),
        ("https://R.example:8443/a?b#c!10", None, "r.example", "10"),
        ("urn:example:x", None, None, None),  # §4.7: any valid URI, unsupported schemes are ignored
    ],
)
def test_report_uri(text, address, host, size):
    found = parse_report_uri(text)
    assert (found.address, found.host, found.size_limit) == (address, host, size)
    assert found.to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "mailto:",
        "mailto:@x.example",
        "mailto:a@",
        "mailto:a",
        "mailto:a@x..example",
        "mailto:a@x.example.",
        "mailto:a..b@x.example",
        "mailto:a@192.0.2.1",
        "mailto:a@[192.0.2.1]",
        "mailto:a%0D%0Ab@x.example",
        "mailto:a%00@x.example",
        "mailto:a%FF@x.example",
        "mailto:a%4@x.example",
        "mailto:" + "a" * 65 + "@x.example",
        "mailto: a@x.example",
        "mailto:a@x.example!10mb",
        "mailto:a!b@x.example!10m",
        "mailto:a%2Cb@x.example",  # a comma needs a quoted local part (RFC 5321 §4.1.2)
        "https://",
        "https:///path",
        "https://[::1",
        "//x.example",
        "é:x",
    ],
)
def test_no_report_uri(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_report_uri(text)


SELF, EXISTING, MISSING = None, True, False


@pytest.mark.parametrize(
    ("tags", "existing", "new", "old"),
    [
        ("p=reject", SELF, REJECT, (REJECT, 100)),
        ("p=reject", MISSING, REJECT, (REJECT, 100)),
        ("p=reject; sp=none", SELF, REJECT, (REJECT, 100)),  # sp never applies to the domain itself
        ("p=reject; sp=none", EXISTING, NONE, (NONE, 100)),
        ("p=reject; sp=none", MISSING, NONE, (NONE, 100)),  # np → sp → p
        ("p=none; sp=none; np=reject", MISSING, REJECT, (NONE, 100)),  # np is unknown to RFC 7489
        ("p=none; np=reject", EXISTING, NONE, (NONE, 100)),  # np is for missing names only
        ("p=reject; t=y", SELF, QUARANTINE, (REJECT, 100)),  # §4.7: one level lower
        ("p=quarantine; t=y", SELF, NONE, (QUARANTINE, 100)),
        ("p=none; t=y", SELF, NONE, (NONE, 100)),
        ("p=reject; t=n", SELF, REJECT, (REJECT, 100)),
        ("p=reject; pct=0", SELF, REJECT, (REJECT, 0)),  # pct is removed
        ("p=reject; pct=x", SELF, REJECT, (REJECT, 100)),
        ("p=none; pct=5", SELF, NONE, (NONE, 100)),
        ("p=reject; np=bogus; " + RUA, SELF, NONE, (REJECT, 100)),  # §4.10.1
        ("p=reject; sp=bogus; " + RUA, SELF, NONE, (NONE, 100)),
        ("p=rejct; sp=reject; " + RUA, EXISTING, NONE, (NONE, 100)),
        ("sp=reject; " + RUA, EXISTING, NONE, (NONE, 100)),
        ("p=reject; sp=none; sp=bogus", EXISTING, NONE, (NONE, 100)),  # a repeat is no invalid tag
    ],
)
def test_effective_policy(tags, existing, new, old):
    record = parse(f"v=DMARC1; {tags}")
    assert record.policy_for(existing) == Effective(policy=new)
    assert record.policy_for(existing, OLD) == Effective(policy=old[0], percent=old[1])


@pytest.mark.parametrize(
    ("tags", "new", "old"),
    [
        ("p=none", True, True),
        ("", False, False),
        ("p=bogus", False, False),
        ("p=bogus; rua=nonsense", False, False),
        ("p=bogus; " + RUA, True, True),
        ("p=bogus; rua=https://r.example/d", True, True),  # "syntactically valid reporting URI"
        ("p=reject; sp=bogus", False, False),
        ("p=reject; np=bogus", False, True),
    ],
)
def test_no_processing(tags, new, old):
    record = parse(f"v=DMARC1; {tags}")
    assert record.applies is new
    assert record.policy_for(None, OLD).applies is old


def test_helper_properties():
    record = parse("v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s")
    assert (record.policy, record.subdomain_policy, record.nonexistent_policy) == (REJECT, QUARANTINE, NONE)
    assert (record.dkim_alignment, record.spf_alignment) == (Alignment.STRICT, Alignment.RELAXED)
    assert record.failure_options == ()
    assert parse("v=DMARC1; ruf=mailto:a@x.example").failure_options == ("0",)
    assert parse("v=DMARC1; fo=1; ruf=mailto:a@x.example").failure_options == ("1",)


@pytest.mark.parametrize(("percent", "rest"), [(100, REJECT), (99, QUARANTINE), (0, QUARANTINE)])
def test_rest(percent, rest):
    assert Effective(policy=REJECT, percent=percent).rest is rest


REAL = (
    "v=DMARC1; p=reject; sp=none; np=reject; t=y; psd=n; adkim=s; aspf=r; fo=1:d; pct=50; rf=afrf; ri=86400",
    "v=DMARC1; p=quarantine; rua=mailto:a@x.example!10m,https://r.example/; ruf=mailto:b@y.example; foo=1",
)


latin1 = st.text(st.characters(max_codepoint=255), max_size=100)
damaged = st.builds(
    lambda record, start, cut, piece: record[:start] + piece + record[start + cut :],
    st.sampled_from(REAL),
    st.integers(0, 120),
    st.integers(0, 9),
    latin1 | st.sampled_from([";", "=", ";;", ",", "!", "\x00", "\r\n ", "\r\n", "%zz", "é"]),
)


@given(latin1 | damaged)
def test_any_text(text):
    try:
        record = parse(text)
    except RecordError:
        assert not is_dmarc(text)
        return
    for reader in Reader:
        for existing in (None, True, False):
            record.policy_for(existing, reader)
    tidy = parse(record.to_text())
    assert tidy.problems == ()
    assert parse(tidy.to_text()) == tidy


uris = st.builds(
    "{}{}".format,
    st.sampled_from(
        ["mailto:a@x.example", "mailto:%22q%2C%22@y.example?x=1", "https://r.example/d", "urn:x:y"]
    ),
    st.sampled_from(["", "!10m", "!5", "!1K"]),
).map(uri)
uri_lists = st.none() | st.lists(uris, min_size=1, max_size=3).map(tuple)
values = st.from_regex(r"[!-:<-~]([ -:<-~]{0,20}[!-:<-~])?", fullmatch=True)
maybe_policies = st.none() | st.sampled_from(Policy)
records = st.builds(
    DmarcRecord,
    p=st.sampled_from(Policy),
    sp=maybe_policies,
    np=maybe_policies,
    t=st.none() | st.booleans(),
    psd=st.none() | st.sampled_from(Psd),
    adkim=st.none() | st.sampled_from(Alignment),
    aspf=st.none() | st.sampled_from(Alignment),
    rua=uri_lists,
    ruf=uri_lists,
    fo=st.sampled_from([None, ("0",), ("1",), ("d", "s"), ("s", "1", "d")]),
    pct=st.none() | st.integers(0, 100),
    rf=st.sampled_from([None, ("afrf",), ("afrf", "iodef")]),
    ri=st.none() | st.integers(0, 2**32 - 1),
    unknown=st.dictionaries(st.from_regex("x[a-z]{0,5}", fullmatch=True), values, max_size=3).map(
        lambda found: tuple(found.items())
    ),
)


@given(records)
def test_round_trip(record):
    assert parse(record.to_text()) == record


@given(records)
def test_round_trip_without_p(record):
    record = replace(record, p=None)
    assert replace(parse(record.to_text()), legacy_problems=()) == record
