"""Files and payloads as in public bug reports, where they are beside the checkout: what becomes of each."""

from pathlib import Path

import pytest
from river import anomaly, preprocessing
from typer.testing import CliRunner

from consumer.detectors.anomaly import AnomalyUseCase
from consumer.settings.signal_settings import SettingsOfSignals
from ops.__main__ import app
from ops.backtest.backtest import Backtest
from tests.consumer.decode.payload_builders import ARRIVED_S, observations, read

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the reported cases are not at {CASES}")

FROM, TO, TO_SHORT = "2024-03-01T00:00:00Z", "2024-03-02T05:59:00Z", "2024-03-01T04:59:00Z"
OPENED, CLEARED = "2024-03-02T03:30:00.000000Z", "2024-03-02T04:20:00.000000Z"
ONE_OPENING = (OPENED, CLEARED)
PRESSURE_AND_TEMP = "2 signals (pressure, temp), "
PRESSURE = "1 signal (pressure), "
# Of each file: signals, from, to, what else is said, and when there are events.
FILES = {
    "REF.csv": (PRESSURE_AND_TEMP, FROM, TO, "Left out: nothing", ONE_OPENING),
    "A1.csv": (PRESSURE_AND_TEMP, FROM, TO, "time by 'Date,Time'", ONE_OPENING),
    "A2.csv": (PRESSURE, FROM, TO, "dates with the month first", ONE_OPENING),
    "A4.csv": (PRESSURE, FROM, TO, "digits of YYYYMMDDhhmmss", ONE_OPENING),
    "B1.csv": (PRESSURE_AND_TEMP, FROM, TO, "'pressure' 'NULL' 36", ONE_OPENING),
    "B1b.csv": (PRESSURE_AND_TEMP, FROM, TO, "'pressure' 'Bad Input' 36", ONE_OPENING),
    "B3.csv": ("2 signals (pressure, running), ", FROM, TO, "3,600 observations", ONE_OPENING),
    "B5.csv": ("2 signals (Status, Druck), ", FROM, TO, "decimal commas", ONE_OPENING),
    "C1.csv": (
        "by the tags in 'tag' (pump.pressure, pump.temp)",
        FROM,
        TO,
        "3,600 observations",
        ONE_OPENING,
    ),
    "H3.csv": (PRESSURE, FROM, TO_SHORT, "300 observations", ()),
    "H4.csv": (PRESSURE, "2024-03-13T00:00:00Z", "2024-03-13T04:59:00Z", "the day first", ()),
    "H4b.csv": (PRESSURE, "2024-03-13T00:00:00Z", "2024-03-13T04:59:00Z", "300 observations", ()),
    "J1.json": (PRESSURE, FROM, TO_SHORT, "an array of objects", ()),
    "J2.csv": (PRESSURE_AND_TEMP, FROM, TO_SHORT, "a row of units, 's, bar, degC' (row 1)", ()),
    "J2c.csv": (PRESSURE, FROM, "2024-03-01T06:39:00Z", "the header again (row 201)", ()),
    "J3.csv": (PRESSURE, FROM, TO_SHORT, "'sep=,' names the separator", ()),
    "J6.csv": (PRESSURE, FROM, TO, "the rows run backwards: turned round", ONE_OPENING),
    "J8.csv": (PRESSURE, FROM, TO, "the row's number", ONE_OPENING),
    "Tank[2].csv": ("1 signal (level), ", FROM, TO, "Left out: nothing", ONE_OPENING),
}


def backtest(name: str, use_case: str = "anomaly"):
    return CliRunner().invoke(app, ["backtest", "--use-case", use_case, str(CASES / name)])


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_it_is_meant(name):
    signals, first, last, said, events_at = FILES[name]
    ran = backtest(name)
    assert ran.exit_code == 0, ran.output
    assert signals in ran.stderr
    assert f"one row every 60 s, from {first} to {last}" in ran.stderr
    assert said in ran.stderr
    # That a pump stops for the first time is told, too.
    told = [line.split()[0] for line in ran.stdout.splitlines() if "B3.running" not in line]
    assert told[:1] == list(events_at[:1])
    assert [events_at[1] <= cleared <= TO for cleared in told[1:]] == [True] * len(events_at[1:])


def test_columns_of_numbers_without_names_are_refused_with_what_to_do():
    ran = backtest("J4.dat")
    assert ran.exit_code != 0
    assert "no header line" in ran.output
    assert "Begin it with the columns' names" in ran.output


@pytest.mark.parametrize(("name", "level"), [("E1.csv", "level 5 before, 50 in"), ("E3.csv", "level")])
def test_a_step_of_what_stood_still_opens_once(name, level):
    ran = backtest(name, "shift")
    opened = [line for line in ran.stdout.splitlines() if "Lasting Change Detected on" in line]
    assert len(opened) == 1
    assert level in opened[0]


DAY_S, NOON_S = 1_709_251_200.0, 1_709_294_400.0  # 2024-03-01, and its noon
OBSERVED = {
    "A4c": [("t.d", 1.0, NOON_S)],
    "G1": [("nulls.a", 1.0, 1_700_000_000.0)],
    "G2": [("nulls.b", 1.0, 1_700_000_000.0)],
    "G4": [("A:P", 1.5, 1_700_000_000.0)],
    "H1": [("t.a", 1.0, NOON_S)],
    "H5": [("t.c", 1.0, DAY_S)],
    "H5b": [("t.c", 1.0, DAY_S)],
    "I1": [("bom.a", 1.0, DAY_S)],
    "I2": [("gz.a", 1.0, DAY_S)],
    "I3": [("nd.a", 1.0, ARRIVED_S), ("nd.a", 2.0, ARRIVED_S)],
    "I3b": [("ar.a", 1.0, ARRIVED_S), ("ar.a", 2.0, ARRIVED_S)],
}


@pytest.mark.parametrize("name", OBSERVED)
def test_a_payload_is_learned(name):
    batch = read((CASES / f"{name}.payload").read_bytes())
    assert batch.rejections == []
    assert observations(batch) == OBSERVED[name]


def test_a_model_that_cannot_score_at_first_learns():
    of_line = "anomaly.QuantileFilter(preprocessing.MinMaxScaler() | anomaly.OneClassSVM(nu=0.1), q=0.995)"
    assert of_line in (CASES / "K1_line.py").read_text()
    model = anomaly.QuantileFilter(preprocessing.MinMaxScaler() | anomaly.OneClassSVM(nu=0.1), q=0.995)
    use_case = AnomalyUseCase(model)
    tested = Backtest("edge2", SettingsOfSignals("edge2", use_case), "rig", ("rig.a",))
    rows = [(NOON_S + number, (number % 7 / 7.0,)) for number in range(600)]
    for _ in tested.parts(rows):
        pass
    [state] = tested.learner.states.values()
    assert state.learned == 600
