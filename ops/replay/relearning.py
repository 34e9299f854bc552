"""An old state learns again what its signal has brought since, as far as the stream still holds it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from consumer.decode.batch import Batch, Shard
from consumer.decode.lambda_event import batches_of
from consumer.decode.signal_names import SignalKey
from consumer.decode.timestamps import iso8601
from consumer.errors import ConfigurationError
from consumer.learning.outcome import FailedObservations
from consumer.learning.page_learner import PageLearner
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec
from consumer.settings.signal_settings import SettingsOfSignals


class Retained(Protocol):
    """What a stream still holds."""

    def retention_s(self, shard: Shard) -> float:
        """For how long it keeps a record."""

    def read(self, shard: Shard, since_s: float | None, last: int) -> Iterator[list[dict[str, Any]]]:
        """The shard's records that arrived since then, or a little before, up to a sequence number."""


@dataclass(slots=True)
class Relearning:
    """One signal's state on its way from how it was to now.

    It goes on from where it is, so that what arrives meanwhile is little. What its model finds is told to
    nobody: it was told when it was learned first.
    """

    name: str
    settings: SettingsOfSignals
    codec: PageCodec
    retained: Retained
    key: SignalKey
    state: State
    written_s: float
    """When that state was written."""
    now_s: float
    observations: int = 0
    refused: int = 0
    """Observations at which the model raised."""

    def check_retained(self, checkpoints: Mapping[Shard, Checkpoint]) -> None:
        """Raise `ConfigurationError` where the stream no longer holds all that is to be learned."""
        for shard in self._behind(checkpoints):
            oldest_s = self.now_s - self.retained.retention_s(shard)
            own = self.state.checkpoints.get(shard)
            since_s = own.arrived_s if own is not None and own.arrived_s is not None else self.written_s
            if since_s <= oldest_s:
                raise ConfigurationError(
                    f"{self.key.signal}: the stream holds records since {iso8601(oldest_s)}; to be learned "
                    f"are those of {shard.shard_id} since {iso8601(since_s)}. Without --relearn "
                    "they are left out"
                )

    def catch_up(self, checkpoints: Mapping[Shard, Checkpoint]) -> State:
        """Learn up to these checkpoints, shard after shard; give the state to be written, which has them.

        Raises: `Unavailable`.
        """
        for shard in self._behind(checkpoints):
            own, last = self.state.checkpoints.get(shard), checkpoints[shard]
            since_s = None if own is None else own.arrived_s
            for records in self.retained.read(shard, since_s, last.sequence_number):
                self._learn([record for record in records if _is_within(record, last)])
        return with_checkpoints(self.state, checkpoints)

    def _behind(self, checkpoints: Mapping[Shard, Checkpoint]) -> list[Shard]:
        """The shards with something to learn, in the order in which they fell silent: parents come first."""
        behind = [shard for shard, mark in checkpoints.items() if self.state.checkpoints.get(shard) != mark]
        return sorted(behind, key=lambda shard: checkpoints[shard].arrived_s or 0.0)

    def _learn(self, records: list[dict[str, Any]]) -> None:
        while records:
            [batch] = batches_of({"Records": records})
            self.settings.use_case.merge_signals(batch)
            if self.key in batch.runs:
                self._learn_batch(batch)
            records = [] if batch.unread_from is None else records[batch.unread_from :]

    def _learn_batch(self, batch: Batch) -> None:
        exclusions = FailedObservations()
        before = self.codec.encode({self.key: self.state})
        while True:
            states = self.codec.decode(before)
            learning = PageLearner(self.name, self.settings, batch, states, exclusions, lambda: False, 1)
            learning.learn([self.key])
            if not learning.learned.raised:
                break
            exclusions.add(learning.learned.raised)
        self.state = states[self.key]
        self.observations += learning.learned.observations
        self.refused += len(learning.learned.refusals)


def _is_within(record: dict[str, Any], last: Checkpoint) -> bool:
    """Whether the record was learned when the checkpoint was raised: others may share its number."""
    kinesis = record["kinesis"]
    number = int(kinesis["sequenceNumber"])
    return number < last.sequence_number or kinesis["partitionKey"] in last.partition_keys


def with_checkpoints(state: State, checkpoints: Mapping[Shard, Checkpoint]) -> State:
    """The state, as if it had learned so far."""
    return State(
        state.model,
        dict(checkpoints),
        state.learned,
        state.skipped,
        state.latest_s,
        state.parameters,
        state.health,
    )
