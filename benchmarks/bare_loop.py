"""The bare loop: the cost of learning alone, without state, guarantees or events.

It decodes the same payloads with the same decoder and updates the same models, as fast as we can write it:
msgspec structs of the two fields that matter, untracked by the garbage collector.
"""

from binascii import a2b_base64
from collections import defaultdict
from typing import Any

import msgspec
from river import drift

from benchmarks.workloads import LambdaEvent

Models = dict[str, drift.ADWIN]


class Point(msgspec.Struct, gc=False):
    """The two fields of a point that are used; others are skipped unread."""

    signal: str
    value: float


class Columns(msgspec.Struct, gc=False):
    """The two fields of columns that are used; timestamps are skipped unread."""

    signal: str
    values: list[float]


_decode_point = msgspec.json.Decoder(Point).decode
_decode_columns = msgspec.json.Decoder(Columns).decode


def new_models() -> Models:
    """Creates the model of a signal when it is first accessed."""
    return defaultdict(drift.ADWIN)


def learn_points(event: LambdaEvent, models: Models) -> list[tuple[str, float]]:
    """Learn a batch of points; return the signals and values at which there was a drift."""
    drifts = []
    decode = _decode_point
    for record in event["Records"]:
        point = decode(a2b_base64(record["kinesis"]["data"]))
        model = models[point.signal]
        model.update(point.value)
        if model.drift_detected:
            drifts.append((point.signal, point.value))
    return drifts


def learn_columns(event: LambdaEvent, models: Models) -> list[tuple[str, float]]:
    """Learn a batch of columns."""
    drifts: list[tuple[str, float]] = []
    decode = _decode_columns
    for record in event["Records"]:
        columns = decode(a2b_base64(record["kinesis"]["data"]))
        model = models[columns.signal]
        update: Any = model.update
        for value in columns.values:
            update(value)
            if model.drift_detected:
                drifts.append((columns.signal, value))
    return drifts
