"""A signal that switches between levels has changed for good when all of these have moved alike."""

import random

import msgspec
import pytest

from consumer.detectors.change_point import ChangePoint
from consumer.river_models.dwelling import LEVELS, DwellLevels

MODES = (10.0, 35.0, 60.0)


def switching(seed, blocks=400, modes=MODES, moved=0.0):
    """Blocks of eight values; each level is held for some blocks."""
    draw, made = random.Random(seed), []
    while len(made) < blocks:
        level = draw.choice(modes) + moved
        made += [[draw.gauss(level, 1.0) for _ in range(8)] for _ in range(draw.randrange(2, 9))]
    return made[:blocks]


def told(model, blocks):
    return [(number, found) for number, block in enumerate(blocks) if (found := model.learn_one(block))]


@pytest.mark.parametrize("moved", [6.0, -6.0])
@pytest.mark.parametrize("seed", range(5))
def test_levels_that_move_together_are_told_once(seed, moved):
    model = DwellLevels()
    assert told(model, switching(seed)) == []
    [(number, (before, off))] = told(model, switching(seed + 100, moved=moved))
    assert number < 60
    assert min(abs(before - mode) for mode in MODES) < 0.5
    assert off == pytest.approx(moved, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_level_that_was_never_visited_is_no_change(seed):
    model = DwellLevels()
    told(model, switching(seed))
    assert told(model, switching(seed + 100, modes=(*MODES, 16.0))) == []


@pytest.mark.parametrize("seed", range(5))
def test_what_switches_between_many_levels_is_not_told(seed):
    modes = tuple(60.0 + 2.0 * number for number in range(11))
    assert told(DwellLevels(), switching(seed, 3_000, modes)) == []


def test_its_state_is_bounded_whatever_comes():
    draw, model = random.Random(1), DwellLevels()
    for _ in range(2_000):
        size = draw.choice([0.0, 1e-300, 1.0, 1e139])
        model.learn_one([draw.gauss(0.0, 1.0) * size for _ in range(8)])
    assert (len(model.centres), len(model.visits)) == (LEVELS, LEVELS)
    assert len(msgspec.msgpack.encode(model)) < 120


def test_a_stored_state_goes_on_as_if_it_had_not_been():
    one, other = DwellLevels(), DwellLevels()
    for number, block in enumerate(switching(3) + switching(4, moved=6.0)):
        if number % 50 == 7:
            other = msgspec.msgpack.decode(msgspec.msgpack.encode(other), type=DwellLevels)
        assert one.learn_one(block) == other.learn_one(block)
    assert one == other


@pytest.mark.parametrize("seed", range(3))
def test_shift_tells_a_step_on_top_of_modes_once_and_with_the_level_that_it_is_on(seed):
    use_case = ChangePoint()
    before = [value for block in switching(seed, 700) for value in block]
    after = [value for block in switching(seed + 50, 300, moved=6.0) for value in block]
    values = before + after
    times = [1.7e9 + 60.0 * row for row in range(len(values))]
    found = use_case.learn(use_case.create(seed=1), values, times)
    [opened] = [one for one in found if one.change == "opened"]
    assert len(before) <= opened.index < len(before) + 400
    assert opened.evidence["shift"] == "level"
    assert opened.evidence["after"] - opened.evidence["before"] == pytest.approx(6.0, abs=0.5)
    assert min(abs(opened.evidence["before"] - mode) for mode in MODES) < 0.5
