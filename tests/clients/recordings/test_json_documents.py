"""JSON as dashboards, databases and pandas write it: read as it stands, or refused with what to do."""

import json

import pytest

from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import at, read, said, values, written

TIMES = [f"2024-03-01T00:0{minute}:00Z" for minute in range(5)]
T0 = at("2024-03-01T00:00")
MS = [int(1000 * T0) + 60_000 * minute for minute in range(5)]
UP, DOWN = [1.5, 2.5, 3.5, 4.5, 5.5], [9.0, 8.0, 7.0, 6.0, 5.0]


def recording(tmp_path, document):
    return written(tmp_path, json.dumps(document), "rig.json")


def frame(fields, columns, **schema):
    return {"schema": {"fields": fields, **schema}, "data": {"values": columns}}


TIME = {"name": "Time", "type": "time"}
NUMBER = {"name": "Value", "type": "number"}
FLOW = {"name": "flow", "type": "number", "labels": {"pump": "1"}}
ANSWERS = {
    "CloudWatch, newest first": {
        "MetricDataResults": [
            {
                "Id": "m1",
                "Label": "up",
                "Timestamps": TIMES[::-1],
                "Values": UP[::-1],
                "StatusCode": "Complete",
            },
            {"Id": "m2", "Label": "down", "Timestamps": TIMES, "Values": DOWN},
        ]
    },
    "Grafana's frames": {
        "results": {
            "A": {
                "status": 200,
                "frames": [frame([TIME, NUMBER], [MS, UP], name="up")],
            },
            "B": {"frames": [frame([TIME, {"name": "down", "type": "number"}], [MS, DOWN], refId="B")]},
        }
    },
    "frames alone": [frame([TIME, {"name": "up", "type": "number"}, {"name": "down"}], [MS, UP, DOWN])],
    "Grafana's and Graphite's targets": [
        {"target": "up", "datapoints": [*zip(UP, MS, strict=True)]},
        {"target": "down", "datapoints": [*zip(DOWN, MS, strict=True)]},
    ],
    "OpenTSDB": [
        {"metric": name, "tags": {}, "aggregateTags": [], "dps": dict(zip(map(str, MS), found, strict=True))}
        for name, found in (("up", UP), ("down", DOWN))
    ],
    "ThingsBoard": {
        name: [{"ts": ms, "value": str(value)} for ms, value in zip(MS, found, strict=True)]
        for name, found in (("up", UP), ("down", DOWN))
    },
    "InfluxDB": {
        "results": [
            {
                "statement_id": 0,
                "series": [
                    {"name": name, "columns": ["time", "v"], "values": [*zip(TIMES, found, strict=True)]}
                    for name, found in (("up", UP), ("down", DOWN))
                ],
            }
        ]
    },
    "Prometheus": {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [
                {
                    "metric": {"__name__": name},
                    "values": [[ms / 1000, str(v)] for ms, v in zip(MS, found, strict=True)],
                }
                for name, found in (("up", UP), ("down", DOWN))
            ],
        },
    },
    "PI Web API": {
        "Items": [
            {
                "Name": name,
                "Items": [
                    {"Timestamp": t, "Value": v, "Good": True} for t, v in zip(TIMES, found, strict=True)
                ],
            }
            for name, found in (("up", UP), ("down", DOWN))
        ]
    },
    "pandas' columns": {"up": dict(zip(TIMES, UP, strict=True)), "down": dict(zip(TIMES, DOWN, strict=True))},
    "pandas' index": {t: {"up": u, "down": d} for t, u, d in zip(TIMES, UP, DOWN, strict=True)},
    "pandas' index of epochs": {str(m): {"up": u, "down": d} for m, u, d in zip(MS, UP, DOWN, strict=True)},
    "numbered rows": {
        str(n): {"ts": t, "up": u, "down": d} for n, (t, u, d) in enumerate(zip(TIMES, UP, DOWN, strict=True))
    },
    "numbered rows a column": {
        "up": dict(enumerate(UP)),
        "ts": dict(enumerate(TIMES)),
        "down": dict(enumerate(DOWN)),
    },
    "pandas' split": {
        "columns": ["up", "down"],
        "index": TIMES,
        "data": [*zip(UP, DOWN, strict=True)],
    },
    "levels of rows": {
        "columns": ["reading"],
        "index": [[name, ms] for name in ("up", "down") for ms in MS],
        "data": [[value] for value in UP + DOWN],
    },
    "Timestream": {
        "ColumnInfo": [{"Name": "time", "Type": {}}, {"Name": "up"}, {"Name": "down"}],
        "Rows": [
            {
                "Data": [
                    {"ScalarValue": t[:-1].replace("T", " ")},
                    {"ScalarValue": str(u)},
                    {"ScalarValue": str(d)},
                ]
            }
            for t, u, d in zip(TIMES, UP, DOWN, strict=True)
        ],
    },
    "Elasticsearch": {
        "took": 5,
        "hits": {
            "total": {"value": 5},
            "hits": [
                {"_index": "i", "_id": "7", "_source": {"@timestamp": t, "up": u, "down": d}}
                for t, u, d in zip(TIMES, UP, DOWN, strict=True)
            ],
        },
    },
    "an array of rows a sensor": [
        {"sensor": name, "readings": [{"time": TIMES[n], "v": v} for n, v in enumerate(found)]}
        for name, found in (("up", UP), ("down", DOWN))
    ],
    "arrays a sensor": [
        {"sensor": name, "times": TIMES, "v": found} for name, found in (("up", UP), ("down", DOWN))
    ],
    "rows below the name of each sensor": {
        name: [{"time": TIMES[n], "v": v} for n, v in enumerate(found)]
        for name, found in (("up", UP), ("down", DOWN))
    },
    "arrays and a word beside them": {"station": "north", "time": TIMES, "up": UP, "down": DOWN},
}


