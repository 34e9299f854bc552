"""Exports of historians, SCADA systems, loggers and data-set authors, each in some lines, as they come."""

import json

import pytest

from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import at, read, said, times, values, written

ROWS = range(12)
MINUTES = [f"2024-03-13 00:{minute:02}:00" for minute in ROWS]
T0 = at("2024-03-13T00:00")
UP = [float(n) for n in ROWS]


def lines(head, row):
    return "\n".join([*head, *map(row, ROWS)]) + "\n"


def at_minutes(found):
    return [(T0 + 60 * n, value) for n, value in enumerate(found)]


def test_aveva_wide_history(tmp_path):
    """Columns that say how it was retrieved beside those of tags."""
    head = ["DateTime,Reactor.T,Reactor.P,wwRetrievalMode"]
    path = written(
        tmp_path, lines(head, lambda n: f"{MINUTES[n]}.0000000,{n},{'(null)' if n == 2 else n},Cyclic")
    )
    assert read(path)["Reactor.T"] == at_minutes(UP)
    assert len(values(path)["Reactor.P"]) == 11
    assert "'(null)' 1" in said(path)
    assert "column 'wwRetrievalMode' (texts, such as 'Cyclic')" in said(path)


def test_ge_proficy_import_file(tmp_path):
    head = ["[Data]", "Tagname,TimeStamp,Value,DataQuality"]
    path = written(
        tmp_path,
        lines(
            head,
            lambda n: (
                f"A.PV,13-Mar-2024 00:{n:02}:00,{n},Good\nB.PV,13-Mar-2024 00:{n:02}:00,{n},"
                + ("Bad" if n == 3 else "Good")
            ),
        ),
    )
    assert read(path)["A.PV"] == at_minutes(UP)
    assert values(path)["B.PV"] == [float(n) for n in ROWS if n != 3]
    assert "quality bad: 1" in said(path)


def test_canary_axiom_export(tmp_path):
    """A quality right of each tag, the same name each time."""
    head = ['"Timestamp","Plant.P1","Quality","Plant.T1","Quality"']
    path = written(
        tmp_path,
        lines(head, lambda n: f'"3/13/2024 12:{n:02}:00 AM","{n}.5","{0 if n == 4 else 192}","{n}","192"'),
    )
    assert read(path)["Plant.T1"] == at_minutes(UP)
    assert values(path)["Plant.P1"] == [n + 0.5 for n in ROWS if n != 4]


def test_factorytalk_wide_and_long(tmp_path):
    head = ["Date;Time;Millitm;TagIndex;Value;Status;Marker"]
    path = written(
        tmp_path,
        lines(head, lambda n: "\n".join(f"03/13/2024;00:{n:02}:00;500;{tag};{n};;" for tag in (0, 1))),
    )
    assert read(path) == {tag: [(T0 + 60 * n + 0.5, float(n)) for n in ROWS] for tag in ("0", "1")}
    head = ['"Date","Time","Millitm","Mixer.Speed"']
    path = written(tmp_path, lines(head, lambda n: f'"03/13/2024","00:00:00",{n * 83},{n}'))
    assert read(path)["Mixer.Speed"] == [(pytest.approx(T0 + 0.083 * n), float(n)) for n in ROWS]


def test_wincc_with_the_marks_of_a_runtime_that_stopped(tmp_path):
    head = ['"VarName";"TimeString";"VarValue";"Validity";"Time_ms"']
    text = lines(head, lambda n: f'"Druck";"13.03.2024 00:{n:02}:00";{n},5;1;45364{n:02}000,5')
    path = written(tmp_path, text + '"$RT_OFF$";"13.03.2024 00:12:00";0;2;45364012000,5\n')
    assert read(path)["Druck"] == at_minutes([n + 0.5 for n in ROWS])
    assert set(values(path)) == {"Druck", "$RT_OFF$"}


def test_wincc_online_trend_with_a_time_for_each_signal_is_refused(tmp_path):
    head = ["Zeit Druck;Wert Druck;Zeit Temp;Wert Temp"]
    path = written(
        tmp_path, lines(head, lambda n: f"13.03.2024 00:{n:02}:00;{n},5;13.03.2024 00:{n:02}:07;{n},25")
    )
    with pytest.raises(
        ReplayRefused, match=r"several columns of times, 'Zeit Druck', 'Zeit Temp'.*a file of its own"
    ):
        values(path)


def test_siemens_s7_datalog(tmp_path):
    text = lines(["Record,Date,UTC Time,P1,"], lambda n: f"{n + 1},3/13/2024,0:{n:02}:00,{n}.5,")
    path = written(tmp_path, text + "//END\n")
    assert read(path) == {"P1": at_minutes([n + 0.5 for n in ROWS])}
    assert "'Record' (the row's number)" in said(path)
    assert "a line below the table" in said(path)


