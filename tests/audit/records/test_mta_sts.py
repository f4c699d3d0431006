"""MTA-STS: the TXT record (RFC 8461 §3.1), the policy file (§3.2) and matching of hosts (§4.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records.mta_sts import (
    MAX_AGE_LIMIT_S,
    MAX_POLICY_BYTES,
    Mode,
    StsPolicy,
    StsRecord,
    is_mta_sts,
    parse_policy,
    parse_record,
)
from hygiene.errors import RecordError


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=STSv1; id=20160831085700Z;", StsRecord(id="20160831085700Z")),
        ("v=STSv1;id=a", StsRecord(id="a")),
        ("v=STSv1 ;\tid=a", StsRecord(id="a")),  # sts-field-delim = *WSP ";" *WSP
        ("v=STSv1; x-1.y=z; id=A9", StsRecord(id="A9", unknown=(("x-1.y", "z"),))),  # order is free
        ("v=STSv1; ID=x; id=y", StsRecord(id="y", unknown=(("ID", "x"),))),  # %s"id="
    ],
)
def test_good_record(text, record):
    assert parse_record(text) == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=STSv1",  # id is required
        "v=STSv1;",
        "v=stsv1; id=a",  # %s"v=STSv1"
        "V=STSv1; id=a",
        " v=STSv1; id=a",
        "v=STSv2; id=a",
        "id=a; v=STSv1",  # the record begins with the version
        "v = STSv1; id=a",  # no blanks around "="
        "v=STSv1; id =a",
        "v=STSv1; id=",
        "v=STSv1; id=2024-01-01",  # letters and digits only
        "v=STSv1; id=" + "1" * 33,  # at most 32
        "v=STSv1; id=a b",
        "v=STSv1; id=é",
        "v=STSv1;; id=a",
        "v=STSv1; id=a; x=",  # sts-ext-value = 1*
        "v=STSv1; id=a; x=b=c",
        "v=STSv1; id=a; -x=b",
        "v=STSv1; id=a; " + "x" * 33 + "=b",
        "v=STSv1, id=a",
    ],
)
def test_bad_record(text):
    with pytest.raises(RecordError):
        parse_record(text)


def test_repeated_id():
    record = parse_record("v=STSv1; id=a; id=b")
    assert record.id == "a"  # §3.2: all entries except for the first are ignored
    assert [problem.tag for problem in record.problems] == ["id"]


POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("content", "policy"),
    [
        (POLICY, StsPolicy(mode=Mode.ENFORCE, max_age_s=604_800, mx=("mail.example.com", "*.example.net"))),
        (POLICY.encode(), parse_policy(POLICY)),
        (POLICY.replace("\r\n", "\n"), parse_policy(POLICY)),
        (POLICY.strip(), parse_policy(POLICY)),  # the last line end is optional
        (POLICY.replace("\r\n", " \t\r\n"), parse_policy(POLICY)),  # *WSP after a field
        (POLICY.replace(": ", ":"), parse_policy(POLICY)),
        ("mode:none\nmax_age:0\nversion:STSv1", StsPolicy(mode=Mode.NONE, max_age_s=0)),  # any order
        (
            "version: STSv1\nmode: testing\nmax_age: 1\nmx: a.example\nnote: grüße, all".encode(),
            StsPolicy(mode=Mode.TESTING, max_age_s=1, mx=("a.example",), unknown=(("note", "grüße, all"),)),
        ),
    ],
)
def test_good_policy(content, policy):
    assert parse_policy(content) == policy


def without(line):
    return POLICY.replace(f"{line}\r\n", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no version"),
        (without("version: STSv1"), "no version"),
        (without("mode: enforce"), "no mode"),
        (without("max_age: 604800"), "no max_age"),
        ("version: STSv1\nmode: enforce\nmax_age: 1", "no mx"),
        (POLICY.replace("STSv1", "stsv1"), "version must"),  # %s"STSv1"
        (POLICY.replace("version", "Version"), "no version"),  # %s"version"
        (POLICY.replace("enforce", "Enforce"), "mode must"),
        (POLICY.replace("604800", "31557601"), "max_age must"),
        (POLICY.replace("604800", "-1"), "max_age must"),
        (POLICY.replace("604800", "1 week"), "max_age must"),
        (POLICY.replace("604800", "٣"), "max_age must"),
        (POLICY.replace("mail.", "*.*."), "only wildcard"),
        (POLICY.replace("mail.", "m*."), "only wildcard"),
        (POLICY.replace("mail.example.com", "*"), "only wildcard"),
        (POLICY.replace("mail.", "mail_1."), "host name"),  # Domain of RFC 5321 has no underscore
        (POLICY.replace("mail.example.com", "192.0.2.1"), "host name"),
        (POLICY.replace("mail.example.com", "mail.example.com."), "host name"),
        (POLICY.replace("mail.example.com", ".example.com"), "host name"),
        (POLICY.replace("mail.", "bücher."), "A-labels"),
        (POLICY.replace("mail.example.com", "a.example, b.example"), "host name"),
        (POLICY.replace("mx: mail.example.com", "mx:"), "empty"),
        (POLICY.replace("version:", "version :"), "key: value"),
        (" " + POLICY, "key: value"),
        ("\ufeff" + POLICY, "key: value"),
        ("<html></html>", "key: value"),
        (POLICY.replace("\r\n", "\r"), "control"),  # CR alone ends no line
        (POLICY + "x: a\x00b", "control"),
        (b"\xff\xfe" + POLICY.encode(), "UTF-8"),
        ("a: b\n" * MAX_POLICY_BYTES, "longer"),
        ("a:b\n" * 10_000, "control"),
    ],
)
def test_bad_policy(content, reason):
    with pytest.raises(RecordError, match=reason):
        parse_policy(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (POLICY + "mode: none\n", "first one counts"),
        (POLICY + "version: STSv9\n", "first one counts"),
        (POLICY + "x: 1\nx: 2\n", "first one counts"),
        (POLICY + "\r\n", "blank"),
        ("\n" + POLICY, "blank"),
    ],
)
def test_policy_problems(content, reason):
    policy = parse_policy(content)
    assert (policy.mode, policy.max_age_s) == (Mode.ENFORCE, 604_800)
    (problem,) = policy.problems
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("mail.example.com", "mail.example.com", True),
        ("Mail.Example.com", "mAIL.example.COM.", True),
        ("mail.example.com", "x.mail.example.com", False),
        ("*.example.com", "mail.example.com", True),
        ("*.example.com", "example.com", False),  # exactly one label
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "*.example.com", False),  # no host has a star
        ("*.example.com", "aexample.com", False),
        ("*.com", "example.com", True),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("*.xn--bcher-kva.example", "mx.BÜCHER.example", True),
        ("mail.example.com", "", False),
        ("mail.example.com", ".", False),
        ("mail.example.com", "\x00", False),
        ("mail.example.com", "é" * 1000, False),
    ],
)
def test_matches(pattern, host, expected):
    policy = StsPolicy(mode=Mode.ENFORCE, max_age_s=1, mx=("other.example", pattern))
    assert policy.matches(host) is expected


latin1 = st.text(st.characters(max_codepoint=255), max_size=100)
damaged = st.builds(
    lambda record, start, cut, piece: record[:start] + piece + record[start + cut :],
    st.sampled_from(["v=STSv1; id=20160831085700Z;", "v=STSv1;id=1;x=y", POLICY, POLICY.replace("\r\n", "\n")]),
    st.integers(0, 120),
    st.integers(0, 9),
    latin1 | st.sampled_from([";", "=", ";;", ",", "!", "\x00", "\r\n ", "\r\n", "%zz", "é"]),
)


@given(latin1 | damaged)
def test_any_record(text):
    try:
        record = parse_record(text)
    except RecordError:
        return
    assert is_mta_sts(text)
    assert not parse_record(record.to_text()).problems


@given(latin1 | damaged, st.text())
def test_any_policy(text, host):
    for content in (text, text.encode("latin-1", "replace")):
        try:
            policy = parse_policy(content)
        except RecordError:
            continue
        policy.matches(host)
        assert not parse_policy(policy.to_text()).problems


names = st.from_regex(r"x[a-z0-9_.-]{0,10}", fullmatch=True)
labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,5}[a-zA-Z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=4).map(lambda parts: ".".join([*parts, "test"]))


def fields(values):
    return st.dictionaries(names, values, max_size=3).map(lambda found: tuple(found.items()))


@given(
    st.builds(
        StsRecord,
        id=st.from_regex("[A-Za-z0-9]{1,32}", fullmatch=True),
        unknown=fields(st.from_regex(r"[!-:<>-~]{1,20}", fullmatch=True)),
    )
)
def test_record_round_trip(record):
    assert parse_record(record.to_text()) == record


@given(
    st.builds(
        StsPolicy,
        mode=st.sampled_from(Mode),
        max_age_s=st.integers(0, MAX_AGE_LIMIT_S),
        mx=st.lists(hosts | hosts.map("*.{}".format), min_size=1, max_size=5).map(tuple),
        unknown=fields(st.from_regex(r"[!-~à-ÿ]([ -~à-ÿ]{0,20}[!-~à-ÿ])?", fullmatch=True)),
    )
)
def test_policy_round_trip(policy):
    assert parse_policy(policy.to_text()) == policy
    assert parse_policy(policy.to_text().encode()) == policy


@given(hosts, labels)
def test_a_wildcard_is_one_label(host, label):
    policy = StsPolicy(mode=Mode.ENFORCE, max_age_s=1, mx=(f"*.{host}",))
    assert policy.matches(f"{label}.{host}".upper())
    assert not policy.matches(host)
    assert not policy.matches(f"{label}.{label}.{host}")
