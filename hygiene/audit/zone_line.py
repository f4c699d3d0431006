"""Records as lines of a master file, ready to paste (RFC 1035 §5.1)."""

from __future__ import annotations

from hygiene.resolver import character_strings


def txt_line(name: str, text: str) -> str:
    """A TXT record; a long text becomes several character-strings.

    >>> txt_line("_dmarc.shop.example", "v=DMARC1; p=reject")
    '_dmarc.shop.example. TXT "v=DMARC1; p=reject"'
    """
    quoted = (part.replace("\\", "\\\\").replace('"', '\\"') for part in character_strings(text))
    return f"{name}. TXT " + " ".join(f'"{part}"' for part in quoted)
