"""Campaigns and their letters: what is read, what is fixed, and that no value breaks out of its place."""

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.errors import HygieneError, UnreadableInput, UsageError
from hygiene.sending.campaign import load_campaign
from hygiene.sending.compose import Composer, feedback_id
from hygiene.sending.definition import Definition
from hygiene.sending.states import Lane
from hygiene.tokens import Purpose, make_ref, read_token
from tests.sending.campaign_files import CAMPAIGNS, SECRET, a_settings, write_campaign

NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
REF = make_ref("spring-sale", "somebody", SECRET)
FIELDS = {"first_name": "Ann", "city": "Bern", "shop_url": "https://bakery.example/s", "until": "2026-04-30"}


@pytest.fixture(scope="module")
def spring():
    return load_campaign(CAMPAIGNS / "spring.toml", a_settings()).define()


@pytest.fixture(scope="module")
def composer(spring):
    return Composer(spring, SECRET)


def letter(composer, **fields):
    return composer.letter(ref=REF, recipient="ann@example.com", fields={**FIELDS, **fields}, now=NOW)


def test_a_letter_says_what_the_campaign_says(composer):
    made = letter(composer)
    assert made.subject == "Ann, spring is in the oven"
    assert "<h1>Hello Ann</h1>" in made.html
    assert "We bring them to you in <b>Bern</b>" in made.html
    assert made.html.count("€4.00") == 2
    assert "until 30 April" in made.html
    assert 'href="https://bakery.example/s"' in made.html
    assert "{{" not in made.html + made.text + made.subject
    assert made.message_id == f"{REF}@bakery.example"
    assert made.date == NOW
    assert (made.sender.name, made.sender.address) == ("The Bakery", "news@bakery.example")


def test_the_text_part_says_the_same(composer):
    assert letter(composer).text.splitlines()[:7] == [
        "Hello Ann",
        "",
        "Our spring loaves are here, and warm in Bern from six.",
        "",
        "See the loaves: https://bakery.example/s",
        "",
        "We bring them to you in Bern, too.",
    ]


def test_leaving_is_one_click_with_a_token_that_only_this_person_has(composer):
    headers = letter(composer).headers
    https, mailto = headers["List-Unsubscribe"].split(", ")
    token = https.removeprefix("<https://mail.bakery.example/u/").rstrip(">")
    assert read_token(token, Purpose.UNSUBSCRIBE, SECRET) == REF
    assert mailto == f"<mailto:leave@bakery.example?subject=unsubscribe%20{token}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"] == "<marketing.bakery.example>"
    assert f'href="https://mail.bakery.example/u/{token}"' in letter(composer).html
    assert f'href="https://mail.bakery.example/u/{token}/preferences"' in letter(composer).html


def test_header_fields_hold_nothing_of_the_person(composer):
    made = letter(composer)
    assert made.headers["X-Hygiene-Ref"] == REF
    assert made.headers["Feedback-ID"] == "spring-sale:marketing:marketing:bakery-example"
    assert made.headers["X-Campaign-Kind"] == "seasonal"
    assert not re.search("ann|bern", str(made.headers), re.IGNORECASE)
    assert "Precedence" not in made.headers


def test_bounces_come_back_with_a_token(composer):
    local, _, domain = composer.return_path(REF).partition("@")
    assert domain == "bakery.example"
    assert len(local) <= 64
    assert read_token(local.removeprefix("b+"), Purpose.RETURN_PATH, SECRET) == REF
    assert read_token(local.removeprefix("b+"), Purpose.UNSUBSCRIBE, SECRET) is None


def test_a_receipt_has_no_way_to_leave_and_answers_nobody():
    made = Composer(load_campaign(CAMPAIGNS / "notice.toml", a_settings()).define(), SECRET)
    receipt = made.letter(
        ref=REF, recipient="a@b.example", fields={"order": "7", "track": "", "first_name": "A"}, now=NOW
    )
    assert "List-Unsubscribe" not in receipt.headers
    assert receipt.headers["Auto-Submitted"] == "auto-generated"
    assert receipt.reply_to.address == "help@bakery.example"
    assert receipt.text == "Dear A,\n\norder 7 left our ovens.\n"
    assert made.definition.lane is Lane.PROMPT
    assert made.definition.in_doubt == "resend"


