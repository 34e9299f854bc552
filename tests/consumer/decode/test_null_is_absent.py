"""A field that is there and null is absent, in every shape: many a serialiser writes all that it knows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.consumer.decode.payload_builders import ARRIVED_S, observations, read, skipped

T = 1_700_000_000
VALUE = {"value": {"doubleValue": 2.5}, "timestamp": {"timeInSeconds": T}}
NOTIFICATION = {"assetId": "pump", "propertyId": "flow", "values": [VALUE]}
WHOLE = {
    "point": {"signal": "pump.flow", "value": 2.5, "timestamp": T},
    "key and body": {"key": "pump.flow", "body": "2.5", "timestamp": T},
    "columns": {"signal": "pump.flow", "values": [2.5, 3.5], "timestamps": [T, T + 1]},
    "columns of one time": {"signal": "pump.flow", "values": [2.5, 3.5], "timestamp": T},
    "several values": {"signal": "pump", "values": {"flow": 2.5, "head": 9.0}, "timestamp": T},
    "notification": {"type": "PropertyValueUpdate", "payload": NOTIFICATION},
    "entry": {"propertyAlias": "/pump/flow", "propertyValues": [VALUE]},
    "entry by ids": {"assetId": "pump", "propertyId": "flow", "propertyValues": [VALUE]},
    "entries": {"entries": [{"propertyAlias": "/pump/flow", "propertyValues": [VALUE]}]},
    "kepserver": {"timestamp": T * 1000, "values": [{"id": "C.D.T", "v": 2.5, "q": True, "t": T * 1000}]},
    "telegraf": {"name": "pump", "tags": {"host": "a"}, "fields": {"flow": 2.5}, "timestamp": T},
    "sparkplug": {"timestamp": T * 1000, "metrics": [{"name": "flow", "dataType": "Float", "value": 2.5}]},
    "shop floor": {"sources": {"pump": {"values": {"flow": {"value": 2.5}}}}, "timestamp": "2023-11-14"},
    "ignition": {"tagPath": "[default]pump/flow", "value": 2.5, "quality": "Good", "timestamp": T * 1000},
    "cloud event": {"specversion": "1.0", "type": "t", "data": {"signal": "pump.flow", "value": 2.5}},
}
FIELDS = [
    *("key", "signal", "value", "body", "values", "timestamp", "timestamps", "type", "payload", "entries"),
    *("propertyAlias", "assetId", "propertyId", "propertyValues", "metrics", "name", "tags", "fields"),
    *("topic", "sources", "tagPath", "quality", "specversion", "data", "data_base64", "time", "unit"),
]


def of(payload: object) -> list:
    batch = read(json.dumps(payload).encode())
    assert batch.rejections == []
    return observations(batch)


@pytest.mark.parametrize("name", WHOLE)
def test_all_other_fields_may_be_there_and_null(name):
    whole = WHOLE[name]
    assert of(whole)
    assert of(whole | {field: None for field in FIELDS if field not in whole}) == of(whole)


@given(st.sampled_from(sorted(WHOLE)), st.sets(st.sampled_from(FIELDS)), st.booleans())
@settings(max_examples=200, deadline=None)
def test_so_may_any_of_them_before_or_after(name, fields, are_first):
    whole = WHOLE[name]
    nulls = {field: None for field in fields if field not in whole}
    assert of(nulls | whole if are_first else whole | nulls) == of(whole)


@pytest.mark.parametrize(
    "variant",
    [
        {"doubleValue": None, "integerValue": 7, "stringValue": None},
        {"booleanValue": None, "doubleValue": 7.0},
        {"nullValue": None, "doubleValue": None, "integerValue": 7, "booleanValue": None},
    ],
)
def test_the_variants_of_a_sitewise_value_that_are_null_do_not_count(variant):
    tqv = {"value": variant, "timestamp": {"timeInSeconds": T, "offsetInNanos": None}, "quality": None}
    assert of({"propertyAlias": "a", "propertyValues": [tqv]}) == [("a", 7.0, T)]


def test_a_sitewise_value_whose_variants_are_all_null_is_skipped_and_two_are_still_refused():
    nothing = {"value": {"doubleValue": None, "integerValue": None}, "quality": None}
    two = {"value": {"doubleValue": 1.0, "integerValue": 1, "stringValue": None}}
    batch = read(json.dumps({"propertyAlias": "a", "propertyValues": [nothing, two]}).encode())
    assert (skipped(batch), len(batch.rejections)) == (1, 1)


@pytest.mark.parametrize(
    "point",
    [
        {"signal": "a", "value": None},
        {"signal": "a", "value": None, "values": None, "timestamp": T},
        {"key": "a", "body": None, "signal": None, "timestamp": "not looked at"},
        {"signal": "a", "body": None, "value": None},
    ],
)
def test_a_value_that_is_null_is_skipped_and_counted(point):
    batch = read(json.dumps(point).encode())
    assert (observations(batch), skipped(batch), batch.rejections) == ([], 1, [])


def test_a_null_beside_the_other_name_of_a_field_leaves_that_one():
    assert of({"signal": None, "key": "a", "value": None, "body": 4}) == [("a", 4.0, ARRIVED_S)]
    assert of({"signal": "a", "value": None, "values": [4, 5]}) == [
        ("a", 4.0, ARRIVED_S),
        ("a", 5.0, ARRIVED_S),
    ]
    assert of({"signal": "a", "values": [4], "timestamps": None, "timestamp": T}) == [("a", 4.0, T)]


METRIC = {"name": "flow", "value": 2.5, "timestamp": T * 1000}
FIELD = {"Value": 2.5, "SourceTimestamp": "2023-11-14T22:13:20Z"}
MEMBERS = {
    "kepserver": (lambda tag: {"values": [tag]}, {"id": "a", "v": 2.5}, ("q", "t", "unit")),
    "neuron": (lambda it: it, {"node": "n", "values": {"a": 2.5}}, ("group", "errors", "timestamp", "metas")),
    "telegraf": (
        lambda metric: {"metrics": [metric]},
        {"name": "a", "fields": {"b": 2.5}},
        ("tags", "timestamp", "type", "value"),
    ),
    "sparkplug": (
        lambda metric: {"metrics": [metric]},
        METRIC,
        (
            *("alias", "dataType", "datatype", "isNull", "is_null", "isHistorical", "properties", "metadata"),
            *("intValue", "floatValue", "stringValue", "bytesValue", "fields", "tags"),
        ),
    ),
    "sparkplug quality": (
        lambda quality: {"metrics": [METRIC | {"properties": {"Quality": quality}}]},
        {"value": 192},
        ("type", "intValue", "stringValue"),
    ),
    "sparkplug topic": (
        lambda topic: {"topic": topic, "payload": {"metrics": [METRIC]}},
        {"groupId": "g", "edgeNodeId": "e"},
        ("deviceId", "type", "namespace"),
    ),
    "ignition": (
        lambda value: {"tagPath": "a", "value": value, "timestamp": T * 1000},
        {"value": 2.5},
        ("quality", "timestamp"),
    ),
    "data set message": (
        lambda message: {"PublisherId": "p", "Messages": [message]},
        {"DataSetWriterName": "w", "Payload": {"a": 2.5}},
        ("DataSetWriterId", "Timestamp", "Status", "StatusCode", "MessageType"),
    ),
    "data value": (
        lambda field: {"PublisherId": "p", "Messages": [{"Payload": {"a": field}}]},
        FIELD,
        ("StatusCode", "Status", "ServerTimestamp", "Timestamp", "Type", "UaType"),
    ),
    "sample": (
        lambda sample: sample,
        {"NodeId": "i=1", "Value": FIELD},
        ("EndpointUrl", "ApplicationUri", "Timestamp", "SourceTimestamp", "StatusCode", "Status"),
    ),
    "source": (
        lambda source: {"sources": {"s": source}},
        {"values": {"a": {"value": 2.5, "timestamp": None}}},
        ("timestamp", "metadata"),
    ),
    "message": (
        lambda message: message,
        {"topic": "a", "payload": 2.5},
        ("timestamp", "type", "signal", "value"),
    ),
    "tqv": (
        lambda tqv: {"propertyAlias": "a", "propertyValues": [tqv]},
        {"value": {"doubleValue": 2.5}},
        ("timestamp", "quality"),
    ),
    "time of a tqv": (
        lambda time: {
            "propertyAlias": "a",
            "propertyValues": [{"value": {"doubleValue": 2.5}, "timestamp": time}],
        },
        {},
        ("timeInSeconds", "offsetInNanos"),
    ),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_so_may_the_fields_of_what_is_within(name):
    around, member, fields = MEMBERS[name]
    expected = of(around(member)) if member else [("a", 2.5, ARRIVED_S)]
    assert [value for _, value, _ in expected] == [2.5]
    assert of(around(member | dict.fromkeys(fields))) == expected
    assert of(around(dict.fromkeys(fields) | member)) == expected


def test_a_list_of_times_does_not_count_beside_the_one_time_of_a_value():
    for times in ([T + 1], [], None):
        assert of({"signal": "a", "value": 4, "timestamp": T, "timestamps": times}) == [("a", 4.0, T)]
    assert of({"signal": "a", "value": 4, "timestamps": []}) == [("a", 4.0, ARRIVED_S)]
