"""Mail logs read into the tables of events, for tests."""

from __future__ import annotations

import duckdb

from hygiene.event import UNREAD
from hygiene.events.maillog import POSTFIX
from hygiene.events.query import make_events
from hygiene.events.recogniser import Task

MODIFIED = 1_795_910_400  # 2026-11-29 00:00 UTC


def open_tables():
    connection = duckdb.connect()
    make_events(connection)
    connection.execute(f"create table unread ({', '.join(map(' '.join, UNREAD.items()))})")
    return connection


class Read:
    """What became of some logs."""

    def __init__(self, folder, *logs, timezone="UTC", year=None, modified=MODIFIED):
        self.connection, self.files = open_tables(), []
        for number, log in enumerate(logs):
            path = folder / f"log-{number}"
            path.write_bytes(log if isinstance(log, bytes) else log.encode())
            self.files.append(
                POSTFIX.read(
                    Task(
                        path=path,
                        name=path.name,
                        number=number,
                        connection=self.connection,
                        work=folder,
                        timezone=timezone,
                        year=year,
                        modified=modified,
                    )
                )
            )
        self.said = POSTFIX.finish(self.connection)

    def rows(self, *columns):
        """These columns of all events, sorted."""
        return sorted(self.connection.execute(f"select {', '.join(columns)} from events").fetchall(), key=repr)

    @property
    def told(self):
        """What happened to whom, when: ``kind recipient hh:mm:ss``."""
        query = (
            "select kind || ' ' || recipient || ' ' || strftime(make_timestamp(ts_us), '%H:%M:%S') from events"
        )
        return sorted(text for (text,) in self.connection.execute(query).fetchall())

    @property
    def unread(self):
        return sorted(self.connection.execute("select file, line, why, text from unread").fetchall())
