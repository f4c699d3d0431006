"""A mail as the outbox hands it to a transport, and what is put into it."""

import email.message
import email.policy
from datetime import UTC, datetime

from hygiene.sending.letter import Letter, Mail, Mailbox

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
REF = "abcdefghijklmnop"
UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://shop.example/u/abc>, <mailto:u@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def letter(**changes):
    told = {
        "sender": Mailbox(address="news@shop.example", name="Shop"),
        "to": Mailbox(address="ann@example.com", name="Ann"),
        "subject": "Your order",
        "html": "<p>Thank you.</p>",
        "text": "Thank you.",
        "date": NOW,
        "message_id": f"{REF}@shop.example",
        "headers": UNSUBSCRIBE,
    }
    return Letter(**told | changes)


def mail(**changes):
    """Its letter's parts may be changed by their names."""
    names = Mail.__dataclass_fields__
    written = letter(**{name: value for name, value in changes.items() if name not in names})
    told = {
        "ref": REF,
        "return_path": "b@shop.example",
        "recipient": written.to.address,
        "letter": written,
        "campaign": "spring",
        "stream": "marketing",
    }
    told |= {name: value for name, value in changes.items() if name in names}
    return Mail(**{"content": as_mime(written)} | told)


def as_mime(written):
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = address(written.sender)
    message["To"] = address(written.to)
    message["Subject"] = " ".join(written.subject.split())
    message["Date"] = written.date
    message["Message-ID"] = f"<{written.message_id}>"
    message.set_content(written.text or "-")
    return message.as_bytes()


def address(mailbox):
    from email.utils import formataddr

    return formataddr((" ".join(mailbox.name.split()), mailbox.address.partition(" ")[0]))


class Gate:
    """May it leave? Counts how often it was asked."""

    def __init__(self, answer=True):
        self.answer, self.asked = answer, 0

    async def __call__(self):
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer
