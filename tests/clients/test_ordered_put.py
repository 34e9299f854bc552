"""Order and completeness of what is put, on a stream that fails as its seed says."""

import random
import threading
import time
from collections import defaultdict

import pytest
from botocore import exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.kinesis_writer.ordered_put import OrderedPut
from clients.kinesis_writer.paced import Backoff
from clients.kinesis_writer.put_request import Acknowledgement, StreamRecord
from clients.kinesis_writer.sending import AnswerLost, PutFailed, RecordRefused

QUICK = Backoff(first_seconds=0.0001, longest_seconds=0.001, attempts_max=1000)


class FlakyStream:
    """Stores the records of a request in any order, refuses some, throttles or loses whole requests."""

    def __init__(
        self,
        seed: int = 0,
        refuse: float = 0.0,
        throttle: float = 0.0,
        lose: float = 0.0,
        slow_s: float = 0.0,
    ):
        self.rng = random.Random(seed)
        self.refuse, self.throttle, self.lose, self.slow_s = refuse, throttle, lose, slow_s
        self.stored: list[tuple[str, bytes]] = []
        self.requests: list[int] = []
        self.in_flight: set[str] = set()
        self.lock = threading.Lock()

    def put_records(self, *, Records, StreamName):
        keys = [record["PartitionKey"] for record in Records]
        with self.lock:
            assert len(set(keys)) == len(keys), "two records of a key in one request"
            assert not self.in_flight & set(keys), "two records of a key on their way"
            self.in_flight |= set(keys)
            pause = self.rng.uniform(0.0, self.slow_s)
        time.sleep(pause)
        with self.lock:
            self.in_flight -= set(keys)
            return self._answer(Records)

    def _answer(self, records):
        self.requests.append(sum(len(record["Data"]) for record in records))
        if self.rng.random() < self.throttle:
            raise client_error("ProvisionedThroughputExceededException", 400)
        answers: dict[int, dict[str, str]] = {}
        for position in self.rng.sample(range(len(records)), len(records)):
            if self.rng.random() < self.refuse:
                answers[position] = {
                    "ErrorCode": "InternalFailure",
                    "ErrorMessage": "Internal Service Failure",
                }
                continue
            record = records[position]
            answers[position] = {"ShardId": "shardId-0", "SequenceNumber": str(len(self.stored))}
            self.stored.append((record["PartitionKey"], record["Data"]))
        if self.rng.random() < self.lose:
            raise exceptions.ReadTimeoutError(endpoint_url="http://kinesis")
        failed = sum("ErrorCode" in answer for answer in answers.values())
        return {"FailedRecordCount": failed, "Records": [answers[place] for place in range(len(records))]}

    def payloads_by_key(self) -> dict[str, list[bytes]]:
        stored = defaultdict(list)
        for key, payload in self.stored:
            stored[key].append(payload)
        return dict(stored)


def client_error(code: str, status: int) -> exceptions.ClientError:
    answer = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(answer, "PutRecords")


def numbered(keys: list[str]) -> list[StreamRecord]:
    return [StreamRecord(key, str(position).encode()) for position, key in enumerate(keys)]


def by_key(records: list[StreamRecord]) -> dict[str, list[bytes]]:
    grouped = defaultdict(list)
    for record in records:
        grouped[record.partition_key].append(record.payload)
    return dict(grouped)


@settings(deadline=None, max_examples=60)
@given(
    keys=st.lists(st.sampled_from("abcdefgh"), max_size=60),
    seed=st.integers(0, 2**32),
    refuse=st.sampled_from([0.0, 0.2, 0.7]),
    throttle=st.sampled_from([0.0, 0.3]),
    requests_in_flight=st.integers(1, 4),
)
def test_each_key_lands_in_order_exactly_once_whatever_is_refused(
    keys: list[str], seed: int, refuse: float, throttle: float, requests_in_flight: int
):
    stream = FlakyStream(seed, refuse, throttle, slow_s=0.0005)
    records = numbered(keys)
    put = OrderedPut(stream, "telemetry", requests_in_flight, QUICK, rng=random.Random(seed))
    acknowledgements = put.send(records)
    assert stream.payloads_by_key() == by_key(records)
    assert [stream.stored[int(acknowledged.sequence_number)] for acknowledged in acknowledgements] == [
        (record.partition_key, record.payload) for record in records
    ]


