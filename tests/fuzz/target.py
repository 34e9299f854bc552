"""One payload between two good ones, through the whole consumer; what must be true whatever it is."""

import base64
import io
import json
import re
import time
from contextlib import redirect_stdout
from dataclasses import dataclass

from consumer.aws.observability import emit, logger
from consumer.events.quarantine import RECORD
from tests.consumer.world import ARN, SHARD, World, record

SECONDS_MAX = 5.0
_BEFORE, _AFTER = "before it", "after it"
_SAFE_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9%/._~-]+")
_SAFE_LINE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True)
class Became:
    """How many observations of a payload were learned, skipped and kept in quarantine."""

    learned: int
    skipped: int
    quarantined: int


def deliver(payload: bytes, partition_key: str = "key") -> Became:
    """Let the consumer have it; raises `AssertionError` where it does any harm."""
    world, printed = World(pages=4), io.StringIO()
    delivered = [
        record(1, {"signal": _BEFORE, "value": 1.0}),
        record(2, payload, key=partition_key),
        record(3, {"signal": _AFTER, "value": 1.0}),
    ]
    start = time.process_time()
    report = world.invoke(delivered)
    took_s = time.process_time() - start
    before = logger.registered_handler.setStream(printed)
    try:
        with redirect_stdout(printed):
            emit(report, "Fuzz", "drift", 1.0)
    finally:
        logger.registered_handler.setStream(before)

    states, lines = world.states(), world.objects.quarantined()
    assert report.failed == [], f"the batch failed: {report.problems}"
    assert took_s < SECONDS_MAX, f"it took {took_s:.1f} s"
    for signal in (_BEFORE, _AFTER):
        assert states[signal].learned >= 1, f"what came {signal} was not learned"
    _check_printed(printed.getvalue())
    _check_kept(world, lines, payload, partition_key)
    became = Became(
        sum(state.learned for state in states.values()) - 2,
        sum(state.skipped for state in states.values()),
        len(lines),
    )
    assert became != Became(0, 0, 0), "nothing became of it"
    return became


def _check_printed(printed: str) -> None:
    lines = printed.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert _SAFE_LINE.fullmatch(line), f"printed unescaped: {line!r}"
        json.loads(line)


def _check_kept(world: World, lines: list[dict], payload: bytes, partition_key: str) -> None:
    for key, (_, body) in world.objects.objects.items():
        assert _SAFE_KEY.fullmatch(key), f"an object's key: {key!r}"
        if key.startswith("quarantine/") and not key.endswith(RECORD):
            assert all(_SAFE_LINE.fullmatch(line.decode("ascii")) for line in body.splitlines())
    for line in lines:
        assert line["reason"]
        assert (line["stream"], line["shard_id"], line["sequence_number"]) == (ARN, SHARD, "2")
        assert line["partition_key"] == partition_key
        if "data" in line:
            assert base64.b64decode(line["data"], validate=True) == payload
        else:
            assert world.objects.objects[line["data_in"]][1] == payload
    assert len({line["id"] for line in lines}) == len(lines)
