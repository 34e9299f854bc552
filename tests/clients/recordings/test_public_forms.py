"""Forms of files as public projects hold them, each in some lines: read right, or refused with what to do."""

import codecs
import gzip
import json

import duckdb
import pytest

from clients.recordings import text_files
from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import at, read, said, times, values, written
from tests.consumer.decode.payload_builders import zstandard

T0, T1, T2 = at("2024-03-01T00:00"), at("2024-03-01T00:10"), at("2024-03-01T00:20")


def two(first, second, start=T0, step=600.0):
    return [(start, first), (start + step, second)]


def test_osisoft_pi_datalink(tmp_path):
    """Sampled data: a month's name, digital states among the numbers, a blank corner above the times."""
    path = written(
        tmp_path,
        ",TI101.PV,FI102.PV\n01-Mar-24 00:00:00,71.5,No Data\n01-Mar-24 00:10:00,Bad Input,12.5\n"
        "01-Mar-24 00:20:00,72,13\n",
    )
    assert read(path) == {"TI101.PV": [(T0, 71.5), (T2, 72.0)], "FI102.PV": two(12.5, 13.0, T1)}
    assert "'No Data' 1" in said(path)
    assert "'Bad Input' 1" in said(path)


def test_aveva_historian_query(tmp_path):
    """SQL Server Management Studio: tabs, tags in a column, OPC qualities, and a line below the table."""
    cells = [(m, tag, m + more) for m in (0, 1) for tag, more in (("Reactor.Temp", 0), ("Reactor.Lvl", 5))]
    rows = [f"2024-03-01 00:{m}0:00.0000000\t{tag}\t{v}\t192" for m, tag, v in cells]
    path = written(tmp_path, "\n".join(["DateTime\tTagName\tValue\tQuality", *rows, "", "(4 rows affected)"]))
    assert read(path) == {"Reactor.Temp": two(0.0, 1.0), "Reactor.Lvl": two(5.0, 6.0)}
    assert "a line below the table (row 5)" in said(path)


def test_ignition_tag_history(tmp_path):
    path = written(
        tmp_path,
        '"t_stamp","Line 1/Speed","Line 1/Running"\n"2024-03-01 00:00:00.000","10.5","true"\n'
        '"2024-03-01 00:10:00.000","11.0","false"\n',
    )
    assert (
        read(path, time="t_stamp")
        == read(path)
        == {"Line 1/Speed": two(10.5, 11.0), "Line 1/Running": two(1.0, 0.0)}
    )


def test_wincc_archive(tmp_path):
    """Siemens: a long table with decimal commas, the day first, and a validity beside each value."""
    cells = [(m, tag, m + more) for m in (0, 1) for tag, more in (("Druck", 0), ("Temp", 7))]
    rows = [f'"{tag}";"01.03.2024 00:{m}0:00";{v},5;1;4535{m}' for m, tag, v in cells]
    path = written(tmp_path, "\n".join(['"VarName";"TimeString";"VarValue";"Validity";"Time_ms"', *rows]))
    assert read(path) == {"Druck": two(0.5, 1.5), "Temp": two(7.5, 8.5)}


def test_campbell_toa5(tmp_path):
    head = (
        '"TOA5","CR1000","CR1000","1234","Std.27","CPU:prog.CR1","555","Met"\n'
        '"TIMESTAMP","RECORD","AirTC_Avg","RH"\n"TS","RN","Deg C","%"\n"","","Avg","Smp"\n'
    )
    path = written(
        tmp_path,
        head + '"2024-03-01 00:00:00",17,3.5,80\n"2024-03-01 00:10:00",18,"NAN",81\n'
        '"2024-03-01 00:20:00",19,3.7,82\n',
    )
    assert values(path) == {"AirTC_Avg": [3.5, 3.7], "RH": [80.0, 81.0, 82.0]}
    for part in (
        "1 line above the header left out",
        "'TS, RN, Deg C, %'",
        "'Avg, Smp'",
        "'RECORD' (the row's number)",
        "'NAN' 1",
    ):
        assert part in said(path)


