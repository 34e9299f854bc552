"""OPC UA PubSub as JSON, and the samples of OPC Publisher: values, times and states as they were written."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.consumer.decode.payload_builders import ARRIVED_S, observations, read, skipped

T = 1_700_000_000.0
TIME, LATER = "2023-11-14T22:13:20Z", "2023-11-14T22:13:21.5Z"


def of(payload: object):
    return read(json.dumps(payload).encode())


def learned(payload: object) -> list:
    batch = of(payload)
    assert batch.rejections == []
    return observations(batch)


def data_set(payload: object, **fields: object) -> dict:
    return {"DataSetWriterId": 101, "SequenceNumber": 4, "Timestamp": TIME, "Payload": payload} | fields


def network(*messages: object, **fields: object) -> dict:
    around = {"MessageId": "9279c0b3", "MessageType": "ua-data", "PublisherId": "plc1"}
    return around | {"Messages": list(messages)} | fields


@pytest.mark.parametrize(
    ("field", "value", "at_s"),
    [
        (25.5, 25.5, T),
        (True, 1.0, T),
        ("12", 12.0, T),  # 64 bits are text
        ({"Value": 25.5}, 25.5, T),
        ({"Value": 25.5, "SourceTimestamp": LATER, "ServerTimestamp": TIME}, 25.5, T + 1.5),
        ({"Value": 25.5, "SourceTimestamp": LATER, "StatusCode": 0}, 25.5, T + 1.5),
        ({"Value": 25.5, "StatusCode": {"Code": 0, "Symbol": "Good"}}, 25.5, T),
        ({"UaType": 11, "Value": 25.5, "SourceTimestamp": LATER}, 25.5, T + 1.5),
        ({"Type": 10, "Body": 2.5}, 2.5, T),
        ({"Value": {"Type": 8, "Body": "-7"}, "SourceTimestamp": LATER}, -7.0, T + 1.5),
    ],
)
def test_a_field_is_a_raw_value_a_variant_or_a_data_value(field, value, at_s):
    assert learned(network(data_set({"Temperature": field}))) == [("plc1/101.Temperature", value, at_s)]


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (None, (1, 0, 0)),
        (0, (1, 0, 0)),
        (0x40920000, (1, 0, 1)),
        ({"Code": 0x40000000}, (1, 0, 1)),
        (0x80340000, (0, 1, 0)),
        ({"Code": 0x80310000, "Symbol": "BadNoCommunication"}, (0, 1, 0)),
        ("Bad", (0, 1, 0)),
    ],
)
def test_what_is_bad_is_skipped_and_what_is_uncertain_learned_and_counted(status, counts):
    ways = [
        network(data_set({"a": {"Value": 1, "StatusCode": status}})),
        network(data_set({"a": {"Value": 1, "Status": status}}, Status=None)),
        network(data_set({"a": 1}, Status=status)),
        {"NodeId": "ns=2;s=a", "Value": {"Value": 1, "StatusCode": status}},
        {"NodeId": "ns=2;s=a", "Value": 1, "StatusCode": status},
    ]
    for way in ways:
        batch = of(way)
        assert (len(observations(batch)), skipped(batch), batch.uncertain) == counts
        assert batch.rejections == []


def test_writers_and_publishers_are_different_signals_and_names_go_before_ids():
    named = data_set({"T": 3}, DataSetWriterName="oven")
    assert learned(network(data_set({"T": 1}), data_set({"T": 2}, DataSetWriterId=102), named)) == [
        ("plc1/101.T", 1.0, T),
        ("plc1/102.T", 2.0, T),
        ("plc1/oven.T", 3.0, T),
    ]
    assert learned(network(data_set({"T": 1}), PublisherId=7)) == [("7/101.T", 1.0, T)]
    assert learned(network(data_set({"T": 1}), PublisherId=None)) == [("101.T", 1.0, T)]
    batch = of(network(data_set({"T": 1, "P": 2})))
    assert {key.record_signal for key in batch.signals} == {"plc1/101"}


def test_one_message_may_come_without_the_list_or_without_the_header():
    assert learned(network() | {"Messages": data_set({"T": 1})}) == [("plc1/101.T", 1.0, T)]
    assert learned(data_set({"T": 1}, MessageType="ua-deltaframe")) == [("101.T", 1.0, T)]
    assert learned(data_set({"T": 1}, PublisherId="plc1")) == [("plc1/101.T", 1.0, T)]
    assert learned([data_set({"T": 1}), network(data_set({"T": 2}))]) == [
        ("101.T", 1.0, T),
        ("plc1/101.T", 2.0, T),
    ]


def test_a_value_without_a_time_has_that_of_its_message_then_of_its_event_then_of_its_arrival():
    untimed = network(data_set({"T": 1}, Timestamp=None))
    assert learned(untimed) == [("plc1/101.T", 1.0, ARRIVED_S)]
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": TIME}
    for inner in (untimed, data_set({"T": 1}, Timestamp=None), {"NodeId": "i=5", "Value": 1}):
        assert [at_s for *_, at_s in learned(event | {"data": inner})] == [T]


@pytest.mark.parametrize(
    "nothing",
    [
        network(data_set({"a": None})),
        network(data_set({"a": {"Value": None, "SourceTimestamp": TIME}})),
        network(data_set({"a": {"StatusCode": 0x80310000}})),
        network(data_set({"a": {"UaType": 12, "Value": "RUN"}})),
        network(data_set({"a": {"Type": 13, "Body": TIME}})),
        network({"DataSetWriterId": 101, "MessageType": "ua-keepalive"}),
        {"DataSetWriterId": 101, "MessageType": "ua-keepalive", "PublisherId": "plc1"},
        {"MessageType": "ua-metadata", "PublisherId": "plc1", "MetaData": {}},
        {"MessageType": "ua-status", "PublisherId": "plc1", "Status": 2},
    ],
)
def test_what_is_no_measurement_is_skipped_and_counted(nothing):
    batch = of(nothing)
    assert (observations(batch), skipped(batch), batch.rejections) == ([], 1, [])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (data_set({}), "'Payload' is an object of one member"),
        (data_set([1]), "'Payload' is an object of one member"),
        (7, "is an object"),
        (data_set({"a": 1}, DataSetWriterId=None), "x"),
        (data_set({"a": "RUN"}), "not a number"),
        (data_set({"a": {"X": 1}}), "an object"),
        (data_set({"a": [1]}), "an array"),
        (data_set({"a": {"Value": 1, "StatusCode": "?"}}), "a quality is"),
        (data_set({"a": {"Value": 1, "SourceTimestamp": "soon"}}), "neither ISO 8601"),
        (data_set({"a": 1}, DataSetWriterId=[1]), "texts or numbers"),
    ],
)
def test_a_wrong_message_or_field_costs_itself_alone(wrong, reason):
    batch = of(network(data_set({"T": 1}), wrong, data_set({"T": 2})))
    values = [value for signal, value, _ in observations(batch) if signal == "plc1/101.T"]
    assert values == [1.0, 2.0]
    if reason != "x":  # the publisher alone names it
        [rejection] = batch.rejections
        assert reason in rejection.reason
        assert not rejection.is_whole


def test_what_names_nobody_is_refused():
    [rejection] = of({"Payload": {"a": 1}, "Timestamp": TIME}).rejections
    assert "neither its PublisherId" in rejection.reason


# OPC Publisher's samples.


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"Value": {"Value": 99.5, "SourceTimestamp": TIME}}, ("opc.tcp://h:62541/ns=2;s=Spike", 99.5, T)),
        ({"Value": 99.5, "SourceTimestamp": TIME}, ("opc.tcp://h:62541/ns=2;s=Spike", 99.5, T)),
        ({"Value": {"Value": 99.5}, "Timestamp": TIME}, ("opc.tcp://h:62541/ns=2;s=Spike", 99.5, T)),
        ({"Value": 1, "ApplicationUri": "urn:plc"}, ("urn:plc/ns=2;s=Spike", 1.0, ARRIVED_S)),
        ({"Value": 1, "EndpointUrl": None}, ("ns=2;s=Spike", 1.0, ARRIVED_S)),
    ],
)
def test_a_sample_is_named_by_its_server_and_node(sent, expected):
    node = {"NodeId": "ns=2;s=Spike", "EndpointUrl": "opc.tcp://h:62541", "DisplayName": "Spike"}
    assert learned(node | sent) == [expected]
    assert learned([node | sent, node | sent]) == [expected] * 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def around(names: str, content=JSON):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names.split(), content))


FIELD = around("Value Body UaType Type StatusCode Status SourceTimestamp", JSON)
FIELD = FIELD | around("Value Body", FIELD) | JSON
DATA_SET = around("DataSetWriterId DataSetWriterName Timestamp Status MessageType") | st.builds(
    data_set, st.dictionaries(st.text(max_size=4), FIELD, max_size=3) | JSON
)


@given(
    st.builds(network, DATA_SET | JSON, DATA_SET | JSON)
    | DATA_SET
    | around("NodeId Value SourceTimestamp StatusCode EndpointUrl MessageType Messages PublisherId")
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_message_holds_no_error_escapes_and_what_follows_is_read(message):
    batch = of([message, {"signal": "after", "value": 1}])
    assert observations(batch)[-1] == ("after", 1.0, ARRIVED_S)


def test_a_value_within_a_value_within_a_value_is_none():
    twice = {"Value": {"Value": 1.5}, "SourceTimestamp": TIME}
    batch = of(network(data_set({"Twice": twice, "Thrice": {"Value": twice}})))
    assert [(name, value) for name, value, _ in observations(batch)] == [("plc1/101.Twice", 1.5)]
    assert [each.reason for each in batch.rejections] == ["a value is a number, not an object"]
