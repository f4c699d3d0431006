import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygiene.render.charts import draw, tick_texts, ticks
from hygiene.render.lettering import width_of
from hygiene.render.markdown import render_markdown
from hygiene.render.page import render_page
from hygiene.render.sections import (
    Cell,
    Chart,
    ChartKind,
    Document,
    Event,
    Headline,
    Picture,
    Point,
    Scale,
    Section,
    Series,
    Table,
    Tile,
    Tiles,
    Tone,
)
from hygiene.render.terminal import render_terminal

POINTS = tuple(
    Point(label=f"{day} Sep", at=day, value=share, figure=f"{share:.1%}", low=share / 2, high=share * 2)
    for day, share in ((1, 0.02), (8, 0.035), (15, 0.01))
)
LINE = Picture(
    title="Bounced",
    kind=ChartKind.LINE,
    series=(Series(points=POINTS),),
    limits=(0.03,),
    aim="< 3 %",
    events=(Event(8, "autumn"),),
    summary="Bounced by week: from 2 % to 1 %.",
)
PICTURES = {kind: replace(LINE, kind=kind) for kind in ChartKind}
TABLE = Table(columns=("week", "bounced"), rows=((Cell("1 Sep"), Cell("2.0 %")),), align="lr")
CHART = Chart(pictures=(LINE,), tables=(TABLE,), note="Read it so.")


def document(*blocks, drawn=False):
    head = Headline(subject="S", verdict="1", tone=Tone.PLAIN)
    return Document(headline=head, sections=(Section(title="T", blocks=blocks, drawn=drawn),))


def texts(svg):
    return [text.text for text in ElementTree.fromstring(str(svg)).iter("text")]


@pytest.mark.parametrize("kind", list(ChartKind))
def test_the_bytes_are_deterministic(kind):
    assert draw(PICTURES[kind]) == draw(PICTURES[kind])


@pytest.mark.parametrize("kind", list(ChartKind))
def test_only_shapes_and_texts_are_left(kind):
    svg = str(draw(PICTURES[kind]))
    assert set(re.findall(r"<(\w+)", svg)) == {"svg", "path", "text"}
    assert not re.search(r"#[0-9a-f]{6}|\bid=|href|url\(|<!--|font-family", svg)
    assert 'role="img" aria-label="Bounced by week: from 2 % to 1 %."' in svg
    assert len(svg) < 6_000


@pytest.mark.parametrize("kind", list(ChartKind))
@pytest.mark.parametrize(
    "name",
    ["<script>x</script>", '" onload="x', "$\\frac{1}{0}$", "a\x00b\u202ec", "%s {} {{ x }}", "日本語", "]]>"],
)
def test_names_are_text_and_no_formula(kind, name):
    point = replace(POINTS[0], label=name, figure=name)
    picture = replace(PICTURES[kind], series=(Series(points=(point, *POINTS[1:]), label=name),), summary=name)
    picture = replace(picture, events=(Event(1, name),), aim=name)
    root = ElementTree.fromstring(str(draw(picture)))
    assert {element.tag for element in root.iter()} == {"svg", "path", "text"}
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]


@pytest.mark.parametrize("kind", list(ChartKind))
@pytest.mark.parametrize(
    "values", [(0.0,), (1.0,), (0.0, 0.0), (None, 0.5), (1e-9, 1.0), (0.999, 0.9995), (5e8, 2.0)]
)
def test_few_and_extreme_figures_can_be_drawn(kind, values):
    points = tuple(Point(label=str(at), at=at, value=value, figure="x") for at, value in enumerate(values))
    scale = Scale.COUNT if max(value or 0 for value in values) > 1 else Scale.SHARE
    svg = str(draw(replace(PICTURES[kind], series=(Series(points=points),), events=(), scale=scale)))
    assert "nan" not in svg
    assert "inf" not in svg


def test_nothing_is_drawn_of_nothing():
    nothing = replace(LINE, series=(Series(points=(replace(POINTS[0], value=None),)),))
    assert draw(nothing) == ""
    page = render_page([document(Chart(pictures=(nothing,), tables=(TABLE,)))], title="T")
    assert "<figure" not in page
    assert "2.0 %" in page


@pytest.mark.parametrize("kind", [ChartKind.LINE, ChartKind.BARS])
def test_the_benchmark_is_named_where_it_is_drawn_and_left_out_where_it_is_far(kind):
    assert "aim < 3 %" in texts(draw(PICTURES[kind]))
    assert "aim < 90 %" not in texts(draw(replace(PICTURES[kind], limits=(0.9,), aim="< 90 %")))


