"""The manifest of a cleaning: from what, by which policy and versions, to what. Sending demands it whole."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

import msgspec

from hygiene.config import CleaningPolicy
from hygiene.contacts.copy import Written
from hygiene.contacts.domains import DISPOSABLE_LIST
from hygiene.contacts.kept import Shape
from hygiene.contacts.layout import OWN_ADDRESS
from hygiene.contacts.summary import Summary

NAME = "manifest.json"
FORMAT = 1  # raised when a reader of the old one would be misled
_PACKAGES = ("duckdb", "email-validator", DISPOSABLE_LIST, "narwhals")


def manifest_of(
    summary: Summary,
    shape: Shape,
    outputs: Sequence[Written],
    policy: CleaningPolicy,
    *,
    as_of: datetime,
    made_at: datetime,
    added: Sequence[str],
) -> dict[str, Any]:
    """The manifest as JSON holds it."""
    first = shape.exports[0]
    return {
        "format": FORMAT,
        "hygiene": version("hygiene"),
        "made_at": made_at.isoformat(timespec="seconds"),
        "as_of": as_of.isoformat(timespec="seconds"),
        "inputs": [_input(asdict(one)) for one in summary.files],
        "outputs": {one.name: {"sha256": one.sha256, "size": one.size, "rows": one.rows} for one in outputs},
        "policy": msgspec.to_builtins(policy),
        "counts": {
            "rows": summary.rows,
            "kept": summary.kept,
            "rejected": summary.rejected,
            "reasons": {reason.value: count for reason, count in summary.reasons.items()},
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "address_column": OWN_ADDRESS
        if added or OWN_ADDRESS in shape.columns
        else shape.columns[_address(shape)],
        "address_place": len(shape.columns) if added else _place(shape),
        "clean": {
            "delimiter": shape.delimiter,
            "header": first.source.header is not None or not shape.alike,
            "quoted": first.source.quoted or not shape.alike,
            "escape": first.dialect.escape if shape.alike else '"',
            "bom": shape.alike and first.source.encoding == "UTF-8 with BOM",
        },
        "lists": [dict(one) for one in summary.lists],
    }


def _input(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "notes"}


def _place(shape: Shape) -> int:
    """The position of the column with the address to write to."""
    return shape.columns.index(OWN_ADDRESS) if OWN_ADDRESS in shape.columns else _address(shape)


def _address(shape: Shape) -> int:
    first = shape.exports[0]
    return shape.columns.index(first.recognised.header[first.address])


def as_json(data: Mapping[str, Any]) -> str:
    """JSON for a file that people read, too."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n"
