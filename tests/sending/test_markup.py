"""MJML, styles and the text part: template tags stay what they are, and nothing is fetched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.errors import UsageError
from hygiene.sending.markup import make_html
from hygiene.sending.tags import pieces, put_back, set_aside
from hygiene.sending.template import compile_template
from hygiene.sending.text_part import make_text


def page(body, head=""):
    return f"<!doctype html><html><head><title>t</title>{head}</head><body>{body}</body></html>"


def html(body, head=""):
    return make_html(page(body, head), mjml=False)


def mjml(body, head=""):
    return make_html(f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>", mjml=True)


def column(body):
    return mjml(f"<mj-section><mj-column>{body}</mj-column></mj-section>")


def read_and_make(body):
    compile_template(body, name="mail.html", html=True, known=("a",))
    return make_html(page(body), mjml=False, name="mail.html")


def tags(text):
    return re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("<p>{{ a }}</p>", "<p>{{ a }}</p>"),
        ('<p title="{{ a }}">x</p>', '<p title="{{ a }}">x</p>'),
        ('<p title="{{ a }}: quite">x</p>', '<p title="{{ a }}: quite">x</p>'),
        ('<p title="{% if a == "x" %}1{% endif %}">x</p>', 'title="{% if a == "x" %}1{% endif %}"'),
        ("<p title={{ a }}>x</p>", '<p title="{{ a }}">x</p>'),
        ('<a href="{{ a }}">x</a>', '<a href="{{ (a)|link }}">x</a>'),
        ('<a href="{{- a or b -}}">x</a>', '<a href="{{- (a or b)|link -}}">x</a>'),
        (
            '<a href="https://x.example/{{ a }}/b">x</a>',
            '<a href="https://x.example/{{ (a)|link_path }}/b">x</a>',
        ),
        ('<a href="https://x.example/?q={{ a }}&amp;r=1">x</a>', 'q={{ (a)|urlencode }}&amp;r=1"'),
        ('<a href="{% if a %}{{ b }}{% endif %}">x</a>', "{% if a %}{{ (b)|link_or_path }}{% endif %}"),
        ('<a href="{{ a }}{{ b }}">x</a>', '<a href="{{ (a)|link }}{{ (b)|link_or_path }}">x</a>'),
        ('<img src="{{ a }}" alt="{{ b }}">', '<img src="{{ (a)|link }}" alt="{{ b }}">'),
        ('<p style="color: {{ a }}">x</p>', "{{ (a)|css }}"),
        ("<table>{% for x in a %}<tr><td>{{ x }}</td></tr>{% endfor %}</table>", "{% for x in a %}<tr>"),
        ("<ul>{% if a %}<li>x</li>{% endif %}</ul>", "<ul>{% if a %}<li>x</li>{% endif %}</ul>"),
        ("<p>{# not this #}a</p>", "<p>a</p>"),
        ("<p>{% raw %}{{ a }}{% endraw %}</p>", "<p>{% raw %}{{ a }}{% endraw %}</p>"),
        ("<p>{{ '}}' }}</p>", "<p>{{ '}}' }}</p>"),
        ("<p>&lt;{{ a }}&amp;&nbsp;é</p>", "<p>&lt;{{ a }}&amp;&nbsp;é</p>"),
        ("<!--[if mso]><p>{{ a }}</p><![endif]-->", "<!--[if mso]><p>{{ a }}</p><![endif]-->"),
        ("<!--[if !mso]><!--><p>{{ a }}</p><!--<![endif]-->", "<p>{{ a }}</p><!--<![endif]-->"),
        ("<!-- {{ a }} --><p>b</p>", "<!-- {{ a }} -->"),
    ],
)
def test_tags_stay_where_they_stood(body, kept):
    assert kept in html(body)


def test_rows_stay_within_their_table():
    made = html("<table>{% if a %}<tr><td>x</td></tr>{% endif %}</table>")
    assert "<table><tbody>{% if a %}<tr><td>x</td></tr>{% endif %}</tbody></table>" in made
    own = html("<table>{% if a %}<tbody><tr><td>x</td></tr></tbody>{% endif %}</table>")
    assert "<table>{% if a %}<tbody>" in own


def test_declarations_of_a_style_stay_apart():
    made = html(
        '<p class="x" style="{% if a %}width: 1px;{% endif %}color: {{ b }}">y</p>',
        "<style>.x{margin:0}</style>",
    )
    style = re.search(r'<p[^>]*style="([^"]*)"', made)[1]
    assert "".join(style.split()) == "margin:0;{%ifa%};width:1px;{%endif%};color:{{(b)|css}}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<p {{ a }}>x</p>", "between attributes"),
        ('<p {% if a %}class="x"{% endif %}>y</p>', "between attributes"),
        ("<h{{ a }}>x</h1>", "between attributes"),
        ("<script>var a = {{ a }}</script>", "script"),
        ('<p onclick="{{ a }}">x</p>', "onclick"),
        ("<style>{% if a %}p { color: red }{% endif %}</style>", "style attribute"),
        ("<p>{{ a }</p>", "line 1"),
        ("<p>{% if %}", "line 1"),
    ],
)
def test_where_no_tag_can_stand(body, why):
    with pytest.raises(UsageError, match=why) as refused:
        read_and_make(body)
    assert str(refused.value).startswith("mail.html, line 1")


def test_styles_are_written_into_elements_and_what_cannot_be_stays():
    head = "<style>p{color:red} a:hover{color:blue} @media (max-width:9px){p{color:green}}</style>"
    made = html("<p>x</p>", head)
    assert re.search(r'<p style="color:\s*red;?">', made)
    assert "a:hover" in made
    assert "@media" in made
    assert "p{color:red}" not in made


def test_a_class_that_hangs_on_a_field_keeps_its_rule():
    made = html('<p class="{% if a %}x{% endif %}">y</p><p class="x">z</p>', "<style>.x{color:red}</style>")
    assert re.search(r"<style>.*\.x\s*\{\s*color:\s*red", made, re.DOTALL)


def test_nothing_is_fetched_and_no_file_is_read(tmp_path):
    secret = tmp_path / "secret.css"
    secret.write_text("p { color: #123456 }")
    head = "".join(
        f'<link rel="stylesheet" href="{href}">'
        for href in (str(secret), secret.as_uri(), "http://192.0.2.1/a.css", "secret.css")
    )
    made = html("<p>x</p>", f"{head}<style>@import url('{secret.as_uri()}'); p{{margin:0}}</style>")
    assert "123456" not in made
    assert made.count("<link") == 4


def test_mjml_includes_no_file_by_itself(tmp_path):
    (tmp_path / "a.mjml").write_text("<mj-text>secret</mj-text>")
    for words in (
        f'path="{tmp_path}/a.mjml"',
        f"path={tmp_path}/a.mjml",
        f'css-class="x" path="{tmp_path}/a.mjml"',
    ):
        with pytest.raises(UsageError, match="mj-include"):
            column(f"<mj-include {words} />")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("<mj-text>Hi {{ a }}</mj-text>", "Hi {{ a }}"),
        ('<mj-button href="{{ a }}">Go {{ b }}</mj-button>', 'href="{{ (a)|link }}"'),
        ('<mj-image src="https://x.example/{{ a }}.png" alt="{{ b }}" />', 'alt="{{ b }}"'),
        ("{% if a %}<mj-text>x</mj-text>{% endif %}", "{% if a %}"),
        ("<mj-table>{% for x in a %}<tr><td>{{ x }}</td></tr>{% endfor %}</mj-table>", "{% for x in a %}<tr>"),
        ('<mj-text color="{{ a }}">x</mj-text>', "color:{{ (a)|css }}"),
        ('<mj-text css-class="{{ a }}">x</mj-text>', 'class="{{ a }}"'),
    ],
)
def test_tags_survive_mjml(body, kept):
    made = column(body)
    assert kept in made
    assert "hjq" not in made


def test_mjml_sections_can_hang_on_a_condition():
    made = mjml("{% if a %}<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>{% endif %}")
    before, _, after = made.partition("{% if a %}")
    assert "x</div>" in after.partition("{% endif %}")[0]
    assert "x</div>" not in before


@pytest.mark.parametrize(
    "source",
    [
        "not mjml at all",
        "<mjml></mjml>",
        "<mjml><mj-body><mj-nosuch>x</mj-nosuch></mj-body></mjml>",
        '<mjml><mj-body><mj-section><mj-column width="{{ a }}"></mj-column></mj-section></mj-body></mjml>',
        "<mjml><mj-body nosuch='{{ a }}'><mj-section></mj-section></mj-body></mjml>",
    ],
)
def test_broken_mjml_is_one_sentence(source):
    with pytest.raises(UsageError) as refused:
        make_html(source, mjml=True, name="m.mjml")
    assert str(refused.value).startswith("m.mjml")
    assert "\n" not in str(refused.value)


def test_a_preheader_stands_hidden_in_front_of_everything():
    made = make_html(page("<p>Body</p>"), mjml=False, preheader="Fresh & <new> {{ a }}")
    assert re.search(r"<body><div style=\"display:none[^>]*>Fresh &amp; &lt;new&gt; \{\{ a \}\}", made)
    assert make_text(made) == "Body\n"
    with pytest.raises(UsageError, match="one place"):
        make_html(
            "<mjml><mj-head><mj-preview>x</mj-preview></mj-head><mj-body></mj-body></mjml>",
            mjml=True,
            preheader="y",
        )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x" * 1_000_001, "too large"),
        ("<div>" * 150_000, "nested deeper"),
        ("<div/>" * 150_000, "nested deeper"),
        ("<b><i>" * 1_000, "nested deeper"),
        ("{{ a }}" * 3_000, "more than 2,000 tags"),
        ("{{ '" + "}}" * 400_000 + "' }}", "too long"),
    ],
)
def test_a_huge_template_is_refused(source, why):
    with pytest.raises(UsageError, match=why):
        make_html(source, mjml=False)


def test_many_paragraphs_rows_and_elements_are_no_depth():
    body = (
        "<p>x<br>" * 2_000 + "<table><tr><td>y" * 1 + "<tr><td>z" * 2_000 + "</table>" + "<div>w</div>" * 2_000
    )
    assert make_text(html(body)).count("w") == 2_000


PIECES = """<p> </p> <td> <tr> <table> </table> {{_a_}} {%_if_a_%} {%_endif_%} x _ &amp; <a_href=" "> <!-- -->
/ ; > <!--[if_mso]> <![endif]--> <style> </style> <p_style=" <p_title= <p_title=' '> <title> </title>
<textarea> <xmp> ?q= <a_href="https://x.example/ <!--[if_!mso]><!--> <img_src= javascript:"""
MARKUP = st.lists(st.sampled_from(PIECES.split()), max_size=25).map(
    lambda found: "".join(found).replace("_", " ")
)


