"""Signature Version 4: the documented example, and botocore as an independent signer."""

import hashlib
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.sending.transports.sigv4 import Signer, canonical_request, sign, signing_key

from .fake_apis import ACCESS, SECRET, sigv4_signature

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def signer(region="us-east-1", service="iam"):
    return Signer(access_key=ACCESS, secret_key=SECRET, region=region, service=service)


def test_the_example_of_the_documentation():
    """AWS General Reference, "Signature Version 4 signing process", tasks 1 to 4: ListUsers of IAM."""
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    headers = sign(signer(), "GET", url, {"Content-Type": FORM}, b"", now=AT)
    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["Host"] == "iam.amazonaws.com"
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    signed = {"content-type": FORM, "host": "iam.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    canonical = canonical_request("GET", url, signed, b"")
    assert hashlib.sha256(canonical.encode()).hexdigest() == (
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    assert signing_key(signer(), "20150830").hex() == (
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    )


SEGMENT = st.text(alphabet="abcXYZ019-_.~", min_size=1, max_size=8).filter(lambda one: set(one) != {"."})
VALUE = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=12)


@given(
    path=st.lists(SEGMENT, max_size=3),
    query=st.dictionaries(SEGMENT, st.text(alphabet="abc019-_.~ /+=&é", max_size=8), max_size=3),
    body=st.binary(max_size=60),
    extra=st.dictionaries(st.sampled_from(["X-Amz-Meta", "X-B", "x-c"]), VALUE, max_size=3),
    region=st.sampled_from(["eu-west-1", "us-gov-west-1"]),
    at=st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1)),
)
def test_as_botocore_signs(path, query, body, extra, region, at):
    from urllib.parse import quote, urlencode

    url = f"https://email.{region}.amazonaws.com/{'/'.join(path)}"
    url += f"?{urlencode(query, quote_via=quote)}" if query else ""
    headers = sign(signer(region, "ses"), "POST", url, extra, body, now=at.replace(tzinfo=UTC))
    names, signature = re.search(r"SignedHeaders=(\S+), Signature=(\w+)", headers["Authorization"]).groups()
    lower = {name.lower(): value for name, value in headers.items()}
    assert set(names.split(";")) == set(lower) - {"authorization"}
    stamp = headers["X-Amz-Date"]
    assert signature == sigv4_signature("POST", url, lower, body, names.split(";"), stamp, region)


@pytest.mark.parametrize("change", [{"region": "eu-west-1"}, {"service": "ses"}])
def test_a_signature_is_good_for_one_region_and_service(change):
    url = "https://iam.amazonaws.com/"
    one = sign(signer(), "GET", url, {}, b"", now=AT)["Authorization"]
    assert (
        one.rpartition("=")[2]
        != sign(signer(**change), "GET", url, {}, b"", now=AT)["Authorization"].rpartition("=")[2]
    )


def test_a_signer_shows_no_keys():
    assert SECRET not in repr(signer())
    assert ACCESS not in repr(signer())
