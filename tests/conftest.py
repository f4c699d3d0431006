"""What every test runs under: servers that are there, no packet off this machine, repeatable hypotheses."""

import io
import ipaddress
import os
import shutil
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

REQUIRE_SERVERS = "HYGIENE_REQUIRE_SERVERS"

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def find_program(name):
    """Where a program is; servers live in folders that an ordinary user's path lacks."""
    own = map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))  # Debian's place for PostgreSQL
    folders = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", *own]
    return shutil.which(name, path=os.pathsep.join(folders))


@pytest.fixture(scope="session")
def program():
    """The function that finds a program."""
    return find_program


class Played(NamedTuple):
    """A demo that was played, and what it said."""

    folder: Path
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def played(tmp_path_factory):
    """`hygiene demo`, played once for all that is asked of it."""
    from hygiene.cli.app import main

    folder, out, err = tmp_path_factory.mktemp("played") / "reports", io.StringIO(), io.StringIO()
    words = ["hygiene", "demo", "--output", str(folder)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in [name for name in os.environ if name == "FORCE_COLOR" or name.startswith("HYGIENE_")]:
            patch.delenv(name)
        patch.setenv("COLUMNS", "100")
        patch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
    return Played(folder, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def pytest_runtest_setup(item):
    names = [name for marker in item.iter_markers("server") for name in marker.args]
    for name in names:
        if find_program(name):
            continue
        if os.environ.get(REQUIRE_SERVERS):
            pytest.fail(f"needs {name}, which is not installed, and {REQUIRE_SERVERS} is set", pytrace=False)
        pytest.skip(f"needs {name}, which is not installed; .ci/run installs it")


class LeftTheMachine(RuntimeError):
    """Something tried to talk to another machine."""


collect_ignore = ["bench"]  # measured by make bench

_offences = []


def _is_literal(host):
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _goes_out(event, arguments):
    """The peer that is not this machine, if any."""
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        sock, address = arguments[:2]
        if sock.family not in {socket.AF_INET, socket.AF_INET6} or address is None:
            return None
        host = str(address[0])
        inside = host == "localhost" or (_is_literal(host) and ipaddress.ip_address(host).is_loopback)
        return None if inside else address
    host = arguments[0]
    host = host.decode() if isinstance(host, bytes) else host
    # reading an address asks nobody
    return None if host in {None, "", "localhost"} or _is_literal(host) else host


def _guard(event, arguments):
    if not event.startswith("socket.") or event not in _WATCHED:
        return
    if (peer := _goes_out(event, arguments)) is not None:
        _offences.append(f"{event} to {peer}")
        raise LeftTheMachine(_offences[-1])


_WATCHED = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
}
sys.addaudithook(_guard)


@pytest.fixture(scope="session", autouse=True)
def nobody_leaves_later():
    """Fail the last test of each process if something tried to leave loopback when the tests were over."""
    yield
    assert not _offences, f"after a test something tried to leave the machine: {'; '.join(_offences)}"


@pytest.fixture(autouse=True)
def stays_on_this_machine():
    """Fail the test if it tried to leave loopback, even where the code under test swallowed the error."""
    before = "; ".join(_offences)
    _offences.clear()
    assert not before, f"before this test something tried to leave the machine: {before}"
    yield _offences
    after = "; ".join(_offences)
    _offences.clear()
    assert not after, f"this test tried to leave the machine: {after}"
