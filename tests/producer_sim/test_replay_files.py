"""Files that are replayed: what is found in them, and what is refused, with its row and column."""

import gzip
import os
from pathlib import Path

import pytest

from clients.recordings.columns import ReadOptions, choose
from clients.recordings.opening import open_table
from clients.recordings.refusal import ReplayRefused
from clients.recordings.rows import rows_of
from clients.recordings.survey import described, survey
from producer_sim.replay.options import ReplayOptions, prepare
from tests.producer_sim.recordings import START, write_csv, write_jsonl, write_parquet

FIRST_S = START.timestamp()


def looked_through(path, **named):
    return survey(choose(open_table(path), ReadOptions(**named)))


def values(path, **named):
    return [(row.at_s, *row.values) for row in rows_of(choose(open_table(path), ReadOptions(**named)))]


SPECIAL_NAMES = [
    "line[1]", "line[!a]", "[]", "line*", "**", "line?", "line{1,2}", "it's", 'a "line"', "two words",
    "Prüfstand 木", "-line", "~", "~root", "%s", "#1", "$HOME", "year=2024", "line\\1", "a:b", "s3:", "x]",
]  # fmt: skip


def test_a_file_is_read_by_its_literal_name(tmp_path, monkeypatch):
    """Never another file that its name would match as a pattern, nor any column or folder made of it."""
    monkeypatch.chdir(tmp_path)
    decoys = ["line1", "line2", "linea", "line", "year", "x"]
    for place in ("", *(f"{name}/" for name in SPECIAL_NAMES if name != "**"), "line1/", "line/"):
        (tmp_path / place).mkdir(exist_ok=True)
        for number, name in enumerate([*SPECIAL_NAMES, *decoys]):
            written(tmp_path / place / f"{name}.csv", f"time,v\n2020-03-01T12:00:00Z,{number}\n")
            written(
                tmp_path / place / f"{name}.jsonl", f'{{"time": "2020-03-01T12:00:00Z", "v": {number}}}\n'
            )
        written(tmp_path / place / "plain.csv", f"time,place\n2020-03-01T12:00:00Z,{len(place)}\n")
    write_parquet(tmp_path / "year=2024" / "line[1].parquet", rows=3)
    write_parquet(tmp_path / "year=2024" / "line1.parquet", rows=4)
    for number, name in enumerate(SPECIAL_NAMES):
        for ending in ("csv", "jsonl"):
            assert values(Path(f"{name}.{ending}")) == [(FIRST_S, number)], name
        if name != "**":
            assert values(Path(name, "plain.csv")) == [(FIRST_S, len(name) + 1)], name
    assert values(Path("year=2024", "line[1].csv")) == [(FIRST_S, 0)]
    parquet = choose(open_table(Path("year=2024", "line[1].parquet")))
    assert [column.name for column in parquet.signals] == ["a", "b"]
    assert survey(parquet).rows == 3


