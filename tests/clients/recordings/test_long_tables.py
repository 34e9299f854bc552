"""Long tables: a row for each value becomes a signal for each tag; found, named or refused."""

import json
from random import Random

import pytest

from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import at, chosen, read, said, values, written

MINUTES = [f"2024-03-01T00:{minute:02}:00Z" for minute in range(30)]


def shared(header="timestamp,tag,value", tags=("pump.p", "pump.t"), form="{at},{tag},{value}"):
    rows = [
        form.format(at=at_, tag=tag, value=n + m)
        for n, at_ in enumerate(MINUTES)
        for m, tag in enumerate(tags)
    ]
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize("name", ["tag", "TagName", "entity_id", "variable", "wherever"])
def test_a_column_of_texts_that_repeats_beside_times_has_the_tags(tmp_path, name):
    path = written(tmp_path, shared(f"timestamp,{name},value"))
    assert values(path) == {
        "pump.p": [float(n) for n in range(30)],
        "pump.t": [float(n + 1) for n in range(30)],
    }
    assert f"by the tags in {name!r} (pump.p, pump.t), 60 rows, 60 observations" in said(path)
    assert chosen(path).signal_names("export") == ("pump.p", "pump.t")


def test_tags_that_come_one_after_the_other_are_sorted_by_time(tmp_path):
    rows = [f"{at_},{tag},{n}" for tag in ("a.x", "b.x", "c.x") for n, at_ in enumerate(MINUTES)]
    path = written(tmp_path, "\n".join(["time,whatever,reading", *rows]))
    assert read(path) == {
        tag: [(at(at_[:-1]), float(n)) for n, at_ in enumerate(MINUTES)] for tag in ("a.x", "b.x", "c.x")
    }
    assert "sorted by time" in said(path)
    assert len(set(map(len, values(path).values()))) == 1


def test_tags_that_report_when_they_change_are_signals_too(tmp_path):
    """As Home Assistant exports them: each entity at its own times, some without numbers."""
    rows = ["sensor.outside,3.5", "switch.pump,on", "weather.home,cloudy"]
    rows += ["sensor.outside,unavailable", "switch.pump,off", "sensor.outside,4.0"]
    lines = [f"{row},2024-03-01T00:0{n}:07.123Z" for n, row in enumerate(rows)]
    path = written(tmp_path, "\n".join(["entity_id,state,last_changed", *lines]))
    assert values(path) == {"sensor.outside": [3.5, 4.0], "switch.pump": [1.0, 0.0]}
    assert "1 tag without a number, such as 'weather.home'" in said(path)
    assert "'unavailable' 1" in said(path)


def test_a_wide_table_with_a_column_of_texts_stays_wide(tmp_path):
    rows = [f"{at_},{n},{'auto' if n % 3 else 'manual'}" for n, at_ in enumerate(MINUTES)]
    path = written(tmp_path, "\n".join(["time,flow,mode", *rows]))
    assert list(values(path)) == ["flow"]
    assert "column 'mode' (texts, such as 'manual')" in said(path)


def test_several_values_of_a_tag_are_signals_each(tmp_path):
    rows = [f"{at_},{device},{n},{n + 0.5}" for n, at_ in enumerate(MINUTES) for device in ("d1", "d2")]
    path = written(tmp_path, "\n".join(["time,device,temp,hum", *rows]))
    assert list(values(path)) == ["d1.temp", "d1.hum", "d2.temp", "d2.hum"]


