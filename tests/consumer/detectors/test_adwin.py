"""ADWIN without the Python around it is ADWIN."""

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift

from consumer.decode.signal_names import SignalKey
from consumer.detectors.drift import DriftUseCase
from consumer.errors import ModelRaised, UnreadableModel, UnwritableModels
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.columns import columns_of
from tests.consumer.world import state_of


def stated(models: list[object]) -> dict[SignalKey, State]:
    return {SignalKey(str(number), str(number)): State(model) for number, model in enumerate(models)}


def through_a_page(models: list[object]) -> list[object]:
    return [state.model for state in PageCodec().decode(PageCodec().encode(stated(models))).values()]


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
            [watched] = through_a_page([watched])
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


def test_a_model_comes_back_from_its_page_as_it_was_to_the_byte_of_its_pickle():
    watched = DriftUseCase(drift.ADWIN(delta=0.01)).create(1)
    DriftUseCase(drift.ADWIN()).learn(watched, [0.0] * 100 + [9.0] * 60)
    [again] = through_a_page([watched])
    assert pickle.dumps(again) == pickle.dumps(watched)


def test_adwins_have_columns_of_their_own_also_beside_others_and_both_ways_are_the_same():
    """All ADWINs of a page that were read are written faster than each alone."""
    models = [DriftUseCase(drift.ADWIN(delta=delta)).create(1) for delta in (0.1, 0.002, 0.1)]
    for model in models:
        DriftUseCase(drift.ADWIN()).learn(model, [0.0] * 100 + [9.0] * 60)
    together, windows = columns_of(stated(models))
    assert len(together.adwins.parameters) == 2
    apart, other_windows = columns_of(stated([*models, DriftUseCase(drift.PageHinkley()).create(1)]))
    assert (apart.adwins, other_windows[:3]) == (together.adwins, windows)
    assert (together.in_arrays, apart.in_arrays) == (b"\x81\1", b"\1\1\1\1\0"), "all; all but the last"
    assert len(windows[0]) < 1_000


def test_models_that_are_no_plain_adwins_are_kept_as_they_are():
    counted = DriftUseCase(drift.ADWIN()).create(1)
    counted.count = 2**40
    others = [DriftUseCase(drift.PageHinkley()).create(1), DriftUseCase(drift.ADWIN()).create(1), counted]
    for models in ([others[0]], others[:2], others, [counted], []):
        again = through_a_page(models)
        assert [pickle.dumps(model) for model in through_a_page(again)] == [
            pickle.dumps(model) for model in again
        ]
        assert [(type(model.detector), model.count) for model in again] == [
            (type(model.detector), model.count) for model in models
        ]


def test_an_adwin_of_somebodys_own_attributes_is_refused():
    """None of its values is learned, rather than that it comes back without them."""
    named = DriftUseCase(drift.ADWIN()).create(1)
    named.detector.note = "somebody's own"
    with pytest.raises(UnwritableModels, match="note"):
        through_a_page([named, DriftUseCase(drift.ADWIN()).create(1)])


def test_models_of_other_parameters_share_a_page():
    models = [DriftUseCase(drift.ADWIN(delta=delta)).create(1) for delta in (0.1, 0.002, 0.1)]
    assert [model.detector.delta for model in through_a_page(models)] == [0.1, 0.002, 0.1]


@pytest.mark.parametrize(
    "attributes",
    [{"_helper": None}, {"delta": "x"}, {"clock": 0.5}, {"_drift_detected": "x"}, {"max_buckets": 2**70}],
)
def test_an_altered_adwin_is_not_written_as_one(attributes):
    watched = DriftUseCase(drift.ADWIN()).create(1)
    vars(watched.detector).update(attributes)
    other = DriftUseCase(drift.ADWIN()).create(1)
    try:
        columns, _ = columns_of(stated([watched, other]))
    except UnwritableModels:
        return
    assert columns.in_arrays == b"\1\0\1"
    states = [*PageCodec().decode(PageCodec().encode(stated([watched, other]))).values()]
    assert pickle.dumps(states[1].model) == pickle.dumps(other)
    with suppress(UnreadableModel):
        assert vars(states[0].model.detector).items() >= attributes.items()
