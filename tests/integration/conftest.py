"""A real PostgreSQL, reached by a socket of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from hygiene.errors import UnreadableInput
from hygiene.store import open_store

KEY = bytes(range(32))
NOBODY = 65_534  # PostgreSQL refuses to run as root


def as_nobody():
    """What to start a program with, so that it is nobody's if this is root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def url(program):
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    data = folder / "data"
    settings = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    subprocess.run(
        [program("initdb"), "-D", data, "-U", "hygiene", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **as_nobody(),
    )
    with (folder / "log").open("wb") as log:
        command = [program("postgres"), "-D", data, *options]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_nobody())
    try:
        yield wait_for(f"postgresql://hygiene@/postgres?host={folder}", server, folder / "log")
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        server.wait(30)
        shutil.rmtree(folder)


def wait_for(url, server, log):
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        try:
            open_store(url, key=KEY).close()
        except UnreadableInput:
            time.sleep(0.1)
        else:
            return url
    pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