def test_columns_can_be_named_that_make_a_tag_together(tmp_path):
    rows = [
        f"{at_},{site},{kind},{n}"
        for n, at_ in enumerate(MINUTES)
        for site in ("north", "south")
        for kind in ("p", "t")
    ]
    path = written(tmp_path, "\n".join(["time,site,kind,value", *rows]))
    with pytest.raises(ReplayRefused, match=r"'site', 'kind' may tell them apart: .*--tag COLUMN,COLUMN"):
        values(path)
    assert list(values(path, tag="site,kind")) == ["north.p", "north.t", "south.p", "south.t"]
    with pytest.raises(ReplayRefused, match="has no column 'nope'"):
        values(path, tag="nope")
    path = written(tmp_path, "\n".join(["time,mode,v", *(f"{at_},auto,1" for at_ in MINUTES for _ in "ab")]))
    with pytest.raises(ReplayRefused, match="or those of values with --signals"):
        values(path)
    assert list(values(path, signals=["v"])) == ["v"]


def test_a_tag_of_numbers_can_be_named(tmp_path):
    path = written(tmp_path, shared(tags=("101", "102")))
    assert list(values(path, tag="tag")) == ["101", "102"]


def test_numbered_devices_are_told_apart_and_a_counter_is_no_tag(tmp_path):
    rows = [f"{at_},{device},{n}.5" for n, at_ in enumerate(MINUTES) for device in (7, 8)]
    path = written(tmp_path, "\n".join(["time,device_id,temp", *rows]))
    assert values(path) == {device: [n + 0.5 for n in range(30)] for device in ("7", "8")}
    rows = [f"{at_},{n * 3},{n}.5" for n, at_ in enumerate(MINUTES)]
    path = written(tmp_path, "\n".join(["time,channel,temp", *rows]))
    assert list(values(path)) == ["channel", "temp"]


def test_numbered_devices_that_report_in_turn_are_told_apart(tmp_path):
    rows = [f"{at_},{7 + n % 2},{n}.5" for n, at_ in enumerate(MINUTES)]
    path = written(tmp_path, "\n".join(["time,sensor_id,value", *rows]))
    assert values(path) == {
        name: [n + 0.5 for n in range(start, 30, 2)] for name, start in (("7", 0), ("8", 1))
    }
    rows = [f"{at_},{n},{n}.5" for n, at_ in enumerate(MINUTES)]
    path = written(tmp_path, "\n".join(["time,point,value", *rows]))
    assert list(values(path)) == ["point", "value"]


def test_values_whose_names_begin_like_those_of_nameless_columns_are_read(tmp_path):
    rows = [f"{at_},{device},{n},{n}" for n, at_ in enumerate(MINUTES) for device in ("d1", "d2")]
    path = written(tmp_path, "\n".join(["time,device,column_top,column_foot", *rows]))
    assert list(values(path)) == ["d1.column_top", "d1.column_foot", "d2.column_top", "d2.column_foot"]


@pytest.mark.parametrize("word", ["", "NaN", "null", "None"])
def test_a_row_without_a_tag_is_refused(tmp_path, word):
    path = written(tmp_path, shared() + f"2024-03-01T01:00:00Z,{word},5\n")
    with pytest.raises(ReplayRefused, match=r"row 61: there is no tag in 'tag'"):
        values(path, tag="tag")


@pytest.mark.parametrize(
    ("good", "uncertain", "bad"),
    [("GOOD", "UNCERTAIN", "BAD"), ("Good", "Uncertain", "Bad"), ("192", "64", "0")],
)
def test_values_of_bad_quality_are_gaps_and_uncertain_ones_counted(tmp_path, good, uncertain, bad):
    rows = [
        f"{at_},line.p,{n},{bad if n == 3 else uncertain if n == 5 else good}"
        for n, at_ in enumerate(MINUTES)
    ]
    path = written(tmp_path, "\n".join(["time,tag,value,quality", *rows]))
    assert values(path) == {"line.p": [float(n) for n in range(30) if n != 3]}
    assert "quality bad: 1; quality uncertain: 1" in said(path)


def test_a_quality_beside_values_counts_in_a_wide_table_too(tmp_path):
    rows = [f"{at_},{n},{'Bad' if n in (3, 4) else 'Good'}" for n, at_ in enumerate(MINUTES)]
    path = written(tmp_path, "\n".join(["time,flow,quality", *rows]))
    assert values(path) == {"flow": [float(n) for n in range(30) if n not in (3, 4)]}
    assert "2 cells without a finite number: quality bad: 2" in said(path)


