"""The pages as a browser shows them: on a phone, on a desk, in the dark and on paper."""

import re
from itertools import pairwise

import pandas as pd
import pytest

from hygiene.demo.mailing import write_mailing
from hygiene.metrics.measure import measure
from hygiene.metrics.variants.compare import compare_variants
from hygiene.render.page import render_page

from ..conftest import find_program
from .odd_logs import NAMES, odd_logs, write_log
from .season import HOSTILE, write_season

pytestmark = pytest.mark.server("chromium")

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
ARMS = (
    "<b>Last chance: our whole autumn collection at half the price</b>",
    "B",
    HOSTILE[-1],
    "😀 and so on " * 9,
)
WIDTHS = (320, 360, 1280)
#: WCAG 2.2: text, and text that is large
ENOUGH, ENOUGH_IF_LARGE = 4.5, 3.0

#: every piece of text: what it says, its colour, what is painted behind it, and how large it is
TEXTS = """() => {
  const painted = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/rgba\\(0, 0, 0, 0\\)|transparent/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), drawn = element.namespaceURI.endsWith('svg');
    found.push({
      text, colour: drawn ? style.fill : style.color, behind: painted(element), drawn,
      size: parseFloat(style.fontSize), bold: parseInt(style.fontWeight) >= 600,
    });
  }
  return found;
}"""

#: elements that reach beyond the page and are not inside a box that scrolls
BEYOND = """() => [...document.body.querySelectorAll('*')].filter(element => {
  const scrolls = element.parentElement.closest('.scroll, .tree, pre');
  return !scrolls && element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5;
}).map(element => element.outerHTML.slice(0, 120))"""


#: texts of pictures that lie over each other, or reach out of their picture
COLLIDING = """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  const found = texts.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1)
    .map(([text]) => [text, 'outside']);
  texts.forEach(([text, one], at) => texts.slice(at + 1).forEach(([other, box]) => {
    const wide = Math.min(one.right, box.right) - Math.max(one.left, box.left);
    const high = Math.min(one.bottom, box.bottom) - Math.max(one.top, box.top);
    if (wide > 1.5 && high > 3) found.push([text, other]);
  }));
  return found;
})"""

#: what is wider than its box where boxes do not scroll: tables, tiles and pictures on paper
CUT = """() => [...document.querySelectorAll('.scroll, .tile, figure, .card, .hero')]
  .filter(each => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1)
  .map(each => [each.className, each.scrollWidth - each.clientWidth, each.textContent.trim().slice(0, 80)])"""
