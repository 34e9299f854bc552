"""What a function's answer means for the batch it was given, and where a batch may be cut."""

from __future__ import annotations

from collections.abc import Mapping

from local.emulator.batching import Batch


def first_failed(response: object, batch: Batch) -> int | None:
    """Tell from which record on the batch comes again: its length when all of it succeeded.

    The lowest sequence number named is the checkpoint, and everything from it on comes again. An identifier
    that is empty, null, missing or not of this batch fails the whole batch, and so does what is no such
    answer at all: None.

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
    # Two records may share the checkpoint's number: the first of them is where the batch comes again.
    return next(i for i, record in enumerate(batch) if int(record.sequence_number) >= checkpoint)


def _sequence_number(failure: object, of_this_batch: Mapping[str, int]) -> int | None:
    identifier = failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
    return of_this_batch.get(identifier) if isinstance(identifier, str) else None


def halves(batch: Batch) -> tuple[Batch, Batch] | None:
    """Cut a batch as near to its middle as records that share a sequence number allow, or not at all.

    Shape: n records -> two batches that together are the n records, in order, none of them empty
    """
    middle = len(batch) // 2
    cuts = sorted(range(1, len(batch)), key=lambda cut: abs(cut - middle))
    for cut in cuts:
        if batch[cut - 1].sequence_number != batch[cut].sequence_number:
            return batch[:cut], batch[cut:]
    return None
