"""Reading what came back, end to end: files and mailboxes → the store, in batches, each whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select

from hygiene.bounce import Bounce, BounceKind
from hygiene.bounces.classify import classify_bounce
from hygiene.config import Settings
from hygiene.feedback.clues import Clues, as_unsubscribe, find_clues
from hygiene.feedback.files import read_place
from hygiene.feedback.incoming import Incoming, batches
from hygiene.feedback.mailbox import Access, Mailbox, MailboxLost, MailboxUrl, Progress, is_mailbox, read_url
from hygiene.feedback.matching import Letter
from hygiene.feedback.record import Cursor, Recorded, read_before, record
from hygiene.feedback.result import Feedback, Tally
from hygiene.store import Store
from hygiene.tables import CAMPAIGN, CURSOR

_FOR_PEOPLE = {"none", "unread"}  # verdicts of mails that stay where they lie
_FIELD = re.compile(rb"[!-9;-~]{1,76}[ \t]*:")  # RFC 5322 §2.2
_HEADER = 8_192  # octets in which a mail has shown a header field


def read_feedback(
    source: str | Path | Sequence[str | Path],
    *,
    store: Store,
    settings: Settings | None = None,
    access: Access | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Feedback:
    """Read mails that came back, and write down what they say of our mails and of people.

    `source` is a file, an mbox, a Maildir, a folder of files, ``-``, or a mailbox such as
    ``imaps://user@host/INBOX``; `access` says how to get in. Repeating it changes nothing: a mail counts once,
    wherever it is read. With `dry_run` nothing is written and nothing deleted.

    Raises UnreadableInput and UsageError. A server that breaks off is told in `Feedback.lost`: what was read
    until then is written down.
    """
    places = [source] if isinstance(source, str | Path) else list(source)
    tally, chosen = Tally(dry_run=dry_run), settings or Settings()
    reading = _Reading(store, chosen, access or Access(), tally, now)
    for place in map(str, places):
        if is_mailbox(place):
            reading.mailbox(read_url(place))
        else:
            reading.files(place)
    return tally.result(_senders(store, tally.faulted))


class _Reading:
    """One run over several sources."""

    def __init__(
        self, store: Store, settings: Settings, access: Access, tally: Tally, now: datetime | None
    ) -> None:
        self._store, self._settings, self._access, self._tally, self._at = store, settings, access, tally, now
        self._seen: set[str] = set()  # of a dry run, which leaves no trace

    @property
    def _now(self) -> datetime:
        return self._at or datetime.now(UTC)

    def files(self, place: str) -> None:
        source = "standard input" if place == "-" else Path(place).name or place
        for batch in batches(read_place(place)):
            self._record(batch, source, None)

    def mailbox(self, url: MailboxUrl) -> None:
        try:
            with closing(open_mailbox(url, self._access)) as box:
                self._read(box, url)
        except MailboxLost as lost:
            self._tally.lose(str(lost))

    def _read(self, box: Mailbox, url: MailboxUrl) -> None:
        with self._store.reading() as connection:
            progress = _progress(connection, url.name)
        for batch in batches(box.mails(progress)):
            cursor = Cursor(mailbox=url.name, validity=box.validity, last=batch[-1].uid)
            understood = self._record(batch, url.name, cursor)
            if (self._access.delete or self._access.move_to) and not self._tally.dry_run:
                box.put_away([each.uid for each in batch if each.digest in understood])

    def _record(self, batch: Sequence[Incoming], source: str, cursor: Cursor | None) -> set[str]:
        """Write a batch down; the digests of mails that were understood."""
        key = self._store.key
        with self._store.reading() as connection:
            known = read_before(connection, (each.digest for each in batch))
        known |= dict.fromkeys(self._seen & {each.digest for each in batch}, "none")
        letters = [read_letter(each, key) for each in batch if each.digest not in known]
        recorded: Recorded | None = None
        try:
            with self._store.writing(alone=True) as connection:
                recorded = record(
                    connection,
                    key,
                    letters,
                    source=source,
                    settings=self._settings,
                    now=self._now,
                    cursor=cursor,
                )
                if self._tally.dry_run:
                    raise _Undo
        except _Undo:
            self._seen |= {each.incoming.digest for each in letters}
        if recorded is not None:
            self._tally.add(recorded, more_repeated=len(batch) - len(letters))
        known |= {each.incoming.digest: each.verdict for each in letters}
        return {digest for digest, verdict in known.items() if verdict not in _FOR_PEOPLE}


class _Undo(Exception):
    """Takes back what a dry run wrote."""


def open_mailbox(url: MailboxUrl, access: Access) -> Mailbox:
    """Connect and log in; raises UsageError, or MailboxLost where the server is the reason."""
    if url.is_pop:
        from hygiene.feedback.pop3 import Pop3Mailbox

        return Pop3Mailbox(url, access)
    from hygiene.feedback.imap import ImapMailbox

    return ImapMailbox(url, access)


def read_letter(incoming: Incoming, secret: bytes) -> Letter:
    """What a mail says; no mail keeps others from being read."""
    try:
        bounces: tuple[Bounce, ...] = tuple(classify_bounce(incoming.raw))
        clues = find_clues(incoming.raw, bounces, secret)
    except Exception:  # told as unread, and left where it lies
        return Letter(incoming=incoming, bounces=None, clues=Clues())
    if not bounces and not clues.leaving and not has_header(incoming.raw):
        return Letter(incoming=incoming, bounces=None, clues=clues)
    failed = bool(bounces) and bounces[0].kind is BounceKind.BOUNCE
    if clues.leaving and not failed:
        bounces = (as_unsubscribe(clues),)
    return Letter(incoming=incoming, bounces=bounces, clues=clues)


def has_header(raw: bytes) -> bool:
    """Whether it begins as a mail does: with header fields, perhaps behind blank lines."""
    header = re.split(rb"\r?\n\r?\n", raw[:_HEADER].lstrip(), maxsplit=1)[0]
    return any(_FIELD.match(line) for line in header.splitlines())


def _progress(connection: Connection, name: str) -> Progress:
    row = connection.execute(select(CURSOR).where(CURSOR.c.mailbox == name)).mappings().one_or_none()
    return Progress(validity=row["validity"], last=row["last"]) if row is not None else Progress()


def _senders(store: Store, campaigns: Iterable[str]) -> Iterator[str]:
    """The domains that campaigns are sent from."""
    import msgspec

    with store.reading() as connection:
        query = select(CAMPAIGN.c.definition).where(CAMPAIGN.c.name.in_(sorted(campaigns)))
        for definition in connection.scalars(query):
            try:
                address = msgspec.json.decode(definition)["sender"]["address"]
            except (msgspec.DecodeError, KeyError, TypeError):
                continue
            yield str(address).rpartition("@")[2]
