"""Who was told that they are unsubscribed is unsubscribed, whatever ends the program."""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException

from sqlalchemy import select

from hygiene.store import open_store
from hygiene.tables import OPT_OUT
from hygiene.tokens import Purpose, make_ref, make_token

from ..sending.mailings import KEY, new_campaign

PEOPLE = [f"p{number}@shop.example" for number in range(3_000)]


def address_of(log, process):
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"http://(127\.0\.0\.1):(\d+)\n", log.read_text()):
            return found[1], int(found[2])
        time.sleep(0.02)
    raise AssertionError(log.read_text())


def post(host, port, people, told):
    with closing(HTTPConnection(host, port, timeout=20)) as connection, suppress(OSError, HTTPException):
        for address in people:
            token = make_token(make_ref("spring", address, KEY), Purpose.UNSUBSCRIBE, KEY)
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", f"/u/{token}", "List-Unsubscribe=One-Click", kind)
            with connection.getresponse() as answer:
                if answer.read() and answer.status == 200:
                    told.append(address)


def test_kill_9_loses_nobody_who_was_told(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as store:
        _ = store.key
        new_campaign(store, PEOPLE)
    log, told = tmp_path / "log", []
    environment = os.environ | {"HYGIENE_SUPPRESSION_KEY": KEY.hex()}
    with log.open("w") as errors:
        command = [sys.executable, "-m", "hygiene", "serve", "--port", "0"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=errors, env=environment)
    host, port = address_of(log, process)
    threads = [threading.Thread(target=post, args=(host, port, PEOPLE[start::8], told)) for start in range(8)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while len(told) < 200 and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.wait()
    for thread in threads:
        thread.join()
    assert 200 <= len(told) < len(PEOPLE)
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as store, store.reading() as connection:
        from hygiene.service.people import person_of

        left = set(connection.scalars(select(OPT_OUT.c.person)))
    assert {person_of(address, KEY) for address in told} <= left
