"""TLS-RPT records (RFC 8460 §3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.audit.records.report_uri import parse_report_uri
from hygiene.audit.records.tls_rpt import TlsRptRecord, is_tls_rpt, parse
from hygiene.errors import RecordError

MAIL, POST = parse_report_uri("mailto:tls@example.com"), parse_report_uri("https://tls.example.com/v1")


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=TLSRPTv1;rua=mailto:tls@example.com", TlsRptRecord(rua=(MAIL,))),
        ("v=TLSRPTv1; rua=https://tls.example.com/v1;", TlsRptRecord(rua=(POST,))),
        (
            "v=TLSRPTv1 ; rua=mailto:tls@example.com , https://tls.example.com/v1",
            TlsRptRecord(rua=(MAIL, POST)),
        ),
        # more than one rua may be declared, each is used
        (
            "v=TLSRPTv1; rua=mailto:tls@example.com; rua=https://tls.example.com/v1",
            TlsRptRecord(rua=(MAIL, POST)),
        ),
        ("v=TLSRPTv1; x=y; rua=mailto:tls@example.com", TlsRptRecord(rua=(MAIL,), unknown=(("x", "y"),))),
    ],
)
def test_good(text, record):
    assert parse(text) == record


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "start"),
        ("v=TLSRPTv1", "no rua="),
        ("v=TLSRPTv1;", "no rua="),
        ("v=tlsrptv1; rua=mailto:a@x.example", "start"),  # %s"v=TLSRPTv1"
        ("v=TLSRPTv2; rua=mailto:a@x.example", "start"),
        ("rua=mailto:a@x.example; v=TLSRPTv1", "start"),
        (" v=TLSRPTv1; rua=mailto:a@x.example", "start"),
        ("v=TLSRPTv1; RUA=mailto:a@x.example", "no rua="),  # %s"rua="
        ("v=TLSRPTv1; rua =mailto:a@x.example", "tag name"),
        ("v=TLSRPTv1; rua=", "empty"),
        ("v=TLSRPTv1; rua=a@x.example", "mailto:"),
        ("v=TLSRPTv1; rua=http://x.example/", "mailto: or https:"),
        ("v=TLSRPTv1; rua=mailto:a@x.example!10m", "size limit"),  # a DMARC habit
        ("v=TLSRPTv1; rua=https://x.example/a b", "URI"),
        ("v=TLSRPTv1; rua=mailto:a@x.example; x=a=b", '"="'),
        ("v=TLSRPTv1;; rua=mailto:a@x.example", "nothing between"),
    ],
)
def test_bad(text, reason):
    with pytest.raises(RecordError, match=reason):
        parse(text)


def test_one_bad_address_is_a_problem():
    record = parse("v=TLSRPTv1; rua=ftp://x.example/,mailto:tls@example.com,tls@example.com")
    assert record.rua == (MAIL,)
    assert {problem.value for problem in record.problems} == {"ftp://x.example/", "tls@example.com"}


latin1 = st.text(st.characters(max_codepoint=255), max_size=100)
damaged = st.builds(
    lambda record, start, cut, piece: record[:start] + piece + record[start + cut :],
    st.sampled_from(["v=TLSRPTv1; rua=mailto:a@x.example,https://r.example/d; x=y"]),
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
    assert is_tls_rpt(text)
    assert not parse(record.to_text()).problems


pairs = st.tuples(
    st.from_regex("x[a-z0-9_.-]{0,10}", fullmatch=True), st.from_regex(r"[!-:<>-~]{1,20}", fullmatch=True)
)


@given(
    st.builds(
        TlsRptRecord,
        rua=st.lists(st.sampled_from([MAIL, POST]), min_size=1, max_size=4).map(tuple),
        unknown=st.lists(pairs, max_size=3).map(tuple),
    )
)
def test_round_trip(record):
    assert parse(record.to_text()) == record
