"""PutEvents: all events are taken, or it is said that they were not; what was taken is not sent again."""

import asyncio
import json
import random
from itertools import chain, pairwise
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from consumer.aws.event_bus import EventBridgeBus, open_event_bus
from consumer.errors import Unavailable
from consumer.events.event import DETAIL_BYTES_MAX, Event
from tests.consumer.aws.scripted_s3 import TORN, Answer, ScriptedS3, refusal

TRIES = 5
ENTRIES_MAX = 10
BYTES_MAX = 256 * 1024
ATTEMPTS_MAX = 3
"""Of one request, by botocore."""


class NoWait:
    """A jitter of nothing, which counts how often somebody waited."""

    def __init__(self):
        self.waits = 0

    def uniform(self, a: float, b: float) -> float:
        self.waits += 1
        return 0.0


class FakeEventBridge:
    """Answers PutEvents by `refuse`, which gives the error code of an id at its n-th sending, or None."""

    def __init__(self, refuse=lambda event_id, sent: None):
        self.refuse = refuse
        self.requests: list[list[dict]] = []
        self.sent: dict[str, int] = {}
        self.taken: list[str] = []

    def put_events(self, Entries):
        self.requests.append(Entries)
        results = []
        for entry in Entries:
            event_id = json.loads(entry["Detail"])["id"]
            self.sent[event_id] = self.sent.get(event_id, 0) + 1
            code = self.refuse(event_id, self.sent[event_id])
            if code is None:
                self.taken.append(event_id)
            results.append({"ErrorCode": code, "ErrorMessage": "no"} if code else {"EventId": event_id})
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}

    def ids_by_request(self) -> list[list[str]]:
        return [[json.loads(entry["Detail"])["id"] for entry in request] for request in self.requests]


def event(number: int, detail_bytes: int = 0) -> Event:
    detail = {"id": f"{number:04}", "evidence": ""}
    detail["evidence"] = "x" * max(0, detail_bytes - len(json.dumps(detail)))
    return Event(detail["id"], "Drift Detected", json.dumps(detail))


def events(count: int, detail_bytes: int = 0) -> list[Event]:
    return [event(number, detail_bytes) for number in range(count)]


def ids(published: list[Event]) -> list[str]:
    return [one.id for one in published]


def publish(client, published: list[Event]) -> NoWait:
    jitter = NoWait()
    asyncio.run(EventBridgeBus(client, "alarms", jitter).publish(published))
    return jitter


def test_an_entry_is_the_event_on_the_bus_that_was_named():
    client = FakeEventBridge()
    publish(client, [event(1)])
    assert client.requests == [
        [
            {
                "Source": "river.consumer",
                "DetailType": "Drift Detected",
                "Detail": event(1).detail,
                "EventBusName": "alarms",
            }
        ]
    ]


def test_nothing_to_publish_is_no_request():
    client = FakeEventBridge()
    publish(client, [])
    assert client.requests == []


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_requests_hold_tens_in_order(count, sizes):
    client = FakeEventBridge()
    jitter = publish(client, events(count))
    requests = sorted(client.ids_by_request())  # they are under way together
    assert [len(request) for request in requests] == sizes
    assert list(chain.from_iterable(requests)) == ids(events(count))
    assert jitter.waits == 0


def request_bytes(entries: list[dict]) -> int:
    """As EventBridge counts: source, detail type and detail in UTF-8, and 14 bytes where there is a time."""
    return sum(
        14 + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
        for entry in entries
    )


@pytest.mark.parametrize("seed", range(10))
def test_requests_hold_256_kilobytes_at_most_and_all_events_once(seed):
    rng = random.Random(seed)
    many = [event(number, rng.choice([0, 5_000, DETAIL_BYTES_MAX])) for number in range(40)]
    client = FakeEventBridge()
    publish(client, many)
    assert max(map(request_bytes, client.requests)) <= BYTES_MAX
    assert max(map(len, client.requests)) <= ENTRIES_MAX
    assert list(chain.from_iterable(sorted(client.ids_by_request()))) == ids(many)


