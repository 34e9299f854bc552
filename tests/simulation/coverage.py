"""What a world reached: how much learned in columns, and which alerts opened and cleared.

A world whose signals never learn in columns would show nothing about them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from consumer import pipeline
from consumer.events.event import Event
from consumer.learning.page_learner import PageLearner
from consumer.learning.states import States
from consumer.learning.usual_signals import Member


@contextmanager
def learned_in_columns() -> Iterator[Counter[str]]:
    """Counts what learns in columns for the time of a `with` block; of the process, which plays one world."""
    counts: Counter[str] = Counter()
    learn_together, go_on = pipeline.learn_together, PageLearner.go_on

    def counted_learn_together(members: Sequence[Member], few: int) -> list[BaseException | None]:
        before = [_counted(member) for member in members]
        errors = learn_together(members, few)
        learned = [_counted(member) - was for member, was in zip(members, before, strict=True)]
        kind = members[0].learner.settings.use_case.kind if members else ""
        if any(learned):
            counts[f"observation of {kind} learned in columns"] += sum(learned)
            counts[f"world in which {kind} learns in columns"] = 1
        if sum(map(bool, learned)) > 1:
            counts[f"pages of {kind} that learned together in columns"] += 1
        return errors

    def counted_go_on(learner: PageLearner, key, begun: int) -> None:
        leaver = f"signal of {learner.settings.use_case.kind} that left the columns"
        records = learner.batch.signals[key].records
        counts[leaver] += 1
        counts[f"{leaver} within a record"] += begun > 0 and records[begun] == records[begun - 1]
        go_on(learner, key, begun)

    with (
        mock.patch.object(pipeline, "learn_together", counted_learn_together),
        mock.patch.object(PageLearner, "go_on", counted_go_on),
    ):
        yield counts


def _counted(member: Member) -> int:
    """What the arrays of a page count as learned: what is out of them counts by itself."""
    states = member.learner.states
    return int(states.learned.sum()) if isinstance(states, States) else 0


def published_in(events: Iterable[Event], kind: str) -> Counter[str]:
    """Events by kind and change, each once; `kind` is what the models find."""
    counts: Counter[str] = Counter()
    for event in {event.id: event for event in events}.values():
        detail = json.loads(event.detail)
        fault = detail["evidence"].get("fault")
        counts[f"{f'sensor {fault}' if fault else kind} {detail['change']}"] += 1
    return counts
