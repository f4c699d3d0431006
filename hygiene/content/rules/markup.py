"""Rules of markup and CSS that clients drop or distrust."""

from __future__ import annotations

import re

from hygiene.content.knowledge import Feature, features, words
from hygiene.content.page import Page
from hygiene.content.registry import rule
from hygiene.finding import Evidence, Problem, Severity


@rule(
    severity=Severity.MEDIUM,
    source="practice",
    why="Gmail, Outlook and Yahoo drop it: the mail is shown without the styles in it.",
    fix="inline the rules into style attributes, the rest into <style>",
)
def stylesheet_external(page: Page) -> Evidence:
    """Styles are kept in another file"""
    for each in page.all("link"):
        if "stylesheet" in each.get("rel").lower():
            yield _styles(each.place, each.get("href"))
    if match := re.search(r"@import\s[^;]{1,120}", page.sheet.text):
        yield _styles(f"in a style element: {match.group()}", match.group())


def _styles(place: str, address: str) -> Problem:
    """A file of fonts alone is no great loss."""
    if any(host in address.lower() for host in words("font_host")):
        fix = "nothing, if each font-family ends with a system font: 'Brand', Arial, sans-serif"
        return Problem(evidence=f"{place}: fonts, which most clients drop", severity=Severity.INFO, fix=fix)
    return Problem(evidence=place)


@rule(
    severity=Severity.HIGH,
    source="practice",
    why="No client runs scripts, and filters take them for an attack.",
    fix="delete it",
)
def script_in_mail(page: Page) -> Evidence:
    """The HTML holds a script"""
    for each in page.all("script"):
        if each.get("type").lower() not in {"application/ld+json", "application/json"}:
            yield each.place
    for each in page.elements:
        handler = next((name for name in each.attributes if re.fullmatch(r"on[a-z]{3,20}", name)), "")
        if handler:
            yield f"{each.place} has {handler}"


@rule(
    severity=Severity.MEDIUM,
    source="caniemail",
    why="Outlook drops forms, Yahoo's app and others do not send them, and filters know them from phishing.",
    fix='<a href="https://…">Answer on our page</a>',
)
def form_in_mail(page: Page) -> Evidence:
    """The HTML holds a form"""
    for each in page.all("form", "input", "textarea", "select"):
        secret = each.get("type").lower() == "password"
        yield Problem(evidence=each.place, severity=Severity.HIGH if secret else None)


@rule(
    severity=Severity.MEDIUM,
    source="practice",
    why="Clients drop frames and embedded objects, and filters distrust them.",
    fix='<a href="https://…"><img src="…" alt="what is shown there"></a>',
)
def frame_in_mail(page: Page) -> Evidence:
    """The HTML holds a frame or an embedded object"""
    for each in page.all("iframe", "frame", "frameset", "object", "embed", "applet"):
        yield each.place


@rule(
    severity=Severity.LOW,
    source="caniemail",
    why="Only Apple Mail and few others play it; Gmail, Outlook and Yahoo show what stands inside instead.",
    fix='<a href="https://…"><img src="first-picture.jpg" alt="Watch the film" width="600"></a>',
)
def video_in_mail(page: Page) -> Evidence:
    """The HTML holds a video or sound"""
    for each in page.all("video", "audio"):
        yield each.place


@rule(
    severity=Severity.INFO,
    source="caniemail",
    why="It is lost there; the mail must work without it.",
    fix="look at the mail without it",
)
def css_unsupported(page: Page) -> Evidence:
    """Large clients do not show some of the CSS"""
    for key, feature in features("css").items():
        place = _where(page, key)
        if place:
            clients = ", ".join(feature.without)
            yield Problem(
                evidence=f"{feature.name} ({place}): not in {clients}, tested {feature.tested}",
                fix=f"{feature.name}: {feature.fix}",
                severity=Severity.LOW if _breaks_layout(key, feature) else None,
            )


def _where(page: Page, key: str) -> str:
    """The first place of a feature; ''."""
    if key.startswith("@"):
        return "in a style element" if key in page.sheet.text else ""
    name, _, value = key.partition(": ")
    for each in page.elements:
        if key.endswith("()"):
            found = any(key[:-1] in text for text in each.css.values())
        elif value:
            found = each.css.get(name) == value
        else:
            found = each.css.get(name, "static") not in {"static", "none", "0", "initial"}
        if found:
            return each.at
    if key.endswith("()"):
        pattern = re.escape(key[:-1])
    else:
        wanted = re.escape(value) if value else "(?!static|none|0|initial)"
        pattern = rf"(?<![\w-]){re.escape(name)}\s{{0,9}}:\s{{0,9}}{wanted}"
    return "in a style element" if re.search(pattern, page.sheet.text) else ""


def _breaks_layout(key: str, feature: Feature) -> bool:
    return key.startswith(("display", "position", "var(")) and len(feature.without) > 2
