"""What gateways send by default is read: names, qualities and times as docs/send-data.md says."""

import base64
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.gateways import quality_of, status_of
from consumer.errors import Unlearnable
from tests.consumer.decode.payload_builders import (
    ARRIVED_S,
    aggregated,
    gzipped,
    observations,
    read,
    skipped,
    zstandard,
)

T = 1_700_000_000.0
MS = 1_700_000_000_000
TIME = "2023-11-14T22:13:20Z"


def of(payload: object):
    return read(json.dumps(payload).encode())


def learned(payload: object) -> list:
    batch = of(payload)
    assert batch.rejections == []
    return observations(batch)


def refused(payload: object) -> list[tuple[int, str, bool]]:
    return [(each.position, each.reason, each.is_whole) for each in of(payload).rejections]


def tag(value: object = 1.5, **fields: object) -> dict:
    return {"id": "C.D.T", "v": value, "q": True, "t": MS} | fields


def tags(*values: object, **fields: object) -> dict:
    return {"timestamp": MS + 500, "values": list(values)} | fields


def metric(fields: object, name: str = "cpu", **others: object) -> dict:
    return {"name": name, "tags": {"host": "a"}, "fields": fields, "timestamp": T} | others


def sparkplug(*metrics: object, **fields: object) -> dict:
    return {"timestamp": MS, "metrics": list(metrics), "seq": 3} | fields


def reading(value: object = 1.5, **fields: object) -> dict:
    return {"name": "Speed", "timestamp": MS, "dataType": "Double", "value": value} | fields


TOPIC = {"namespace": "spBv1.0", "groupId": "G", "edgeNodeId": "E", "deviceId": "D", "type": "DDATA"}


# Qualities.


@pytest.mark.parametrize(
    ("written", "quality"),
    [
        *((each, "good") for each in (None, True, "Good", "GOOD", "good, non-specific", 192, 216, "192")),
        *((each, "good") for each in ({"code": 192}, {"name": "Good"}, {"value": 192}, {"Symbol": "Good"})),
        *((each, "good") for each in (0x00960000, "0x00A20000", {"code": 0x002F0000})),
        *((each, "uncertain") for each in (1_073_742_080, "1073741824")),
        *((each, "bad") for each in (-2_147_483_136, 65_535, 0x80320000)),
        *((each, "good") for each in (192.0, "192.0", "0xC0", " GOOD", "true", "True")),
        *((each, "uncertain") for each in ("Uncertain", "uncertain_InitialValue", 64, 68, 256, 0x40000000)),
        *((each, "bad") for each in (False, "Bad", "Bad_Stale", "Error_Configuration", "stale", 0, 8, 24)),
        *((each, "bad") for each in (500, 512, 0x80000000, 0x80AB0000, {"code": 0}, -1, "0")),
        *((each, "bad") for each in (0.0, 500.0, "0x80000000", "2147483648", "BAD", "false")),
        *((each, "uncertain") for each in (64.0, "256", "0x40920000", {"Code": 0x40000000})),
    ],
)
def test_a_quality_is_good_uncertain_or_bad(written, quality):
    assert quality_of(written) == quality


@pytest.mark.parametrize(
    "written",
    ["", "OK", "excellent", 1.5, [], {}, {"code": {"code": 1}}, "9" * 400, "1_92", "0xZZ", math.nan, "nan"],
)
def test_anything_else_is_none(written):
    with pytest.raises(Unlearnable, match="good, uncertain or bad"):
        quality_of(written)


@pytest.mark.parametrize(
    ("written", "quality"),
    [
        *(
            (each, "good")
            for each in (None, 0, 0.0, "0", {"Code": 0}, {"Symbol": "Good"}, 0x00A20000, "Good")
        ),
        *((each, "uncertain") for each in (0x40000000, 0x40920000, "UncertainInitialValue")),
        *((each, "bad") for each in (0x80000000, "0x80340000", {"Code": 0x80310000}, -1, 1 << 32, "Bad")),
    ],
)
def test_a_status_of_opc_ua_has_its_quality_in_two_bits_and_zero_is_good(written, quality):
    assert status_of(written) == quality