def test_bytes_are_counted_in_utf_8_and_not_in_characters():
    detail = json.dumps({"id": "0000", "evidence": "€" * 10_000}, ensure_ascii=False)
    many = [Event("0000", "Drift Detected", detail)] * ENTRIES_MAX
    client = FakeEventBridge()
    publish(client, many)
    assert max(map(request_bytes, client.requests)) <= BYTES_MAX
    assert sum(map(len, client.requests)) == ENTRIES_MAX


def test_events_of_the_largest_size_fill_their_requests():
    client = FakeEventBridge()
    publish(client, events(16, DETAIL_BYTES_MAX))
    assert sorted(map(len, client.requests)) == [8, 8]


def test_only_the_entries_that_were_refused_are_sent_again_by_position_and_in_order():
    refused = {"0001", "0004", "0009"}
    client = FakeEventBridge(
        lambda event_id, sent: "ThrottlingException" if event_id in refused and sent == 1 else None
    )
    jitter = publish(client, events(10))
    assert client.ids_by_request() == [ids(events(10)), sorted(refused)]
    assert sorted(client.taken) == ids(events(10))
    assert jitter.waits == 1


def test_entries_that_are_equal_are_told_apart_by_position():
    twice = [event(1), event(2), event(1)]
    answers = [[None, None, "InternalFailure"], [None]]
    requests = []

    def put_events(Entries):
        requests.append([json.loads(entry["Detail"])["id"] for entry in Entries])
        results = [{"ErrorCode": code} if code else {"EventId": "1"} for code in answers[len(requests) - 1]]
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}

    publish(SimpleNamespace(put_events=put_events), twice)
    assert requests == [["0001", "0002", "0001"], ["0001"]]


def test_fewer_and_fewer_are_left_until_all_are_taken():
    client = FakeEventBridge(lambda event_id, sent: "InternalFailure" if sent <= int(event_id) else None)
    publish(client, events(TRIES))
    assert client.ids_by_request() == [ids(events(TRIES))[tried:] for tried in range(TRIES)]


def test_it_gives_up_after_a_few_tries_and_names_the_reasons_with_their_counts():
    codes = {"0001": "ThrottlingException", "0003": "InternalFailure", "0004": "ThrottlingException"}
    client = FakeEventBridge(lambda event_id, sent: codes.get(event_id))
    with pytest.raises(Unavailable, match="alarms") as raised:
        publish(client, events(6))
    assert "'ThrottlingException': 2" in str(raised.value)
    assert "'InternalFailure': 1" in str(raised.value)
    assert client.ids_by_request() == [ids(events(6)), *[sorted(codes)] * (TRIES - 1)]


def test_one_request_of_many_that_is_refused_fails_them_all():
    client = FakeEventBridge(lambda event_id, sent: "InternalFailure" if event_id == "0015" else None)
    with pytest.raises(Unavailable):
        publish(client, events(30))


def test_waits_grow_with_the_tries(monkeypatch):
    waited = []

    async def note(seconds):
        waited.append(seconds)

    monkeypatch.setattr("consumer.aws.event_bus.asyncio.sleep", note)
    bus = EventBridgeBus(
        FakeEventBridge(lambda *_: "InternalFailure"), "alarms", SimpleNamespace(uniform=lambda a, b: 1.0)
    )
    with pytest.raises(Unavailable):
        asyncio.run(bus.publish(events(1)))
    assert len(waited) == TRIES - 1
    assert all(later > earlier for earlier, later in pairwise(waited))
    assert sum(waited) < 5.0


TAKEN = {"EventId": "1"}
NOT_TAKEN = {"ErrorCode": "InternalFailure", "ErrorMessage": "no"}


