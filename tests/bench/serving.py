"""(e): unsubscribes a second that are in the store before they are answered, and whether any was lost."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from hygiene.sending.outbox import add_campaign, queue
from hygiene.sending.states import CampaignState
from hygiene.store import open_store
from hygiene.tables import EVENT, OPT_OUT
from hygiene.tokens import Purpose, make_ref, make_token

from ..conftest import find_program
from ..sending.mailings import START_US, row_of

KEY = bytes(range(32))
CONNECTIONS = 200
PER_SECOND = 6_000  # mails prepared for each second
CAMPAIGN = "bench"
BODY = b"List-Unsubscribe=One-Click"
NOBODY = 65_534  # PostgreSQL refuses to run as root


def address(number: int) -> str:
    return f"p{number}@shop{number % 97}.example"


def fill(url: str, count: int) -> list[str]:
    """A campaign of so many; their tokens."""
    campaign = {
        "name": CAMPAIGN,
        "stream": "marketing",
        "topic": "news",
        "held_because": "",
        "definition": "{}",
    }
    rest = {
        "state": CampaignState.RUNNING,
        "manifest": None,
        "overrides": "{}",
        "queued": 0,
        "made_us": START_US,
    }
    with open_store(url, key=KEY) as store:
        _ = store.key
        with store.writing() as connection:
            row = add_campaign(connection, campaign | rest | {"ended_us": None})
        for start in range(0, count, 20_000):
            people = range(start, min(start + 20_000, count))
            with store.writing() as connection:
                queue(connection, [row_of(row["id"], CAMPAIGN, address(number), number) for number in people])
    return [make_token(make_ref(CAMPAIGN, address(n), KEY), Purpose.UNSUBSCRIBE, KEY) for n in range(count)]


@contextmanager
def service(url: str, folder: Path) -> Iterator[tuple[str, int]]:
    """`hygiene serve` in a process of its own."""
    environment = os.environ | {"HYGIENE_SUPPRESSION_KEY": KEY.hex(), "HYGIENE_WORKSPACE_STORE": url}
    command = [sys.executable, "-m", "hygiene", "serve", "--port", "0"]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, stderr=log, env=environment, cwd=folder)
        try:
            yield "127.0.0.1", port_in(folder / "log", process)
        finally:
            process.terminate()
            process.wait()


def port_in(log: Path, process: subprocess.Popen) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        line = log.read_text().partition("\n")[0]
        if line.startswith("serving") and log.read_text().count("\n"):
            return int(line.rpartition(":")[2])
        time.sleep(0.05)
    raise SystemExit(f"the service did not start: {log.read_text()}")


async def one(
    host: str, port: int, tokens: Iterator[str], until: float, times: list[float], answered: list[str]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for token in tokens:
        if time.monotonic() > until:
            break
        started = time.monotonic()
        head = f"POST /u/{token} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        writer.write(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        answer = await reader.readuntil(b"\r\n\r\n")
        status, length = (
            answer.split(b" ", 2)[1],
            answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0],
        )
        await reader.readexactly(int(length))
        if status == b"200":
            times.append(time.monotonic() - started)
            answered.append(token)
    writer.close()


def load(host: str, port: int, tokens: list[str], seconds: float, out: multiprocessing.Queue) -> None:
    """All connections, in a process of its own."""

    async def everybody() -> tuple[list[float], int, float]:
        times, answered = [], []
        each, started = iter(tokens), time.monotonic()
        await asyncio.gather(
            *(one(host, port, each, started + seconds, times, answered) for _ in range(CONNECTIONS))
        )
        return times, len(answered), time.monotonic() - started

    out.put(asyncio.run(everybody()))


def unsubscribing(url: str, folder: Path, seconds: float) -> Iterator[tuple[str, str, str]]:
    """The load, and what is in the store afterwards."""
    tokens = fill(url, int(PER_SECOND * seconds))
    out = multiprocessing.Queue()
    with service(url, folder) as (host, port):
        client = multiprocessing.Process(target=load, args=(host, port, tokens, seconds, out))
        client.start()
        times, answered, took = out.get()
        client.join()
    with open_store(url, key=KEY) as store, store.reading() as connection:
        left = connection.scalar(select(func.count()).select_from(OPT_OUT))
        told = connection.scalar(select(func.count()).select_from(EVENT))
    times.sort()
    yield f"unsubscribes a second, {CONNECTIONS} connections, {took:.0f} s", f"{answered / took:,.0f}", ""
    p50, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.99))
    yield "milliseconds: half, 99 of 100, slowest", f"{p50:.0f} / {p99:.0f} / {times[-1] * 1000:.0f}", ""
    yield "answered and not in the store", f"{max(answered - left, 0)} of {answered:,}", "0"
    yield "opt-outs and events in the store", f"{left:,} and {told:,}", "as many"


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A server with fsync, reached by a socket of its own."""
    owner = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    if owner:
        os.chown(folder, NOBODY, NOBODY)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(
        [find_program("initdb"), "-D", data, "-U", "hygiene", "-A", "trust"], check=True, **quiet, **owner
    )
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    server = subprocess.Popen([find_program("postgres"), "-D", data, *options], **quiet, **owner)
    try:
        until = time.monotonic() + 30
        while not (folder / ".s.PGSQL.5432").exists() and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.5)
        yield f"postgresql://hygiene@/postgres?host={folder}"
    finally:
        server.send_signal(2)
        server.wait(30)


def serving(seconds: float, show) -> None:
    """On SQLite, and on PostgreSQL where it is installed."""
    with tempfile.TemporaryDirectory(prefix="serve", dir="/tmp") as folder:
        show("unsubscribing, SQLite", unsubscribing(str(Path(folder) / "hygiene.db"), Path(folder), seconds))
    if not find_program("initdb"):
        return
    with (
        tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as base,
        tempfile.TemporaryDirectory() as folder,
        postgresql(Path(base)) as url,
    ):
        show("unsubscribing, PostgreSQL", unsubscribing(url, Path(folder), seconds))
