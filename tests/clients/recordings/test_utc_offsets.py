"""Times beside a column of their offsets from UTC, in zones, and where clocks were changed."""

import json
from datetime import datetime, timedelta

import duckdb
import pytest

from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import at, read, said, times, values, written

START = at("2024-06-03T08:00")


def recording(tmp_path, offset, header="Time,UTC offset,v", rows=20, form="%Y-%m-%d %H:%M:%S"):
    moments = [datetime(2024, 6, 3, 8) + timedelta(minutes=row) for row in range(rows)]  # noqa: DTZ001
    lines = [f"{moment:{form}},{offset},{row}" for row, moment in enumerate(moments)]
    return written(tmp_path, "\n".join([header, *lines]) + "\n")


@pytest.mark.parametrize(
    ("offset", "hours"),
    [
        ("+02:00", 2), ("+0200", 2), ("02:00", 2), ("UTC+2", 2), ("UTC +02:00", 2), ("GMT-3", -3),
        ("-05:30", -5.5),
        ("120", 2), ("-300", -5), ("7200", 2), ("-12600", -3.5), ("2", 2), ("5.75", 5.75), ("0", 0),
        ("UTC", 0),
        ("Z", 0), ("\u221203:00", -3), ("Europe/Berlin", 2), ("America/St_Johns", -2.5),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["UTC offset", "tz", "TimeZone", "gmt_offset (min)"])
def test_an_offset_beside_the_times_is_theirs(tmp_path, offset, hours, name):
    path = recording(tmp_path, offset, f"Time,{name},v")
    assert times(path) == [START - hours * 3600 + row * 60 for row in range(20)]
    assert list(values(path)) == ["v"]
    assert f"time by 'Time,{name}'" in said(path)


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%Y%m%d%H%M%S", "%m/%d/%y %I:%M %p", "%d-%b-%Y,%H:%M:%S"])
def test_the_form_of_the_times_does_not_matter(tmp_path, form):
    header = "Date,Time,tz,v" if "," in form else "Time,tz,v"
    options = {"time_format": "MDY"} if "%p" in form else {}
    assert times(recording(tmp_path, "+02:00", header, form=form), **options)[0] == START - 7200


def test_an_offset_that_changes_where_clocks_do_keeps_the_times_in_their_order(tmp_path):
    rows = [("01:30", "+01:00"), ("03:00", "+02:00"), ("03:30", "+02:00")]
    path = written(tmp_path, "Time;Offset;v\n" + "".join(f"31.03.2024 {t};{o};1,5\n" for t, o in rows))
    assert times(path) == [at("2024-03-31T00:30") + 1800 * row for row in range(3)]
    path = written(tmp_path, "Time;Offset;v\n" + "".join(f"31.03.2024 {t};;1,5\n" for t, o in rows))
    assert times(path)[0] == at("2024-03-31T01:30")


def test_an_offset_in_json_and_in_parquet(tmp_path):
    rows = [{"ts": f"2024-06-03T08:0{row}:00", "tz": 120, "v": row} for row in range(4)]
    assert times(written(tmp_path, json.dumps(rows), "rig.json"))[0] == START - 7200
    path = tmp_path / "rig.parquet"
    sql = "SELECT TIMESTAMP '2024-06-03 08:00:00' AS ts, '-03:30' AS utc_offset, 1.5 AS v"
    duckdb.connect().execute(f"COPY ({sql}) TO '{path}'")
    assert read(path) == {"v": [(START + 3.5 * 3600, 1.5)]}


@pytest.mark.parametrize(
    ("offset", "name", "leads_on"),
    [
        ("CET", "tz", r"row 1, column 'tz': 'CET' is no offset from UTC.*--time-zone"),
        ("Zone A", "timezone", r"row 1, column 'timezone': 'Zone A' is no offset"),
        ("20", "utc_offset", r"row 1, column 'utc_offset': '20' is no offset"),
        ("-120", "timezoneOffset", r"row 1, column 'timezoneOffset': '-120' is west of UTC in JavaScript"),
        ("120", "Offset", r"row 1, column 'Offset': '120' may be how far .*--time 'Time,Offset'.*--signals"),
    ],
)
def test_an_offset_that_would_be_guessed_is_refused(tmp_path, offset, name, leads_on):
    path = recording(tmp_path, offset, f"Time,{name},v")
    with pytest.raises(ReplayRefused, match=leads_on):
        said(path)
    assert times(path, signals=["v"], time_zone="Asia/Kolkata")[0] == START - 5.5 * 3600


def test_an_offset_can_be_named(tmp_path):
    path = recording(tmp_path, "120", "Time,Offset,v")
    assert times(path, time="Time,Offset")[0] == START - 7200
    assert values(path, signals=["Offset"]) == {"Offset": [120.0] * 20}
    path = recording(tmp_path, "+02:00", "Time,tz,v", form="%Y weekday %w; %d/%m %H.%M")
    form = "%Y weekday %w; %d/%m %H.%M"
    assert times(path, time="Time,tz", time_format=form)[0] == START - 7200


def test_a_row_without_its_offset_is_refused(tmp_path):
    path = written(tmp_path, "Time,tz,v\n2024-06-03 08:00,+02:00,1\n2024-06-03 08:01,,2\n")
    with pytest.raises(ReplayRefused, match=r"row 2, column 'Time,tz': .*without an offset"):
        said(path)


@pytest.mark.parametrize(
    ("form", "header", "why"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "Time,UTC offset,v", "the times name their zone"),
        ("%Y-%m-%d %H:%M:%S", "time_utc,UTC offset,v", "which 'time_utc' is by its name"),
        ("17174016%M", "time,UTC offset,v", "which epochs do not need"),
    ],
)
def test_an_offset_of_times_that_are_utc_anyway_is_left_out_and_said(tmp_path, form, header, why):
    path = recording(tmp_path, "60", header, form=form)
    assert list(values(path)) == ["v"]
    assert f"column 'UTC offset' (offsets from UTC{'' if 'name their' in why else ', '}" in said(path)
    assert why in said(path)