SHAPES_WITH_QUALITY = {
    "kepserver": lambda quality: tags(tag(q=quality)),
    "sparkplug": lambda quality: sparkplug(
        reading(properties={"Quality": {"type": "Int32", "value": quality}})
    ),
    "sparkplug's protobuf": lambda quality: sparkplug(
        reading(properties={"keys": ["x", "Quality"], "values": [{"intValue": 1}, {"intValue": quality}]})
    ),
    "ignition": lambda quality: {"tagPath": "a", "value": 1.5, "quality": quality, "timestamp": MS},
    "ignition's qualified value": lambda quality: {
        "tagPath": "a",
        "value": {"value": 1.5, "quality": quality},
    },
}


@pytest.mark.parametrize("name", SHAPES_WITH_QUALITY)
@pytest.mark.parametrize(
    ("quality", "counts"),
    [(192, (1, 0, 0, 0)), (192.0, (1, 0, 0, 0)), (64, (1, 0, 1, 0)), (0, (0, 1, 0, 0)), ("?", (0, 0, 0, 1))],
)
def test_bad_is_skipped_and_uncertain_is_learned_and_counted(name, quality, counts):
    batch = of(SHAPES_WITH_QUALITY[name](quality))
    assert (len(observations(batch)), skipped(batch), batch.uncertain, len(batch.rejections)) == counts


# KEPServerEX.


def test_a_tags_own_time_goes_before_the_messages_and_that_before_the_arrival():
    assert learned(tags(tag(), tag(t=None))) == [("C.D.T", 1.5, T), ("C.D.T", 1.5, T + 0.5)]
    assert learned(tags(tag(t=None), timestamp=None)) == [("C.D.T", 1.5, ARRIVED_S)]
    assert learned(tags(tag(t=TIME))) == [("C.D.T", 1.5, T)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"v": 1}, "an object of id"),
        (7, "an object of id"),
        ({"id": "a"}, "without 'v'"),
        (tag("RUN"), "not a number"),
        (tag(t="soon"), "neither ISO 8601"),
        (tag(id=7), "name is text"),
        (tag(id=["a"]), "name is text"),
        (tag(id=""), "0 bytes"),
        (tag([1, 2]), "an array"),
    ],
)
def test_a_wrong_tag_costs_itself_alone(wrong, reason):
    payload = tags(tag(1), wrong, tag(2))
    assert [value for _, value, _ in observations(of(payload))] == [1.0, 2.0]
    [(position, found, is_whole)] = refused(payload)
    assert (position, is_whole) == (1, False)
    assert reason in found


def test_a_null_value_of_a_tag_is_skipped():
    assert skipped(of(tags(tag(None)))) == 1


# Neuron.


def collected(values: object, **fields: object) -> dict:
    return {"node": "modbus", "group": "grp", "timestamp": MS, "values": values, "metas": {}} | fields


def test_what_was_collected_is_learned_and_a_tag_with_an_error_is_skipped_and_counted():
    batch = of(collected({"a": 123, "b": True}, errors={"c": 2014}))
    assert observations(batch) == [("modbus/grp.a", 123.0, T), ("modbus/grp.b", 1.0, T)]
    assert (skipped(batch), batch.rejections) == (1, [])
    assert {key.record_signal for key in batch.signals} == {"modbus/grp"}
    assert skipped(of(collected({}, errors={"c": 2014, "d": 2014}))) == 2
    assert learned(collected({"a": 1}, group=None, errors={})) == [("modbus.a", 1.0, T)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (collected({}), "'values' is an object"),
        (collected([1]), "'values' is an object"),
        (collected({"a": 1}, node=7), "are texts"),
        (collected({"a": 1}, errors=[7]), "'errors' is an object"),
        (collected({"a": "RUN"}), "not a number"),
    ],
)
def test_what_is_wrong_with_what_was_collected(wrong, reason):
    [(_, found, _)] = refused(wrong)
    assert reason in found


