"""Where a kind of event occurs more than once in a mail: what is a repetition, and what a scanner's sweep.

Events are the same when mail, kind, second, link and bounce class are: platforms deliver an event up to
46 times, and give it new ids. Nothing is deleted: a click of a scanner stays a click, only no person's.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import narwhals as nw

from hygiene.engines.engine import Engine, Frame
from hygiene.event import EventKind
from hygiene.metrics.census import Census
from hygiene.metrics.local_time import SECOND_US
from hygiene.metrics.states import UNDATED, at, is_human

#: the columns of mails that `corrected` counts anew
RECOUNTED: Final = ("opens_total", "clicks_total", "clicked_human", "first_click_us", "last_click_us")


@dataclass(frozen=True, slots=True)
class SweepRule:
    """When clicks are a scanner's."""

    links: int  # distinct links of one mail
    seconds: int  # neighbouring seconds of the clock
    before_delivery_s: int  # a click so many seconds before the delivery, or more


@cache
def sweep_rule() -> SweepRule:
    """The rule, as `data/sweeps.toml` declares it."""
    text = (files("hygiene.metrics") / "data" / "sweeps.toml").read_text("utf-8")
    rule = tomllib.loads(text)["rule"]
    return SweepRule(rule["links"], rule["seconds"], rule["before_delivery_s"])


def distinct(events: Frame, repeated: Frame, census: Census) -> Frame:
    """The distinct events of the mails in `repeated` (its key, `known`, `delivered_us`): when, and by whom."""
    when = at(census)
    return (
        events.join(repeated, on=list(census.key), how="inner")
        .with_columns(
            ts_us=when,
            second=when - when % SECOND_US,
            human=nw.when(is_human()).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64)),
        )
        .group_by(*census.key, "kind", "second", "url", "bounce_class")
        .agg(
            *(nw.col(name).min() for name in ("ts_us", "delivered_us", "known")),
            nw.col("human").max(),
            copies=nw.len(),
        )
    )


def is_early(clicked: nw.Expr, delivered: nw.Expr) -> nw.Expr:
    """Whether a click came before the mail was there."""
    margin = sweep_rule().before_delivery_s * SECOND_US
    return (clicked + margin <= delivered).fill_null(value=False)


def find_sweeps(clicks: Frame, census: Census) -> Frame:
    """The seconds of mails (their key, `second`) in which a scanner went through the links."""
    rule, key = sweep_rule(), census.key
    many = clicks.group_by(*key).agg(links=nw.col("url").count()).filter(nw.col("links") >= rule.links)
    seen = clicks.filter(nw.col("second") < UNDATED // SECOND_US * SECOND_US).join(
        many.select(*key), on=list(key), how="inner"
    )
    steps = [step * SECOND_US for step in range(rule.seconds)]
    spread = nw.concat(
        [seen.select(*key, "url", since=nw.col("second") - step) for step in steps], how="vertical"
    )
    links = spread.group_by(*key, "since", "url").agg(times=nw.len())
    sweeps = (
        links.group_by(*key, "since").agg(links=nw.col("url").count()).filter(nw.col("links") >= rule.links)
    )
    covered = nw.concat([sweeps.select(*key, second=nw.col("since") + step) for step in steps], how="vertical")
    return covered.group_by(*key, "second").agg(swept=nw.len())


def judge_clicks(again: Frame, census: Census, engine: Engine) -> Frame:
    """The distinct clicks of mails with repeated events, `human` or not."""
    clicks = again.filter(nw.col("kind") == EventKind.CLICKED.value)
    swept = engine.settle("sweeps", find_sweeps(clicks, census))
    human = (
        (nw.col("human") == 1) & nw.col("swept").is_null() & ~is_early(nw.col("ts_us"), nw.col("delivered_us"))
    )
    return clicks.join(swept, on=[*census.key, "second"], how="left").with_columns(
        human=nw.when(human).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64)),
        swept=~nw.col("swept").is_null(),
    )


def recount(again: Frame, clicks: Frame, census: Census) -> Frame:
    """One row a mail with repeated events: distinct opens and clicks, and the clicks of people."""
    dated = nw.when((nw.col("human") == 1) & (nw.col("ts_us") < UNDATED)).then(nw.col("ts_us"))
    counted = again.group_by(*census.key).agg(
        distinct_opens=nw.when(nw.col("kind") == EventKind.OPENED.value).then(nw.lit(1)).count(),
        distinct_clicks=nw.when(nw.col("kind") == EventKind.CLICKED.value).then(nw.lit(1)).count(),
    )
    people = clicks.group_by(*census.key).agg(
        person_clicks=nw.col("human").sum(), person_first=dated.min(), person_last=dated.max()
    )
    return counted.join(people, on=list(census.key), how="left")


def corrected(mails: Frame, counted: Frame, census: Census) -> Frame:
    """The mails with repeated events, with what was counted of them again."""
    return mails.join(counted, on=list(census.key), how="left").with_columns(
        opens_total=nw.col("distinct_opens"),
        clicks_total=nw.col("distinct_clicks"),
        clicked_human=(nw.col("person_clicks") > 0).fill_null(value=False),
        first_click_us=nw.col("person_first"),
        last_click_us=nw.col("person_last"),
    )
