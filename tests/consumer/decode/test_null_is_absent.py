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
