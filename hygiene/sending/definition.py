"""A definition: everything that the mails of a campaign are made from, fixed when they are queued.

It is kept as JSON in the store. Who changes a template afterwards changes the next campaign, not this one.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from hygiene.config import Stream
from hygiene.errors import UnreadableInput
from hygiene.sending.letter import Mailbox
from hygiene.sending.states import LANES, Lane

FORMAT: Final = 1  # raised when a reader of the old one would be misled

#: fields that every template may use, whatever the list has
OWN_FIELDS: Final = ("address", "postal_address", "preferences_url", "sender_name", "unsubscribe_url")

InDoubt: TypeAlias = Literal["park", "resend"]
_SECOND_US: Final = 1_000_000


class MergeField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the templates: the column it comes from, and what stands for an empty cell."""

    column: str
    default: str | None = None


class Person(msgspec.Struct, frozen=True):
    """Name and address as they are stored."""

    address: str
    name: str = ""

    @property
    def mailbox(self) -> Mailbox:
        """As a letter has it."""
        return Mailbox(address=self.address, name=self.name)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of the people gets; a campaign without variants has one version, without a name."""

    name: str = ""
    weight: int = 1
    subject: str
    html: str = ""
    text: str = ""


class Tracking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is counted by links of our own: `base` is where they lead, https://mail.shop.example."""

    base: str
    opens: bool = False
    clicks: bool = False
    text_clicks: bool = False  # links of the text part, too

    @property
    def words(self) -> str:
        """What is counted, for a person."""
        clicks = "clicks" if self.clicks or self.text_clicks else ""
        return " and ".join(filter(None, ("opens" if self.opens else "", clicks)))

    @property
    def told(self) -> str:
        """As an event of a sending says it: open, click or both."""
        clicks = self.clicks or self.text_clicks
        return "both" if self.opens and clicks else "click" if clicks else "open"


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first part of a list, after which the sending waits to see how it goes."""

    share: float  # of the list
    wait_s: int

    def count(self, mails: int) -> int:
        """How many of so many mails."""
        return math.ceil(self.share * mails)


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that mails of a campaign are made from, but for the recipient's own fields."""

    format: int = FORMAT
    name: str
    stream: Stream
    topic: str
    account: str
    sender: Person
    reply_to: Person | None = None
    fields: dict[str, MergeField] = {}
    versions: tuple[Version, ...]
    variant_seed: str = ""
    headers: dict[str, str] = {}
    unsubscribe: str = ""  # https://…/u
    unsubscribe_mail: str = ""
    postal_address: str = ""
    return_path: str = ""  # domain of the envelope sender; "" is the sender's own address
    not_before: datetime | None = None
    expires_after_s: int
    in_doubt: InDoubt
    canary: Canary | None = None
    segment: str = ""
    tracking: Tracking | msgspec.UnsetType = msgspec.UNSET  # left out where nothing is, as in older ones
    sha256: str = ""  # of all of this

    @property
    def lane(self) -> Lane:
        """Whether its mails wait behind others."""
        return LANES[self.stream]

    @property
    def marketing(self) -> bool:
        """Whether people can leave what it is sent to."""
        return self.stream == "marketing"

    def to_json(self) -> str:
        """As it is stored, with the hash of its content."""
        return msgspec.json.encode(_hashed(self)).decode()

    @classmethod
    def from_json(cls, written: str | bytes) -> Definition:
        """Read it back; raises UnreadableInput where it is damaged, changed or of another format."""
        try:
            found = msgspec.json.decode(written, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableInput(f"a stored campaign cannot be read: {error}") from None
        if found.format != FORMAT:
            raise UnreadableInput(
                f"the campaign {found.name} is stored in format {found.format}; "
                f"this hygiene reads format {FORMAT}"
            )
        if _hashed(found).sha256 != found.sha256:
            raise UnreadableInput(
                f"the campaign {found.name} was changed in the store: its hash is another one"
            )
        return found

    def due_us(self, now_us: int) -> int:
        """When its mails may leave at the earliest, in microseconds since 1970."""
        return max(now_us, _microseconds(self.not_before)) if self.not_before else now_us

    def expires_us(self, now_us: int) -> int:
        """When its mails are of no use any more."""
        return self.due_us(now_us) + self.expires_after_s * _SECOND_US


class _Begin(msgspec.Struct):
    not_before: datetime | None = None


def begins_us(written: str) -> int:
    """When the mails of a stored campaign may leave at the earliest; 0 where it does not say."""
    moment = msgspec.json.decode(written, type=_Begin).not_before
    return _microseconds(moment) if moment else 0


def _hashed(definition: Definition) -> Definition:
    bare = msgspec.structs.replace(definition, sha256="")
    digest = hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()
    return msgspec.structs.replace(bare, sha256=digest)


def seal(definition: Definition) -> Definition:
    """The definition with the hash of its content."""
    return _hashed(definition)


def _microseconds(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
