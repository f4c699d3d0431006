"""``make bench``: what an audit costs, against what it must cost and against checkdmarc; and what a cleaning
costs, against copying the file and against the obvious script; and what measuring a mail log costs, against
SQL and pandas written by hand for that one log; and what reading a bounce costs, against flufl.bounce;
and what sending a signed mail costs, against smtplib with dkimpy.

Every answer of the server, a process of its own on loopback, takes 20 ms. All contenders take turns in the
same run; a ratio is what carries over to another machine, milliseconds are not. Lists of one and of ten million
rows (1.9 GB) are made, cleaned on two cores and removed; ``--rows 100000`` is for a quick look.
"""

import argparse
import compileall
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import hygiene
from hygiene.dns_client import Server, parse_server

from . import contenders
from .bouncing import bouncing
from .cleaning import cleaning
from .measuring import measuring
from .outboxes import receipts
from .sending import MAILS, sending
from .serving import serving
from .shops import shop, zone_text

DELAY_MS = 20
CHAIN = 4  # include → include → netblock, after the domain's own record
SHOPS = 200
ROWS = (1_000_000, 10_000_000)
EVENTS = (1_000_000, 10_000_000)
PARTS = ("audit", "start", "clean", "measure", "bounces", "sending", "serving")


@contextmanager
def name_server(shops: int, delay_ms: int) -> Iterator[Server]:
    """The sample server in another process."""
    with tempfile.TemporaryDirectory() as folder:
        zone = Path(folder) / "zone.txt"
        zone.write_text(zone_text(shops))
        command = [sys.executable, "-m", "hygiene.demo.dns_server", zone, "--delay", str(delay_ms)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield parse_server(process.stdout.readline())
            finally:
                process.terminate()


def one_domain(server: Server, rounds: int) -> Iterator[tuple[str, str, str]]:
    """(a) and (b): one domain, nothing cached."""
    trips, ours, theirs = [], [], []
    for _ in range(rounds + 1):
        contenders.forget()
        trips.append(contenders.round_trip(server))
        seconds, audit = contenders.timed(lambda: contenders.our_audit(server, shop(0)))
        ours.append(seconds)
        theirs.append(contenders.timed(lambda: contenders.their_audit(server, shop(0)))[0])
    trip, our, their = (median(times[1:]) for times in (trips, ours, theirs))  # the first round warms up
    contenders.forget()
    packets = contenders.their_packets(server, shop(0))
    unknown = ", ".join(finding.id for finding in audit.unknowns)
    yield "audit_domain : chain of 4 questions", f"{our / (CHAIN * trip):.2f}", "at most 1.5"
    yield "checkdmarc : audit_domain", f"{their / our:.1f}", "at least 15"
    yield "questions, ours and theirs", f"{audit.facts.queries} and {packets}", ""
    yield "DKIM selectors tried, ours and theirs", f"{audit.views['dkim'].tried} and 0", ""
    yield "left open without HTTPS", unknown or "nothing", ""
    yield "milliseconds: question, ours, theirs", " / ".join(f"{t * 1e3:.1f}" for t in (trip, our, their)), ""


def many_domains(server: Server, rounds: int) -> Iterator[tuple[str, str, str]]:
    """(c): domains together, and one after another."""
    names, few = [shop(number) for number in range(SHOPS)], [shop(number) for number in range(5)]
    ours, theirs = [], []
    for _ in range(rounds):
        contenders.forget()
        seconds, (audits, asked) = contenders.timed(lambda: contenders.our_audits(server, names))
        ours.append(len(audits) / seconds)
        seconds, _ = contenders.timed(lambda: [contenders.their_audit(server, name) for name in few])
        theirs.append(len(few) / seconds)
    our, their = median(ours), median(theirs)
    yield f"domains per second, {SHOPS} together : checkdmarc in turn", f"{our / their:.0f}", ""
    yield "questions per domain", f"{asked / SHOPS:.0f}", ""
    yield "domains per second, ours and theirs", f"{our:.0f} and {their:.1f}", ""


def starting(rounds: int) -> Iterator[tuple[str, str, str]]:
    """(d): what starting costs."""
    folder = Path(sys.executable).parent
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import hygiene : python -c pass": [sys.executable, "-c", "import hygiene"],
        "hygiene --help : python -c pass": [folder / "hygiene", "--help"],
    }
    times = {title: [] for title in commands}
    for _ in range(rounds + 1):
        for title, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[title].append(time.perf_counter() - started)
    base, *others = (median(durations[1:]) for durations in times.values())
    for title, value in zip(list(commands)[1:], others, strict=True):
        yield title, f"{value / base:.2f}", ""
    yield "milliseconds", " / ".join(f"{value * 1e3:.0f}" for value in (base, *others)), ""


def show(title: str, rows: Iterator[tuple[str, str, str]]) -> None:
    """A small table."""
    print(f"\n{title}")
    for what, value, goal in rows:
        print(f"  {what:<58} {value:>22}  {goal}".rstrip(), flush=True)


def audits(rounds: int) -> None:
    """(a) to (c)."""
    contenders.watch_packets()
    with name_server(SHOPS, DELAY_MS) as server:
        show("one domain", one_domain(server, rounds))
        show("many domains", many_domains(server, max(rounds // 3, 1)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="a third as many for what takes long")
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS, help="of the lists that are cleaned")
    parser.add_argument(
        "--events", type=int, nargs="*", default=EVENTS, help="of the mail logs that are measured"
    )
    parser.add_argument("--seconds", type=float, default=30, help="of load on the service")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS, help="what is measured")
    chosen = parser.parse_args()
    # as pip compiled all that ours is measured beside, even in a shell that keeps no bytecode
    compileall.compile_dir(Path(hygiene.__file__).parent, quiet=1)
    print(f"medians of {chosen.rounds} interleaved rounds; every DNS answer takes {DELAY_MS} ms")
    if "audit" in chosen.only:
        audits(chosen.rounds)
    if "start" in chosen.only:
        show("starting", starting(chosen.rounds))
    if "clean" in chosen.only:
        rounds = max(chosen.rounds // 3, 1)
        for rows in chosen.rows:
            show(f"cleaning {rows:,} rows, rounds: {rounds}", cleaning(rows, rounds))
    if "measure" in chosen.only:
        rounds = max(chosen.rounds // 3, 1)
        for events in chosen.events:
            show(f"measuring {events:,} events, rounds: {rounds}", measuring(events, rounds))
    if "sending" in chosen.only:
        rounds = max(chosen.rounds // 3, 1)
        show(f"sending {MAILS:,} mails, rounds: {rounds}", sending(rounds))
        show("receipts during a campaign", receipts())
    if "bounces" in chosen.only:
        show("reading bounces", bouncing(chosen.rounds))
    if "serving" in chosen.only:
        serving(chosen.seconds, show)


if __name__ == "__main__":
    main()
