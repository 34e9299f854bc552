"""`explain` learns an event's records once more, from the stream, and finds the same."""

import json

import boto3
import pytest
import yaml

from consumer.decode.records import Shard
from consumer.handler import handler
from ops.replay.stream_reader import delivered
from tests.ops.operated import plant, run, steps, waves

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/plant"
WHERE = ("--bucket", "models", "--stream", "plant")


@pytest.fixture
def running():
    with plant() as made:
        boto3.client("kinesis").create_stream(StreamName="plant", ShardCount=1)
        made.iterator = None
        yield made


def put(values: list[tuple[str, float]]) -> None:
    kinesis = boto3.client("kinesis")
    records = [
        {"PartitionKey": signal, "Data": json.dumps({"signal": signal, "value": value}).encode()}
        for signal, value in values
    ]
    for start in range(0, len(records), 500):
        kinesis.put_records(StreamName="plant", Records=records[start : start + 500])


def deliver(running, use_case: str, at_once: int = 100) -> list[dict]:
    """Bring the function what is on the stream, and give what it was brought."""
    running.environment.setenv("USE_CASE", use_case)
    kinesis, brought = boto3.client("kinesis"), []
    [shard] = kinesis.list_shards(StreamName="plant")["Shards"]
    if running.iterator is None:
        running.iterator = kinesis.get_shard_iterator(
            StreamName="plant", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    while True:
        answer = kinesis.get_records(ShardIterator=running.iterator, Limit=at_once)
        running.iterator = answer["NextShardIterator"]
        records = [delivered(each, Shard(ARN, shard["ShardId"])) for each in answer["Records"]]
        if not records:
            return brought
        assert handler({"Records": records}, None) == {"batchItemFailures": []}
        brought += records


def explained(running, event: dict, tmp_path, *more: str) -> dict:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"detail-type": "x", "detail": event}))
    use_case = ("--use-case", event["use_case"])
    ran = run("explain", event["id"], *WHERE, *use_case, "--event", str(file), *more)
    assert ran.exit_code == 0, ran.output
    return yaml.safe_load(ran.stdout)


def test_it_finds_the_same_event_from_the_version_before_while_data_arrives(running, tmp_path):
    put([*steps("pump1"), *steps("fan1")])
    deliver(running, "drift")
    [event] = [event for event in running.told() if event["signal"] == "pump1"]
    put(steps("pump1"))
    deliver(running, "drift")
    before = running.objects()
    told = explained(running, event, tmp_path)
    assert told["told_again"] == "yes, with the same evidence"
    assert told["evidence"] == event["evidence"]
    assert told["from_version"]["id"]
    assert 0 < told["replayed"]["observations"] <= 100
    assert told["believed_before"]["detector"]["is"] == "ADWIN"
    [last] = [line for line in told["values"] if line.endswith("<- the event")]
    assert last == told["values"][-1]
    assert f"{event['value']:.6g}  score 1.000" in last
    assert running.objects() == before


def test_the_event_of_a_models_first_batch_is_learned_from_nothing(running, tmp_path):
    put(steps("pump1"))
    deliver(running, "drift", at_once=1000)
    [event] = running.told()
    told = explained(running, event, tmp_path)
    assert told["from_version"] is None
    assert told["told_again"] == "yes, with the same evidence"


def test_scores_show_the_way_to_an_anomaly(running, tmp_path):
    put([*waves("pump1", 600), ("pump1", 9.0)])
    deliver(running, "anomaly")
    event = running.told()[-1]
    told = explained(running, event, tmp_path)
    assert told["told_again"] == "yes, with the same evidence"
    assert f"9  score {event['evidence']['score']:.3f}  <- the event" in told["values"][-1]


def test_records_of_a_file_do_where_the_stream_has_them_no_more(running, tmp_path):
    put(steps("pump1"))
    brought = deliver(running, "drift")
    [event] = running.told()
    boto3.client("kinesis").delete_stream(StreamName="plant")
    file = tmp_path / "records.json"
    file.write_text(json.dumps({"payload": json.dumps({"Records": brought})}))
    told = explained(running, event, tmp_path, "--records", str(file))
    assert told["told_again"] == "yes, with the same evidence"
    file.write_text(json.dumps({"Records": brought[:5]}))
    assert explained(running, event, tmp_path, "--records", str(file))["told_again"].startswith("no: ")


def test_an_event_that_nobody_has_is_refused(running, tmp_path):
    put(steps("pump1"))
    deliver(running, "drift")
    refused = run("explain", "0123", *WHERE)
    assert refused.exit_code == 1
    assert "only a stack keeps a log" in refused.stderr
    file = tmp_path / "events.jsonl"
    file.write_text('{"id": "1"}\n{"id": "2"}\n')
    refused = run("explain", "0123", *WHERE, "--event", str(file))
    assert refused.exit_code == 1
    assert "has no event 0123" in refused.stderr
    file.write_text("no JSON")
    refused = run("explain", "0123", *WHERE, "--event", str(file))
    assert refused.exit_code == 1
