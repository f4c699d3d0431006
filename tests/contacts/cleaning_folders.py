"""Folders as `hygiene clean` writes them, made by hand: rows in, files and a true manifest out."""

import csv
import hashlib
import io
import json

REJECTED = ["file", "line", "address", "step", "reason", "detail", "kept_row", "text"]
FLAGGED = ["file", "line", "address", "flags", "suggestion", "mail_to"]
POLICY = {
    "inactive_after": "180d",
    "grace": "30d",
    "min_ignored": 3,
    "opens": True,
    "keep": "newest",
    "role": "flag",
    "disposable": "flag",
    "typos": "flag",
    "require_confirmed": False,
    "assume_consent": False,
    "check_mx": False,
    "soft_bounces": 7,
}


def protected(cell):
    return f"'{cell}" if cell.lstrip("'")[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def written(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def table(header, rows):
    return written([header, *([protected(str(row.get(name, ""))) for name in header] for row in rows)])


def reject(address, reason, line=1, file="list.csv", step="consent", **rest):
    return {"address": address, "reason": reason, "line": line, "file": file, "step": step, **rest}


def flag(address, flags, line=1, file="list.csv", mail_to=None, suggestion=""):
    mailed = mail_to or address
    return {
        "address": address,
        "flags": flags,
        "line": line,
        "file": file,
        "mail_to": mailed,
        "suggestion": suggestion,
    }


def write_cleaning(folder, kept=(), rejected=(), flagged=(), **changes):
    """`kept` are addresses, or the bytes of clean.csv; `changes` overwrite fields of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = kept if isinstance(kept, bytes) else written([["Email"], *([address] for address in kept)])
    files = {
        "clean.csv": clean,
        "rejected.csv": table(REJECTED, rejected),
        "flagged.csv": table(FLAGGED, flagged),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    outputs = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "rows": 0}
        for name, data in files.items()
    }
    rows = len(rejected) + (clean.count(b"\n") if isinstance(kept, bytes) else len(kept))
    listed = {"name": "list.csv", "sha256": "ab" * 32, "size": 1, "layout": "plain", "encoding": "UTF-8"}
    manifest = {
        "format": 1,
        "hygiene": "0.2.0",
        "made_at": "2026-11-22T09:30:00Z",
        "as_of": "2026-11-22T00:00:00Z",
        "inputs": [{**listed, "delimiter": ",", "rows": rows, "damaged": 0, "blank": 0}],
        "outputs": outputs,
        "policy": POLICY,
        "counts": {"rows": rows, "kept": 0, "rejected": len(rejected), "reasons": {}},
        "versions": {"email-validator": "2.4.0", "disposable-email-domains": "0.0.198"},
        "address_column": "Email",
        "clean": {"delimiter": ",", "header": True, "quoted": True, "bom": False},
        "lists": [],
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return folder