@given(MARKUP)
def test_what_is_set_aside_comes_back_or_is_refused(source):
    try:
        aside = set_aside(source, name="t", finished=True)
    except UsageError:
        return
    assert not tags(aside.markup)
    back = put_back(aside.markup, aside, name="t")
    assert tags(back) == tags(source)
    assert "hjq" not in back


@given(MARKUP)
def test_every_tag_of_a_page_is_still_there_or_the_page_refused(source):
    try:
        made = make_html(f"<html><body>{source}</body></html>", mjml=False)
    except UsageError:
        return
    said = {re.sub(r"\W|link|css|urlencode|_or_path|_path", "", tag) for tag in tags(made)}
    assert said == {re.sub(r"\W", "", tag) for tag in tags(source)}


HOSTILE = (
    "<b>",
    "</style><b>",
    "</title></textarea></xmp><b>",
    '" onclick="x',
    "' onclick='x",
    "x onclick=x",
    "--><b>",
    "<![endif]--><b>",
    "a;color:red",
    "&quot; onclick=x",
    '"><img src=x>',
    "`x`",
)


def shape(markup):
    """Elements with the names of their attributes."""
    from lxml import html as reader

    return [
        (str(each.tag) if isinstance(each.tag, str) else "comment", tuple(each.keys()))
        for each in reader.document_fromstring(markup).iter()
    ]