def test_influxdb_annotated(tmp_path):
    head = [
        "#group,false,false,true,true,false,false,true,true,true",
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string",
        "#default,_result,,,,,,,,",
        ",result,table,_start,_stop,_time,_value,_field,_measurement,host",
    ]
    tables = [
        [
            f",,{n},2024-02-01T00:00:00Z,2024-03-02T00:00:00Z,2024-03-01T00:{m}0:00Z,{n + m}.5,{field},mem,h1"
            for m in (0, 1)
        ]
        for n, field in enumerate(("used", "free"))
    ]
    path = written(tmp_path, "\r\n".join([*head, *tables[0], "", *head, *tables[1], ""]))
    assert read(path) == {"mem.h1.used": two(0.5, 1.5), "mem.h1.free": two(1.5, 2.5)}


def test_influxdb_1_json_and_prometheus(tmp_path):
    series = {
        "name": "cpu",
        "tags": {"host": "a"},
        "columns": ["time", "usage"],
        "values": [["2024-03-01T00:00:00Z", 1], ["2024-03-01T00:10:00Z", 2]],
    }
    path = written(
        tmp_path, json.dumps({"results": [{"statement_id": 0, "series": [series]}]}, indent=1), "q.json"
    )
    assert read(path) == {"cpu,host=a": two(1.0, 2.0)}
    result = {"metric": {"__name__": "up", "job": "x"}, "values": [[T0, "1"], [T1, "0"]]}
    path = written(
        tmp_path,
        json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [result]}}),
        "p.json",
    )
    assert read(path) == {"up{job=x}": two(1.0, 0.0)}


def test_grafana_series_to_columns(tmp_path):
    path = written(
        tmp_path,
        'sep=,\n"Time","pump 1","pump 2"\n2024-03-01 00:00:00,1.5,\n'
        "2024-03-01 00:10:00,undefined,2.5\n2024-03-01 00:20:00,2,3\n",
    )
    assert read(path) == {"pump 1": [(T0, 1.5), (T2, 2.0)], "pump 2": two(2.5, 3.0, T1)}
    series = '"Series";"Time";"Value"\n' + "".join(
        f'"{name}";"2024-03-01T00:{m}0:00+00:00";{m}\n' for name in ("p1", "p2") for m in (0, 1)
    )
    assert read(written(tmp_path, series)) == {"p1": two(0.0, 1.0), "p2": two(0.0, 1.0)}


def test_home_assistant_history_json(tmp_path):
    first = {
        "entity_id": "sensor.cellar",
        "state": "10.5",
        "last_changed": "2024-03-01T00:00:00+00:00",
        "attributes": {"unit_of_measurement": "°C"},
    }
    rest = {"state": "11.5", "last_changed": "2024-03-01T00:10:00+00:00"}
    path = written(tmp_path, json.dumps([[first, rest]]), "history.json")
    assert read(path) == {"sensor.cellar": two(10.5, 11.5)}


def test_uci_air_quality(tmp_path):
    """Italian: dots in the time, decimal commas, empty columns at the end, and empty lines."""
    path = written(
        tmp_path,
        "Date;Time;CO(GT);T;;\n10/03/2004;18.00.00;2,6;13,6;;\n10/03/2004;19.00.00;2;13,3;;\n"
        "13/03/2004;20.00.00;2,2;11,9;;\n;;;;;\n",
    )
    assert values(path) == {"CO(GT)": [2.6, 2.0, 2.2], "T": [13.6, 13.3, 11.9]}
    assert times(path)[0] == at("2004-03-10T18:00")
    assert "an empty row" in said(path)


def test_uci_household_power(tmp_path):
    rows = "".join(
        f"16/12/2006;17:2{m}:00;4.21{m};?;234.8\n" if m == 2 else f"16/12/2006;17:2{m}:00;4.21{m};0.4;234.8\n"
        for m in range(4)
    )
    path = written(tmp_path, "Date;Time;Global_active_power;Reactive;Voltage\n" + rows)
    assert values(path)["Reactive"] == [0.4, 0.4, 0.4]
    assert "'?' 1" in said(path)
    assert times(path)[1] - times(path)[0] == 60.0


