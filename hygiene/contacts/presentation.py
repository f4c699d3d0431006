"""A cleaning as sections."""

from __future__ import annotations

from hygiene.contacts.cleaned import Cleaned
from hygiene.render.sections import Document, Headline, Tone


def document(cleaned: Cleaned) -> Document:
    """The whole page of a cleaning."""
    return Document(headline=Headline(subject="list", verdict="x", tone=Tone.GOOD), sections=())


def render_cleaning(cleaned: Cleaned) -> str:
    """The page as HTML."""
    from hygiene.render.page import render_page

    return render_page([document(cleaned)], title="List cleaning")