def test_sitewise_history_is_read_as_its_api_answers(tmp_path):
    history = [
        {
            "value": {"doubleValue": n + 0.5},
            "timestamp": {"timeInSeconds": 1709251200 + n, "offsetInNanos": 500000000},
            "quality": "BAD" if n == 1 else "GOOD",
        }
        for n in range(4)
    ]
    path = written(tmp_path, json.dumps({"assetPropertyValueHistory": history}, indent=2), "p.json")
    assert read(path) == {"value.doubleValue": [(1709251200.5 + n, n + 0.5) for n in (0, 2, 3)]}


def test_sitewise_bulk_import_is_read_though_it_has_no_header(tmp_path):
    rows = [
        f"{who},DOUBLE,{1709251200 + 60 * n},500000000,{'BAD' if n == 2 else 'GOOD'},{n}.5"
        for n in range(10)
        for who in ("/l1/p", "/l1/t")
    ]
    path = written(tmp_path, "\n".join(rows))
    assert values(path) == {alias: [n + 0.5 for n in range(10) if n != 2] for alias in ("/l1/p", "/l1/t")}
    assert read(path)["/l1/p"][0][0] == 1709251200.5
    assert "bulk import" in said(path)
    rows = [f"a1,p{m},DOUBLE,{1709251200 + 60 * n},0,GOOD,{n}" for n in range(10) for m in (1, 2)]
    assert list(values(written(tmp_path, "\n".join(rows)))) == ["a1:p1", "a1:p2"]
    header = "ASSET_ID,PROPERTY_ID,DATA_TYPE,TIMESTAMP_SECONDS,TIMESTAMP_NANO_OFFSET,QUALITY,VALUE"
    assert list(values(written(tmp_path, "\n".join([header, *rows])))) == ["a1:p1", "a1:p2"]


POINTS = [
    {"signal": f"pump.{name}", "value": n, "timestamp": 1709251200 + n} for n in range(5) for name in "ab"
]


@pytest.mark.parametrize("separator", ["\n", "", "\r\n"])
def test_points_are_read_as_firehose_archives_them(tmp_path, separator):
    path = written(tmp_path, separator.join(map(json.dumps, POINTS)), "archive.json")
    assert values(path) == {"pump.a": [0.0, 1.0, 2.0, 3.0, 4.0], "pump.b": [0.0, 1.0, 2.0, 3.0, 4.0]}


def test_all_shapes_of_payloads_are_read_and_what_is_refused_is_said(tmp_path):
    tqv = {
        "value": {"doubleValue": 1.5},
        "timestamp": {"timeInSeconds": 1709251200, "offsetInNanos": 0},
        "quality": "GOOD",
    }
    lines = [
        {"signal": "rig", "timestamp": 1709251200, "values": {"p": 1, "t": 2}},
        {"signal": "rig.v", "timestamps": [1709251200, 1709251201], "values": [3, 4]},
        {"propertyAlias": "/l1/p", "propertyValues": [tqv, {**tqv, "quality": "BAD"}]},
        {"signal": "rig.v", "value": "broken", "timestamp": 1709251202},
    ]
    path = written(tmp_path, "\n".join(map(json.dumps, lines)), "archive.jsonl")
    assert values(path) == {"rig.p": [1.0], "rig.t": [2.0], "rig.v": [3.0, 4.0], "/l1/p": [1.5]}
    assert "refused: the value 'broken' is not a number (row 4)" in said(path)
    assert "an observation of bad quality or without a value (row 3)" in said(path)


