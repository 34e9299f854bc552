"""OPC UA PubSub as JSON: network messages of data sets, and the samples of Azure's OPC Publisher.

A field of a data set is a raw value, a variant (`UaType` and `Value`, or `Type` and `Body`), or a data value
with the status and the time at its source.

Sources: OPC 10000-14 (PubSub), 7.2.5; OPC 10000-6 (Mappings), 5.4; OPC Publisher's telemetry formats.
"""

from typing import Any, NamedTuple

from consumer.decode.documents import Payload
from consumer.decode.gateways import Found, GatewayValue, first_of, members, objects, status_of
from consumer.errors import Unlearnable

_NUMBERS = range(1, 12)
"""The built-in types from Boolean to Double: what is of another one is no measurement."""
_STATUS = ("StatusCode", "Status")
_TIMES = ("SourceTimestamp", "ServerTimestamp", "Timestamp")


class _DataValue(NamedTuple):
    value: Any
    timestamp: Any
    status: Any


def network_message(sent: Payload) -> Found:
    """Read the `Messages` of a publisher, each of a data set; one alone may be written without the list."""
    found = sent.ua_messages
    for message in [found] if isinstance(found, dict) else objects(found, "Messages"):
        if not isinstance(message, dict):
            yield Unlearnable("one of the 'Messages' is an object, as OPC UA writes it")
            continue
        try:
            yield from _data_set_message(message, sent.publisher_id, sent.timestamp)
        except Unlearnable as error:
            yield error


def data_set_message(sent: Payload) -> Found:
    """Read the `Payload` of a data set, sent without the header of a network message."""
    written = {
        "DataSetWriterName": sent.data_set_writer_name,
        "DataSetWriterId": sent.data_set_writer_id,
        "Timestamp": sent.ua_timestamp,
        "Status": sent.ua_status,
        "Payload": sent.ua_payload,
    }
    return _data_set_message(written, sent.publisher_id, sent.timestamp)


def without_data(sent: Payload) -> Found:
    """A message that tells of the publisher itself, such as `ua-metadata`, or that it is there."""
    yield GatewayValue(_named(sent.publisher_id, sent.ua_message_type), None, None, None)


def is_without_data(message_type: Any) -> bool:
    """Whether a message without `Messages` and `Payload` is one of OPC UA all the same."""
    return isinstance(message_type, str) and message_type.startswith("ua-")


def sample(sent: Payload) -> Found:
    """Read the value of a node, as OPC Publisher sends it."""
    at = next((at for at in (sent.source_timestamp, sent.ua_timestamp) if at is not None), sent.timestamp)
    status = sent.status_code if sent.ua_status is None else sent.ua_status
    read = _data_value(sent.ua_value, at, status)
    server = sent.endpoint_url if sent.application_uri is None else sent.application_uri
    yield _gateway_value(_named(server, sent.node_id), None, read)


def _data_set_message(message: dict[str, Any], publisher: Any, around: Any) -> Found:
    """Read the fields; `around` is the time of what is around the message, such as a CloudEvent."""
    signal = _named(publisher, first_of(message, "DataSetWriterName", "DataSetWriterId"))
    found = message.get("Payload")
    if found is None and is_without_data(message.get("MessageType")):
        yield GatewayValue(signal, None, None, None)
        return
    at, status = first_of(message, "Timestamp", otherwise=around), first_of(message, *_STATUS)
    for name, written in members(found, "Payload").items():
        try:
            yield _gateway_value(signal, name, _data_value(written, at, status))
        except Unlearnable as error:
            yield error


def _gateway_value(signal: str, name: str | None, read: _DataValue) -> GatewayValue:
    return GatewayValue(signal, name, read.value, read.timestamp, status_of(read.status))


def _named(*parts: Any) -> str:
    """Names with a slash between; a publisher and a writer may be numbers."""
    if not all(part is None or type(part) in (str, int) for part in parts):
        raise Unlearnable("the names and ids of OPC UA's publishers, writers and nodes are texts or numbers")
    there = [str(part) for part in parts if part is not None]
    if not there:
        raise Unlearnable("an OPC UA message names neither its PublisherId nor its DataSetWriterName or -Id")
    return "/".join(there)


def _data_value(written: Any, timestamp: Any, status: Any) -> _DataValue:
    """A raw value, a variant, or a data value around either."""
    for _ in range(2):
        if not isinstance(written, dict) or not ("Value" in written or "Body" in written):
            break
        timestamp = first_of(written, *_TIMES, otherwise=timestamp)
        status = first_of(written, *_STATUS, otherwise=status)
        of_type = first_of(written, "UaType", "Type")
        if type(of_type) is int and of_type not in _NUMBERS:
            return _DataValue(None, timestamp, status)
        written = written["Value"] if "Value" in written else written["Body"]
    else:
        return _DataValue(written, timestamp, status)
    if isinstance(written, dict) and not written.keys().isdisjoint(_STATUS):  # it has a status, and no value
        return _DataValue(None, timestamp, first_of(written, *_STATUS, otherwise=status))
    return _DataValue(written, timestamp, status)
