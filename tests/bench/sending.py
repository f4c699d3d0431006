"""Personal, signed mails into smtp-sink, beside smtplib with dkimpy, and beside smtp-source unsigned."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.integration.mail_servers import HOST, smtp_sink

MAILS = 3_000  # of ours, and of smtp-source
SLOW_MAILS = 300  # of the loop with dkimpy
CONNECTIONS = 10
HTML_OCTETS, TEXT_OCTETS = 20_000, 5_000


def find_program(name: str) -> str:
    """Where one of Postfix's programs is."""
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert found, f"{name} is not installed: it comes with Postfix"
    return found


@dataclass(frozen=True)
class Sent:
    """What a process did, from the first connection to the last reply."""

    per_second: float
    cpu_ms: float  # of the sender, for one mail


def send(name: str, port: int, mails: int, key: Path) -> Sent:
    """Run a sender in a process of its own; imports are not counted."""
    command = [sys.executable, "-m", "tests.bench.senders", name, str(port), str(mails), str(key)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, cpu = map(float, done.stdout.split())
    return Sent(mails / seconds, cpu / mails * 1e3)


def source(port: int, mails: int) -> Sent:
    """Postfix's own load generator: the same size, one text for all, unsigned."""
    octets = HTML_OCTETS + TEXT_OCTETS
    command = [find_program("smtp-source"), "-s", str(CONNECTIONS), "-m", str(mails), "-l", str(octets), "-d"]
    measured = subprocess.run(
        [sys.executable, "-c", _TIMED, *command, f"inet:{HOST}:{port}"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds, cpu = map(float, measured.stdout.split())
    return Sent(mails / seconds, cpu / mails * 1e3)


_TIMED = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - started, used.ru_utime + used.ru_stime)
"""


@contextmanager
def relay() -> Iterator[tuple[int, Path]]:
    """A sink's port, and a key to sign with."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    with tempfile.TemporaryDirectory(prefix="hygiene-bench-") as folder:
        key = Path(folder) / "key.pem"
        private = rsa.generate_private_key(65_537, 2048)
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        with smtp_sink(find_program, backlog=1000) as port:
            yield port, key


def sending(rounds: int) -> Iterator[tuple[str, str, str]]:
    """(h): in turns; the receiver shares the cores. `whole` is all of `hygiene send` but the queueing."""
    with relay() as (port, key):
        send("ours", port, 200, key)
        turns = [
            (
                send("whole", port, MAILS, key),
                send("ours", port, MAILS, key),
                send("loop", port, SLOW_MAILS, key),
                source(port, MAILS),
            )
            for _ in range(rounds)
        ]
    parts = [[turn[place] for turn in turns] for place in range(4)]
    rates = [median(each.per_second for each in some) for some in parts]
    yield "hygiene send : smtplib and dkimpy in a loop", f"{rates[0] / rates[2]:.1f}", "at least 6"
    yield "without the outbox : the loop", f"{rates[1] / rates[2]:.1f}", ""
    yield "hygiene send : smtp-source, unsigned and all the same", f"{rates[0] / rates[3]:.2f}", ""
    shown = " / ".join(f"{rate:.0f}" for rate in rates)
    yield "mails a second: send, without outbox, loop, smtp-source", shown, ""
    costs = [median(each.cpu_ms for each in some) for some in parts]
    yield "CPU ms of the sender for one mail", " / ".join(f"{cost:.2f}" for cost in costs), ""