def test_uci_beijing_and_appliances(tmp_path):
    path = written(
        tmp_path,
        '"No","year","month","day","hour","pm2.5","cbwd"\n1,2010,1,2,0,NA,"NW"\n'
        '2,2010,1,2,1,129,"SE"\n3,2010,1,2,2,148,"NW"\n',
    )
    assert read(path) == {"pm2.5": two(129.0, 148.0, at("2010-01-02T01:00"), 3600.0)}
    assert "'No' (the row's number)" in said(path)


def test_numenta_and_skab(tmp_path):
    path = written(
        tmp_path, "timestamp,value\n2013-12-02 21:15:00,73.967322\n2013-12-02 21:20:00,74.935882\n"
    )
    assert read(path)["value"] == two(73.967322, 74.935882, at("2013-12-02T21:15"), 300.0)
    path = written(
        tmp_path,
        "datetime;Accelerometer1RMS;anomaly;changepoint\n2020-03-09 10:14:33;0.026588;0.0;0.0\n"
        "2020-03-09 10:14:34;0.02617;1.0;0.0\n",
    )
    assert list(values(path)) == ["Accelerometer1RMS"]
    assert "'anomaly' (named like a label)" in said(path)


def test_metropt_and_pandas_index(tmp_path):
    """A pandas index without a name, or with the one that pandas gives it."""
    path = written(
        tmp_path,
        ",timestamp,TP2,Oil\n0,2020-02-01 00:00:00,-0.012,53.6\n1,2020-02-01 00:00:10,-0.014,53.7\n"
        "2,2020-02-01 00:00:19,-0.01,53.6\n",
    )
    assert list(values(path)) == ["TP2", "Oil"]
    path = written(tmp_path, "Unnamed: 0,time,v\n5,2020-02-01,1\n6,2020-02-02,2\n")
    assert list(values(path)) == ["v"]


def test_pandas_json_of_all_orients(tmp_path):
    rows = [["2024-03-01T00:00:00.000", 1.5], ["2024-03-01T00:10:00.000", 2.5]]
    forms = {
        "records": [{"time": when, "v": v} for when, v in rows],
        "split": {"columns": ["v"], "index": [1709251200000, 1709251800000], "data": [[1.5], [2.5]]},
        "columns": {"time": {"0": rows[0][0], "1": rows[1][0]}, "v": {"0": 1.5, "1": 2.5}},
        "table": {"schema": {"fields": []}, "data": [{"time": when, "v": v} for when, v in rows]},
        "list": {"time": [rows[0][0], rows[1][0]], "v": [1.5, 2.5]},
        "rows": [["time", "v"], *rows],
        "api": {"data": [{"time": when, "v": v} for when, v in rows], "next": None},
    }
    for name, form in forms.items():
        assert read(written(tmp_path, json.dumps(form), f"{name}.json")) == {"v": two(1.5, 2.5)}, name


def test_excel_of_europe(tmp_path):
    """Unicode text in UTF-16 with tabs, or CSV in the code page of Windows."""
    text = "Zeit\tTemp. °C\r\n01.03.2024 00:00\t1.234,5\r\n01.03.2024 00:10\t7,5\r\n"
    for name, content in (
        ("le.txt", text.encode("utf-16")),
        ("be.txt", codecs.BOM_UTF16_BE + text.encode("utf-16-be")),
        ("ansi.csv", text.replace("\t", ";").encode("cp1252")),
        ("bom.csv", text.replace("\t", ";").encode("utf-8-sig")),
        ("packed.csv.gz", gzip.compress(text.encode(), mtime=0)),
        ("packed.csv.zst", zstandard(text.encode())),
    ):
        assert read(written(tmp_path, content, name)) == {"Temp. °C": two(1234.5, 7.5)}, name


def test_labview_and_other_preambles(tmp_path):
    path = written(
        tmp_path,
        "Report: boiler\nCreated;2024-03-05 07:00\nOperator;A. Nother\n\nTime;Boiler [°C];Feed\n"
        ";[°C];[m³/h]\n2024-03-01 00:00;80;1\n2024-03-01 00:10;81;2\n",
    )
    assert read(path) == {"Boiler [°C]": two(80.0, 81.0), "Feed": two(1.0, 2.0)}
    assert "3 lines above the header left out, the first 'Report: boiler'" in said(path)
    path = written(tmp_path, "# station 7\n# time value\n1709251200 1.5\n1709251800 2.5\n", "log.dat")
    assert read(path) == {"value": two(1.5, 2.5)}


