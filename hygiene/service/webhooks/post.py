"""A post as it came, and what was found of it: proven to be the provider's, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hygiene.config import Webhook

MAX_BODY: Final = 4 * 2**20  # octets; SNS posts at most 256 KiB, SendGrid's batches stay below 1 MiB
AHEAD_S: Final = 300.0  # that a provider's clock may be ahead of ours


@dataclass(frozen=True, kw_only=True)
class Post:
    """A post. Names of headers are in lower case; what came twice is one value with a comma between."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    peer: str = ""  # network address that it came from, of the proxy's client where a proxy is trusted


@dataclass(frozen=True, kw_only=True)
class Verified:
    """It is the provider's. The same `replay_key` with another body is refused when it is stored."""

    provider: Webhook
    replay_key: str
    confirm_url: str = ""  # SNS asks whether we want its posts: to be fetched, from its own hosts only


@dataclass(frozen=True)
class Refused:
    """It is not, or cannot be told to be. `reason` is a sentence for our log; `status` is what HTTP answers.

    401: not proven, 403: proven but not meant for us, or too old, 400: not what the provider sends, 413: too
    large, 503: could not be checked now, so it should be sent again.
    """

    reason: str
    status: int = 401


def read_post(headers: Iterable[tuple[bytes, bytes]], body: bytes, *, peer: str = "") -> Post:
    """A post from headers as a web server has them."""
    read: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        read[key] = f"{read[key]}, {text}" if key in read else text
    return Post(headers=read, body=body, peer=peer)


def refuse_age(at_s: float, now_s: float, tolerance_s: float) -> Refused | None:
    """Why a post of that moment is too old or from the future; both in seconds since 1970 UTC."""
    if at_s > now_s + AHEAD_S:
        return Refused(f"it is dated {at_s - now_s:,.0f} s in the future", 403)
    if at_s < now_s - tolerance_s:
        return Refused(f"it is {now_s - at_s:,.0f} s old, {tolerance_s:,.0f} s are allowed", 403)
    return None
