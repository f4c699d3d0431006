"""Addresses: the fast path is email-validator's verdict, and repairs never change who is mailed."""

import re
import unicodedata
from urllib.parse import quote

import pytest
from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    rfc_constants,
    validate_email,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hygiene import address
from hygiene.address import (
    DOTS_IGNORED,
    LOWERCASED_LOCALS,
    MAX_ADDRESS,
    MAX_DOMAIN,
    ORDINARY,
    ORDINARY_BODY,
    ORDINARY_PYTHON,
    SAME_DOMAIN,
    SPECIAL_USE,
    TAGS_CUT,
    Address,
    AddressFault,
    Invalid,
    Repair,
    fast_normal,
    identity_key,
    judge_address,
    mailbox_key,
    repair,
    split,
)


def slow(text):
    """What email-validator makes of it, or None."""
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=True).normalized
    except EmailNotValidError:
        return None


# --- strategies

ATOMS = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=8)
LOCALS = st.one_of(
    st.lists(ATOMS, min_size=1, max_size=3).map(".".join),
    st.sampled_from(sorted(LOWERCASED_LOCALS)),
    st.sampled_from(["Info", "SALES", "WwW", "o'brien", "-a", "+tag", "a+b+c", "first.last"]),
)
LABELS = st.one_of(
    st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,8}[A-Za-z0-9])?", fullmatch=True),
    st.sampled_from(["a" * 63, "a" * 64, "xn--mller-kva", "ab--cd", "test", "local", "gmail", "1"]),
)
LAST_LABELS = st.sampled_from(
    [*sorted(SPECIAL_USE), "com", "COM", "de", "c", "1", "c0m", "Test", "ONION", "x" * 63]
)
DOMAINS = st.builds(lambda labels, last: ".".join([*labels, last]), st.lists(LABELS, max_size=5), LAST_LABELS)
ASCII_ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS)
WIDE_ADDRESSES = st.sampled_from(
    [
        "user@müller.de",
        "user@xn--mller-kva.de",
        "用户@例子.公司",
        "ünï@x.com",
        "u\u0308n@x.com",
        "ΟΔΟΣ@x.gr",
        "İ@x.com",
        "straße@x.de",
        "ｕser@x.com",
        "user@ｅxample.com",
        "'user@x.com",
        "“ann@x.com",
        "、a@b.com",
        "a.\u0301b@gmail.com",
    ]
)
REALISTIC = st.sampled_from(
    [
        "ann@example.com",
        "Ann.Smith+news@Gmail.com",
        "o'brien@x.co",
        "USER@EXAMPLE.COM",
        "a_b@mail.example.co.uk",
    ]
)
ADDRESSES = st.one_of(ASCII_ADDRESSES, WIDE_ADDRESSES, REALISTIC)
JUNK = st.text(" @.,;:<>()[]\"'＠\u00a0\u200b\u200d\ufeff\u00ad\u0000\n\t%?/+-ａé٣\ud800ab", max_size=4)


@st.composite
def mutated(draw):
    """An address with junk put in somewhere, or a piece cut out."""
    text = draw(ADDRESSES)
    for _ in range(draw(st.integers(0, 2))):
        at, until = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        text = text[:at] + draw(JUNK) + text[until if draw(st.booleans()) else at :]
    return text


CELLS = st.one_of(mutated(), JUNK, st.text(max_size=20), st.builds("{}{}{}".format, JUNK, ADDRESSES, JUNK))
SOUND_LABELS = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9]{0,5}-?[A-Za-z0-9])?", fullmatch=True)
PROVIDERS = st.sampled_from(["gmail.com", "GoogleMail.com", "outlook.de", "me.com", "fastmail.fm", "yahoo.com"])
SOUND_DOMAINS = st.one_of(
    PROVIDERS, st.builds("{}.{}".format, SOUND_LABELS, st.sampled_from(["com", "DE", "co.uk"]))
)
SOUND = st.builds("{}@{}".format, LOCALS, SOUND_DOMAINS)
VALID = st.one_of(SOUND, SOUND, WIDE_ADDRESSES, REALISTIC).filter(lambda text: slow(text) is not None)


# --- the fast path


@settings(max_examples=4000)
@given(CELLS)
def test_the_fast_path_gives_what_email_validator_gives(text):
    fast = fast_normal(text)
    assert fast is None or fast == slow(text)