# Telegraf.


def test_a_series_is_named_as_line_protocol_names_it():
    both = {"tags": {"host": "a", "cpu": "cpu0"}}
    assert learned(metric({"idle": 99.5, "busy": 1}, **both)) == [
        ("cpu,cpu=cpu0,host=a.idle", 99.5, T),
        ("cpu,cpu=cpu0,host=a.busy", 1.0, T),
    ]
    assert (
        learned(metric({"idle": 1}, tags={}))
        == learned(metric({"idle": 1}, tags=None))
        == [("cpu.idle", 1.0, T)]
    )


def test_no_two_series_have_one_name():
    odd = [
        metric({"v": 1}, tags=tags)
        for tags in ({"a": "1,b=2"}, {"a": "1", "b": "2"}, {"a": "1\\,b=2"}, {"a": "1\\", "b": "2"})
    ]
    assert len({signal for signal, _, _ in learned({"metrics": odd})}) == len(odd)
    assert learned(metric({"v": 1}, tags={"line": "a, b=c"})) == [("cpu,line=a\\, b\\=c.v", 1.0, T)]


def test_metrics_of_different_tags_are_different_signals_and_their_values_share_a_page():
    batch = of({"metrics": [metric({"idle": 1}), metric({"idle": 2}, tags={"host": "b"})]})
    assert {(key.record_signal, key.signal) for key in batch.signals} == {
        ("cpu,host=a", "cpu,host=a.idle"),
        ("cpu,host=b", "cpu,host=b.idle"),
    }


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_its_times_may_have_any_unit(unit):
    assert learned(metric({"idle": 1}, timestamp=1_700_000_000 * unit)) == [("cpu,host=a.idle", 1.0, T)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (metric({"idle": 1}, name=None), "without 'name'"),
        (metric({}), "'fields' is an object"),
        (metric([1]), "'fields' is an object"),
        (metric({"idle": 1}, tags={"host": 7}), "an object of texts"),
        (metric({"idle": 1}, tags=["a"]), "an object of texts"),
        (metric({"state": "up"}), "not a number"),
        (metric({"idle": 1}, timestamp="x"), "neither ISO 8601"),
        (7, "is an object"),
    ],
)
def test_a_wrong_metric_costs_itself_alone_in_a_batch_of_them(wrong, reason):
    payload = {"metrics": [metric({"idle": 1}), wrong, metric({"idle": 2})]}
    assert [value for _, value, _ in observations(of(payload))] == [1.0, 2.0]
    [(position, found, is_whole)] = refused(payload)
    assert (position, is_whole) == (1, False)
    assert reason in found


# Sparkplug B.


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        (None, "Speed"),
        ("spBv1.0/G/DDATA/E/D", "G/E/D/Speed"),
        ("spBv1.0/G/NDATA/E", "G/E/Speed"),
        ("plant/line1/plc", "plant/line1/plc/Speed"),
        ("spindles/north/a/x", "spindles/north/a/x/Speed"),
        ("spJv1.0/G/DDATA/E/D", "G/E/D/Speed"),
        (TOPIC, "G/E/D/Speed"),
        (TOPIC | {"deviceId": None}, "G/E/Speed"),
    ],
)
def test_the_device_of_a_metric_is_in_the_topic_that_is_sent_with_it(topic, name):
    assert learned(sparkplug(reading(), topic=topic)) == [(name, 1.5, T)]
    if topic is not None:
        assert learned({"topic": topic, "payload": sparkplug(reading())}) == [(name, 1.5, T)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({"intValue": 7, "datatype": 3}, 7.0),
        ({"int_value": 4_294_967_289, "datatype": 3}, -7.0),
        ({"intValue": 4_294_967_289, "datatype": 7}, 4_294_967_289.0),
        ({"intValue": 4_294_967_289, "datatype": "Int16"}, -7.0),
        ({"longValue": "18446744073709551609", "datatype": 4}, -7.0),
        ({"longValue": "18446744073709551609", "datatype": 8}, 18446744073709551609.0),
        ({"long_value": 12, "dataType": "Int64"}, 12.0),
        ({"doubleValue": -2.5, "datatype": 10}, -2.5),
        ({"floatValue": 2.5}, 2.5),
        ({"booleanValue": True, "datatype": 11}, 1.0),
        ({"value": 4_294_967_289, "dataType": "Int64"}, 4_294_967_289.0),
        ({"value": "50", "dataType": "Int32"}, 50.0),
        ({"value": -7, "type": "int32"}, -7.0),
    ],
)
def test_a_value_may_be_written_as_the_protobuf_has_it(written, value):
    assert learned(sparkplug({"name": "Speed"} | written)) == [("Speed", value, T)]