def test_some_tags_can_be_named(tmp_path):
    path = written(tmp_path, shared())
    assert list(values(path, signals=["pump.t"])) == ["pump.t"]
    text = said(path, signals=["pump.t"])
    assert "1 tag not named, such as 'pump.p'" in text
    assert "30 observations, 0 cells without a finite number" in text
    with pytest.raises(ReplayRefused, match=r"has no signal 'nope'; it has 'pump\.p', 'pump\.t'"):
        values(path, signals=["nope"])


def test_labels_do_not_go_with_tags(tmp_path):
    with pytest.raises(ReplayRefused, match="--labels does not go with it"):
        chosen(written(tmp_path, shared()), tag="tag", labels="value")


@pytest.mark.parametrize("name", ["tag", "wherever"])
@pytest.mark.parametrize("tags", [("b.x", "a.x"), ("a.x", "b.x", "c.x")])
def test_tags_one_after_the_other_whose_rows_run_backwards_are_told_apart(tmp_path, name, tags):
    rows = [f"{at_},{tag},{n}" for tag in tags for n, at_ in reversed(list(enumerate(MINUTES)))]
    path = written(tmp_path, "\n".join([f"time,{name},reading", *rows]))
    assert values(path) == {tag: [float(n) for n in range(30)] for tag in tags}


def test_known_tags_in_any_order_are_sorted_by_time(tmp_path):
    rows = [f"{MINUTES[n * 7 % 30]},{tag},{n * 7 % 30}" for n in range(30) for tag in ("a.x", "b.x")]
    path = written(tmp_path, "\n".join(["time,tag,value", *rows]))
    assert values(path) == {tag: [float(n) for n in range(30)] for tag in ("a.x", "b.x")}
    rows = [f"{MINUTES[n * 7 % 30]},a.x,{n * 7 % 30}" for n in range(30)]
    assert list(values(written(tmp_path, "\n".join(["time,tag,value", *rows])))) == ["a.x"]


def test_numbers_that_may_be_tags_are_refused_until_it_is_said(tmp_path):
    """Two devices in turn at one time, in a column of no telling name: as one signal they would alternate."""
    rows = [f"{at_},{device},{n + device}.5" for n, at_ in enumerate(MINUTES) for device in (7, 8)]
    path = written(tmp_path, "\n".join(["time,w,temp", *rows]))
    with pytest.raises(ReplayRefused, match=r"several rows of one time, and 'w' may .*--tag"):
        values(path)
    assert list(values(path, tag="w")) == ["7", "8"]
    assert len(values(path, signals=["temp"])["temp"]) == 60
    rows = [f"{MINUTES[n // 2]},{n},{n}.5" for n in range(60)]  # half-minutes, written as minutes
    path = written(tmp_path, "\n".join(["time,count,temp", *rows]))
    assert list(values(path)) == ["count", "temp"]
    assert "30 rows have the time of the row before: kept" in said(path)


def test_a_tag_whose_unit_changes_is_refused_with_the_row(tmp_path):
    rows = [
        f"{at_},{tag},{n},{'psi' if n > 9 else unit}" for n, at_ in enumerate(MINUTES) for tag, unit in PAIRS
    ]
    path = written(tmp_path, "\n".join(["time,tag,value,units", *rows]))
    with pytest.raises(ReplayRefused, match=r"row 21, column 'units': .*'pump\.p' are in 'psi'"):
        values(path)
    path = written(tmp_path, "\n".join(["time,tag,value,units", *rows[:20]]))
    assert list(values(path)) == ["pump.p", "pump.t"]
    rows = [f"{at_},{n},{'K' if n == 5 else 'C'}" for n, at_ in enumerate(MINUTES)]
    with pytest.raises(ReplayRefused, match=r"row 6, column 'unit': the values of 'v' are in 'K'"):
        values(written(tmp_path, "\n".join(["time,v,unit", *rows])))


PAIRS = (("pump.p", "bar"), ("pump.t", "C"))


