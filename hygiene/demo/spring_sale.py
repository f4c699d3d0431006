"""The campaign of the built-in sample: a spring sale of bakery.example."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hygiene.files import packaged_text, write_whole

CAMPAIGN: Final = "spring-sale.toml"
FILES: Final = (CAMPAIGN, "spring-sale.mjml")


def write_campaign(folder: Path) -> Path:
    """Write the campaign and what belongs to it; where its file is."""
    for name in FILES:
        write_whole(folder / name, packaged_text("hygiene.demo", f"campaigns/{name}"))
    return folder / CAMPAIGN
