"""The laws of a cleaning, on exports nobody has seen: against a second implementation, and against itself."""

import csv
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygiene.config import CleaningPolicy
from hygiene.contacts.clean import clean_contacts
from hygiene.contacts.frames import load_ledger
from hygiene.contacts.suppression import read_suppressions

from .oracle import PLATFORMS, Export, decide, digest, is_listed, judge, read_lines, speaks_for_itself

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SAMPLES = Path(__file__).with_name("formats")
KEY = b"k" * 32
UNHURRIED = CleaningPolicy(max_removed=1.0)

slow = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ]
)


# Exports


def sample_header(name):
    path = SAMPLES / f"{name}.csv"
    delimiter = ";" if name in {"keila", "brevo"} else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(next(csv.reader(file, delimiter=delimiter)))


MAILCHIMP = (
    "Email Address",
    "First Name",
    "MEMBER_RATING",
    "OPTIN_TIME",
    "OPTIN_IP",
    "CONFIRM_TIME",
    "CONFIRM_IP",
    "LEID",
    "EUID",
    "NOTES",
)
HEADERS = {
    "plain": [
        "name",
        "email",
        "status",
        "unsubscribed at",
        "joined",
        "created",
        "last click",
        "last open",
        "confirmed",
        "sends since last engagement",
    ],
    "mailchimp": MAILCHIMP,
    **{
        name: sample_header(name)
        for name in ("klaviyo", "hubspot", "shopify", "woocommerce", "beehiiv", "mailpoet")
    },
    "addresses": ("email",),
}
FILE_NAMES = {"mailchimp": ["subscribed_a.csv", "unsubscribed_b.csv", "cleaned_c.csv"]}

PEOPLE = [
    *("ann@gmail.com", "a.nn@gmail.com", "Ann+news@gmail.com", "ann@googlemail.com", "AN.N@GoogleMail.com"),
    *("bob@example.com", "BOB@Example.COM", "Bob@EXAMPLE.com", "bob+x@example.com"),
    *("carl@outlook.com", "carl+shop@outlook.com", "CARL@outlook.com"),
    *("dana@müller.de", "Dana@xn--mller-kva.de", "dana@MÜLLER.de", "dana@mu\u0308ller.de"),
    *("jürgen@example.org", "ju\u0308rgen@example.org", "JÜRGEN@example.org"),
    *("straße@example.net", "strasse@example.net", "STRASSE@Example.net"),
    *("Info@example.org", "info@example.org", "admin@example.com", "no-reply@example.com"),
    *("eve@mailinator.com", "fay@gmai.com", "gus@gmail.con", "hal@duck.com", "o'brien@example.com"),
    *("=cmd@example.com", "+1@example.com", "-ivy@example.com", "'ann@gmail.com", "用户@例子.公司"),
    *("\u212aim@example.com", "kim@example.com", "İdil@example.com", "ς@example.gr", "Σ@example.gr"),
]
NOBODY = [
    *("", " ", "\u200b", "nobody", "a@b", "a@@b.com", "a b@example.com", "x@example.test", ".a@example.com"),
    *("a@exa_mple.com", "user@xn--zzzz.com", "a@example.com;b@example.com", "a@example.com, b@example.com"),
    *("=1+1", "@", "'", "\ta\t", "a@b\u2028.com", "x" * 250 + "@example.com", "'=1", "''@", "＝1", "\n=1"),
]
WRAPS = [
    *(
        "{}",
        "{}",
        "{}",
        "{}",
        " {} ",
        "<{}>",
        "Ann B <{}>",
        "mailto:{}",
        "{},",
        "\u200b{}",
        "\ufeff{}",
        "\u00a0{}",
    ),
    *("{};", '"{}"', "\t{}", "({})", "Doe, Ann <{}>", '"Ann B" <{}>'),
]


@st.composite
def addresses(draw):
    if not draw(st.integers(0, 7)):
        return draw(st.sampled_from(NOBODY))
    return draw(st.sampled_from(WRAPS)).format(draw(st.sampled_from(PEOPLE)))


AGES = [0, 1, 20, 29, 31, 100, 179, 181, 400, 1000, -5]
ODD_DATES = ["", "", "", "soon", "0024-01-01", "1970-01-01 00:00:00", "2026-02-30", "0000-00-00 00:00:00"]


