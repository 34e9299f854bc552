"""What of a batch that was given up can still be learned, and the learning of it: `failed redrive`.

It is delivered as Lambda delivered it, with the sequence numbers it had: what lies above the checkpoints is
learned, once. What lies below was learned before the batch was given up, or its signal has learned later
records since, and cannot learn these in their order any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consumer.decode.lambda_event import batches_of
from consumer.detectors.base import UseCase
from consumer.learning.signal_learner import unlearned
from ops.redrive.learners import Learner, learn_all
from ops.state.page_editor import PageEditor


@dataclass(frozen=True, slots=True)
class Learnable:
    """Of a batch's observations: those that can be learned, those that cannot, those to be quarantined."""

    above: int
    below: int
    refused: int

    def __add__(self, other: "Learnable") -> "Learnable":
        return Learnable(self.above + other.above, self.below + other.below, self.refused + other.refused)

    def text(self, was: bool = False) -> str:
        """In words; `was`: how it was when the batch was delivered."""
        learned = "could be learned" if was else "can be learned"
        return (
            f"{self.above:,} {learned}, {self.refused:,} go to quarantine, {self.below:,} lie below their "
            "checkpoints: learned already, or passed by what came later, and no longer to be learned in "
            "their order"
        )


async def learnable(event: Mapping[str, Any], use_case: UseCase, changing: PageEditor) -> Learnable:
    """How many of an event's observations are still to be learned, by the checkpoints of now.

    Raises: `MalformedEvent`, `UnreadablePage`, `Unavailable`.
    """
    found = Learnable(0, 0, 0)
    left = list(event.get("Records", []))
    while left:
        [batch] = batches_of({"Records": left})
        use_case.merge_signals(batch)
        found += Learnable(0, 0, len(batch.refusals))
        for page_key, keys in changing.layout.grouped(batch.runs).items():
            states = (await changing.pages.load(page_key)).states
            for key in keys:
                run = batch.runs[key]
                above = len(unlearned(run.records, states.get(key), batch))
                found += Learnable(above, len(run.records) - above, 0)
        left = [] if batch.unread_from is None else left[batch.unread_from :]
    return found


async def redrive(
    event: Mapping[str, Any], use_case: UseCase, changing: PageEditor, learner: Learner
) -> Learnable:
    """Have it learned, and give what could be. Raises: as `learnable` and `learn_all`."""
    found = await learnable(event, use_case, changing)
    if found.above or found.refused:
        await learn_all(learner, event)
    return found
