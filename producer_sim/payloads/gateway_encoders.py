"""The shapes that gateways send, as their manuals show them: from readings to payloads.

What has no good value is sent as each gateway says so. A shape whose times are milliseconds has them rounded:
the observations are those that the messages say.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from typing import Any

from consumer.decode.values import iso8601
from producer_sim.payloads.encoded import Compress, Encoded, Observation, Readings, at_one_time, in_turn
from producer_sim.payloads.encoders import Value, compact_json

GROUP, NODE = "sim", "edge1"
"""Of Sparkplug's topics; the device is the asset."""
HOST = "edge1"
"""The tag of Telegraf's metrics."""


# The names under which the signals are learned, and what a name was made of.


def sparkplug_name(asset: str, quantity: str) -> str:
    """A device is an asset."""
    return f"{GROUP}/{NODE}/{asset}/{quantity}"


def telegraf_name(asset: str, quantity: str) -> str:
    """A measurement is an asset."""
    return f"{_line_protocol(asset)},host={HOST}.{quantity}"


def ignition_name(asset: str, quantity: str) -> str:
    """A tag in the folder of its asset."""
    return f"[default]{asset}/{quantity}"


def opc_ua_name(asset: str, quantity: str) -> str:
    """A data set is an asset."""
    return f"{NODE}/{asset}.{quantity}"


