"""The event for a finding; its id depends on the observation alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from consumer.decode.batch import Batch
from consumer.decode.records import Record, Shard
from consumer.decode.signal_names import identity
from consumer.decode.values import iso8601
from consumer.detectors.alert_policy import Change, Finding
from consumer.settings.signal_settings import SignalSettings

SOURCE = "river.consumer"
DETAIL_BYTES_MAX = 32_000
HEADLINE_BYTES_MAX = 800
"""In UTF-8. PagerDuty takes 1,024 characters, a block of Slack 3,000."""
_NAME_BYTES_MAX = 60
"""Of each name, in a headline that would be too long."""
_ANGLES = str.maketrans("<>", "()")
_VALUES_SHOWN_MAX = 8
_LAG_S_MAX = 1e9  # EventBridge compares numbers up to five billion


@dataclass(frozen=True, slots=True)
class Event:
    """An event as EventBridge takes it: `detail` is JSON text, under 32 kB."""

    id: str
    detail_type: str
    detail: str


def event_of(
    *,
    use_case: str,
    kind: str,
    detail_type: str,
    change: Change,
    shard: Shard,
    record: Record,
    signal: str,
    position: int,
    value: float,
    timestamp: float | None,
    severity: str,
    is_muted: bool,
    shown: Mapping[str, Any],
    observations: int,
    evidence: dict[str, Any],
) -> Event:
    """The event for a finding at the `position`-th observation of a record."""
    of_change = kind if change == "opened" else f"{kind} {change}"
    event_id = identity(
        use_case, *shard, str(record.sequence_number), record.partition_key, signal, of_change, position
    )
    what = f"{severity}: {detail_type}{_since(change, evidence)}"
    detail = {
        "id": event_id,
        "headline": _headline(what, signal, value, shown, evidence),
        "change": change,
        "alert": identity(use_case, signal, kind),
        "use_case": use_case,
        "signal": signal,
        **shown,
        "value": value,
        "severity": severity,
        "muted": is_muted,
        "timestamp": iso8601(record.arrived_s if timestamp is None else timestamp),
        "arrived_at": iso8601(record.arrived_s),
        "lag_s": _lag_s(record.arrived_s, timestamp),
        "stream": shard.stream,
        "shard_id": shard.shard_id,
        "sequence_number": record.identifier,
        "observations": observations,
        "evidence": evidence,
    }
    return Event(event_id, detail_type, _within_bounds(detail))


def _headline(
    what: str, signal: str, value: float, shown: Mapping[str, Any], evidence: Mapping[str, Any]
) -> str:
    """One line of plain text. If it were too long, all names in it are cut, and then its end.

    >>> _headline("info: Drift Detected", "c1.p", 4.25, {}, {})
    'info: Drift Detected on c1.p, value 4.25'
    >>> len(_headline("info: Drift Detected", "c" * 512, 4.25, {"name": "n" * 200, "asset": "a" * 200}, {}))
    215
    """
    for name_bytes_max in (HEADLINE_BYTES_MAX, _NAME_BYTES_MAX):
        title = _title(signal, shown, name_bytes_max)
        headline = _plain(f"{what} on {title}, {_measured(value, shown, evidence, name_bytes_max)}")
        if len(headline.encode()) <= HEADLINE_BYTES_MAX:
            return headline
    return _cut(headline, HEADLINE_BYTES_MAX, of_end=0)


def _plain(text: str) -> str:
    r"""The text without what its readers' programs obey: breaks and directions of lines, mentions of Slack.

    >>> _plain("a\u2028b \u202ec <!channel>")
    'a b \ufffdc (!channel)'
    """
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else " " if character.isspace() else "\ufffd"
            for character in text
        )
    return text.translate(_ANGLES)


def _cut(text: str, bytes_max: int, of_end: int = 24) -> str:
    """A text that is longer, in UTF-8, than it may be without its middle; the end has that many bytes.

    >>> _cut("line3.compressor1.pressure", 18, 8), _cut("line3.pump", 18, 8), _cut("Öldruck", 6, 0)
    ('line3.c…pressure', 'line3.pump', 'Öl…')
    """
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    beginning = encoded[: bytes_max - of_end - len("…".encode())]
    end = encoded[len(encoded) - of_end :]
    return f"{beginning.decode(errors='ignore')}…{end.decode(errors='ignore')}"


def _title(signal: str, shown: Mapping[str, Any], name_bytes_max: int = HEADLINE_BYTES_MAX) -> str:
    """The signal as people call it, with its key.

    >>> _title("c1.p", {})
    'c1.p'
    >>> _title("c1.p", {"name": "Pressure", "asset": "Compressor 1", "line": "Line 3"})
    'Pressure, Compressor 1, Line 3 (c1.p)'
    """
    signal = _cut(signal, name_bytes_max)
    names = [_cut(shown[name], name_bytes_max) for name in ("name", "asset", "line") if name in shown]
    return f"{', '.join(names)} ({signal})" if names else signal


def _since(change: Change, evidence: Mapping[str, Any]) -> str:
    """The state of an alert, for a headline.

    >>> _since("opened", {}), _since("still_open", {"open_for_s": 7260.0}), _since("cleared", {})
    ('', ' still open after 2 h 1 min', ' cleared')
    """
    if change == "opened":
        return ""
    minutes = round((evidence.get("open_for_s") or 0.0) / 60.0)
    hours = f"{minutes // 60} h " if minutes >= 60 else ""
    return f" {change.replace('_', ' ')}{f' after {hours}{minutes % 60} min' if minutes > 0 else ''}"


def _measured(
    value: float,
    shown: Mapping[str, Any],
    evidence: Mapping[str, Any],
    name_bytes_max: int = HEADLINE_BYTES_MAX,
) -> str:
    """The value, or those of an asset's row, and what would be usual.

    >>> _measured(4.25, {"unit": "bar"}, {})
    'value 4.25 bar'
    >>> _measured(4.25, {}, {"values": {"speed": 100.0, "flow": 4.25}})
    'speed 100, flow 4.25'
    >>> _measured(4.25, {}, {"says": "4.25 came 180 times running"})
    '4.25 came 180 times running'
    >>> _measured(30.7, {}, {"usual_from": 39.0, "usual_to": 84.0})
    'value 30.7, where 39 to 84 is usual'
    >>> _measured(30.7, {}, {"mode": 2.0, "usual_from": 39.0, "usual_to": 84.0})
    'value 30.7, where 39 to 84 is usual in mode 2'
    """
    mode = f" in mode {evidence['mode']:.6g}" if "mode" in evidence and "left_mode" not in evidence else ""
    return _seen(value, shown, evidence, name_bytes_max) + mode


def _seen(value: float, shown: Mapping[str, Any], evidence: Mapping[str, Any], name_bytes_max: int) -> str:
    """The same without the mode of the machine."""
    if "says" in evidence:
        return str(evidence["says"])
    row = evidence.get("values")
    if isinstance(row, dict):
        first = islice(row.items(), _VALUES_SHOWN_MAX)
        values = [f"{_cut(name, name_bytes_max)} {each:.6g}" for name, each in first]
        return ", ".join(values) + (", …" if len(row) > _VALUES_SHOWN_MAX else "")
    unit = f" {_cut(shown['unit'], name_bytes_max)}" if "unit" in shown else ""
    measured = f"value {value:.6g}{unit}"
    if {"usual_from", "usual_to"} <= evidence.keys():
        measured += f", where {evidence['usual_from']:.6g} to {evidence['usual_to']:.6g} is usual"
    return measured


def _lag_s(arrived_s: float | None, measured_s: float | None) -> float:
    """The time from measurement to arrival; 0 if one of the times is unknown.

    >>> _lag_s(7300.0, 100.0), _lag_s(7300.0, None)
    (7200.0, 0.0)
    """
    if arrived_s is None or measured_s is None:
        return 0.0
    return round(min(max(arrived_s - measured_s, -_LAG_S_MAX), _LAG_S_MAX), 3)


def _within_bounds(detail: dict[str, Any]) -> str:
    """The detail as JSON, its evidence cut from the end until it fits: the same evidence, the same cut."""
    encoded = msgspec.json.encode(detail)
    names: Sequence[str] = list(detail["evidence"])
    while len(encoded) > DETAIL_BYTES_MAX and names:
        names = names[: len(names) // 2]
        evidence = {name: detail["evidence"][name] for name in names}
        encoded = msgspec.json.encode(detail | {"evidence": evidence | {"cut": True}})
    if len(encoded) > DETAIL_BYTES_MAX:  # the bus would refuse it, and its page never be committed
        raise ValueError(f"an event of {len(encoded)} bytes, though {DETAIL_BYTES_MAX} are allowed")
    return encoded.decode()


SENSOR_FAULT = "Sensor Fault"


class ObservationRef(NamedTuple):
    """An observation: the `position`-th of record `record` of its batch."""

    record: int
    position: int
    value: float
    timestamp: float | None


def event_of_finding(
    name: str,
    settings: SignalSettings,
    batch: Batch,
    signal: str,
    ref: ObservationRef,
    observations: int,
    finding: Finding,
) -> Event:
    """The event; `observations` counts what the model had learned by then."""
    use_case, fault = settings.use_case, finding.fault
    return event_of(
        use_case=name,
        kind=f"sensor {fault}" if fault else use_case.kind,
        detail_type=SENSOR_FAULT if fault else use_case.detail_type,
        change=finding.change,
        shard=batch.shard,
        record=batch.records[ref.record],
        signal=signal,
        position=ref.position,
        value=float(ref.value),
        timestamp=ref.timestamp,
        severity=settings.severity,
        is_muted=settings.is_muted,
        shown=settings.shown,
        observations=observations,
        evidence=finding.evidence,
    )
