"""States in arrays are what a dict of them is, whatever is taken out, changed, added and removed."""

import copy

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from consumer.decode.batch import Batch, Record, Records, Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.drift import DriftState, DriftUseCase
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.sensor_checks import Health
from consumer.detectors.state_columns import StateColumns
from consumer.learning.state import CHECKPOINT_AGE_MAX_S, Checkpoint, State
from consumer.learning.states import States
from consumer.pages.codec import PageCodec
from consumer.pages.packing import packed
from tests.consumer.seasonal import seasonal_anomaly

CODEC = PageCodec()
SHARDS = [Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", f"shardId-{n}") for n in range(3)]
KEYS = [SignalKey(name, name) for name in "abcd"] + [SignalKey("a", "a.x"), SignalKey("b", "b.y")]
NAN = float("nan")


def adwin(count: int) -> DriftState:
    use_case = DriftUseCase(drift.ADWIN(delta=0.01 if count % 2 else 0.002))
    state = use_case.create(1)
    use_case.learn(state, [float(number % 5) for number in range(count)])
    return state


def seasonal(count: int) -> object:
    use_case = seasonal_anomaly()
    state = use_case.create(1)
    times = [1.7e9 + 600.0 * number for number in range(count)]
    use_case.learn(state, [float(number % 5) for number in range(count)], times)
    return state


def unfit(count: int) -> object:
    """A state of the class that does not fit into its arrays."""
    state = seasonal(count)
    state.model.level = NAN
    return state


MODELS = {
    "ADWIN": adwin,
    "anomaly": seasonal,
    "that does not fit": unfit,
    "PageHinkley": lambda count: DriftState(drift.PageHinkley(), count, 1.5),
}
numbers = st.one_of(st.integers(0, 9), st.integers(0, 10**56), st.just(10**55 + 7))
times = st.one_of(st.none(), st.floats(0, 2e9))
checkpoints = st.dictionaries(
    st.sampled_from(SHARDS),
    st.builds(Checkpoint, numbers, st.sampled_from([("a",), ("b",), ("b", "c"), (), ("Öldruck €",)]), times),
)
healths = st.one_of(
    st.none(),
    st.builds(
        Health,
        seen=st.integers(0, 2**53),
        last=st.one_of(st.none(), st.floats(allow_nan=False)),
        alerts=st.dictionaries(
            st.sampled_from(["flat", "range", "stale", "of another kind"]),
            st.builds(AlertState, st.booleans(), times, worst=st.just(-0.0)),
        ),
    ),
)
STEPS = ["put", "put", "change", "learn", "delete", "settle", "write", "look"]
counts = st.one_of(st.integers(0, 300), st.integers(2**32, 2**53))


def states_of(models: st.SearchStrategy[object]) -> st.SearchStrategy[State]:
    parameters = st.sampled_from(["", "", "0123456789abcdef"])
    return st.builds(State, models, checkpoints, counts, counts, times, parameters, healths)


def written(states: object) -> dict[SignalKey, object]:
    """What is compared of states: their models as bytes, for NaN is not equal to itself."""
    return {
        key: (msgspec.structs.replace(state, stored=None), packed(state.model)[0])
        for key, state in states.items()
    }


@settings(deadline=None, max_examples=25)
@given(st.data(), st.sampled_from([["ADWIN", "PageHinkley"], ["anomaly", "that does not fit"]]))
def test_whatever_is_done_to_them_they_are_as_a_dict_of_states(data, kinds):
    models = st.builds(
        lambda kind, count: MODELS[kind](count), st.sampled_from(kinds), st.sampled_from([0, 3])
    )
    states, model = States(), {}
    for _ in range(data.draw(st.integers(1, 12))):
        key = data.draw(st.sampled_from(KEYS))
        step = data.draw(st.sampled_from(STEPS))
        if step == "put":
            state = data.draw(states_of(models))
            model[key] = copy.deepcopy(state)
            states[key] = state
        elif step == "settle":
            states.settle()
        elif step == "write":
            page = CODEC.encode(states)
            assert written(CODEC.decode(page)) == written(model)
            states = CODEC.decode(page)
            assert CODEC.encode(states) == page
        elif step == "look":
            assert (key in states) == (key in model)
        elif key in model and step == "delete":
            del states[key], model[key]
        elif key in model:
            changed = data.draw(checkpoints)
            for state in (states[key], model[key]):
                if step == "learn":
                    state.model = copy.deepcopy(state.model)
                    counted = getattr(state.model, "model", state.model)
                    counted.count += 1
                else:
                    state.learned, state.latest_s = 7, None
                    state.checkpoints = copy.deepcopy(changed)
                    if state.health is not None:
                        state.health.same = 5
        assert [*states] == [*model]
    page = CODEC.encode(states)
    assert written(CODEC.decode(page)) == written(states) == written(model)
    assert CODEC.encode(states) == page, "what was taken out and not changed is written as it was"


@pytest.mark.parametrize(("in_arrays", "apart"), [("ADWIN", "PageHinkley"), ("anomaly", "that does not fit")])
def test_a_page_that_loses_its_last_model_in_arrays_can_be_read(in_arrays, apart):
    states = States.of({KEYS[0]: State(MODELS[in_arrays](3)), KEYS[1]: State(MODELS[apart](3))})
    states.settle()
    del states[KEYS[0]]
    assert [*CODEC.decode(CODEC.encode(states))] == [KEYS[1]]


@pytest.mark.parametrize(("name", "made"), [("ADWIN", AdwinColumns), ("anomaly", StateColumns)])
def test_plain_states_lie_in_the_arrays_until_they_are_taken_out(name, made):
    states = {key: State(MODELS[name](20), learned=20, health=Health(20)) for key in KEYS}
    states[KEYS[1]].parameters = "its own"
    read = CODEC.decode(CODEC.encode(states))
    assert type(read.models) is made
    assert read.plain.tolist() == [True, False, True, True, True, True]
    assert read.has_health.all()
    _ = read[KEYS[0]]
    assert read.plain.tolist() == [False, False, True, True, True, True]
    read.settle()
    assert read.plain.tolist() == [True, False, True, True, True, True]
    read[KEYS[0]].model = MODELS["PageHinkley"](3)
    read.settle()
    assert read.plain.tolist() == [False, False, True, True, True, True]
    assert read[KEYS[0]].model.count == 3


class Numbering:
    """Numbers by name, as those of a function are."""

    def number_of(self, key: SignalKey) -> int:
        return 100 - 7 * KEYS.index(key)


def test_slots_are_found_by_numbers_and_follow_what_comes_and_goes():
    states, of = States(), Numbering()
    asked = np.array([of.number_of(key) for key in KEYS] + [3])
    assert states.slots_of(of, asked).tolist() == [-1] * 7
    for key in (KEYS[2], KEYS[0], KEYS[4]):
        states[key] = State(None)
    assert states.slots_of(of, asked).tolist() == [1, -1, 0, -1, 2, -1, -1]
    assert states.plain.tolist() == [False] * 3
    del states[KEYS[0]]
    states[KEYS[5]] = State(None)
    assert states.slots_of(of, asked).tolist() == [-1, -1, 0, -1, 1, 2, -1]
    assert states.numbers(of).tolist() == [of.number_of(key) for key in states]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(checkpoints, min_size=1, max_size=6),
    st.sampled_from(["1700000000000", "7", "4959033827149025660855969253836157109592157598913658"]),
    st.lists(st.one_of(times, st.just(2e9 + CHECKPOINT_AGE_MAX_S)), min_size=6, max_size=6),
    st.booleans(),
)
def test_checkpoints_are_raised_in_arrays_as_state_by_state(before, first, arrived_s, are_own):
    """Of signals whose checkpoints all lie below the batch."""
    states = {key: State(None, copy.deepcopy(marks)) for key, marks in zip(KEYS, before, strict=False)}
    names = [key.record_signal if are_own else "another" for key in KEYS]
    records = Records(are_distinct=True)
    for number, (name, at_s) in enumerate(zip(names, arrived_s, strict=True)):
        records.append(Record(str(int(first) + number).rjust(len(first), "0"), name, at_s), "")
    batch = Batch(SHARDS[0], records)
    arrays = CODEC.decode(CODEC.encode(copy.deepcopy(states)))
    slots = np.arange(len(states))
    is_below = [SHARDS[0] in state.checkpoints and state.is_below(batch) for state in states.values()]
    assert arrays.below(SHARDS[0], slots, records.first_sequence_number).tolist() == is_below
    slots = np.array([slot for slot, below in enumerate(is_below) if below][::-1], np.intp)
    texts = np.array([identifier.encode() for identifier in records.identifiers])[slots]
    known_s = np.array([NAN if at_s is None else at_s for at_s in arrived_s])[slots]
    keys = None if are_own else [names[slot] for slot in slots.tolist()]
    spread = arrays.advance(slots, SHARDS[0], texts, known_s, int(first) + len(KEYS), keys)
    expected = 0
    for slot in slots.tolist():
        state = states[KEYS[slot]]
        state.advance([slot], batch)
        expected += state.is_spread(SHARDS[0])
    assert {key: state.checkpoints for key, state in arrays.items()} == {
        key: state.checkpoints for key, state in states.items()
    }
    assert spread.sum() == expected


def test_a_shard_that_no_signal_has_learned_gets_its_first_checkpoints():
    states = States.of({KEYS[0]: State(None), KEYS[4]: State(None)})
    states.settle()
    assert states.below(SHARDS[0], np.array([0, 1]), 9).tolist() == [False, False]
    states.advance(np.array([1]), SHARDS[0], np.array([b"12"]), np.array([NAN]), 12)
    assert states.below(SHARDS[0], np.array([0, 1]), 12).tolist() == [False, False]
    assert states.below(SHARDS[0], np.array([0, 1]), 13).tolist() == [False, True]
    assert states[KEYS[4]].checkpoints == {SHARDS[0]: Checkpoint(12, ("a",), None)}
    assert states[KEYS[0]].checkpoints == {}


def test_a_state_that_takes_the_place_of_another_is_not_learned_in_its_arrays():
    states = CODEC.decode(CODEC.encode({key: State(adwin(20), learned=20) for key in KEYS}))
    states[KEYS[2]] = State(adwin(3), learned=3)
    assert states.plain.tolist() == [True, True, False, True, True, True]
    states.settle()
    assert states.plain.all()
    assert (states[KEYS[2]].learned, states[KEYS[2]].model.count) == (3, 3)
