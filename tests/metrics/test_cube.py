"""Counts that follow from finer ones are those that the engine counts."""

import pytest

from hygiene.engines.engine import open_engine
from hygiene.metrics import cube as cubes
from hygiene.metrics.counts import count
from hygiene.metrics.cube import build_cube
from hygiene.metrics.reconcile import reconcile

from .logs import table
from .simulator import NEVER, simulate

COLUMNS = ("source", "campaign", "provider", "day")
QUESTIONS = ([], ["day"], ["provider", "campaign"], ["campaign", "day", "source"], ["bounce_class"])


@pytest.mark.parametrize("most", [200_000, 3])
def test_a_coarser_slice_is_the_sum_of_finer_ones(tmp_path, monkeypatch, most):
    monkeypatch.setattr(cubes, "MOST_SLICES", most)
    with open_engine("duckdb", tmp_path) as (engine, _):
        found = reconcile(engine.load("log", table(simulate(2).rows)), engine, never=NEVER)
        cube = build_cube(found.mails, COLUMNS[:1], COLUMNS[1:], engine)
        assert (cube.table is None) is (most == 3)
        for by in QUESTIONS:
            assert cube.count(by).to_pylist() == count(found.mails, by, engine=engine).to_pylist(), by


def test_what_is_asked_for_twice_hides_no_further_column(tmp_path, monkeypatch):
    monkeypatch.setattr(cubes, "MOST_SLICES", 0)
    with open_engine("duckdb", tmp_path) as (engine, _):
        found = reconcile(engine.load("log", table(simulate(2).rows)), engine, never=NEVER)
        assert build_cube(found.mails, ["source", "source"], ["day"], engine).table is None
        assert build_cube(found.mails, ["source", "source"], ["source"], engine).table is not None


def test_no_mail_at_all_has_counts_of_nothing(tmp_path):
    with open_engine("duckdb", tmp_path) as (engine, _):
        found = reconcile(engine.load("log", table([])), engine)
        cube = build_cube(found.mails, COLUMNS[:1], COLUMNS[1:], engine)
        (nothing,) = cube.count([]).to_pylist()
        assert set(nothing.values()) <= {0, None}
        assert cube.count(["day"]).num_rows == 0
