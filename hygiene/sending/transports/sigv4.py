"""Signing requests to Amazon Web Services: Signature Version 4, with the signature in a header.

AWS Identity and Access Management user guide, "Create a signed AWS API request", 2026-11.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Whose request it is, and to which service of which region."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    service: str


def sign(
    signer: Signer, method: str, url: str, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> dict[str, str]:
    """The headers to send: those given, which are all signed, with Host, X-Amz-Date and Authorization.

    The path must be one that needs no dot segments removed; it is encoded once more, as AWS wants it of every
    service but S3. A query must be encoded as RFC 3986 has it, a space as %20.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    complete = {**headers, "Host": urlsplit(url).netloc, "X-Amz-Date": stamp}
    signed = {name.lower(): " ".join(value.split()) for name, value in complete.items()}
    names = ";".join(sorted(signed))
    scope = f"{stamp[:8]}/{signer.region}/{signer.service}/aws4_request"
    digest = hashlib.sha256(canonical_request(method, url, signed, body).encode()).hexdigest()
    signature = hmac.digest(
        signing_key(signer, stamp[:8]), f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(), "sha256"
    ).hex()
    credential = f"Credential={signer.access_key}/{scope}"
    complete["Authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    return complete


def canonical_request(method: str, url: str, signed: Mapping[str, str], body: bytes) -> str:
    """What is hashed: everything of a request on lines of its own; names of headers in lower case."""
    parts = urlsplit(url)
    pairs = sorted(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    lines = [
        method,
        quote(parts.path or "/", safe="/-_.~"),
        query,
        *(f"{name}:{signed[name]}" for name in sorted(signed)),
        "",
        ";".join(sorted(signed)),
        hashlib.sha256(body).hexdigest(),
    ]
    return "\n".join(lines)


def signing_key(signer: Signer, day: str) -> bytes:
    """The key of one day (YYYYMMDD), region and service."""
    key = f"AWS4{signer.secret_key}".encode()
    for word in (day, signer.region, signer.service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key
