"""Times of recordings: forms, orders decided by the whole column, two columns, and what is refused."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from clients.recordings.refusal import ReplayRefused
from consumer.decode.times import seconds_of
from tests.clients.recordings.reading import at, said, times, values, written

START = datetime(2024, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def recording(tmp_path, form, start=START, step=MINUTE, rows=100, header="time,v"):
    lines = [f"{(start + row * step).strftime(form)},{row}" for row in range(rows)]
    return written(tmp_path, "\n".join([header, *lines]) + "\n")


def expected(start=START, step=MINUTE, rows=100):
    return [(start + row * step).timestamp() for row in range(rows)]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y%m%dT%H%M%SZ",
        "%Y%m%d%H%M%S",
        "%Y%m%d%H%M",
        "%d-%b-%y %H:%M:%S",
        "%d.%m.%Y %H:%M",
        "%Y/%m/%d %H:%M",
        "%d %B %Y %H:%M",
        "%a %b %d %H:%M:%S %Y",
        "%Y-%m-%d %H:%M:%S UTC",
        "%Y-%m-%dt%H:%M:%Sz",
    ],
)
def test_forms_of_historians_are_read(tmp_path, form):
    assert times(recording(tmp_path, form)) == expected()


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%y %I:%M %p", "%d-%m-%Y %H:%M:%S"]
)
@pytest.mark.parametrize("start", [START, datetime(2024, 11, 20, tzinfo=UTC)])
def test_the_whole_column_decides_whether_the_day_comes_first(tmp_path, form, start):
    """By a day above 12, even if it is the last one, or by times that follow each other steadily."""
    path = recording(tmp_path, form, start, timedelta(minutes=30))
    assert times(path) == expected(start, timedelta(minutes=30))
    first = "the day first" if form.startswith("%d") else "the month first"
    assert first in said(path)


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%y-%m-%d %H:%M"])
def test_where_it_cannot_be_decided_it_is_refused_until_it_is_said(tmp_path, form):
    start = datetime(2011, 3, 4, tzinfo=UTC)
    path = recording(tmp_path, form, start)
    with pytest.raises(
        ReplayRefused, match=r"row 1, column 'time': .* --time-format DMY or --time-format MDY"
    ):
        times(path)
    order = "".join(letter for letter in form.upper() if letter in "DMY")[:3]
    assert times(path, time_format=order) == expected(start)
    assert times(path, time_format=form) == expected(start)


def test_dates_that_no_order_fits_are_refused_with_row_and_column(tmp_path):
    path = written(tmp_path, "time,v\n13/03/2024 00:00,1\n14/03/2024 00:00,2\n03/15/2024 00:00,3\n")
    with pytest.raises(ReplayRefused, match=r"row 3, column 'time': '03/15/2024 00:00': no order"):
        times(path)


def test_a_column_of_two_forms_is_refused(tmp_path):
    """As a spreadsheet leaves it that took some texts for dates, and exchanged day and month."""
    path = written(tmp_path, "time,v\n2024-03-01 00:00,1\n2024-03-01 00:01,2\n13/03/2024 00:00,3\n")
    with pytest.raises(
        ReplayRefused, match=r"row 3, column 'time': .* otherwise than '2024-03-01 00:00' in row 1"
    ):
        times(path)


@pytest.mark.parametrize(("date", "clock"), [("Date", "Time"), ("Datum", "Uhrzeit"), ("DAY", "HOUR")])
@pytest.mark.parametrize("forms", [("%Y-%m-%d", "%H:%M:%S"), ("%m/%d/%Y", "%I:%M %p"), ("%d.%m.%y", "%H:%M")])
def test_a_date_and_a_time_of_day_are_one_time(tmp_path, date, clock, forms):
    start = datetime(2024, 3, 14, 20, tzinfo=UTC)
    form = ",".join(forms)
    path = recording(tmp_path, form, start, timedelta(minutes=10), header=f"{date},{clock},v")
    assert times(path) == expected(start, timedelta(minutes=10))
    assert f"time by '{date},{clock}'" in said(path)


def test_several_columns_can_be_named_to_make_a_time(tmp_path):
    path = written(tmp_path, "d,start,end,v\n2024-03-01,00:00,00:05,1\n2024-03-01,00:05,00:10,2\n")
    with pytest.raises(
        ReplayRefused, match=r"several columns of times of day, 'start', 'end': .*--time d,TIME"
    ):
        times(path)
    assert times(path, time="d,end") == [at("2024-03-01T00:05"), at("2024-03-01T00:10")]
    path = written(tmp_path, "No,year,month,day,hour,pm\n1,2013,3,1,0,4\n2,2013,3,1,1,8\n3,2013,3,1,2,7\n")
    assert times(path) == [at("2013-03-01T00:00"), at("2013-03-01T01:00"), at("2013-03-01T02:00")]
    assert values(path) == {"pm": [4.0, 8.0, 7.0]}


@pytest.mark.parametrize(("form", "step"), [("%H%M%S", MINUTE), ("%H%M", MINUTE), ("%H", 60 * MINUTE)])
def test_a_time_of_day_of_digits_is_read_where_it_is_named(tmp_path, form, step):
    for date in ("%d.%m.%Y", "%Y%m%d"):
        path = recording(tmp_path, f"{date},{form}", step=step, header="Date,Clock,v")
        with pytest.raises(ReplayRefused, match="name the column of the time of day too, such as --time"):
            times(path)
        assert times(path, time="Date,Clock") == expected(step=step)


def test_days_whose_time_of_day_is_missing_are_refused(tmp_path):
    rows = "".join(f"2024-03-0{1 + row // 24},{row % 24},{row}\n" for row in range(72))
    with pytest.raises(ReplayRefused, match="has days alone, and most rows share one"):
        times(written(tmp_path, "Date,Hour,v\n" + rows))
    with pytest.raises(ReplayRefused, match="no column has their date"):
        times(written(tmp_path, "clock,v\n00:00:00,1\n00:00:01,2\n"))
    daily = "".join(f"2024-03-{row:02},{row}\n" for row in range(1, 30))
    assert len(times(written(tmp_path, "Date,v\n" + daily))) == 29


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1970-01-01T00:00:07Z", "before 2000"),
        ("1601-01-01T00:00:00Z", "before 2000"),
        ("2611-01-01T00:00:00Z", "ahead of now"),
        ("1999-12-31T23:59:59Z", "before 2000"),
        ("2026-06-02T00:00:01Z", "ahead of now"),
    ],
)
def test_a_time_that_cannot_be_is_refused_until_the_form_is_said(tmp_path, cell, why):
    path = written(tmp_path, f"time,v\n2024-03-01T00:00:00Z,1\n2024-03-01T00:01:00Z,2\n{cell},3\n")
    with pytest.raises(ReplayRefused, match=rf"row 3, column 'time': '{cell}' would be .*{why}"):
        times(path)
    assert times(path, time_format="iso")[2] == datetime.fromisoformat(cell).timestamp()


@pytest.mark.parametrize(
    "elapsed", [["0", "1", "2"], ["0.0", "0.5", "1.0"], ["45352.5", "45352.6", "45352.7"]]
)
def test_numbers_that_are_no_epochs_are_refused_with_what_to_do(tmp_path, elapsed):
    path = written(tmp_path, "time,v\n" + "".join(f"{cell},1\n" for cell in elapsed))
    with pytest.raises(
        ReplayRefused, match=r"row 1, column 'time': .* would be 1970-01-01T.*\(iso, s, ms, us, ns, excel"
    ):
        times(path)


def test_the_form_can_be_said(tmp_path):
    path = written(tmp_path, "time,v\n45352.5,1\n45352.75,2\n")
    assert times(path, time_format="excel") == [at("2024-03-01T12:00"), at("2024-03-01T18:00")]
    path = written(tmp_path, "time,v\n1000,1\n2000,2\n")
    assert times(path, time_format="ms") == [1.0, 2.0]
    path = written(tmp_path, "time,v\n2024 March 1 / 7h30,1\n2024 March 1 / 7h31,2\n")
    found = times(path, time="time", time_format="%Y %B %d / %Hh%M")
    assert found == [at("2024-03-01T07:30"), at("2024-03-01T07:31")]
    with pytest.raises(ReplayRefused, match="allowed: iso, s, ms"):
        times(path, time="time", time_format="whatever")
    with pytest.raises(ReplayRefused, match=r"row 1, column 'time': .*does not match format"):
        times(path, time="time", time_format="%d.%m.%Y")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata"])
def test_the_zone_can_be_said_and_one_that_is_written_counts(tmp_path, zone):
    from zoneinfo import ZoneInfo

    local = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo(zone))
    for form in ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%d%H%M%S"):
        path = recording(tmp_path, form, local.replace(tzinfo=UTC))
        assert times(path, time_zone=zone)[0] == local.timestamp()
        assert zone in said(path, time_zone=zone)
    path = recording(tmp_path, "%Y-%m-%d %H:%M:%S+02:00", local.replace(tzinfo=UTC))
    assert times(path, time_zone=zone)[0] == local.replace(tzinfo=UTC).timestamp() - 7200
    with pytest.raises(ReplayRefused, match="'Mars/Olympus' is not known"):
        times(path, time_zone="Mars/Olympus")


def test_the_hour_that_clocks_show_twice_is_two_hours(tmp_path):
    from zoneinfo import ZoneInfo

    start = datetime(2024, 10, 26, 22, tzinfo=UTC)
    moments = [start + row * 10 * MINUTE for row in range(60)]
    lines = [f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%d.%m.%Y %H:%M},1" for moment in moments]
    path = written(tmp_path, "\n".join(["time,v", *reversed(lines)]), "newest_first.csv")
    assert times(path, time_zone="Europe/Berlin") == [moment.timestamp() for moment in moments]
    assert "turned round" in said(path, time_zone="Europe/Berlin")
    path = written(tmp_path, "\n".join(["time,v", *lines]))
    assert times(path, time_zone="Europe/Berlin") == [moment.timestamp() for moment in moments]
    assert "earlier than the row before" not in said(path, time_zone="Europe/Berlin")
    assert "1 rows are earlier" in said(path)  # read as UTC


def hourly(tmp_path, rows_an_hour):
    from zoneinfo import ZoneInfo

    start = datetime(2024, 11, 2, 22, tzinfo=UTC)
    moments = [start + row * 60 * MINUTE for row in range(20) for _ in range(rows_an_hour)]
    lines = [f"{moment.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M},1" for moment in moments]
    path = written(tmp_path, "\n".join(["time,v", *lines]))
    return [moment.timestamp() for moment in moments], times(path, time_zone="America/New_York")


def test_the_hour_that_clocks_show_twice_is_two_hours_in_hourly_rows(tmp_path):
    expected, found = hourly(tmp_path, 1)
    assert found == expected


def test_rows_that_share_their_times_stay_together_when_clocks_are_put_back(tmp_path):
    expected, found = hourly(tmp_path, 2)
    assert len(set(found)) == len(set(expected)) - 1  # nothing says which of four are the second hour's


@pytest.mark.parametrize(
    ("cells", "form", "first"),
    [
        (("1709251200,25", "1709251201,5"), "s", "2024-03-01T00:00:00.250000"),
        (("45352,25", "45352,5"), "excel", "2024-03-01T06:00:00"),
    ],
)
def test_numbers_of_time_may_have_a_decimal_comma_where_the_form_is_said(tmp_path, cells, form, first):
    path = written(tmp_path, "\n".join(["time;v", *(f"{cell};1" for cell in cells)]))
    assert times(path, time_format=form)[0] == at(first)


def test_rows_that_run_backwards_are_turned_round_and_it_is_said(tmp_path):
    rows = [f"2024-03-01T00:{row:02}:00Z,{row}" for row in range(59, -1, -1)]
    path = written(tmp_path, "\n".join(["time,v", *rows]))
    assert values(path)["v"] == [float(row) for row in range(60)]
    assert "the rows run backwards: turned round" in said(path)
    rows[10], rows[20] = rows[20], rows[10]
    mixed = written(tmp_path, "\n".join(["time,v", *rows]))
    assert values(mixed)["v"] == [float(row.rsplit(",")[1]) for row in rows]
    assert "rows are earlier than the row before: kept, in this order" in said(mixed)


@pytest.mark.parametrize(
    "written_so",
    [
        "2024-03-01T12:00:00Z",
        "2024-03-01t12:00:00z",
        "20240301T120000Z",
        "1709294400",
        "1709294400000",
        "1709294400000000",
        "1709294400000000000",
        "20240301120000",
        "01-Mar-24 12:00:00",
        "01.03.2024 12:00:00",
        "13/03/2024 12:00",
    ],
)
def test_a_recording_and_a_payload_read_one_time_alike(tmp_path, written_so):
    path = written(tmp_path, f"time,v\n{written_so},1\n")
    assert times(path) == [seconds_of(written_so)]
    path = written(tmp_path, f'{{"time": "{written_so}", "v": 1}}\n', "rig.jsonl")
    assert times(path) == [seconds_of(written_so)]


def test_what_was_read_is_said_in_three_lines(tmp_path):
    path = recording(tmp_path, "%d.%m.%Y %H:%M")
    assert said(path).split("\n") == [
        f"{path}: time by 'time', dates with the day first, as with dots it is; one row every 60 s, from "
        "2024-03-01T00:00:00Z to 2024-03-01T01:39:00Z",
        "  1 signals (v), 100 rows, 100 observations, 0 cells without a finite number",
        "  Left out: nothing",
    ]


def test_now_is_the_clocks_by_default(tmp_path):
    tomorrow = datetime.fromtimestamp(time.time() + 90_000, UTC)
    path = recording(tmp_path, "%Y-%m-%dT%H:%M:%SZ", tomorrow)
    with pytest.raises(ReplayRefused, match="more than a day ahead of now"):
        times(path, now_s=None)


@pytest.mark.parametrize("clock", ["%H:%M:%S", "%I:%M:%S %p"])
def test_thousandths_of_a_second_in_a_column_of_their_own_belong_to_the_time(tmp_path, clock):
    moments = [START + 250 * row * timedelta(milliseconds=1) for row in range(20)]
    lines = [f"{m:%Y-%m-%d},{m:{clock}},{m.microsecond // 1000},{row}" for row, m in enumerate(moments)]
    path = written(tmp_path, "\n".join(["Date,Time,Millitm,v", *lines]))
    assert times(path) == [moment.timestamp() for moment in moments]
    assert list(values(path)) == ["v"]


def test_the_orders_that_are_left_are_those_to_choose_from(tmp_path):
    path = written(tmp_path, "time,v\n" + "".join(f"13/03/24 00:{row:02},{row}\n" for row in range(20)))
    with pytest.raises(ReplayRefused, match=r"the day first or the year first.*DMY or --time-format YMD"):
        times(path)


def test_rows_that_all_have_one_time_are_refused(tmp_path):
    path = written(tmp_path, "time,v\n" + "".join(f"1.7093E+09,{row}\n" for row in range(20)))
    with pytest.raises(ReplayRefused, match=r"all 20 rows have one time in 'time'.*all of their digits"):
        times(path)
    path = written(tmp_path, "time,v\n" + "".join(f"2024-03-01 00:0{row // 3},{row}\n" for row in range(20)))
    assert "13 rows have the time of the row before: kept" in said(path)


@pytest.mark.parametrize("last", ["2024-03-01 24:00", "2024-03-01 24:00:00"])
def test_the_hour_that_ends_a_day_is_read_among_the_others(tmp_path, last):
    lines = [f"2024-03-01 {hour:02}:00,{hour}" for hour in range(1, 24)]
    path = written(tmp_path, "\n".join(["time,v", *lines, f"{last},24"]))
    assert times(path) == [START.timestamp() + 3600 * hour for hour in range(1, 25)]


def test_epochs_beside_times_under_a_name_of_times_are_no_signal(tmp_path):
    path = written(
        tmp_path, "time,load_ts,v\n" + "".join(f"2024-03-0{n},17092512{n}0,{n}\n" for n in range(1, 9))
    )
    assert list(values(path)) == ["v"]
    assert "column 'load_ts' (times, as another column has them)" in said(path)