HOSTILE = st.text(max_size=50) | st.sampled_from(
    [
        "x\r\nBcc: all@example.com",
        "x\nSubject: y",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='x",
        "{{ 7*7 }}",
        "{% for x in range(9) %}",
        "javascript:alert(1)",
        "\u202egnp.exe",
        "\u2028x",
        "--><b>",
        "]]>",
        "</style><b>",
        "a;background:url(http://x)",
    ]
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_value_breaks_out_of_its_place(name, city, link):
    composer = Composer(SPRING, SECRET)
    made, plain = letter(composer, first_name=name, city=city, shop_url=link), letter(composer)
    assert not set(made.subject) & set("\r\n\u2028\u2029\x00\u202e")
    assert _shape(made.html) == _shape(plain.html) or city != "Bern"
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', made.html)).lower()
    assert made.headers == plain.headers
    assert made.message_id == plain.message_id
    message = EmailMessage()
    message["Subject"] = made.subject.encode("utf-8", "replace").decode()
    assert len(message.keys()) == 1


def _shape(html):
    """The elements and attributes, without what they hold."""
    return re.sub(r'="[^"]*"', "=", re.sub(r">[^<]*<", "><", html))


SPRING = load_campaign(CAMPAIGNS / "spring.toml", a_settings()).define()


@given(HOSTILE)
def test_elements_are_the_same_whatever_a_name_is(name):
    composer = Composer(SPRING, SECRET)
    assert _shape(letter(composer, first_name=name).html) == _shape(letter(composer).html)


def test_a_template_in_the_data_stays_text(composer):
    made = letter(composer, first_name="{{ 7*7 }}")
    assert "{{ 7*7 }}" in made.subject
    assert "Hello {{ 7*7 }}" in made.html
    assert "49" not in made.subject


def test_an_empty_cell_has_its_default(composer):
    assert letter(composer, first_name="  ").subject == "there, spring is in the oven"


def test_a_letter_is_the_same_on_every_try(composer, spring):
    again = Composer(Definition.from_json(spring.to_json()), SECRET)
    assert letter(again) == letter(composer)


# The definition


def test_a_definition_is_kept_whole(spring):
    assert Definition.from_json(spring.to_json()) == spring
    assert len(spring.sha256) == 64
    assert (spring.lane, spring.in_doubt, spring.topic, spring.account) == (
        Lane.BULK,
        "park",
        "marketing",
        "main",
    )
    assert (spring.canary.share, spring.canary.wait_s) == (0.02, 7200)
    start = 1_700_000_000_000_000
    assert spring.due_us(start) == start
    assert spring.expires_us(start) - start == 2 * 86_400 * 1_000_000


def test_it_does_not_change_when_its_files_do(tmp_path):
    path = write_campaign(tmp_path, TOML, a_html="<p>old {{ city }}</p>")
    kept = load_campaign(path, a_settings()).define().to_json()
    (tmp_path / "a.html").write_text("<p>new</p>")
    assert (
        "old"
        in Composer(Definition.from_json(kept), SECRET)
        .letter(ref=REF, recipient="a@b.example", fields={}, now=NOW)
        .html
    )
    assert load_campaign(path, a_settings()).define().sha256 != Definition.from_json(kept).sha256


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace("spring is", "winter is"), "was changed in the store"),
        (lambda text: text.replace('"format":1', '"format":9'), "format 9"),
        (lambda text: text[:-5], "cannot be read"),
        (lambda text: "{}", "cannot be read"),
        (lambda text: "[" * 100_000, "cannot be read"),
    ],
)
def test_a_changed_definition_is_refused(spring, change, why):
    with pytest.raises(UnreadableInput, match=why):
        Definition.from_json(change(spring.to_json()))


def test_not_before_moves_the_beginning_and_the_end(tmp_path):
    path = write_campaign(
        tmp_path,
        TOML.replace("[fields]", "not_before = 2026-03-20T09:00:00+01:00\n[fields]"),
        a_html="<p>x</p>",
    )
    definition = load_campaign(path, a_settings()).define()
    due = definition.due_us(0)
    assert datetime.fromtimestamp(due / 1e6, UTC) == datetime(2026, 3, 20, 8, tzinfo=UTC)
    assert definition.expires_us(0) - due == timedelta(days=3) // timedelta(microseconds=1)


# Variants

VARIANTS = """
[variants.a]
weight = 3
[variants.b]
subject = "Other words"
html = "b.html"
"""


def test_a_person_has_the_same_variant_on_every_try(tmp_path):
    path = write_campaign(tmp_path, TOML + VARIANTS, a_html="<p>first {{ city }}</p>", b_html="<p>second</p>")
    composer = Composer(load_campaign(path, a_settings()).define(), SECRET)
    refs = [make_ref("x", str(number), SECRET) for number in range(2000)]
    chosen = [composer.variant(ref) for ref in refs]
    assert chosen == [composer.variant(ref) for ref in refs]
    assert 0.70 < chosen.count("a") / len(chosen) < 0.80
    for ref in refs[:20]:
        made = composer.letter(ref=ref, recipient="a@b.example", fields={"city": "Bern"}, now=NOW)
        first = composer.variant(ref) == "a"
        assert ("first Bern" in made.html, made.subject) == (first, "Words" if first else "Other words")
        assert ("second" in made.text) is not first
        assert made.headers["Feedback-ID"].split(":")[1] == composer.variant(ref)


def test_another_seed_deals_anew(tmp_path):
    first = write_campaign(tmp_path, TOML + VARIANTS, a_html="<p>x</p>", b_html="<p>y</p>")
    one = Composer(load_campaign(first, a_settings()).define(), SECRET)
    first.write_text(f'variant_seed = "2"\n{TOML}{VARIANTS}')
    two = Composer(load_campaign(first, a_settings()).define(), SECRET)
    refs = [make_ref("x", str(number), SECRET) for number in range(300)]
    assert [one.variant(ref) for ref in refs] != [two.variant(ref) for ref in refs]


