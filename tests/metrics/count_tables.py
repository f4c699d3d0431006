"""Counts tables as literals: what a slice is given, and what follows from it; the rest is 0."""

import pyarrow as pa

from hygiene.metrics.table import COUNTS


def row(source="ses", *, told=True, **given):
    """One row; sums that are not given follow from their parts."""
    counts = dict.fromkeys(COUNTS, 0 if told else None)
    slices = {name: value for name, value in given.items() if name not in COUNTS}
    counts |= {name: value for name, value in given.items() if name in COUNTS}
    if told:
        kinds = sum(counts[name] for name in ("hard", "soft", "block", "undetermined"))
        counts["bounced"] = given.get("bounced", kinds)
        counts["undetermined"] += counts["bounced"] - kinds
        counts["delivered_gross"] = given.get("delivered_gross", counts["delivered"] + counts["late"])
        counts["sent"] = given.get("sent", counts["delivered"] + counts["bounced"] + counts["pending"])
        counts["submitted"] = given.get("submitted", counts["sent"] + counts["rejected"])
        for name in ("delivered_fbl", "delivered_open_tracked", "delivered_click_tracked"):
            counts[name] = given.get(name, counts["delivered"])
    return {**slices, "source": source, **counts}


def table(*rows):
    """The rows as the engine hands them over."""
    return pa.Table.from_pylist(list(rows))
