"""Learns what can still be learned of a batch that was given up: `failed redrive`.

It is delivered as Lambda delivered it, with the sequence numbers it had: what is after the checkpoints is
learned, once. The rest was learned before the batch was given up, or its signal has learned later records
since, and can no longer learn these in order.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from botocore.config import Config

from consumer.aws.event_bus import EventBridgeBus
from consumer.decode.batch import Batch
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

Record = dict[str, Any]
_TRIES = 3
INVOCATION_BYTES_MAX = 6_000_000
"""Lambda takes 6 MiB at once, and the mapping's own batches fill that."""
_INVOCATION = Config(read_timeout=960, retries={"total_max_attempts": 1})
"""An invocation may take a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Learner:
    """Learns an event; gives the sequence numbers of the failed records, and why. Raises: `Unavailable`."""

    learn: Callable[[Mapping[str, Any]], Awaitable[tuple[list[str], str]]]
    bytes_max: int | None = None
    """How large an event may be; None: of any size."""


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

    def make_ready(batch: Batch) -> int:
        batch.place(editor.layout.assets)
        return use_case.merge_signals(batch)

    found = Learnable(0, 0, 0)
    for batch in decode_all(event.get("Records", []), make_ready):
        found += Learnable(0, 0, len(batch.rejections))
        for page_key, keys in editor.layout.grouped(batch.signals).items():
            states = (await editor.pages.load(page_key)).states
            for key in keys:
                records = batch.signals[key].records
                after = len(unlearned(records, states.get(key), batch))
                found += Learnable(after, len(records) - after, 0)
    return found


def deliverable(event: Mapping[str, Any], learner: Learner) -> tuple[dict[str, Any], int]:
    """The event without the records that are too large, each by itself, and how many these are."""
    records = event.get("Records", [])
    fitting = [
        record
        for record in records
        if learner.bytes_max is None or len(_encoded({"Records": [record]})) <= learner.bytes_max
    ]
    return {"Records": fitting}, len(records) - len(fitting)


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
            answer = client.invoke(FunctionName=function_name, Payload=_encoded(event))
            body = answer["Payload"].read().decode(errors="replace")
        if "FunctionError" in answer:
            raise Unavailable(f"the function {function_name} failed: {body[:500]}")
        failed = [failure["itemIdentifier"] for failure in json.loads(body)["batchItemFailures"]]
        return failed, f"see the log of {function_name}"

    return Learner(learn, INVOCATION_BYTES_MAX)


def learner_of(
    target: Target, settings: SettingsOfSignals, objects: ObjectStore, editor: PageEditor
) -> Learner:
    """The target's function, or without one the same pipeline in this process, on the same bucket and bus.

    Raises: `ConfigurationError` if its event bus is not known.
    """
    if target.function_name is not None:
        return deployed_learner(target.client("lambda", _INVOCATION), target.function_name)
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
        MuteStore(objects, time.time, lambda text: None, settings),
    )

    async def learn(event: Mapping[str, Any]) -> tuple[list[str], str]:
        report = await pipeline.consume(event, InvocationTime(None))
        return report.failed, "; ".join(report.problems)

    return Learner(learn)


async def learn_all(learner: Learner, event: Mapping[str, Any]) -> None:
    """Deliver an event until all of it is learned, as Lambda does: the first failed record and all after it.

    It goes in parts that the learner takes, one after the other. After a crash, those that were learned lie
    below the checkpoints.

    Raises: `Unavailable` if it keeps failing.
    """
    left, tries = list(event["Records"]), 0
    while left:
        part = _first_part(left, learner.bytes_max)
        failed, why = await learner.learn({"Records": part})
        first = min(map(int, failed), default=None)
        again = [] if first is None else [record for record in part if _number(record) >= first]
        tries = tries + 1 if len(again) == len(part) else 0
        left = [*again, *left[len(part) :]]
        if tries == _TRIES:
            raise Unavailable(
                f"nothing is learned from sequence number {first} on: {why}. Run it again later"
            )


def _first_part(records: Sequence[Record], bytes_max: int | None) -> list[Record]:
    """As many of the first records as fit into one event."""
    size, part = len(_encoded({"Records": []})), list[Record]()
    for record in records:
        size += len(_encoded(record)) + 1
        if part and bytes_max is not None and size > bytes_max:
            break
        part.append(record)
    return part


def _encoded(content: Mapping[str, Any]) -> bytes:
    """As short as Lambda writes it."""
    return msgspec.json.encode(content)


def _number(record: Record) -> int:
    return int(record["kinesis"]["sequenceNumber"])
