"""The page where a person chooses lists. It is an offer: nobody has to pass it to leave."""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hygiene.service.agreeing import choose, has_left_all, topics_left, topics_of
from hygiene.service.leaving import Leave, leave_all
from hygiene.service.page import masked, show
from hygiene.service.people import Sending
from hygiene.service.site import Site, site_of
from hygiene.service.unsubscribe import sending_of
from hygiene.tokens import Purpose


async def ask(request: Request) -> Response:
    """The lists with what is on."""
    mail = await sending_of(request, Purpose.UNSUBSCRIBE)
    return await _page(request, mail, saved=False)


async def act(request: Request) -> Response:
    """Save what was chosen, or leave everything."""
    site, mail = site_of(request), await sending_of(request, Purpose.UNSUBSCRIBE)
    async with request.form(max_files=0, max_fields=200) as form:
        wanted = {str(topic) for topic in form.getlist("topic")}
        nothing = form.get("leave") == "all"
    origin = site.origin(request)

    def save(connection: Connection) -> None:
        if nothing:
            wording = "Stop all marketing mail"
            wish = Leave(ref=mail.ref, everything=True, how="page", wording=wording, origin=origin)
            leave_all(connection, [wish], site.key, site.clock())
        else:
            choose(connection, mail, wanted, topics_of(connection, named_topics(site)), origin, site.clock())

    await site.write(save)
    return await _page(request, mail, saved=True)


async def _page(request: Request, mail: Sending, *, saved: bool) -> Response:
    site = site_of(request)

    def read(connection: Connection) -> list[tuple[str, bool]]:
        off, nothing = topics_left(connection, mail.person), has_left_all(connection, mail.person)
        return [
            (topic, topic not in off and not nothing) for topic in topics_of(connection, named_topics(site))
        ]

    return show(
        request,
        "preferences",
        sender=site.sender_name("marketing"),
        address=masked(mail.recipient),
        topics=await site.read(read),
        saved=saved,
    )


def named_topics(site: Site) -> list[str]:
    """The list that the settings name."""
    stream = site.settings.streams.get("marketing")
    return [stream.topic or "marketing"] if stream else []
