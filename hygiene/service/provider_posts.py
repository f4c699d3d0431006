"""The endpoints that providers post events to: verified, stored, answered; read in the background."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hygiene.config import Webhook
from hygiene.errors import HygieneError
from hygiene.service.problem import Problem
from hygiene.service.webhooks.certificates import Certificates, confirm_subscription
from hygiene.service.webhooks.gate import Gate, open_gate
from hygiene.service.webhooks.post import Refused, Verified, read_post
from hygiene.service.webhooks.posts import store_post
from hygiene.service.webhooks.receive import Processed, process_pending
from hygiene.service.webhooks.verify import verify_post
from hygiene.web import Fetcher

if TYPE_CHECKING:
    from hygiene.service.site import Site

_AGAIN_S: Final = 30.0  # until posts are read again that could not be


class Posts:
    """What is known of the posts of all providers while the service runs."""

    def __init__(self, site: Site, fetcher: Fetcher) -> None:
        self._site = site
        self.gates: Mapping[Webhook, Gate] = {
            name: open_gate(name, settings) for name, settings in site.settings.webhooks.items()
        }
        self.certificates = Certificates(fetcher)
        self.fetcher = fetcher
        self.verdicts: Counter[tuple[str, str]] = Counter()  # (provider, stored, repeated or refused)
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Read what waits, now and whenever something came."""
        if self.gates:
            self._wanted.set()
            self._task = asyncio.create_task(self._read())

    async def end(self) -> None:
        """Stop; what waits is read the next time."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def note(self, provider: str, verdict: str) -> None:
        """Count, and see to it that it is read."""
        self.verdicts[provider, verdict] += 1
        if verdict == "stored":
            self._wanted.set()

    async def _read(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                while (await run_in_threadpool(self._some)).left:
                    pass
            except HygieneError as error:
                self._site.log(f"posts of providers could not be read, and are tried again: {error}")
                await asyncio.sleep(_AGAIN_S)
                self._wanted.set()

    def _some(self) -> Processed:
        return process_pending(self._site.store, now=self._site.now, policy=self._site.settings.clean)


async def take(request: Request) -> Response:
    """A provider's post: 200 once it is stored, whatever it says."""
    site: Site = request.app.state.site
    posts, name = site.posts, request.path_params["provider"]
    gate = posts.gates.get(name)
    if gate is None:
        raise Problem(404, "There is nothing here.")
    post = read_post(request.headers.raw, await request.body(), peer=site.peer(request))
    verdict = await verify_post(gate, post, certificates=posts.certificates, now=site.now)
    if isinstance(verdict, Verified):
        if verdict.confirm_url and not await confirm_subscription(verdict, posts.fetcher):
            site.log(f"{name} asked whether we want its posts, and could not be told")
        found = await run_in_threadpool(store_post, site.store, verdict, post, now=site.now)
        if not isinstance(found, Refused):
            posts.note(name, "stored" if found.new else "repeated")
            return PlainTextResponse("stored\n", status_code=found.status)
        verdict = found
    posts.note(name, "refused")
    site.log(f"a post to /webhooks/{name} was refused: {verdict.reason}")
    return PlainTextResponse("refused\n", status_code=verdict.status)
