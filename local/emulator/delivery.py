"""Delivers one batch: invoke, and after a failure split, retry or give up.

The rules, as Lambda documents them:

    the function raises, or its response is invalid    the whole batch failed
    the function names sequence numbers                the batch failed from the lowest of them on

    with bisect      the whole batch failed: two halves, the first finished before the second   costs no retry
                     it failed from a later record on: cut there, retry the rest                costs no retry
                     it failed from its first record on, or cannot be halved: retry it          one retry
    without bisect   retry what failed                                                          one retry

A batch made by a split has retries of its own. Age is checked before every invocation.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.emulator.clock import Clock, Pace
from local.emulator.kinesis_event import EventFormat
from local.emulator.mapping_config import UNLIMITED, MappingConfig
from local.emulator.on_failure_destination import Condition, InvocationRecords, OnFailureDestination, store
from local.emulator.progress import Checkpoint, Progress
from local.emulator.stream_source import Batch

Invoke = Callable[[dict[str, Any]], Awaitable[object]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MappingContext:
    """What all shards of a mapping share."""

    invoke: Invoke
    config: MappingConfig
    clock: Clock
    pace: Pace
    rng: random.Random
    progress: Progress
    destination: OnFailureDestination | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A batch, or a part split from it, that is still to be delivered, and its attempts so far."""

    batch: Batch
    retries: int = 0
    invocations: int = 0
    function_raised: bool = False


class Delivery:
    """Delivers the batches of one shard."""

    def __init__(
        self, shared: MappingContext, form: EventFormat, records: InvocationRecords, checkpoint: Checkpoint
    ) -> None:
        """`shared` is the mapping's; the rest belongs to the shard."""
        self._shared = shared
        self._format = form
        self._records = records
        self._checkpoint = checkpoint

    async def deliver(self, batch: Batch) -> None:
        """Return when the function took every record of `batch`, or it was given up."""
        failures_in_a_row = 0
        # A stack: a first half is finished, with all its parts, before the second.
        pieces = [_Piece(batch)]
        while pieces:
            piece = await self._give_up_expired(pieces.pop())
            if not piece.batch:
                continue
            tried, failed_from = await self._invoke(piece)
            taken = tried.batch[:failed_from] if failed_from is not None else ()
            self._delivered(taken)
            if len(taken) == len(tried.batch):
                failures_in_a_row = 0
                continue
            failures_in_a_row = 1 if taken else failures_in_a_row + 1
            if again := await self._to_retry(tried, failed_from):
                await self._back_off(failures_in_a_row)
                pieces.extend(reversed(again))

    async def _invoke(self, piece: _Piece) -> tuple[_Piece, int | None]:
        """Invoke once; also the index from which on the batch failed, None if all of it did."""
        shared = self._shared
        shared.progress.invocations += 1
        tried = replace(piece, invocations=piece.invocations + 1, function_raised=False)
        try:
            response = await shared.invoke(self._format.event(piece.batch))
        # Whatever a function raises is a function error to Lambda; it never stops the mapping.
        except Exception as error:
            _log.info("the function raised %r for a batch of %d records", error, len(piece.batch))
            return replace(tried, function_raised=True), None
        if not shared.config.report_batch_item_failures:
            return tried, len(piece.batch)
        return tried, first_failed(response, piece.batch)

    async def _to_retry(self, tried: _Piece, failed_from: int | None) -> list[_Piece]:
        shared = self._shared
        rest = tried.batch[failed_from or 0 :]
        if shared.config.bisect_on_error:
            parts = halves(tried.batch) if failed_from is None else (rest,) if failed_from else None
            if parts:
                shared.progress.bisections += 1
                return [replace(tried, batch=part, retries=0) for part in parts]
        if tried.retries == shared.config.maximum_retry_attempts:
            await self._give_up(replace(tried, batch=rest), "RetryAttemptsExhausted")
            return []
        shared.progress.retries += 1
        return [replace(tried, batch=rest, retries=tried.retries + 1)]

    async def _give_up_expired(self, piece: _Piece) -> _Piece:
        oldest_s = self._shared.config.maximum_record_age_s
        if oldest_s == UNLIMITED:
            return piece
        arrived_since = self._shared.clock.now() - oldest_s
        too_old = tuple(record for record in piece.batch if record.arrived < arrived_since)
        if not too_old:
            return piece
        await self._give_up(replace(piece, batch=too_old), "RecordAgeExceeded")
        young = tuple(record for record in piece.batch if record.arrived >= arrived_since)
        return replace(piece, batch=young)

    async def _back_off(self, failures: int) -> None:
        await self._shared.clock.sleep(self._shared.pace.backoff_s(failures, self._shared.rng))

    def _delivered(self, taken: Batch) -> None:
        self._checkpoint.done(taken)
        self._shared.progress.delivered(len(taken))

    async def _give_up(self, piece: _Piece, condition: Condition) -> None:
        shared = self._shared
        _log.warning("giving up %d records: %s", len(piece.batch), condition)
        if shared.destination is not None:
            now = shared.clock.now()
            body = self._records.body(piece.batch, condition, piece.invocations, piece.function_raised, now)
            key = self._records.key(now)
            stored = await store(
                shared.destination, key, body, clock=shared.clock, pace=shared.pace, rng=shared.rng
            )
            shared.progress.batches_stored += stored
            shared.progress.destination_failures += not stored
        self._checkpoint.done(piece.batch)
        shared.progress.given_up(len(piece.batch))


def first_failed(response: object, batch: Batch) -> int | None:
    """The index from which on the batch has to be retried; its length if all of it succeeded.

    The lowest sequence number named is the checkpoint: everything from it on is retried. None means that the
    whole batch failed: an identifier is empty, null, missing or not of this batch, or the response is no
    such response at all.

    Shape:  a function's response, n records -> index from 0 to n, or None
    Source: Lambda's developer guide, "Configuring partial batch response with Kinesis Data Streams"
    """
    if response is None:
        return len(batch)
    if not isinstance(response, Mapping):
        return None
    failures = response.get("batchItemFailures")
    if failures is None or failures == []:
        return len(batch)
    if not isinstance(failures, list):
        return None
    of_this_batch = {record.sequence_number: int(record.sequence_number) for record in batch}
    named = [_sequence_number(failure, of_this_batch) for failure in failures]
    failed = [number for number in named if number is not None]
    if len(failed) < len(named):
        return None
    checkpoint = min(failed)
    # Two records may share the checkpoint's number: retry from the first of them.
    return next(i for i, record in enumerate(batch) if int(record.sequence_number) >= checkpoint)


def _sequence_number(failure: object, of_this_batch: Mapping[str, int]) -> int | None:
    identifier = failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
    return of_this_batch.get(identifier) if isinstance(identifier, str) else None


def halves(batch: Batch) -> tuple[Batch, Batch] | None:
    """Cut a batch as near to its middle as possible without separating records that share a sequence number.

    Shape: n records -> two batches that together are the n records, in order, none of them empty
    """
    middle = len(batch) // 2
    cuts = sorted(range(1, len(batch)), key=lambda cut: abs(cut - middle))
    for cut in cuts:
        if batch[cut - 1].sequence_number != batch[cut].sequence_number:
            return batch[:cut], batch[cut:]
    return None
