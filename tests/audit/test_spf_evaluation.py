"""check_host() of RFC 7208 over small zones; every group cites the section it tests."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from hygiene.audit.spf_evaluation import SpfVerdict, check_host, drive_now, evaluate
from hygiene.errors import UsageError
from hygiene.resolver import Outcome, Recorded, Zone

IP, IP6 = "192.0.2.1", "2001:db8::1"
OTHER, OTHER6 = "198.51.100.9", "2001:db8:ffff::9"
SENDER, HELO = "ann@shop.example", "mx.shop.example"
PTR, PTR6 = ip_address(IP).reverse_pointer, ip_address(IP6).reverse_pointer
LONG = "a" * 64
FAILURES = [Outcome.TIMEOUT, Outcome.SERVFAIL, Outcome.REFUSED, Outcome.MALFORMED, Outcome.UNREACHABLE]


def spf(*terms: str, **more) -> dict:
    return {"TXT": " ".join(["v=spf1", *terms]), **more}


def check(zone: dict, ip: str = IP, mail_from: str = SENDER, helo: str = HELO, **options) -> SpfVerdict:
    return check_host(ip=ip, mail_from=mail_from, helo=helo, resolver=Zone(zone), **options)


@dataclass
class Group:
    """`cases` are rows of (ip, mail_from, helo, result), one more column for the explanation."""

    spec: str
    zone: dict
    cases: list[tuple] = field(default_factory=list)


def terms(spec: str, results: dict[str, str], zone: dict | None = None, **client) -> list[Group]:
    """One record of shop.example for each row, over the same other names."""
    who = (client.get("ip", IP), client.get("mail_from", SENDER), client.get("helo", HELO))
    return [
        Group(f"{spec} {record}", {**(zone or {}), "shop.example": spf(record)}, [(*who, result)])
        for record, result in results.items()
    ]


HOSTS = {
    "on.example": {"A": [OTHER, IP], "AAAA": [OTHER6, IP6]},
    "off.example": {"A": OTHER, "AAAA": OTHER6},
    "near.example": {"A": "192.0.2.200", "AAAA": "2001:db8::ff"},
    "text.example": {"TXT": "no address"},
    "slow.example": Outcome.TIMEOUT,
    "mx-on.example": {"MX": ["10 off.example", "20 on.example"]},
    "mx-off.example": {"MX": "10 off.example"},
    "mx-near.example": {"MX": "10 near.example"},
    "mx-slow.example": {"MX": ["10 slow.example", "20 on.example"]},
    "mx-late.example": {"MX": ["20 slow.example", "10 on.example"]},
    "mx-null.example": {"MX": "0 .", "A": IP},
    "mx-none.example": {"A": IP},
    "mx-ip.example": {"MX": f"10 {IP}"},
    "mx-alias.example": {"MX": "10 alias.example"},
    "alias.example": {"CNAME": "alias2.example"},
    "alias2.example": {"CNAME": "on.example"},
    "loop.example": {"CNAME": "loop2.example"},
    "loop2.example": {"CNAME": "loop.example"},
    "dangling.example": {"CNAME": "gone.example"},
    "on.example.on.example": {"A": OTHER},
    "only6.example": {"AAAA": IP6},
}
POLICIES = {
    **HOSTS,
    "pass.example": spf("all"),
    "fail.example": spf("-all"),
    "soft.example": spf("~all"),
    "neutral.example": spf("?all"),
    "empty.example": spf(),
    "none.example": {"TXT": "hello"},
    "two.example": {"TXT": ["v=spf1 all", "v=spf1 -all"]},
    "bad.example": spf("all moo"),
    "temp.example": spf("a:slow.example", "all"),
    "alias-pass.example": {"CNAME": "pass.example"},
}

GROUPS = [
    # §2.6, §4.6.2, §4.7
    *terms(
        "§2.6",
        {
            "": "neutral",  # §4.7: the default
            "all": "pass",
            "+all": "pass",
            "-all": "fail",
            "~all": "softfail",
            "?all": "neutral",
            "moo": "permerror",
            "a:slow.example": "temperror",
            "ip4:192.0.2.1 -all": "pass",
            "-ip4:192.0.2.1 all": "fail",  # the first match decides
            "-ip4:198.51.100.9": "neutral",
        },
        HOSTS,
    ),
    Group(
        "§4.3 names that cannot be checked",
        {"shop.example": spf("all"), "example": spf("all"), "1.2.3.4": spf("all"), "a..example": spf("all")},
        [
            (IP, "ann@gone.example", HELO, "none"),
            (IP, "ann@example", HELO, "none"),  # a single label
            (IP, "ann@localhost", "localhost", "none"),
            (IP, "ann@a..example", HELO, "none"),
            (IP, "ann@.shop.example", HELO, "none"),
            (IP, "ann@shop.example..", HELO, "none"),
            (IP, f"ann@{LONG}.example", HELO, "none"),
            (IP, f"ann@{'a.' * 130}example", HELO, "none"),
            (IP, "ann@[192.0.2.1]", HELO, "none"),
            (IP, "ann@[IPv6:2001:db8::1]", HELO, "none"),
            (IP, "ann@1.2.3.4", HELO, "none"),
            (IP, "ann@", HELO, "none"),
            (IP, "ann@shop.example.", HELO, "pass"),  # a final dot is the same name
            (IP, "ann@SHOP.Example", HELO, "pass"),
            (IP, "a@b@shop.example", HELO, "pass"),
            (IP, '"a b"@shop.example', HELO, "pass"),
        ],
    ),
    Group(
        "§2.4, §4.3 the null sender and the missing local part",
        {
            "shop.example": spf("exists:%{l}.ok.example", "-all"),
            "mx.shop.example": spf("exists:%{l}.%{s}.helo.example", "~all"),
            "postmaster.ok.example": {"A": IP},
            "postmaster.postmaster@mx.shop.example.helo.example": {"A": IP},
        },
        [
            (IP, "", HELO, "pass"),
            (IP, "@shop.example", HELO, "pass"),
            (IP, "shop.example", HELO, "pass"),
            (IP, "ann@shop.example", HELO, "fail"),
            (IP, "", "mail", "none"),  # a HELO of one label
            (IP, "", "[192.0.2.1]", "none"),
            (IP, "", "", "none"),
            (IP, "", "gone.example", "none"),
        ],
    ),
    Group(
        "§4.5 selecting records",
        {
            "none.example": {"TXT": ["v=spf10 all", "v=spf1\tall", " v=spf1 all", "hello"]},
            "one.example": {"TXT": ["v=spf10 -all", "v=spf1 all", "spf2.0/pra -all"]},
            "two.example": {"TXT": ["v=spf1 all", "V=SPF1 all"]},
            "split.example": {"TXT": [["v=spf1 ip4:192.0.", "2.1 -all"]]},
            "glued.example": {"TXT": [["v=spf1 ip4:192.0.2.1", "-all"]]},
            "late.example": {"TXT": [["v=sp", "f1"], ["v=spf", "2"]]},
            "old.example": {"SPF": "v=spf1 all", "TXT": "v=spf1 -all"},  # §3.1: type 99 is gone
            "oldest.example": {"SPF": "v=spf1 all"},
            "alias.example": {"CNAME": "one.example"},
            "*.wild.example": spf("ip4:192.0.2.1", "-all"),
            "binary.example": {"TXT": ["v=spf1 all", "\xff\xfe"]},
        },
        [
            *(
                (IP, f"ann@{name}.example", HELO, result)
                for name, result in {
                    "none": "none",
                    "one": "pass",
                    "two": "permerror",
                    "split": "pass",
                    "glued": "permerror",
                    "late": "neutral",
                    "old": "fail",
                    "oldest": "none",
                    "alias": "pass",
                    "x.y.wild": "pass",
                    "binary": "pass",
                }.items()
            )
        ],
    ),
    *(
        Group("§4.4 no answer", {"shop.example": failure}, [(IP, SENDER, HELO, "temperror")])
        for failure in FAILURES
    ),
    # §4.6: a fault anywhere outweighs every match, and is found before any question is asked
    *terms(
        "§4.6",
        {
            "all moo": "permerror",
            "a:slow.example moo": "permerror",
            "all redirect=x.example redirect=x.example": "permerror",
        },
        HOSTS,
    ),
    # §5.1
    *terms(
        "§5.1",
        {"?all -all": "neutral", "all redirect=fail.example": "pass", "redirect=fail.example all": "pass"},
        POLICIES,
    ),
    # §5.2: the table of results
    *terms(
        "§5.2",
        {
            "include:pass.example -all": "pass",
            "-include:pass.example": "fail",
            "~include:pass.example": "softfail",
            "include:fail.example": "neutral",
            "include:fail.example all": "pass",
            "include:soft.example -all": "fail",
            "include:neutral.example -all": "fail",
            "include:empty.example -all": "fail",
            "include:temp.example all": "temperror",
            "include:slow.example all": "temperror",
            "include:bad.example all": "permerror",
            "include:two.example all": "permerror",
            "include:none.example all": "permerror",
            "include:gone.example all": "permerror",
            f"include:{LONG}.example all": "permerror",  # a name that cannot be checked has no record
            "include:a..example all": "permerror",
            "include:%{h} all": "permerror",  # expands to a single label
            "include:alias-pass.example -all": "pass",
            "all include:gone.example": "pass",  # never reached
            "include:shop.example": "permerror",  # §4.6.4 ends the loop
        },
        POLICIES,
        helo="mx",
    ),
    # §5.3
    *terms(
        "§5.3",
        {
            "a:on.example -all": "pass",
            "A:ON.Example -all": "pass",
            "a:off.example": "neutral",
            "a:near.example": "neutral",
            "a:near.example/24": "pass",
            "a:near.example/25": "neutral",
            "a:near.example//24": "neutral",  # the IPv6 length is not for IPv4
            "a:off.example/0": "pass",
            "a:text.example/0": "neutral",  # no address, nothing to compare
            "a:only6.example/0": "neutral",
            "a:gone.example": "neutral",
            "a:slow.example all": "temperror",
            "a:alias.example": "pass",
            "a:dangling.example": "neutral",
            "a:loop.example all": "temperror",
            "a:a..example a:a..example a:a..example all": "pass",  # §4.8: no name, no look-up, no void one
            f"a:{LONG}.example a:{LONG}.example a:{LONG}.example all": "pass",
            "a all": "pass",
        },
        HOSTS,
    ),
    *terms(
        "§5.3 IPv6",
        {
            "a:on.example -all": "pass",
            "a:near.example": "neutral",
            "a:near.example//64": "pass",
            "a:near.example/0": "neutral",
            "a:off.example//0": "pass",
            "a:off.example/24//32": "pass",
            "ip4:0.0.0.0/0": "neutral",
        },
        HOSTS,
        ip=IP6,
    ),
    Group(
        "§5.3 the domain itself",
        {"shop.example": spf("a", "-all", A=IP)},
        [(IP, SENDER, HELO, "pass"), (OTHER, SENDER, HELO, "fail")],
    ),
    # §5.4
    *terms(
        "§5.4",
        {
            "mx:mx-on.example -all": "pass",
            "mx:mx-off.example": "neutral",
            "mx:mx-near.example/24": "pass",
            "mx:mx-off.example/0": "pass",
            "mx:mx-none.example all": "pass",  # no fallback to the address …
            "mx:mx-none.example": "neutral",  # … for §5.4 says so
            "mx:mx-null.example": "neutral",  # RFC 7505
            "mx:mx-slow.example": "temperror",
            # some ask for all hosts first: temperror; "in order of MX preference" lets the match come first
            "mx:mx-late.example": "pass",
            "mx:mx-ip.example": "neutral",
            "mx:mx-alias.example": "pass",
            "mx:slow.example": "temperror",
            "mx:gone.example": "neutral",
            "mx": "neutral",
        },
        HOSTS,
    ),
    # §5.6
    *terms(
        "§5.6",
        {
            "ip4:192.0.2.77/24": "pass",
            "ip4:192.0.2.0/32": "neutral",
            "ip4:0.0.0.0/0": "pass",
            "ip6:::/0": "neutral",
            "ip6:::ffff:192.0.2.1": "neutral",  # an IPv4 client is compared with ip4 only
        },
    ),
    *terms(
        "§5.6",
        {"ip6:2001:db8::/32": "pass", "ip6:2001:DB8:0:0::1": "pass", "ip6:::1": "neutral", "ip6:::/0": "pass"},
        ip=IP6,
    ),
    *terms(
        "§5 an IPv4-mapped client is an IPv4 client",
        {
            "ip4:192.0.2.1": "pass",
            "ip6:::ffff:192.0.2.1": "neutral",
            "a:on.example": "pass",
            "exists:%{i}.%{v}.x.example": "pass",
        },
        {**HOSTS, "192.0.2.1.in-addr.x.example": {"A": IP}},
        ip="::ffff:192.0.2.1",
    ),
    # §5.7
    *(
        group
        for client in (IP, IP6)
        for group in terms(
            "§5.7",
            {
                "exists:off.example": "pass",
                "exists:only6.example": "neutral",  # always type A
                "exists:gone.example": "neutral",
                "exists:text.example": "neutral",
                "exists:slow.example all": "temperror",
                "exists:alias.example": "pass",
                "exists:%{d1}": "neutral",  # a single label may be asked for
            },
            HOSTS,
            ip=client,
        )
    ),
    # §6.1
    *terms(
        "§6.1",
        {
            "redirect=pass.example": "pass",
            "redirect=fail.example a:off.example": "fail",
            "redirect=soft.example": "softfail",
            "redirect=neutral.example": "neutral",
            "redirect=empty.example": "neutral",
            "redirect=none.example": "permerror",
            "redirect=gone.example": "permerror",
            "redirect=bad.example": "permerror",
            "redirect=two.example": "permerror",
            "redirect=slow.example": "temperror",
            "redirect=temp.example": "temperror",
            f"redirect={LONG}.example": "permerror",
            "redirect=a..example": "permerror",
            "redirect=%{h}": "permerror",
            "ip4:192.0.2.1 redirect=gone.example": "pass",  # reached only when nothing matches
            "ip4:198.51.100.9 redirect=alias-pass.example": "pass",
            "redirect=shop.example": "permerror",  # §4.6.4 ends the loop
            "include:fail.example redirect=pass.example": "pass",
        },
        POLICIES,
        helo="mx",
    ),
    Group(
        "§6.1 <domain> becomes the target, <sender> stays",
        {
            "shop.example": spf("redirect=other.example"),
            "other.example": spf("exists:%{d}.%{o}.ok.example", "-all"),
            "other.example.shop.example.ok.example": {"A": IP},
        },
        [(IP, SENDER, HELO, "pass")],
    ),
    # RFC 8616 §4
    Group(
        "RFC 8616 §4 internationalised senders",
        {
            "xn--bcher-kva.example": spf("exists:%{o}.%{d}.ok.example", "-all"),
            "xn--bcher-kva.example.xn--bcher-kva.example.ok.example": {"A": IP},
            "_x.xn--bcher-kva.example": spf("all"),
            "shop.example": spf(
                "exists:%{l}.any.example", "exists:%{L}.any.example", "include:%{l1r-}.none.example", "~all"
            ),
            "other.example": spf("exists:%{h}.any.example", "-all"),
            "*.any.example": {"A": IP},
        },
        [
            (IP, "ann@b\u00fccher.example", HELO, "pass"),
            (IP, "ann@B\u00dcCHER.Example.", HELO, "pass"),
            (IP, "ann@_x.b\u00fccher.example", HELO, "pass"),
            (IP, "ann@xn--bcher-kva.example", HELO, "pass"),
            (IP, "", "b\u00fccher.example", "pass"),
            (IP, "ann@\u00ad.example", HELO, "none"),  # no A-label
            (IP, "ann@" + "\u00fc" * 64 + ".example", HELO, "none"),
            (IP, "j\u00f6rg@shop.example", HELO, "softfail"),  # terms with %{l} match nothing
            (IP, "j\u00f6rg@b\u00fccher.example", HELO, "pass"),
            (IP, "ann@other.example", "b\u00fccher.example", "pass"),
        ],
    ),
    # §4.6.4
    *terms(
        "§4.6.4 ten look-ups",
        {
            "a:off.example " * 10 + "all": "pass",
            "a:off.example " * 11 + "all": "permerror",
            "mx:mx-off.example " * 10 + "all": "pass",
            "mx:mx-off.example " * 11 + "all": "permerror",
            "include:fail.example " * 10 + "all": "pass",
            "include:fail.example " * 11 + "all": "permerror",
            "ptr:x.example " * 10 + "all": "pass",
            "ptr:x.example " * 11 + "all": "permerror",
            "?exists:gone.example " + "a:off.example " * 10 + "all": "permerror",
            "a:off.example " * 9 + "redirect=pass.example": "pass",
            "a:off.example " * 10 + "redirect=pass.example": "permerror",
            "ip4:192.0.2.1 " + "a:off.example " * 11: "pass",  # counted when evaluated, not when written
            "ip4:198.51.100.9 ip6:::1 x=y " * 11 + "all": "pass",  # these ask nothing
            "a:off.example " * 10 + "exp=off.example -all": "fail",  # nor does exp count
            "a:a..example " * 11 + "all": "permerror",  # the term counts, asked or not
            "a:off.example " * 4 + "include:five.example all": "pass",  # 4 + 1 + 5
            "a:off.example " * 5 + "include:five.example all": "permerror",
            "include:five.example " * 2 + "all": "permerror",
            "a:off.example " * 4 + "redirect=five.example": "neutral",
            "a:off.example " * 5 + "redirect=five.example": "permerror",
            "include:loop1.example all": "permerror",
            "a:off.example " * 10 + "a:slow.example": "permerror",  # the limit comes before the question
        },
        {
            **POLICIES,
            PTR: {"PTR": "off.example"},
            "five.example": spf(*["a:off.example"] * 5),
            "loop1.example": spf("include:loop2.example"),
            "loop2.example": spf("redirect=loop1.example"),
        },
    ),
    *terms(
        # the text limits "terms", its examples are queries; implementations count queries
        "§4.6.4 two void look-ups",
        {
            "a:gone.example exists:text.example all": "pass",
            "a:gone.example exists:text.example mx:gone.example all": "permerror",
            "mx:void-hosts2.example all": "pass",  # each host counts
            "mx:void-hosts3.example all": "permerror",
            "mx:void-hosts2.example a:gone.example all": "permerror",
            "a:gone.example a:gone.example a:gone.example all": "permerror",  # the same name again
            "ptr a:gone.example all": "pass",  # a client without PTR is one
            "ptr a:gone.example a:gone.example all": "permerror",
            "a:gone.example a:gone.example include:gone.example all": "permerror",
            "include:void2.example a:gone.example all": "permerror",  # one count for the whole tree
            "include:void2.example redirect=pass.example": "pass",
            "a:dangling.example a:dangling.example all": "pass",  # the end of a chain counts, not its steps
            "a:only6.example a:only6.example a:only6.example all": "permerror",  # addresses of the other family
            "exists:%{p}.x.example a:gone.example all": "pass",  # look-ups of %{p} are not counted
            "a:gone.example a:gone.example exp=gone.example -all": "fail",  # nor is that of exp
        },
        {
            **POLICIES,
            "void-hosts2.example": {"MX": ["1 a.gone.example", "2 b.gone.example"]},
            "void-hosts3.example": {"MX": ["1 a.gone.example", "2 b.gone.example", "3 c.gone.example"]},
            "void2.example": spf("a:gone.example", "a:gone.example"),
        },
    ),
    *terms(
        "§4.6.4 void look-ups of the names of a ptr",
        {
            "ptr:gone.example all": "permerror",
            "ptr:a.gone.example ptr:b.gone.example all": "pass",
            "ptr:on.example all": "pass",  # names outside the target are not looked up
        },
        {**HOSTS, PTR: {"PTR": ["a.gone.example", "b.gone.example", "c.gone.example", "on.example"]}},
    ),
    *terms(
        "§4.6.4 ten hosts of an mx",
        {
            "mx:ten.example all": "pass",
            "mx:ten.example -all": "pass",
            "mx:eleven.example -all": "permerror",  # also when the first host matches
        },
        {
            **{f"h{number}.example": {"A": IP if number in {1, 10} else OTHER} for number in range(1, 12)},
            "ten.example": {"MX": [f"{number} h{number}.example" for number in range(1, 11)]},
            "eleven.example": {"MX": [f"{number} h{number}.example" for number in range(1, 12)]},
        },
    ),
    # §5.5
    *terms(
        "§5.5",
        {
            "ptr:on.example": "pass",
            "ptr:ON.Example.": "pass",
            "ptr:example.org": "pass",  # a name below the target
            "ptr:xample.org": "neutral",  # labels, not letters
            "ptr:off.example": "neutral",  # it does not lead back
            "ptr:near.example": "neutral",  # nor is there a PTR to it
            "ptr:slow.example": "neutral",  # an error skips the name
            "ptr:mail.example.org ptr:example.net": "pass",
            "ptr": "neutral",
            "ptr:%{l}": "neutral",
            f"ptr:{LONG}.example": "neutral",
        },
        {
            **HOSTS,
            PTR: {
                "PTR": [
                    "slow.example",
                    "off.example",
                    "ON.example.",
                    "a..b",
                    "Mail.Example.Org",
                    "c.example.net",
                ]
            },
            "mail.example.org": {"A": [OTHER, IP]},
            "c.example.net": {"CNAME": "on.example"},
        },
    ),
    *terms(
        "§5.5 IPv6",
        {"ptr:on.example": "pass", "ptr:off.example": "neutral"},
        {**HOSTS, PTR6: {"PTR": ["on.example", "off.example"]}},
        ip=IP6,
    ),
    *(
        group
        for failure in FAILURES
        for group in terms(
            "§5.5 an error means no match", {"ptr all": "pass", "ptr": "neutral"}, {PTR: failure}
        )
    ),
    *terms(
        "§4.6.4 ten names of a ptr",
        {"ptr:tenth.example": "pass", "ptr:eleventh.example": "neutral"},
        {
            PTR: {"PTR": [*(f"n{number}.example" for number in range(9)), "tenth.example", "eleventh.example"]},
            "tenth.example": {"A": IP},
            "eleventh.example": {"A": IP},
        },
    ),
    Group(
        "§5.5 the domain itself",
        {"shop.example": spf("ptr", "-all"), PTR: {"PTR": "a.b.shop.example"}, "a.b.shop.example": {"A": IP}},
        [(IP, SENDER, HELO, "pass"), (OTHER, SENDER, HELO, "fail")],
    ),
    # §7.3
    Group(
        "§7.3 macros in a domain-spec",
        {
            "shop.example": spf(
                "exists:%{ir}.%{v}.%{l1r-}.%{d2}.list.example", "exists:%{h}.%{o1}.list.example", "-all"
            ),
            "1.2.0.192.in-addr.ann.shop.example.list.example": {"A": IP},
            f"{PTR6.removesuffix('.ip6.arpa')}.ip6.ann.shop.example.list.example": {"A": IP},
            "helo.example.example.list.example": {"A": IP},
            "long.example": spf("exists:%{l}.cut.example", "-all"),
            "x." * 119 + "ann.cut.example": {"A": IP},  # 253 octets
        },
        [
            (IP, "ann@shop.example", HELO, "pass"),
            (IP, "ANN-x@shop.example", HELO, "pass"),
            (IP6, "ann@shop.example", HELO, "pass"),
            (IP, "bob@shop.example", HELO, "fail"),
            (IP, "bob@shop.example", "helo.example", "pass"),
            (IP, "bob@shop.example", "helo.example.", "pass"),
            (IP, "bob@shop.example", "a..b", "fail"),
            (IP, f"{LONG}@shop.example", HELO, "fail"),  # no label is longer than 63 octets
            (IP, f"{'x.' * 130}ann@long.example", HELO, "pass"),  # cut on the left until 253 octets remain
        ],
    ),
    Group(
        "§7.3 %{p}: the domain, a name below it, any other, or unknown",
        {
            "shop.example": spf("exp=why.example", "-all"),
            "below.example": spf("redirect=shop2.example"),
            "shop2.example": spf("exp=why.example", "-all", A=IP),
            "why.example": {"TXT": "%{p}"},
            PTR: {
                "PTR": [
                    "off.example",
                    "first.org",
                    "mx.Shop.Example",
                    "shop2.example",
                    "www.shop2.example",
                    "bad.org",
                ]
            },
            PTR6: {"PTR": ["bad.org", "slow.example"]},
            **{name: {"A": IP} for name in ["first.org", "mx.shop.example", "www.shop2.example"]},
            "other.example": spf("exp=why.example", "-all"),
            "bad.org": Outcome.SERVFAIL,
            "slow.example": Outcome.TIMEOUT,
        },
        [
            (IP, "ann@shop.example", HELO, "fail", "mx.shop.example"),
            (IP, "ann@below.example", HELO, "fail", "shop2.example"),
            (IP, "ann@other.example", HELO, "fail", "first.org"),
            (IP6, "ann@other.example", HELO, "fail", "unknown"),
            (OTHER, "ann@other.example", HELO, "fail", "unknown"),
        ],
    ),
    # §6.2
    Group(
        "§6.2 explanation",
        {
            **{
                f"{name}.example": spf(f"exp={name}.why.example", "-all")
                for name in [
                    "ok",
                    "split",
                    "two",
                    "none",
                    "temp",
                    "utf8",
                    "percent",
                    "macro",
                    "empty",
                    "space",
                    "tab",
                    "rtc",
                ]
            },
            "ok.why.example": {"TXT": "See http://why.example/?s=%{S}&i=%{i}"},
            "split.why.example": {"TXT": [["two ", "strings"]]},
            "two.why.example": {"TXT": ["one", "two"]},
            "temp.why.example": Outcome.TIMEOUT,
            "utf8.why.example": {"TXT": "caf\xc3\xa9"},
            "percent.why.example": {"TXT": "100%"},
            "macro.why.example": {"TXT": "%{x}"},
            "empty.why.example": {"TXT": ""},
            "space.why.example": {"TXT": "%_%%%-x"},
            "tab.why.example": {"TXT": "a\tb"},
            "rtc.why.example": {"TXT": "%{r} %{t} %{c} %{C} %{h} %{H}"},
            "long.example": spf(f"exp={LONG}.example", "-all"),
            "malformed.example": spf("exp=%{h}..example", "-all"),
            "soft.example": spf("exp=ok.why.example", "~all"),
            "minus-a.example": spf("-a:minus-a.example", "exp=ok.why.example", A=IP),
            "include.example": spf("include:ok.example", "-all"),
            "include-exp.example": spf("include:ok.example", "exp=split.why.example", "-all"),
            "deny.example": spf("-include:allow.example", "exp=split.why.example"),
            "allow.example": spf("all", "exp=ok.why.example"),
            "redirect.example": spf("redirect=ok.example"),
            "redirect-exp.example": spf("redirect=ok.example", "exp=split.why.example"),
            "redirect-bare.example": spf("redirect=bare.example", "exp=split.why.example"),
            "bare.example": spf("-all"),
            "first.example": spf("exp=d.why.example", "redirect=second.example"),
            "second.example": spf("exp=%{d}.why.example", "-all"),
            "second.example.why.example": {"TXT": "%{d} is not %{o}"},
        },
        [
            (IP, "a/b@ok.example", HELO, "fail", "See http://why.example/?s=a%2Fb%40ok.example&i=192.0.2.1"),
            (IP, "ann@split.example", HELO, "fail", "two strings"),
            *(
                (IP, f"ann@{name}.example", HELO, "fail", None)
                for name in [
                    "two",
                    "none",
                    "temp",
                    "utf8",
                    "percent",
                    "macro",
                    "tab",
                    "long",
                    "malformed",
                    "bare",
                ]
            ),
            (IP, "ann@empty.example", HELO, "fail", ""),
            (IP, "ann@space.example", HELO, "fail", " %%20x"),
            (
                IP,
                "ann@rtc.example",
                HELO,
                "fail",
                "mx.here.example 1700000000 192.0.2.1 192.0.2.1 mx.shop.example mx.shop.example",
            ),
            (
                IP6,
                "ann@rtc.example",
                "a b",
                "fail",
                "mx.here.example 1700000000 2001:db8::1 2001%3Adb8%3A%3A1 a b a%20b",
            ),
            # §7.4 prints the nibbles in lower case, implementations write upper case; DNS has none
            (
                IP6,
                "ann@ok.example",
                HELO,
                "fail",
                "See http://why.example/?s=ann%40ok.example&i=2.0.0.1.0.D.B.8" + ".0" * 23 + ".1",
            ),
            (IP, "ann@soft.example", HELO, "softfail", None),
            (
                IP,
                "ann@minus-a.example",
                HELO,
                "fail",
                "See http://why.example/?s=ann%40minus-a.example&i=192.0.2.1",
            ),
            (IP, "ann@include.example", HELO, "fail", None),  # not that of the included record
            (IP, "ann@include-exp.example", HELO, "fail", "two strings"),
            (IP, "ann@deny.example", HELO, "fail", "two strings"),
            (IP, "ann@allow.example", HELO, "pass", None),
            (
                IP,
                "a@redirect.example",
                HELO,
                "fail",
                "See http://why.example/?s=a%40redirect.example&i=192.0.2.1",
            ),
            (
                IP,
                "a@redirect-exp.example",
                HELO,
                "fail",
                "See http://why.example/?s=a%40redirect-exp.example&i=192.0.2.1",
            ),
            (IP, "a@redirect-bare.example", HELO, "fail", None),  # the target's exp or none at all
            (IP, "a@first.example", HELO, "fail", "second.example is not first.example"),
        ],
    ),
]
ROWS = [
    pytest.param(group.zone, row, id=f"{group.spec}-{'-'.join(map(str, row[:4]))}"[:120])
    for group in GROUPS
    for row in group.cases
]


@pytest.mark.parametrize(("zone", "row"), ROWS)
def test_check_host(zone, row) -> None:
    ip, mail_from, helo, result, *explanation = row
    verdict = check(zone, ip, mail_from, helo, receiver="mx.here.example", now=1_700_000_000.9)
    assert (verdict.result.value, verdict.explanation) == (result, explanation[0] if explanation else None), (
        verdict
    )


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    "term", ["include:x.example", "redirect=x.example", "a:x.example", "mx:x.example", "exists:x.example"]
)
def test_no_answer_is_a_temperror(term, failure) -> None:  # §4.4, §5
    verdict = check({"shop.example": spf(term), "x.example": failure})
    assert (verdict.result, verdict.explanation) == ("temperror", None)
    assert "x.example" in verdict.reason


def test_no_answer_for_the_host_of_an_mx_is_a_temperror() -> None:  # §5.4
    zone = {"shop.example": spf("mx", MX="1 x.example"), "x.example": {"A": Outcome.SERVFAIL, "AAAA": IP6}}
    assert check(zone).result == "temperror"
    assert check(zone, IP6).result == "pass"


def test_what_a_saved_audit_does_not_hold_is_a_temperror() -> None:
    zone = Zone({"shop.example": spf("a:x.example", "-all")})
    saved = Recorded([zone.answer("shop.example", "TXT")])
    verdict = check_host(ip=IP, mail_from=SENDER, helo=HELO, resolver=saved)
    assert (verdict.result, verdict.reason) == ("temperror", "A x.example: not asked in this audit")


@pytest.mark.parametrize("ip", ["", "192.0.2", "192.0.2.256", "192.0.2.1/32", "::1::", "shop.example", "[::1]"])
def test_an_address_that_is_none(ip) -> None:
    with pytest.raises(UsageError):
        check({}, ip)


def test_a_scope_id_means_nothing() -> None:
    zone = {"shop.example": spf("ip6:fe80::1", "exists:%{i}.x.example", "-all")}
    assert check(zone, "fe80::1%eth0").result == "pass"
    assert check(zone, "fe80::2%eth0").result == "fail"


def test_an_address_object_will_do() -> None:
    assert check({"shop.example": spf("ip4:192.0.2.1", "-all")}, ip_address(IP)).result == "pass"


@pytest.mark.parametrize("sender", [SENDER, "ann@localhost"])  # with and without a question to ask
def test_the_three_drivers_agree(sender) -> None:
    zone = {"shop.example": spf("ip4:192.0.2.1", "-all")}

    async def inside_a_loop() -> SpfVerdict:
        return check(zone, mail_from=sender)

    verdict = check(zone, mail_from=sender)
    assert asyncio.run(inside_a_loop()) == verdict
    assert drive_now(evaluate(ip=IP, helo=HELO, mail_from=sender), Zone(zone).answer) == verdict


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (["a:gone.example", "-ip4:192.0.2.0/24"], ("fail", 1, 1, "-ip4:192.0.2.0/24", "shop.example")),
        (["include:sub.example", "-all"], ("pass", 2, 0, "include:sub.example", "shop.example")),
        (["redirect=sub.example"], ("pass", 2, 0, "a:on.example", "sub.example")),
        (["?a:off.example"], ("neutral", 1, 0, "", "shop.example")),
        (["a:off.example"] * 11, ("permerror", 11, 0, "", "shop.example")),
        (["a:gone.example"] * 3, ("permerror", 3, 3, "", "gone.example")),
        (["include:bad.example"], ("permerror", 1, 0, "", "bad.example")),
        (["moo"], ("permerror", 0, 0, "", "shop.example")),
    ],
)
def test_what_a_verdict_tells(record, expected) -> None:
    verdict = check({**POLICIES, "shop.example": spf(*record), "sub.example": spf("a:on.example", "-all")})
    assert (
        verdict.result.value,
        verdict.lookups,
        verdict.void_lookups,
        verdict.matched,
        verdict.domain,
    ) == expected
    assert verdict.reason


@pytest.mark.parametrize(
    ("name", "rdtype", "outcome", "records"),
    [
        ("SHOP.Example.", "A", "records", ((IP,),)),
        ("shop.example", "MX", "nodata", ()),
        ("example", "A", "nodata", ()),  # RFC 8020: an empty non-terminal exists
        ("gone.example", "A", "nxdomain", ()),
        ("x.wild.example", "A", "records", ((OTHER,),)),
        ("x.y.wild.example", "A", "records", ((OTHER,),)),
        ("wild.example", "A", "nodata", ()),
        ("there.wild.example", "A", "nodata", ()),  # RFC 4592 §2.2.1: a name that exists is no wildcard match
        ("x.there.wild.example", "A", "nxdomain", ()),  # nor is one below it
        ("alias.example", "A", "records", ((IP,),)),
        ("alias.example", "CNAME", "records", (("shop.example",),)),
        ("dangling.example", "A", "nxdomain", ()),
        ("loop.example", "A", "servfail", ()),
        ("half.example", "A", "records", ((IP,),)),
        ("half.example", "TXT", "timeout", ()),
        ("half.example", "MX", "nodata", ()),
        ("listed.example", "MX", "records", (("10", "mx.example"),)),
        ("listed.example", "TXT", "records", (("one",), ("two ", "strings"))),
        ("listed.example", "A", "timeout", ()),
    ],
)
def test_zone(name, rdtype, outcome, records) -> None:
    zone = Zone(
        {
            "Shop.example.": {"A": IP},
            "*.wild.example": {"A": OTHER},
            "there.wild.example": {"TXT": "x"},
            "alias.example": {"CNAME": "SHOP.example."},
            "dangling.example": {"CNAME": "gone.example"},
            "loop.example": {"CNAME": "loop.example"},
            "half.example": {"A": IP, "TXT": Outcome.TIMEOUT},
            "listed.example": [
                {"MX": [10, "MX.example."]},
                {"TXT": "one"},
                {"TXT": ["two ", "strings"]},
                "TIMEOUT",
            ],
        }
    )
    answer = zone.answer(name, rdtype)
    assert (answer.outcome.value, answer.records) == (outcome, records)