PAPER = 695  # pixels of a sheet of A4 between its margins


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_program("chromium"), args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """A page full of hostile names."""
    folder = tmp_path_factory.mktemp("season")
    kpis = measure(write_season(folder / "<b>season.jsonl"), by="campaign")
    page = folder / "page.html"
    page.write_text(render_page([kpis.sections()], title="Mail measured"), encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The page of the built-in sample."""
    folder = tmp_path_factory.mktemp("sample")
    log, orders = write_mailing(folder)
    kpis = measure(log, by="campaign", orders=orders)
    page = folder / "page.html"
    page.write_text(render_page([kpis.sections()], title="Mail measured"), encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    """A test of four arms with hostile names."""
    rows = []
    for number, name in enumerate(ARMS):
        for person in range(1_200):
            told = {"email": f"{number}-{person}@x.example", "variant": name, "campaign": "<b>autumn"}
            told |= {"message_id": f"{number}-{person}", "timestamp": 1_788_256_800 + person}
            kinds = ["sent", "delivered", *(["clicked"] if person < 30 + 40 * number else [])]
            rows += [{**told, "event": kind} for kind in kinds]
    comparison = compare_variants(pd.DataFrame(rows), campaign="<b>autumn", now="2026-09-30")
    page = tmp_path_factory.mktemp("variants") / "page.html"
    page.write_text(render_page([comparison.sections()], title="Variants compared"), encoding="utf-8")
    return page


@pytest.fixture
def opened(browser):
    """A function that opens a page; what it complained of and asked for is checked at the end."""
    contexts, heard = [], []

    def open_page(path, *, width=360, scheme="light", details=False):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: request.url == path.as_uri() or heard.append(request.url))
        page.goto(path.as_uri())
        if details:
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [each for each in heard if not each.startswith("data:,")]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A function that measures one of the odd logs by campaign; where its page is."""
    folder, logs, pages = tmp_path_factory.mktemp("odd"), odd_logs(), {}

    def page_of(name):
        if name not in pages:
            by = "provider" if name == "sixty providers" else "campaign"
            kpis = measure(write_log(folder / f"{len(pages)}.jsonl", logs[name]), by=by)
            pages[name] = folder / f"{len(pages)}.html"
            pages[name].write_text(render_page([kpis.sections()], title="Mail measured"), encoding="utf-8")
        return pages[name]

    return page_of


@pytest.mark.parametrize("name", list(odd_logs()))
def test_an_odd_log_has_a_page_as_good(opened, odd, name):
    path = odd(name)
    assert path.stat().st_size < 300_000
    for width in (360, 1280):
        page = opened(path, width=width, details=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(BEYOND) == []
        assert page.evaluate(COLLIDING) == []
    for scheme in ("light", "dark"):
        texts = opened(path, width=1280, scheme=scheme, details=True).evaluate(TEXTS)
        assert [text for text in texts if contrast(text["colour"], text["behind"]) < needed(text)] == []
    paper = opened(path, width=PAPER)
    paper.emulate_media(media="print")
    assert paper.evaluate(CUT) == []
    heights = "[...document.querySelectorAll('figure, .tile')].map(each => each.getBoundingClientRect().height)"
    assert max(paper.evaluate(heights), default=0) < 900


@pytest.mark.parametrize("width", [360, 1280])
def test_a_figure_of_a_tile_keeps_clear_of_what_stands_beside_it(opened, odd, width):
    page = opened(odd("nobody complains"), width=width)
    assert (
        page.evaluate(
            """() => [...document.querySelectorAll('.tile strong')].filter(figure => {
          const box = figure.getBoundingClientRect();
          return [...figure.closest('.tile').querySelectorAll('p')].some(other => {
            const its = other.getBoundingClientRect();
            return !other.contains(figure) && its.left < box.right - 1 && box.left < its.right - 1
              && its.top < box.bottom - 6 && box.top < its.bottom - 6;
          });
        }).map(figure => figure.textContent)"""
        )
        == []
    )


def test_names_of_all_scripts_stay_text(opened, odd):
    page = opened(odd("names of all scripts"), details=True)
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, img, iframe, main style").count() == 0
    text = page.evaluate("document.body.textContent")
    for name in NAMES:
        if name.strip() and name.isprintable() and len(name) < 48:
            assert name in text
    assert "a\\x00b\\x1b[31mred\\x07\\u202eevil" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["sample", "season", "variants"])
def test_nothing_reaches_beyond_the_page(opened, request, page, width):
    shown = opened(request.getfixturevalue(page), width=width, details=True)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.evaluate(BEYOND) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(opened, season, scheme):
    texts = opened(season, width=1280, scheme=scheme, details=True).evaluate(TEXTS)
    assert len(texts) > 500
    faint = [text for text in texts if contrast(text["colour"], text["behind"]) < needed(text)]
    assert faint == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_can_be_seen(opened, season, scheme):
    """Lines and bars that carry a figure, against what is painted behind them (WCAG 2.2, 1.4.11)."""
    colours = opened(season, scheme=scheme).evaluate(
        """() => [...document.querySelectorAll("figure path, .bar rect, .spark polyline")].map(shape => {
          const style = getComputedStyle(shape);
          return [style.fill == 'none' ? style.stroke : style.fill, shape.getAttribute('style') || ''];
        })"""
    )
    carrying = {colour for colour, style in colours if not re.search("--(line|card|rest|pale)|opacity", style)}
    behind = opened(season, scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(carrying) > 3
    assert [colour for colour in carrying if contrast(colour, behind) < ENOUGH_IF_LARGE] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_a_comparison_can_be_read(opened, variants, scheme):
    page = opened(variants, width=1280, scheme=scheme, details=True)
    texts = page.evaluate(TEXTS)
    assert [text for text in texts if contrast(text["colour"], text["behind"]) < needed(text)] == []
    assert page.locator("script, img, main style, main b, main i").count() == 0
    assert (
        page.evaluate("[...document.querySelectorAll('th')].filter(each => !each.textContent.trim()).length")
        == 0
    )


def test_a_phone_shows_who_leads_without_a_swipe(opened, variants):
    """The picture as a whole, and each difference beside its arms."""
    page = opened(variants, width=360)
    (figure,) = page.locator("figure svg").all()
    assert figure.bounding_box()["width"] <= 360
    ends = page.evaluate(
        """() => [...document.querySelectorAll('table')]
        .filter(each => each.rows[0].cells[0].textContent == 'arms')
        .flatMap(each => [...each.querySelectorAll('tbody td:nth-child(2)')])
        .map(cell => cell.getBoundingClientRect().right)"""
    )
    assert len(ends) == 6
    assert max(ends) <= 360


def test_light_and_dark_differ(opened, sample):
    colours = [
        opened(sample, scheme=scheme).evaluate(
            """() => [document.body, document.querySelector('figure path[style*="--accent"]')]
            .map(element => getComputedStyle(element)).map(style => [style.backgroundColor, style.fill])"""
        )
        for scheme in ("light", "dark")
    ]
    (light_page, light_drawn), (dark_page, dark_drawn) = colours
    assert luminance(light_page[0]) > 0.8 > 0.1 > luminance(dark_page[0])
    assert light_drawn[1] != dark_drawn[1]


def test_texts_in_pictures_keep_a_size_that_can_be_read(opened, season):
    sizes = opened(season, width=360).evaluate(
        """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
          const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
          const texts = [...svg.querySelectorAll('text')];
          return texts.map(text => parseFloat(getComputedStyle(text).fontSize) * scale);
        })"""
    )
    assert len(sizes) > 100
    assert min(sizes) > 8


def test_texts_of_a_picture_stay_within_it(opened, season):
    outside = opened(season, width=1280).evaluate(
        """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
          const box = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter(text => {
            const own = text.getBoundingClientRect();
            return own.left < box.left - 1 || own.right > box.right + 1
              || own.top < box.top - 1 || own.bottom > box.bottom + 1;
          }).map(text => text.textContent);
        })"""
    )
    assert outside == []


def test_headings_come_in_order(opened, season):
    levels = opened(season, details=True).evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(each => +each.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - one <= 1 for one, later in pairwise(levels))


def test_hostile_names_stay_text(opened, season):
    page = opened(season, details=True)
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, img, iframe, object, embed, main style, main b, main i").count() == 0
    text = page.evaluate("document.body.textContent")
    for name in HOSTILE[:-1]:
        assert name in text
    assert HOSTILE[-1].replace("\u202e", "\\u202e") in text


def test_every_picture_says_what_it_shows(opened, season):
    told = opened(season).evaluate(
        "[...document.querySelectorAll('figure svg')].map(each => [each.getAttribute('role'), each.ariaLabel])"
    )
    assert len(told) > 12
    assert all(role == "img" and len(label) > 10 for role, label in told)


def test_paper_cuts_no_picture(opened, season):
    """Paged by Chromium itself: no picture or tile lies across the edge of a page."""
    page = opened(season, width=720)
    page.emulate_media(media="print")
    kept = page.evaluate(
        """() => [...document.querySelectorAll('figure, .tile, .card')].map(each =>
          [getComputedStyle(each).breakInside, each.scrollWidth - each.clientWidth])"""
    )
    assert len(kept) > 20
    assert all(inside == "avoid" for inside, _ in kept)
    assert all(hidden <= 1 for _, hidden in kept)
    heights = page.evaluate(
        "[...document.querySelectorAll('figure')].map(each => each.getBoundingClientRect().height)"
    )
    assert max(heights) < 900  # of the 1,009 that a sheet of A4 has between its margins
    boxes = page.evaluate(
        "[...document.querySelectorAll('figure .scroll')].map(each => getComputedStyle(each).overflowX)"
    )
    assert set(boxes) == {"visible"}
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert len(pages) > 3


def test_folded_parts_are_on_paper(opened, sample):
    page = opened(sample, width=720)
    page.emulate_media(media="print")
    hidden = page.evaluate(
        """() => [...document.querySelectorAll('details > :not(summary)')]
        .filter(each => !each.checkVisibility()).length"""
    )
    assert hidden == 0


def test_a_desk_needs_no_scrolling_sideways(opened, sample):
    """Of the usual page all tables fit their boxes."""
    page = opened(sample, width=1280, details=True)
    assert page.evaluate(CUT) == []


def test_a_usual_page_is_small(sample, season):
    assert sample.stat().st_size < 150_000
    assert season.stat().st_size < 300_000


def needed(text):
    large = text["size"] >= 24 or (text["bold"] and text["size"] >= 18.66)
    return ENOUGH_IF_LARGE if large else ENOUGH


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    """Relative luminance of `rgb(…)`, as WCAG defines it."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
