"""SPF records and macro strings: what the grammar of RFC 7208 §12 takes and refuses."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.audit.records.spf import MECHANISMS, Mechanism, Modifier, Qualifier, SpfRecord, is_spf, parse, scan
from hygiene.audit.records.spf_macros import Escape, Macro, MacroString, expand_domain, parse_macro_string
from hygiene.errors import RecordError

GOOD = [
    "v=spf1",  # §4.5: the version alone is a record
    "v=SpF1 -ALL",  # §4.6.1, §12: names have no case
    "v=spf1   a   -all  ",  # §4.6.1: any number of spaces, also at the end
    "v=spf1 all mx -all redirect=_spf.shop.example",  # §5.1: terms behind all are ignored, yet parsed
    "v=spf1 +a -mx ~ptr ?all",  # §4.6.2
    "v=spf1 a/0 mx/32 a//0 mx//128 a/24//64",  # §5.6: both ends of each range
    "v=spf1 a:shop.example/24 mx:shop.example//64 a:shop.example/24//64",  # §5.3, §5.4
    "v=spf1 ptr ptr:shop.example",  # §5.5
    "v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/0 ip4:192.0.2.9/24",  # §5.6: host bits may be set
    "v=spf1 ip6:::1 ip6:2001:DB8::/32 ip6:::ffff:192.0.2.1/128 ip6:::/0",  # §5.6
    "v=spf1 include:shop.example exists:shop.example",  # §5.2, §5.7
    "v=spf1 a:shop.example. include:shop.example.",  # §7.1: toplabel [ "." ]
    "v=spf1 a:foo:bar/baz.shop.example",  # §7.1: ':' and '/' are macro-literals
    "v=spf1 exists:a=b.shop.example include:_spf.-x-.example a:!#$&'*+,;<>?@[]^`{|}~.example",  # §7.1
    "v=spf1 a:.example",  # §7.1: the macro-string before the top label may be empty
    "v=spf1 a:a..example",  # §7.1: an empty label is no syntax error; it is no name either
    f"v=spf1 a:{'a' * 64}.example",  # §7.1: neither is one that is too long
    "v=spf1 a:shop.1a a:shop.a1 a:shop.1-1 a:shop.xn--p1ai a:shop.a--b",  # §7.1: toplabel
    "v=spf1 a:%{d} exists:%{ir}.%{v}.%{l1r+-,/_=.}.%{o}.%{h}.%{p}.%{s}.example",  # §7.1
    "v=spf1 exists:%{IR}.%{D2R}",  # §7.1: strings in ABNF have no case
    "v=spf1 exists:%{d001}.%{d99999999999999999999}.example",  # §7.1: *DIGIT, not zero
    "v=spf1 a:%{d}/24//64 a:x%% a:x%_ a:x%-/24",  # §7.1: domain-end is any macro-expand
    "v=spf1 redirect=%{d}.shop.example exp=%{l}.shop.example",  # §6.1, §6.2
    "v=spf1 REDIRECT=shop.example Exp=why.example",  # §12: no case
    "v=spf1 redirect=shop.example a",  # §6: modifiers may stand anywhere
    "v=spf1 x= x=y x=%{c}%{r}%{t} a-b.c_d9=:/=%% X=",  # §6: unknown ones, however often; the value may be empty
    "v=spf1 all=x ip4=192.0.2.1 include=x a=b",  # §12: with '=' these are unknown modifiers
    "v=spf1 ra=postmaster rp=10 rr=e",  # RFC 6652 §3: unknown modifiers to RFC 7208
]

BAD = {
    "§4.5": [
        "",
        " v=spf1",
        "v=spf1\t-all",
        "v=spf10",
        "v=spf2.0/pra",
        "v=spf1,a",
        "spf1",
        "v= spf1",
        "v=\u017fpf1",
    ],
    "§4.6.1": [
        "moo",
        "-",
        "+",
        "--all",  # one qualifier
        "!all",
        "a.b:shop.example",  # '.' is for modifier names
        "include.shop.example",
        "all\t-all",  # only spaces separate
        "all\n",
        "all\x00",
        "\u00e4",
        "\uff41",  # a full-width a
        "all.",
        "all,",
        "-all;",
        "192.0.2.1",
        "ipv4:192.0.2.1",
        "+redirect=shop.example",  # a modifier has no qualifier
        "-exp=why.example",
        "1x=y",  # §12: a name begins with a letter
        "x*y=z",
        "=x",
        "_x=y",
    ],
    "§5.1": ["all:shop.example", "all/8", "-all:", "all:%{d}"],
    "§5.2": ["include", "-include", "include/24", "include//64"],
    "§5.3": ["a/", "a//", "a/24/64", "a/x", "a///64", "a/24//", "a/-1", "a/24//64/", "a/24:shop.example"],
    "§5.4": ["mx/", "mx/x", "mx/+4"],
    "§5.5": ["ptr/0", "ptr/24:shop.example"],
    "§5.6": [
        "a/33",
        "a//129",
        "a/032",
        "a/00",
        "a//00",
        "mx/1000",
        "mx/99999999999999999999",
        "ip4:192.0.2.0/\u0663",  # an Arabic-Indic digit
        "ip4",
        "ip4:",
        "ip4:/24",
        "ip4:192.0.2",
        "ip4:192.0.2.1.1",
        "ip4:192.0.2.256",
        "ip4:192.0.2.01",
        "ip4:192.0.2.1/",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/024",
        "ip4:192.0.2.1//32",
        "ip4:192.0.2.1/24//64",
        "ip4:192.0.2.1:25",
        "ip4:0xc0.0.2.1",
        "ip4:2001:db8::1",
        "ip4:%{i}",
        "ip4/24:192.0.2.1",
        "ip6",
        "ip6:",
        "ip6:2001:db8",
        "ip6:2001:db8:::1",
        "ip6:12345::",
        "ip6:::1/129",
        "ip6:::1/",
        "ip6:::1//64",
        "ip6:192.0.2.1",
        "ip6:[::1]",
        "ip6:fe80::1%eth0",
        "ip6:::ffff:192.0.2.256",
    ],
    "§5.7": ["exists", "exists/24"],
    "§7.1": [
        "a:",
        "a:/24",
        "mx://64",
        "include:",
        "exists:",
        "ptr:",
        "redirect=",
        "exp=",  # the grammar outweighs "if domain-spec is empty" of §6.2 (erratum)
        "a:museum",  # two labels
        "a:museum.",
        "a:shop.example..",
        "a:.",
        "a:192.0.2.1",  # a top label is not all digits
        "a:shop.example:8080",
        "a:shop.-a",
        "a:shop.a-",
        "a:shop.a_b",
        "a:shop.--",
        "a:shop.example,",
        "a:shop.\u00e9xample",
        "a:b\u00fccher.example",  # U-labels have no place in DNS
        "a:sho\x00p.example",
        "a:sho\tp.example",
        "a:shop.example\x7f",
        "include:shop.example/24",  # only a and mx have a CIDR length
        "exists:shop.example/24",
        "exists:%{d}/24",
        "ptr:shop.example/24",
        "redirect=shop.example/24",
        "a:shop.example/24/24",
        "a:shop.example/",
        "a:%{d}x",
        "a:x%",
        "a:%x.example",
        "a:%{d.example",
        "a:%{}.example",
        "a:%{z}.example",
        "a:%(d).example",
        "a:%{d0}",
        "a:%{d00r}",
        "a:%{dr2}",
        "a:%{d-r}",
        "a:%{d*}",
        "a:%{dd}",
        "a:%{ d}",
        "a:%%{d}",  # an escape, then the literal {d}
        "x=%",
        "x=%{q}",
        "x=\u00e9",
        "x=a\tb",
        "x=a\x00",
        "redirect=%{d}.example\u00a0",
    ],
    "§7.2": [
        "a:%{c}.example",
        "exists:%{R}",
        "include:%{t}.example",
        "redirect=%{c}.example",
        "exp=%{r}.example",
    ],
    "§6": ["redirect=a.example redirect=a.example", "exp=a.example all EXP=b.example"],
}


@pytest.mark.parametrize("text", GOOD)
def test_sound_records(text) -> None:
    record = parse(text)
    assert parse(record.to_text()) == record


@pytest.mark.parametrize(
    ("section", "text"), [(section, text) for section, texts in BAD.items() for text in texts]
)
@pytest.mark.parametrize("before", ["", "-all "])  # §4.6: also behind all
def test_malformed_records(section, text, before) -> None:
    with pytest.raises(RecordError) as caught:
        parse(text if section == "§4.5" else f"v=spf1 {before}{text}")
    assert caught.value.section == f"RFC 7208 {section}"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("V=SPF1  +A  -ALL ", "v=spf1 a -all"),
        ("v=spf1 IP4:192.0.2.0/24 IP6:2001:DB8:0::1", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::1"),
        ("v=spf1 a:%{D2R}/24//64 EXP=Why.Example", "v=spf1 a:%{D2r}/24//64 exp=Why.Example"),
        ("v=spf1 exists:%{d01}", "v=spf1 exists:%{d1}"),
        ("v=spf1 exists:%{d00000000012}", "v=spf1 exists:%{d12}"),
    ],
)
def test_the_shortest_text(text, written) -> None:
    assert parse(text).to_text() == written


def test_scan_finds_every_fault() -> None:
    text = (
        "v=spf1 a:x moo ip4:1 mx redirect=a.example redirect=b.example exp=%{c} exp=a.example exp=a.example all"
    )
    record, errors = scan(text)
    assert [error.fragment or error.reason for error in errors] == [
        *("a:x", "moo", "ip4:1", "exp=%{c}"),
        *("redirect= appears 2 times", "exp= appears 2 times"),
    ]
    assert [term.to_text() for term in record.mechanisms] == ["mx", "all"]


def test_what_a_record_says() -> None:
    record = parse("v=spf1 a all -mx x=1 redirect=b.example exp=why.example")
    assert [term.kind for term in record.reachable] == ["a", "all"]
    assert record.redirect is None  # §6.1: ignored beside all, wherever that stands
    assert record.modifier("redirect").to_text() == "b.example"
    assert record.explanation.to_text() == "why.example"
    assert [term.name for term in record.modifiers] == ["x", "redirect", "exp"]
    assert parse("v=spf1 redirect=b.example").redirect.to_text() == "b.example"


@pytest.mark.parametrize(
    ("term", "network"),
    [
        ("ip4:192.0.2.9/24", "192.0.2.0/24"),
        ("ip4:192.0.2.9", "192.0.2.9/32"),
        ("ip6:2001:db8::9/32", "2001:db8::/32"),
        ("ip6:2001:db8::9", "2001:db8::9/128"),
        ("a/24", "None"),
    ],
)
def test_the_range_of_a_term(term, network) -> None:
    assert str(parse(f"v=spf1 {term}").mechanisms[0].network) == network


@pytest.mark.parametrize("text", ["v=spf1", "V=SPF1 moo", "v=spf1 "])
def test_is_spf(text) -> None:
    assert is_spf(text)


@pytest.mark.parametrize(
    "unit",
    [
        "/1",
        "/",
        "//1",
        "1",
        ":",
        "%",
        "%{",
        "%{d}",
        "%{d" + "1" * 50,
        "%%",
        "a=",
        "=",
        "-",
        ".",
        "a.",
        " a",
        "  ",
        "redirect=",
    ],
)
@pytest.mark.parametrize(
    "start", ["v=spf1 ", "v=spf1 a:", "v=spf1 a/", "v=spf1 ip6:", "v=spf1 x=", "v=spf1 exists:%{d"]
)
@pytest.mark.parametrize("end", ["", "!"])
def test_64_kib_of_anything_can_be_read(start, unit, end) -> None:
    text = start + unit * (65_536 // len(unit)) + end
    scan(text)


literals = st.text("abcz09-_.:/=+~!{}@", min_size=1, max_size=8)
macro = st.builds(
    Macro,
    st.sampled_from("slodiphvSLODIPHV"),
    digits=st.none() | st.integers(1, 200),
    reverse=st.booleans(),
    delimiters=st.text(".-+,/_=", max_size=3),
)
parts = st.lists(st.one_of(literals, macro, st.builds(Escape, st.sampled_from("%_-"))), max_size=4)


def macro_string(drawn, *, end=()) -> MacroString:
    """Neighbouring literals joined, as a reader sees them."""
    joined = []
    for part in [*drawn, *end]:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return MacroString(tuple(joined))


ends = st.one_of(st.sampled_from([".example", ".a-1", ".x."]), macro)
domains = st.builds(lambda drawn, end: macro_string(drawn, end=[end]), parts, ends)
prefixes4, prefixes6 = st.none() | st.integers(0, 32), st.none() | st.integers(0, 128)
mechanisms = st.one_of(
    st.fixed_dictionaries({"kind": st.just("all")}),
    st.fixed_dictionaries({"kind": st.sampled_from(["include", "exists", "ptr"]), "domain": domains}),
    st.fixed_dictionaries({"kind": st.just("ptr")}),
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["a", "mx"]), "prefix4": prefixes4, "prefix6": prefixes6},
        optional={"domain": domains},
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("ip4"),
            "address": st.builds(IPv4Address, st.integers(0, 2**32 - 1)),
            "prefix4": prefixes4,
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("ip6"),
            "address": st.builds(IPv6Address, st.integers(0, 2**128 - 1)),
            "prefix6": prefixes6,
        }
    ),
)
directives = st.builds(
    lambda kept, sign: Mechanism(qualifier=sign, **kept), mechanisms, st.sampled_from(Qualifier)
)
unknown = st.builds(
    Modifier,
    name=st.from_regex(r"[a-z][a-z0-9\-_.]{0,6}", fullmatch=True).filter(
        lambda name: name not in {"redirect", "exp"}
    ),
    value=parts.map(macro_string),
)
known = st.lists(st.sampled_from(["redirect", "exp"]), unique=True).flatmap(
    lambda names: st.tuples(*(st.builds(Modifier, name=st.just(name), value=domains) for name in names))
)
spf_records = st.builds(
    lambda terms, extra: SpfRecord((*terms, *extra)),
    st.lists(st.one_of(directives, unknown), max_size=5),
    known,
)


@given(spf_records)
def test_text_and_back(record) -> None:
    assert parse(record.to_text()) == record


words = st.one_of(
    st.text(max_size=12),
    st.text("".join(sorted(MECHANISMS)) + ":/=%{}.-+~?0123456789\t", max_size=12),
    st.builds(
        "{}{}{}".format, st.sampled_from(sorted(MECHANISMS)), st.sampled_from(":/="), st.text(max_size=12)
    ),
)


@given(st.lists(words, max_size=5))
@settings(max_examples=400)
def test_any_text_is_a_record_or_a_record_error(drawn) -> None:
    text = " ".join(["v=spf1", *drawn])
    record, errors = scan(text)
    assert all(isinstance(error, RecordError) and error.section for error in errors)
    if not errors:
        assert parse(record.to_text()) == record


# RFC 7208 §7.4, every example
EXAMPLE = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "v": "in-addr",
    "p": "mx.example.org",
}
EXAMPLE6 = {**EXAMPLE, "i": "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1", "v": "ip6"}


@pytest.mark.parametrize(
    ("text", "values", "expanded"),
    [
        ("%{s}", EXAMPLE, "strong-bad@email.example.com"),
        ("%{o}", EXAMPLE, "email.example.com"),
        ("%{d}", EXAMPLE, "email.example.com"),
        ("%{d4}", EXAMPLE, "email.example.com"),
        ("%{d3}", EXAMPLE, "email.example.com"),
        ("%{d2}", EXAMPLE, "example.com"),
        ("%{d1}", EXAMPLE, "com"),
        ("%{dr}", EXAMPLE, "com.example.email"),
        ("%{d2r}", EXAMPLE, "example.email"),
        ("%{l}", EXAMPLE, "strong-bad"),
        ("%{l-}", EXAMPLE, "strong.bad"),
        ("%{lr}", EXAMPLE, "strong-bad"),
        ("%{lr-}", EXAMPLE, "bad.strong"),
        ("%{l1r-}", EXAMPLE, "strong"),
        ("%{ir}.%{v}._spf.%{d2}", EXAMPLE, "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", EXAMPLE, "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", EXAMPLE, "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", EXAMPLE, "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", EXAMPLE, "example.com.trusted-domains.example.net"),
        (
            "%{ir}.%{v}._spf.%{d2}",
            EXAMPLE6,
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com",
        ),
        # beyond the examples: §7.3
        ("%{p2}.%{d2}.", EXAMPLE, "example.org.example.com"),
        ("%{D01}", EXAMPLE, "com"),
        ("%{d99999999999999999999}", EXAMPLE, "email.example.com"),
        ("%{S}", EXAMPLE, "strong-bad%40email.example.com"),
        ("%{s1-}", EXAMPLE, "bad@email.example.com"),
        ("%%%_%-x", EXAMPLE, "% %20x"),
        ("%{l+-_=/,.}", {"l": "a+b-c_d=e/f,g.h"}, "a.b.c.d.e.f.g.h"),
        ("%{l2r+-}", {"l": "a+b-c"}, "b.a"),
        ("%{l-}", {"l": "-a--b"}, ".a..b"),  # empty parts stay
        ("%{L}", {"l": "a b/c~d_e.f-g!\u00e9"}, "a%20b%2Fc~d_e.f-g%21%C3%A9"),
    ],
)
def test_macro_expansion(text, values, expanded) -> None:
    assert expand_domain(parse_macro_string(text), values) == expanded


def test_a_long_name_loses_labels_on_the_left() -> None:  # §7.3
    labels = [f"{number:03}" for number in range(80)]
    name = expand_domain(parse_macro_string("%{d}.example.com."), {"d": ".".join(labels)})
    assert name == ".".join([*labels[20:], "example.com"])
    assert len(name) == 251
    fits = "a" * 61 + ("." + "b" * 63) * 3
    assert len(fits) == 253
    assert expand_domain(parse_macro_string("%{d}."), {"d": fits}) == fits
    assert expand_domain(parse_macro_string("x%{d}"), {"d": fits}) == fits.partition(".")[2]


@pytest.mark.parametrize("text", ["a b", "See %{c} %{r} %{t}", "", " ", "%_%-%%"])
def test_explanation_text(text) -> None:  # §6.2: explain-string
    assert parse_macro_string(text, spaces=True).to_text() == text


@pytest.mark.parametrize("text", ["a\tb", "\u00e9", "100%", "%{d", "a\n", "%{z}", "\x7f"])
def test_malformed_explanation_text(text) -> None:
    with pytest.raises(RecordError):
        parse_macro_string(text, spaces=True)
