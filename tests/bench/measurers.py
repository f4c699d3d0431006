"""What measuring is measured beside, each a process: ``python -m tests.bench.measurers NAME FILE [MEMORY]``.

Prints seconds, peak resident bytes, and the sums over all campaigns, which must be the same for everybody. The
imports count: a person waits for them, too.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from .cleaners import THREADS, peak

#: sums over all campaigns; opens and clicks of mails that are delivered in the end
SUMS = (
    "sent",
    "delivered",
    "bounced",
    "hard",
    "opened_all",
    "opened_human",
    "clicked_all",
    "complained",
    "unsubscribed",
)

SQL = """
with told as (
    select distinct message_id, recipient, kind, ts_us // 1_000_000 as second, url, bounce_class, machine,
        campaign
    from {log}
),
sends as (select distinct message_id, recipient, campaign from told where kind = 'sent'),
mails as (
    select sends.campaign, message_id, recipient,
        bool_or(kind = 'delivered') as delivered, bool_or(kind = 'bounced') as bounced,
        bool_or(kind = 'bounced' and bounce_class = 'hard') as hard,
        bool_or(kind = 'opened') as opened, bool_or(kind = 'opened' and machine <> 'mpp') as read,
        bool_or(kind = 'clicked') as clicked, bool_or(kind = 'complained') as complained,
        bool_or(kind = 'unsubscribed') as unsubscribed,
        count(*) filter (kind = 'opened') as opens, count(*) filter (kind = 'clicked') as clicks
    from told join sends using (message_id, recipient) group by all
)
select campaign, count(*), count(*) filter (delivered and not bounced), count(*) filter (bounced),
    count(*) filter (hard), count(*) filter (opened and not bounced), count(*) filter (read and not bounced),
    count(*) filter (clicked and not bounced), count(*) filter (complained and not bounced),
    count(*) filter (unsubscribed and not bounced),
    sum(opens) filter (not bounced), sum(clicks) filter (not bounced)
from mails group by campaign order by campaign
"""


def sql(path, memory):
    """What somebody who knows both DuckDB and mail would write for this one log."""
    import duckdb

    scan = "read_csv" if path.suffix == ".csv" else "read_parquet"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        settings = {"threads": THREADS, "preserve_insertion_order": False, "temp_directory": folder}
        with duckdb.connect(config=settings | ({"memory_limit": memory} if memory else {})) as connection:
            rows = connection.execute(SQL.format(log=f"{scan}('{path}')")).fetchall()
    return [sum(row[1 + place] for row in rows) for place in range(len(SUMS))]


def pandas(path, memory):
    """The same in pandas, as one would write it: no row is a Python object."""
    del memory
    import pandas as pd

    columns = ["message_id", "recipient", "campaign", "kind", "bounce_class", "machine", "url", "ts_us"]
    log = (
        pd.read_csv(path, usecols=columns) if path.suffix == ".csv" else pd.read_parquet(path, columns=columns)
    )
    log["second"] = log.pop("ts_us") // 1_000_000
    log = log.drop_duplicates()
    mail = ["message_id", "recipient"]
    sends = log.loc[log["kind"] == "sent", [*mail, "campaign"]].drop_duplicates(mail)
    told = log.drop(columns="campaign").merge(sends, on=mail)
    kind = told["kind"]
    flags = pd.DataFrame(
        {
            "sent": kind == "sent",
            "delivered": kind == "delivered",
            "bounced": kind == "bounced",
            "hard": (kind == "bounced") & (told["bounce_class"] == "hard"),
            "opened_all": kind == "opened",
            "opened_human": (kind == "opened") & (told["machine"] != "mpp"),
            "clicked_all": kind == "clicked",
            "complained": kind == "complained",
            "unsubscribed": kind == "unsubscribed",
        }
    )
    flags[[*mail, "campaign"]] = told[[*mail, "campaign"]]
    mails = flags.groupby([*mail, "campaign"], sort=False).any()
    for name in SUMS[4:]:
        mails[name] &= ~mails["bounced"]
    mails["delivered"] &= ~mails["bounced"]
    return [int(number) for number in mails.groupby("campaign")[list(SUMS)].sum().sum()]


def measure(path, memory):
    """Ours, as anybody calls it: recognise, read, reconcile, check the sums, judge."""
    import hygiene

    options = {"memory_limit": memory} if memory else {}
    kpis = hygiene.measure(path, by="campaign", causes=False, threads=THREADS, **options)
    total = kpis.counts()
    return [total[name] for name in SUMS]


def scan_json(path, memory):
    """DuckDB looks at every JSON object, and counts events by type and campaign."""
    del memory
    return _scan(path, ["$.eventType", "$.mail.tags.campaign[0]"])


def scan_types(path, memory):
    """DuckDB looks at every JSON object, and counts events by type alone."""
    del memory
    return _scan(path, ["$.eventType"])


def _scan(path, fields):
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as connection:
        named = ", ".join(f"json ->> '{field}'" for field in fields)
        query = f"select {named}, count(*) from read_json_objects('{path}') group by all"
        return [sum(row[-1] for row in connection.execute(query).fetchall())]


def read_ses(path, memory):
    """Ours: the same file into the event table."""
    import hygiene

    with hygiene.read_events(path, threads=THREADS, **({"memory_limit": memory} if memory else {})) as events:
        return [events.reading.connection.execute("select count(*) from events").fetchall()[0][0]]


if __name__ == "__main__":
    contenders = (sql, pandas, measure, scan_json, scan_types, read_ses)
    work = {contender.__name__: contender for contender in contenders}[sys.argv[1]]
    started = time.perf_counter()
    sums = work(Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
    print(json.dumps([time.perf_counter() - started, peak(), sums]))
