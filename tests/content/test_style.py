"""Colours, lengths, selectors: what a run of text looks like."""

import pytest

from hygiene.content.lint import lint_content
from hygiene.content.page import read_page
from hygiene.content.style import colour, contrast, declarations, pixels, read_sheet, readable


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("#ABC", (170, 187, 204)),
        ("#a1b2c3", (161, 178, 195)),
        ("#a1b2c3ff", (161, 178, 195)),
        ("#a1b2c380", None),
        ("rgb(1 2 3)", (1, 2, 3)),
        ("rgba(1,2,3,1)", (1, 2, 3)),
        ("rgba(1,2,3,.5)", None),
        ("RebeccaPurple", (102, 51, 153)),
        ("transparent", None),
        ("#12", None),
        ("", None),
    ],
)
def test_colours(text: str, meant: tuple[int, int, int] | None) -> None:
    assert colour(text) == meant


@pytest.mark.parametrize(  # WCAG's own examples, as its contrast checkers give them
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast(one: str, other: str, ratio: float) -> None:
    assert round(contrast(colour(one), colour(other)), 2) == ratio  # type: ignore[arg-type]
    assert contrast(colour(one), colour(other)) == contrast(colour(other), colour(one))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "of", "meant"),
    [
        ("14px", None, 14),
        ("10.5pt", None, 14),
        ("1.5em", 10, 15),
        ("2rem", 10, 32),
        ("1em", None, None),
        ("12vw", None, None),
    ],
)
def test_lengths(text: str, of: float | None, meant: float | None) -> None:
    assert pixels(text, of=of) == meant


@pytest.mark.parametrize(
    ("text", "ground"), [("#999999", "#ffffff"), ("#336699", "#223344"), ("#8bc34a", "#ffffff")]
)
def test_a_readable_shade_is_readable(text: str, ground: str) -> None:
    below = colour(ground)
    assert below is not None
    assert contrast(readable(colour(text), below, 4.5), below) >= 4.5  # type: ignore[arg-type]


def test_the_last_of_a_property_counts() -> None:
    assert declarations("color:red;COLOR : Blue !important;;:x;y") == {"color": "blue"}


def test_sheets_know_simple_selectors_outside_of_conditions() -> None:
    sheet = read_sheet(
        "p, .a{color:red} @media (x){.a{color:blue}} #b{color:green} .a .c{background:black} a:hover{color:red}"
    )
    assert sheet.of("p", "a", "") == {"color": "red"}
    assert sheet.of("td", "", "b") == {"color": "green"}
    assert sheet.of("td", "c", "") == {}
    assert sheet.grounds
    assert not read_sheet(".a .c{color:red} a:hover{background:red}").grounds


@pytest.mark.parametrize(
    ("html", "hidden"),
    [
        ("<p style='display:none'>x", "display: none"),
        ("<p style='visibility:hidden'>x", "visibility: hidden"),
        ("<p style='opacity:0'>x", "opacity: 0"),
        ("<p style='font-size:0'>x", "font-size: 0"),
        ("<div style='font-size:0'><p>x", "font-size: 0"),
        ("<div style='font-size:0'><p style='font-size:150%'>x", "font-size: 0"),
        ("<div style='font-size:0'><p style='font-size:13px'>x", ""),
        ("<div style='font-size:0;display:none'><p style='font-size:13px'>x", "display: none"),
        ("<p style='max-height:0;overflow:hidden'>x", "max-height: 0"),
        ("<p hidden>x", "hidden"),
        ("<div style='display:none'><p style='display:block'>x", "display: none"),
        ("<style>.h{display:none}</style><p class=h>x", "display: none"),
        ("<p style='max-height:0'>x", ""),
        ("<p style='opacity:.1'>x", ""),
    ],
)
def test_what_hides_text(html: str, hidden: str) -> None:
    (run,) = [run for run in read_page(html).runs if run.says]
    assert run.element.style.hidden == hidden


def test_backgrounds_are_those_around() -> None:
    page = read_page(
        "<table bgcolor='#000000'><td><p style='color:#ffffff'>a</p></td><td style='background:url(x)'>b"
    )
    first, second = (run.element.style for run in page.visible)
    assert (first.colour, first.background) == ((255, 255, 255), (0, 0, 0))
    assert second.background is None


def test_scripts_and_heads_are_not_shown() -> None:
    page = read_page("<title>t</title><script>s()</script><style>p{}</style><p>a<!-- c -->b</p>")
    assert page.words == "a b"
    assert page.comments == (" c ",)


def test_what_a_rule_that_is_not_followed_may_colour_is_unknown() -> None:
    html = "<style>.dark p{background:#000}</style><p style='color:#fff'>White<p style='color:#aaa'>Grey"
    for name in ("text-invisible", "contrast-low"):
        (finding,) = lint_content(html=html, select=[name]).findings
        assert finding.unknown
    said = html.replace("'color:#fff'", "'color:#fff;background:#fff'")
    assert lint_content(html=said, select=["text-invisible"]).faults
