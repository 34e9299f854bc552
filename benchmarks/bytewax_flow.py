"""The same learning as a Bytewax dataflow with recovery; it runs in an environment of its own.

python bytewax_flow.py payloads.txt    # base64 payloads, one a line; prints the CPU seconds of three runs

Batches are decoded and learned as batches, the fastest that Bytewax's operators allow. A snapshot is due
after each 10,000 records, as the handler commits after each 10,000.
"""

import sys
import tempfile
import time
from binascii import a2b_base64
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main
from river import drift

_ROUNDS = 3
_RECORDS_PER_EPOCH = 10_000


class Payload(msgspec.Struct, gc=False):
    """A point's two fields."""

    signal: str
    value: float


class SignalDetector(StatefulBatchLogic[float, float, drift.ADWIN]):
    """One signal's model."""

    def __init__(self, state: drift.ADWIN | None) -> None:
        self._model = state or drift.ADWIN()

    def on_batch(self, values: list[float]) -> tuple[Iterable[float], bool]:
        """Learn the signal's values of a batch."""
        drifts = []
        model = self._model
        for value in values:
            model.update(value)
            if model.drift_detected:
                drifts.append(value)
        return drifts, StatefulBatchLogic.RETAIN

    def snapshot(self) -> drift.ADWIN:
        """The state to keep; Bytewax pickles it."""
        return self._model


def _decode(payloads: list[str]) -> list[tuple[str, float]]:
    points = [_decode_point(a2b_base64(payload)) for payload in payloads]
    return [(point.signal, point.value) for point in points]


_decode_point = msgspec.json.Decoder(Payload).decode


def _run(payloads: list[str]) -> float:
    drifts: list[Any] = []
    flow = Dataflow("drift")
    stream = op.input("input", flow, TestingSource(payloads, batch_size=_RECORDS_PER_EPOCH))
    keyed = op.flat_map_batch("decode", stream, _decode)
    found = op.stateful_batch("learn", keyed, SignalDetector)
    op.output("output", found, TestingSink(drifts))
    with tempfile.TemporaryDirectory() as folder:
        init_db_dir(Path(folder), 1)
        start = time.process_time()
        run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(folder))
        return time.process_time() - start


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text().split()
    for _ in range(_ROUNDS):
        print(_run(lines), flush=True)
