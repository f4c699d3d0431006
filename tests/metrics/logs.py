"""Small random logs, and the way from rows to a frame."""

import pyarrow as pa
from hypothesis import strategies as st

from hygiene.event import EVENT, EventKind

TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "INTEGER": pa.int32(), "BOOLEAN": pa.bool_()}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in EVENT.items()])
EMPTY = dict.fromkeys(EVENT)
START = 1_774_700_000_000_000  # the night in which Europe goes to summer time


def event(kind, **columns):
    """One row of the event table."""
    return {**EMPTY, "source": "plain", "kind": kind, **columns}


def table(rows):
    return pa.Table.from_pylist([{**EMPTY, **row} for row in rows], schema=SCHEMA)


def rarely(strategy):
    """Mostly null."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


TIMES = st.builds(
    lambda second, rest: START + second * 1_000_000 + rest,
    st.one_of(st.integers(0, 8), st.integers(0, 40), st.integers(0, 400_000)),
    st.sampled_from([0, 1, 500_000, 999_999]),
)
KINDS = st.one_of(
    st.sampled_from(list(EventKind)), st.sampled_from(["sent", "delivered", "opened", "clicked", "clicked"])
)


MESSAGES = ("m1", "m2", "m3", "m3", None)
PEOPLE = ("ann@a.example", "bob@b.example", "bob@b.example", "ann@a.example", None)


@st.composite
def events(
    draw,
    sources=("loud", "quiet", "nameless", "bare"),
    messages=MESSAGES,
    people=PEOPLE,
    kinds=KINDS,
    urls=("a", "b", "c", "d", None),
):
    kind = str(draw(kinds))
    source = draw(st.sampled_from(sources))
    if source == "quiet" and kind == "sent":
        kind = "delivered"
    clicked, bounced = kind == "clicked", kind == "bounced"
    said = kind in {"bounced", "rejected", "deferred"}
    machines = st.sampled_from([None, "none", "none", "mpp", "proxy", "scanner", "unknown"])
    ordered = kind == "converted"
    return event(
        kind,
        source=source,
        event_id=draw(rarely(st.sampled_from(["1", "2", "3"]))),
        message_id=None if source in {"nameless", "bare"} else draw(st.sampled_from(messages)),
        recipient=draw(st.sampled_from(people)),
        campaign=None if source == "bare" else draw(st.sampled_from([None, "spring", "autumn"])),
        variant=draw(rarely(st.sampled_from(["A", "B"]))),
        provider=draw(rarely(st.sampled_from(["yahoo", "gmail"]))),
        bounce_class=draw(st.sampled_from(["hard", "soft", "block", "unknown", None])) if bounced else None,
        smtp_status=draw(rarely(st.sampled_from(["5.1.1", "4.2.2"]))) if said else None,
        reason=draw(rarely(st.sampled_from(["no such user", "full", "später"]))) if said else None,
        machine=draw(machines) if kind in {"opened", "clicked"} else None,
        url=draw(st.sampled_from(urls)) if clicked else None,
        tracked=draw(rarely(st.sampled_from(["open", "click", "both", "none"]))),
        ts_us=draw(st.one_of(TIMES, TIMES, TIMES, TIMES, st.none())),
        value_micros=draw(st.sampled_from([None, 0, 19_990_000, 5_000_000])) if ordered else None,
        currency="EUR" if ordered else None,
    )


LOGS = st.lists(events(), max_size=40)
ANN, TWO = ("ann@a.example",), ("m1", "m2")


def _dense(kinds, **columns):
    """Much about few mails."""
    return st.lists(events(("loud",), TWO, ANN, st.sampled_from(kinds), **columns), min_size=8, max_size=30)


#: clicks of one second or two
SWEPT_LOGS = _dense(["sent", "delivered", "clicked", "clicked", "clicked", "clicked", "opened"])
#: orders beside touches
ORDER_LOGS = _dense(["sent", "clicked", "clicked", "opened", "converted"], urls=("a", "b"))
#: bounces beside deliveries, opt-outs and what takes them back
FATE_LOGS = _dense(
    ["sent", "delivered", "bounced", "bounced", "deferred", "unsubscribed", "resubscribed", "complained"]
)
ANY_LOGS = st.one_of(LOGS, SWEPT_LOGS, ORDER_LOGS, FATE_LOGS)