@pytest.mark.parametrize("kind", [ChartKind.LINE, ChartKind.BARS])
@pytest.mark.parametrize("limits", [(0.0,), (0.02, 0.03), (0.07,)])
def test_benchmarks_at_the_edge_are_named(kind, limits):
    assert "aim so" in texts(draw(replace(PICTURES[kind], limits=limits, aim="so")))


def test_the_name_of_a_benchmark_does_not_stand_at_another_line():
    """All figures at 100 %, the aim at 0.1 %: its name is above the plot, behind a piece of its own line."""
    points = tuple(Point(label=str(at), at=at, value=1.0, figure="100 %", low=0.99, high=1) for at in range(3))
    svg = str(draw(replace(LINE, series=(Series(points=points),), limits=(0.001,), aim="< 0.1 %")))
    assert len(re.findall(r"stroke-dasharray", svg)) == 2


@pytest.mark.parametrize(("limits", "top"), [((0.001,), "0.100 %"), ((), "0.4 %")])
def test_where_nothing_happened_the_axis_reaches_to_the_aim_or_as_far_as_is_sure(limits, top):
    points = tuple(
        Point(label=str(at), at=at, value=0.0, figure="0 %", low=0, high=0.004 + at / 100) for at in range(3)
    )
    drawn = texts(draw(replace(LINE, series=(Series(points=points),), limits=limits)))
    assert [text for text in drawn if text.endswith("%") and "aim" not in text][-1] == top


def test_of_many_points_only_those_that_say_something_are_dots():
    def dots(**told):
        points = [Point(label=str(at), at=at, value=0.02, figure="2 %") for at in range(40)]
        points[7] = replace(points[7], **told)
        return len(
            re.findall(
                "stroke-width:1.5", str(draw(replace(LINE, series=(Series(points=tuple(points)),), events=())))
            )
        )

    assert (dots(), dots(tone=Tone.UNKNOWN), dots(tone=Tone.BAD), dots(open=True)) == (0, 0, 1, 1)


@pytest.mark.parametrize(("days", "shown"), [(30, 30), (31, 0)])
def test_launches_everywhere_are_no_marks(days, shown):
    points = tuple(Point(label=str(at), at=at, value=0.02, figure="2 %") for at in range(60))
    events = tuple(Event(at, "x") for at in range(days)) * 2
    svg = str(draw(replace(LINE, series=(Series(points=points),), events=events)))
    assert len(re.findall("stroke:var\\(--soft\\);stroke-width:1.5", svg)) == shown


@pytest.mark.parametrize("kind", [ChartKind.BARS, ChartKind.COLUMNS])
def test_names_that_begin_and_end_alike_can_be_told_apart(kind):
    names = [f"Campaign {number} – spring sale, everything must go" for number in range(4)]
    points = tuple(replace(POINTS[0], at=at * 30, label=name) for at, name in enumerate(names))
    events = tuple(Event(at * 30, name) for at, name in enumerate(names))
    picture = replace(
        PICTURES[kind], series=(Series(points=points),), events=events, wide=kind is ChartKind.COLUMNS
    )
    named = {text for text in texts(draw(picture)) if "…" in text}
    assert len(named) == 4


@pytest.mark.parametrize("kind", list(ChartKind))
@pytest.mark.parametrize("name", ["春节大促销", "עברית", "حملة", "हिन्दी", "😀🔥", "👩\u200d🌾", "❤\ufe0f"])
def test_letters_of_any_script_are_text_for_the_reader_s_fonts(kind, name):
    """Drawn as outlines, what matplotlib's own font lacks would be a box."""

    def drawn(label):
        points = (replace(POINTS[0], label=label, note=label), *POINTS[1:])
        picture = replace(
            PICTURES[kind], series=(Series(points=points, label=label),), events=(Event(1, label),)
        )
        return ElementTree.fromstring(str(draw(picture)))

    assert any(text.text == name for text in drawn(name).iter("text"))
    assert len(list(drawn(name).iter("path"))) == len(list(drawn("abc").iter("path")))


def test_bars_are_as_long_as_their_figures():
    points = tuple(Point(label=f"{share}", value=share, figure="") for share in (0.4, 0.2, 0.1))
    svg = str(draw(replace(PICTURES[ChartKind.BARS], series=(Series(points=points),), limits=())))
    lengths = []
    for outline in re.findall(r'd="(M[^"]*)" style="fill:var\(--accent\)', svg):
        places = [float(x) for x in re.findall(r"[ML](-?[\d.]+)", outline)]
        lengths.append(max(places) - min(places))
    assert lengths == pytest.approx([4 * lengths[2], 2 * lengths[2], lengths[2]], abs=0.4)


