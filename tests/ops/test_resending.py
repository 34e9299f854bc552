"""What is sent again of a quarantined record: what was refused of it, and nothing else."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.rejections import Rejection, Rejections
from consumer.decode.times import TimeLimits
from consumer.events.quarantine import quarantine_objects
from ops.quarantine.lines import QuarantinedLine, read_lines
from ops.redrive.resending import as_it_was
from tests.consumer.decode.payload_builders import refused
from tests.consumer.world import InMemoryObjects, record

RECORDS = [
    delivered
    for path in sorted((Path(__file__).parents[1] / "events").glob("*.json"))
    for delivered in json.loads(path.read_text())["Records"]
]


def batch_of(*records: dict) -> Batch:
    [batch] = decode({"Records": list(records)})
    return batch


def observed(batch: Batch) -> list[tuple]:
    """(position, key, value, timestamp) of all that can be learned, in order."""
    arrived = batch.records.arrived_s
    return sorted(
        (batch_record, position, key, value, arrived[batch_record] if timestamp is None else timestamp)
        for key, run in batch.signals.items()
        for batch_record, position, value, timestamp in zip(
            run.records, run.positions, run.values, run.timestamps, strict=True
        )
    )


def lines_of(batch: Batch, refusals: Iterable[Rejection]) -> list[QuarantinedLine]:
    objects = InMemoryObjects()

    async def kept() -> list[QuarantinedLine]:
        lines = []
        for key, content in quarantine_objects("drift", batch, refused(batch, refusals)):
            await objects.write(key, content)
            lines += (await read_lines(objects, key)).lines
        return lines

    return asyncio.run(kept())


def sent_again(sending) -> list[tuple]:
    """What would be learned of it, were it to arrive when the first did."""
    records = [
        record(number, sent.payload, key=sent.partition_key) for number, sent in enumerate(sending.records, 1)
    ]
    return [(key, value, timestamp) for _, _, key, value, timestamp in observed(batch_of(*records))]


@given(st.sampled_from(RECORDS), st.data())
def test_any_part_of_a_record_is_sent_as_it_was_and_nothing_of_the_rest(delivered, data):
    delivered = delivered | {
        "kinesis": delivered["kinesis"] | {"approximateArrivalTimestamp": 1_700_000_000.0}
    }
    batch = batch_of(delivered)
    learnable = observed(batch)
    if not learnable:
        return
    refused = data.draw(st.sets(st.sampled_from(learnable), min_size=1))
    refusals = [Rejection(0, position, "its page", key.signal) for _, position, key, _, _ in refused]
    sending, unrepaired = as_it_was(lines_of(batch, refusals))
    assert unrepaired == []
    assert {line.position for line in sending.lines} == {position for _, position, *_ in refused}
    assert sent_again(sending) == [(key, value, at) for _, _, key, value, at in sorted(refused)]


def test_a_record_that_nothing_was_learned_of_is_sent_byte_for_byte():
    delivered = record(1, b'{ "signal": "a",  "values": [1, 2] }')
    batch = batch_of(delivered)
    sending, _ = as_it_was(
        lines_of(
            batch,
            Rejections(batch.records, batch.signals[next(iter(batch.signals))].rejected("a", "its page")),
        )
    )
    [sent] = sending.records
    assert sent.payload == b'{ "signal": "a",  "values": [1, 2] }'
    assert sent.partition_key == "plant"


def test_a_long_column_is_sent_in_records_that_can_be_learned():
    values = list(range(10_000))
    batch = batch_of(record(1, {"signal": "a", "values": values}))
    refusals = [Rejection(0, position, "raised", "a") for position in range(9_999)]
    sending, _ = as_it_was(lines_of(batch, refusals))
    assert len(sending.records) == 2
    assert [value for _, value, _ in sent_again(sending)] == values[:-1]


@pytest.mark.parametrize("payload", [b"not JSON", b'{"signal":"","value":1}', b"\x1f\x8bx"])
def test_what_still_cannot_be_read_is_not_sent(payload):
    batch = batch_of(record(1, payload))
    sending, [unrepaired] = as_it_was(lines_of(batch, batch.rejections))
    assert sending is None
    assert unrepaired.reason == batch.rejections[0].reason


def test_a_record_that_can_be_read_by_now_is_sent_whole():
    """It was refused by an older version; nothing of it was learned."""
    batch = batch_of(record(1, {"signal": "a", "values": [1, 2, 3]}))
    [line] = lines_of(batch, [Rejection(0, 0, "no known shape", is_whole=True)])
    sending, _ = as_it_was([line])
    assert [value for _, value, _ in sent_again(sending)] == [1, 2, 3]


def test_lines_of_a_version_that_did_not_tell_are_read():
    batch = batch_of(record(1, b"not JSON"))
    [(_, content)] = quarantine_objects("drift", batch, batch.rejections)
    old = {name: value for name, value in json.loads(content).items() if name != "whole_record"}
    line = msgspec.convert(old, QuarantinedLine)
    assert line.is_whole
    assert line.payload() == b"not JSON"
    assert not msgspec.convert(old | {"signal": "a"}, QuarantinedLine).is_whole


def test_a_record_without_bytes_of_its_own_has_those_of_the_line_that_is_named():
    """As an older version wrote them: a line for each observation."""
    batch = batch_of(record(1, b'{"signal":"a","value":1}'))
    [(key, content)] = quarantine_objects("drift", batch, refused(batch, [Rejection(0, 0, "raised", "a")]))
    first = json.loads(content)
    others = [
        {name: value for name, value in first.items() if name != "data"}
        | {"id": f"{first['id']}{position}", "position": position, "data_in": first["id"]}
        for position in range(1, 4)
    ]
    objects = InMemoryObjects()
    body = "".join(json.dumps(line) + "\n" for line in [first, *others]).encode()
    asyncio.run(objects.write(key, body))
    lines = list(asyncio.run(read_lines(objects, key)).lines)
    assert [line.position for line in lines] == [0, 1, 2, 3]
    assert [line.id for line in lines] == [first["id"], *(other["id"] for other in others)]
    assert sum(line.data_in is not None for line in lines) == 3
    assert {line.payload() for line in lines} == {b'{"signal":"a","value":1}'}


ARRIVED = 1_700_000_000.0
LONG_AFTER = ARRIVED + 40 * 86_400.0
BELIEVED, EARLY, AHEAD = ARRIVED - 60.0, 3_600.0, ARRIVED + 30 * 86_400.0
"""Times of observations; the last one may be believed by the time at which it is sent again."""


def learned_at_first(payload: dict, limits: TimeLimits) -> list[tuple]:
    batch = batch_of(record(1, payload))
    batch.disbelieve(limits)
    return [(key, value, timestamp) for _, _, key, value, timestamp in observed(batch)]


def learned_in_the_end(sending, limits: TimeLimits) -> list[tuple]:
    """What the function learns of it, when it arrives long after."""
    records = []
    for number, sent in enumerate(sending.records, 1):
        one = record(number, sent.payload, key=sent.partition_key)
        records.append(one | {"kinesis": one["kinesis"] | {"approximateArrivalTimestamp": LONG_AFTER}})
    batch = batch_of(*records)
    batch.disbelieve(limits)
    return [(key, value, timestamp) for _, _, key, value, timestamp in observed(batch)]


@pytest.mark.parametrize(
    "limits", [TimeLimits(), TimeLimits(0.0, 60.0), TimeLimits(BELIEVED + 30.0), TimeLimits(-1e9, 1e9)]
)
@pytest.mark.parametrize("wanted", [{0}, {1}, {2}, {0, 2}, {0, 1, 2}])
@pytest.mark.parametrize(
    "payload",
    [
        {"signal": "a", "values": [1, 2, 3], "timestamps": [BELIEVED, EARLY, AHEAD]},
        {"values": [{"id": "x", "v": n, "t": at} for n, at in enumerate((EARLY, AHEAD, BELIEVED))]},
        {
            "sources": {"p": {"values": {"u": {"value": 1}, "v": {"value": 2}, "w": {"value": 3}}}},
            "timestamp": AHEAD,
        },
    ],
)
def test_a_time_that_was_not_believed_is_sent_as_that_of_the_first_arrival(payload, wanted, limits):
    first = learned_at_first(payload, limits)
    batch = batch_of(record(1, payload))
    refusals = [Rejection(0, position, "raised", "a") for position in sorted(wanted)]
    sending, unrepaired = as_it_was(lines_of(batch, refusals), limits)
    assert unrepaired == []
    assert learned_in_the_end(sending, limits) == [first[position] for position in sorted(wanted)]


def test_a_record_that_was_refused_whole_is_learned_at_the_time_at_which_it_would_have_been():
    payload = {"signal": "a", "values": [1, 2], "timestamps": [EARLY, BELIEVED]}
    batch = batch_of(record(1, payload))
    [line] = lines_of(batch, [Rejection(0, 0, "no known shape", is_whole=True)])
    sending, _ = as_it_was([line])
    assert learned_in_the_end(sending, TimeLimits()) == learned_at_first(payload, TimeLimits())


def test_of_a_record_that_is_sent_whole_nothing_that_is_still_refused_is_lost():
    payload = {"signal": "a", "values": [1, "x"], "timestamps": [EARLY, BELIEVED]}
    batch = batch_of(record(1, payload))
    [line] = lines_of(batch, [Rejection(0, 0, "no known shape", is_whole=True)])
    sending, _ = as_it_was([line])
    assert [sent.payload for sent in sending.records] == [line.payload()]