@st.composite
def dates(draw, formats):
    if not draw(st.integers(0, 3)):
        return draw(st.sampled_from(ODD_DATES))
    moment = NOW - timedelta(days=draw(st.sampled_from(AGES)), seconds=draw(st.sampled_from([0, 1, 3600])))
    return moment.strftime(draw(st.sampled_from(formats)))


FILL = [
    "",
    "",
    "x",
    "a,b",
    "a;b",
    'say "hi"',
    "two\nlines",
    "=1+1",
    "'0123",
    "é",
    "@x",
    " blank ",
    "\t",
    '"',
    "a\rb",
]


@st.composite
def cells(draw, platform, column, formats):
    if column == platform.address:
        return draw(addresses())
    words = {name: known for name, known, _ in platform.statuses}
    if column in words:
        good = [word for word, status in words[column].items() if status in {"subscribed", ""}]
        some = [*good * 4, *words[column], "vip", "gone", "Huh?"]
        return draw(st.sampled_from([*some, *(word.upper().replace("-", "_") for word in some)]))
    if column in {platform.confirmed, platform.not_like} and platform.not_like:
        return draw(dates(formats[:1]))
    if column == platform.confirmed:
        return draw(st.sampled_from(["", "yes", "no", "2024-01-01 10:00:00", *platform.refusing]))
    if column in {*platform.joined, *platform.activity}:
        return draw(dates(formats))
    if column == platform.ignored:
        return draw(st.sampled_from(["", "0", "2", " 5 ", "12", "many"]))
    return draw(st.sampled_from(FILL))


DAMAGE = [b"short", b'"open,x', b'"a"b,c', b"nul\0", b"\xff\xfe", b"", b"   "]


def written_cell(text, export, *, force):
    special = {export.delimiter, '"', "\n", "\r"} & set(text)
    if not export.quoted or not (force or special or text != text.strip()):
        return text.encode()
    escape = PLATFORMS[export.platform].escape
    return ('"' + text.replace('"', escape + '"') + '"').encode()


@st.composite
def exports(draw, number=0, platforms=tuple(HEADERS), rows=14, damage=True):
    name = draw(st.sampled_from(platforms))
    platform = PLATFORMS[name]
    single = name == "addresses"
    header = tuple(HEADERS[name])
    if name == "plain":
        keep = draw(st.sets(st.sampled_from(header), min_size=2)) | {"email", "name"}
        header = tuple(draw(st.permutations([one for one in header if one in keep])))
    if not single and draw(st.booleans()):  # in no layout the order counts
        header = tuple(draw(st.permutations(header)))
    quick = [one for one in platform.dates if "/" not in one]
    slashed = draw(st.sampled_from([None, "%m/%d/%Y", "%d/%m/%Y"]))
    formats = [*quick, slashed] if slashed in platform.dates else quick
    export = Export(
        name=draw(st.sampled_from(FILE_NAMES.get(name, ["list.csv"]))).replace(".", f"{number}."),
        platform=name,
        data=b"",
        header=header,
        delimiter="" if single else draw(st.sampled_from(",,;\t")),
        quoted=not single,
        with_header=not single or draw(st.booleans()),
    )
    line_end = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]))
    quoting = draw(st.sampled_from([False, True, None]))
    body = [
        [draw(cells(platform, column, formats)) for column in header]
        for _ in range(draw(st.integers(min(5, rows), rows)))
    ]
    if line_end == b"\r":  # with a newline anywhere, that ends the lines
        export = replace(export, line_end=b"\r")
        body = [[cell.replace("\n", " ") for cell in row] for row in body]
    lines = [list(header)] * export.with_header + body
    separator = export.delimiter.encode()
    written = [
        separator.join(
            written_cell(cell, export, force=draw(st.booleans()) if quoting is None else quoting)
            for cell in row
        )
        for row in lines
    ]
    if single:  # a list begins with what is one beyond doubt
        odd = (b"\r", b"\n", b"@example.com;", b"@example.com, ")
        lines = [line for line in written[export.with_header :] if not line.startswith(b'"') or b"<" in line]
        lines = [line for line in lines if not any(map(line.__contains__, odd))]
        written = [*written[: export.with_header], *[b"bob@example.com"] * 3, *lines]
    if damage:
        for _ in range(draw(st.integers(0, 2))):
            written.insert(
                draw(st.integers(1, len(written))), draw(st.sampled_from(DAMAGE[-2:] if single else DAMAGE))
            )
    torn = any(b"\xff" in line for line in written)  # without a mark a short file could be Windows-1252
    mark = b"\xef\xbb\xbf" if torn or draw(st.integers(0, 3)) == 0 else b""
    last = line_end if draw(st.booleans()) else b""
    return replace(export, data=mark + line_end.join(written) + last)


