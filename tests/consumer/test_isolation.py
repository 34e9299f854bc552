"""Whatever is wrong with a signal costs that signal alone: its observations are kept, with a reason."""

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from river import drift

from consumer.decode.signal_names import SignalKey, seed_of
from consumer.detectors.alert_policy import Finding
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.errors import BadDeployment, ConfigurationError, ModelRaised
from consumer.learning import columns_learner
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.plant import plant
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.planted import PlantingCodec, breaks_of, sealed
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import Crash, World, points, record

CASES: dict[str, UseCase] = {
    f"{family}-{name}-{number}": use_case
    for (family, name), use_cases in EVERY_MODEL.items()
    for number, use_case in enumerate(use_cases)
} | {f"registered-{name}": use_case for name, use_case in plant().use_cases.items()}
BYSTANDERS = ["a", "b", "c"]
START_S = 1_700_000_000.0
BEFORE, AFTER = 64, 9


def delivered(signals: list[str], start: int, count: int) -> list[dict]:
    """A record for each signal and time: a named value, which use cases of assets learn too."""
    return [
        record(
            1_000_000 + number * 10_000 + place,
            {
                "signal": signal,
                "timestamp": START_S + 60.0 * number,
                "values": {"value": None if number == start + 4 else 10.0 + number * 7919 % 13 + place % 3},
            },
            key=signal,
            arrived=START_S + 60.0 * number,
        )
        for number in range(start, start + count)
        for place, signal in enumerate(signals)
    ]


def name_of(signal: str, use_case: UseCase) -> str:
    return signal if isinstance(use_case, AssetUseCase) else f"{signal}.value"


def written(state: State) -> bytes:
    return PageCodec().encode({SignalKey("x", "x"): state})


def kept(world: World) -> Counter:
    """How many values of each signal are in quarantine."""
    counts: Counter = Counter()
    for line in {line["id"]: line for line in world.objects.quarantined()}.values():
        assert line["reason"]
        counts[line["signal"]] += 1
    return counts


@pytest.mark.parametrize("name", CASES)
def test_a_broken_state_costs_its_own_signal_whatever_is_wrong_with_it(name):
    use_case = CASES[name]
    plain = World(pages=1, use_case=use_case)
    plain.invoke(delivered(["a"], 0, BEFORE))
    [learned] = plain.states().values()
    breaks = breaks_of(learned.model, has_health=learned.health is not None)
    planted = {f"planted{number}": how for number, how in enumerate(breaks.values())}
    signals = [*planted, *BYSTANDERS]

    alone, world = World(pages=1, use_case=use_case), World(pages=1, use_case=use_case)
    assert alone.invoke(delivered(signals, 0, BEFORE), alone.cold()).failed == []
    world.objects.objects.update(alone.objects.objects)  # it has learned the same
    world.objects.versions = alone.objects.versions
    world.bus.events += alone.bus.events
    for each, some in ((alone, BYSTANDERS), (world, signals)):
        assert each.states().keys() == {name_of(signal, use_case) for signal in signals}
        each.function = each.cold()
        if each is world:
            each.function.pages._codec = PlantingCodec(
                {name_of(signal, use_case): how for signal, how in planted.items()}
            )
        before = {signal: state.learned for signal, state in each.states().items()}
        for start in (BEFORE, BEFORE + AFTER):
            batch = [
                one for one in delivered(signals, start, AFTER) if one["kinesis"]["partitionKey"] in some
            ]
            assert each.invoke(batch).failed == [], "it would come again and again"
    states, expected = world.states(), alone.states()
    for signal in BYSTANDERS:
        of = name_of(signal, use_case)
        assert written(states[of]) == written(expected[of])
        assert states[of].learned - before[of] == 2 * (AFTER - 1)
    in_quarantine, told = kept(world), dict(zip(planted, breaks, strict=True))
    for signal in planted:
        of = name_of(signal, use_case)
        learned_now = states[of].learned - before[of]
        seen = learned_now + in_quarantine[of]
        assert seen >= 2 * (AFTER - 1), (told[signal], learned_now, in_quarantine[of])
    ids = {event.id for event in world.bus.events if json.loads(event.detail)["signal"][0] in "abc"}
    assert ids == {event.id for event in alone.bus.events if json.loads(event.detail)["signal"][0] in "abc"}


