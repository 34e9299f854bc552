"""Times that stand in several columns, as loggers, weather stations and spreadsheets write them."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import at, read, said, times, written

FIRST = datetime(2024, 3, 9, 22, 5, 7, tzinfo=UTC)
MOMENTS = [FIRST + timedelta(minutes=minute) for minute in range(0, 300, 7)]


def table(names, form, separator=","):
    """Rows whose times are written by `strftime`, and a value of each."""
    rows = [f"{moment.strftime(form)}{separator}{number}.5" for number, moment in enumerate(MOMENTS)]
    return "\n".join([f"{names}{separator}flow", *rows]) + "\n"


def expected(cut_s=1):
    return [moment.timestamp() // cut_s * cut_s for moment in MOMENTS]


@pytest.mark.parametrize(
    ("names", "form", "cut_s"),
    [
        ("Day,Month,Year,Hour,Minute", "%-d,%-m,%Y,%-H,%-M", 60),
        ("yyyy,mm,dd,HH,MM,ss", "%Y,%m,%d,%H,%M,%S", 1),
        ("YYYY,MM,DD,hh,mm", "%Y,%m,%d,%H,%M", 60),
        ("YY,MM,DD,hh", "%y,%m,%d,%H", 3600),
        ("Año,Mes,Día,Hora,Minuto", "%Y,%m,%d,%H,%M", 60),
        ("an,mois,jour,heure,minute", "%Y,%m,%d,%H,%M", 60),
        ("Jahr,Monat,Tag,Stunde,Minute,Sekunde", "%Y,%-m,%-d,%-H,%-M,%-S.0", 1),
        ("year,month,day,clock", "%Y,%m,%d,%H:%M:%S", 1),
        ("Date,Hour,Minute", "%Y-%m-%d,%-H,%-M", 60),
        ("Datum,Stunde,Minute,Sekunde", "%d.%m.%Y,%H,%M,%S", 1),
        ("Date,Time", "%Y%m%d,%H%M%S", 1),
        ("Date,hhmm", "%Y-%m-%d,%H%M", 60),
        ("Date,Heure", "%Y-%m-%d,%Hh%M", 60),
        ("Time,Date", "%H:%M:%S,%d-%b-%Y", 1),
    ],
)
def test_parts_of_times_are_known_by_their_names_and_cells(tmp_path, names, form, cut_s):
    path = written(tmp_path, table(names, form))
    moments, found = expected(cut_s), read(path)
    assert found == {"flow": [(moment, number + 0.5) for number, moment in enumerate(moments)]}


@pytest.mark.parametrize(
    ("names", "form"),
    [
        ("Datum,Zeit,Millisekunden", "%d.%m.%Y,%H:%M:%S,250"),
        ("Date,Time,Millis", "%Y-%m-%d,%I:%M:%S %p,250"),
        ("DATE,TIME,Time (ms)", "%Y-%m-%d,%H:%M:%S,250"),
        ("Timestamp,ms", "%Y-%m-%d %H:%M:%S,250"),
        ("Timestamp,milliseconds", "%Y-%m-%dT%H:%M:%SZ,250"),
        ("Timestamp,msec", "%Y-%m-%d %H:%M:%S+00:00,250"),
    ],
)
def test_thousandths_in_a_column_of_their_own_belong_to_the_time(tmp_path, names, form):
    path = written(tmp_path, table(names, form))
    assert times(path) == [moment + 0.25 for moment in expected()]
    assert "1 signal (flow)" in said(path)


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S.125,250", "%Y-%m-%d %H:%M:%S,1250"])
def test_numbers_beside_times_with_fractions_or_above_999_are_no_thousandths(tmp_path, form):
    assert list(read(written(tmp_path, table("Timestamp,ms", form)))) == ["ms", "flow"]


def test_a_least_value_beside_the_greatest_has_no_minutes(tmp_path):
    rows = [f"2024-03-09,{hour},{hour + 3},{hour + 9}" for hour in range(24)]
    path = written(tmp_path, "\n".join(["Date,Hour,Min,Max", *rows]))
    assert {name: len(pairs) for name, pairs in read(path).items()} == {"Min": 24, "Max": 24}
    assert times(path)[:2] == [at("2024-03-09"), at("2024-03-09T01:00")]


def test_times_in_several_columns_can_be_named(tmp_path):
    path = written(tmp_path, table("d,h,m,millis", "%Y-%m-%d,%H,%M,250"))
    assert times(path, time="d,h,m") == expected(60)
    path = written(tmp_path, table("d,t,millis", "%Y-%m-%d,%H:%M:%S,250"))
    assert times(path, time="d,t,millis") == [moment + 0.25 for moment in expected()]


@pytest.mark.parametrize("clock", ["elapsed,0", "Time,61", "Time,2460"])
def test_digits_that_are_no_clock_are_not_joined_to_their_days(tmp_path, clock):
    name, digits = clock.split(",")
    rows = [f"2024-03-09,{digits},{number}.5" for number in range(9)]
    with pytest.raises(ReplayRefused, match="'Date' has days alone"):
        read(written(tmp_path, "\n".join([f"Date,{name},flow", *rows])))


def test_digits_with_the_day_first_are_no_epoch(tmp_path):
    """01032024120000 as a number would be milliseconds of the year 2002."""
    path = written(tmp_path, "time,v\n01032024120000,1.5\n01032024120100,2.5\n")
    with pytest.raises(ReplayRefused, match=r"row 1, column 'time': .*begins with 0.*--time-format"):
        read(path)
    assert times(path, time_format="%d%m%Y%H%M%S") == [at("2024-03-01T12:00"), at("2024-03-01T12:01")]


def test_days_of_excel_are_refused_with_the_option_that_reads_them(tmp_path):
    path = written(tmp_path, "Date,v\n45352.5,1.5\n45352.75,2.5\n")
    with pytest.raises(ReplayRefused, match=r"days of Excel need --time-format excel"):
        read(path)
    assert times(path, time_format="excel") == [at("2024-03-01T12:00"), at("2024-03-01T18:00")]


def test_decimals_of_parquet_are_times_too(tmp_path):
    path = tmp_path / "rig.parquet"
    rows = "(1709251200.25::decimal(18, 3), 1.5), (1709251260.25, 2.5)"
    duckdb.execute(f"copy (select * from (values {rows}) as t(ts, v)) to '{path}' (format parquet)")
    assert read(path) == {"v": [(1709251200.25, 1.5), (1709251260.25, 2.5)]}


def test_zabbix_history_has_nanoseconds_beside_its_clock(tmp_path):
    rows = [
        f"{item},{1709251200 + 60 * n},{value},500000000"
        for n in range(4)
        for item, value in ((7, n), (8, -n))
    ]
    path = written(tmp_path, "\n".join(["itemid,clock,value,ns", *rows]))
    assert read(path)["8"] == [(1709251200.5 + 60 * n, float(-n)) for n in range(4)]


def test_a_column_of_times_for_each_signal_is_refused_and_the_same_times_again_are_not(tmp_path):
    rows = [f"2024-03-01T00:0{n}:00,{n},2024-03-01T00:0{n}:0{{}},{n}" for n in range(9)]
    path = written(tmp_path, "\n".join(["Time,p,Time,t", *rows]).format(*range(9)))
    with pytest.raises(ReplayRefused, match=r"of times, 'Time', 'Time_1': .*a file of its own"):
        read(path)
    path = written(tmp_path, "\n".join(["Time,p,Time,t", *rows]).format(*[0] * 9))
    assert list(read(path)) == ["p", "t"]


@pytest.mark.parametrize("day", ["01-févr.-24", "01 févr. 2024", "1 févr. 24", "01-Feb.-2024"])
def test_months_that_are_cut_short_by_a_point(tmp_path, day):
    path = written(tmp_path, f"Horodatage;v\n{day} 08:00:00;1,5\n{day} 09:00:00;2,5\n")
    assert times(path) == [at("2024-02-01T08:00"), at("2024-02-01T09:00")]


def test_a_name_of_a_part_that_is_there_again_is_a_signal(tmp_path):
    rows = [f"2024,3,9,{hour},30,{hour + 100}" for hour in range(24)]
    path = written(tmp_path, "\n".join(["Year,Month,Day,Hour,Minute,minutes", *rows]))
    assert read(path)["minutes"][1] == (at("2024-03-09T01:30"), 101.0)


def test_thousandths_that_are_not_beside_a_whole_time_are_a_signal(tmp_path):
    rows = [f"2024-03-09T00:00:{second:02},{second}.5,{second * 7}" for second in range(20)]
    assert list(read(written(tmp_path, "\n".join(["Timestamp,flow,ms", *rows])))) == ["flow", "ms"]


def test_days_and_months_that_follow_each_other_hardly_better_one_way_are_refused(tmp_path):
    """With the day first 61 days lie between the rows, with the month first 33."""
    with pytest.raises(ReplayRefused, match=r"row 1, column 'Date': .*--time-format DMY or"):
        read(written(tmp_path, "Date,v\n01/02/2024,1\n02/04/2024,2\n"))