def test_mdf_to_csv_has_elapsed_times_which_are_refused(tmp_path):
    head = ['"timestamps","EngineSpeed","Temp"', '"s","1/min","°C"']
    path = written(tmp_path, lines(head, lambda n: f"{n / 100:.2f},{n},{n}"))
    with pytest.raises(
        ReplayRefused, match=r"column 'timestamps': '0.00' .*elapsed times need the start added"
    ):
        values(path)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("C-MAPSS", lambda n: f"1 {n + 1} -0.0007 -0.0004 100.0 518.67 641.8{n}  "),
        ("SMD", lambda n: f"0.0{n},0.1,0.2"),
        ("SMAP as text", lambda n: f"0.99{n} 0.0 1.0"),
    ],
)
def test_data_sets_without_a_header_lead_to_one(tmp_path, name, row):
    with pytest.raises(
        ReplayRefused, match=r"no header line: its first row is .*Begin it with the columns' names"
    ):
        values(written(tmp_path, lines([], row), f"{name}.txt"))


def test_tennessee_eastman_has_no_times(tmp_path):
    path = written(
        tmp_path, lines(["faultNumber,simulationRun,sample,xmeas_1"], lambda n: f"0,1,{n + 1},{n}")
    )
    with pytest.raises(ReplayRefused, match=r"no column of times among 'faultNumber', .*name it with --time"):
        values(path)


def test_swat_with_blanks_in_names_and_times(tmp_path):
    head = [" Timestamp, FIT101, LIT101,Normal/Attack"]
    path = written(tmp_path, lines(head, lambda n: f" 28/12/2015 10:00:{n:02} AM,{n}.5,{n},Normal"))
    assert times(path)[0] == at("2015-12-28T10:00")
    assert values(path) == {"FIT101": [n + 0.5 for n in ROWS], "LIT101": UP}


def test_wadi_has_a_column_of_minutes_alone(tmp_path):
    path = written(tmp_path, lines(["Row,Date,Time,v"], lambda n: f"{n + 1},10/9/2017,{n:02}.0,{n}"))
    with pytest.raises(ReplayRefused, match=r"days alone, and most rows share one"):
        values(path)


def test_node_red_writes_messages_as_lines(tmp_path):
    rows = [{"_msgid": f"a{n}", "topic": "mill/v", "payload": n, "ts": int(T0 + 60 * n) * 1000} for n in ROWS]
    path = written(tmp_path, "\n".join(map(json.dumps, rows)), "flow.json")
    assert read(path) == {"mill/v": at_minutes(UP)}


def test_home_assistant_statistics(tmp_path):
    head = ["statistic_id,unit,start,mean,min,max"]
    ids = ("sensor:a", "sensor:b")
    path = written(
        tmp_path,
        lines(head, lambda n: "\n".join(f"{i},°C,13.03.2024 {n:02}:00,{n},{n - 1},{n + 1}" for i in ids)),
    )
    assert list(values(path))[:3] == ["sensor:a.mean", "sensor:a.min", "sensor:a.max"]
    assert values(path)["sensor:b.mean"] == UP


def test_grafana_with_units_behind_the_values(tmp_path):
    path = written(tmp_path, lines(['"Time","pump"'], lambda n: f'{MINUTES[n]},"{n} bar"'))
    assert read(path) == {"pump": at_minutes(UP)}
    path = written(
        tmp_path, lines(['"Time","pump","n"'], lambda n: f'{MINUTES[n]},"{n} {"kW" if n > 5 else "W"}",{n}')
    )
    assert list(values(path)) == ["n"]
    assert "column 'pump' (texts, such as '0 W')" in said(path)


def test_kaggle_files_with_labels_and_a_machine(tmp_path):
    path = written(
        tmp_path,
        lines(
            ["datetime,machineID,volt,label"], lambda n: "\n".join(f"{MINUTES[n]},{m},{n},0" for m in (1, 2))
        ),
    )
    assert values(path) == {"1": UP, "2": UP}
    assert "column 'label' (named like a label)" in said(path)


def test_influxdb_command_line(tmp_path):
    path = written(tmp_path, lines(["name,time,v"], lambda n: f"cpu,{int(T0) + 60 * n}000000000,{n}"))
    assert read(path) == {"cpu": at_minutes(UP)}


def test_cloudwatch_console_export(tmp_path):
    """Statistics and periods stand between the names and the rows."""
    head = ["Full label,CPUUtilization,NetworkIn", "ID,m1,m2", "Statistic,Average,Sum", "Period,300,300"]
    path = written(tmp_path, lines(head, lambda n: f"2024/03/13 00:{n:02}:00,{n},{n}"))
    assert read(path) == {"CPUUtilization": at_minutes(UP), "NetworkIn": at_minutes(UP)}
    assert "3 lines between the names and the rows left out" in said(path)


def test_hobo_logger_with_its_offset_in_the_header(tmp_path):
    head = ['"Plot Title: 7"', '"#","Date Time, GMT+01:00","Temp, °C (LGR S/N: 1)"']
    path = written(tmp_path, lines(head, lambda n: f"{n + 1},03/13/24 01:{n:02}:00 AM,{n}"))
    assert read(path) == {"Temp, °C (LGR S/N: 1)": at_minutes(UP)}


def test_thingspeak_counts_its_entries(tmp_path):
    path = written(tmp_path, lines(["created_at,entry_id,field1"], lambda n: f"{MINUTES[n]} UTC,{n + 7},{n}"))
    assert read(path) == {"field1": at_minutes(UP)}