def test_what_missed_has_a_mark_besides_its_colour():
    points = (replace(POINTS[0], tone=Tone.BAD), replace(POINTS[1], tone=Tone.UNKNOWN), POINTS[2])
    svg = draw(replace(PICTURES[ChartKind.BARS], series=(Series(points=points),)))
    assert {"✗", "?"} <= set(texts(svg))
    assert "fill:var(--bad)" in svg


def test_names_of_events_never_run_into_each_other():
    points = tuple(replace(POINTS[0], at=day, label=str(day)) for day in range(60))
    events = tuple(Event(day, f"a campaign with a name {day}") for day in range(60))
    picture = replace(LINE, kind=ChartKind.COLUMNS, series=(Series(points=points),), events=events, wide=True)
    root = ElementTree.fromstring(str(draw(picture)))
    named = [text for text in root.iter("text") if "campaign" in text.text or "…" in text.text]
    assert 2 < len(named) < 20
    lanes = {}
    for text in named:
        lanes.setdefault(text.get("y"), []).append((float(text.get("x")), width_of(text.text, 11)))
    for lane in lanes.values():
        lane.sort()
        assert all(x + width < later for (x, width), (later, _) in pairwise(lane))


@given(st.floats(0, 0.4), st.floats(1e-6, 0.6))
def test_ticks_are_round_and_reach_over_all(low, more):
    places = ticks(low, low + more)
    assert places[-1] >= low + more - 1e-9
    assert 2 <= len(places) <= 8
    assert len(set(tick_texts(places, Scale.SHARE))) == len(places)


def test_elsewhere_a_chart_is_its_table():
    page = render_page([document(CHART)], title="T")
    assert page.index("<svg viewBox") < page.index("Read it so.") < page.index('<details class="behind">')
    for text in (render_terminal(document(CHART), width=80, colour=False), render_markdown([document(CHART)])):
        assert "2.0 %" in text
        assert "Read it so." not in text


def test_a_drawn_section_is_a_detail_where_nothing_can_be_drawn():
    drawn = document(CHART, drawn=True)
    assert "2.0 %" not in render_terminal(drawn, width=80, colour=False)
    assert "2.0 %" in render_terminal(drawn, width=80, colour=False, verbose=True)
    assert "<details><summary>T" in render_markdown([drawn])
    assert '<details class="section"' not in render_page([drawn], title="T")


TILES = Tiles(
    tiles=(
        Tile(
            title="bounced",
            figure="2.0 %",
            verdict="met: aim < 10 %",
            tone=Tone.GOOD,
            interval="1.7–2.3 %",
            aim="< 10 %",
            trend=(0.1, None, 0.3),
            arrow="↑",
            change="from 1.0 to 2.0 %",
        ),
        Tile(title="<b>left", figure="–"),
    ),
    heads=("all mail", "", "95 % sure", "aim", "trend"),
)


def test_tiles_are_rows_with_an_arrow_in_a_terminal():
    lines = render_terminal(document(TILES), width=80, colour=False).splitlines()
    assert "  bounced    2.0 % ✓   1.7–2.3 %   < 10 %   ↑" in lines
    plain = render_terminal(document(TILES), width=80, colour=False, encoding="ascii")
    assert "< 10 %   ^" in plain
    quiet = replace(TILES, tiles=TILES.tiles[1:])
    assert "trend" not in render_terminal(document(quiet), width=80, colour=False)


def test_tiles_carry_verdict_figure_interval_and_trend_on_a_page():
    page = render_page([document(TILES)], title="T")
    for said in ("met: aim &lt; 10 %", "95 % sure 1.7–2.3 %", "↑ from 1.0 to 2.0 %", "&lt;b&gt;left"):
        assert said in page.replace("\N{NO-BREAK SPACE}", " ")
    assert page.count("<polyline") == 1


def test_shades_of_a_heat_map_keep_their_figures_readable():
    from hygiene.files import packaged_text
    from hygiene.render.chart_bars import _STRONGEST

    css = packaged_text("hygiene.render", "page.css")
    for theme in css.split("prefers-color-scheme: dark")[:2]:
        colours = {name: theme.split(f"--{name}: #")[1][:6] for name in ("page", "ink", "accent")}
        page, ink, accent = (
            [int(colours[name][at : at + 2], 16) for at in (0, 2, 4)] for name in ("page", "ink", "accent")
        )
        shade = [_STRONGEST * one + (1 - _STRONGEST) * other for one, other in zip(accent, page, strict=True)]
        assert contrast(ink, shade) >= 4.5


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (part / 255 for part in colour)
    ]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
