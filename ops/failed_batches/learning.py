"""Learns what can still be learned of a batch that was given up: `failed redrive`.

It is delivered as Lambda delivered it, with the sequence numbers it had: what is after the checkpoints is
learned, once. The rest was learned before the batch was given up, or its signal has learned later records
since, and can no longer learn these in order.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from consumer.aws.event_bus import EventBridgeBus
from consumer.decode.lambda_event import decode_all
from consumer.detectors.base import UseCase
from consumer.errors import ConfigurationError, Unavailable
from consumer.events.mutes import MuteStore
from consumer.handler import InvocationTime
from consumer.learning.signal_learner import unlearned
from consumer.pages.codec import PageCodec
from consumer.pages.layout import LayoutStore
from consumer.pages.store import PageStore
from consumer.pipeline import Pipeline
from consumer.ports import ObjectStore
from consumer.settings.environment import Settings
from consumer.settings.signal_settings import SettingsOfSignals
from ops.state.page_editor import PageEditor
from ops.target import Target, aws_answers

_TRIES = 3

Learner = Callable[[Mapping[str, Any]], Awaitable[tuple[list[str], str]]]
"""Learns an event; returns the sequence numbers of the failed records, and why. Raises: `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Learnable:
    """How many of a batch's observations can still be learned, cannot, and will be quarantined."""

    after: int
    """After their signals' checkpoints."""
    before: int
    rejected: int

    def __add__(self, other: "Learnable") -> "Learnable":
        return Learnable(self.after + other.after, self.before + other.before, self.rejected + other.rejected)

    def text(self, verb: str = "can be") -> str:
        """For people; `verb` is "were" once the batch was delivered."""
        return (
            f"{self.after:,} {verb} learned, {self.rejected:,} go to quarantine, {self.before:,} are not "
            "after their checkpoints: learned already, or too late to be learned in order"
        )


async def learnable(event: Mapping[str, Any], use_case: UseCase, editor: PageEditor) -> Learnable:
    """How many of an event's observations can still be learned, by the current checkpoints.

    Raises: `MalformedEvent`, `UnreadablePage`, `Unavailable`.
    """
    found = Learnable(0, 0, 0)
    for batch in decode_all(event.get("Records", []), use_case.merge_signals):
        found += Learnable(0, 0, len(batch.rejections))
        for page_key, keys in editor.layout.grouped(batch.signals).items():
            states = (await editor.pages.load(page_key)).states
            for key in keys:
                records = batch.signals[key].records
                after = len(unlearned(records, states.get(key), batch))
                found += Learnable(after, len(records) - after, 0)
    return found


async def redrive(
    event: Mapping[str, Any], use_case: UseCase, editor: PageEditor, learner: Learner
) -> Learnable:
    """Have it learned; return what could be. Raises: as `learnable` and `learn_all`."""
    found = await learnable(event, use_case, editor)
    if found.after or found.rejected:
        await learn_all(learner, event)
    return found


def deployed_learner(client: Any, function_name: str) -> Learner:
    """Invokes the function, through a boto3 client of Lambda."""

    async def learn(event: Mapping[str, Any]) -> tuple[list[str], str]:
        with aws_answers(f"the function {function_name}"):
            answer = client.invoke(FunctionName=function_name, Payload=json.dumps(event).encode())
            body = answer["Payload"].read().decode(errors="replace")
        if "FunctionError" in answer:
            raise Unavailable(f"the function {function_name} failed: {body[:500]}")
        failed = [failure["itemIdentifier"] for failure in json.loads(body)["batchItemFailures"]]
        return failed, f"see the log of {function_name}"

    return learn


def learner_of(
    target: Target, settings: SettingsOfSignals, objects: ObjectStore, editor: PageEditor
) -> Learner:
    """The target's function, or without one the same pipeline in this process, on the same bucket and bus.

    Raises: `ConfigurationError` if its event bus is not known.
    """
    if target.function_name is not None:
        return deployed_learner(target.client("lambda"), target.function_name)
    if target.event_bus is None:
        raise ConfigurationError("name the event bus to publish events to: --bus NAME with --bucket")
    defaults = Settings(target.model_bucket, target.event_bus)
    pipeline = Pipeline(
        target.use_case,
        settings,
        LayoutStore(objects, editor.layout, lambda text: None),
        PageStore(objects, PageCodec(), 0),
        EventBridgeBus(target.client("events"), target.event_bus, editor.jitter),
        objects,
        editor.jitter,
        defaults.page_signals_max,
        MuteStore(objects, time.time, lambda text: None),
    )

    async def learn(event: Mapping[str, Any]) -> tuple[list[str], str]:
        report = await pipeline.consume(event, InvocationTime(None))
        return report.failed, "; ".join(report.problems)

    return learn


async def learn_all(learner: Learner, event: Mapping[str, Any]) -> None:
    """Deliver an event until all of it is learned, as Lambda does: the first failed record and all after it.

    Raises: `Unavailable` if it keeps failing.
    """
    records, tries = list(event["Records"]), 0
    while records:
        failed, why = await learner({"Records": records})
        if not failed:
            return
        first = min(map(int, failed))
        left = [record for record in records if int(record["kinesis"]["sequenceNumber"]) >= first]
        tries = tries + 1 if len(left) == len(records) else 0
        records = left
        if tries == _TRIES:
            raise Unavailable(
                f"nothing is learned from sequence number {first} on: {why}. Run it again later"
            )
