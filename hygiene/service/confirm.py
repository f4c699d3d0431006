"""Double opt-in: an address is asked for, a mail asks back, a button confirms, and all of it is written down.

Whatever is known of an address, the answer to a form is the same, so that nobody can ask about others.
"""

from __future__ import annotations

import contextlib
from typing import Final

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hygiene.address import Address, judge_address
from hygiene.period import read_duration
from hygiene.sending.composing import Message
from hygiene.sending.queueing import KeyReused, message_ref, queue_message
from hygiene.service import agreeing
from hygiene.service.agreeing import Asked, agree, asked_by, is_erased, topics_of
from hygiene.service.page import masked, say, show
from hygiene.service.people import Origin, Sending, person_of
from hygiene.service.preferences import named_topics
from hygiene.service.site import Site, site_of
from hygiene.service.unsubscribe import sending_of
from hygiene.tokens import Purpose, make_token

STREAM: Final = "transactional"
_HOUR_US: Final = 3_600_000_000  # within which a second request sends no second mail
_MOST: Final = 5  # mails to one address that was not confirmed, in a day
_SECOND_US: Final = 1_000_000


async def form(request: Request) -> Response:
    """The form for an address."""
    site = _open(request)
    topics = await site.read(lambda connection: topics_of(connection, named_topics(site)))
    return _form(request, topics, fault="", address="")


async def subscribe(request: Request) -> Response:
    """Take an address, and send the mail that asks back."""
    site = _open(request)
    if wait_s := site.forms.wait_s(site.peer(request)):
        raise HTTPException(429, headers={"retry-after": str(wait_s)})
    async with request.form(max_files=0, max_fields=20) as given:
        address, topic = str(given.get("email", "")), str(given.get("topic", ""))
    topics = await site.read(lambda connection: topics_of(connection, named_topics(site)))
    person = judge_address(address[:400])
    if topic not in topics or not isinstance(person, Address):
        fault = (
            person.detail if topic in topics and not isinstance(person, Address) else "Please choose a list."
        )
        return _form(request, topics, fault=fault, address=address[:400], status=422)
    origin = site.origin(request)
    asked = await site.write(lambda connection: _note(connection, site, person, topic, origin))
    if asked:
        await run_in_threadpool(_send, site, person, asked)
    return say(
        request,
        "One more step.",
        "We have sent a mail to that address. Press the button in it, and you are on the list.",
        status=202,
    )


def _open(request: Request) -> Site:
    site = site_of(request)
    if STREAM not in site.settings.streams or not site.base:
        raise HTTPException(404)
    return site


def _form(request: Request, topics: list[str], *, fault: str, address: str, status: int = 200) -> Response:
    site = site_of(request)
    return show(
        request,
        "subscribe",
        status=status,
        sender=site.sender_name("marketing"),
        topics=[(topic, _wording(site, topic)) for topic in topics],
        fault=fault,
        address=address,
    )


def _wording(site: Site, topic: str) -> str:
    """What is agreed to, word by word."""
    return site.settings.service.consent.replace("{topic}", topic).replace(
        "{sender}", site.sender_name("marketing")
    )


def _note(connection: Connection, site: Site, person: Address, topic: str, origin: Origin) -> Asked | None:
    """What is asked, as it is written down; the same again within the hour; None where it is too much."""
    now_us, key = site.clock(), person_of(person.normal, site.key) or ""
    if is_erased(connection, key):
        return None
    before = [each for each in asked_by(connection, key) if each.at_us > now_us - 24 * _HOUR_US]
    for each in before:
        if each.topic == topic and each.at_us > now_us - _HOUR_US:
            return each
    if len(before) >= _MOST:
        return None
    asked = Asked(person=key, topic=topic, wording=_wording(site, topic), at_us=now_us)
    agreeing.ask(connection, asked, person.normal, origin)
    return asked


def _name(asked: Asked) -> str:
    """The idempotency key of the mail that asks back."""
    return f"confirm\0{asked.person}\0{asked.topic}\0{asked.at_us}"


def _ref(site: Site, asked: Asked) -> str:
    return message_ref(STREAM, _name(asked), site.key)


def _send(site: Site, person: Address, asked: Asked) -> None:
    sender = site.sender_name("marketing") or "our list"
    link = f"{site.base}/c/{make_token(_ref(site, asked), Purpose.CONFIRM, site.key)}"
    text = (
        f"Somebody, we hope you, gave this address for “{asked.topic}” of {sender}.\n\n"
        f"If you want it, open this page and press its button:\n{link}\n\n"
        f"What you agree to: {asked.wording}\n\n"
        "If it was not you, do nothing: you will hear no more of it.\n"
    )
    message = Message(to=person.normal, subject=f"Please confirm: {asked.topic}", text=text)
    with contextlib.suppress(KeyReused):  # asked within the hour, with another spelling of the address
        queue_message(
            site.store, message, site.settings, idempotency_key=_name(asked), now=site.now, stream=STREAM
        )


async def ask(request: Request) -> Response:
    """The page that the mail leads to; nothing happens yet, as filters open every link."""
    mail, asked = await _asked(request)
    return show(
        request,
        "confirm",
        sender=site_of(request).sender_name("marketing"),
        topic=asked.topic,
        wording=asked.wording,
        address=masked(mail.recipient),
    )


async def act(request: Request) -> Response:
    """The button: they are on the list from now on."""
    site, (mail, asked) = site_of(request), await _asked(request)
    origin = site.origin(request)
    await site.write(
        lambda connection: agree(connection, mail, asked.topic, asked.wording, origin, site.clock())
    )
    return show(request, "confirmed", sender=site.sender_name("marketing"), topic=asked.topic)


async def _asked(request: Request) -> tuple[Sending, Asked]:
    """The mail and what it asked; 404 for what is forged, 410 for what is too old."""
    site, mail = site_of(request), await sending_of(request, Purpose.CONFIRM)
    found = await site.read(lambda connection: asked_by(connection, mail.person))
    asked = next((each for each in found if _ref(site, each) == mail.ref), None)
    if asked is None or mail.recipient is None:
        raise HTTPException(404)
    within_us = read_duration(site.settings.service.confirm_within) * _SECOND_US
    if site.clock() > asked.at_us + within_us:
        raise HTTPException(410)
    return mail, asked
