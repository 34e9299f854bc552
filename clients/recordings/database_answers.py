"""Answers of time series databases and dashboards as rows: each form is declared."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from clients.recordings.refusal import ReplayRefused
from consumer.decode.times import seconds_of
from consumer.errors import Unlearnable

Row = Mapping[str, Any]
Scalar = str | int | float | bool | None
Tags = dict[str, Scalar]


class _Series(Struct):
    columns: list[str]
    values: list[list[Scalar]] = []
    name: str = ""
    tags: Tags | None = None


class _InfluxResult(Struct, forbid_unknown_fields=True):
    series: list[_Series] = []
    error: str | None = None
    statement_id: int = 0
    partial: bool = False
    messages: list[Any] = []


class _Influx(Struct):
    results: list[_InfluxResult]


class _PrometheusSeries(Struct):
    metric: Tags
    values: list[tuple[Scalar, Scalar]] = []
    value: tuple[Scalar, Scalar] | None = None


class _PrometheusData(Struct):
    result: list[_PrometheusSeries]


class _Prometheus(Struct):
    data: _PrometheusData


class _CloudWatchMetric(Struct, rename="pascal"):
    id: str
    timestamps: list[Scalar]
    values: list[Scalar]
    label: str = ""


class _CloudWatchData(Struct):
    results: list[_CloudWatchMetric] = field(name="MetricDataResults")


class _CloudWatchStatistics(Struct):
    datapoints: list[dict[str, Scalar]] = field(name="Datapoints")


class _GrafanaField(Struct):
    name: str = ""
    type: str = ""
    labels: Tags | None = None


class _GrafanaSchema(Struct):
    fields: list[_GrafanaField]
    name: str | None = None
    refId: str | None = None


class _GrafanaColumns(Struct):
    values: list[list[Scalar]]


class _GrafanaFrame(Struct):
    schema: _GrafanaSchema
    data: _GrafanaColumns


class _GrafanaQuery(Struct):
    frames: list[_GrafanaFrame]


class _Grafana(Struct):
    results: dict[str, _GrafanaQuery]


class _Target(Struct):
    target: str
    datapoints: list[tuple[Scalar, Scalar]]


class _Hit(Struct):
    source: dict[str, Any] = field(name="_source")


class _Hits(Struct):
    hits: list[_Hit]


class _Elasticsearch(Struct):
    hits: _Hits


class _OpenTsdb(Struct):
    metric: str
    dps: dict[str, Scalar]
    tags: Tags = {}


class _Moment(Struct, forbid_unknown_fields=True):
    ts: int | float
    value: Scalar


class _PiState(Struct):
    name: str = field(name="Name")


class _PiValue(Struct):
    at: str = field(name="Timestamp")
    value: Scalar | _PiState = field(name="Value")
    is_good: bool | UnsetType = field(name="Good", default=UNSET)


class _PiStream(Struct):
    name: str = field(name="Name")
    items: list[_PiValue] = field(name="Items")


class _PiValues(Struct):
    items: list[_PiValue] = field(name="Items")


class _PiStreams(Struct):
    items: list[_PiStream] = field(name="Items")


class _Datum(Struct, rename="pascal"):
    scalar_value: str | None = None


class _Data(Struct):
    data: list[_Datum] = field(name="Data")


class _ColumnName(Struct):
    name: str = field(name="Name")


class _Timestream(Struct, rename="pascal"):
    rows: list[_Data]
    column_info: list[_ColumnName]


class _Entry(Struct):
    entryId: str
    assetPropertyValueHistory: list[dict[str, Any]]


class _SiteWise(Struct):
    successEntries: list[_Entry]


def rows_of_answer(path: Path, document: Any) -> tuple[list[Row], str] | None:
    """The rows of an answer, with the series that each belongs to, and its form; None: it is no answer.

    Raises:
        ReplayRefused: It is one, and has no values, or an error instead.
    """
    for who, form, read in _FORMS:
        try:
            answer = msgspec.convert(document, form)
        except msgspec.ValidationError:
            continue
        try:
            rows = list(read(answer))
        except ValueError:
            raise ReplayRefused(
                f"{path}: the answer of {who} has columns of different lengths: it is cut short. Ask it again"
            ) from None
        errors = [each.error for each in answer.results if each.error] if isinstance(answer, _Influx) else []
        if errors:
            raise ReplayRefused(f"{path}: {who} answered with an error, {errors[0][:200]!r}: ask it again")
        if not rows:
            raise ReplayRefused(f"{path}: the answer of {who} has no values: ask for a time that has some")
        return rows, f"JSON, an answer of {who}"
    return None


def _named(name: str, tags: Tags | None) -> str:
    shown = ",".join(f"{key}={value}" for key, value in (tags or {}).items())
    return f"{name}{{{shown}}}" if shown else name


def _of_influx(answer: _Influx) -> Iterator[Row]:
    for result in answer.results:
        for series in result.series:
            name = ",".join([series.name, *(f"{key}={value}" for key, value in (series.tags or {}).items())])
            for row in series.values:
                yield {"series": name, **dict(zip(series.columns, row, strict=True))}


def _of_prometheus(answer: _Prometheus) -> Iterator[Row]:
    for series in answer.data.result:
        labels = dict(series.metric)
        name = _named(str(labels.pop("__name__", "")), labels)
        for at, value in [*series.values, *([series.value] if series.value else [])]:
            yield {"series": name, "time": at, "value": value}


def _in_time(rows: Sequence[Row], name: str) -> Sequence[Row]:
    """Sorted, as CloudWatch answers in any order; as they are where a time is none: it is refused later."""
    try:
        return sorted(rows, key=lambda row: seconds_of(row[name]))
    except (Unlearnable, KeyError):
        return rows


def _of_cloudwatch_data(answer: _CloudWatchData) -> Iterator[Row]:
    ids: dict[str, set[str]] = {}
    for each in answer.results:
        ids.setdefault(each.label, set()).add(each.id)
    for metric in answer.results:
        name = metric.label if metric.label and len(ids[metric.label]) == 1 else metric.id
        for at, value in zip(metric.timestamps, metric.values, strict=True):
            yield {"series": name, "timestamp": at, "value": value}


def _of_cloudwatch_statistics(answer: _CloudWatchStatistics) -> Iterator[Row]:
    yield from _in_time(answer.datapoints, "Timestamp")


def _of_frames(frames: Sequence[_GrafanaFrame], query: str = "") -> Iterator[Row]:
    for frame in frames:
        fields = frame.schema.fields
        columns = list(zip(fields, frame.data.values, strict=True))
        times = [column for each, column in columns if each.type == "time"]
        if len(times) != 1 or any(each.type == "string" for each in fields):  # a table of its own
            names = [each.name for each in fields]
            yield from (dict(zip(names, row, strict=True)) for row in zip(*frame.data.values, strict=True))
            continue
        for each, column in columns:
            if each.type != "time":
                plain = each.name if each.name.casefold() not in ("", "value") else ""
                name = _named(
                    plain or frame.schema.name or frame.schema.refId or query or each.name, each.labels
                )
                yield from (
                    {"series": name, "time": at, "value": value}
                    for at, value in zip(times[0], column, strict=True)
                )


def _of_grafana(answer: _Grafana) -> Iterator[Row]:
    for query, result in answer.results.items():
        yield from _of_frames(result.frames, query)


def _of_targets(answer: list[_Target]) -> Iterator[Row]:
    for each in answer:
        for value, at in each.datapoints:
            yield {"series": each.target, "time": at, "value": value}


def _of_elasticsearch(answer: _Elasticsearch) -> Iterator[Row]:
    yield from (hit.source for hit in answer.hits.hits)


def _of_opentsdb(answer: list[_OpenTsdb]) -> Iterator[Row]:
    for each in answer:
        for at, value in each.dps.items():
            yield {"series": _named(each.metric, each.tags), "time": at, "value": value}


def _of_moments(answer: dict[str, list[_Moment]]) -> Iterator[Row]:
    for name, moments in answer.items():
        yield from ({"series": name, "ts": each.ts, "value": each.value} for each in moments)


def _of_pi_values(answer: _PiValues | _PiStream, name: str | None = None) -> Iterator[Row]:
    for each in answer.items:
        row: dict[str, Any] = {} if name is None else {"series": name}
        row["timestamp"] = each.at
        row["value"] = each.value.name if isinstance(each.value, _PiState) else each.value
        if each.is_good is not UNSET:
            row["quality"] = "Good" if each.is_good else "Bad"
        yield row


def _of_pi_streams(answer: _PiStreams) -> Iterator[Row]:
    for stream in answer.items:
        yield from _of_pi_values(stream, stream.name)


def _of_timestream(answer: _Timestream) -> Iterator[Row]:
    names = [column.name for column in answer.column_info]
    for row in answer.rows:
        yield dict(zip(names, (each.scalar_value for each in row.data), strict=True))


def _of_sitewise(answer: _SiteWise) -> Iterator[Row]:
    for entry in answer.successEntries:
        yield from ({"series": entry.entryId, **row} for row in entry.assetPropertyValueHistory)


_FORMS: tuple[tuple[str, Any, Callable[[Any], Iterator[Row]]], ...] = (
    ("InfluxDB", _Influx, _of_influx),
    ("Prometheus", _Prometheus, _of_prometheus),
    ("CloudWatch", _CloudWatchData, _of_cloudwatch_data),
    ("CloudWatch", _CloudWatchStatistics, _of_cloudwatch_statistics),
    ("Grafana", _Grafana, _of_grafana),
    ("Grafana", list[_GrafanaFrame], _of_frames),
    ("Grafana or Graphite", list[_Target], _of_targets),
    ("Elasticsearch", _Elasticsearch, _of_elasticsearch),
    ("OpenTSDB", list[_OpenTsdb], _of_opentsdb),
    ("ThingsBoard", dict[str, list[_Moment]], _of_moments),
    ("PI Web API", _PiStreams, _of_pi_streams),
    ("PI Web API", _PiValues, _of_pi_values),
    ("Timestream", _Timestream, _of_timestream),
    ("AWS IoT SiteWise", _SiteWise, _of_sitewise),
)