@pytest.mark.parametrize("pages", [0, 1, 16])
@pytest.mark.parametrize("cold", [True, False])
def test_a_model_that_cannot_be_read_costs_its_own_values_at_once_and_stays(pages, cold):
    """No page is read again for it; its checkpoint is raised, and 25 of them are no bad deployment."""
    use_case = DriftUseCase(drift.ADWIN())
    signals = [f"sealed{number}" for number in range(25)]
    world = World(pages=pages, use_case=use_case)
    world.invoke(delivered(signals, 0, 20))
    before = world.states()
    world.function = world.cold()
    codec = PlantingCodec({f"{signal}.value": sealed for signal in signals})
    world.function.pages._codec = codec
    for number, start in enumerate((20, 30)):
        world.faults.calls.clear()
        batch = delivered(signals, start, 10)
        assert world.invoke(batch).failed == []
        reads = Counter(key for call, key in world.faults.calls if call == "get" and "layout" not in key)
        assert set(reads.values()) == {1}
        assert len({line["id"] for line in world.objects.quarantined()}) == (number + 1) * 25 * 9
        if cold:
            world.function = world.cold()
            world.function.pages._codec = codec
    assert all("cannot be read" in line["reason"] for line in world.objects.quarantined())
    for signal, state in world.states().items():
        assert state.learned == before[signal].learned
        assert state.model.count == before[signal].model.count
        assert state.skipped == before[signal].skipped + 2
    assert world.invoke(batch, world.cold()).counts["redelivered"] == 250


BAD = 13.0


@dataclass(frozen=True)
class Wild(DriftUseCase):
    """ADWIN, whose `learn` does at a bad value what no use case may."""

    detector: drift.ADWIN = field(default_factory=drift.ADWIN)
    how: str = ""

    def learn(self, model, values, timestamps=(), scores=None):
        if BAD not in values:
            return super().learn(model, values, timestamps, scores)
        model.detector.update(1e9)
        at, count = list(values).index(BAD), len(values)
        return {
            "raises": lambda: 1 / 0,
            "raises what cannot be said": lambda: _raise(Unsayable()),
            "raises a long text": lambda: _raise(ValueError("x" * 10**6)),
            "asks for all memory": lambda: bytearray(2**62),
            "goes too deep": lambda: _deep(0),
            "panics": lambda: _raise(type("PanicException", (BaseException,), {})()),
            "raises nowhere": lambda: _raise(ModelRaised(10**9, "nowhere")),
            "returns None among others": lambda: [None],
            "returns no list": lambda: 7,
            "finds beyond the end": lambda: [Finding(count, {})],
            "finds before the start": lambda: [Finding(-1, {})],
            "finds at no number": lambda: [Finding("0", {})],
            "sees what JSON has not": lambda: [Finding(at, {"seen": object()})],
            "sees itself": lambda: [Finding(at, _endless())],
            "sees no evidence": lambda: [Finding(at, None)],
            "says half a character": lambda: [Finding(at, {"says": "\ud800"})],
            "names too much": lambda: [Finding(at, {}, change="x" * 10**6)],
        }[self.how]()


class Unsayable(Exception):
    def __str__(self):
        raise AttributeError("even that")


def _raise(error):
    raise error


def _deep(depth):
    return _deep(depth + 1)


def _endless():
    evidence = {}
    evidence["itself"] = evidence
    return evidence