@pytest.mark.parametrize("address", ["a@b.de", "a@mail.a-very-long-name-of-a-shop.example", "a@bücher.example"])
def test_the_sender_of_a_feedback_id_is_5_to_15_characters(address, spring):
    import msgspec

    from hygiene.sending.definition import Person

    words = feedback_id(msgspec.structs.replace(spring, sender=Person(address))).split(":")
    assert len(words) == 4
    assert 5 <= len(words[3]) <= 15


# What cannot be

TOML = """name = "test"
stream = "marketing"
subject = "Words"
html = "a.html"
[fields]
city = "City"
"""


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("name =", "is not TOML"),
        (TOML.replace("subject", "subjekt"), "there is no key 'subjekt'; did you mean subject?"),
        (TOML.replace('stream = "marketing"', 'stream = "spam"'), "stream"),
        (TOML.replace('"test"', '"../x"'), "cannot be one"),
        (TOML.replace('subject = "Words"', 'subject = " "'), "subject is empty"),
        (TOML.replace('subject = "Words"', 'subject = "a\\nb"'), "one line"),
        (TOML.replace('html = "a.html"', ""), "needs html, mjml or text"),
        (TOML.replace('html = "a.html"', 'html = "a.html"\nmjml = "a.html"'), "two ways"),
        (TOML.replace("a.html", "../a.html"), "outside its folder"),
        (TOML.replace("a.html", "/etc/passwd"), "outside its folder"),
        (TOML.replace("a.html", "link.html"), "outside its folder"),
        (TOML.replace("a.html", "none.html"), "no such file"),
        (TOML.replace("a.html", "up.html"), "outside its folder"),
        (TOML.replace("a.html", "round.html"), "includes itself"),
        (TOML.replace("a.html", "dynamic.html"), "include"),
        (TOML.replace("a.html", "huge.html"), "too large"),
        (TOML.replace("a.html", "binary.html"), "UTF-8"),
        (
            TOML.replace("a.html", "wrong.html"),
            "wrong.html, line 2: 'cty' is no field of the campaign; did you mean city?",
        ),
        (TOML.replace("city =", "address ="), "there already"),
        (TOML.replace("city =", "'a b' ="), "cannot be one"),
        (TOML.replace('"City"', "{ colum = 'x' }"), "fields"),
        (f"{TOML}[headers]\nBcc = 'x@y.example'\n", "not a campaign's to set"),
        (f'{TOML}[headers]\nX-A = "a\\r\\nBcc: b"\n', "one line"),
        (f"{TOML}[headers]\n'X A' = 'a'\n", "no header field"),
        (f"{TOML}[headers]\nX-A = '{{{{ city }}}}'\n", "plain text"),
        (f"{TOML}[variants.a]\n", "no test"),
        (f"{TOML}[variants.a]\nweight = 0\n[variants.b]\n", "weight"),
        (f"tracking = true\n{TOML}", "tracking"),
        (f"not_before = 2026-03-20T09:00:00\n{TOML}", "zone"),
        (f"expires_after = 'soon'\n{TOML}", "length of time"),
        (f"sender = 'nobody'\n{TOML}", "no mailbox"),
        (f"canary = {{ share = 2.0 }}\n{TOML}", "canary"),
        (TOML.replace("marketing", "support"), None),
        (TOML.replace("a.html", "leave.html").replace("marketing", "support"), "unsubscribe_url"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, toml, why):
    files = {
        "a.html": "<p>x {{ city }}</p>",
        "up.html": "{% include '../a.html' %}",
        "round.html": "{% include 'round.html' %}",
        "dynamic.html": "{% include city %}",
        "huge.html": "x" * 1_000_001,
        "wrong.html": "<p>\n{{ cty }}</p>",
        "leave.html": "<p>{{ unsubscribe_url }}</p>",
    }
    outside = tmp_path / "outside.html"
    outside.write_text("secret")
    folder = tmp_path / "campaign"
    folder.mkdir()
    (folder / "link.html").symlink_to(outside)
    (folder / "binary.html").write_bytes(b"\xff\xfe\x00")
    for name, text in files.items():
        (folder / name).write_text(text)
    path = write_campaign(folder, toml)
    if why is None:
        assert load_campaign(path, a_settings()).define()
        return
    with pytest.raises(HygieneError) as refused:
        load_campaign(path, a_settings()).define()
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_settings_without_its_stream_or_account(tmp_path):
    from hygiene.config import Settings

    path = write_campaign(tmp_path, TOML, a_html="<p>x</p>")
    with pytest.raises(UsageError, match=r"no \[streams.marketing\]"):
        load_campaign(path, Settings())
    with pytest.raises(UsageError, match="account 'other'"):
        load_campaign(path, _other_account())


def _other_account():
    import msgspec

    found = a_settings()
    stream = msgspec.structs.replace(found.streams["marketing"], account="other")
    return msgspec.structs.replace(found, streams={**found.streams, "marketing": stream})