@pytest.mark.parametrize(
    "nothing",
    [
        {"name": "Speed", "datatype": 10, "isNull": True},
        {"name": "Speed", "datatype": 10, "is_null": True},
        reading(None),
        reading("A12", dataType="String"),
        reading(MS, dataType="DateTime"),
        {"name": "Recipe", "datatype": 12, "stringValue": "A12"},
        {"name": "Table", "dataType": "DataSet", "value": {"rows": []}},
        reading(5, name="bdSeq"),
        reading(False, name="Node Control/Rebirth"),
    ],
)
def test_what_is_no_measurement_is_skipped_and_counted(nothing):
    batch = of(sparkplug(reading(), nothing))
    assert (len(observations(batch)), skipped(batch), batch.rejections) == (1, 1, [])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"alias": 7, "value": 1.5}, "without 'name'"),
        ({"name": "", "value": 1.5}, "without 'name'"),
        ({"name": "Speed", "alias": 7}, "without a value"),
        (reading("fast", dataType=None), "not a number"),
        ([], "is an object"),
    ],
)
def test_a_wrong_metric_of_sparkplug_costs_itself_alone(wrong, reason):
    payload = sparkplug(reading(1), wrong, reading(2))
    assert [value for _, value, _ in observations(of(payload))] == [1.0, 2.0]
    [(position, found, is_whole)] = refused(payload)
    assert (position, is_whole) == (1, False)
    assert reason in found


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"metrics": []}, "one object or more"),
        ({"metrics": {}}, "one object or more"),
        (sparkplug(reading(), topic={"groupId": 7}), "are texts"),
        ({"topic": TOPIC, "payload": {"timestamp": MS, "seq": 4}}, "one object or more"),
        ({"topic": TOPIC, "payload": [1]}, "an object of timestamp and metrics"),
    ],
)
def test_what_has_no_metrics_is_refused_whole(payload, reason):
    [(_, found, is_whole)] = refused(payload)
    assert is_whole
    assert reason in found


# AWS Shop Floor Connectivity.


def sources(**values: object) -> dict:
    return {"schedule": "s", "sources": {"Press": {"values": values}}, "timestamp": TIME, "serial": "1"}


def test_a_values_own_time_goes_before_its_sources_and_that_before_the_messages():
    message = sources(Speed={"value": 1}, Load={"value": 2, "timestamp": MS + 1000})
    assert learned(message) == [("Press.Speed", 1.0, T), ("Press.Load", 2.0, T + 1)]
    message["sources"]["Press"]["timestamp"] = "2023-11-14T22:13:25Z"
    assert learned(message) == [("Press.Speed", 1.0, T + 5), ("Press.Load", 2.0, T + 1)]


