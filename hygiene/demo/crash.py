"""The crash test that anyone can run: workers are killed at random moments, and every mail is accounted for.

A server notes each mail before it acknowledges it, in a process of its own. What it noted is held against the
outbox: nothing may be lost, nothing doubled, and no kill may leave more mails in doubt than it cut connections.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from hygiene.errors import HygieneError
from hygiene.sending.pace import SECOND_US
from hygiene.sending.states import State
from hygiene.store import Store, open_store
from hygiene.tables import OUTBOX

LEASE_S: Final = 2.0
_READY_S: Final = 60.0
_LONGEST_S: Final = 300.0  # of the whole clearing up


@dataclass(frozen=True, kw_only=True)
class Toll:
    """What a crash test found. `lost` and `doubled` must be 0, `doubts` at most `kills` × `connections`."""

    mails: int
    kills: int
    connections: int
    accepted: int
    lost: int
    doubled: int
    doubts: int
    doubts_accepted: int
    most_in_doubt: int  # of one kill

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        kept = not self.lost and not self.doubled
        return kept and self.most_in_doubt <= self.connections and self.accepted + self.doubts >= self.mails

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "holds": self.holds}


def crash_test(
    folder: Path,
    *,
    kills: int = 20,
    connections: int = 1,
    mails: int = 2000,
    store: str | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _text: None,
) -> Toll:
    """Queue mails, kill the worker so many times, let the last one finish, and count.

    `store` is a file, or an address in PostgreSQL, for a workspace of this test alone; by default a file in
    `folder`.
    """
    rng = random.Random(seed)  # noqa: S311 - when to kill, not a secret
    place = store or str(folder / "hygiene.db")
    log = folder / "accepted.txt"
    key = folder / "hygiene.key"
    with _sink(log) as port, open_store(place, key=key) as opened:
        campaign = _queue(opened, mails)
        config = _config(folder, place, key, port, connections)
        worst = 0
        for number in range(kills):
            before = _doubts(opened, campaign)
            if not _kill_once(opened, campaign, config, rng):
                tell(f"everything was sent after {number} kills")
                break
            in_doubt = _settle(opened, campaign) - before
            worst = max(worst, in_doubt)
            tell(f"kill {number + 1}: {in_doubt} in doubt, {_accepted(log).total():,} taken")
        else:
            number = kills
        _finish(opened, campaign, config)
        return _count(opened, log, kills=number, connections=connections, worst=worst)


def _kill_once(store: Store, campaign: int, config: Path, rng: random.Random) -> bool:
    """Start a worker, wait until it works, and kill it at a random moment; False when all was done before."""
    worker = _start(config)
    try:
        left, deadline = _open(store, campaign), time.monotonic() + _READY_S
        while _open(store, campaign) == left:
            if worker.exitcode is not None or time.monotonic() > deadline:
                break
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.15))
    finally:
        ended = worker.exitcode is not None
        worker.kill()
        worker.join()
    if ended and _open(store, campaign):
        raise HygieneError(f"a worker ended by itself: {_words(config)}")
    return bool(_open(store, campaign))


def _settle(store: Store, campaign: int) -> int:
    """Let the leases run out as the next worker would see them; how many mails are in doubt by then."""
    from hygiene.sending.outbox import sweep

    with store.writing() as connection:
        sweep(connection, now_us=_now_us() + round(2 * LEASE_S * SECOND_US))
    return _doubts(store, campaign)


def _finish(store: Store, campaign: int, config: Path) -> None:
    worker = _start(config)
    try:
        worker.join(_LONGEST_S)
    finally:
        worker.kill()
        worker.join()
    if _open(store, campaign):
        raise HygieneError(f"{_open(store, campaign)} mails were left: {_words(config)}")


def _count(store: Store, log: Path, *, kills: int, connections: int, worst: int) -> Toll:
    taken = _accepted(log)
    with store.reading() as connection:
        rows = connection.execute(select(OUTBOX.c.recipient, OUTBOX.c.state)).all()
    doubts = [recipient for recipient, state in rows if state == State.UNKNOWN]
    known = [recipient for recipient, state in rows if state == State.SENT]
    return Toll(
        mails=len(rows),
        kills=kills,
        connections=connections,
        accepted=len(taken),
        lost=sum(recipient not in taken for recipient in known),
        doubled=sum(count > 1 for count in taken.values()),
        doubts=len(doubts),
        doubts_accepted=sum(recipient in taken for recipient in doubts),
        most_in_doubt=worst,
    )


def _accepted(log: Path) -> Counter[str]:
    return Counter(log.read_text("utf-8").split())


def _open(store: Store, campaign: int) -> int:
    from hygiene.sending.census import open_rows

    with store.reading() as connection:
        return open_rows(connection, campaign)


def _doubts(store: Store, campaign: int) -> int:
    from hygiene.sending.census import counts

    with store.reading() as connection:
        return counts(connection, campaign).get(State.UNKNOWN, 0)


def _queue(store: Store, mails: int) -> int:
    from hygiene.sending.definition import Definition, Person, Version, seal
    from hygiene.sending.queueing import queue_campaign

    definition = seal(
        Definition(
            name="crash test",
            stream="marketing",
            topic="crash test",
            account="sink",
            sender=Person(address="test@shop.example"),
            versions=(Version(subject="Number {{ address }}", text="Hello {{ address }}"),),
            expires_after_s=86_400,
            in_doubt="park",
        )
    )
    people: list[tuple[str, dict[str, str]]] = [(f"p{number}@example.com", {}) for number in range(mails)]
    return queue_campaign(store, definition, [people], manifest="", overrides={}, now_us=_now_us())


def _config(folder: Path, place: str, key: Path, port: int, connections: int) -> Path:
    config = folder / "crash.json"
    settings = {"store": place, "key": str(key), "port": port, "connections": connections}
    config.write_text(json.dumps(settings), "utf-8")
    return config


def _start(config: Path) -> BaseProcess:
    """A worker process, forked from one that has imported everything: it is sending that is tested."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hygiene.sending.running", __name__])
    worker = context.Process(target=_work, args=(config,), daemon=True)
    worker.start()
    return worker


def _words(config: Path) -> str:
    lines = config.with_suffix(".log").read_text("utf-8", "replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


@contextmanager
def _sink(log: Path) -> Iterator[int]:
    """The server, in a process of its own; its port."""
    command = [sys.executable, "-m", __spec__.name, str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            yield int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)


def _now_us() -> int:
    return time.time_ns() // 1000


def _work(config: Path) -> None:
    """What a worker process does."""
    from hygiene.config import AccountSettings, Settings
    from hygiene.sending.census import open_rows
    from hygiene.sending.running import run_worker

    with config.with_suffix(".log").open("ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    told = json.loads(config.read_text("utf-8"))
    account = AccountSettings(
        host="127.0.0.1", port=told["port"], tls="none", connections=told["connections"], per_connection=10_000
    )
    with open_store(told["store"], key=Path(told["key"])) as store:
        run_worker(
            store,
            Settings(accounts={"sink": account}),
            until=lambda connection: not open_rows(connection, 1),
            lease_s=LEASE_S,
        )


def _take(log: Path) -> None:
    """What the server process does: note, then acknowledge."""
    from hygiene.demo.smtp_sink import SmtpSink, Taken

    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def note(mail: Taken) -> None:
        os.write(descriptor, f"{mail.recipient}\n".encode())

    with SmtpSink(note, delay_s=(0.002, 0.02)) as sink:
        print(sink.port, flush=True)
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    _take(Path(sys.argv[1]))
