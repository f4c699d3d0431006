"""Every result: a frame of honest types, plain JSON, a document, one short line, and a page in a notebook."""

import json

import pandas as pd
import pytest

from hygiene.audit.run import audit_domain
from hygiene.contacts.clean import clean_contacts
from hygiene.content.lint import lint_content
from hygiene.metrics.event_log import read_events
from hygiene.metrics.measure import measure
from hygiene.metrics.support import measure_support
from hygiene.metrics.variants.compare import compare_variants
from hygiene.metrics.variants.plan import plan_test
from hygiene.render.sections import Document
from hygiene.resolver import Zone
from hygiene.sending.states import CampaignState, State
from hygiene.sending.status import CampaignStatus, Status

HOSTILE = "<script>alert(1)</script>"


def mailed():
    """Two variants, of which one has a hostile name; a word that nobody knows."""
    kinds = {"A": ["sent", "delivered"], HOSTILE: ["sent", "delivered", "clicked", "frobbed"]}
    told = [
        {
            "email": f"{len(each)}-{at}@x.example",
            "variant": name,
            "campaign": "c",
            "event": kind,
            "timestamp": 1_788_256_800,
        }
        for name, each in kinds.items()
        for at in range(3)
        for kind in each
    ]
    return pd.DataFrame([{**row, "message_id": row["email"]} for row in told])


def supported(folder):
    path = folder / "tickets.csv"
    path.write_text("ticket,created,first reply,closed\n1,2026-09-01 10:00,2026-09-01 10:30,2026-09-01 12:00\n")
    return measure_support(path)


def sent():
    counts = {State.DELIVERED: 3} if hasattr(State, "DELIVERED") else {next(iter(State)): 3}
    one = CampaignStatus(
        name=HOSTILE,
        stream="marketing",
        state=next(iter(CampaignState)),
        held_because="",
        counts=counts,
        overrides={},
    )
    return Status(campaigns=(one,))


MADE = {
    "audit": lambda _: audit_domain("shop.example", resolver=Zone({}), second_opinion=False),
    "lint": lambda _: lint_content(subject="LAST CHANCE", html=f"<p>{HOSTILE}</p>"),
    "cleaned": lambda _: clean_contacts(pd.DataFrame({"Email": ["ann@example.com", HOSTILE]})),
    "events": lambda _: read_events(mailed()),
    "kpis": lambda _: measure(mailed(), by="variant"),
    "comparison": lambda _: compare_variants(mailed()),
    "plan": lambda _: plan_test(baseline=0.02, effect=0.01),
    "support": supported,
    "status": lambda _: sent(),
    "no status": lambda _: Status(campaigns=()),
}


@pytest.mark.parametrize("name", MADE)
def test_a_result_shows_itself(name, tmp_path):
    result = MADE[name](tmp_path)
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert not {str(kind) for kind in frame.dtypes} & {"object"}, frame.dtypes
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert isinstance(result.sections(), Document)
    shown = result._repr_html_()
    assert shown.startswith('<div class="hygiene-result">')
    assert "<script" not in shown
    assert repr(result).startswith("<")
    assert "\n" not in repr(result)
    assert len(repr(result)) < 160


def test_logs_say_what_was_read_of_them(tmp_path):
    (tmp_path / "a.csv").write_text("email,event,time,message id\na@x.example,frobbed,2026-09-01,m\n")
    with read_events(tmp_path / "a.csv") as events:
        shown = events._repr_html_()
    assert "a.csv" in shown
    assert "events with words unknown here: frobbed" in shown
    with read_events(mailed()) as events:
        frame = events.to_frame()
        assert set(frame[["campaign", "segment", "currency"]].dtypes.astype(str)) == {"string"}
        assert measure(frame).to_dict()["counts"] == measure(mailed()).to_dict()["counts"]
