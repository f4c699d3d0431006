"""A sender in a process of its own: ``python -m tests.bench.senders NAME PORT MAILS KEY``.

Each makes its mails from one template, for one person each, and signs them with RSA-2048. It prints the seconds
and those of work that it took, imports left out.
"""

import asyncio
import smtplib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import dkim

from hygiene import event_loop
from hygiene.config import AccountSettings
from hygiene.sending.letter import Letter, Mail, Mailbox
from hygiene.sending.message import build
from hygiene.sending.signing import sign
from hygiene.sending.signing_keys import load_signers
from hygiene.sending.transports.smtp import SmtpTransport
from tests.bench.sending import CONNECTIONS, HTML_OCTETS, TEXT_OCTETS
from tests.integration.mail_servers import HOST

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ROW = '<tr><td style="padding:0 8px;color:#333333">Grüße, an offer for <b>{name}</b></td></tr>\n'
HTML = (ROW * (HTML_OCTETS // len(ROW) + 1))[:HTML_OCTETS]
TEXT = ("Grüße, an offer for {name}, only today.\n" * 200)[:TEXT_OCTETS]
DOMAIN, SELECTOR = "shop.example", "s1"
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"]


def headers(number: int) -> dict[str, str]:
    """How to leave, for one person."""
    return {
        "List-Unsubscribe": f"<https://{DOMAIN}/u/{number:016x}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def ours(port: int, mails: int, key: Path) -> None:
    """`build`, `sign` and the SMTP transport; the outbox would stand before and behind them."""
    signers = load_signers([f"{SELECTOR}._domainkey.{DOMAIN}=file:{key}"])
    account = AccountSettings(host=HOST, port=port, tls="none", per_connection=1000)

    def mail(number: int) -> Mail:
        name = f"Person {number}"
        letter = Letter(
            sender=Mailbox(address=f"news@{DOMAIN}", name="Der größte Laden"),
            to=Mailbox(address=f"person{number}@example.com", name=name),
            subject=f"Grüße, {name}",
            html=HTML.replace("{name}", name),
            text=TEXT.replace("{name}", name),
            date=NOW,
            message_id=f"{number:016x}@{DOMAIN}",
            headers=headers(number),
        )
        return Mail(
            ref=f"{number:016x}",
            return_path=f"b@{DOMAIN}",
            recipient=letter.to.address,
            content=sign(build(letter), signers, NOW),
            letter=letter,
        )

    event_loop.run(
        _send_all(
            SmtpTransport(account, connections=CONNECTIONS, own_name=f"client.{DOMAIN}"),
            map(mail, range(mails)),
        )
    )


async def _send_all(transport: SmtpTransport, mails: Iterator[Mail]) -> None:
    async def may_leave() -> bool:
        return True

    async def courier() -> None:
        for mail in mails:
            reply = await transport.send(mail, may_leave)
            assert reply.outcome == "sent", reply

    await asyncio.gather(*(courier() for _ in range(transport.capacity)))
    await transport.close()


def loop(port: int, mails: int, key: Path) -> None:
    """What is written by hand: EmailMessage, dkimpy, and one kept connection of smtplib."""
    private = key.read_bytes()
    with smtplib.SMTP(HOST, port, local_hostname=f"client.{DOMAIN}") as client:
        for number in range(mails):
            name = f"Person {number}"
            message = EmailMessage(policy=SMTP)
            message["From"], message["To"] = f"Der größte Laden <news@{DOMAIN}>", f"person{number}@example.com"
            message["Subject"], message["Date"] = f"Grüße, {name}", NOW
            message["Message-ID"] = f"<{number:016x}@{DOMAIN}>"
            for field, value in headers(number).items():
                message[field] = value
            message.set_content(TEXT.replace("{name}", name))
            message.add_alternative(HTML.replace("{name}", name), subtype="html")
            octets = message.as_bytes()
            signed = dkim.sign(
                octets,
                SELECTOR.encode(),
                DOMAIN.encode(),
                private,
                include_headers=[field.encode() for field in HEADERS],
            )
            client.sendmail(f"b@{DOMAIN}", [f"person{number}@example.com"], signed + octets)


SENDERS: dict[str, Callable[[int, int, Path], None]] = {"ours": ours, "loop": loop}


def main() -> None:
    """Run one, and print what it took."""
    name, port, mails, key = sys.argv[1:]
    if name == "whole":
        from tests.bench.outboxes import whole

        print(*whole(int(port), int(mails), Path(key)))
        return
    started, used = time.perf_counter(), time.process_time()
    SENDERS[name](int(port), int(mails), Path(key))
    print(time.perf_counter() - started, time.process_time() - used)


if __name__ == "__main__":
    main()
