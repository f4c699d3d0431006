"""A mailbox by POP3 (RFC 1939): what is deleted goes when the session ends, and is stored before."""

from __future__ import annotations

import poplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from hygiene.errors import UsageError
from hygiene.feedback.incoming import KEPT, Incoming
from hygiene.feedback.mailbox import WHOLE, Access, MailboxLost, MailboxUrl, Progress

_LINE: Final = 1 << 16  # octets of a line that are kept: mails exist with lines far above the limit of 998
_TOP: Final = 20_000  # lines of a mail that is too large to be fetched


class _Pop3(poplib.POP3):
    """As the library's, but a long line is cut instead of ending the session."""

    def _getline(self) -> tuple[bytes, int]:
        line, whole = b"", 0
        while not line.endswith(b"\n"):
            piece = self.file.readline(_LINE)
            if not piece:
                raise poplib.error_proto("-ERR EOF")
            whole += len(piece)
            line = piece if not line else line[:_LINE] + piece[-2:]
        return line.rstrip(b"\r\n"), whole


class _Pop3Ssl(_Pop3, poplib.POP3_SSL):
    """The same over TLS."""


class Pop3Mailbox:
    """An open mailbox, which nobody else can open meanwhile."""

    validity = ""

    def __init__(self, url: MailboxUrl, access: Access) -> None:
        if access.move_to:
            raise UsageError("POP3 knows no folders: --move needs imap:// or imaps://")
        self.url, self.access = url, access
        with _explained(url):
            self._client = _connect(url, access)
        try:
            _log_in(self._client, url, access)
            with _explained(url):
                self._numbers = {uid.decode("ascii", "replace"): number for number, uid in self._uids()}
        except BaseException:
            self.close()
            raise

    def _uids(self) -> list[tuple[int, bytes]]:
        lines = (line.split() for line in self._client.uidl()[1])
        return [(int(words[0]), words[1]) for words in lines if len(words) == 2 and words[0].isdigit()]

    def mails(self, progress: Progress) -> Iterator[Incoming]:
        """The mails behind the last one that is stored; all of them where that one has gone."""
        uids = list(self._numbers)
        first = uids.index(progress.last) + 1 if progress.last in self._numbers else 0
        with _explained(self.url):
            sizes = dict(_pair(line) for line in self._client.list()[1])
            for uid in uids[first:]:
                raw = self._fetch(self._numbers[uid], sizes.get(self._numbers[uid], 0))
                yield Incoming(place=f"{self.url.name}, UID {uid}", raw=raw, uid=uid)

    def _fetch(self, number: int, size: int) -> bytes:
        _, lines, _ = self._client.top(number, _TOP) if size > WHOLE else self._client.retr(number)
        return b"\r\n".join([*lines, b""])[:KEPT]

    def put_away(self, uids: Sequence[str]) -> None:
        """Mark mails as deleted; they are when the session ends."""
        with _explained(self.url):
            for uid in uids:
                self._client.dele(self._numbers[uid])

    def close(self) -> None:
        """End the session."""
        with suppress(poplib.error_proto, OSError):
            self._client.quit()


def _pair(line: bytes) -> tuple[int, int]:
    words = line.split()
    return (int(words[0]), int(words[1])) if len(words) > 1 and words[1].isdigit() else (0, 0)


def _connect(url: MailboxUrl, access: Access) -> poplib.POP3:
    if url.local and not url.tls_first:
        return _Pop3(url.host, url.port, timeout=access.timeout_s)
    context = ssl.create_default_context(cafile=access.ca_file)
    if url.tls_first:
        return _Pop3Ssl(url.host, url.port, timeout=access.timeout_s, context=context)
    client = _Pop3(url.host, url.port, timeout=access.timeout_s)
    client.stls(context)
    return client


def _log_in(client: poplib.POP3, url: MailboxUrl, access: Access) -> None:
    if access.token and not access.password:
        raise UsageError(f"{url.name}: a token is for imap:// and imaps://, POP3 takes a password")
    if not access.password:
        raise UsageError(f"{url.name} needs a password: --password env:NAME or file:PATH")
    try:
        client.user(url.user)
        client.pass_(access.password.reveal())
    except poplib.error_proto:
        raise UsageError(f"{url.name}: the server does not accept this user and password") from None
    except (OSError, UnicodeError) as error:
        raise MailboxLost(f"{url.name} cannot be opened: {error}") from None


@contextmanager
def _explained(url: MailboxUrl) -> Iterator[None]:
    """What goes wrong with a server, in one sentence."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise UsageError(f"{url.name}: the certificate is not trusted ({error.verify_message})") from None
    except (poplib.error_proto, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)[:200] or type(error).__name__
        raise MailboxLost(f"{url.name} was lost: {reason}") from None
