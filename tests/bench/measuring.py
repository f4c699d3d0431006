"""Measuring a mail log, beside hand-written SQL and beside pandas; all must come to the same sums."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PANDAS_EVENTS = 10_000_000  # more would not fit in memory
SES_EVENTS = 500_000  # at most: a gigabyte and a half a million and a half
SES_ROUNDS = 7  # at least: of a second each
MEMORY = "512MB"


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds of work, imports included, the most bytes in memory, and what it found."""

    seconds: float
    peak: int
    sums: list[int]


def measure(name: str, path: Path, memory: str | None = None) -> Cost:
    """Run a contender, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.measurers", name, str(path), *([memory] if memory else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return Cost(*json.loads(done.stdout))


@contextmanager
def log_of(events: int, name: str) -> Iterator[Path]:
    """A log to measure, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="hygiene-bench-") as folder:
        path = Path(folder) / name
        subprocess.run([sys.executable, "-m", "tests.bench.mail_log", str(events), path], check=True)
        yield path


def measuring(events: int, rounds: int) -> Iterator[tuple[str, str, str]]:
    """(f): SES's lines; and from Parquet and from CSV, in turns, pandas once.

    The lines first: what takes gigabytes leaves a machine on which whoever asks for memory next waits for it.
    """
    yield from _reading(min(events, SES_EVENTS), max(rounds, SES_ROUNDS))
    for form, faster in (("parquet", 2), ("csv", 4)):
        with log_of(events, f"events.{form}") as path:
            yield from _beside(path, form, faster, events, rounds)


def _beside(path: Path, form: str, faster: int, events: int, rounds: int) -> Iterator[tuple[str, str, str]]:
    measure("sql", path)  # from here on the file is in memory for everybody
    pairs = [(measure("sql", path), measure("measure", path)) for _ in range(rounds)]
    hand, ours = ([pair[place] for pair in pairs] for place in range(2))
    short = measure("measure", path, MEMORY)
    pandas = measure("pandas", path) if events <= PANDAS_EVENTS else None
    found = {tuple(cost.sums) for cost in (*hand, *ours, short, *([pandas] if pandas else []))}
    assert len(found) == 1, f"the contenders disagree: {found}"
    ratios = sorted(cost.seconds / by_hand.seconds for by_hand, cost in pairs)
    yield f"{form}: measure : hand-written SQL", f"{median(ratios):.2f}", "at most 1.5"
    yield "  lowest and highest of the rounds", f"{ratios[0]:.2f} and {ratios[-1]:.2f}", ""
    our = median(cost.seconds for cost in ours)
    if pandas:
        yield f"{form}: pandas, once : measure", f"{pandas.seconds / our:.1f}", f"at least {faster}"
    yield f"{form}: measure in {MEMORY} : measure", f"{short.seconds / our:.2f}", "holds"
    costs = [
        ("SQL", hand[0]),
        ("ours", ours[0]),
        (f"in {MEMORY}", short),
        *([("pandas", pandas)] if pandas else []),
    ]
    names = ", ".join(name for name, _ in costs)
    yield f"{form}: peak megabytes of {names}", " / ".join(f"{cost.peak / 1e6:,.0f}" for _, cost in costs), ""
    yield f"{form}: seconds of {names}", " / ".join(f"{cost.seconds:.1f}" for _, cost in costs), ""
    yield f"{form}: megabytes of the log", f"{path.stat().st_size / 1e6:,.0f}", ""


def _reading(events: int, rounds: int) -> Iterator[tuple[str, str, str]]:
    names = ("scan_json", "scan_types", "read_ses")
    with log_of(events, "ses.jsonl") as path:
        measure("scan_json", path)
        triples = [[measure(name, path) for name in names] for _ in range(rounds)]
        megabytes = path.stat().st_size / 1e6
    assert len({tuple(cost.sums) for triple in triples for cost in triple}) == 1
    scans, types, ours = ([triple[place].seconds for triple in triples] for place in range(3))
    ratios = sorted(read / scan for scan, read in zip(scans, ours, strict=True))
    yield (
        f"SES, {megabytes:,.0f} MB of JSON lines: reading : DuckDB's scan, by type and campaign",
        f"{median(ratios):.2f}",
        "at most 2",
    )
    yield "  lowest and highest of the rounds", f"{ratios[0]:.2f} and {ratios[-1]:.2f}", ""
    alone = median(read / scan for scan, read in zip(types, ours, strict=True))
    yield "  : a scan by type alone, which is one field", f"{alone:.2f}", ""
    seconds = " / ".join(f"{median(each):.2f}" for each in (scans, types, ours))
    yield "SES: seconds of the scans and of reading", seconds, ""