def test_the_constants_are_those_of_email_validator():
    assert set(SPECIAL_USE_DOMAIN_NAMES) == SPECIAL_USE
    assert set(rfc_constants.CASE_INSENSITIVE_MAILBOX_NAMES) == LOWERCASED_LOCALS
    assert rfc_constants.EMAIL_MAX_LENGTH == MAX_ADDRESS
    assert rfc_constants.DOMAIN_MAX_LENGTH == MAX_DOMAIN


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("USER@EXAMPLE.COM", "USER@example.com"),
        ("o'brien@x.co", "o'brien@x.co"),
        ("Ann.Smith+news@Gmail.com", "Ann.Smith+news@gmail.com"),
        ("INFO@Shop.example", "info@shop.example"),
        ("x@a-b.museum", "x@a-b.museum"),
        ("1@1.co", "1@1.co"),
    ],
)
def test_ordinary_addresses_take_the_fast_path(text, normal):
    assert fast_normal(text) == normal == slow(text)


@pytest.mark.parametrize(
    "text",
    [
        "a@b.com\n",  # $ would take it
        "a@b.test",  # special use
        "a@b.LOCALHOST",
        "a@xn--mller-kva.de",  # has another normal form
        "a@b--c.com",
        "a@" + "b" * 64 + ".com",
        "a@" + ".".join(["b" * 49] * 5) + ".com",  # 253 behind the @, 255 in all
        "a" * 64 + "@" + ".".join(["b" * 60] * 4) + ".com",
        "a@b",
        "a..b@c.com",
        "a.@c.com",
        "ü@c.com",
        "",
    ],
)
def test_what_is_not_ordinary_is_left_to_email_validator(text):
    assert fast_normal(text) is None


@settings(max_examples=60)
@given(st.lists(st.one_of(ASCII_ADDRESSES, st.text(max_size=12)), max_size=20))
def test_duckdb_decides_as_python_does(texts):
    import duckdb

    texts = [text for text in texts if text.isprintable()]
    query = f"select regexp_matches(text, $${ORDINARY}$$) from (select unnest($texts::varchar[]) as text)"
    found = [row[0] for row in duckdb.execute(query, {"texts": texts}).fetchall()]
    assert found == [re.fullmatch(ORDINARY_BODY, text) is not None for text in texts]


def test_duckdb_refuses_a_newline_at_the_end():
    import duckdb

    found = duckdb.execute("select regexp_matches($text, $pattern)", {"text": "a@b.com\n", "pattern": ORDINARY})
    assert found.fetchone() == (False,)
    assert not re.match(ORDINARY_PYTHON, "a@b.com\n")


# --- judging


@settings(max_examples=1500)
@given(CELLS)
def test_judging_never_fails_and_agrees_with_email_validator(text):
    judged = judge_address(text)
    assert judged.original == text
    if isinstance(judged, Address):
        repaired, repairs = repair(text)
        assert judged.normal == slow(repaired)
        assert judged.repairs == repairs
        assert bool(repairs) == (repaired != text)
    else:
        assert judged.detail
        assert slow(judged.repaired) is None


@pytest.mark.parametrize("text", ["", "   ", "\t\r\n", "\u00a0\u3000", "\ufeff", "\u200b \u00ad", "\x00", ","])
def test_a_cell_without_anything_is_missing(text):
    assert judge_address(text).reason is AddressFault.MISSING


@pytest.mark.parametrize(
    "text",
    [
        "a@b.com, c@d.com",
        "a@b.com;c@d.com",
        "a@b.com c@d.com",
        "a@b.com/c@d.com",
        "a@b.com\nc@d.com",
        "a@b.com，c@d.com",
        "Ann <ann@x.com> <bob@x.com>",
        "Ann <ann@x.com>, Bob <bob@x.com>",
        "bob@y.com <ann@x.com>",
        '"bob@y.com" <ann@x.com>',
        '"a@b.com", "c@d.com"',
        "mailto:a@b.com,c@d.com",
        "mailto:a@b.com?cc=c@d.com",
        "mailto:a@b.com?cc=c%40d.com",
        "a@b.com, a@b.com",
    ],
)
def test_of_several_addresses_none_is_picked(text):
    judged = judge_address(text)
    assert isinstance(judged, Invalid)
    if "%40" not in text:
        assert judged.reason is AddressFault.SEVERAL


@pytest.mark.parametrize(
    "text",
    [
        "a@b@c.com",
        '"a b"@x.com',
        "ann",
        "n/a",
        "ann@",
        "@x.com",
        "a" * 292 + "@b.com",  # 300 characters
        "user@💩.com",
        "a\x00b@x.com",
        "\ud800@x.com",
        "a@\ud800.com",
        "a@b.com\ud800",
        "ann@localhost",
        "user@1.2.3.4",
        "user@[1.2.3.4]",
        ".ann@x.com",
        "ann smith@x.com",
        "\u202emoc.x@nna",  # an override: what is seen is not what is stored
        "<ann@x.com",
        '"ann@x.com',
        "Ann ann@x.com",
        "mailto:%ff%fe@x.com",
        "a" * 200_000 + "@x.com",
        "(" * 50_000 + "a@b.com" + ")" * 50_000,
        "@" * 100_000,
        "a.@" * 50_000,
        ("a" + " " * 50_000) * 2,
    ],
)
def test_no_address_is_made_of_what_is_none(text):
    judged = judge_address(text)
    assert isinstance(judged, Invalid)
    assert judged.reason is AddressFault.SYNTAX
    assert judged.detail.endswith(".")
    judged.detail.encode()  # can be written to a file


