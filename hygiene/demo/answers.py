"""What comes back to the sample's campaign: bounces, complaints, opt-outs and automatic replies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from hygiene.demo.smtp_sink import Taken

_EVERY: Final = {"bounce": 87, "full": 101, "complaint": 230, "leave": 61, "holiday": 149}

_REPORT: Final = """\
Reporting-MTA: dns; mx.customers.example.com
Arrival-Date: {date}

Original-Recipient: rfc822;{recipient}
Final-Recipient: rfc822;{recipient}
Action: failed
Status: {status}
Remote-MTA: dns; mail.customers.example.com
Diagnostic-Code: smtp; {reply}
"""
_COMPLAINT: Final = """\
Feedback-Type: abuse
User-Agent: Mailbox/1.0
Version: 1
Original-Mail-From: <{return_path}>
Original-Rcpt-To: <{recipient}>
Arrival-Date: {date}
"""
_NOTICE: Final = """\
This is the mail system at host mx.customers.example.com.

I'm sorry to have to inform you that your message could not be delivered.

<{recipient}>: host mail.customers.example.com said: {reply}
"""


def write_answers(taken: Sequence[Taken], folder: Path) -> int:
    """Write what comes back to these mails as files of a folder; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, (name, octets) in enumerate(_answers(taken), 1):
        (folder / f"{count:03d}-{name}.eml").write_bytes(octets)
    return count


def _answers(taken: Sequence[Taken]) -> Iterator[tuple[str, bytes]]:
    makers = {"bounce": _unknown, "full": _full, "complaint": _complaint, "leave": _leave, "holiday": _holiday}
    for number, mail in enumerate(sorted(taken, key=lambda each: each.recipient), 1):
        for name, every in _EVERY.items():
            if number % every == 0:
                yield name, makers[name](mail)


def _unknown(mail: Taken) -> bytes:
    return _returned(mail, "5.1.1", f"550 5.1.1 <{mail.recipient}>: user unknown")


def _full(mail: Taken) -> bytes:
    return _returned(mail, "4.2.2", f"452 4.2.2 <{mail.recipient}>: mailbox full, over quota")


def _returned(mail: Taken, status: str, reply: str) -> bytes:
    """A delivery status notification (RFC 3464), to the return path, with the header of what it is about."""
    facts = {"recipient": mail.recipient, "status": status, "reply": reply, "date": _date(mail)}
    header = {
        "From": "MAILER-DAEMON@mx.customers.example.com",
        "To": mail.return_path,
        "Subject": "Undelivered Mail Returned to Sender",
        "Auto-Submitted": "auto-replied",
    }
    return _report("delivery-status", header, _NOTICE.format(**facts), _REPORT.format(**facts), mail)


def _complaint(mail: Taken) -> bytes:
    """A report of abuse (RFC 5965)."""
    facts = {"recipient": mail.recipient, "return_path": mail.return_path, "date": _date(mail)}
    header = {
        "From": "feedback@mailbox.example",
        "To": "fbl@bakery.example",
        "Subject": "FW: a message reported as spam",
    }
    text = "This is an email abuse report for a message received from 203.0.113.10.\n"
    return _report("feedback-report", header, text, _COMPLAINT.format(**facts), mail)


def _report(kind: str, header: Mapping[str, str], text: str, fields: str, mail: Taken) -> bytes:
    """A multipart/report (RFC 6522): words for people, fields for programs, and what was sent."""
    whole = {
        **header,
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type={kind}; boundary="=_report"',
    }
    parts = {
        "text/plain; charset=us-ascii": text,
        f"message/{kind}": fields,
        "text/rfc822-headers": _head(mail),
    }
    lines = [f"{name}: {value}" for name, value in whole.items()]
    for content_type, content in parts.items():
        lines += ["", "--=_report", f"Content-Type: {content_type}", "", content.rstrip("\n")]
    return "\n".join([*lines, "", "--=_report--", ""]).replace("\n", "\r\n").encode("utf-8")


def _leave(mail: Taken) -> bytes:
    """Somebody whose program writes the opt-out mail of List-Unsubscribe (RFC 2369)."""
    ways = str(message_from_bytes(mail.content)["List-Unsubscribe"])
    address, _, subject = ways.partition("<mailto:")[2].partition(">")[0].partition("?subject=")
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"] = mail.recipient, address
    message["Subject"] = subject.replace("%20", " ")
    message.set_content("unsubscribe")
    return message.as_bytes()


def _holiday(mail: Taken) -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"] = mail.recipient, mail.return_path
    message["Subject"] = "Out of office: until Monday"
    message["Auto-Submitted"] = "auto-replied"
    message.set_content("I am away until Monday and read my mail then.")
    return message.as_bytes()


def _head(mail: Taken) -> str:
    return mail.content.partition(b"\r\n\r\n")[0].decode("ascii", "replace").replace("\r\n", "\n") + "\n"


def _date(mail: Taken) -> str:
    return str(message_from_bytes(mail.content)["Date"])
