"""Links that are counted: which are, that they lead where they led byte for byte, and that all else stays."""

import html as entities
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as reader

from hygiene.errors import UsageError
from hygiene.sending.campaign import load_campaign
from hygiene.sending.compose import Composer
from hygiene.sending.definition import Definition
from hygiene.sending.message import build
from hygiene.sending.preflight.rendering import without_tracking
from hygiene.sending.tracking import MAX_TARGET, find_links, find_text_links
from hygiene.tokens import Purpose, make_ref, read_target, read_token, sign_target, target_key
from tests.sending.campaign_files import CAMPAIGNS, SECRET, a_settings, tracking_settings, write_campaign

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
REF = make_ref("note", "somebody", SECRET)
OTHER = make_ref("note", "somebody else", SECRET)
BASE = "https://mail.bakery.example"
TOML = """name = "note"
stream = "marketing"
subject = "Loaves"
html = "a.html"
tracking = true
[fields]
name = "First Name"
link = "Shop Url"
"""


def page(body):
    return f"<!doctype html><html><head><title>x</title></head><body>{body}</body></html>"


def composer_of(tmp_path, body, toml=TOML, **files):
    path = write_campaign(tmp_path, toml, a_html=page(body), **files)
    return Composer(load_campaign(path, tracking_settings()).define(), SECRET)


def letter(composer, ref=REF, now=NOW, **fields):
    values = {"name": "Ann", "link": "https://shop.example/a?b=1&c=2", **fields}
    return composer.letter(ref=ref, recipient="ann@example.com", fields=values, now=now)


def hrefs(text):
    """What a browser makes of the links."""
    return [each.get("href") for each in reader.document_fromstring(text).iter("a", "area")]


def target(link, ref=REF):
    """Where a counted link leads; None for another link."""
    if not link.startswith(f"{BASE}/l/"):
        return None
    token, signed = link.removeprefix(f"{BASE}/l/").split("/")
    assert read_token(token, Purpose.CLICK, SECRET) == ref
    return read_target(ref, signed, SECRET)


def targets(composer, **options):
    return [target(each) for each in hrefs(letter(composer, **options).html)]


@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ("https://shop.example/", "https://shop.example/"),
        ("HTTPS://Shop.example/A?b=%C3%A9#top", "HTTPS://Shop.example/A?b=%C3%A9#top"),
        ("http://shop.example/?a=1&amp;b=2", "http://shop.example/?a=1&b=2"),
        ("https://shop.example/?a=1&copy=3&lang=de", "https://shop.example/?a=1&copy=3&lang=de"),
        ("https://shop.example/?q=&#39;&#x27;&lpar;", "https://shop.example/?q=''("),
        (" https://shop.example/x ", "https://shop.example/x"),
        ("https://shop.example/{{ name }}/b", "https://shop.example/Ann/b"),
        ("https://shop.example/?n={{ name }}&amp;c=%26", "https://shop.example/?n=Ann&c=%26"),
        ("{{ link }}", "https://shop.example/a?b=1&c=2"),
        (
            "{% if name == 'Ann' %}https://a.example/{% else %}https://b.example/{% endif %}",
            "https://a.example/",
        ),
        ("https://shop.example/{% for n in range(3) %}{{ n }}{% endfor %}", "https://shop.example/012"),
    ],
)
def test_a_link_leads_where_it_led(tmp_path, written, leads):
    made = composer_of(tmp_path, f'<p><a href="{written}">Loaves</a></p>')
    assert targets(made) == [leads]
    plain = Composer(without_tracking(made.definition), SECRET)
    assert [each.strip() for each in hrefs(letter(plain).html)] == [leads]


@pytest.mark.parametrize(
    "written",
    [
        *(
            "mailto:help@shop.example",
            "tel:+4131000",
            "#top",
            "sms:1",
            "javascript:x()",
            "/relative",
            "",
            "//a.example",
        ),
        *("https://", "https://shop.example/übersicht", "https://a@b.example/", "https://x.example/a b"),
        f"https://shop.example/{'a' * MAX_TARGET}",
        *(
            "{{ unsubscribe_url }}",
            "{{ preferences_url }}",
            "{{ preferences_url }}?lang=de",
            "mailto:{{ name }}@x.example",
        ),
        *("https://mail.bakery.example/u/abc", "https://shop.example/unsubscribe?u={{ name }}"),
    ],
)
def test_what_stays_as_it_is(tmp_path, written):
    made = composer_of(tmp_path, f'<p><a href="{written}">Loaves</a></p>')
    plain = Composer(without_tracking(made.definition), SECRET)
    assert hrefs(letter(made).html) == hrefs(letter(plain).html)


def test_leaving_is_never_counted_by_whatever_name(tmp_path):
    body = (
        '{% set way = unsubscribe_url %}<a href="{{ way }}">Enough</a>'
        '<a href="https://shop.example/p/7">Manage <b>preferences</b></a>'
        '<a href="https://shop.example/p/8">Newsletter abbestellen</a><a href="https://shop.example/">Shop</a>'
    )
    assert targets(composer_of(tmp_path, body)) == [None, None, None, "https://shop.example/"]


