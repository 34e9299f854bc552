"""Columns of qualities: whose they are, how they say it, and what only looks like one."""

import pytest

from tests.clients.recordings.reading import said, values, written

MINUTES = [f"2024-03-01T00:{minute:02}:00Z" for minute in range(20)]
ALL = [float(n) for n in range(20)]


def wide(header, row, separator=","):
    return "\n".join([header, *(separator.join([at, *row(n)]) for n, at in enumerate(MINUTES))]) + "\n"


def without(*missing):
    return [value for value in ALL if value not in missing]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("Good", "Bad"), ("GOOD", "BAD [Out of Service]"), ("192", "0"), ("192", "24"), ("216", "8"),
        ("True", "False"),
        ("Good", "Stale"), ("Good", "Error"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["quality", "DataQuality", "OPC Quality", "q"])
def test_values_of_bad_quality_are_gaps_in_wide_and_in_long_tables(tmp_path, good, bad, name):
    path = written(tmp_path, wide(f"time,v,{name}", lambda n: (str(n), bad if n in (3, 7) else good)))
    assert values(path) == {"v": without(3, 7)}
    assert "quality bad: 2" in said(path)
    path = written(tmp_path, wide(f"time,tag,v,{name}", lambda n: ("a.x", str(n), bad if n == 3 else good)))
    assert values(path, tag="tag") == {"a.x": without(3)}


@pytest.mark.parametrize(
    "header",
    [
        "time,v,v quality,w,w quality",
        "time,v,v.Status,w,w.Status",
        "time,v,Quality,w,Quality",
        "time,v,v_q,w,w_q",
    ],
)
@pytest.mark.parametrize(("good", "bad"), [("Good", "Bad"), ("192", "0")])
def test_each_signal_has_a_quality_of_its_own(tmp_path, header, good, bad):
    def row(n):
        return str(n), bad if n == 3 else good, str(n), bad if n == 5 else good

    path = written(tmp_path, wide(header, row))
    assert values(path) == {"v": without(3), "w": without(5)}
    assert "quality bad: 2" in said(path)


def test_a_quality_is_of_the_signal_whose_whole_name_it_begins_with(tmp_path):
    def row(n):
        return str(n), str(n), "Bad" if n == 3 else "Good", "Good"

    path = written(tmp_path, wide("time,pump2,pump,pump2 quality,pump quality", row))
    assert values(path) == {"pump2": without(3), "pump": ALL}


def test_uncertain_values_are_learned_and_counted(tmp_path):
    for word in ("Uncertain", "Questionable", "Substituted"):
        path = written(
            tmp_path, wide("time,v,quality", lambda n, word=word: (str(n), word if n == 3 else "Good"))
        )
        assert values(path) == {"v": ALL}
        assert "quality uncertain: 1" in said(path)
    path = written(tmp_path, wide("time,v,quality", lambda n: (str(n), "64" if n == 3 else "192")))
    assert "quality uncertain: 1" in said(path)


@pytest.mark.parametrize("flag", [("True", "False"), ("1", "0")])
def test_a_flag_that_is_named_good_is_a_quality(tmp_path, flag):
    path = written(tmp_path, wide("time,v,IsGood", lambda n: (str(n), flag[n == 3])))
    assert values(path) == {"v": without(3)}


@pytest.mark.parametrize(
    ("header", "cell", "learned"),
    [
        ("time,v,status", lambda n: str(n % 2), ["v", "status"]),
        ("time,v,Air quality", lambda n: str(30 + 9 * n), ["v", "Air quality"]),
        ("time,v,Quality", lambda n: f"{n / 7:.3f}", ["v", "Quality"]),
        ("time,v,pump status", lambda n: str(n > 5), ["v", "pump status"]),
    ],
)
def test_numbers_that_are_no_codes_stay_signals(tmp_path, header, cell, learned):
    path = written(tmp_path, wide(header, lambda n: (str(n), cell(n))))
    assert list(values(path)) == learned
    assert values(path)["v"] == ALL


def test_a_quality_that_says_nothing_known_is_named(tmp_path):
    path = written(tmp_path, wide("time,v,quality", lambda n: (str(n), "ok" if n % 2 else "so-so")))
    assert "column 'quality' (it may be a quality, but says none that is known, such as 'so-so'" in said(path)
    path = written(
        tmp_path, wide("time,tag,value,quality", lambda n: ("a.x", str(n), "100" if n % 2 else "0"))
    )
    assert "column 'quality' (it may be a quality, but says none that is known" in said(path)
