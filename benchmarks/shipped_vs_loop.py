"""The use cases that ship, `anomaly` and `shift`, beside a bare loop of the same detectors."""

from binascii import a2b_base64
from typing import Any

import msgspec

from benchmarks.handler_vs_loop import invocations
from benchmarks.measuring import Pair, alternately, cpu_s
from benchmarks.warm_function import Function, function
from benchmarks.workloads import LambdaEvent, point_batches
from consumer.decode.signal_names import seed_of
from consumer.detectors.base import Step
from consumer.handler import gc_paused
from consumer.use_cases import USE_CASES

SHIPPED = ("anomaly", "shift")
SIGNALS = (1_000, 10_000)
_WARM_UP = 3
_ROUNDS = 15


class TimedPoint(msgspec.Struct, gc=False):
    """The three fields of a point that these detectors learn from."""

    signal: str
    value: float
    timestamp: float


_decode = msgspec.json.Decoder(TimedPoint).decode


class DetectorLoop:
    """The detectors as somebody would use them who keeps nothing: a dict of them, value by value.

    Each signal has its detector's own `step`, made once, so that nothing is in between. Payloads are decoded
    by the decoder of the consumer, as fast as we can write it, and the garbage collector is paused as in the
    handler. Not in it: the checks of the sensor, which are the consumer's, and events, of which it counts.
    """

    def __init__(self, use_case: str) -> None:
        self._name, self._use_case = use_case, USE_CASES[use_case]
        self._steps: dict[str, Step] = {}
        self.models: dict[str, Any] = {}
        self.findings = 0

    def learn(self, event: LambdaEvent) -> None:
        """Learn a batch of points."""
        steps, decode = self._steps, _decode
        with gc_paused():
            for record in event["Records"]:
                point = decode(a2b_base64(record["kinesis"]["data"]))
                step = steps.get(point.signal)
                if step is None:
                    step = self._new(point.signal)
                _, found = step(point.value, point.timestamp)
                if found is not None:
                    self.findings += 1

    def _new(self, signal: str) -> Step:
        model = self.models[signal] = self._use_case.create(seed_of(self._name, signal))
        step = self._steps[signal] = self._use_case.stepper(model)
        return step


def shipped(use_case: str, signals: int, rounds: int = _ROUNDS, *, from_bytes: bool = False) -> Pair:
    """CPU seconds of a warm invocation of 10,000 points of that many signals, and of the loop."""
    loop = DetectorLoop(use_case)
    with function(use_case=use_case) as ours:
        pairs = invocations(point_batches(signals), ours, loop.learn, from_bytes=from_bytes)
        alternately(_WARM_UP, cpu_s, pairs)
        pair = alternately(rounds, cpu_s, pairs)
        _check_equal(ours, loop)
    return pair


def _check_equal(ours: Function, loop: DetectorLoop) -> None:
    """Both must have learned and found the same, or the ratio would mean nothing."""
    assert {key.signal: state.model for key, state in ours.states().items()} == loop.models
    assert len(ours.bus.events) == loop.findings
