"""Bounces with their truth, made of templates of servers and of replies; one half was kept out of rule writing.

``templates/mails_*.txt`` are mails, ``templates/replies_*.txt`` what a server said; a mail marked ``cross`` is
made once for every reply of its half. Options of a mail: ``rcpt=`` or ``to=`` (of several) who was mailed,
``reason=`` one for each, ``a/b`` where either is right. In a mail ``@@b64 charset``, ``@@qp charset`` and
``@@raw charset`` encode the lines up to ``@@``, and ``@@w charset|text@@`` is an encoded word.
"""

import base64
import quopri
import re
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


HEAD = """Return-Path: <>
Delivered-To: {verp}
Received: from mx.sender.example (mx.sender.example [192.0.2.25])
	by inbound.example.com (Postfix) with ESMTP id 4Xy7Zq0abcz9sQ
	for <{verp}>; Fri, 27 Nov 2026 09:12:44 +0000 (UTC)
Date: Fri, 27 Nov 2026 09:12:44 +0000
Message-Id: <20261127091244.8E1C32A0D7@mx.sender.example>
MIME-Version: 1.0
"""
ORIGINAL_HEAD = """Received: from app.example.com (app.example.com [192.0.2.40])
	by mx.sender.example (Postfix) with ESMTPS id 8E1C32A0D7
	for <{rcpt}>; Fri, 27 Nov 2026 09:12:40 +0000 (UTC)
DKIM-Signature: v=1; a=rsa-sha256; d=mail.example.com; s=s1; h=from:to:subject; b=AbC=
From: Shop News <{sender}>
Reply-To: service@mail.example.com
To: {rcpt}
Subject: Weekly offers
Message-ID: <{msgid}>
Feedback-ID: spring:shop
List-Unsubscribe: <mailto:unsubscribe@mail.example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
"""
ORIGINAL_BODY = """
Our offers of the week: a virus scanner that blocks spam, a larger disk for a full mailbox.
Account closed? Write to help@mail.example.com. Unsubscribe: https://mail.example.com/u/k7f3q9
"""
MACROS = {"head": HEAD, "orighead": ORIGINAL_HEAD, "orig": ORIGINAL_HEAD + ORIGINAL_BODY}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A mail and what it means; `reasons` is empty for an ordinary mail, an entry may be ``a/b``."""

    name: str
    raw: bytes
    kind: str
    reasons: tuple[str, ...]
    recipients: tuple[str, ...]

    def is_right(self, reasons: list[str]) -> bool:
        """Whether the reasons are those, or one of those, that are right."""
        return len(reasons) == len(self.reasons) and all(
            said in true.split("/") for said, true in zip(reasons, self.reasons, strict=True)
        )


def replies(half: str) -> list[tuple[str, str, str]]:
    """(reason, phase, text)."""
    lines = (TEMPLATES / f"replies_{half}.txt").read_text("utf-8").splitlines()
    found = (line.split("|", 2) for line in lines if line and not line.startswith("#"))
    return [(reason, phase, fill(text)) for reason, phase, text in found]


def fill(text: str, **more: str) -> str:
    for name, value in {**MACROS, **VALUES, **more}.items():
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
            recipients=(VALUES["rcpt"],),
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
    mailed = options.get("to", options.get("rcpt", VALUES["rcpt"])).split(",")
    return Case(
        name=name,
        raw=_encoded(fill(body, command="RCPT TO", **({} if unnamed else {"rcpt": mailed[0]})), options),
        kind="" if none else options.get("kind", "bounce"),
        reasons=() if none else tuple(options["reason"].split(",")),
        recipients=() if unnamed else tuple(address.lower() for address in mailed),
    )


def _encoded(mail: str, options: dict[str, str]) -> bytes:
    """In its charset, and the body in base64 if so marked."""
    charset = options.get("charset", "utf-8")
    if "b64" not in options:
        return _parts_encoded(mail, charset)
    head, _, body = mail.partition("\n\n")
    return head.encode(charset) + b"\n\n" + base64.encodebytes(body.encode(charset))


_WORD = re.compile(r"@@w ([\w-]+)\|(.*?)@@")
_BLOCK = re.compile(r"^@@(b64|qp|raw) ([\w-]+)\n(.*?)^@@\n", re.MULTILINE | re.DOTALL)
_CODINGS = {"b64": base64.encodebytes, "qp": quopri.encodestring, "raw": bytes}


def _parts_encoded(mail: str, charset: str) -> bytes:
    mail = _WORD.sub(_word, mail)
    encoded, end = [], 0
    for block in _BLOCK.finditer(mail):
        text = _CODINGS[block[1]](block[3].encode(block[2], "replace"))
        encoded += [mail[end : block.start()].encode(charset, "replace"), text]
        end = block.end()
    return b"".join([*encoded, mail[end:].encode(charset, "replace")])


def _word(match: re.Match[str]) -> str:
    return f"=?{match[1]}?B?{base64.b64encode(match[2].encode(match[1])).decode()}?="
