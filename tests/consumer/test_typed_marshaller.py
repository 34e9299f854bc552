"""Lambda's runtime client, as it is and as it may become, with events read by their types."""

import json
import sys
from types import ModuleType

import pytest

from consumer.decode.delivery import TypedRecords
from consumer.handler import read_events_typed
from tests.consumer.world import points

MODULE = "awslambdaric.lambda_runtime_client"
RECORDS = points([("a", 1.0), ("a", 2.0)])
BODY = json.dumps({"Records": RECORDS}).encode()


class Marshaller:
    """What a client has of its own."""

    def unmarshal_request(self, request, content_type="application/json", **further):
        return "its own", request, content_type, further

    def marshal_response(self, response):
        return f"marshalled {response}", "application/json"


@pytest.fixture
def client(monkeypatch):
    """The part of the client's module that is reached."""
    module = ModuleType(MODULE)
    module.LambdaRuntimeClient = type("LambdaRuntimeClient", (), {"marshaller": Marshaller()})
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module.LambdaRuntimeClient


def test_a_batch_is_read_by_its_types_and_answers_are_the_clients(client):
    read_events_typed()
    event = client.marshaller.unmarshal_request(BODY, "application/json")
    assert isinstance(event["Records"], TypedRecords)
    assert list(event["Records"]) == RECORDS
    assert client.marshaller.marshal_response("x") == ("marshalled x", "application/json")


@pytest.mark.parametrize("body", [b'{"visit": true}', b'{"Records": []}', b"{", BODY.decode(), None])
def test_what_is_unusual_the_client_reads_itself(client, body):
    read_events_typed()
    found = client.marshaller.unmarshal_request(body, "application/json")
    assert found == ("its own", body, "application/json", {})


def test_a_client_that_calls_it_otherwise_reads_itself(client):
    read_events_typed()
    unmarshal = client.marshaller.unmarshal_request
    assert unmarshal(BODY, "application/cbor") == ("its own", BODY, "application/cbor", {})
    assert unmarshal(BODY) == ("its own", BODY, "application/json", {})
    assert unmarshal(BODY, "application/json", tenant="t")[3] == {"tenant": "t"}


def test_a_client_that_cannot_be_given_one_stays_as_it_is(client, monkeypatch):
    client.marshaller = later = object()
    read_events_typed()
    assert client.marshaller is later
    del client.marshaller
    read_events_typed()
    assert not hasattr(client, "marshaller")
    monkeypatch.setitem(sys.modules, MODULE, ModuleType(MODULE))
    read_events_typed()
    monkeypatch.delitem(sys.modules, MODULE)
    read_events_typed()