@st.composite
def several(draw, most=3, **options):
    return [draw(exports(number=number, **options)) for number in range(draw(st.integers(1, most)))]


@st.composite
def policies(draw, **fixed):
    return CleaningPolicy(
        **{
            "inactive_after": draw(st.sampled_from([None, "180d", "90d"])),
            "grace": draw(st.sampled_from(["30d", "1d"])),
            "min_ignored": draw(st.sampled_from([3, 10])),
            "opens": draw(st.booleans()),
            "max_removed": 1.0,
            "keep": draw(st.sampled_from(["newest", "first", "most-consented"])),
            "role": draw(st.sampled_from(["keep", "flag", "drop"])),
            "disposable": draw(st.sampled_from(["keep", "flag", "drop"])),
            "typos": draw(st.sampled_from(["flag", "hold"])),
            "require_confirmed": draw(st.integers(0, 3)) == 0,
            "assume_consent": draw(st.booleans()),
            "status_words": draw(st.sampled_from([{}, {"VIP": "subscribed", "gone": "unsubscribed"}])),
            **fixed,
        }
    )


# Cleaning


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A function that gives a new folder."""
    base, count = tmp_path_factory.mktemp("laws"), iter(range(1_000_000))

    def folder():
        path = base / str(next(count))
        path.mkdir()
        return path

    return folder


def clean(place, files, policy, **options):
    folder = place()
    paths = []
    for export in files:
        paths.append(folder / export.name)
        paths[-1].write_bytes(export.data)
    output = folder / "out"
    clean_contacts(paths, policy, output=output, now=NOW, **{"threads": 1} | options)
    return output


def is_usable(files):
    """What a cleaning can begin with: some record, and no doubt how it is cut."""
    return any(export.records for export in files)


def outcome(output, files):
    """(number of file, line) → reason and the kept row a rejected row points to."""
    rejected = load_ledger(output / "rejected.csv")
    numbers = {export.name: number for number, export in enumerate(files)}
    found = {}
    for row in rejected.itertuples():
        place = numbers[row.file], row.line
        assert place not in found, "a row is rejected once"
        name, _, line = row.kept_row.rpartition(":")
        found[place] = row.reason, (numbers[name], int(line)) if name else None
    return found


def key_of(name):
    return " ".join(name.split()).casefold()


def form_of(export):
    escape = PLATFORMS[export.platform].escape
    names = tuple(keys_of(export))
    return names, export.with_header, export.delimiter, export.quoted, export.line_end == b"\r", escape


def line_ended(data, export):
    return data if data.endswith((b"\n", b"\r")) else data + export.line_end


def check_kept(output, name, files, rows, kept, policy):
    """A file of kept rows: cells as they came, in their order, whom to write to, and what is known."""
    used = [files[number] for number in sorted({number for number, _ in kept})] or list(files[:1])
    first = used[0]
    alike = len({form_of(export) for export in used}) == 1
    telling = all(speaks_for_itself(rows[place], policy, NOW) for place in kept)
    data = (output / name).read_bytes()
    facts = data.split(b"\n")[0].strip().endswith(b"hygiene_facts")
    assert facts or telling
    assert not facts or not telling or not alike
    beside = facts or any(rows[place].address.repaired for place in kept)
    alike = alike and not (beside and not (first.with_header and first.delimiter))
    keys = dict.fromkeys(key for export in used for key in keys_of(export))
    columns = keys_of(first) if alike else list(keys)
    header = [*columns, *(["hygiene_address"] if beside else []), *(["hygiene_facts"] if facts else [])]
    if alike and not beside:
        check_bytes(data, used, files, kept)
    if not data:
        assert not first.with_header
        assert not kept
        return
    lines = read_lines(
        line_ended(data, first),
        fields=len(header),
        delimiter=first.delimiter if alike else ",",
        quoted=first.quoted or not alike,
        line_end=first.line_end if alike and first.line_end == b"\r" else b"\n",
        escape=PLATFORMS[first.platform].escape if alike else '"',
        start=3 * data.startswith(b"\xef\xbb\xbf"),
    )
    records = [line.cells for line in lines if line.cells != ()]
    if first.with_header or not alike:
        assert list(map(key_of, records.pop(0))) == list(map(key_of, header))
    assert len(records) == len(kept)
    for place, record in zip(kept, records, strict=True):
        row, export = rows[place], files[place[0]]
        cells = dict(zip(keys_of(export), row.cells, strict=True))
        assert list(record[: len(columns)]) == [cells.get(key, "") for key in columns]
        if beside:
            assert judge(record[len(columns)]).normal == row.address.normal
            assert not judge(record[len(columns)]).repaired


def keys_of(export):
    """The names of its columns; without a header they are numbered."""
    if export.with_header:
        return list(map(key_of, export.header))
    return [f"column_{number}" for number in range(1, len(export.header) + 1)]


def check_bytes(data, used, files, kept):
    """The header and the records are the very bytes of the input."""
    first = used[0]
    wanted = first.data[: first.lines[0].stop if first.with_header else first.body]
    for export in used:
        wanted = line_ended(wanted, export) if wanted.removeprefix(b"\xef\xbb\xbf") else wanted
        lines = {line.line: line for line in export.lines}
        chosen = [lines[line] for number, line in kept if files[number] is export]
        wanted += b"".join(export.data[line.start : line.stop] for line in chosen)
    assert data == wanted


def check_damaged(output, files):
    """The text of a damaged line is in the ledger, as far as it is text."""
    rejected = load_ledger(output / "rejected.csv")
    damaged = rejected[rejected.reason == "damaged-line"]
    wanted = []
    for export in files:
        data = line_ended(export.data, export)
        for line in export.records:
            if line.cells is None:
                text = data[line.start : line.stop].decode("utf-8", "backslashreplace").rstrip("\r\n")
                wanted.append((export.name, line.line, text))
    assert list(zip(damaged.file, damaged.line, damaged.text, strict=True)) == wanted


def check_addresses(output, files, verdicts, rows):
    """A rejected row has the cell it came with."""
    numbers = {export.name: number for number, export in enumerate(files)}
    rejected = load_ledger(output / "rejected.csv")
    for row in rejected[rejected.reason != "damaged-line"].itertuples():
        assert row.address == rows[numbers[row.file], row.line].address.cell


def check_cannot_run(output):
    """No cell of a ledger is what a spreadsheet would run."""
    for name in ("rejected.csv", "flagged.csv", "suppressions.csv"):
        with (output / name).open(encoding="utf-8", newline="") as file:
            for record in csv.reader(file, strict=True):
                for cell in record:
                    assert not cell.lstrip(" \u00a0").startswith((*"=+-@＝＋－＠\t\r\n",)), (name, cell)


def check_all(place, files, policy):
    verdicts, rows = decide(files, policy, NOW)
    output = clean(place, files, policy)
    wanted = {place: (verdict.reason, verdict.kept) for place, verdict in verdicts.items() if verdict.reason}
    assert outcome(output, files) == wanted
    kept = sorted(place for place, verdict in verdicts.items() if not verdict.reason)
    check_kept(output, "clean.csv", files, rows, kept, policy)
    check_damaged(output, files)
    check_addresses(output, files, verdicts, rows)
    check_cannot_run(output)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["rows"] == summary["kept"] + summary["rejected"] == len(verdicts)
    assert summary["reasons"] == dict(Counter(reason for reason, _ in wanted.values()))


@given(several(), policies())
@settings(slow, max_examples=12)
def test_every_row_comes_to_what_the_facts_say(place, files, policy):
    if is_usable(files):
        check_all(place, files, policy)


def again(place, output, name, policy, **options):
    """A file of kept rows, cleaned by itself: before, after, and how many of its rows were rejected."""
    before = (output / name).read_bytes()
    once_more = place()
    clean_contacts(output / name, policy, output=once_more, now=NOW, threads=1, **options)
    return before, (once_more / "clean.csv").read_bytes(), len(load_ledger(once_more / "rejected.csv"))


def check_again(place, files, policy):
    verdicts, _ = decide(files, policy, NOW)
    if any(not verdict.reason for verdict in verdicts.values()):
        before, after, rejected = again(place, clean(place, files, policy), "clean.csv", policy)
        assert (before, 0) == (after, rejected)


@given(several(), policies())
@settings(slow, max_examples=10)
def test_cleaning_a_clean_list_changes_nothing(place, files, policy):
    if is_usable(files):
        check_again(place, files, policy)


def clean_texts(place, texts, policy=UNHURRIED, name="clean.csv"):
    """Files of these texts, cleaned; the text of one output, and of what cleaning that again makes of it."""
    folder = place()
    for number, text in enumerate(texts):
        (folder / f"{number}.csv").write_bytes(text.encode())
    clean_contacts(
        [folder / f"{number}.csv" for number in range(len(texts))], policy, output=folder / "out", now=NOW
    )
    unhurried = CleaningPolicy(columns=policy.columns) if name == "winback.csv" else policy
    before, after, _ = again(place, folder / "out", name, unhurried)
    return before.decode(), after.decode()


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        pytest.param(["ann@x.com\nbob@x.com\n"], "ann@x.com\nbob@x.com\n", id="one address a line"),
        pytest.param(["email\tn\nann@x.com\t=1\n"], "email\tn\nann@x.com\t=1\n", id="tabs"),
        pytest.param(["email;n\nann@x.com;'1"], "email;n\nann@x.com;'1", id="semicolons, no last line end"),
        pytest.param(["ann@x.com,A\nbob@x.com,B\n"], "ann@x.com,A\nbob@x.com,B\n", id="no header"),
        pytest.param(
            ["email\rann@x.com", "email\rbob@x.com"], "email\rann@x.com\rbob@x.com", id="CR, two files"
        ),
        pytest.param(
            ["n;Kunde\n1;<ann@x.com>\n"],
            "n;Kunde;hygiene_address\n1;<ann@x.com>;ann@x.com\n",
            id="found by its cells",
        ),
        pytest.param(
            ["<ann@x.com>\nbob@x.com\nDoe, Cy <cy@x.com>\n"],
            'column_1,hygiene_address\n"<ann@x.com>","ann@x.com"\n"bob@x.com","bob@x.com"\n'
            '"Doe, Cy <cy@x.com>","cy@x.com"\n',
            id="addresses to repair get a table",
        ),
        pytest.param(
            ["email,hygiene_address\n<ann@x.com>,ann@x.com\n", "email\n<bob@x.com>\ncy@x.com\n"],
            'email,hygiene_address\n"<ann@x.com>","ann@x.com"\n"<bob@x.com>","bob@x.com"\n"cy@x.com","cy@x.com"\n',
            id="a clean list and a new one",
        ),
        pytest.param(['"Ann" <ann@x.com>\nbob@x.com\n'], None, id="a quote is no quote in a list"),
    ],
)
def test_the_form_of_a_list_lasts(place, texts, wanted):
    before, after = clean_texts(place, texts)
    assert before == after
    assert wanted in {None, before}
    assert before.count("@") >= sum(text.count("@") for text in texts)


def test_the_winback_list_is_a_list_again(place):
    text = "email;last click;n\nann@x.com;2020-01-01;=1\n<bob@x.com>;2020-01-01;\ncy@x.com;2026-10-01;\n"
    before, after = clean_texts(
        place, [text], CleaningPolicy(inactive_after="1y", max_removed=1.0), "winback.csv"
    )
    assert before == after
    assert before.splitlines()[1:] == ["ann@x.com;2020-01-01;=1;ann@x.com", "<bob@x.com>;2020-01-01;;bob@x.com"]


def test_columns_that_a_person_names(place):
    text = "Wer,St,Seit,Zuletzt,Ok\nann@x.com,yes,2020-01-01,2026-10-01,yes\nbob@x.com,huh,,,\n"
    columns = {"address": "Wer", "status": "St", "joined": "Seit", "activity": "#4", "confirmed": "Ok"}
    policy = CleaningPolicy(columns=columns, inactive_after="180d", require_confirmed=True, max_removed=1.0)
    before, after = clean_texts(place, [text], policy)
    assert before == after == text[: text.index("bob")]


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        pytest.param(
            ["email,joined,last click\nann@x.com,2025-06-01,\nann@x.com,2024-01-01,2026-10-20\n"],
            {"inactive_after": "180d"},
            id="activity",
        ),
        pytest.param(
            ["email,joined,confirmed\nann@x.com,2025-06-01,no\nann@x.com,2024-01-01,yes\n"],
            {"require_confirmed": True},
            id="confirmation",
        ),
        pytest.param(
            [
                "Email,Last Active,Sign Up,Total Spend,AOV\nann@x.com,,2026-01-01T00:00:00,1,1\n",
                "email,status\nann@x.com,yes\n",
            ],
            {},
            id="consent",
        ),
        pytest.param(
            [
                "Email,List status,Global status,List\nann@x.com,subscribed,subscribed,a\n",
                "email,name\nbob@x.com,Bob\n",
            ],
            {},
            id="a column that one file lacks",
        ),
        pytest.param(
            [
                "email,joined,last click\nann@x.com,2020-01-01,\n",
                "email,joined\nann@x.com,2026-11-01\nbob@x.com,2019-01-01\n",
            ],
            {"inactive_after": "180d"},
            id="activity that one file lacks",
        ),
    ],
)
def test_what_several_rows_say_lasts(place, texts, options):
    before, after = clean_texts(place, texts, CleaningPolicy(max_removed=1.0, **options))
    assert before == after


# Suppression


def entry(draw, form, cell):
    """An entry of a list, in one of the forms, that means the person of an address."""
    address = judge(cell)
    if form == "address":
        return cell
    if form == "domain":
        domain = address.key.rsplit("@", 1)[1]
        return draw(st.sampled_from([f"@{domain}", f"*.{domain}"]))
    spellings = [address.key, address.mailbox, *([address.normal] if form != "hmac" else [])]
    return digest(form, draw(st.sampled_from(spellings)), KEY)


@st.composite
def suppressions(draw):
    forms = draw(
        st.lists(
            st.sampled_from(["address", "domain", "md5", "sha256", "uid2", "hmac"]), min_size=1, max_size=4
        )
    )
    return [(form, entry(draw, form, draw(st.sampled_from(PEOPLE)))) for form in forms]


def check_suppressing(place, files, policy, entries):
    """Who is named goes, in any spelling; nobody else does, and nobody comes."""
    path = place() / "never.txt"
    path.write_text("".join(f"{value}\n" for _, value in entries), encoding="utf-8")
    listed = read_suppressions(path, key=KEY)
    assert len(listed) == len(entries)
    verdicts, rows = decide(files, policy, NOW)
    output = clean(place, files, policy, suppress=[listed])
    wanted, _ = decide(files, policy, NOW, lambda row: is_listed(row, entries, KEY))
    assert outcome(output, files) == {
        place: (verdict.reason, verdict.kept) for place, verdict in wanted.items() if verdict.reason
    }
    before = {place for place, verdict in verdicts.items() if not verdict.reason}
    kept = set(wanted) - set(outcome(output, files))
    assert kept == {place for place in before if wanted[place].reason != "suppressed"}
    assert not any(is_listed(rows[place], entries, KEY) for place in kept)
    check_named(output, rows, wanted)


def check_named(output, rows, verdicts):
    """suppressions.csv names everybody who must never be mailed, once an address."""
    never = {"complained", "unsubscribed", "bounced", "suppressed"}
    wanted = {rows[place].address.key for place, verdict in verdicts.items() if verdict.reason in never}
    named = [judge(cell).key for cell in load_ledger(output / "suppressions.csv").address]
    assert set(named) == wanted


@given(several(), policies(), suppressions())
@settings(slow, max_examples=5)
def test_a_suppression_takes_whom_it_names_and_adds_nobody(place, files, policy, entries):
    if is_usable(files):
        check_suppressing(place, files, policy, entries)


# Order and threads


def people(output, files, rows):
    rejected = outcome(output, files)
    return {row.address.key for place, row in rows.items() if place not in rejected}


def check_order(place, files, policy, shuffled):
    _, rows = decide(files, policy, NOW)
    before = people(clean(place, files, policy), files, rows)
    _, rows = decide(shuffled, policy, NOW)
    assert people(clean(place, shuffled, policy), shuffled, rows) == before


def shuffle(random, files):
    """The same records in another order, the damaged ones too, and the files in another order."""
    turned = []
    for export in files:
        data = line_ended(export.data, export)
        lines = [data[line.start : line.stop] for line in export.lines]
        first = lines[: 1 + 3 * (not export.with_header)]
        rest = lines[len(first) :]
        random.shuffle(rest)
        turned.append(replace(export, data=data[: export.body] + b"".join([*first, *rest])))
    random.shuffle(turned)
    return turned


@given(several(), policies(), st.randoms(use_true_random=False))
@settings(slow, max_examples=5)
def test_the_order_of_rows_and_files_changes_nobody(place, files, policy, random):
    if is_usable(files):
        check_order(place, files, policy, shuffle(random, files))


def check_threads(place, files, policy):
    one, two = (clean(place, files, policy, threads=threads) for threads in (1, 2))
    for name in ("clean.csv", "winback.csv", "rejected.csv", "flagged.csv", "suppressions.csv"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


@given(several(), policies())
@settings(slow, max_examples=3)
def test_threads_change_nothing(place, files, policy):
    if is_usable(files):
        check_threads(place, files, policy)