def test_what_was_aggregated_is_a_signal_for_each_aggregation():
    message = sources(Speed={"value": {"avg": 1.5, "max": {"value": 3, "timestamp": MS + 1000}}}, Load=7)
    assert learned(message) == [
        ("Press.Speed.avg", 1.5, T),
        ("Press.Speed.max", 3.0, T + 1),
        ("Press.Load", 7.0, T),
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"value": "x"}, "not a number"), ({"value": [1]}, "array"), ({"metadata": {}}, "object")],
)
def test_a_wrong_channel_costs_itself_alone(wrong, reason):
    message = sources(Speed={"value": 1}, Wrong=wrong, Load={"value": 2})
    assert [value for _, value, _ in observations(of(message))] == [1.0, 2.0]
    [(position, found, is_whole)] = refused(message)
    assert (position, is_whole) == (1, False)
    assert reason in found


@pytest.mark.parametrize(
    "nothing", [None, {}, {"value": None}, {"value": {}}, {"value": {}, "timestamp": TIME}]
)
def test_a_channel_that_was_read_and_gave_nothing_is_skipped_and_counted(nothing):
    batch = of(sources(Speed={"value": 1}, Load=nothing))
    assert (len(observations(batch)), skipped(batch), batch.rejections) == (1, 1, [])
    assert "Press.Load" in {key.signal for key in batch.signals}


def test_a_source_that_gave_no_values_is_skipped_and_counted():
    message = sources(Speed={"value": 1})
    message["sources"]["Pump"] = {"values": {}, "timestamp": TIME}
    batch = of(message)
    assert (len(observations(batch)), skipped(batch), batch.rejections) == (1, 1, [])
    assert skipped(of({"sources": {"Pump": {"values": {}}}})) == 1


def test_a_wrong_source_costs_itself_alone():
    message = sources(Speed={"value": 1})
    message["sources"] |= {"Pump": {"values": None}, "Fan": 7}
    assert len(observations(of(message))) == 1
    assert ["has no object of 'values'" in reason for _, reason, _ in refused(message)] == [True, True]


# Ignition.


def test_a_tag_path_names_a_signal_where_nothing_else_does():
    assert learned({"tagPath": "[default]A/B", "value": 1, "timestamp": MS}) == [("[default]A/B", 1.0, T)]
    assert learned({"signal": "a", "tagPath": "[default]A/B", "value": 1, "quality": "?"}) == [
        ("a", 1.0, ARRIVED_S)
    ]


# CloudEvents.

TQV = {"value": {"doubleValue": 1.0}}


