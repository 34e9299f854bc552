"""Changes the states of single signals, by conditional writes, while data keeps arriving."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, LayoutChanged, UnreadablePage
from consumer.learning.state import State
from consumer.pages.codec import AnyStates
from consumer.pages.layout import Layout
from consumer.pages.store import PageStore, commit_with_retries
from consumer.ports import Jitter
from ops.replay.offline_learner import is_behind
from ops.state.pages import Place, read_pages_of


def check_went_on(key: SignalKey, shown: State, now: State | None) -> None:
    """Raise `ConfigurationError` if a state did anything but learn since it was shown.

    Only who learns raises a checkpoint: what changed at the same checkpoints was an operator's doing.
    """
    if now is not None and _went_on(shown, now):
        return
    raise ConfigurationError(
        f"another operator has changed the model of {key.signal!r} meanwhile. It is left as it is: run it "
        "again, and look at what it shows"
    )


def _went_on(shown: State, now: State) -> bool:
    if any(is_behind(now.checkpoints.get(shard), own) for shard, own in shown.checkpoints.items()):
        return False
    if shown.checkpoints == now.checkpoints and (shown.learned, shown.skipped) != (now.learned, now.skipped):
        return False
    return shown.parameters == now.parameters and shown.learned <= now.learned


_States = AnyStates
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PageEditor:
    """The pages of one use case, in the layout that is in force."""

    pages: PageStore
    layout: Layout
    jitter: Jitter

    async def places(self, signal: str) -> list[Place]:
        """All states of a signal. Raises: as `read_pages_of`, and `UnreadablePage` if one may be missing."""
        read = await read_pages_of(self.pages, self.layout, signal)
        if read.problems:
            raise UnreadablePage("; ".join(read.problems))
        return read.named(signal)

    async def change(self, page_key: str, change: Callable[[_States], tuple[bool, _T]]) -> _T:
        """Read a page, change its states, and write it; again from the start if somebody else has written it.

        `change` returns whether it changed anything, without which the page is not written, and the outcome.

        Raises: `LayoutChanged` while the models are moved, try again; `UnreadablePage`, `Unavailable`.
        """

        async def attempt() -> _T:
            page = await self.pages.load(page_key)
            is_changed, outcome = change(page.states)
            if is_changed:
                await self.pages.commit(page)
            return outcome

        try:
            return await commit_with_retries(f"the page {page_key}", self.jitter, attempt)
        except LayoutChanged as error:
            raise LayoutChanged(f"{error}; try again when they are moved") from error