def test_numbers_that_change_more_often_than_clocks_are_refused(tmp_path):
    rows = "".join(f"2024-06-03 08:{row:02},{row % 4},1\n" for row in range(20))
    path = written(tmp_path, f"time,tz offset,v\n{rows}")
    with pytest.raises(ReplayRefused, match=r"row 3, column 'tz offset': '2' is the third offset.*--signals"):
        said(path)
    assert list(values(path, signals=["tz offset", "v"])) == ["tz offset", "v"]


def test_a_signal_named_offset_or_zone_stays_one(tmp_path):
    for name in ("offset", "Zone", "time offset", "zone 1 offset", "heating zone temp offset"):
        rows = "".join(f"2024-06-03 08:{row:02},{row / 4:.2f},1\n" for row in range(20))
        assert list(values(written(tmp_path, f"time,{name},v\n" + rows))) == [name, "v"]


@pytest.mark.parametrize(
    "other", ["2024-06-03T08:09:00Z", "2024-06-03 08:09:00+02:00", "2024-06-03 08:09 UTC"]
)
@pytest.mark.parametrize("is_first", [True, False])
def test_times_with_and_without_a_zone_in_one_column_are_refused_until_it_is_said(tmp_path, other, is_first):
    lines = [f"2024-06-03 08:{row:02},{row}" for row in range(9)]
    lines = [f"{other},7", *lines] if is_first else [*lines, f"{other},7"]
    path = written(tmp_path, "\n".join(["time,v", *lines]))
    row = 2 if is_first else 10
    with pytest.raises(ReplayRefused, match=rf"row {row}, column 'time': .*in row 1.*hours off.*--time-zone"):
        said(path)
    assert len(times(path, time_zone="UTC")) == 10


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%Y%m%d%H%M", "%d %B %Y %H:%M"])
def test_a_time_that_clocks_of_the_zone_never_showed_is_refused(tmp_path, form):
    moments = [datetime(2024, 3, 31, 1) + timedelta(minutes=20 * row) for row in range(9)]  # noqa: DTZ001
    path = written(tmp_path, "time,v\n" + "".join(f"{moment:{form}},1\n" for moment in moments))
    assert len(times(path)) == 9
    with pytest.raises(ReplayRefused, match=r"row 4, column 'time': .*clocks in Europe/Berlin never showed"):
        said(path, time_zone="Europe/Berlin")