@pytest.mark.parametrize("form", ANSWERS)
def test_each_series_is_a_signal_with_its_own_times(tmp_path, form):
    found = read(recording(tmp_path, ANSWERS[form]))
    expected = {"up": UP, "down": DOWN}
    assert found == {name: [(T0 + 60 * n, value) for n, value in enumerate(expected[name])] for name in found}
    assert set(found) == {"up", "down"}


def test_labels_tell_series_apart(tmp_path):
    document = {"results": {"A": {"frames": [frame([TIME, FLOW], [MS, UP])]}}}
    assert list(values(recording(tmp_path, document))) == ["flow{pump=1}"]
    same = [{"Id": i, "Label": "CPU", "Timestamps": TIMES, "Values": UP} for i in ("m1", "m2")]
    assert list(values(recording(tmp_path, {"MetricDataResults": same}))) == ["m1", "m2"]


def test_cloudwatchs_statistics_are_sorted_as_they_come_in_any_order(tmp_path):
    points = [{"Timestamp": TIMES[n], "Average": UP[n], "Unit": "Percent"} for n in (3, 0, 4, 1, 2)]
    path = recording(tmp_path, {"Label": "CPUUtilization", "Datapoints": points})
    assert read(path) == {"Average": [(T0 + 60 * n, value) for n, value in enumerate(UP)]}
    assert "JSON, an answer of CloudWatch" in said(path)


def test_a_digital_state_and_a_bad_value_of_pi_are_gaps(tmp_path):
    states = [1.5, {"Name": "No Data", "Value": 248, "IsSystem": True}, 3.5]
    rows = [
        {"Timestamp": t, "Value": v, "Good": n < 2}
        for n, (t, v) in enumerate(zip(TIMES, states, strict=False))
    ]
    path = recording(tmp_path, {"Links": {}, "Items": rows})
    assert values(path) == {"value": [1.5]}
    assert "'No Data' 1" in said(path)
    assert "quality bad: 1" in said(path)


def test_levels_of_columns_are_joined(tmp_path):
    document = {
        "columns": [["press", "t"], ["oven", "t"]],
        "index": TIMES,
        "data": [*zip(UP, DOWN, strict=True)],
    }
    assert values(recording(tmp_path, document)) == {"press.t": UP, "oven.t": DOWN}


def test_what_stands_beside_the_rows_is_said(tmp_path):
    rows = [{"time": t, "v": v} for t, v in zip(TIMES, UP, strict=True)]
    path = recording(tmp_path, {"site": "north", "rows": rows, "limits": {"high": 5}})
    assert values(path) == {"v": UP}
    assert "beside the rows, 'site', 'limits'" in said(path)


def test_arrays_beside_a_time_do_not_make_several_rows_of_it(tmp_path):
    rows = [{"time": t, "v": v, "events": [{"a": 1}, {"a": 2}]} for t, v in zip(TIMES, UP, strict=True)]
    path = recording(tmp_path, rows)
    assert values(path) == {"v": UP}
    assert "column 'events' (texts" in said(path)


def test_nulls_among_the_rows_are_counted(tmp_path):
    rows = [{"time": t, "v": v} for t, v in zip(TIMES, UP, strict=True)]
    path = recording(tmp_path, [None, *rows, None])
    assert values(path) == {"v": UP}
    assert "2 nulls among the rows" in said(path)


@pytest.mark.parametrize(
    ("document", "leads_on"),
    [
        ([], r"holds no row, only \[\]"),
        ({}, r"holds no row, only \{\}"),
        (None, "holds no row, only null"),
        ({"MetricDataResults": [], "Messages": []}, "answer of CloudWatch has no values: ask for a time"),
        ({"results": [{"statement_id": 0}]}, "answer of InfluxDB has no values"),
        ({"results": [{"error": "no such database"}]}, "InfluxDB answered with an error, 'no such database'"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, "Prometheus has no values"),
        (
            {"MetricDataResults": [{"Id": "m", "Timestamps": TIMES, "Values": UP[:3]}]},
            "answer of CloudWatch has columns of different lengths",
        ),
        ([[t, v] for t, v in zip(TIMES, UP, strict=True)], r"rows have no names, .*orient=\"split\""),
        ([[t, "1"] for t in TIMES], "rows have no names"),
        ({"time": TIMES, "v": UP[:3]}, "'v' has 3 values, and 'time' 5"),
        (
            {"north": [{"time": t, "v": 1} for t in TIMES], "south": [{"time": t, "w": 2} for t in TIMES]},
            "holds several tables, 'north', 'south': write each into a file of its own",
        ),
        ({"columns": ["time", "v", "v"], "data": [[t, 1, 2] for t in TIMES]}, "two columns are named 'v'"),
    ],
)
def test_what_is_no_recording_is_refused_with_what_to_do(tmp_path, document, leads_on):
    with pytest.raises(ReplayRefused, match=leads_on):
        said(recording(tmp_path, document))
