"""A mailbox by IMAP: read by UIDVALIDITY and UID (RFC 9051 §2.3.1.1), never by what others have seen of it.

The folder is opened for reading alone, and of a mail of any size no more is fetched than is kept.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from hygiene.errors import UsageError
from hygiene.feedback.incoming import BATCH_BYTES, KEPT, Incoming
from hygiene.feedback.mailbox import Access, MailboxLost, MailboxUrl, Progress

if TYPE_CHECKING:
    from imap_tools import BaseMailBox

_SPAN: Final = 50_000  # UIDs of one search: its answer is a single line
_AT_ONCE: Final = 100  # mails of one fetch
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,18})")
_UID = re.compile(rb"\bUID (\d{1,10})\b")


class ImapMailbox:
    """An open folder."""

    def __init__(self, url: MailboxUrl, access: Access) -> None:
        from imap_tools import ImapToolsError

        self.url, self.access = url, access
        with _explained(url, "cannot be opened"):
            self._box = _connect(url, access)
            try:
                _log_in(self._box, url, access)
                self._able = _capabilities(self._box)
                self._select(readonly=True)
            except (ImapToolsError, imaplib.IMAP4.error, OSError, UsageError):
                self.close()
                raise
            self.validity = self._told("UIDVALIDITY")
            self._next = int(self._told("UIDNEXT") or 0)
        if not self.validity:
            self.close()
            raise MailboxLost(f"{url.name} keeps no UIDs that last: it cannot be read without reading twice")

    def mails(self, progress: Progress) -> Iterator[Incoming]:
        """The mails behind the last one that is stored, all of them where the mailbox was made anew."""
        first = int(progress.last or 0) + 1 if progress.validity == self.validity else 1
        with _explained(self.url, "was lost"):
            for uids in self._new(first):
                for part in self._fitting(uids):
                    yield from self._fetch(part)

    def _new(self, first: int) -> Iterator[list[int]]:
        """UIDs from the first on; ``*`` would bring the last mail, however old."""
        end = self._next or first + _SPAN * 20
        for start in range(first, end, _SPAN):
            found = self._box.uids(f"UID {start}:{min(start + _SPAN, end) - 1}", charset=None)
            uids = sorted(uid for uid in map(int, found) if uid >= first)
            yield from (uids[at : at + _AT_ONCE] for at in range(0, len(uids), _AT_ONCE))

    def _fitting(self, uids: Sequence[int]) -> Iterator[list[int]]:
        """The same UIDs in groups of which as much is fetched as fits into memory."""
        sizes = {uid: size for uid, size, _ in self._ask(uids, "(UID RFC822.SIZE)")}
        taken: list[int] = []
        total = 0
        for uid in uids:
            size = min(sizes.get(uid, KEPT), KEPT)
            if taken and total + size > BATCH_BYTES:
                yield taken
                taken, total = [], 0
            taken.append(uid)
            total += size
        yield taken

    def _fetch(self, uids: Sequence[int]) -> Iterator[Incoming]:
        for uid, _, raw in sorted(self._ask(uids, f"(UID BODY.PEEK[]<0.{KEPT}>)")):
            yield Incoming(place=f"{self.url.name}, UID {uid}", raw=raw[:KEPT], uid=str(uid))

    def _ask(self, uids: Sequence[int], parts: str) -> Iterator[tuple[int, int, bytes]]:
        """(UID, size, content) of mails; those that went meanwhile are left out."""
        kind, answer = self._box.client.uid("FETCH", ",".join(map(str, uids)), parts)
        if kind != "OK":
            raise imaplib.IMAP4.error("FETCH was refused")
        for told, content in _items(answer):
            uid, size = _UID.search(told), _SIZE.search(told)
            if uid is not None and int(uid[1]) in set(uids):
                yield int(uid[1]), int(size[1]) if size else 0, content

    def put_away(self, uids: Sequence[str]) -> None:
        """Delete or move mails, as was asked for; nobody else's deletions are carried out with ours."""
        if not uids:
            return
        with _explained(self.url, "was lost"):
            self._select(readonly=False)
            if self._told("UIDVALIDITY") != self.validity:
                raise MailboxLost(f"{self.url.name} was made anew meanwhile: nothing was deleted")
            for start in range(0, len(uids), _AT_ONCE):
                part = uids[start : start + _AT_ONCE]
                if self.access.move_to:
                    self._move(part)
                else:
                    self._delete(part)
            self._select(readonly=True)

    def _move(self, uids: Sequence[str]) -> None:
        if self._can("MOVE"):
            self._box.client.capabilities = tuple(self._able)  # what the library looks at
            self._box.move(list(uids), self.access.move_to)
        else:
            self._box.copy(list(uids), self.access.move_to)
            self._delete(uids)

    def _delete(self, uids: Sequence[str]) -> None:
        client, joined = self._box.client, ",".join(uids)
        marked, _ = client.uid("STORE", joined, "+FLAGS.SILENT", r"(\Deleted)")
        if marked != "OK":
            raise imaplib.IMAP4.error("STORE was refused")
        if self._can("UIDPLUS"):  # RFC 4315: of these alone
            client.uid("EXPUNGE", joined)

    def _can(self, name: str) -> bool:
        return name in self._able

    def _select(self, *, readonly: bool) -> None:
        self._box.folder.set(self.url.folder, readonly=readonly)

    def _told(self, name: str) -> str:
        """What the server said of the folder when it was opened."""
        _, values = self._box.client.response(name)
        found = values[-1] if values else None
        return found.decode("ascii", "replace") if isinstance(found, bytes) else ""

    def close(self) -> None:
        """Log out."""
        from imap_tools import ImapToolsError

        with suppress(ImapToolsError, imaplib.IMAP4.error, OSError):
            self._box.logout()


