"""Documents for the tests of the renderers: one as people meet it, and any that could be built."""

from hypothesis import strategies as st

from hygiene.finding import Confidence, Finding, Severity, State
from hygiene.render.sections import (
    Cell,
    Document,
    FindingList,
    Headline,
    Paragraph,
    Part,
    Section,
    Split,
    Table,
    Tone,
    Tree,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b]0;x\x07",
    "a\0b",
    "](javascript:alert(1))",
    "[bold]",
    "a\u202eb\u2066c\u200bd\u2028e",
    "`|`\n# h",
    "@octocat http://x.example www.x.example #1",
)

LOOKUPS = Finding(
    id="spf-too-many-lookups",
    title="SPF needs 11 look-ups",
    area="spf",
    subject="shop.example",
    severity=Severity.HIGH,
    why="Receivers stop at ten.",
    rule="RFC 7208 §4.6.4",
    source="https://www.rfc-editor.org/rfc/rfc7208#section-4.6.4",
    evidence=("v=spf1 a mx include:_spf.google.com ~all",),
    fix='shop.example. TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ~all"',
)
UNASKED = Finding(
    id="dkim-selector-not-found",
    title="No answer for k2",
    area="dkim",
    subject="k2._domainkey.shop.example",
    severity=Severity.HIGH,
    state=State.UNKNOWN,
    why="No answer for k2",
)
SHOP = Document(
    headline=Headline(
        subject="shop.example",
        verdict="C",
        label="grade",
        note="1 finding · 1 unknown",
        tone=Tone.WARN,
        sentence="Gmail would refuse bulk mail.",
    ),
    sections=(
        Section(
            title="Would bulk mail be accepted?",
            blocks=(
                Table(
                    rows=(
                        (Cell("Gmail"), Cell("no", Tone.BAD), Cell("SPF is broken")),
                        (Cell("Yahoo"), Cell("yes", Tone.GOOD), Cell("as of 2026-05", Tone.MUTED)),
                        (Cell("BIMI"), Cell("", Tone.MUTED)),
                    )
                ),
            ),
        ),
        Section(title="Findings", blocks=(FindingList((LOOKUPS, UNASKED)),)),
        Section(
            title="How SPF is evaluated",
            detail=True,
            blocks=(
                Tree(
                    Cell("v=spf1 …", code=True),
                    (Tree(Cell("include:a", code=True), (Tree(Cell("ip4", Tone.BAD)),)), Tree(Cell("mx"))),
                ),
            ),
        ),
    ),
    footer="55 answers in 0.09 s",
)

KEPT = Split(
    (
        Part(label="kept", figure="861,204", share=0.715, tone=Tone.GOOD, note="clean.csv"),
        Part(label="rejected", figure="343,307", share=0.285),
    )
)
REASONS = Table(
    columns=("reason", "rows", "", "what it means"),
    rows=(
        (Cell("bounced"), Cell("12,004"), Cell("", bar=1), Cell("mail to this address came back for good")),
        (Cell("role", Tone.WARN), Cell("3"), Cell("", bar=0.0001), Cell("the address of a task")),
    ),
    align="lrll",
)

#: Anything a name server could send, and what hurts most often.
texts = st.one_of(
    st.text(st.characters(), max_size=40),
    st.text(st.sampled_from("<>&\"'`|[](){}*_~$#!\\\n\r\t\x1b\x7f\x9b\0@:/.-+=1aä日\u202e w"), max_size=60),
    st.sampled_from(HOSTILE),
    st.sampled_from(("", "v=DKIM1; p=" + "MIIB" * 40, "include:_spf.example.com " * 8)),
)
tones = st.sampled_from(Tone)
shares = st.one_of(st.floats(0, 1), st.floats())
cells = st.builds(Cell, texts, tones, st.booleans(), st.none() | shares)
splits = st.builds(
    Split,
    st.lists(st.builds(Part, label=texts, figure=texts, share=shares, tone=tones, note=texts), max_size=4).map(
        tuple
    ),
)
trees = st.recursive(
    st.builds(Tree, cells),
    lambda below: st.builds(Tree, cells, st.lists(below, max_size=3).map(tuple)),
    max_leaves=6,
)
findings = st.builds(
    Finding,
    **dict.fromkeys(("id", "title", "area", "subject", "why", "rule", "source", "fix"), texts),
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    state=st.sampled_from(State),
    evidence=st.lists(texts, max_size=3).map(tuple),
    optional=st.booleans(),
)
tables = st.builds(
    Table,
    rows=st.lists(st.lists(cells, max_size=5).map(tuple), max_size=4).map(tuple),
    columns=st.lists(texts, max_size=5).map(tuple),
    align=st.text("lr", max_size=5),
)
blocks = st.one_of(
    st.builds(Paragraph, texts, tones),
    tables,
    splits,
    trees,
    st.builds(FindingList, st.lists(findings, max_size=2).map(tuple)),
)
sections = st.builds(Section, title=texts, blocks=st.lists(blocks, max_size=3).map(tuple), detail=st.booleans())
documents = st.builds(
    Document,
    headline=st.builds(
        Headline, subject=texts, verdict=texts, tone=tones, label=texts, note=texts, sentence=texts
    ),
    sections=st.lists(sections, max_size=3).map(tuple),
    footer=texts,
)