@settings(deadline=None, max_examples=30)
@given(keys=st.lists(st.sampled_from("abcd"), max_size=40), seed=st.integers(0, 2**32))
def test_resending_lost_answers_repeats_records_but_never_overtakes_or_loses(keys: list[str], seed: int):
    stream = FlakyStream(seed, refuse=0.2, lose=0.3)
    records = numbered(keys)
    OrderedPut(stream, "telemetry", backoff=QUICK, resend_when_answer_lost=True).send(records)
    unrepeated = {key: list(dict.fromkeys(stored)) for key, stored in stream.payloads_by_key().items()}
    assert unrepeated == by_key(records)
    for stored in stream.payloads_by_key().values():
        assert stored == sorted(stored, key=int)


def test_a_lost_answer_is_an_error_that_says_what_is_known():
    stream = FlakyStream(lose=1.0)
    with pytest.raises(AnswerLost, match="may have been stored") as failure:
        OrderedPut(stream, "telemetry", backoff=QUICK).send(numbered(["a", "a", "b"]))
    assert failure.value.acknowledgements == (None, None, None)
    assert len(stream.stored) == 2  # nothing was sent twice, and nothing after what may be missing


def test_an_error_waits_for_the_requests_on_their_way_and_counts_them():
    class LosesTheFirst(FlakyStream):
        def put_records(self, *, Records, StreamName):
            if Records[0]["PartitionKey"] == "key0":
                raise client_error("InternalFailure", 500)
            time.sleep(0.05)
            return super().put_records(Records=Records, StreamName=StreamName)

    with pytest.raises(AnswerLost, match="InternalFailure") as failure:
        OrderedPut(LosesTheFirst(), "telemetry").send(numbered([f"key{number}" for number in range(600)]))
    known = failure.value.acknowledgements
    assert known[:500] == (None,) * 500
    assert all(isinstance(acknowledged, Acknowledgement) for acknowledged in known[500:])


def test_a_record_that_is_always_refused_ends_the_sending():
    stream = FlakyStream(refuse=1.0)
    patience = Backoff(first_seconds=0.0, attempts_max=3)
    with pytest.raises(RecordRefused, match="InternalFailure, 3 times"):
        OrderedPut(stream, "telemetry", backoff=patience).send(numbered(["a"]))
    assert len(stream.requests) == 3


@pytest.mark.parametrize("error", [exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError])
def test_a_connection_that_never_was_is_tried_again(error: type[exceptions.BotoCoreError]):
    class DownAtFirst(FlakyStream):
        def put_records(self, *, Records, StreamName):
            if not self.requests:
                self.requests.append(0)
                raise error(endpoint_url="http://kinesis")
            return super().put_records(Records=Records, StreamName=StreamName)

    stream = DownAtFirst()
    OrderedPut(stream, "telemetry", backoff=QUICK).send(numbered(["a", "a"]))
    assert stream.stored == [("a", b"0"), ("a", b"1")]


def test_a_request_that_is_wrong_is_not_tried_again():
    class NoSuchStream(FlakyStream):
        def put_records(self, *, Records, StreamName):
            self.requests.append(0)
            raise client_error("ResourceNotFoundException", 400)

    stream = NoSuchStream()
    with pytest.raises(exceptions.ClientError, match="ResourceNotFound"):
        OrderedPut(stream, "telemetry").send(numbered(["a"]))
    assert len(stream.requests) == 1


def test_a_request_holds_no_more_than_five_mebibytes():
    stream = FlakyStream()
    records = [StreamRecord(f"key{number}", bytes(1_000_000)) for number in range(12)]
    OrderedPut(stream, "telemetry").send(records)
    assert len(stream.stored) == 12
    assert max(stream.requests) == 5_000_000


@pytest.mark.parametrize(
    "record",
    [StreamRecord("", b""), StreamRecord("k" * 257, b""), StreamRecord("key", bytes(1024 * 1024))],
    ids=["no key", "long key", "large"],
)
def test_a_record_beyond_a_limit_is_refused_before_anything_is_sent(record: StreamRecord):
    stream = FlakyStream()
    with pytest.raises(ValueError, match="record 1"):
        OrderedPut(stream, "telemetry").send([StreamRecord("key", b""), record])
    assert stream.requests == []


def test_progress_rises_to_the_total():
    heard: list[tuple[int, int]] = []
    put = OrderedPut(
        FlakyStream(refuse=0.3), "telemetry", backoff=QUICK, progress=lambda *counts: heard.append(counts)
    )
    put.send(numbered(["a", "b", "a", "c", "a"]))
    assert heard == sorted(heard)
    assert heard[-1] == (5, 5)


def test_nothing_to_send_is_sent_at_once():
    assert OrderedPut(FlakyStream(), "telemetry").send([]) == []


def test_every_failure_is_a_put_failed():
    assert set(PutFailed.__subclasses__()) == {RecordRefused, AnswerLost}