@given(MARKUP, st.sampled_from(HOSTILE))
def test_a_value_never_makes_an_element_or_an_attribute(source, value):
    try:
        made = make_html(f"<html><body>{source}</body></html>", mjml=False)
        template = compile_template(made, name="t", html=True, known=("a",))
    except UsageError:
        return
    assert shape(template.render({"a": value})) == shape(template.render({"a": "benign"}))


@given(MARKUP, st.sampled_from(["javascript:alert(1)", "java\tscript:x", " JAVASCRIPT:x", "data:text/html,x"]))
def test_a_value_never_makes_a_link_a_script(source, value):
    try:
        made = make_html(f"<html><body>{source.replace('javascript:', '')}</body></html>", mjml=False)
        template = compile_template(made, name="t", html=True, known=("a",))
    except UsageError:
        return
    links = [link for _, attribute, link in found_links(template.render({"a": value})) if attribute != "style"]
    assert not [
        link for link in links if re.match(r"(javascript|data):", re.sub(r"\s", "", link), re.IGNORECASE)
    ]


def found_links(markup):
    from lxml import html as reader

    return [
        (each, attribute, link) for each, attribute, link, _ in reader.document_fromstring(markup).iterlinks()
    ]


@given(st.text(alphabet="{}%# ab'\"\n-", max_size=40))
def test_pieces_are_the_template_or_no_template(source):
    from jinja2 import TemplateSyntaxError

    try:
        found = list(pieces(source))
    except TemplateSyntaxError:
        return
    assert all(piece.text for piece in found if piece.kind != "data")