@pytest.mark.parametrize(
    "answer",
    [
        {"Entries": [TAKEN, TAKEN], "FailedEntryCount": 1},
        {"Entries": [TAKEN, NOT_TAKEN], "FailedEntryCount": 0},
        {"Entries": [TAKEN, NOT_TAKEN], "FailedEntryCount": 2},
        {"Entries": [TAKEN], "FailedEntryCount": 0},
        {"Entries": [TAKEN], "FailedEntryCount": 1},
        {"Entries": [TAKEN, TAKEN, TAKEN], "FailedEntryCount": 0},
        {"Entries": [], "FailedEntryCount": 0},
    ],
)
def test_an_answer_that_disagrees_with_itself_or_with_the_request_is_unavailable(answer):
    requests = []

    def put_events(Entries):
        requests.append(Entries)
        return answer

    with pytest.raises(Unavailable, match="answered"):
        publish(SimpleNamespace(put_events=put_events), events(2))
    assert len(requests) == 1, "nobody knows which are to be sent again"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such bus"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_errors_of_the_sdk_are_unavailable_and_told(error):
    def put_events(Entries):
        raise error

    with pytest.raises(Unavailable) as raised:
        publish(SimpleNamespace(put_events=put_events), events(1))
    assert str(error) in str(raised.value)


# Over HTTP, with the client that the function has.


@pytest.fixture
def endpoint(monkeypatch):
    """Names the endpoint as the function is told it; botocore does not sleep between its attempts."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url)


def answer(*results: dict) -> Answer:
    failed = sum("ErrorCode" in result for result in results)
    return Answer(200, json.dumps({"Entries": results, "FailedEntryCount": failed}).encode(), {})


def over_http(endpoint, published: list[Event], *answers: Answer) -> list[list[str]]:
    """The ids of each request; `Unavailable` gets the number of requests as its second argument."""
    with ScriptedS3(*answers) as script:
        endpoint(script.endpoint)
        try:
            asyncio.run(open_event_bus("alarms", "us-east-1", NoWait()).publish(published))
        except Unavailable as error:
            error.args = (*error.args, len(script.requests))
            raise
        entries = [json.loads(request.body)["Entries"] for request in script.requests]
        return [[json.loads(entry["Detail"])["id"] for entry in request] for request in entries]


def test_over_http_the_refused_entry_alone_is_sent_again(endpoint):
    sent = over_http(endpoint, events(3), answer(TAKEN, NOT_TAKEN, TAKEN), answer(TAKEN))
    assert sent == [["0000", "0001", "0002"], ["0001"]]


@pytest.mark.parametrize("trouble", [refusal(500), refusal(503), TORN])
def test_over_http_trouble_that_passes_is_not_noticed(endpoint, trouble):
    assert over_http(endpoint, events(1), trouble, answer(TAKEN)) == [["0000"], ["0000"]]


@pytest.mark.parametrize("trouble", [refusal(500), refusal(503), TORN])
def test_over_http_trouble_that_does_not_end_is_unavailable_after_a_few_requests(endpoint, trouble):
    with pytest.raises(Unavailable) as raised:
        over_http(endpoint, events(1), trouble)
    assert raised.value.args[-1] == ATTEMPTS_MAX


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>"])
def test_over_http_an_answer_that_says_nothing_is_unavailable(endpoint, body):
    with pytest.raises(Unavailable):
        over_http(endpoint, events(1), Answer(200, body, {}))


def test_over_http_an_answer_cut_short_is_unavailable(endpoint):
    with pytest.raises(Unavailable):
        over_http(
            endpoint, events(1), Answer(200, answer(TAKEN).body[:-5], {}, says_bytes=len(answer(TAKEN).body))
        )


def test_with_nobody_listening_it_is_unavailable(endpoint):
    with ScriptedS3(Answer()) as script:
        endpoint(script.endpoint)
    with pytest.raises(Unavailable, match="does not answer"):
        asyncio.run(open_event_bus("alarms", "us-east-1", NoWait()).publish(events(1)))
