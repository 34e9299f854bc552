"""The drift detector of lasting changes is a River model like any other, and works without this project."""

import datetime as dt
import random
import subprocess
import sys
from unittest import mock

import pytest
from river import checks, drift

from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked
from consumer.river_models.lasting_change import LastingChange

MONDAY = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def stepped(count=900, at=600, size=4.0):
    rng = random.Random(1)
    return [rng.gauss(20.0, 1.0) + size * (row >= at) for row in range(count)]


def detected(model, values, times=None):
    """Where a drift detector detects."""
    found = []
    for row, value in enumerate(values):
        model.update(value) if times is None else model.update(value, t=times[row])
        found += [row] if model.drift_detected else []
    return found


def rivers_checks():
    """Those for drift detectors, which learn no rows of River's datasets."""
    with mock.patch.object(checks, "_yield_datasets", return_value=[]):
        whole = [*checks.yield_checks(LastingChange())]
    return [check for check in whole if check.__name__ != "check_tags"]  # drift detectors have none


@pytest.mark.parametrize("check", rivers_checks(), ids=lambda check: check.__name__)
def test_it_passes_rivers_checks_of_estimators(check):
    check(LastingChange())


def test_a_step_is_detected_once_with_and_without_times():
    (row,) = detected(LastingChange(), stepped())
    assert 600 < row < 664
    moments = [MONDAY + dt.timedelta(minutes=minute) for minute in range(900)]
    assert detected(LastingChange(), stepped(), moments) == [row]
    assert detected(LastingChange(), stepped(), [moment.timestamp() for moment in moments]) == [row]


def test_hours_are_those_of_a_moments_own_zone():
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    model = LastingChange()
    model.update(3.0, t=MONDAY.astimezone(zone))
    assert [hour for hour, seen in enumerate(model.detector.visits) if seen] == [5]


def test_it_is_exchanged_for_any_other_drift_detector_in_one_line():
    for detector in (LastingChange(), drift.ADWIN(), drift.PageHinkley()):
        use_case = DriftUseCase(detector)
        found = use_case.learn(use_case.create(seed=1), stepped(), [None] * 900)
        assert any(600 < one.index < 800 for one in found), detector
        use_case = ChangePoint(detector)
        opened, *_ = use_case.learn(use_case.create(seed=1), stepped(), [None] * 900)
        assert opened.change == "opened"
        assert 600 < opened.index < 800


def test_the_use_case_goes_on_with_another_detector_as_if_no_page_had_held_it():
    use_case, values = ChangePoint(drift.ADWIN()), stepped()
    one = use_case.create(seed=1)
    use_case.learn(one, values[:610], [None] * 610)
    other = unpacked(*packed(one))
    found, again = (use_case.learn(state, values[610:], [None] * 290) for state in (one, other))
    assert found == again != []


def test_what_the_use_case_finds_is_what_the_model_detects():
    times = [1.7e9 + 300.0 * row for row in range(900)]
    opened, *_ = ChangePoint().learn(ChangePoint().create(seed=1), stepped(), times)
    model = LastingChange()
    assert detected(model, stepped(), times) == [opened.index]
    assert model.evidence.items() <= opened.evidence.items()


def test_a_page_holds_it_and_it_goes_on_as_if_it_had_not():
    one, values = LastingChange(), stepped()
    detected(one, values[:620])
    other = unpacked(*packed(one))
    assert detected(one, values[620:]) == detected(other, values[620:]) != []
    assert one.evidence == other.evidence


def test_it_needs_nothing_of_the_project_but_its_room():
    program = """
import sys
from consumer.river_models.lasting_change import LastingChange

LastingChange().update(1.0)
print([name for name in sys.modules if name.startswith("consumer.") and "river_models" not in name])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
