"""For whoever watches the service: is it alive, can it work, what goes on (Prometheus text format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, func, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hygiene.ip import parse_ip
from hygiene.sending.states import State
from hygiene.service.entry import is_token
from hygiene.service.site import Site, site_of
from hygiene.service.webhooks.posts import count_pending
from hygiene.tables import CAMPAIGN, EVENT, OPT_OUT, OUTBOX, SUPPRESSION

_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_KEPT_US: Final = 5_000_000  # how long figures are good for the next who asks


async def alive(_request: Request) -> Response:
    """The program runs."""
    return PlainTextResponse("alive\n")


async def ready(request: Request) -> Response:
    """The store can be read; 503 where it cannot."""
    await site_of(request).read(lambda connection: connection.scalar(select(CAMPAIGN.c.id).limit(1)))
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """All figures."""
    site = site_of(request)
    if not _may_see(request, site):
        raise HTTPException(404)
    return Response(
        await site.kept("metrics", _KEPT_US, lambda: "\n".join(_lines(site)) + "\n"), media_type=_TYPE
    )


def _may_see(request: Request, site: Site) -> bool:
    """With a token of ours, or from this machine without a proxy between."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if is_token(given, site.api_token) or is_token(given, site.dashboard_token):
        return True
    peer = parse_ip(request.client.host) if request.client else None
    return peer is not None and peer.is_loopback and "x-forwarded-for" not in request.headers


Sample = tuple[Mapping[str, str], float]


def _lines(site: Site) -> Iterator[str]:
    with site.store.reading() as connection:
        yield from _metric("hygiene_queue_mails", "gauge", "Mails in the outbox by state.", _queue(connection))
        yield from _metric(
            "hygiene_queue_oldest_ready_seconds",
            "gauge",
            "How long the mail that waits longest has been due.",
            [({}, _oldest_ready_s(connection, site.clock()))],
        )
        yield from _metric("hygiene_events_total", "counter", "Events by kind and source.", _events(connection))
        yield from _metric(
            "hygiene_opt_outs", "gauge", "Opt-outs from a list.", [({}, _count(connection, OPT_OUT))]
        )
        yield from _metric(
            "hygiene_suppressed", "gauge", "Entries of the suppression list by reason.", _suppressed(connection)
        )
    verdicts = [
        ({"provider": provider, "verdict": verdict}, float(count))
        for (provider, verdict), count in sorted(site.posts.verdicts.items())
    ]
    yield from _metric(
        "hygiene_webhook_posts_total", "counter", "Posts of providers since the start, by verdict.", verdicts
    )
    yield from _metric(
        "hygiene_webhook_waiting",
        "gauge",
        "Posts that wait to be read.",
        [({}, float(count_pending(site.store)))],
    )


def _metric(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{written}}} {value:g}" if written else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _queue(connection: Connection) -> list[Sample]:
    query = select(OUTBOX.c.state, func.count()).group_by(OUTBOX.c.state)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return [({"state": state.value}, float(found.get(state.value, 0))) for state in State]


def _oldest_ready_s(connection: Connection, now_us: int) -> float:
    oldest = connection.scalar(select(func.min(OUTBOX.c.due_us)).where(OUTBOX.c.state == State.READY))
    return max(now_us - oldest, 0) / 1_000_000 if oldest is not None else 0.0


def _events(connection: Connection) -> list[Sample]:
    query = select(EVENT.c.kind, EVENT.c.source, func.count()).group_by(EVENT.c.kind, EVENT.c.source)
    rows = sorted((*row,) for row in connection.execute(query))
    return [({"kind": kind, "source": source}, float(count)) for kind, source, count in rows]


def _suppressed(connection: Connection) -> list[Sample]:
    query = select(SUPPRESSION.c.reason, func.count()).group_by(SUPPRESSION.c.reason)
    rows = sorted((*row,) for row in connection.execute(query))
    return [({"reason": reason}, float(count)) for reason, count in rows]


def _count(connection: Connection, table: Table[Any]) -> float:
    return float(connection.scalar(select(func.count()).select_from(table)) or 0)