def test_the_detail_is_email_validators_own_sentence():
    assert judge_address("a@b@c.com").detail == "The part after the @-sign contains invalid characters: '@'."


# --- repairs


@pytest.mark.parametrize(
    ("text", "found", "repairs"),
    [
        (" a@b.com ", "a@b.com", [Repair.TRIMMED]),
        ("a@b.com\n", "a@b.com", [Repair.TRIMMED]),
        ("\x00a@b.com\x1f", "a@b.com", [Repair.TRIMMED]),
        ("\u00a0a@b.com\u3000", "a@b.com", [Repair.TRIMMED]),
        ("\ufeffa@b.com", "a@b.com", [Repair.INVISIBLE]),
        ("a\u200b@b\u00ad.com\u2060", "a@b.com", [Repair.INVISIBLE]),
        ("\u200ea@b.com\u202c", "a@b.com", [Repair.INVISIBLE]),
        ("a@b\u200d.com", "a@b.com", [Repair.INVISIBLE]),
        ("a@b.com,", "a@b.com", [Repair.PUNCTUATION]),
        (",;a@b.com.", "a@b.com", [Repair.PUNCTUATION]),
        ("<a@b.com>", "a@b.com", [Repair.UNWRAPPED]),
        ("Ann <a@b.com>", "a@b.com", [Repair.UNWRAPPED]),
        ("Ann @ Acme <a@b.com>", "a@b.com", [Repair.UNWRAPPED]),
        ('"Smith, Ann" <a@b.com>', "a@b.com", [Repair.UNWRAPPED]),
        ("'A@b.com' <a@b.com>", "a@b.com", [Repair.UNWRAPPED]),
        ('"Ann <a@b.com>"', "a@b.com", [Repair.UNWRAPPED]),
        ("'a@b.com'", "a@b.com", [Repair.UNWRAPPED]),
        ('"a@b.com"', "a@b.com", [Repair.UNWRAPPED]),
        ("“a@b.com”", "a@b.com", [Repair.UNWRAPPED]),
        ("(a@b.com)", "a@b.com", [Repair.UNWRAPPED]),
        ("'o'brien@x.co'", "o'brien@x.co", [Repair.UNWRAPPED]),
        ("mailto:a@b.com", "a@b.com", [Repair.MAILTO]),
        ("MailTo:a%40b.com?subject=Hi", "a@b.com", [Repair.MAILTO]),
        ("mailto:a%2Bb@c.com", "a+b@c.com", [Repair.MAILTO]),
        ("mailto:a+b@c.com", "a+b@c.com", [Repair.MAILTO]),
        ("a@b.com <mailto:a@b.com>", "a@b.com", [Repair.UNWRAPPED, Repair.MAILTO]),
        ("<mailto:a@b.com>", "a@b.com", [Repair.UNWRAPPED, Repair.MAILTO]),
        ("a @ b.com", "a@b.com", [Repair.SPACED]),
        ("a@\u00a0b.com", "a@b.com", [Repair.SPACED]),
        ("ａ＠ｂ．ｃｏｍ", "a@b.com", [Repair.FULL_WIDTH]),
        ("ann＠x。com", "ann@x.com", [Repair.FULL_WIDTH]),
        (" 'a@b.com', ", "a@b.com", [Repair.TRIMMED, Repair.PUNCTUATION, Repair.UNWRAPPED]),
    ],
)
def test_what_is_unambiguous_is_repaired_and_said(text, found, repairs):
    judged = judge_address(text)
    assert isinstance(judged, Address)
    assert judged.original == text
    assert (judged.normal, list(judged.repairs)) == (found, repairs)


@pytest.mark.parametrize(
    "text",
    [
        "o'brien@x.co",
        "'user@x.com",
        "-user@x.com",
        "user@müller.de",
        "//ann@x.com",
        "ｕser@x.com",
        "a%40b@x.com",
    ],
)
def test_a_valid_address_is_left_alone(text):
    assert repair(text) == (text, ())


@settings(max_examples=600)
@given(VALID)
def test_no_valid_address_is_altered(text):
    assert repair(text) == (text, ())


@settings(max_examples=1500)
@given(CELLS)
def test_repairing_twice_changes_nothing(text):
    repaired, _ = repair(text)
    assert repair(repaired) == (repaired, ())


def mailto(text):
    return f"mailto:{quote(text)}?subject=Hello"


