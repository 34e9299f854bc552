"""Messages of Sparkplug B as JSON: measurements are read by their declared types, all else is counted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consumer.decode.payload_builders import ARRIVED_S, observations, read, skipped

T = 1_700_000_000.0
MS = 1_700_000_000_000


def of(payload: object):
    return read(json.dumps(payload).encode())


def learned(payload: object) -> list:
    batch = of(payload)
    assert batch.rejections == []
    return observations(batch)


def metric(value: object = 1.5, **fields: object) -> dict:
    return {"name": "Level", "timestamp": MS, "dataType": "Double", "value": value} | fields


def message(*metrics: object, **fields: object) -> dict:
    return {"timestamp": MS, "metrics": list(metrics), "seq": 0} | fields


def parts(message_type: str) -> dict:
    return {"namespace": "spBv1.0", "groupId": "G", "edgeNodeId": "E", "deviceId": "D", "type": message_type}


@pytest.mark.parametrize(
    "name",
    ["bdSequence rate", "bdseq", "bdSeq2", "Node Controls", "Node Info/Uptime", "My Node Control/x"],
)
def test_a_tag_that_only_looks_like_a_control_is_a_measurement(name):
    assert learned(message(metric(name=name))) == [(name, 1.5, T)]


@pytest.mark.parametrize("name", ["bdSeq", "Node Control/Scan Rate", "Device Control/Reboot"])
def test_controls_are_skipped_and_counted(name):
    batch = of(message(metric(name=name), metric()))
    assert (observations(batch), skipped(batch), batch.rejections) == ([("Level", 1.5, T)], 1, [])


@pytest.mark.parametrize("kind", ["NCMD", "DCMD"])
@pytest.mark.parametrize("is_wrapped", [True, False])
@pytest.mark.parametrize("is_text", [True, False])
def test_a_command_is_no_measurement_of_what_it_is_written_to(kind, is_wrapped, is_text):
    topic = f"spBv1.0/G/{kind}/E/D" if is_text else parts(kind)
    command = message(metric(80.0), metric(name="Mode"))
    batch = of({"topic": topic, "payload": command} if is_wrapped else command | {"topic": topic})
    assert (observations(batch), skipped(batch), batch.rejections) == ([], 2, [])
    assert {key.signal for key in batch.signals} == {f"G/E/D/{kind}"}


BD_SEQ = {"name": "bdSeq", "timestamp": MS, "dataType": "Int64", "value": 3}


@pytest.mark.parametrize(
    "nothing",
    [
        {"topic": "spBv1.0/G/NDEATH/E", "payload": {"timestamp": MS, "metrics": [BD_SEQ]}},
        {"topic": "spBv1.0/G/DDEATH/E/D", "payload": {"timestamp": MS, "seq": 4}},
        {"topic": "spBv1.0/G/DDEATH/E/D", "payload": None},
        {"topic": "spBv1.0/G/DDEATH/E/D", "payload": ""},
        {"topic": parts("DDEATH"), "payload": {"timestamp": MS, "metrics": [], "seq": 4}},
        {"topic": "spBv1.0/G/DDEATH/E/D", "timestamp": MS, "seq": 4},
        {"topic": "spBv1.0/G/DDEATH/E/D", "timestamp": MS, "metrics": [metric()]},
        {"topic": parts("DDEATH"), "timestamp": MS, "seq": 4},
        {"timestamp": MS, "metrics": [BD_SEQ]},
        {"topic": "spBv1.0/STATE/scada", "online": True, "timestamp": MS},
        {"topic": "spBv1.0/STATE/scada", "payload": {"online": False, "timestamp": MS}},
        {"topic": "STATE/scada", "payload": "ONLINE"},
        {"topic": "STATE/scada", "payload": '{"online": true}'},
    ],
)
def test_a_death_and_the_state_of_a_host_are_skipped_and_counted(nothing):
    batch = of([nothing, {"signal": "after", "value": 1}])
    assert (observations(batch), skipped(batch), batch.rejections) == ([("after", 1.0, ARRIVED_S)], 1, [])


@pytest.mark.parametrize("topic", ["spBv1.0/G/DDATA/E/D", "plant/line1", {"groupId": "G"}])
def test_what_should_hold_metrics_and_does_not_is_refused(topic):
    for wrong in (
        {"topic": topic, "timestamp": MS},
        {"topic": topic, "payload": {"timestamp": MS, "seq": 1}},
    ):
        [rejection] = of(wrong).rejections
        assert rejection.is_whole


@pytest.mark.parametrize(
    ("type_name", "written", "value"),
    [
        ("Int8", 255, -1),
        ("Int8", 128, -128),
        ("Int8", 127, 127),
        ("Int8", 65_535, -1),
        ("Int8", 4_294_967_168, -128),
        ("Int16", 255, 255),
        ("Int16", 65_000, -536),
        (3, 4_294_967_291, -5),
        ("INT32", 2_147_483_648, -2_147_483_648),
        ("2", 40_000, -25_536),
        ("Int64", "18446744073709551615", -1),
        ("Int64", 18_446_744_073_709_551_611, -5),
        ("Int32", 4_294_967_291.0, -5),
        ("Int16", "65000", -536),
        ("Int16", "-7", -7),
        ("UInt8", 255, 255),
        ("UInt8", -1, 255),
        ("UInt32", -5, 4_294_967_291),
        ("UInt64", -1, 18_446_744_073_709_551_615),
        ("Int8", 300, 300),  # of another type than declared: nobody can tell which bits are meant
        ("Int8", -200, -200),
        ("UInt8", 300, 300),
        ("Int16", 1.5, 1.5),
        ("Double", 255, 255),
        (None, 4_294_967_291, 4_294_967_291),
        ("Whatever", 255, 255),
        (99, 255, 255),
        ("Int64", {"low": -7, "high": -1, "unsigned": False}, -7),
        ("Int64", {"low": -7, "high": -1, "unsigned": True}, -7),
        ("UInt64", {"low": -1, "high": 0, "unsigned": True}, 4_294_967_295),
    ],
)
@pytest.mark.parametrize("member", ["value", "intValue", "long_value"])
def test_a_whole_number_is_read_by_its_declared_type(type_name, written, value, member):
    one = {"name": "Level", "timestamp": MS, "datatype": type_name, member: written}
    assert learned(message(one)) == [("Level", float(value), T)]


@given(st.sampled_from([8, 16, 32, 64]), st.sampled_from([8, 16, 32, 64]), st.data())
def test_whatever_the_bits_were_taken_for_the_number_is_the_same(bits, width, data):
    width = max(bits, width)
    signed = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    of_type = message(metric(signed % (1 << width), dataType=f"Int{bits}"))
    assert learned(of_type) == [("Level", float(signed), T)]
    unsigned = data.draw(st.integers(0, (1 << bits) - 1))
    as_signed = unsigned - (1 << bits) if unsigned >> (bits - 1) else unsigned
    assert learned(message(metric(as_signed, dataType=f"UInt{bits}"))) == [("Level", float(unsigned), T)]


@pytest.mark.parametrize(
    "nothing",
    [
        *(
            {"name": "Recipe", "datatype": number, "value": "A12"}
            for number in (12, 14, 15, "12", "Text", "UUID")
        ),
        {"name": "Table", "datatype": 16, "datasetValue": {"columns": ["a"]}},
        {"name": "Motor", "dataType": "Template", "value": {"metrics": [metric()]}},
        {"name": "Image", "datatype": 18, "bytesValue": "AAEC"},
        {"name": "Samples", "datatype": 31, "bytes_value": "AAEC"},
        {"name": "Samples", "dataType": "DoubleArray", "value": [1.5, 2.5]},
        *({"name": "x", member: "AA=="} for member in ("stringValue", "bytesValue", "templateValue")),
        *(
            {"name": "x", member: {"a": 1}}
            for member in ("dataset_value", "template_value", "extensionValue")
        ),
    ],
)
def test_types_that_are_no_number_are_skipped_and_counted_with_their_datatype_or_without(nothing):
    batch = of(message(nothing, metric()))
    assert (observations(batch), skipped(batch), batch.rejections) == ([("Level", 1.5, T)], 1, [])


def test_a_historical_metric_is_learned_at_its_own_time_and_one_without_at_that_of_its_payload():
    earlier = metric(1, timestamp=MS - 60_000, isHistorical=True)
    assert learned(message(earlier, metric(2, timestamp=None, is_historical=True), timestamp=MS + 500)) == [
        ("Level", 1.0, T - 60),
        ("Level", 2.0, T + 0.5),
    ]
    within = {"topic": "spBv1.0/G/DDATA/E/D", "payload": message(metric(timestamp=None))}
    assert learned(within) == [("G/E/D/Level", 1.5, T)]
    long = {"low": MS & 0xFFFF_FFFF, "high": MS >> 32, "unsigned": True}
    assert learned(message(metric(timestamp=long))) == [("Level", 1.5, T)]


def test_an_alias_alone_is_refused_with_what_to_do():
    [rejection] = of(message({"alias": 7, "value": 1.5}, metric())).rejections
    assert "send names" in rejection.reason
    assert not rejection.is_whole


@pytest.mark.parametrize("topic", ["spBv1.0/G/DDATA/E/D", parts("DDATA"), parts("DBIRTH")])
@pytest.mark.parametrize("write", [lambda inner: inner, json.dumps])
def test_the_payload_beside_a_topic_may_be_an_object_or_its_text(topic, write):
    if isinstance(topic, dict):
        topic |= {"edgeNodeDescriptor": "G/E"}
    assert learned({"topic": topic, "payload": write(message(metric()))}) == [("G/E/D/Level", 1.5, T)]


# Messages of other shapes, beside the topics on which they were published.

POINT = {"signal": "a", "value": 1.5}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (POINT, ("a", 1.5, T)),
        (POINT | {"timestamp": MS + 500}, ("a", 1.5, T + 0.5)),
        (json.dumps(POINT), ("a", 1.5, T)),
        ({"values": [{"id": "C.D.T", "v": 2}]}, ("C.D.T", 2.0, T)),
        (message(metric(2)), ("plant/line1/temp/Level", 2.0, T)),
        (42, ("plant/line1/temp", 42.0, T)),
        ("42.5", ("plant/line1/temp", 42.5, T)),
        (True, ("plant/line1/temp", 1.0, T)),
    ],
)
def test_any_shape_is_read_beside_a_topic_which_names_a_number(payload, expected):
    mqtt = {"topic": "plant/line1/temp", "payload": payload, "qos": 1, "clientid": "c", "timestamp": MS}
    assert learned(mqtt) == [expected]


def test_an_envelope_may_say_a_type_of_its_own():
    own = {"type": "DDATA", "topic": "spBv1.0/G/DDATA/E/D", "payload": message(metric())}
    assert learned(own) == [("G/E/D/Level", 1.5, T)]
    tqv = {"value": {"doubleValue": 1.5}, "timestamp": {"timeInSeconds": int(T)}}
    properties = {"assetId": "a", "propertyId": "p", "values": [tqv]}
    notification = {"type": "PropertyValueUpdate", "topic": "$aws/sitewise/x", "payload": properties}
    assert learned(notification) == [("a:p", 1.5, T)]
    assert learned({"topic": "plant/x", "payload": notification}) == [("a:p", 1.5, T)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("warm", "neither a JSON object nor a finite number"),
        ([1, 2], "an array"),
        ({"specversion": "1.0", "data": POINT}, "an envelope within"),
        ({"topic": "x", "payload": POINT}, "an envelope within"),
        ({"payload": POINT}, "an envelope within"),
        ({"type": "t", "payload": POINT}, "an envelope within"),
        ({"level": 7}, "none of the shapes"),
    ],
)
def test_what_is_wrong_beside_a_topic(payload, reason):
    [rejection] = of({"topic": "plant/line1/temp", "payload": payload}).rejections
    assert reason in rejection.reason


EACH_FIELD = {
    **{"intValue": 0, "longValue": "0", "floatValue": 0.0, "doubleValue": 0.0},
    **{"booleanValue": False, "stringValue": ""},
}


@pytest.mark.parametrize(
    ("field", "datatype", "written", "expected"),
    [
        ("floatValue", 9, 42.5, 42.5),
        ("doubleValue", "Double", -1.5, -1.5),
        ("booleanValue", 11, True, 1.0),
        ("intValue", 3, 4294967295, -1.0),
        ("longValue", "UInt64", "12345678901", 12345678901.0),
        ("longValue", 4, {"low": -2, "high": -1}, -2.0),
    ],
)
@pytest.mark.parametrize("is_snake", [True, False])
def test_where_each_field_is_written_that_of_the_type_counts(field, datatype, written, expected, is_snake):
    fields = EACH_FIELD | {field: written}
    if is_snake:
        fields = {name.replace("Value", "_value"): value for name, value in fields.items()}
    sent = {"name": "Level", "timestamp": MS, "datatype": datatype} | fields
    assert learned(message(sent)) == [("Level", expected, T)]


@pytest.mark.parametrize("datatype", [None, 0, 7, "Nothing"])
def test_where_the_type_does_not_tell_which_field_counts_the_metric_is_refused_alone(datatype):
    sent = {"name": "Level", "datatype": datatype} | EACH_FIELD | {"intValue": 7}
    batch = of(message(sent, metric()))
    assert observations(batch) == [("Level", 1.5, T)]
    assert ["several fields" in each.reason for each in batch.rejections] == [True]


def test_what_is_no_number_is_skipped_where_each_field_is_written_too():
    sent = {"name": "Mode", "datatype": "String"} | EACH_FIELD | {"stringValue": "auto"}
    control = {"name": "bdSeq", "datatype": None} | EACH_FIELD
    batch = of(message(sent, control))
    assert (observations(batch), skipped(batch), batch.rejections) == ([], 2, [])


@pytest.mark.parametrize("body", ["", "AAEC", None, []])
def test_the_body_that_a_payload_of_sparkplug_may_have_says_nothing(body):
    assert learned(message(metric(), uuid="", body=body)) == [("Level", 1.5, T)]


@pytest.mark.parametrize("topic", ["plant/STATE/pump", "plant/STATE", "line/1/STATE"])
def test_a_topic_that_is_not_sparkplugs_may_have_a_level_named_state(topic):
    assert learned({"topic": topic, "payload": 1.5, "timestamp": MS}) == [(topic, 1.5, T)]


def test_what_a_converter_wrote_as_the_value_counts_whatever_else_is_there():
    assert learned(message(metric(1.5, floatValue=0.0, intValue=7, dataType=None))) == [("Level", 1.5, T)]


@pytest.mark.parametrize("content", ["CLu5p+r5MRIYCgVMZXZlbBjAuafq+TEgCmUAAMA/GAA=", "\u0008\ufffd\u0012"])
def test_protobuf_that_nobody_decoded_is_named_for_what_it_is(content):
    batch = of({"topic": "spBv1.0/G/DDATA/E/D", "payload": content})
    assert (observations(batch), len(batch.rejections)) == ([], 1)
    assert "must decode to JSON" in batch.rejections[0].reason
