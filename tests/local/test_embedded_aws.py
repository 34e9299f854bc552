"""The embedded AWS: there when asked for, closed to others, right where it matters, and gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from botocore.exceptions import ClientError

from clients.kinesis_writer.ordered_put import OrderedPut
from clients.kinesis_writer.put_request import SEND_ONCE, StreamRecord
from clients.local_pipeline import PipelineResources
from local.emulator.embedded_aws import EmbeddedAWS, EmbeddedAWSFailed
from local.emulator.pipeline_resources import create_pipeline_resources, drain_alerts, drain_audit


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAWS]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")  # nobody there: whoever goes by it fails
        with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as running:
            yield running


@pytest.fixture(scope="module")
def resources(aws: EmbeddedAWS) -> PipelineResources:
    return create_pipeline_resources(aws)


def answers(endpoint_url: str) -> bool:
    place = urlparse(endpoint_url)
    with socket.socket() as probe:
        return probe.connect_ex((place.hostname, place.port)) == 0


def listening_addresses(pid: int) -> set[str]:
    """The IPv4 and IPv6 addresses, in hexadecimal, on which a process listens."""
    opened = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in opened:
                found.add(columns[1].split(":")[0])
    return found


def put_event(aws: EmbeddedAWS, resources: PipelineResources, source: str, detail: dict[str, object]) -> None:
    entry = {
        "Source": source,
        "DetailType": "Drift Detected",
        "Detail": json.dumps(detail),
        "EventBusName": resources.event_bus_name,
    }
    assert aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_it_listens_on_this_machine_only(aws: EmbeddedAWS, resources: PipelineResources):
    assert listening_addresses(aws.pid) == {"0100007F"}


def test_records_are_read_in_the_order_in_which_they_were_put(aws: EmbeddedAWS, resources: PipelineResources):
    kinesis = aws.client("kinesis", SEND_ONCE)
    records = [StreamRecord(f"pump{number % 20}.flow", str(number).encode()) for number in range(400)]
    acknowledgements = OrderedPut(kinesis, resources.stream_name).send(records)
    shards = kinesis.list_shards(StreamName=resources.stream_name)["Shards"]
    read: dict[tuple[str, str], bytes] = {}
    for shard in shards:
        iterator = kinesis.get_shard_iterator(
            StreamName=resources.stream_name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
            read[shard["ShardId"], record["SequenceNumber"]] = record["Data"]
    assert len(shards) == 4
    assert [read[place.shard_id, place.sequence_number] for place in acknowledgements] == [
        record.payload for record in records
    ]
    for key in {record.partition_key for record in records}:
        places = [
            place
            for place, record in zip(acknowledgements, records, strict=True)
            if record.partition_key == key
        ]
        numbers = [int(place.sequence_number) for place in places]
        assert len({place.shard_id for place in places}) == 1
        assert numbers == sorted(set(numbers))


def test_a_page_is_written_only_where_its_etag_is_unchanged(aws: EmbeddedAWS, resources: PipelineResources):
    s3 = aws.client("s3")
    bucket = resources.model_bucket
    first = s3.put_object(Bucket=bucket, Key="page", Body=b"1", IfNoneMatch="*")["ETag"]
    s3.put_object(Bucket=bucket, Key="page", Body=b"2", IfMatch=first)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="page", Body=b"3", IfMatch=first)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="page", Body=b"3", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="page")["Body"].read() == b"2"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2


def test_alerts_are_the_consumers_events_and_the_audit_has_all(
    aws: EmbeddedAWS, resources: PipelineResources
):
    told = {"id": "one", "value": 0.1, "muted": False, "change": "opened"}
    put_event(aws, resources, "river.consumer", told)
    put_event(aws, resources, "river.consumer", told | {"id": "silent", "muted": True})
    put_event(aws, resources, "somebody.else", {"id": "two"})
    alerts = drain_alerts(aws, resources, empty_polls=1)
    assert [(event["source"], event["detail-type"], event["detail"]) for event in alerts] == [
        ("river.consumer", "Drift Detected", told)
    ]
    assert {event["detail"]["id"] for event in drain_audit(aws, resources, empty_polls=1)} == {
        "one",
        "two",
        "silent",
    }
    left = aws.client("sqs").get_queue_attributes(
        QueueUrl=resources.alert_queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    assert set(left.values()) == {"0"}


def test_its_environment_is_all_that_another_process_needs(aws: EmbeddedAWS, resources: PipelineResources):
    script = "import boto3; print(boto3.client('kinesis').list_streams()['StreamNames'])"
    lost = {"HTTP_PROXY": "http://127.0.0.1:9", "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=lost | aws.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert resources.stream_name in ran.stdout
    assert aws.environment()["AWS_ENDPOINT_URL"] == aws.endpoint_url


def test_it_is_gone_after_the_block_also_after_an_error(tmp_path: Path):
    aws = EmbeddedAWS(tmp_path / "aws.log")

    def interrupted() -> None:
        with aws:
            assert answers(aws.endpoint_url)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ProcessLookupError):
        os.kill(aws.pid, 0)
    assert not answers(aws.endpoint_url)


def test_it_ends_with_the_process_that_started_it_even_if_that_is_killed(tmp_path: Path):
    script = (
        "import sys, pathlib, local.emulator.embedded_aws\n"
        "with local.emulator.embedded_aws.EmbeddedAWS(pathlib.Path(sys.argv[1])) as aws:\n"
        "    print(aws.endpoint_url, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "aws.log")],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        endpoint_url = parent.stdout.readline().strip()
        assert answers(endpoint_url)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60.0  # it ends at once; a loaded machine may take its time
    while answers(endpoint_url):
        assert time.monotonic() < deadline, "the emulator outlives its parent"
        time.sleep(0.05)


def test_a_port_in_use_is_named(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        aws = EmbeddedAWS(tmp_path / "aws.log", port=port)
        with pytest.raises(EmbeddedAWSFailed, match=f"Port {port} of 127.0.0.1 cannot be used"), aws:
            pass


def test_an_emulator_that_is_not_installed_is_told_with_what_to_do(tmp_path: Path):
    aws = EmbeddedAWS(tmp_path / "aws.log", command=(sys.executable, "-m", "no_such_emulator"))
    with pytest.raises(EmbeddedAWSFailed, match=r"(?s)pip install .*No module named no_such_emulator"), aws:
        pass


def test_an_emulator_that_stays_silent_is_ended(tmp_path: Path):
    silent = (sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    aws = EmbeddedAWS(tmp_path / "aws.log", ready_seconds_max=0.5, command=silent)
    with pytest.raises(EmbeddedAWSFailed, match=r"did not answer within 0\.5 s"), aws:
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "aws.log").read_text()), 0)