def test_a_link_may_be_left_alone_and_the_mark_stays_here(tmp_path):
    body = '<a data-hygiene-track="off" class="x" href="https://a.example/">a</a><a href="https://b.example/">b</a>'
    made = letter(composer_of(tmp_path, body)).html
    assert [target(each) for each in hrefs(made)] == [None, "https://b.example/"]
    assert 'class="x"' in made
    assert "data-hygiene-track" not in made
    with pytest.raises(UsageError, match='"off" does'):
        composer_of(tmp_path, body.replace('"off"', '"no"'))


def test_links_for_outlook_are_counted_and_comments_are_not(tmp_path):
    body = (
        '<!--[if mso]><v:roundrect href="https://shop.example/mso" id="x"></v:roundrect><![endif]-->'
        '<!-- <a href="https://old.example/">old</a> --><map name="m"><area href="https://shop.example/map"></map>'
        "<style>a{color:red}</style><!--[if !mso]><!--><a href='https://shop.example/web'>w</a><!--<![endif]-->"
    )
    made = letter(composer_of(tmp_path, body)).html
    vml = re.search(r'<v:roundrect href="([^"]*)"', made)[1]
    assert [target(each) for each in [vml, *hrefs(made)]] == [
        f"https://shop.example/{each}" for each in ("mso", "map", "web")
    ]
    assert 'href="https://old.example/"' in made


def test_a_tag_that_runs_out_of_a_link_is_refused(tmp_path):
    crossing = '<a href="https://a.example/{% if name %}" title="{% endif %}">a</a>'
    toml = TOML.replace("tracking", 'text = "a.txt"\ntracking')
    with pytest.raises(UsageError, match="ends outside"):
        composer_of(tmp_path, crossing, toml, a_txt="Hello")
    assert letter(composer_of(tmp_path, crossing, toml.replace("= true", "= false"), a_txt="Hello")).html


def test_the_pixel_is_the_last_of_the_body(tmp_path):
    made = letter(composer_of(tmp_path, '<a href="https://a.example/">a</a>')).html
    token = re.search(r'<img src="https://mail\.bakery\.example/o/([a-z2-7]+)" [^>]*alt=""[^>]*></body>', made)[
        1
    ]
    assert read_token(token, Purpose.OPEN, SECRET) == REF
    assert read_token(token, Purpose.CLICK, SECRET) is None


@pytest.mark.parametrize(
    ("asked", "pixel", "link", "text", "told"),
    [
        ("true", True, True, False, "both"),
        ('["opens"]', True, False, False, "open"),
        ('["clicks"]', False, True, False, "click"),
        ('["text-clicks"]', False, False, True, "click"),
        ('["opens", "clicks", "text-clicks"]', True, True, True, "both"),
    ],
)
def test_what_is_asked_is_counted_and_nothing_else(tmp_path, asked, pixel, link, text, told):
    toml = TOML.replace("tracking = true", f"tracking = {asked}")
    composer = composer_of(tmp_path, '<a href="https://a.example/x">a</a>', toml)
    made = letter(composer)
    assert ("/o/" in made.html, "/l/" in made.html, "/l/" in made.text) == (pixel, link, text)
    assert ("https://a.example/x" in made.text) is not text
    assert composer.definition.tracking.told == told


def test_nothing_is_counted_unless_it_is_asked_for(tmp_path):
    for toml in (
        TOML.replace("tracking = true", ""),
        TOML.replace("= true", "= false"),
        TOML.replace("= true", "= []"),
    ):
        made = composer_of(tmp_path, '<a href="https://a.example/x">a</a>', toml)
        assert "tracking" not in made.definition.to_json()  # so that those of before keep their hash
        assert not re.search("/[ol]/", letter(made).html + letter(made).text)


@pytest.mark.parametrize(
    ("service", "said"),
    [({}, "no tracking = true"), ({"url": BASE}, "no tracking = true"), ({"tracking": True}, "no url")],
)
def test_the_settings_have_the_last_word(tmp_path, service, said):
    path = write_campaign(tmp_path, TOML, a_html=page("x"))
    with pytest.raises(UsageError, match=said):
        load_campaign(path, a_settings(service=service))


@pytest.mark.parametrize("asked", ['"yes"', '["reads"]', "1", "[true]"])
def test_what_cannot_be_asked(tmp_path, asked):
    path = write_campaign(tmp_path, TOML.replace("= true", f"= {asked}"), a_html=page("x"))
    with pytest.raises(UsageError, match="tracking"):
        load_campaign(path, tracking_settings())


