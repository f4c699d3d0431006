"""Templates: what they may do, and that nothing else is reached, runs for long or grows without end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from hygiene.errors import UsageError
from hygiene.sending.template import MAX_RENDERED, compile_template, environment

KNOWN = ("name", "n", "url")


def render(source, *, html=False, **values):
    return compile_template(source, name="t", html=html, known=KNOWN).render({"name": "", **values})


def refusal(source, **values):
    with pytest.raises(UsageError) as refused:
        render(source, **values)
    said = str(refused.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "source",
    [
        "{{ name.__class__ }}",
        "{{ name['__class__'] }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name|attr('__class__') }}",
        "{{ name.format('x') }}",
        "{{ '{0.__class__}'.format(name) }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ range.__self__ }}",
        "{{ loop.__init__ }}",
        "{% for x in range(2) %}{{ loop.changed }}{% endfor %}",
        "{% import 'os' as os %}",
        "{% from 'x' import y %}",
        "{% include '/etc/passwd' %}",
        "{% include name %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% call name() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set x %}{{ name }}{{ name }}{% endset %}",
        "{% set x = name ~ name %}",
        "{% set x = [name, name] %}",
        "{% with x = 1 %}{% endwith %}",
        "{{ namespace() }}",
        "{{ name|safe }}",
        "{{ name|map('upper') }}",
        "{{ name|pprint }}",
        "{{ {'a': 1} }}",
        "{{ name[:1] }}",
        "{{ __name__ }}",
        "{{ 9 ** 9 }}",
        "{% for x in range(2) recursive %}{{ loop(x) }}{% endfor %}",
        "{% for a in name %}{% for b in name %}{% for c in name %}{% endfor %}{% endfor %}{% endfor %}",
    ],
)
def test_what_a_template_must_not_do_is_refused_when_it_is_read(source):
    with pytest.raises(UsageError) as refused:
        compile_template(source, name="t", html=True, known=KNOWN)
    assert str(refused.value).startswith("t")


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in range(10**9) %}x{% endfor %}",
        "{% for x in range(1000000000) %}x{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ name + name }}",
        "{{ 999999999 * 999999999 }}",
        "{{ 1 / 0 }}",
        "{{ name < 3 }}",
        "{{ name|int }}",
        "{{ name|date }}",
        "{{ '2026-01-01'|date('%1000000000Y') }}",
        "{{ name|money('€', 'xx') }}",
        "{% for x in range(1000) %}{% for y in range(1000) %}0123456789{% endfor %}{% endfor %}",
    ],
)
def test_what_would_run_for_long_or_fail_is_one_sentence(source):
    assert refusal(source, name="abc").startswith("t")


def test_the_size_of_what_is_written_is_bounded():
    source = "{% for x in range(1000) %}" + "x" * (MAX_RENDERED // 900) + "{% endfor %}"
    assert "grows beyond" in refusal(source)


def test_an_unknown_field_is_named_with_its_line_and_what_was_meant():
    assert refusal("a\nb {{ nam }}") == "t, line 2: 'nam' is no field of the campaign; did you mean name?"
    assert "there are n, name, url" in refusal("{{ zzz }}")
    assert "line 3" in refusal("a\n\n{% if name %}")


def test_a_missing_value_is_an_error_and_never_a_blank():
    with pytest.raises(UsageError, match="'url' is undefined"):
        compile_template("{{ url }}", name="t", html=True, known=KNOWN).render({})


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{{ name|default('you') }}", "you"),
        ("{{ url|default('x') }}", "x"),
        ("{{ 'ANN-marie o’neil'|title }}", "Ann-Marie O’neil"),
        ("{{ 'mcX'|capitalize }}", "McX"),
        ("{{ 'a long sentence of words'|truncate(10) }}", "a long…"),
        ("{{ '1234.5'|money('€') }}", "€1,234.50"),
        ("{{ '-1234.5'|money('€') }}", "-€1,234.50"),
        ("{{ '1234.5'|money('€', 'de') }}", "1.234,50\u00a0€"),
        ("{{ 1234.5|money('CHF', 'ch') }}", "CHF\u00a01’234.50"),
        ("{{ '12'|int * 2 }}", "24"),
        ("{{ 1234567|number }}", "1,234,567"),
        ("{{ '2026-03-02'|date }}", "2 March 2026"),
        ("{{ '2026-03-02T10:00:00+01:00'|date('%H:%M') }}", "10:00"),
        ("{{ 'Ann Lee'|first_word|upper }}", "ANN"),
        ("{{ 'a b&c'|urlencode }}", "a%20b%26c"),
        ("{% for x in range(3) %}{{ x }}{{ '' if loop.last else ',' }}{% endfor %}", "0,1,2"),
        ("{% set who = name|default('you') %}{{ who }}", "you"),
        ("{{ 'yes' if name else 'no' }}", "no"),
        ("{% if name == '' and not url is defined %}x{% endif %}", "x"),
    ],
)
def test_what_templates_can_write(source, written):
    assert render(source) == written


VALUES = st.text(max_size=60) | st.sampled_from(
    ["{{ 7*7 }}", "{% raw %}", "<script>", '"><img src=x>', "a\r\nBcc: b@c", "{#", "}}", "%}", "\x00"]
)


@given(VALUES)
def test_a_value_is_text_whatever_it_holds(value):
    assert render("[{{ name }}]", name=value) == f"[{value}]"
    assert render("[{{ name }}]", html=True, name=value) == f"[{escape(value)}]"


@given(
    st.lists(
        st.sampled_from(
            ["{{ a }}", "{{b}}", "{{- a -}}", "\n", " <b>", "&", "{# no #}", "{% raw %}{{{% endraw %}"]
        )
    ),
    VALUES,
    VALUES,
    st.booleans(),
)
def test_plain_templates_are_filled_as_jinja_fills_them(pieces, a, b, html):
    template = compile_template("x".join(pieces), name="it", html=html, known={"a", "b"})
    assert template.plain is not None
    assert template.render({"a": a, "b": b}) == replace(template, plain=None).render({"a": a, "b": b})


@pytest.mark.parametrize(
    "source", ["{{ range }}", "{{ a|upper }}", "{% set a = 1 %}", "{% if a %}b{% endif %}"]
)
def test_a_template_that_does_more_is_left_to_jinja(source):
    assert compile_template(source, name="it", html=True, known={"a"}).plain is None


@given(VALUES)
def test_a_link_is_http_mail_or_telephone_or_leads_nowhere(value):
    link = render("{{ url|link }}", url=value)
    assert link in {"", "#"} or link.lower().startswith(("http:", "https:", "mailto:", "tel:"))
    assert not set(link) & set(" \r\n\t\"'<>") - {"'"}


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "vbscript:x",
        "data:text/html,<script>",
        "file:///etc/passwd",
        "//evil.example",
        "www.shop.example",
        "\u200bjavascript:x",
    ],
)
def test_other_schemes_lead_nowhere(value):
    assert render("{{ url|link }}", url=value) == "#"


@given(VALUES)
def test_a_style_gets_no_new_declaration(value):
    assert not set(render("{{ name|css }}", name=value)) & set(";:{}<>\"'\\/@")


@given(st.text(max_size=200))
def test_any_text_is_a_template_or_refused_with_a_sentence(source):
    said = "t"
    try:
        compile_template(source, name="t", html=True, known=KNOWN)
    except UsageError as error:
        said = str(error)
    assert said.startswith("t")


def test_the_sandbox_holds_without_the_check():
    place = environment(html=True)
    for source in ("{{ name.__class__ }}", "{{ name.upper() }}", "{{ 2 ** 3 }}", "{{ 'a' + 'b' }}"):
        with pytest.raises(Exception, match=r"unsafe|safe|part of templates|numbers|undefined"):
            place.from_string(source).render(name="x")