HOWS = [
    "raises", "raises what cannot be said", "raises a long text", "asks for all memory", "goes too deep",
    "panics", "raises nowhere", "returns None among others", "returns no list", "finds beyond the end",
    "finds before the start", "finds at no number", "sees what JSON has not", "sees itself",
    "sees no evidence", "says half a character", "names too much",
]  # fmt: skip


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("batch", [30, 200, 400])
def test_whatever_a_use_case_does_at_a_value_costs_that_value(how, batch):
    """The others of its signal are learned, and so are those of other signals."""
    world, fine = World(pages=1, use_case=Wild(how=how)), World(pages=1, use_case=Wild(how=how))
    values = [10.0 if number < 250 else 20.0 for number in range(400)]
    good = points([(signal, value) for value in values for signal in ("a", "b")])
    records = list(good)
    bad = 2 * 271
    records[bad] = record(100 + bad, {"signal": "a", "value": BAD}, key="a")
    fine.invoke([one for number, one in enumerate(good) if number != bad])
    for start in range(0, len(records), batch):
        assert world.invoke(records[start : start + batch], world.cold() if start else None).failed == []
    [line] = world.objects.quarantined()
    assert (line["signal"], line["sequence_number"]) == ("a", str(100 + bad))
    assert 0 < len(line["reason"]) < 2000
    states, expected = world.states(), fine.states()
    for signal in "ab":
        assert written(State(states[signal].model)) == written(State(expected[signal].model))
        assert states[signal].learned == expected[signal].learned
    assert set(world.event_ids()) == set(fine.event_ids())


def test_a_bad_setting_or_deployment_is_no_signals_fault():
    for error in (BadDeployment("no"), ConfigurationError("no"), Crash()):

        class Raises(DriftUseCase):
            def learn(self, *arguments, error=error):
                raise error

        with pytest.raises(type(error)):
            World(pages=1, use_case=Raises(drift.NoDrift())).invoke(points([("a", 1.0)]))


# The sweep for silent signals.


def test_a_broken_state_ends_the_sweep_of_no_page():
    use_case = seasonal_anomaly()
    world, signals = World(pages=2, use_case=use_case), [f"s{number}" for number in range(400)]
    world.invoke(delivered(signals, 0, 3))
    world.function = world.cold()
    health = next(iter(world.states().values()))
    breaks = list(breaks_of(health.model, has_health=True).values())
    assert len(breaks) < 370
    world.function.pages._codec = PlantingCodec(
        {f"s{number}.value": how for number, how in enumerate(breaks)}
    )
    report = world.sweep(START_S + 10 * 86_400.0)
    assert report.counts["states_broken"] > 30
    assert report.counts["pages_committed"] == 2 * 2  # noted, then published
    told = Counter(json.loads(event.detail)["evidence"]["signals"] for event in world.bus.events)
    assert sum(count * times for count, times in told.items()) >= 400 - report.counts["states_broken"] - 50


def test_counters_as_large_as_can_be_cost_no_other_signal_its_page():
    use_case = seasonal_anomaly()
    world = World(pages=1, use_case=use_case)
    world.invoke(delivered(["a", "b"], 0, 20))
    [(key, (e_tag, body))] = [one for one in world.objects.objects.items() if "/pages/" in one[0]]
    states = PageCodec().decode(body)
    state = next(state for (_, signal), state in states.items() if signal == "b.value")
    state.learned = state.skipped = state.health.seen = state.health.same = state.model.alert.quiet = 2**53
    world.objects.objects[key] = e_tag, PageCodec().encode(states)
    for start in (20, 40):
        report = world.invoke(delivered(["a", "b"], start, 20), world.cold())
        assert (report.failed, report.counts["pages_unreadable"]) == ([], 0)
    assert world.states()["a.value"].learned == 60 - 3
    assert kept(world).keys() <= {"b.value"}


class Unkept(DriftUseCase):
    """Models that no page can hold: of the signal b from the start, of others after a bad value."""

    def create(self, seed):
        model = super().create(seed)
        if seed == seed_of("drift", "b"):
            model.total = object()
        return model

    def learn(self, model, values, timestamps=(), scores=None):
        model.count += len(values)
        if BAD in values:
            model.total = object()
        return []


