"""What is said to send one mail by SMTP, and what a reply makes of the mail (RFC 5321). Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from hygiene.sending.letter import Mail
from hygiene.sending.reply import Outcome, Phase, Reply
from hygiene.sending.transports.smtp_syntax import Answer, path, remote_id

CLOSING: Final = 421  # the server is about to close, RFC 5321 §3.8


class NotSent(Exception):
    """The way failed before there was a verdict on a mail."""

    def __init__(self, phase: Phase, text: str, answer: Answer | None = None) -> None:
        self.reply = Reply(
            outcome=Outcome.NOT_SENT,
            phase=phase,
            code=answer.code if answer else None,
            status=answer.status if answer else "",
            text=text,
        )
        super().__init__(text)


def commands_of(mail: Mail, offered: Container[str]) -> list[tuple[Phase, bytes]]:
    """MAIL, RCPT and DATA as a server that offers such extensions takes them."""
    parameters = f" SIZE={len(mail.content)}" if "SIZE" in offered else ""  # RFC 1870
    if not mail.content.isascii() and "8BITMIME" in offered:
        parameters += " BODY=8BITMIME"  # RFC 6152
    if _needs_utf8(mail):
        parameters += " SMTPUTF8"  # RFC 6531 §3.4
    return [
        (Phase.MAIL, f"MAIL FROM:<{path(mail.return_path)}>{parameters}\r\n".encode()),
        (Phase.RCPT, f"RCPT TO:<{path(mail.recipient)}>\r\n".encode()),
        (Phase.DATA, b"DATA\r\n"),
    ]


def goes_on(phase: Phase, answer: Answer) -> bool:
    """Whether a reply is the one that was hoped for."""
    return answer.go_on if phase is Phase.DATA else answer.ok


def refusal_of(answers: list[tuple[Phase, Answer]]) -> Reply | None:
    """The first reply that is not yes; raises NotSent where it is not no either."""
    for phase, answer in answers:
        if answer.passing or answer.final:
            return verdict(phase, answer)
        if not goes_on(phase, answer):
            raise NotSent(phase, f"the server answers {answer.code} to {phase.upper()}", answer)
    return None


def _needs_utf8(mail: Mail) -> bool:
    return not all((path(each) or "").isascii() for each in (mail.recipient, mail.return_path))


def unfit(mail: Mail, offered: Mapping[str, str]) -> Reply | None:
    """A refusal that need not be asked for; its codes are those that servers would give."""
    if not path(mail.recipient) or path(mail.return_path) is None:
        return _refused(Phase.RCPT, 553, "5.1.3", "what should be an address is none")  # RFC 3463 §3.2
    if _needs_utf8(mail) and "SMTPUTF8" not in offered:
        text = "the relay takes no addresses beyond ASCII"
        return _refused(Phase.RCPT, 553, "5.6.7", text)  # RFC 6531 §3.5
    limit = offered.get("SIZE", "")
    if limit.isdecimal() and 0 < int(limit) < len(mail.content):
        text = f"the message has {len(mail.content)} octets, the relay takes {limit}"
        return _refused(Phase.MAIL, 552, "5.3.4", text)  # RFC 1870 §6
    return None


def _refused(phase: Phase, code: int, status: str, text: str) -> Reply:
    return Reply(outcome=Outcome.REFUSED, phase=phase, code=code, status=status, text=text)


def verdict(phase: Phase, answer: Answer) -> Reply:
    """What a reply means for the mail; after the last dot, what is neither yes nor no leaves it in doubt."""
    if answer.passing:
        outcome = Outcome.DEFERRED
    elif answer.final:
        outcome = Outcome.REFUSED
    else:
        outcome = Outcome.SENT if answer.ok and phase is Phase.DOT else Outcome.UNKNOWN
    return Reply(
        outcome=outcome,
        phase=phase,
        code=answer.code,
        status=answer.status,
        text=answer.text,
        remote_id=remote_id(answer.text) if outcome is Outcome.SENT else "",
    )