def test_text_links_are_counted_where_the_template_has_them(tmp_path):
    text = "See https://a.example/x?y=1&z, and ({{ link|link }}).\n{{ name }} {{ link }}\n"
    text += "Leave: {{ unsubscribe_url }}\n"
    toml = TOML.replace("tracking = true", 'tracking = ["text-clicks"]\ntext = "a.txt"')
    made = letter(composer_of(tmp_path, "x", toml, a_txt=text), name="https://evil.example/").text
    first, second, third = made.splitlines()
    found = re.fullmatch(r"See (\S+), and \((\S+)\)\.", first)
    assert [target(each) for each in found.groups()] == [
        "https://a.example/x?y=1&z",
        "https://shop.example/a?b=1&c=2",
    ]
    assert second == "https://evil.example/ https://shop.example/a?b=1&c=2"  # what a person wrote is not signed
    assert third.startswith(f"Leave: {BASE}/u/")


def test_lines_and_conditions_of_a_text_stay_where_they_are():
    text = "a\n  {{ x|link }}\nb https://a.example/{% if y %}1{% endif %} c\nhttps://b.example/.\n"
    assert find_text_links(text) == (
        "a\n  {%+ filter _click_text +%}{{ x|link }}{%+ endfilter +%}\n"
        'b https://a.example/{% if y %}1{% endif %} c\n{{ "aHR0cHM6Ly9iLmV4YW1wbGUv"|_sign }}.\n'
    )


def test_a_mail_is_the_same_octets_on_every_try_and_anothers_are_others(tmp_path):
    body = '<a href="https://a.example/">a</a><a href="{{ link }}">b</a>'
    first, second = composer_of(tmp_path, body), composer_of(tmp_path, body)
    assert build(letter(first)) == build(letter(second))
    assert letter(first).html == letter(first, now=NOW + timedelta(hours=3)).html
    for mine, other in zip(hrefs(letter(first).html), hrefs(letter(first, ref=OTHER).html), strict=True):
        assert mine != other
        assert target(other, OTHER) == target(mine)
        assert read_target(OTHER, mine.rsplit("/", 1)[1], SECRET) is None


def test_a_definition_is_read_back_with_what_it_counts(tmp_path):
    found = composer_of(tmp_path, "x").definition
    assert Definition.from_json(found.to_json()) == found
    assert found.tracking.base == BASE


def test_the_words_of_the_page_are_the_same(tmp_path):
    toml = (CAMPAIGNS / "spring.toml").read_text("utf-8")
    files = {path.name.replace(".", "_"): path.read_text("utf-8") for path in CAMPAIGNS.glob("*.mjml")}
    path = write_campaign(tmp_path, "tracking = true\n" + toml, **files)
    counted = Composer(load_campaign(path, tracking_settings()).define(), SECRET)
    plain = Composer(without_tracking(counted.definition), SECRET)
    fields = {
        "first_name": "Ann",
        "city": "Bern",
        "shop_url": "https://bakery.example/s",
        "until": "2026-04-30",
    }
    made, bare = (
        each.letter(ref=REF, recipient="a@b.example", fields=fields, now=NOW) for each in (counted, plain)
    )
    assert made.text == bare.text
    assert made.headers == bare.headers
    back = re.sub(r"<img[^>]*/o/[^>]*>", "", made.html)
    back = re.sub(
        r'"(https://mail\.bakery\.example/l/[^"]*)"', lambda it: f'"{entities.escape(target(it[1]))}"', back
    )
    assert back == bare.html
    assert back != made.html


URLS = st.from_regex(
    r"https://[a-z]{1,12}\.example/[A-Za-z0-9/?&=%._~!$'()*+,;:@#\-\[\]]{0,120}", fullmatch=True
)


@given(URLS, st.sampled_from(['"', "'"]))
def test_any_link_of_the_web_comes_back_byte_for_byte(url, quote):
    source = f"<p><a class=x href={quote}{entities.escape(url)}{quote}>go</a></p>"
    found = find_links(source)
    if found.left:  # reads as a way to leave
        assert found.source == source
        return
    written = re.search(r'\{\{ "([A-Za-z0-9_-]*)"\|_sign \}\}', found.source)[1]
    assert read_target(REF, sign_target(written, target_key(REF, SECRET)), SECRET) == url


@given(st.text(alphabet="<>a=\"' /hrefhtps:!-[]{}%v", max_size=60))
def test_no_markup_breaks_the_search_for_links(source):
    if "{" in source:
        return
    find_links(source)


HOSTILE = st.text(max_size=40) | st.sampled_from(
    [
        '"><script>',
        "javascript:alert(1)",
        "{% raw %}",
        "https://evil.example/\r\nX: y",
        "&quot;",
        "' onclick='x",
    ]
)


@given(HOSTILE)
def test_no_value_breaks_out_of_a_counted_link(value):
    made = letter(FIELDS, name=value, link=value).html
    links = hrefs(made)
    assert len(links) == 2
    assert len(re.findall("<a ", made)) == 2
    assert all(re.match(r"https://|#|mailto:|tel:|$", each) for each in links)
    assert "javascript:" not in made.lower()


def _fields():
    import tempfile
    from pathlib import Path

    body = '<a href="{{ link }}">a</a><a href="https://shop.example/{{ name }}?q={{ name }}">b</a>'
    with tempfile.TemporaryDirectory() as folder:
        return composer_of(Path(folder), body)


FIELDS = _fields()
