"""Postfix's smtp-sink, and a Postfix that relays into it, on free loopback ports."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

HOST = "127.0.0.1"
READY_S = 20


def wait_for_port(port, process=None):
    """Until something answers there."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with socket.create_connection((HOST, port), 1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


@contextmanager
def smtp_sink(program, *options, folder=None, backlog=100):
    """A running smtp-sink; its port. With `folder` each message is a file there."""
    port = free_port()
    words = [program("smtp-sink"), *options]
    if os.geteuid() == 0:
        words += ["-u", "nobody"]
    if folder is not None:
        folder.chmod(0o777)
        words += ["-d", "m."]
    process = subprocess.Popen(
        [*words, f"inet:{HOST}:{port}", str(backlog)], cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.example
mydestination =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [{host}]:{sink}
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_host_lookup = native
disable_dns_lookups = yes
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
alias_maps =
alias_database =
smtpd_client_connection_count_limit = 0
{more}
"""
MASTER = """\
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def postfix_relay(program, sink, more=""):
    """A Postfix that hands all it takes to the port `sink`; its port and its folder (log/mail.log is in it)."""
    folder = Path(tempfile.mkdtemp(prefix="postfix", dir="/tmp"))
    folder.chmod(0o755)
    port, config = free_port(), folder / "config"
    for name in ("config", "queue", "data", "log"):
        (folder / name).mkdir()
    owner = pwd.getpwnam("postfix")
    for name in ("data", "log"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    (config / "main.cf").write_text(MAIN.format(folder=folder, host=HOST, sink=sink, more=more))
    (config / "master.cf").write_text(MASTER.format(port=port))
    command = [program("postfix"), "-c", config]
    environment = {**os.environ, "MAIL_CONFIG": str(config)}
    done = subprocess.run([*command, "start"], env=environment, capture_output=True, text=True, check=False)
    try:
        assert done.returncode == 0, done.stderr
        wait_for_port(port)
        yield port, folder
    finally:
        subprocess.run([*command, "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