@pytest.mark.parametrize("zone", ["CET", "EDT", "(PST)", "Europe/Berlin"])
def test_a_zone_by_its_name_behind_the_time_leads_to_the_option(tmp_path, zone):
    path = written(tmp_path, f"time,v\n2024-03-01 00:00:00 {zone},1\n2024-03-01 00:01:00 {zone},2\n")
    with pytest.raises(ReplayRefused, match=r"row 1, column 'time': .*ends in a zone's name.*--time-format"):
        said(path)
    form = f"%Y-%m-%d %H:%M:%S {zone}"
    assert times(path, time_format=form, time_zone="Europe/Berlin")[0] == at("2024-02-29T23:00")


def test_a_zone_in_brackets_behind_an_offset_changes_nothing(tmp_path):
    path = written(tmp_path, "time,v\n2024-06-03T08:00+02:00[Europe/Berlin],1\n2024-06-03T06:01Z[UTC],2\n")
    assert times(path) == [START - 7200, START - 7140]


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("Timestamp (UTC+01:00)", 1),
        ("Time [GMT-5]", -5),
        ("time UTC +0530", 5.5),
        ("Date/Time (Europe/Berlin)", 2),
        ("Timestamp (UTC)", 0),
        ("Date/Time", 0),
    ],
)
@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"])
def test_the_zone_that_the_name_of_the_times_says_is_theirs(tmp_path, name, hours, form):
    path = recording(tmp_path, "7", f"{name},w,v", form=form)
    assert times(path)[0] == START - hours * 3600
    assert times(path, time_zone="Asia/Tokyo")[0] == START - 9 * 3600


def test_letters_of_a_zone_in_the_name_of_the_times_lead_to_the_option(tmp_path):
    for name in ("Time (CET)", "Zeit [MEZ]", "Timestamp EST"):
        path = recording(tmp_path, "7", f"{name},w,v")
        with pytest.raises(ReplayRefused, match=r"which may be several zones: say which with --time-zone"):
            said(path)
        assert times(path, time_zone="+01:00")[0] == START - 3600
    path = recording(tmp_path, "7", "Time (CET),w,v", form="%Y-%m-%dT%H:%M:%SZ")
    assert times(path)[0] == START


@pytest.mark.parametrize(
    ("beside", "hours"),
    [
        ({"utc_offset_seconds": 7200}, 2),
        ({"tz": "-03:30"}, -3.5),
        ({"timezone": "Europe/Berlin", "utc_offset_seconds": 7200}, 2),
        ({"station": "north"}, 0),
    ],
)
@pytest.mark.parametrize("is_columns", [True, False])
def test_an_offset_beside_the_rows_of_a_document_is_that_of_its_times(tmp_path, beside, hours, is_columns):
    rows = [{"time": f"2024-06-03T08:0{row}:00", "v": row} for row in range(9)]
    columns = {"time": [row["time"] for row in rows], "v": [row["v"] for row in rows]}
    document = {**beside, "units": {"v": "bar"}, "hourly": columns if is_columns else rows}
    path = written(tmp_path, json.dumps(document), "rig.json")
    assert read(path) == {"v": [(START - hours * 3600 + 60 * row, float(row)) for row in range(9)]}


@pytest.mark.parametrize(
    "line",
    ["# timezone: Europe/Berlin", "Time zone;(UTC+01:00) Amsterdam", "Zeitzone: MEZ", "UTC offset: 3600"],
)
def test_a_line_above_the_table_that_names_a_zone_is_not_passed_over(tmp_path, line):
    rows = "".join(f"2024-06-03 08:0{row};{row}\n" for row in range(9))
    path = written(tmp_path, f"{line}\ntime;v\n{rows}")
    with pytest.raises(ReplayRefused, match=r"stands above the table, whose times name no zone.*--time-zone"):
        said(path)
    assert times(path, time_zone="+01:00")[0] == START - 3600
    path = written(tmp_path, f"Time zone: UTC\ntime;v\n{rows}")
    assert times(path)[0] == START


def test_excels_days_beside_an_offset_lead_to_the_option(tmp_path):
    path = written(tmp_path, "time,tz,v\n45446.5,+02:00,1\n45446.75,+02:00,2\n")
    with pytest.raises(ReplayRefused, match=r"'tz' may say of which zone: say it with --time-zone"):
        said(path, time_format="excel")
    assert times(path, time_format="excel", time_zone="+02:00") == [START + 2 * 3600, START + 8 * 3600]