def event(data: object = None, **fields: object) -> dict:
    return {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": TIME, "data": data} | fields


INNER = [
    {"signal": "a", "value": 1.5, "timestamp": T},
    {"signal": "a", "values": [1.5, 2.5], "timestamps": [T, T + 1]},
    {
        "type": "PropertyValueUpdate",
        "payload": {
            "assetId": "a",
            "propertyId": "p",
            "values": [{"value": {"doubleValue": 1.5}, "timestamp": {"timeInSeconds": int(T) + 1}}],
        },
    },
    tags(tag()),
    metric({"idle": 1.5}),
    {"metrics": [metric({"idle": 1.5})]},
    sparkplug(reading()),
    {"topic": TOPIC, "payload": sparkplug(reading())},
    sources(Speed={"value": 1}),
    {"tagPath": "[default]A/B", "value": 1, "timestamp": MS},
    [{"signal": "a", "value": 1.5, "timestamp": T}, metric({"idle": 1.5})],
]


@pytest.mark.parametrize("inner", INNER)
def test_a_cloud_event_may_be_around_any_shape(inner):
    written = json.dumps(inner)
    expected = learned(inner)
    assert learned(event(inner)) == expected
    assert learned(event(written)) == expected
    assert learned(event(None, data_base64=base64.b64encode(written.encode()).decode())) == expected
    assert learned([event(inner), event(inner)]) == expected * 2
    batch = read(aggregated(gzipped(json.dumps(event(inner)).encode())))
    assert observations(batch) == expected


def test_the_time_of_the_event_is_that_of_what_has_none():
    assert learned(event({"signal": "a", "value": 1})) == [("a", 1.0, T)]
    assert learned(event([{"signal": "a", "value": 1}])) == [("a", 1.0, T)]
    assert learned(event({"signal": "a", "value": 1}, time=None)) == [("a", 1.0, ARRIVED_S)]


WITHOUT_TIME = [
    {"signal": "a", "value": 1},
    {"signal": "a", "values": [1]},
    {"signal": "a", "values": [1], "timestamps": [None]},
    {"signal": "a", "values": {"b": 1}},
    {"type": "PropertyValueUpdate", "payload": {"assetId": "a", "propertyId": "p", "values": [TQV]}},
    {"propertyAlias": "a", "propertyValues": [TQV | {"timestamp": None}]},
    {"entries": [{"propertyAlias": "a", "propertyValues": [TQV]}]},
    {"values": [{"id": "a", "v": 1}]},
    {"name": "a", "fields": {"b": 1}},
    {"metrics": [{"name": "a", "fields": {"b": 1}}]},
    {"metrics": [{"name": "a", "value": 1}]},
    {"topic": TOPIC, "payload": {"metrics": [{"name": "a", "value": 1}]}},
    {"sources": {"a": {"values": {"b": {"value": 1}}}}},
    {"tagPath": "a", "value": {"value": 1}},
]


@pytest.mark.parametrize("inner", WITHOUT_TIME)
@pytest.mark.parametrize("written", [lambda inner: inner, lambda inner: [inner], json.dumps])
def test_the_time_of_the_event_is_that_of_any_shape_that_has_none(inner, written):
    assert [at_s for *_, at_s in learned(event(written(inner)))] == [T]
    assert [at_s for *_, at_s in learned(event(written(inner), time=None))] == [ARRIVED_S]


@pytest.mark.parametrize("inner", [each for each in WITHOUT_TIME if "payload" not in each])
def test_so_is_the_time_of_a_message(inner):
    assert [at_s for *_, at_s in learned(inner | {"timestamp": T + 5})] == [T + 5]
    assert [at_s for *_, at_s in learned(event(inner | {"timestamp": T + 5}))] == [T + 5]


def in_base64(packed: bytes) -> dict:
    return event(None, data_base64=base64.encodebytes(packed).decode())


AB = b'{"signal":"a","value":1}', b'{"signal":"b","value":2}'
IN_EVENTS = {
    "lines": b"\n".join(AB),
    "lines with marks": b"\r\n".join(b"\xef\xbb\xbf" + each for each in AB),
    "an array": b"[" + b",".join(AB) + b"]",
    "lines of arrays": b"\n".join(b"[" + each + b"]" for each in AB),
    "one after another": b"".join(AB),
}


@pytest.mark.parametrize("name", IN_EVENTS)
def test_a_cloud_event_may_hold_several_in_any_form(name):
    text = IN_EVENTS[name]
    events = [event(text.decode()), *(in_base64(pack(text)) for pack in (bytes, gzipped, zstandard))]
    for around in events:
        assert learned(around) == [("a", 1.0, T), ("b", 2.0, T)]
    assert len(learned(events)) == 2 * len(events)
    written = b"\n".join(json.dumps(around).encode() for around in events)
    assert observations(read(written)) == learned(events)


def test_each_of_several_in_a_cloud_event_is_refused_alone():
    text = b"{bad}\n" + AB[0] + b'\n{"x":1}\n7\n[' + AB[1] + b"]"
    for around in (event(text.decode()), in_base64(gzipped(text))):
        batch = of(around)
        assert observations(batch) == [("a", 1.0, T), ("b", 2.0, T)]
        assert [(each.position, each.is_whole) for each in batch.rejections] == [
            (0, False),
            (2, False),
            (3, False),
        ]


def test_cloud_events_unpack_to_a_bound_together():
    bomb = in_base64(gzipped(bytes(5 * 2**20)))
    batch = of([event(json.loads(AB[0])), bomb, bomb, bomb, bomb])
    assert observations(batch) == []
    [(_, reason, is_whole)] = [(each.position, each.reason, each.is_whole) for each in batch.rejections]
    assert is_whole
    assert "unpack to more than" in reason


def test_beside_a_null_nothing_vanishes():
    null = {"signal": "z", "value": None}
    inside = {"signal": "a", "value": 1}
    for other, expected in (
        ({"specversion": "1.0", "data": inside}, [("a", 1.0, ARRIVED_S)]),
        ({"metrics": [metric({"idle": 1}), reading()]}, [("cpu,host=a.idle", 1.0, T), ("Speed", 1.5, T)]),
        ({"sources": {"a": {"values": {"b": 1}}}}, [("a.b", 1.0, ARRIVED_S)]),
    ):
        batch = of(null | other)
        assert (observations(batch), skipped(batch), batch.rejections) == (expected, 1, [])
    batch = of(null | {"specversion": "1.0", "data": {"x": 1}})
    assert (skipped(batch), [each.position for each in batch.rejections]) == (1, [1])
    assert "none of the shapes" in batch.rejections[0].reason


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (event("eyJzIjoxfQ=="), "base64 text"),
        (event(""), "is empty"),
        (event("1\n2")["data"] and event("time,value"), "CSV"),
        (event(None), "no JSON object"),
        (event(7), "no JSON object"),
        (event("7"), "no JSON object"),
        (event("{"), "not readable as JSON"),
        (event({"x": 1}), "none of the shapes"),
        (event(event({"signal": "a", "value": 1})), "a CloudEvent in a CloudEvent"),
        (event({"signal": "a", "value": 1}, data_base64="e30="), "not both"),
        (event(None, data_base64="e30"), "no base64"),
        (event(None, data_base64=7), "no base64"),
        (event(None, data_base64="äö"), "no base64"),
        (event([]), "the array is empty"),
    ],
)
def test_what_is_wrong_with_a_cloud_event(wrong, reason):
    [(_, found, is_whole)] = refused(wrong)
    assert is_whole
    assert reason in found


