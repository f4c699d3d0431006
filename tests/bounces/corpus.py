"""Bounces with their truth, made of templates of servers and of replies; one half was kept out of rule writing.

``templates/mails_*.txt`` are mails, ``templates/replies_*.txt`` what a server said; a mail marked ``cross`` is
made once for every reply of its half.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
VALUES = {
    "rcpt": "jane.doe@example.net",
    "sender": "news@mail.example.com",
    "verp": "b+k7f3q9@bounce.example.com",
    "msgid": "20261127.k7f3q9@mail.example.com",
    "ip": "203.0.113.7",
}
COMMANDS = {"rcpt": "RCPT TO", "mail": "MAIL FROM", "dot": "end of DATA", "connect": "initial connection"}
HARD = {"userunknown", "hostunknown", "hasmoved", "notaccept"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A mail and what it means; `reasons` is empty for an ordinary mail."""

    name: str
    raw: bytes
    kind: str
    reasons: tuple[str, ...]
    recipient: str | None


def replies(half: str) -> list[tuple[str, str, str]]:
    """(reason, phase, text)."""
    lines = (TEMPLATES / f"replies_{half}.txt").read_text("utf-8").splitlines()
    found = (line.split("|", 2) for line in lines if line and not line.startswith("#"))
    return [(reason, phase, fill(text)) for reason, phase, text in found]


def fill(text: str, **more: str) -> str:
    for name, value in {**VALUES, **more}.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def mails(half: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """(name, options, mail)."""
    for block in (TEMPLATES / f"mails_{half}.txt").read_text("utf-8").split("=== ")[1:]:
        head, _, body = block.partition("\n")
        name, _, options = head.partition("|")
        words = (word.partition("=") for word in options.split())
        yield name.strip(), {key: value or "yes" for key, _, value in words}, body


def cases(half: str) -> Iterator[Case]:
    """Every mail of a half."""
    for name, options, body in mails(half):
        if "cross" in options:
            yield from _crossed(name, body, half)
        else:
            yield _single(name, options, body)


def _crossed(name: str, body: str, half: str) -> Iterator[Case]:
    chosen = list(enumerate(replies(half)))
    if half == "seen":  # there are thousands: every fourth pair, each reply and each mail among them
        chosen = chosen[len(name) % 4 :: 4]
    for number, (reason, phase, reply) in chosen:
        text = fill(
            body, reply=reply, replyquoted=f"'{reply}'", status=status_of(reply), command=COMMANDS[phase]
        )
        yield Case(
            name=f"{name}+{number}:{reason}",
            raw=text.encode(),
            kind="bounce",
            reasons=(reason,),
            recipient=VALUES["rcpt"],
        )


def status_of(reply: str) -> str:
    """What a relay writes into Status: the reply's own, else a general one."""
    words = reply.replace("-", " ").split()
    own = next((word for word in words if word[:2] in {"4.", "5."} and word.count(".") == 2), "")
    own = own.strip("#:;")
    return own or ("4.0.0" if reply[:1] == "4" else "5.0.0")


def _single(name: str, options: dict[str, str], body: str) -> Case:
    none = "none" in options
    unnamed = none or options.get("rcpt") == "none" or options.get("from") == "none"
    return Case(
        name=name,
        raw=_encoded(fill(body, command="RCPT TO"), options),
        kind="" if none else options.get("kind", "bounce"),
        reasons=() if none else tuple(options["reason"].split(",")),
        recipient=None if unnamed else VALUES["rcpt"],
    )


def _encoded(mail: str, options: dict[str, str]) -> bytes:
    """In its charset, and the body in base64 if so marked."""
    charset = options.get("charset", "utf-8")
    if "b64" not in options:
        return mail.encode(charset, "replace")
    head, _, body = mail.partition("\n\n")
    return head.encode(charset) + b"\n\n" + base64.encodebytes(body.encode(charset))