@pytest.mark.parametrize("name", ["a\\line[1].parquet", os.fsdecode(b"line\xff.csv")])
def test_a_name_that_cannot_be_told_literally_is_refused(tmp_path, name):
    (tmp_path / "a").mkdir()
    write_parquet(tmp_path / "a" / "line[1].parquet", rows=3)
    try:
        path = tmp_path / name
        path.write_bytes(write_parquet(tmp_path / "other.parquet", rows=4).read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(ReplayRefused, match="Rename it"):
        open_table(path)


def test_a_name_with_a_backslash_is_literal_too(tmp_path):
    (tmp_path / "a").mkdir()
    written(tmp_path / "a" / "line[1].csv", "time,v\n2020-03-01T12:00:00Z,1\n")
    path = written(tmp_path / "a\\line[1].csv", "time,v\n2020-03-01T12:00:00Z,2\n")
    assert values(path) == [(FIRST_S, 2)]


def written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_a_csv_of_any_separator_has_its_time_and_signals_found(tmp_path, separator):
    choice = choose(open_table(write_csv(tmp_path / "1.csv", separator=separator)))
    assert choice.time.name == "datetime"
    assert [column.name for column in choice.signals] == ["Pressure", "Volume Flow"]
    assert [column.name for column in choice.left_out] == ["anomaly", "changepoint"]


@pytest.mark.parametrize(
    ("write", "name"), [(write_csv, "a.csv"), (write_jsonl, "a.jsonl"), (write_parquet, "a.parquet")]
)
def test_every_format_has_the_same_times_in_utc(tmp_path, write, name):
    found = looked_through(write(tmp_path / name))
    assert (found.rows, found.observations, found.backwards, found.empty) == (60, 120, 0, 0)
    assert (found.first_s, found.duration_s, found.period_s) == (FIRST_S, 59.0, 1.0)


def test_values_come_exactly_as_they_are_written(tmp_path):
    path = written(
        tmp_path / "a.csv", "time,v\n2020-03-01T12:00:00.123456Z,0.1\n2020-03-01 13:00:01+01:00,1e-17\n"
    )
    assert values(path) == [(FIRST_S + 0.123456, 0.1), (FIRST_S + 1, 1e-17)]


def test_a_compressed_csv_is_read_too(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(write_csv(tmp_path / "a.csv").read_bytes()))
    assert looked_through(path).rows == 60


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"])
def test_times_as_people_write_them_are_read(tmp_path, form):
    found = looked_through(write_csv(tmp_path / "1.csv", form=form, separator=","))
    assert (found.first_s, found.duration_s) == (FIRST_S, 59.0)


@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
def test_numbers_are_seconds_to_nanoseconds_by_their_size(tmp_path, unit):
    lines = "".join(f"{int((FIRST_S + row) * unit)},{row}\n" for row in range(3))
    assert [at for at, _ in values(written(tmp_path / "a.csv", "timestamp,v\n" + lines))] == [
        pytest.approx(FIRST_S + row, abs=1e-5) for row in range(3)
    ]


def test_names_that_need_quotes_are_only_names(tmp_path):
    path = written(
        tmp_path / "it's.csv", 'time,"a ""b"", c; --"\n2020-03-01 12:00:00,1\n2020-03-01 12:00:01,2\n'
    )
    choice = choose(open_table(path))
    assert [column.name for column in choice.signals] == ['a "b", c; --']
    assert survey(choice).observations == 2


def test_named_columns_are_taken_also_if_they_are_named_like_labels(tmp_path):
    path = write_csv(tmp_path / "1.csv")
    choice = choose(open_table(path), ReadOptions(signals=["anomaly", "Pressure"]))
    assert [column.name for column in choice.signals] == ["anomaly", "Pressure"]


@pytest.mark.parametrize("named", [{"time": "nope"}, {"signals": ["nope"]}, {"labels": "nope"}])
def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path, named):
    with pytest.raises(ReplayRefused, match=r"1\.csv has no column 'nope'; it has 'datetime', 'Pressure'"):
        choose(open_table(write_csv(tmp_path / "1.csv")), ReadOptions(**named))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,4\n", "no column of times among 'a', 'b': name it with --time"),
        ("t1,t2,v\n2020-01-01,2020-01-02,1\n2020-01-02,2020-01-03,1\n", "'t1', 't2': name one with --time"),
        ("time,v\n2020-01-01,x\n2020-01-02,y\n", "no column of numbers beside"),
        ("time,v\n", "no row below its header|no column of numbers"),
        ("2020-01-01,1\n2020-01-02,2\n", "no header line"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_option_that_tells_it(tmp_path, text, said):
    with pytest.raises(ReplayRefused, match=said):
        looked_through(written(tmp_path / "a.csv", text))


def test_a_cell_that_is_no_number_is_a_gap_named_with_its_row_and_column(tmp_path):
    lines = [f"2020-03-01 12:{row // 60:02}:{row % 60:02},{row}" for row in range(3000)]
    lines[2500] = "2020-03-01 12:41:40,broken"
    path = written(tmp_path / "a.csv", "time,flow\n" + "\n".join(lines) + "\n")
    for named in ({"signals": ["flow"]}, {}):
        choice = choose(open_table(path), ReadOptions(**named))
        found = survey(choice)
        assert (found.rows, found.observations, found.empty) == (3000, 2999, 1)
        assert "'flow' text 'broken' 1 (first in row 2501)" in "\n".join(described(choice, found))


def test_a_column_without_any_number_is_refused_with_its_first_cell(tmp_path):
    path = written(tmp_path / "a.csv", "time,v,flow\n2020-03-01 12:00:00,1,\n2020-03-01 12:00:01,2,broken\n")
    with pytest.raises(ReplayRefused, match=r"a\.csv, row 2, column 'flow': 'broken' is not a number"):
        looked_through(path, signals=["flow"])


@pytest.mark.parametrize("cell", ["yesterday", ""])
def test_a_time_that_is_none_is_refused_with_its_row_and_column(tmp_path, cell):
    path = written(tmp_path / "a.csv", f"time,v\n2020-03-01 12:00:00,1\n{cell},2\n2020-03-01 12:00:02,3\n")
    with pytest.raises(ReplayRefused, match=r"a\.csv, row 2, column 'time': .*(is not a|there is no) time"):
        looked_through(path, time="time")


def test_empty_cells_and_those_that_are_not_finite_are_counted_and_not_sent(tmp_path):
    path = written(
        tmp_path / "a.csv",
        "time,v\n"
        + "".join(f"2020-03-01 12:00:0{n},{v}\n" for n, v in enumerate(["1", "", "nan", "inf", "2"])),
    )
    found = looked_through(path)
    assert (found.rows, found.observations, found.empty) == (5, 2, 3)


def test_times_that_go_backwards_are_counted_and_kept(tmp_path):
    seconds = [0, 1, 5, 3, 4, 6, 2]
    path = written(tmp_path / "a.csv", "time,v\n" + "".join(f"2020-03-01 12:00:0{n},1\n" for n in seconds))
    found = looked_through(path)
    assert (found.rows, found.backwards, found.duration_s) == (7, 2, 6.0)


def test_a_broken_line_of_json_is_refused(tmp_path):
    path = written(tmp_path / "a.jsonl", '{"time": "2020-03-01T12:00:00Z", "v": 1}\n{"time":\n')
    with pytest.raises(ReplayRefused, match=r"a\.jsonl cannot be read: .*[Mm]alformed JSON"):
        looked_through(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ReplayRefused, match="there is no such file"):
        open_table(tmp_path / "a.csv")


def test_rows_stream_and_a_file_is_not_read_to_its_end_for_its_first(tmp_path):
    lines = "".join(f"{1_583_064_000 + row},{row}\n" for row in range(200_000))
    choice = choose(open_table(written(tmp_path / "a.csv", "timestamp,v\n" + lines)))
    rows = rows_of(choice)
    assert next(rows).at_s == 1_583_064_000.0
    rows.close()


def test_columns_of_text_are_named_before_anything_is_sent(tmp_path):
    rows = "".join(f"2020-01-01 00:00:{second:02d};{second},5;{second};closed\n" for second in range(30))
    said = []
    prepare(ReplayOptions([written(tmp_path / "a.csv", "time;flow;level;valve\n" + rows)]), said.append)
    assert said[-1] == "  Left out: column 'valve' (texts, such as 'closed')"


def long_table(folder, name):
    path = folder / name
    rows = [
        f"2024-03-01T00:0{row}:00Z,{tag},{row}" for row in range(5) for tag in ("pump.flow", "pump.pressure")
    ]
    path.write_text("\n".join(["time,tag,value", *rows]))
    return path


def test_tags_of_two_files_do_not_mix(tmp_path):
    files = [long_table(tmp_path, "january.csv"), long_table(tmp_path, "february.csv")]
    with pytest.raises(
        ReplayRefused, match=r"january.csv and .*february.csv both have the signal 'pump.flow'"
    ):
        prepare(ReplayOptions(files))
    assert prepare(ReplayOptions(files[:1])).signals == ["pump.flow", "pump.pressure"]


def test_tags_are_not_sent_as_the_values_of_their_file(tmp_path):
    with pytest.raises(ReplayRefused, match="several-values needs a column a signal"):
        prepare(ReplayOptions([long_table(tmp_path, "rig.csv")], shape="several-values"))
