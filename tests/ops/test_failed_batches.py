"""Batches that were given up are learned after all, as far as checkpoints allow: once, in their order."""

import asyncio
import base64
import io
import json
import random
import threading

import pytest

from consumer.errors import Unavailable
from consumer.handler import handler
from local.emulator.on_failure_destination import InvocationRecords
from local.emulator.stream_source import Batch, StreamRecord
from ops.failed_batches import batches
from ops.failed_batches.learning import deployed_learner, learn_all
from tests.consumer.world import interleaved, plain_loop, state_of, step
from tests.ops.live_plant import Plant, assert_learned, before_the_next_commit, endpoint, plant

__all__ = ["endpoint", "plant"]
SIGNALS = ["a", "b", "c"]
SERIES = interleaved(*(step(signal, 60, at=30) for signal in SIGNALS))
PART = len(SERIES) // 3
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:consumer"


def give_up(plant: Plant, records: list[dict], seed: int = 1) -> list[str]:
    """Store them as the mapping does when it gives up: a batch for each shard. Gives the keys."""
    keys = []
    for shard_id in plant.shard_ids:
        batch = [record for record in records if record["eventID"].startswith(shard_id)]
        if not batch:
            continue
        rng = random.Random(f"{seed}{shard_id}")
        writer = InvocationRecords(
            mapping_id="mapping",
            function_arn=FUNCTION,
            stream_arn=plant.stream_arn,
            shard_id=shard_id,
            rng=rng,
        )
        body = writer.body(_as_read(batch), "RetryAttemptsExhausted", 3, True, 1.7e9)
        keys.append(writer.key(1.7e9))
        plant.s3.put_object(Bucket="failed", Key=keys[-1], Body=body)
    return keys


def _as_read(records: list[dict]) -> Batch:
    return [
        StreamRecord(
            sequence_number=record["kinesis"]["sequenceNumber"],
            partition_key=record["kinesis"]["partitionKey"],
            data=base64.b64decode(record["kinesis"]["data"]),
            arrived=record["kinesis"]["approximateArrivalTimestamp"],
        )
        for record in records
    ]


def assert_again_changes_nothing(plant: Plant) -> None:
    before = plant.versions()
    assert "There is nothing to redrive" in plant.command("failed", "redrive")
    assert plant.deliver(plant.sent) == []
    assert plant.versions() == before


def test_batches_that_nothing_has_passed_are_learned_in_their_order(plant):
    plant.learn(SERIES[:PART])
    second, third = plant.points(SERIES[PART : 2 * PART]), plant.points(SERIES[2 * PART :])
    keys = [give_up(plant, records, seed) for seed, records in ((1, second), (2, third))]
    assert sorted(keys[0] + keys[1]) != keys[0] + keys[1], "their keys are not in the order of their records"
    listed = plant.look("failed", "list")
    assert "4 batches given up, 0 redriven" in listed
    assert "RetryAttemptsExhausted" in listed
    said = plant.command("failed", "redrive")
    assert f"{2 * PART} can be learned, 0 go to quarantine, 0 are not after" in said
    assert_learned(plant, plant.sent)
    assert "given up, 4 redriven" in plant.look("failed", "list")
    assert_again_changes_nothing(plant)


def test_what_later_records_have_passed_is_said_and_left_out(plant):
    first = plant.learn(SERIES[:PART])
    missed = plant.points(SERIES[PART : 2 * PART])
    keys = give_up(plant, missed)
    only_a = [point for point in SERIES[2 * PART :] if point[0] == "a"]
    later = plant.learn(only_a)
    said = plant.command("failed", "redrive", *keys)
    assert f"{2 * PART // 3} can be learned, 0 go to quarantine, {PART // 3} are not after" in said
    assert_learned(plant, first + later, ["a"])
    assert_learned(plant, first + missed, ["b", "c"])
    assert_again_changes_nothing(plant)


def test_a_batch_that_comes_while_it_is_redriven_is_learned_once(plant, monkeypatch):
    """The later records are committed first: those of the batch lie below then; none is learned twice."""
    first = plant.learn(SERIES[:PART])
    missed = plant.points(SERIES[PART : 2 * PART])
    give_up(plant, missed)
    later = plant.points(SERIES[2 * PART :])
    with before_the_next_commit(monkeypatch, lambda: plant.deliver(later)):
        plant.command("failed", "redrive")
    reference = [plain_loop(records) for records in (first + later, first + missed + later)]
    states = plant.states()
    for signal in SIGNALS:
        known = [state_of(each.models[signal]) for each in reference]
        assert state_of(states[signal].model.detector) in known
    assert_again_changes_nothing(plant)


