"""Cleaning a list, beside merely copying the file and beside the obvious script."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LIST = "subscribed_members_export.csv"  # Mailchimp says in the name who is in it
LARGE = (
    10_000_000  # rows from which on a cleaning is held against the copy: what is done once weighs nothing there
)
SCRIPT_ROWS = 1_000_000  # the script is given no longer list: it would take gigabytes, and most of an hour


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds of work, imports included, and the most bytes it had in memory."""

    seconds: float
    peak: int


def measure(name: str, path: Path) -> Cost:
    """Run a contender, in a process and an output folder of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "tests.bench.cleaners", name, path, folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Cost(*json.loads(done.stdout))


@contextmanager
def list_of(rows: int) -> Iterator[Path]:
    """A list to clean, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="hygiene-bench-") as folder:
        path = Path(folder) / LIST
        subprocess.run([sys.executable, "-m", "tests.bench.lists", str(rows), path], check=True)
        yield path


def cleaning(rows: int, rounds: int) -> Iterator[tuple[str, str, str]]:
    """(e): the copy and the cleaning in turns, a ratio for each pair; the script once."""
    with list_of(rows) as path:
        measure("rewrite", path)  # from here on the file is in memory for everybody
        pairs = [(measure("rewrite", path), measure("clean", path)) for _ in range(rounds)]
        script = measure("script", path) if rows <= SCRIPT_ROWS else None
        megabytes = path.stat().st_size / 1e6
    copies, ours = zip(*pairs, strict=True)
    our, copy = (median(cost.seconds for cost in costs) for costs in (ours, copies))
    ratios = sorted(ours.seconds / copy.seconds for copy, ours in pairs)
    aim = "at most 4" if rows >= LARGE else ""
    yield "clean_contacts : copying the file with DuckDB", f"{median(ratios):.2f}", aim
    yield "  lowest and highest of the rounds", f"{ratios[0]:.2f} and {ratios[-1]:.2f}", ""
    if script:
        yield "pandas and email-validator, once : clean_contacts", f"{script.seconds / our:.1f}", "at least 8"
    peaks = [max(cost.peak for cost in costs) / 1e6 for costs in (ours, copies)]
    if script:
        peaks.append(script.peak / 1e6)
    who = "ours, copy's and script's" if script else "ours and copy's"
    yield f"peak megabytes, {who}", " / ".join(f"{peak:,.0f}" for peak in peaks), "ours under 1,200"
    yield "megabytes of the list", f"{megabytes:,.0f}", ""
    times = [our, copy, *([script.seconds] if script else [])]
    yield f"seconds, {who}", " / ".join(f"{seconds:.1f}" for seconds in times), ""