def of_two(names, order, columns="timestamp,tag,value"):
    """Rows of two tags, by their names, in some order of all rows."""
    rows = [
        (at_, n, tag, more)
        for n, at_ in enumerate(MINUTES)
        for tag, more in zip(names, (0, 100), strict=True)
    ]
    if order == "by tag":
        rows.sort(key=lambda row: row[3])
    if order == "shuffled":
        Random(2).shuffle(rows)
    return "\n".join([columns, *(f"{at_},{tag},{n + more}" for at_, n, tag, more in rows)])


@pytest.mark.parametrize("order", ["by time", "by tag", "shuffled"])
@pytest.mark.parametrize(
    ("columns", "names", "expected"),
    [
        ("timestamp,place,level", ["north", "south"], ["north", "south"]),
        ("timestamp,sensor_id,level", ["17", "42"], ["17", "42"]),
        ("timestamp,device,parameter,level", ["d1,p", "d1,t"], ["p", "t"]),
        ("timestamp,device,parameter,level", ["d1,p", "d2,p"], ["d1", "d2"]),
        ("timestamp,Messgröße,Einheit,Wert", ["Druck,bar", "Temp,C"], ["Druck", "Temp"]),
    ],
)
def test_tags_are_found_in_whatever_order_the_rows_are(tmp_path, order, columns, names, expected):
    path = written(tmp_path, of_two(names, order, columns))
    numbers = [float(n) for n in range(30)]
    assert values(path) == {expected[0]: numbers, expected[1]: [n + 100 for n in numbers]}


def test_a_device_and_its_parameters_that_report_when_they_change_make_names_together(tmp_path):
    """No two rows have one time: neither column alone tells the four signals apart."""
    rows = [
        f"2024-03-01T00:{n:02}:0{k}Z,{tag},{n + 10 * k}"
        for n in range(9)
        for k, tag in enumerate(("d1,p", "d1,t", "d2,p", "d2,t"))
    ]
    path = written(tmp_path, "\n".join(["timestamp,device,parameter,value", *rows]))
    assert {name: found[0] for name, found in values(path).items()} == {
        "d1.p": 0.0, "d1.t": 10.0, "d2.p": 20.0, "d2.t": 30.0
    }  # fmt: skip


@pytest.mark.parametrize("order", ["by time", "by tag", "shuffled"])
def test_numbers_that_tell_rows_apart_are_no_signal_in_whatever_order_they_are(tmp_path, order):
    path = written(tmp_path, of_two(["17", "42"], order, "timestamp,box,level"))
    with pytest.raises(ReplayRefused, match=r"'box' may tell them apart: .*--tag"):
        values(path)
    assert set(values(path, tag="box")) == {"17", "42"}


def test_numbers_that_change_where_rows_go_back_once_are_signals(tmp_path):
    """A clock that was put back, and a speed of whole numbers beside it."""
    moments = [*MINUTES[:20], *MINUTES[15:]]
    rows = [f"{at_},{120 + n % 7},{n}.5" for n, at_ in enumerate(moments)]
    assert list(values(written(tmp_path, "\n".join(["timestamp,rpm,temp", *rows])))) == ["rpm", "temp"]


def test_a_row_number_beside_tags_is_no_value(tmp_path):
    rows = [
        f"{n},{at_},{tag},7.5" for n, (at_, tag) in enumerate((at_, tag) for at_ in MINUTES for tag in "pt")
    ]
    path = written(tmp_path, "\n".join(["id,time,channel,measured", *rows]))
    assert list(values(path)) == ["p", "t"]
    assert "column 'id' (the row's number)" in said(path)


def test_yes_and_no_are_values_of_a_switch_and_gaps_of_what_is_measured(tmp_path):
    rows = [f"{at},{tag},{cell}" for at in MINUTES for tag, cell in (("pump.on", "off"), ("pump.t", "7.5"))]
    rows += [
        f"{MINUTES[-1]}1,pump.on,on".replace("Z1", ".5Z"),
        f"{MINUTES[-1]}1,pump.t,off".replace("Z1", ".5Z"),
    ]
    path = written(tmp_path, "\n".join(["timestamp,tag,value", *rows]))
    assert set(values(path)["pump.on"][:-1]) == {0.0}
    assert values(path)["pump.on"][-1] == 1.0
    assert set(values(path)["pump.t"]) == {7.5}
    assert f"1 cell without a finite number: 'value' text 'off' 1 (first in row {len(rows)})" in said(path)


