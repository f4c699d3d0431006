"""Which mail an order is credited to at the edges of the window, to the microsecond."""

import pytest

import hygiene
from hygiene.errors import UnreadableInput

CLICK = "2026-05-03T10:00:00.500000+00:00"


def credited(folder, ordered, rule="last-click:5d"):
    """The campaigns an order of that moment is credited to."""
    log, orders = folder / "log.csv", folder / "orders.csv"
    mails = [("early", "m1", "2026-05-03T09:00:00.500000+00:00"), ("late", "m2", CLICK)]
    rows = ["event,email,message_id,campaign,timestamp"]
    for campaign, message, at in mails:
        rows += [f"sent,a@x.example,{message},{campaign},2026-05-01T10:00:00Z"]
        rows += [f"delivered,a@x.example,{message},{campaign},2026-05-01T10:00:05Z"]
        rows += [f"clicked,a@x.example,{message},{campaign},{at}"]
    log.write_text("\n".join(rows) + "\n")
    orders.write_text(f"order_id,email,ordered at,total,currency\n1,A@x.example,{ordered},10.00,EUR\n")
    frame = hygiene.measure(log, orders=orders, by="campaign", attribution=rule, causes=False).to_frame()
    converted = frame[(frame.kpi == "conversion_rate") & frame.campaign.notna() & (frame.numerator > 0)]
    return list(converted.campaign)


@pytest.mark.parametrize(
    ("ordered", "rule", "campaigns"),
    [
        (CLICK, "last-click:5d", ["late"]),
        ("2026-05-03T10:00:00.499999Z", "last-click:5d", ["early"]),
        ("2026-05-03T12:00:00.500000+02:00", "first-click:5d", ["early"]),
        ("2026-05-08T10:00:00.500000Z", "last-click:5d", ["late"]),
        ("2026-05-08T10:00:00.500001Z", "last-click:5d", []),
        ("2026-05-08T09:00:00.500000Z", "first-click:5d", ["early"]),
        ("2026-05-08T09:00:00.500001Z", "first-click:5d", ["late"]),
        ("2026-05-03T09:00:00.500000Z", "last-click:5d", ["early"]),
        ("2026-05-03T09:00:00.499999Z", "last-click:5d", []),
    ],
)
def test_an_order_at_the_edge(tmp_path, ordered, rule, campaigns):
    assert credited(tmp_path, ordered, rule) == campaigns


@pytest.mark.parametrize("text", ["id,created\n1,2026-05-01 10:00\n", '[{"order": "1", "total": 5}]'])
def test_what_holds_no_orders_is_named_as_such(tmp_path, text):
    (tmp_path / "log.csv").write_text(
        "event,email,message_id,timestamp\nsent,a@x.example,m1,2026-05-01T10:00:00Z\n"
    )
    (tmp_path / "orders").write_text(text)
    with pytest.raises(UnreadableInput, match="is no export of orders known here"):
        hygiene.measure(tmp_path / "log.csv", orders=tmp_path / "orders")
