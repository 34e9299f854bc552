"""What came of learning a batch."""

from dataclasses import dataclass, field
from typing import NamedTuple

from consumer.core.events import Event
from consumer.core.exclusions import Raised
from consumer.core.runs import Refusal, Run
from consumer.core.signals import SignalKey


class Mark(NamedTuple):
    """How much there was at some time."""

    events: int
    refusals: int
    observations: int
    skipped: int


@dataclass(slots=True)
class Learned:
    """What came of it for one page. It counts once the page is committed; not for models that `raised`."""

    events: list[Event] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    raised: dict[SignalKey, Raised] = field(default_factory=dict)
    signals: int = 0
    observations: int = 0
    redelivered: int = 0
    skipped: int = 0
    models_created: int = 0
    signals_refused: int = 0
    signals_spread: int = 0
    first_done: int | None = None
    """The first record of which something is new in the states; None: there is nothing to commit."""
    first_left: int | None = None
    """The first record of which something is left, because the time ran short."""

    def mark(self) -> Mark:
        """How much there is now."""
        return Mark(len(self.events), len(self.refusals), self.observations, self.skipped)

    def back_to(self, mark: Mark) -> None:
        """Forget what was added since, by a signal whose model raised."""
        del self.events[mark.events :]
        del self.refusals[mark.refusals :]
        self.observations, self.skipped = mark.observations, mark.skipped

    def refuse_signal(self, key: SignalKey, run: Run) -> None:
        """Learn nothing of a new signal."""
        self.refusals += run.refusals(key.signal, "the signal is new, and its page is full")
        self.signals_refused += 1

    def leave(self, record: int) -> None:
        """Leave something of `record` for the next delivery."""
        self.first_left = record if self.first_left is None else min(self.first_left, record)

    @property
    def is_to_be_sure(self) -> bool:
        """Whether more than the commit, which finds out by itself, depends on the page being the latest."""
        return bool(self.events or self.refusals or self.raised) or self.first_done is None
