"""One address in a workspace: what was agreed and sent, with which answers, and whether it would be mailed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hygiene.sending.last_dot import suppressed
from hygiene.sending.mailing import going_to
from hygiene.service.privacy import Held, show_everything
from hygiene.store import Store

if TYPE_CHECKING:
    from hygiene.render.sections import Document


@dataclass(frozen=True, kw_only=True)
class WorkspaceStory:
    """All that is known of an address. `because` is why a stream's next mail would not go there, by stream."""

    held: Held
    because: Mapping[str, str]

    @property
    def address(self) -> str:
        """Whom it is about."""
        return self.held.address

    @property
    def known(self) -> bool:
        """Whether the workspace has anything of it."""
        kinds = ("suppression", "opt_outs", "consents", "mails", "events")
        return any(getattr(self.held, kind) for kind in kinds)

    def would_reach(self, stream: str) -> bool:
        """Whether a next mail of a stream would go out, as far as the workspace decides."""
        return not self.because.get(stream)

    def exit_code(self) -> int:
        """0 where the next campaign would reach it, 1 where it would not."""
        return 0 if self.would_reach("marketing") else 1

    def sections(self) -> Document:
        """For every renderer."""
        from hygiene.service.privacy_presentation import story_document

        return story_document(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "would_reach": {stream: not why for stream, why in self.because.items()},
            "because": dict(self.because),
            **self.held.to_dict(),
        }


def tell_story(store: Store, address: str, topics: Mapping[str, str]) -> WorkspaceStory:
    """The story of an address; `topics` are the topics of the streams, by stream.

    The same rule decides as at the last dot of a mail. Raises UsageError for what is no address.
    """
    held = show_everything(store, address)
    secret = store.key
    going = [
        going_to(held.address, row=number, stream=stream, topic=topic, secret=secret)
        for number, (stream, topic) in enumerate(topics.items())
    ]
    with store.reading() as connection:
        reasons = suppressed(connection, going)
    return WorkspaceStory(
        held=held, because={stream: reasons.get(number, "") for number, stream in enumerate(topics)}
    )
