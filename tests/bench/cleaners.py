"""What cleaning is measured beside, each a process: ``python -m tests.bench.cleaners NAME FILE FOLDER``.

Prints seconds and peak resident bytes. The imports count: a person waits for them, too.
"""

import json
import resource
import sys
import time
from pathlib import Path

THREADS = 2


def clean(path, folder):
    """Ours, as anybody calls it."""
    from hygiene import clean_contacts

    clean_contacts(path, output=folder, threads=THREADS)


def script(path, folder):
    """The obvious script: pandas, and email-validator for every row."""
    import pandas as pd
    from email_validator import EmailNotValidError, validate_email

    def fault(address):
        try:
            validate_email(address, check_deliverability=False)
        except EmailNotValidError as error:
            return str(error)
        return None

    contacts = pd.read_csv(path, dtype=str, keep_default_na=False)
    contacts["Email Address"] = contacts["Email Address"].str.strip()
    reason = contacts["Email Address"].map(fault)
    valid = contacts[reason.isna()]
    first = valid["Email Address"].str.lower().drop_duplicates(keep="first").index
    reason = reason.mask(reason.isna() & ~contacts.index.isin(first), "duplicate")
    contacts.loc[first].to_csv(folder / "kept.csv", index=False)
    rejected = contacts.drop(first)
    rejected.assign(reason=reason[rejected.index]).to_csv(folder / "rejected.csv", index=False)


def rewrite(path, folder):
    """DuckDB merely reads the file and writes it again."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as connection:
        reading = f"from read_csv('{path}', all_varchar = true)"
        connection.execute(f"copy ({reading}) to '{folder / 'copy.csv'}' (format csv, header)")


def peak():
    """Most memory this process ever had resident, in bytes; getrusage counts in KiB, on macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    work = {"clean": clean, "script": script, "rewrite": rewrite}[sys.argv[1]]
    started = time.perf_counter()
    work(Path(sys.argv[2]), Path(sys.argv[3]))
    print(json.dumps([time.perf_counter() - started, peak()]))