def test_part_of_a_batch_was_learned_before_it_was_given_up(plant):
    records = plant.points(SERIES[:PART])
    assert plant.deliver(records[: PART // 2]) == []
    give_up(plant, records)
    plant.command("failed", "redrive")
    assert_learned(plant, plant.sent)
    assert_again_changes_nothing(plant)


def test_what_cannot_be_decoded_goes_to_quarantine_with_its_own_id(plant):
    plant.learn(SERIES[:PART])
    give_up(plant, plant.send([("a", b"not JSON"), ("a", {"signal": "a", "value": 1.0})]))
    said = plant.command("failed", "redrive")
    assert "1 can be learned, 1 go to quarantine" in said
    [line] = plant.quarantined()
    assert line["id"].startswith(plant.stream_arn)


def test_a_crash_before_the_mark_is_made_up_for_by_another_run(plant, monkeypatch):
    plant.learn(SERIES[:PART])
    give_up(plant, plant.points(SERIES[PART:]))

    async def dies(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batches, "mark", dies)
        plant.command("failed", "redrive", code=130)
    assert "redriven; 0 were learned" in plant.command("failed", "redrive")
    assert_learned(plant, plant.sent)
    assert_again_changes_nothing(plant)


def test_who_answers_no_changes_nothing_and_what_is_no_batch_is_named(plant):
    plant.learn(SERIES[:PART])
    give_up(plant, plant.points(SERIES[PART:]))
    before = plant.versions()
    assert "Nothing was changed" in plant.command("failed", "redrive", answer="n\n", code=1)
    assert "there is no aws/lambda/x" in plant.command("failed", "redrive", "aws/lambda/x", code=1)
    assert plant.versions() == before
    plant.s3.put_object(Bucket="failed", Key="aws/lambda/y", Body=b"{}")
    assert "aws/lambda/y is not what" in plant.command("failed", "redrive", code=1)


def test_marks_of_earlier_versions_are_read(plant):
    plant.learn(SERIES[:PART])
    keys = give_up(plant, plant.points(SERIES[PART : 2 * PART]))
    mark = b'{"redriven_at":"2026-01-31T12:00:00Z","learned":7,"below_watermarks":1}'
    for key in keys:
        plant.s3.put_object(Bucket="failed", Key=f"redriven/{key}", Body=mark)
    assert f"given up, {len(keys)} redriven" in plant.look("failed", "list")
    assert "There is nothing to redrive" in plant.command("failed", "redrive")


class Lambda:
    """A client whose function is the handler, and answers as asked first."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict:
        assert FunctionName == "consumer"
        event = json.loads(Payload)
        self.asked.append(len(event["Records"]))
        answer = self.answers.pop(0) if self.answers else None
        if answer == "fails":
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorType":"BadDeployment"}')}
        if isinstance(answer, int):
            failed = [{"itemIdentifier": event["Records"][answer]["kinesis"]["sequenceNumber"]}]
            return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failed}).encode())}
        answers: list[dict] = []
        thread = threading.Thread(target=lambda: answers.append(handler(event, None)))
        thread.start()
        thread.join()
        return {"Payload": io.BytesIO(json.dumps(answers[0]).encode())}


def test_a_deployed_function_is_given_what_it_left_again(plant):
    records = [one for one in plant.points(SERIES) if one["eventID"].startswith(plant.shard_ids[0])]
    deployed = Lambda(4, 0)
    asyncio.run(learn_all(deployed_learner(deployed, "consumer"), {"Records": records}))
    assert deployed.asked == [len(records), len(records) - 4, len(records) - 4]
    with pytest.raises(Unavailable, match="BadDeployment"):
        asyncio.run(learn_all(deployed_learner(Lambda("fails"), "consumer"), {"Records": records}))
    with pytest.raises(Unavailable, match="the log of consumer"):
        asyncio.run(learn_all(deployed_learner(Lambda(0, 0, 0), "consumer"), {"Records": records}))