def test_an_object_of_ours_stays_what_it_is_whatever_else_is_in_it():
    own = {"signal": "a", "value": 1.0}
    nothing = {"key": "a", "body": None}
    others = {
        "metrics": [1],
        "fields": {},
        "sources": 7,
        "specversion": "1.0",
        "topic": "x",
        "tags": [],
        "name": 3,
    }
    assert learned(own | others) == [("a", 1.0, ARRIVED_S)]
    assert skipped(of(nothing | others)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def around(names: str):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names.split(), JSON))


TAG = around("id v q t")
METRIC = around("name tags fields timestamp alias dataType datatype value intValue properties isNull")
SOURCE = st.dictionaries(st.text(max_size=3), around("values timestamp") | JSON, max_size=3)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"values": st.lists(TAG | JSON, max_size=4), "timestamp": JSON}),
    st.fixed_dictionaries({"metrics": st.lists(METRIC | JSON, max_size=4), "topic": JSON}),
    st.fixed_dictionaries({"payload": around("metrics timestamp"), "topic": JSON}),
    st.fixed_dictionaries({"sources": SOURCE | JSON}),
    around("tagPath value quality timestamp"),
    METRIC,
)


@given(MESSAGES | JSON, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_a_message_holds_no_error_escapes(message, is_enveloped, is_in_an_array):
    payload = event(message) if is_enveloped else message
    batch = of([payload, {"signal": "after", "value": 1}] if is_in_an_array else payload)
    if is_in_an_array:
        assert observations(batch)[-1] == ("after", 1.0, ARRIVED_S)
    assert len({(each.record, each.position) for each in batch.rejections}) == len(batch.rejections)


@pytest.mark.parametrize(
    ("codes", "quality"),
    [
        ((192, 255), "good"),
        ((64, 127, 256, 299), "uncertain"),
        ((0, 63, 128, 191, 300, 500, 65535), "bad"),
    ],
)
def test_the_codes_of_opc_and_ignition_are_told_apart_at_their_bounds(codes, quality):
    assert {quality_of(code) for code in codes} == {quality}