def full_width_at(text):
    assume(text.isascii() or not any("\uff01" <= letter <= "\uff5e" for letter in text))
    return text.replace("@", "＠")


WRAPPINGS = st.sampled_from(
    [
        " {} ".format,
        "\ufeff{}".format,
        "\x00{}\n".format,
        "{},".format,
        ",{}".format,
        "{}.".format,
        "{};".format,
        "<{}>".format,
        "Ann <{}>".format,
        '"Smith, Ann (Sales)" <{}>'.format,
        "'{}'".format,
        '"{}"'.format,
        "“{}”".format,
        "({})".format,
        "{0} <mailto:{0}>".format,
        lambda text: text.replace("@", "\u200b@"),
        lambda text: text.replace("@", " @ "),
        mailto,
        full_width_at,
    ]
)


@settings(max_examples=600)
@given(VALID, WRAPPINGS)
def test_an_address_comes_out_of_its_wrapping_as_it_went_in(text, wrap):
    assume(not text.startswith("/"))  # mailto://ann@x.com is taken for a slip
    wrapped = wrap(text)
    assume(f"mailto:{text}" not in wrapped or not {"%", "?"} & set(text))  # not encoded as RFC 6068 asks
    judged = judge_address(wrapped)
    assert isinstance(judged, Address)
    assert judged.normal == slow(text)


@settings(max_examples=600)
@given(VALID, VALID, st.sampled_from([", ", ";", " ", "\n", " and ", "> <", "/", "|"]))
def test_two_addresses_never_become_one(first, second, between):
    judged = judge_address(f"{first}{between}{second}")
    assert isinstance(judged, Invalid)


# --- keys


@settings(max_examples=600)
@given(VALID)
def test_keys_are_stable(text):
    normal = slow(text)
    key, mailbox = identity_key(normal), mailbox_key(normal)
    assert identity_key(key) == key
    assert mailbox_key(mailbox) == mailbox == mailbox_key(key)
    assert identity_key(mailbox) == mailbox
    assert not mailbox.startswith("@")


@settings(max_examples=600)
@given(SOUND)
def test_for_ordinary_addresses_the_table_can_compute_the_keys(text):
    normal = fast_normal(text)
    assume(normal)
    assert identity_key(normal) == normal.lower()
    local, _, domain = normal.lower().partition("@")
    if domain in TAGS_CUT and "+" in local[1:] and not local.startswith("+"):
        local = local[: local.index("+")]
    if domain in DOTS_IGNORED:
        local = local.replace(".", "")
    assert mailbox_key(normal) == f"{local}@{SAME_DOMAIN.get(domain, domain)}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("USER@EXAMPLE.COM", "user@example.com"),
        ("user@xn--mller-kva.de", "user@müller.de"),
        ("user@MÜLLER.de", "user@müller.de"),
        (unicodedata.normalize("NFD", "é@x.com"), "é@x.com"),
        (unicodedata.normalize("NFD", "É@x.com"), "é@x.com"),
        ("ΟΔΟΣ@x.gr", "οδος@x.gr"),  # final sigma
        ("ΟΔΟΣ@x.gr", "οδοσ@x.gr"),
        ("İ@x.com", "i\u0307@x.com"),  # dotted capital I
        ("user@ｅxample.com", "user@example.com"),
    ],
)
def test_spellings_of_one_address_have_one_key(one, other):
    assert judge_address(one).key == judge_address(other).key


def test_a_dotted_capital_i_is_no_plain_i():
    assert judge_address("İ@x.com").key != judge_address("i@x.com").key


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("A.n.n+news@gmail.com", "ann@gmail.com"),
        ("ann@googlemail.com", "ann@gmail.com"),
        ("a.b+c@outlook.com", "a.b@outlook.com"),
        ("ann+x@hotmail.co.uk", "ann@hotmail.co.uk"),
        ("ann+x+y@icloud.com", "ann@icloud.com"),
        ("ann+x@fastmail.fm", "ann@fastmail.fm"),
        ("ann+x@yahoo.com", "ann+x@yahoo.com"),
        ("ann-x@yahoo.com", "ann-x@yahoo.com"),
        ("a.b+c@shop.example", "a.b+c@shop.example"),  # may be hosted at Google: there dots count
        ("+tag@gmail.com", "+tag@gmail.com"),
        ("a.b@mail.gmail.com", "a.b@mail.gmail.com"),
    ],
)
def test_mailbox_keys_follow_the_provider(text, mailbox):
    assert judge_address(text).mailbox == mailbox


def test_split_takes_the_last_at():
    assert split("a@b@c") == ("a@b", "c")
    assert split("nothing") == ("nothing", "")


def test_importing_it_is_light():
    assert "email_validator" not in vars(address)