def _line_protocol(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _plain(text: str) -> str:
    return text.replace("\\=", "=").replace("\\,", ",").replace("\\\\", "\\")


# A message of many tags.


def kepserver(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """The standard template of KEPServerEX's IoT Gateway."""
    observations = list(map(_in_milliseconds, in_turn(names, readings)))
    tags = [
        {"id": one.signal, "v": _or_zero(one.value), "q": one.value is not None, "t": _milliseconds(one)}
        for one in observations
    ]
    yield compress(compact_json({"timestamp": _latest(observations), "values": tags})), observations


def ignition_tags(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    """An array of tags' values, as an event stream of Ignition sends it."""
    observations = list(map(_in_milliseconds, in_turn(names, readings)))
    tags = [
        {
            "tagPath": one.signal,
            "value": one.value,
            "quality": "Bad_NotConnected" if one.value is None else "Good",
            "timestamp": _milliseconds(one),
        }
        for one in observations
    ]
    yield compress(compact_json(tags)), observations


def sparkplug(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """Data of a device as the protobuf's JSON, beside its topic, as a rule of AWS IoT puts it on a stream."""
    observations = list(map(_in_milliseconds, in_turn(names, readings)))
    prefix, _, _ = names[0].rpartition("/")
    metrics = [
        {"name": one.signal.removeprefix(f"{prefix}/"), "timestamp": str(_milliseconds(one)), "datatype": 10}
        | ({"isNull": True} if one.value is None else {"doubleValue": one.value})
        for one in observations
    ]
    topic = f"spBv1.0/{GROUP}/DDATA/{NODE}/{prefix.removeprefix(f'{GROUP}/{NODE}/')}"
    message = {"topic": topic, "timestamp": str(_latest(observations)), "metrics": metrics, "seq": "1"}
    yield compress(compact_json(message)), observations


def injector(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """What Cirrus Link's injector for Ignition puts on a stream."""
    observations = list(map(_in_milliseconds, in_turn(names, readings)))
    prefix, _, _ = names[0].rpartition("/")
    bad = {"properties": {"Quality": {"type": "Int32", "value": 0}}}
    metrics = [
        {
            "name": one.signal.removeprefix(f"{prefix}/"),
            "timestamp": _milliseconds(one),
            "dataType": "Double",
            "value": _or_zero(one.value),
        }
        | (bad if one.value is None else {})
        for one in observations
    ]
    topic = {
        "namespace": "spBv1.0",
        "edgeNodeDescriptor": f"{GROUP}/{NODE}",
        "groupId": GROUP,
        "edgeNodeId": NODE,
        "deviceId": prefix.removeprefix(f"{GROUP}/{NODE}/"),
        "type": "DDATA",
    }
    payload = {"timestamp": _latest(observations), "metrics": metrics, "seq": 1}
    yield compress(compact_json({"topic": topic, "payload": payload})), observations


# A message of an asset's values at one time.


def telegraf(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """Metrics with their times in nanoseconds, alone or as a batch."""
    metrics, observations = list[dict[str, Any]](), list[Observation]()
    for time_s, values in at_one_time(names, readings):
        series = names[0].rpartition(".")[0].removesuffix(f",host={HOST}")
        nanoseconds = round(time_s * 1e6) * 1000
        fields = _by_quantity(values)
        tags = {"host": HOST}
        metrics.append({"fields": fields, "name": _plain(series), "tags": tags, "timestamp": nanoseconds})
        observations += [Observation(name, time_s, value) for name, value in values.items()]
    yield compress(compact_json(metrics[0] if len(metrics) == 1 else {"metrics": metrics})), observations


def shop_floor(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """A schedule of AWS Shop Floor Connectivity that reads one source."""
    source = names[0].rpartition(".")[0]
    for time_s, values in at_one_time(names, readings):
        time = iso8601(time_s)
        channels = {
            quantity: {"value": value, "timestamp": time} for quantity, value in _by_quantity(values).items()
        }
        message = {
            "schedule": "Simulated",
            "sources": {source: {"values": channels}},
            "serial": _id_of(source, time_s),
            "timestamp": time,
        }
        yield _of_values(message, time_s, values, compress)


def opc_ua(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """A network message of OPC UA PubSub with a data set of an asset."""
    writer = names[0].rpartition(".")[0].removeprefix(f"{NODE}/")
    for time_s, values in at_one_time(names, readings):
        bad = {"StatusCode": {"Code": 0x8031_0000, "Symbol": "BadNoCommunication"}}
        fields = {
            quantity: bad if value is None else {"Value": value, "SourceTimestamp": iso8601(time_s)}
            for quantity, value in _by_quantity(values).items()
        }
        data_set = {"DataSetWriterName": writer, "Timestamp": iso8601(time_s), "Payload": fields}
        message = {
            "MessageId": _id_of(writer, time_s),
            "MessageType": "ua-data",
            "PublisherId": NODE,
            "Messages": [data_set],
        }
        yield _of_values(message, time_s, values, compress)


# Envelopes.


def cloud_events(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    """Each observation as the data of an event of its own, which has its time."""
    for one in in_turn(names, readings):
        event = {
            "specversion": "1.0",
            "id": _id_of(one.signal, one.timestamp_s),
            "source": f"/{GROUP}/{NODE}",
            "type": "simulated.measured",
            "time": iso8601(one.timestamp_s),
            "datacontenttype": "application/json",
            "data": {"signal": one.signal, "value": one.value},
        }
        yield compress(compact_json(event)), [one]


def _of_values(
    message: Mapping[str, Any], time_s: float, values: Mapping[str, Value], compress: Compress
) -> Encoded:
    observations = [Observation(name, time_s, value) for name, value in values.items()]
    return compress(compact_json(message)), observations


def _by_quantity(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name.rpartition(".")[2]: value for name, value in values.items()}


def _in_milliseconds(one: Observation) -> Observation:
    return one._replace(timestamp_s=_milliseconds(one) / 1000)


def _milliseconds(one: Observation) -> int:
    return round((one.timestamp_s or 0.0) * 1000)


def _latest(observations: Sequence[Observation]) -> int:
    """When the message was put together."""
    return max(map(_milliseconds, observations))


def _or_zero(value: Value) -> Value:
    """What a gateway writes where it has no good value, and says so beside it."""
    return 0.0 if value is None else value


def _id_of(name: str, time_s: float | None) -> str:
    return md5(f"{name} {time_s}".encode(), usedforsecurity=False).hexdigest()