def _items(answer: Sequence[Any]) -> Iterator[tuple[bytes, bytes]]:
    """(what was said, literal) of each mail; servers say the UID before or behind the literal."""
    told, literal = b"", b""
    for each in answer:
        if isinstance(each, tuple):
            told, literal = told + each[0], each[1]
        elif isinstance(each, bytes):
            yield told + each, literal
            told, literal = b"", b""
    if told:
        yield told, literal


def _connect(url: MailboxUrl, access: Access) -> BaseMailBox:
    from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted

    timeout: Any = access.timeout_s
    if url.local and not url.tls_first:
        return MailBoxUnencrypted(url.host, url.port, timeout=timeout)
    context = ssl.create_default_context(cafile=access.ca_file)
    if url.tls_first:
        return MailBox(url.host, url.port, timeout=timeout, ssl_context=context)
    return MailBoxStartTls(url.host, url.port, timeout=timeout, ssl_context=context)


def _capabilities(box: BaseMailBox) -> frozenset[str]:
    """What the server can do once somebody is logged in, which is more than before (RFC 9051 §6.2.3)."""
    _, answer = box.client.capability()
    return frozenset(b" ".join(each for each in answer if each).decode("ascii", "replace").upper().split())


def _log_in(box: BaseMailBox, url: MailboxUrl, access: Access) -> None:
    if access.token:
        _log_in_by_token(box, url, access.token.reveal())
    elif access.password:
        password = access.password.reveal()
        log_in = box.login if (url.user + password).isascii() else box.login_utf8
        log_in(url.user, password, initial_folder=None)
    else:
        raise UsageError(f"{url.name} needs --password or --token, each env:NAME or file:PATH")


def _log_in_by_token(box: BaseMailBox, url: MailboxUrl, token: str) -> None:
    """XOAUTH2: what a server says of a refused token is answered with nothing, and then it refuses.

    https://developers.google.com/workspace/gmail/imap/xoauth2-protocol, 2026-11
    """
    answers = iter([f"user={url.user}\1auth=Bearer {token}\1\1".encode()])
    try:
        box.client.authenticate("XOAUTH2", lambda _said: next(answers, b""))
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        raise UsageError(
            f"{url.name}: the server does not accept this user and token; is it expired?"
        ) from None


@contextmanager
def _explained(url: MailboxUrl, what: str) -> Iterator[None]:
    """What goes wrong with a server, in one sentence, without what was said to it."""
    from imap_tools import ImapToolsError, MailboxFolderSelectError, MailboxLoginError

    try:
        yield
    except UsageError:  # which is a ValueError, too
        raise
    except MailboxLoginError:
        raise UsageError(f"{url.name}: the server does not accept this user and password") from None
    except MailboxFolderSelectError:
        raise UsageError(f"{url.name}: there is no folder {url.folder} to open") from None
    except ssl.SSLCertVerificationError as error:
        raise UsageError(f"{url.name}: the certificate is not trusted ({error.verify_message})") from None
    except (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)[:200] or type(error).__name__
        raise MailboxLost(f"{url.name} {what}: {reason}") from None