def test_blanks_between_columns_and_r_row_names(tmp_path):
    path = written(
        tmp_path,
        "time                  flow   level\n2024-03-01T00:00:00Z   1.5    7\n"
        "2024-03-01T00:10:00Z  2.5   8\n",
        "flow.txt",
    )
    assert read(path) == {"flow": two(1.5, 2.5), "level": two(7.0, 8.0)}
    path = written(
        tmp_path, '"time" "v"\n"1" "2024-03-01T00:00:00Z" 1.5\n"2" "2024-03-01T00:10:00Z" 2.5\n', "r.txt"
    )
    assert read(path) == {"v": two(1.5, 2.5)}
    path = written(tmp_path, "time , flow\n2024-03-01 00:00 , 1.5\n2024-03-01 00:10 , 2.5\n")
    assert read(path) == {"flow": two(1.5, 2.5)}


def test_appended_exports_repeat_the_header(tmp_path):
    one = "time,v\ns,bar\n2024-03-01T00:00:00Z,1\n"
    path = written(tmp_path, one + one.replace("T00:00", "T00:10"))
    assert read(path) == {"v": two(1.0, 1.0)}
    assert "the header again (2 times, first in row 3)" in said(path)


def test_azure_and_aws_exports(tmp_path):
    path = written(
        tmp_path,
        '{"deviceId":"d1","enqueuedTime":"2024-03-01T00:00:00Z","telemetry":{"temp":1.5,"hum":40}}\n'
        '{"deviceId":"d1","enqueuedTime":"2024-03-01T00:10:00Z","telemetry":{"temp":2.5}}\n',
        "iot.json",
    )
    assert read(path) == {"telemetry.temp": two(1.5, 2.5), "telemetry.hum": [(T0, 40.0)]}
    path = written(
        tmp_path,
        "time,measure_name,measure_value::double\n"
        + "".join(f"2024-03-01 00:{m}0:00.000000000,{name},{m}\n" for m in (0, 1) for name in ("cpu", "mem")),
    )
    assert read(path) == {"cpu": two(0.0, 1.0), "mem": two(0.0, 1.0)}


def test_parquet_of_any_types(tmp_path):
    path = tmp_path / "rig.parquet"
    duckdb.connect().execute(
        "COPY (SELECT TIMESTAMPTZ '2024-03-01 00:00:00+00' + INTERVAL (i * 10) MINUTE AS at, "
        "i + 0.5 AS f, i = 1 AS b, "
        f"i::DECIMAL(9, 2) AS d, 'x' AS words, NULL::DOUBLE AS void FROM range(2) AS numbers(i)) TO '{path}'"
    )
    assert read(path) == {"f": two(0.5, 1.5), "b": two(0.0, 1.0), "d": two(0.0, 1.0)}
    assert "column 'words' (texts, such as 'x'); column 'void' (empty)" in said(path)


def test_parquet_with_structs_and_lists_says_that_they_are_left_out(tmp_path):
    path = tmp_path / "rig.parquet"
    columns = "TIMESTAMP '2024-03-01' + INTERVAL (i * 10) MINUTE AS at, {'a': i} AS s, [i, i] AS pair, i AS v"
    duckdb.connect().execute(f"COPY (SELECT {columns} FROM range(2) AS numbers(i)) TO '{path}'")
    assert read(path) == {"v": two(0.0, 1.0)}
    assert "column 's' (texts, such as \"{'a': 0}\"); column 'pair' (texts, such as '[0, 0]')" in said(path)


def test_a_name_that_is_there_twice_stays_two_columns(tmp_path):
    path = written(tmp_path, "time,v,v\n2024-03-01T00:00:00Z,1,2\n2024-03-01T00:10:00Z,3,4\n")
    assert read(path) == {"v": two(1.0, 3.0), "v_1": two(2.0, 4.0)}
    assert "names that were there already, now 'v_1'" in said(path)
    path = written(tmp_path, "time,v,v,v\n2024-03-01T00:00:00Z,1,2,3\n")
    assert "names that were there already, now 'v_1', 'v_2'" in said(path)