@pytest.mark.parametrize("pages", [0, 1])
def test_a_model_that_no_page_can_hold_costs_its_own_values(pages):
    world = World(pages=pages, use_case=Unkept(drift.NoDrift()))
    for start, value in ((100, 1.0), (200, BAD), (300, 1.0)):
        records = points([("a", 1.0), ("b", 1.0), ("c", value)], first=start)
        assert world.invoke(records, world.cold() if start == 300 else None).failed == []
    assert {signal: state.model.count for signal, state in world.states().items()} == {"a": 3, "c": 2}
    assert kept(world) == {"b": 3, "c": 1}


def test_a_page_is_read_once_more_however_often_its_models_raise():
    """It holds thousands of models, and those of a signal may raise in every batch."""
    world = World(pages=1, use_case=Wild(how="raises"))
    world.invoke(points([(signal, 1.0) for signal in "abc"]))
    world.faults.calls.clear()
    assert (
        world.invoke(points([("a", BAD), ("b", BAD), ("a", BAD), ("c", 1.0), ("a", 2.0)], first=500)).failed
        == []
    )
    reads = [key for call, key in world.faults.calls if call == "get" and "/pages/" in key]
    assert len(reads) == 2, "it is confirmed, then read"
    assert {signal: state.learned for signal, state in world.states().items()} == {"a": 2, "b": 1, "c": 2}
    assert kept(world) == {"a": 2, "b": 1}


FAR = 2**53


def _far_in_state(states):
    states.learned[1] = FAR


def _far_in_model(states):
    if isinstance(states.models, AdwinColumns):
        states.models.counts[1] = FAR
    else:
        largest = np.array(states.models.layout.most)
        states.models.integers[:, 1] = np.where(largest < FAR, states.models.integers[:, 1], largest)


@pytest.mark.parametrize("alter", [_far_in_state, _far_in_model])
@pytest.mark.parametrize("use_case", [seasonal_anomaly(), ChangePoint(), DriftUseCase(drift.ADWIN())])
def test_counters_as_large_as_can_be_cost_no_signal_that_learns_beside_them_its_page(use_case, alter):
    names = [f"s{number}" for number in range(30)]
    world = World(pages=1, use_case=use_case)
    rows = [(name, float(number % 7)) for number in range(10) for name in names]
    world.invoke(points(rows, first=1_000))
    world.invoke(points(rows, first=2_000))
    [(key, (e_tag, body))] = [one for one in world.objects.objects.items() if "/pages/" in one[0]]
    states = PageCodec().decode(body)
    alter(states)
    world.objects.objects[key] = e_tag, PageCodec().encode(states)
    for first in (3_000, 4_000):
        report = world.invoke(points(rows, first=first), world.cold())
        assert (report.failed, report.counts["pages_unreadable"]) == ([], 0)
    learned = {signal: state.learned for signal, state in world.states().items()}
    assert all(learned[name] == 40 for name in names if name != "s1")
    assert kept(world).keys() <= {"s1"}


def test_whatever_arrays_raise_holds_no_shard(monkeypatch):
    def raises(*_):
        raise ValueError("numpy says no")

    world, alone = World(pages=4, use_case=seasonal_anomaly()), World(pages=4, use_case=seasonal_anomaly())
    rows = [(f"s{number}", float(turn % 7)) for turn in range(10) for number in range(100)]
    for each in (world, alone):
        each.invoke(points(rows, first=1_000))
    alone.invoke(points(rows, first=3_000))
    monkeypatch.setattr(columns_learner, "learn_by_rank", raises)
    report = world.invoke(points(rows, first=3_000))
    assert (report.failed, report.counts["observations_learned"], len(report.problems)) == ([], 1_000, 4)
    models = [
        {name: (one.model, one.learned) for name, one in each.states().items()} for each in (world, alone)
    ]
    assert models[0] == models[1]
