"""ADWINs in arrays learn as the use case lets each of them learn."""

import random

import numpy as np
import pytest
from river.drift import ADWIN

from consumer.detectors.drift import DriftUseCase
from consumer.detectors.in_columns import adwin_learning
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.in_columns.adwin_learning import AdwinSource, learn_adwins

SIGNALS = 40


def series(rng: random.Random, length: int) -> list[float]:
    """Values whose mean jumps now and then, so that some drift twice within a batch."""
    level, found = 0.0, []
    for _ in range(length):
        if rng.random() < 0.01:
            level += rng.choice((-8.0, 8.0, 1e3))
        found.append(rng.choice((rng.gauss(level, 1.0), level, -0.0, level * 1e90)))
    return found


def content(state):
    detector = state.detector
    return (
        vars(detector).keys(),
        detector._drift_detected,
        detector._helper.__getstate__(),
        state.count,
        state.total.hex(),
    )


def placed(states) -> AdwinColumns:
    columns = AdwinColumns(len(states))
    columns.put(range(len(states)), [columns.numbers_of(state) for state in states])
    return columns


@pytest.mark.parametrize("seed", range(8))
def test_what_is_learned_in_arrays_is_what_each_learns_alone(seed):
    rng = random.Random(seed)
    use_case = DriftUseCase(ADWIN(clock=rng.choice((1, 4, 32)), grace_period=rng.choice((1, 10))))
    alone = [use_case.create(seed=1) for _ in range(SIGNALS)]
    columns, drifts = placed([use_case.create(seed=1) for _ in range(SIGNALS)]), 0
    for _ in range(30):
        slots = np.array(sorted(rng.sample(range(SIGNALS), rng.randint(1, SIGNALS))))
        batches = [series(rng, rng.choice((1, 1, 2, 30, 200))) for _ in slots]
        counts = np.array([len(batch) for batch in batches])
        cut = rng.randint(0, len(slots))  # of the two pages, where the second begins
        sources = [AdwinSource(columns, slots[:cut]), AdwinSource(columns, slots[cut:])]
        found, raised = learn_adwins(sources, counts, np.concatenate(batches))
        assert not raised
        expected = [
            (row, finding)
            for row, (slot, batch) in enumerate(zip(slots, batches, strict=True))
            for finding in use_case.learn(alone[slot], batch)
        ]
        assert found == expected
        drifts += len(found)
    assert drifts > 20
    assert [content(columns.take(slot)) for slot in range(SIGNALS)] == [content(state) for state in alone]


def test_a_window_that_raises_is_alone_in_that(monkeypatch):
    use_case = DriftUseCase(ADWIN())
    columns = placed([use_case.create(seed=1) for _ in range(3)])

    def update(window, value):
        if window is columns.helpers[1] and value == 7.0:
            raise ArithmeticError("seven")
        return window.update(value)

    monkeypatch.setattr(adwin_learning, "_update", update)
    values = np.array([1.0, 2.0, 3.0, 4.0, 1.0, 7.0, 7.0, 1.0, *[1.0] * 4])
    found, raised = learn_adwins([AdwinSource(columns, np.arange(3))], np.full(3, 4), values)
    assert (found, raised.keys()) == ([], {1})
    assert (raised[1].index, raised[1].reason) == (1, "the model raised ArithmeticError: seven")
    for slot, values in ((0, [1.0, 2.0, 3.0, 4.0]), (2, [1.0] * 4)):
        state = use_case.create(seed=1)
        use_case.learn(state, values)
        assert content(columns.take(slot)) == content(state)
