"""Who learns a stored batch: the deployed function, or where there is none this process, by its rules."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from consumer.aws.event_bus import EventBus
from consumer.aws.s3 import Objects
from consumer.errors import ConfigurationError, Unavailable
from consumer.events.mutes import MuteStore
from consumer.handler import InvocationTime
from consumer.pages.codec import PageCodec
from consumer.pages.layout import LayoutStore
from consumer.pages.store import PageStore
from consumer.pipeline import Pipeline
from consumer.settings.environment import Settings
from consumer.settings.signal_settings import SettingsOfSignals
from ops.state.page_editor import PageEditor
from ops.target import Target, aws_answers

_TRIES = 3


class Learner(Protocol):
    """Learns an invocation's event as the function does."""

    async def learn(self, event: Mapping[str, Any]) -> tuple[list[str], str]:
        """The sequence numbers from which on something is left, and why. Raises: `Unavailable`."""


@dataclass(frozen=True, slots=True)
class DeployedLearner:
    """A function, through a boto3 client of Lambda."""

    client: Any
    function_name: str

    async def learn(self, event: Mapping[str, Any]) -> tuple[list[str], str]:
        """Invoke it, and wait for its answer."""
        with aws_answers(f"the function {self.function_name}"):
            answer = self.client.invoke(FunctionName=self.function_name, Payload=json.dumps(event).encode())
            said = answer["Payload"].read().decode(errors="replace")
        if "FunctionError" in answer:
            raise Unavailable(f"the function {self.function_name} failed: {said[:500]}")
        failed = [failure["itemIdentifier"] for failure in json.loads(said)["batchItemFailures"]]
        return failed, f"the log of {self.function_name} says why"


@dataclass(frozen=True, slots=True)
class OwnLearner:
    """This process, on the same bucket and bus, by the same protocol."""

    pipeline: Pipeline

    async def learn(self, event: Mapping[str, Any]) -> tuple[list[str], str]:
        """Learn it here."""
        report = await self.pipeline.consume(event, InvocationTime(None))
        return report.failed, "; ".join(report.problems)


def learner_of(where: Target, settings: SettingsOfSignals, objects: Objects, changing: PageEditor) -> Learner:
    """Whoever learns there. Raises: `ConfigurationError` where it is not known where events go."""
    if where.function_name is not None:
        return DeployedLearner(where.client("lambda"), where.function_name)
    if where.event_bus is None:
        raise ConfigurationError("say to which event bus its events go: --bus NAME beside --bucket")
    defaults = Settings(where.model_bucket, where.event_bus)
    pipeline = Pipeline(
        where.use_case,
        settings,
        LayoutStore(objects, changing.layout, lambda text: None),
        PageStore(objects, PageCodec(), 0),
        EventBus(where.client("events"), where.event_bus, changing.jitter),
        objects,
        changing.jitter,
        defaults.page_signals_max,
        MuteStore(objects, time.time, lambda text: None),
    )
    return OwnLearner(pipeline)


async def learn_all(learner: Learner, event: Mapping[str, Any]) -> None:
    """Deliver it until nothing is left of it, as Lambda does: what failed, and all after it, again.

    Raises: `Unavailable` where it goes on failing.
    """
    records, tries = list(event["Records"]), 0
    while records:
        failed, why = await learner.learn({"Records": records})
        if not failed:
            return
        first = min(map(int, failed))
        left = [record for record in records if int(record["kinesis"]["sequenceNumber"]) >= first]
        tries = tries + 1 if len(left) == len(records) else 0
        records = left
        if tries == _TRIES:
            raise Unavailable(f"from sequence number {first} on it is not learned: {why}. Run it again later")