# The text part


def text(body):
    return make_text(html(body)).rstrip("\n")


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("<h1>Hello</h1><p>One\n  two.</p><p>Three.</p>", "Hello\n\nOne two.\n\nThree."),
        ("<p>See <a href='https://x.example/a'>our shop</a>.</p>", "See our shop: https://x.example/a."),
        ("<p><a href='https://x.example/a'>https://x.example/a</a></p>", "https://x.example/a"),
        ("<p><a href='mailto:a@b.example'>Write</a></p>", "Write: a@b.example"),
        ("<p><a href='mailto:a@b.example'>a@b.example</a></p>", "a@b.example"),
        ("<p><a href='#top'>up</a></p>", "up"),
        ("<a href='https://x.example'><img src='a.png' alt='Our bread'></a>", "Our bread: https://x.example"),
        ("<a href='https://x.example'><img src='a.png' alt=''></a>", "https://x.example"),
        ("<ul><li>one</li><li>two <b>bold</b></li></ul>", "- one\n- two bold"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<p>a<br>b</p><hr><p>c</p>", f"a\nb\n\n{'-' * 20}\n\nc"),
        ("<style>p{color:red}</style><script>x</script><p>a</p>", "a"),
        ("<p style='display:none'>hidden</p><p>a</p>", "a"),
        ("<!--[if mso]>mso<![endif]--><p>a</p>", "a"),
        (
            "<table><tr><td>Loaf</td><td>4.00</td></tr><tr><td>Bun</td><td>1.00</td></tr></table>",
            "Loaf  4.00\nBun  1.00",
        ),
        ("<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>", "a\n\nb"),
        ("<p>&nbsp;&zwnj;a&shy;b &lt;c&gt;</p>", "ab <c>"),
        (
            "<p>Hi {{ a }}, {% if b %}yes{% else %}no{% endif %}.</p>",
            "Hi {{ a }}, {% if b %}yes{% else %}no{% endif %}.",
        ),
        ("{% if a %}<p>x</p>{% endif %}<p>y</p>", "{% if a %}\nx\n\n{% endif %}\ny"),
        ("<p>a {% if b %}yes{% endif %}</p><p>c</p>", "a {% if b %}yes{% endif +%}\n\nc"),
        ("<p><a href='{{ a }}'>Go</a></p>", "Go: {{ (a)|link }}"),
    ],
)
def test_the_text_part_is_good_to_read(body, written):
    assert text(body) == written


@given(MARKUP)
def test_a_text_part_is_made_of_anything(source):
    try:
        made = make_html(f"<html><body>{source}</body></html>", mjml=False)
        words = make_text(made)
    except UsageError:
        return
    assert "hjq" not in words


def test_deep_nesting_is_refused_in_a_text_part():
    with pytest.raises(UsageError, match="nested deeper"):
        make_text(page("<div>" * 200 + "deep"))
