"""ADWIN without the Python around it is ADWIN."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift

from consumer.detectors.drift import DriftUseCase
from consumer.errors import ModelRaised
from consumer.pages.columns import packed, unpacked
from tests.consumer.world import state_of

LEVELS = st.lists(st.tuples(st.sampled_from([0.0, 5.0, -3.5, 1e100]), st.integers(1, 80)), max_size=8)


@given(LEVELS, st.lists(st.integers(0, 700), max_size=5), st.booleans())
def test_it_learns_and_finds_what_update_does_however_it_is_cut_and_kept(levels, cuts, is_kept):
    values = [level + 0.1 * (n % 3) for level, count in levels for n in range(count)]
    reference, expected = drift.ADWIN(), []
    for index, value in enumerate(values):
        reference.update(value)
        if reference.drift_detected:
            expected.append(index)
    use_case = DriftUseCase(drift.ADWIN())
    watched, found, start = use_case.create(1), [], 0
    for end in [*sorted(min(cut, len(values)) for cut in cuts), len(values)]:
        found += [start + finding.index for finding in use_case.learn(watched, values[start:end])]
        start = end
        if is_kept:
            [watched] = unpacked(packed([watched]))
    assert found == expected
    assert state_of(watched.detector) == state_of(reference)
    assert watched.count == len(values) - (expected[-1] + 1 if expected else 0)


@given(LEVELS, st.integers(1, 300))
def test_counts_totals_and_evidence_do_not_depend_on_the_cut(levels, size):
    values = [level + 0.1 * (n % 7) for level, count in levels for n in range(count)]
    use_case = DriftUseCase(drift.ADWIN())
    whole, parts = use_case.create(1), use_case.create(1)
    at_once = [finding.evidence for finding in use_case.learn(whole, values)]
    in_parts = [
        finding.evidence
        for start in range(0, len(values), size)
        for finding in use_case.learn(parts, values[start : start + size])
    ]
    assert at_once == in_parts
    assert (whole.count, whole.total) == (parts.count, parts.total)


def test_a_subclass_keeps_its_own_update():
    class Louder(drift.ADWIN):
        def update(self, x):
            super().update(10 * x)

    use_case = DriftUseCase(Louder())
    watched = use_case.create(1)
    use_case.learn(watched, [1.0])
    assert watched.detector.total == 10.0


@pytest.mark.parametrize("at", [0, 1, 3])
def test_the_index_is_that_of_the_value_at_which_it_raised(at):
    class Raising(drift.ADWIN):
        def update(self, x):
            if x == 7.0:
                raise ZeroDivisionError
            super().update(x)

    use_case = DriftUseCase(Raising())
    values = [1.0] * 4
    values[at] = 7.0
    with pytest.raises(ModelRaised) as raised:
        use_case.learn(use_case.create(1), values)
    assert raised.value.index == at


def test_a_packed_model_comes_back_as_it_was_to_the_byte_of_its_pickle():
    watched = DriftUseCase(drift.ADWIN(delta=0.01)).create(1)
    DriftUseCase(drift.ADWIN()).learn(watched, [0.0] * 100 + [9.0] * 60)
    [again] = unpacked(packed([watched]))
    assert pickle.dumps(again) == pickle.dumps(watched)


def test_models_that_are_no_plain_adwins_are_kept_as_they_are():
    named = DriftUseCase(drift.ADWIN()).create(1)
    named.detector.note = "somebody's own"
    for models in ([DriftUseCase(drift.PageHinkley()).create(1)], [named], [named, object()], []):
        assert unpacked(packed(models)) == models


def test_models_of_other_parameters_share_a_page():
    models = [DriftUseCase(drift.ADWIN(delta=delta)).create(1) for delta in (0.1, 0.002, 0.1)]
    assert [model.detector.delta for model in unpacked(packed(models))] == [0.1, 0.002, 0.1]


@pytest.mark.parametrize(
    "pickled",
    [("as they are",), ("another", []), ("ADWINs", [(0.1, 32, 5, 5, 10)], [1], [0], [0.0], [False], [b""])],
)
def test_what_was_not_packed_here_is_refused(pickled):
    with pytest.raises((ValueError, LookupError, TypeError)):
        unpacked(pickled)