@pytest.mark.parametrize(
    ("name", "content", "leads_on"),
    [
        ("book.xlsx", b"PK\x03\x04rest", "Excel workbook .* export the sheet as CSV"),
        ("old.xls", b"\xd0\xcf\x11\xe0rest", "export the sheet as CSV"),
        ("x.csv", b"\x00\x01\x02\x00\x07\x09\x0a" * 30, "neither text nor Parquet"),
        ("empty.csv", b"\n\n", "is empty"),
        (
            "data.dat",
            b"0.0 49.6 3.05\n1.0 50.1 2.99\n2.0 50.3 3.03\n",
            "no header line: .*Begin it with the columns' names",
        ),
        (
            "cut.csv",
            b"time,v,w\n2024-03-01,1,2\n2024-03-02,1\n2024-03-03,1,2\n",
            "row 2 has 2 cells, and the header 3",
        ),
        ("x.json", b'{"a": [1, {"b": 2}]}', "Write an object for each row"),
        ("x.json", b"[1, 2, 3]", "Write an object for each row"),
        ("x.json", b'[{"time": 1}, {"time"', "malformed JSON"),
        ("x.csv", b"v,w\n1,2\n3,4\n", "no column of times among 'v', 'w': name it with --time"),
        (
            "x.csv",
            b"time,v\n2024-03-01T00:00:00 CET,1\n2024-03-01T00:01:00 CET,2\n",
            "not a time.*--time-format",
        ),
        ("x.csv.gz", gzip.compress(b"time,v\n2024-03-01,1\n", mtime=0)[:-9], "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path, name, content, leads_on):
    with pytest.raises(ReplayRefused, match=leads_on):
        said(written(tmp_path, content, name))


def test_a_file_of_zstd_is_refused_where_python_lacks_it_and_others_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "zstd", None)
    with pytest.raises(ReplayRefused, match="this Python was built without it: unpack it with `zstd -d`"):
        said(written(tmp_path, zstandard(b"time,v\n2024-03-01,1\n"), "x.csv.zst"))
    assert values(written(tmp_path, gzip.compress(b"time,v\n2024-03-01,1\n"), "x.csv.gz")) == {"v": [1.0]}


MINUTES = [f"2024-03-01T00:0{minute}:00Z" for minute in range(8)]


@pytest.mark.parametrize(
    "broken",
    [
        {3: '{},4,"valve sticks\n'},
        {3: '{},"4,fine\n'},
        {2: '{},3,"valve sticks\n', 5: '{},6,"again\n'},
    ],
)
def test_rows_within_a_quotation_mark_that_is_not_closed_are_not_taken_for_a_remark(tmp_path, broken):
    lines = [broken.get(row, "{},1,fine\n").format(moment) for row, moment in enumerate(MINUTES)]
    with pytest.raises(ReplayRefused, match=f"row {min(broken) + 1} has other rows within a cell"):
        said(written(tmp_path, "time,v,remark\n" + "".join(lines)))


def test_a_remark_of_several_lines_is_one_cell(tmp_path):
    path = written(tmp_path, 'time,v,remark\n2024-03-01,1,"cleaned, 3 times\nagain, later"\n2024-03-02,2,\n')
    assert values(path) == {"v": [1.0, 2.0]}


@pytest.mark.parametrize("is_wider_first", [True, False])
def test_a_table_below_another_of_other_columns_is_not_taken_for_lines_around_it(tmp_path, is_wider_first):
    narrow = "time,v\n" + "".join(f"{moment},1\n" for moment in MINUTES)
    wide = "time,v,w\n" + "".join(f"{moment},1,2\n" for moment in MINUTES)
    path = written(tmp_path, "\n".join([wide, narrow] if is_wider_first else [narrow, wide]))
    with pytest.raises(ReplayRefused, match=r"several tables|row \d+ has 2 cells, and the header 3"):
        said(path)


def test_tags_that_begin_with_a_number_sign_are_no_comments(tmp_path):
    lines = [f"#{pump} pump,{moment},{pump}\n" for moment in MINUTES for pump in (1, 2)]
    path = written(tmp_path, "tag,time,value\n# checked\n" + "".join(lines))
    assert values(path) == {"#1 pump": [1.0] * 8, "#2 pump": [2.0] * 8}


def test_json_is_known_by_how_it_begins(tmp_path):
    rows = [{"time": moment, "v": number} for number, moment in enumerate(MINUTES)]
    path = written(tmp_path, json.dumps(rows, indent=2), "rig.txt")
    assert values(path) == {"v": [float(number) for number in range(8)]}


def test_a_name_of_json_that_begins_another_is_a_column_too(tmp_path):
    rows = [
        {"time": moment, "v": 1, "v.max": 2, "w": 3 if moment < MINUTES[4] else {"x": 4}}
        for moment in MINUTES
    ]
    path = written(tmp_path, "\n".join(map(json.dumps, rows)), "rig.jsonl")
    assert values(path) == {"v": [1.0] * 8, "v.max": [2.0] * 8, "w": [3.0] * 4, "w.x": [4.0] * 4}


def test_text_of_any_unicode_encoding(tmp_path):
    content = "time;°C\n2024-03-01;1,5\n2024-03-02;2,5\n"
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"):
        assert values(written(tmp_path, content.encode(encoding))) == {"°C": [1.5, 2.5]}, encoding


@pytest.mark.parametrize("name", ["__index_level_0__", "unix"])
def test_an_index_and_the_times_again_are_no_signals(tmp_path, name):
    rows = [
        f"{moment},{number if '_' in name else 1709251200 + 60 * number},5"
        for number, moment in enumerate(MINUTES)
    ]
    path = written(tmp_path, "\n".join([f"time,{name},v", *rows]))
    assert list(values(path)) == ["v"]
    assert f"column '{name}'" in said(path)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("", ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0"]),
        ("", [0, 2, 4, 6, 8, 10]),
        ("Unnamed: 0", [0, 1, 2, 0, 1, 2]),
        ("id", [7, 8, 9, 12, 13, 14]),
        ("Sample", [1, 2, 3, 4, 5, 6]),
        ("lfd. Nr.", [6, 5, 4, 3, 2, 1]),
    ],
)
def test_numbers_of_rows_are_no_signal(tmp_path, name, numbers):
    """Also after rows were dropped, turned round, or files joined."""
    rows = [f"{number},2024-03-0{day}T00:00Z,{day}.5" for day, number in enumerate(numbers, 1)]
    path = written(tmp_path, "\n".join([f"{name},time,v", *rows]))
    assert list(values(path)) == ["v"]
    assert "(the row's number)" in said(path)


@pytest.mark.parametrize(
    "numbers", [[7, 7, 8, 9, 10, 11], [3, 9, 4, 8, 5, 7], ["1.5", 2, 3, 4, 5, 6], [1, 2, 9, 30, 70, 99]]
)
def test_numbers_that_do_not_go_on_by_one_step_are_a_signal_whatever_their_name(tmp_path, numbers):
    rows = [f"{number},2024-03-0{day}T00:00Z,{day}.5" for day, number in enumerate(numbers, 1)]
    assert list(values(written(tmp_path, "\n".join(["index,time,v", *rows])))) == ["index", "v"]


def test_a_header_with_line_breaks_as_excel_writes_them(tmp_path):
    header = 'time;"flow\n[m3/h]";"feed\r\nwater\r\ntemp"\r\n'
    path = written(tmp_path, header + "".join(f'{moment};1,5;"2,5"\r\n' for moment in MINUTES))
    assert values(path) == {"flow [m3/h]": [1.5] * 8, "feed water temp": [2.5] * 8}
    path = written(tmp_path, "time,pipe,v\n" + "".join(f'{moment},4" pipe,1\n' for moment in MINUTES))
    assert values(path) == {"v": [1.0] * 8}


def test_cells_in_apostrophes(tmp_path):
    path = written(tmp_path, "time;v\n'2024-03-01 00:00';'1,5'\n'2024-03-01 00:10';'2,5'\n")
    assert read(path) == {"v": two(1.5, 2.5)}


def test_rows_without_any_time_or_number_are_no_rows_of_units(tmp_path):
    path = written(tmp_path, "time,v\nsoon,much\nlater,more\n")
    with pytest.raises(ReplayRefused, match=r"row 1, column 'time': 'soon' is not a time"):
        said(path)


def test_a_table_that_ends_within_a_row_says_so(tmp_path):
    path = written(
        tmp_path, "time,v,w\n2024-03-01T00:00:00Z,1,2\n2024-03-01T00:10:00Z,3,4\n2024-03-01T00:20:00Z,5\n"
    )
    assert values(path) == {"v": [1.0, 3.0], "w": [2.0, 4.0]}
    assert "a row that is cut short below the table (row 3)" in said(path)


@pytest.mark.parametrize(
    ("name", "content", "leads_on"),
    [
        ("x.xml", b"<?xml version='1.0'?><rows/>", "is XML: export it as CSV"),
        ("x.csv", b"<!DOCTYPE html><html></html>", "a web page: export the table as CSV"),
        ("x.arff", b"@RELATION pump\n@ATTRIBUTE v NUMERIC\n@DATA\n1\n", "is ARFF: write the names"),
        (
            "x.lvm",
            b"LabVIEW Measurement\t\nWriter_Version\t2\n",
            "X_Value counts seconds from .*absolute times",
        ),
        ("x.mat", b"MATLAB 5.0 MAT-file" + bytes(100), "of MATLAB: write a table with writetable"),
        ("x.npy", b"\x93NUMPY\x01\x00" + bytes(60), "write a table as CSV or Parquet"),
        ("x.tdms", b"TDSm\x0e\x00", "LabVIEW's TDMS: export it as CSV"),
        ("x.mf4", b"MDF     4.10    " + bytes(60), "MDF: export it as CSV with a column of absolute times"),
        ("x.pkl", b"\x80\x04\x95", "a pickle of Python, which may run code: write it with to_csv"),
        ("x.feather", b"ARROW1\x00\x00", "convert it to Parquet"),
    ],
)
def test_files_that_are_no_table_are_named_for_what_they_are(tmp_path, name, content, leads_on):
    with pytest.raises(ReplayRefused, match=leads_on):
        said(written(tmp_path, content, name))


@pytest.mark.parametrize("row", [3, 200, 3000])
def test_bytes_of_zero_as_a_failing_logger_leaves_them_are_refused_with_their_row(tmp_path, row):
    lines = [f"2024-03-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z,{n}" for n in range(3500)]
    lines[row - 1] = "\0" * 20
    with pytest.raises(
        ReplayRefused, match=rf"(line {row + 1}|row {row}:?) (has|it has) bytes of zero.*[Rr]emove"
    ):
        said(written(tmp_path, "\n".join(["time,v", *lines])))


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("        time         | v\n---------------------+---\n", " {} | {}\n"),
        ("+---------------------+---+\n| time | v |\n+---------------------+---+\n", "| {} | {} |\n"),
        ("| time | v |\n|---|---:|\n", "| {} | {} |\n"),
    ],
)
def test_tables_that_are_drawn_are_read_and_their_lines_counted(tmp_path, head, row):
    rows = "".join(row.format(moment, number) for number, moment in enumerate(MINUTES))
    path = written(tmp_path, head + rows)
    assert values(path) == {"v": [float(number) for number in range(8)]}
    assert "a line of dashes (row 1)" in said(path)


def test_a_row_of_missing_words_of_dashes_is_no_line_that_is_drawn(tmp_path):
    rows = "".join(f"{'--' if n == 3 else n},{moment},{n}\n" for n, moment in enumerate(MINUTES))
    path = written(tmp_path, "v,time,w\n" + rows)
    assert values(path) == {"v": [0, 1, 2, 4, 5, 6, 7], "w": [float(n) for n in range(8)]}


def test_a_column_without_a_name_that_stands_still_is_a_signal(tmp_path):
    rows = [f"5,2024-03-0{day}T00:00Z,{day}.5" for day in range(1, 8)]
    assert list(values(written(tmp_path, "\n".join([",time,v", *rows])))) == ["column0", "v"]


def test_the_latest_time_is_said_wherever_it_stands(tmp_path):
    path = written(tmp_path, "time,v\n2024-03-01,1\n2024-03-09,2\n2024-03-04,3\n")
    assert "from 2024-03-01T00:00:00Z to 2024-03-09T00:00:00Z" in said(path)
