"""The sample's post: the bakery's spring sale goes to the cleaned list, into a server that delivers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from hygiene.config import AccountSettings, Settings, StreamSettings, WorkspaceSettings
from hygiene.demo.sample import Playground, playground
from hygiene.demo.smtp_sink import HOST, SmtpSink, Taken
from hygiene.files import write_whole

if TYPE_CHECKING:
    from hygiene.store import Store

DOMAIN: Final = "bakery.example"
SELECTOR: Final = "demo"
TOPIC: Final = "news"

#: what the server says to some of the recipients: what lists are full of, however clean
_REFUSALS: Final = {
    71: "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table",
    73: "552 5.2.2 <{}>: Mailbox full, over quota",
}


@dataclass
class Post:
    """A workspace with a way out; `taken` are the mails that the server took."""

    settings: Settings
    store: Store
    play: Playground
    taken: list[Taken] = field(default_factory=list)


@contextmanager
def post() -> Iterator[Post]:
    """A workspace of its own for as long as this takes: a store, a DKIM key in DNS, a server."""
    from hygiene.store import open_store

    taken: list[Taken] = []
    with TemporaryDirectory(prefix="hygiene-demo-") as name, SmtpSink(taken.append, answer=_answer) as sink:
        folder = Path(name)
        record = _write_key(folder / "dkim.pem")
        published = {f"{SELECTOR}._domainkey.{DOMAIN}": record}
        with (
            playground(txt=published) as play,
            open_store(str(folder / "hygiene.db"), key=folder / "key") as store,
        ):
            yield Post(_settings(folder, sink.port), store, play, taken)


def _settings(folder: Path, port: int) -> Settings:
    account = AccountSettings(
        host=HOST,
        port=port,
        tls="none",
        return_path=f"bounces.{DOMAIN}",
        sign=(f"{SELECTOR}._domainkey.{DOMAIN}=file:{folder / 'dkim.pem'}",),
    )
    stream = StreamSettings(
        account="relay",
        sender=f"The Bakery <news@{DOMAIN}>",
        topic=TOPIC,
        unsubscribe=f"https://mail.{DOMAIN}/u",
        unsubscribe_mail=f"leave@{DOMAIN}",
        postal_address="Bakery Ltd, 1 Garden Street, Springfield, IL 62701, USA",
    )
    workspace = WorkspaceSettings(store=str(folder / "hygiene.db"), key_file=str(folder / "key"))
    return Settings(accounts={"relay": account}, streams={"marketing": stream}, workspace=workspace)


def _write_key(place: Path) -> str:
    """A new key; the record that publishes it."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from hygiene.sending.signing import Signer

    key = generate_private_key(65_537, 2048)
    write_whole(place, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))
    return Signer(DOMAIN, SELECTOR, key).public_record()


def _answer(recipient: str) -> str | None:
    """A refusal for a few, told by the number in their address."""
    digits = "".join(character for character in recipient.partition("@")[0] if character.isdigit())
    number = int(digits or 0)
    for every, text in _REFUSALS.items():
        if number and number % every == 0:
            return text.format(recipient)
    return None
