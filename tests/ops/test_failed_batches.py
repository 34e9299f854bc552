"""Batches that were given up are learned after all, as far as checkpoints allow: once, in their order."""

import asyncio
import base64
import io
import json
import random
import threading

import pytest

from clients.lambda_event import lambda_record
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


LAMBDA_BYTES_MAX = 6 * 1024 * 1024


class LimitedLambda(Lambda):
    """It takes what Lambda takes."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict:
        assert len(Payload) <= LAMBDA_BYTES_MAX
        return super().invoke(FunctionName=FunctionName, Payload=Payload)


def large_batch(plant: Plant, sizes: list[int]) -> list[dict]:
    """Records of one shard, each of about so many bytes, as base64."""
    payloads = [
        {"signal": "a", "value": float(number), "more": "x" * (size * 3 // 4)}
        for number, size in enumerate(sizes)
    ]
    plant.learn([("b", 0.0)])
    [first] = plant.send([("a", payloads[0])])
    shard_id = first["eventID"].partition(":")[0]
    number = int(first["kinesis"]["sequenceNumber"])
    return [
        lambda_record(
            plant.stream_arn,
            shard_id,
            str(number + at),
            "a",
            json.dumps(payload).encode(),
            first["kinesis"]["approximateArrivalTimestamp"],
        )
        for at, payload in enumerate(payloads)
    ]


def redriven_by_lambda(plant: Plant, monkeypatch, deployed: Lambda, *arguments: str, code: int = 0) -> str:
    monkeypatch.setattr(
        "ops.failed_batches.learning.learner_of", lambda *_: deployed_learner(deployed, "consumer")
    )
    return plant.command("failed", "redrive", *arguments, code=code)


def test_a_batch_as_large_as_the_mappings_is_delivered_in_parts_in_order(plant, monkeypatch):
    give_up(plant, large_batch(plant, [1_150_000] * 5 + [500_000]))
    deployed = LimitedLambda()
    said = redriven_by_lambda(plant, monkeypatch, deployed)
    assert "redriven; 6 were learned" in said
    assert len(deployed.asked) == 2
    assert sum(deployed.asked) == 6
    assert plant.states()["a"].learned == 6
    assert_again_changes_nothing(plant)


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_a_crash_between_two_parts_is_made_up_for_by_another_run(plant, monkeypatch, dies_at):
    give_up(plant, large_batch(plant, [1_900_000] * 8))
    deployed = LimitedLambda()
    invoke, calls = deployed.invoke, []

    def dies(**named: object) -> dict:
        calls.append(named)
        if len(calls) == dies_at:
            raise KeyboardInterrupt
        return invoke(**named)

    deployed.invoke = dies
    redriven_by_lambda(plant, monkeypatch, deployed, code=130)
    assert plant.states().get("a") is None or plant.states()["a"].learned == 3 * (dies_at - 1)
    redriven_by_lambda(plant, monkeypatch, LimitedLambda())
    assert plant.states()["a"].learned == 8
    assert_again_changes_nothing(plant)


def test_what_follows_a_part_that_fails_waits_for_it(plant, monkeypatch):
    records = large_batch(plant, [1_900_000] * 8)
    give_up(plant, records)
    deployed = LimitedLambda(None, 1, None)
    redriven_by_lambda(plant, monkeypatch, deployed)
    assert deployed.asked == [3, 3, 3, 1]
    assert plant.states()["a"].learned == 8 - 1, "the stand-in that fails has learned nothing"
    failing = LimitedLambda(None, 0, 0, 0)
    with pytest.raises(Unavailable, match=records[3]["kinesis"]["sequenceNumber"]):
        asyncio.run(learn_all(deployed_learner(failing, "consumer"), {"Records": records}))
    assert failing.asked == [3, 3, 3, 3]


def test_a_record_that_no_invocation_takes_is_said_and_kept(plant, monkeypatch):
    """A stream may take records of 10 MiB."""
    [key] = give_up(plant, large_batch(plant, [100, 7_000_000, 100]))
    stored = plant.objects("failed")[key]
    said = redriven_by_lambda(plant, monkeypatch, LimitedLambda())
    assert "2 were learned" in said
    assert said.count("1 record too large for an invocation, not learned and kept in it") == 2
    assert "1 record too large for an invocation" in plant.look("failed", "list")
    assert plant.objects("failed")[key] == stored
    assert plant.states()["a"].learned == 2
    assert_again_changes_nothing(plant)


def test_the_first_batches_of_all_are_learned_after_all(plant):
    """Nothing was learned yet: the function had failed from the start."""
    give_up(plant, plant.points(SERIES))
    said = plant.command("failed", "redrive")
    assert f"{len(SERIES)} can be learned, 0 go to quarantine, 0 are not after" in said
    assert_learned(plant, plant.sent)
    assert_again_changes_nothing(plant)