def test_values_that_repeat_the_time_of_their_tag_are_kept_and_said(tmp_path):
    path = written(tmp_path, shared() + f"{MINUTES[-1]},pump.t,7\n")
    assert values(path, tag="tag")["pump.t"][-2:] == [30.0, 7.0]
    assert "1 value repeats a tag's time: kept" in said(path, tag="tag")


def test_the_times_are_no_tags(tmp_path):
    with pytest.raises(ReplayRefused, match="--tag names 'timestamp', which has the times"):
        values(written(tmp_path, shared()), tag="timestamp")


TAG = "[default]Line 1/Flow"
SPARKPLUG = {"name": "Flow", "dataType": "Float", "value": 4.5}
OF_GATEWAYS = {
    "N/Flow": {"timestamp": 0, "values": [{"id": "N/Flow", "v": 4.5, "q": True, "t": 0}]},
    "pump,host=e1.flow": {"name": "pump", "tags": {"host": "e1"}, "fields": {"flow": 4.5}, "timestamp": 0},
    "North/Edge1/Flow": {
        "topic": "spBv1.0/North/DDATA/Edge1",
        "timestamp": 0,
        "seq": 7,
        "metrics": [SPARKPLUG],
    },
    TAG: {"tagPath": TAG, "value": 4.5, "quality": "Good", "timestamp": 0},
    "Press.Flow": {
        "sources": {"Press": {"values": {"Flow": {"value": 4.5}}, "timestamp": 0}},
        "timestamp": 0,
    },
    "Line1/Press.Flow": {
        "MessageType": "ua-data",
        "PublisherId": "Line1",
        "Messages": [{"DataSetWriterName": "Press", "Timestamp": 0, "Payload": {"Flow": 4.5}}],
    },
    "N.Flow": {"specversion": "1.0", "id": "7", "time": 0, "data": {"signal": "N.Flow", "value": 4.5}},
}


def at_time(found, ms):
    """The same with this time wherever it has one."""
    if isinstance(found, list):
        return [at_time(one, ms) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        name: ms if name.casefold() in ("timestamp", "t", "time") else at_time(one, ms)
        for name, one in found.items()
    }


@pytest.mark.parametrize("signal", OF_GATEWAYS)
def test_what_gateways_sent_is_read_from_an_archive_as_the_function_learned_it(tmp_path, signal):
    moments = [at("2024-03-01T00:00") + 60 * number for number in range(5)]
    lines = [json.dumps(at_time(OF_GATEWAYS[signal], int(moment * 1000))) for moment in moments]
    path = written(tmp_path, "\n".join(lines), "rig.jsonl")
    assert read(path) == {signal: [(moment, 4.5) for moment in moments]}


@pytest.mark.parametrize("number", ["0.5", "-3"])
def test_fractions_and_numbers_below_0_are_measured_too(tmp_path, number):
    rows = [f"{at_},pump.t,{'off' if n == 7 else number}" for n, at_ in enumerate(MINUTES)]
    rows += [f"{at_},pump.on,off" for at_ in MINUTES]
    path = written(tmp_path, "\n".join(["timestamp,tag,value", *rows]))
    assert {name: len(found) for name, found in values(path).items()} == {"pump.t": 29, "pump.on": 30}


def test_units_that_alone_tell_rows_of_one_time_apart_are_tags(tmp_path):
    path = written(tmp_path, of_two(["bar", "C"], "by time", "timestamp,unit,level"))
    assert list(values(path)) == ["bar", "C"]
