"""A bad deployment fails the invocation and changes nothing; what arrives, and what is stored, never does."""

import asyncio
from dataclasses import dataclass, field

import pytest
from river import anomaly, drift

from consumer.detectors.drift import DriftUseCase
from consumer.errors import BadDeployment, ModelRaised, Unavailable
from consumer.pipeline import Pipeline
from tests.consumer.every_model import EVERY_MODEL, far
from tests.consumer.world import World, points, record

LARGEST = 3.4028235e38
"""Of a 32-bit float: the usual code for an error of the sensor."""
NAMES = [f"value{number}" for number in range(25)]
SIGNALS = [f"signal{number}" for number in range(25)]
POISON = 666.0
LAYOUTS = pytest.mark.parametrize("pages", [0, 1, 2, 16])


@dataclass(frozen=True)
class Fussy(DriftUseCase):
    """It raises at poison; if it is broken, always; if it has forgotten, at all models but new ones."""

    detector: drift.ADWIN = field(default_factory=drift.ADWIN)
    is_broken: bool = False
    has_forgotten: bool = False

    def learn(self, model, values, timestamps=(), scores=None):
        if values and (self.is_broken or (self.has_forgotten and model.count)):
            raise ModelRaised(0, "the model raised AttributeError")
        for index, value in enumerate(values):
            if value == POISON:
                model.detector.update(1e9)
                raise ModelRaised(index, "the model raised ZeroDivisionError")
        return super().learn(model, values, timestamps, scores)


def rows(number: int, value: float | None = None, together: bool = True) -> list[dict]:
    """What 25 sensors send at one time: in one record, or in one each."""
    values = [10.0 + (number + place) * 7919 % 13 if value is None else value for place in range(25)]
    if together:
        return [
            record(
                100 + number, {"signal": "pump", "values": dict(zip(NAMES, values, strict=True))}, key="pump"
            )
        ]
    return [
        record(100 * number + place, {"signal": signal, "value": values[place]}, key=signal)
        for place, signal in enumerate(SIGNALS)
    ]


def contents(world: World) -> dict:
    return {key: body for key, body in world.objects.objects.items() if not key.endswith("layout.json")}


@LAYOUTS
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("use_case", [far(anomaly.GaussianScorer(window_size=80, grace_period=50))])
def test_an_error_code_after_which_models_raise_for_ever_holds_no_shard(pages, together, use_case):
    world, sent = World(pages, use_case), 0
    for number in range(160):
        value = LARGEST if number in (40, 41) else None
        report = world.invoke(rows(number, value, together), world.cold() if number % 9 == 0 else None)
        assert report.failed == []
        sent += 25
    learned = sum(state.learned for state in world.states().values())
    in_quarantine = {line["id"] for line in world.objects.quarantined()}
    assert learned + len(in_quarantine) == sent
    assert len(in_quarantine) > 25 * 30, "else it would show nothing"
    assert all(line["reason"] for line in world.objects.quarantined())


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 1e100, 0.0])
@pytest.mark.parametrize("name", EVERY_MODEL)
def test_no_value_that_all_sensors_send_at_once_holds_a_shard(name, value):
    for use_case in EVERY_MODEL[name]:
        world = World(1, use_case)
        for number in range(0, 90, 10):
            bad = value if number in (60, 70) else None
            assert world.invoke([one for row in range(10) for one in rows(number + row, bad)]).failed == []


@LAYOUTS
@pytest.mark.parametrize("together", [True, False])
def test_values_at_which_every_model_raises_are_kept_and_hold_no_shard(pages, together):
    world = World(pages, Fussy())
    for number in range(3):
        assert world.invoke(rows(number, POISON if number else None, together)).failed == []
    assert len({line["id"] for line in world.objects.quarantined()}) == 50
    assert {state.learned for state in world.states().values()} == {1}


@LAYOUTS
@pytest.mark.parametrize("call", ["put", "get"])
def test_what_is_left_of_a_batch_when_s3_refused_a_page_once_is_not_all_there_is(pages, call):
    """Only the signals whose models raise are left, so that all of those that come again raise."""
    world = World(pages, Fussy())
    fine, bad = (
        points([(f"fine{n}", 1.0) for n in range(50)]),
        points([(s, POISON) for s in SIGNALS], first=500),
    )
    key = "quarantine/" if call == "put" else "/pages/" if pages else "/signals/"
    world.faults.plan("before", call, Unavailable("503"), key=key, times=1)
    records, tries = [*fine, *bad], 0
    while records:
        report, tries = world.invoke(records), tries + 1
        left = int(report.failed[0]) if report.failed else 10**9
        records = [one for one in records if int(one["kinesis"]["sequenceNumber"]) >= left]
    assert tries == 2
    assert {state.learned for signal, state in world.states().items() if "fine" in signal} == {1}
    assert len({line["id"] for line in world.objects.quarantined()}) == 25


@LAYOUTS
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("has_learned", [True, False])
def test_code_that_can_learn_nothing_fails_the_invocation_and_changes_nothing(pages, together, has_learned):
    world = World(pages, Fussy())
    records = [one for number in range(4) for one in rows(number, None, together)]
    records += points([("another", 1.0)], first=10**6)
    if has_learned:
        world.invoke(records[: len(records) // 2])
    before = contents(world)
    world.use_case = Fussy(is_broken=True)
    for _ in range(5):
        with pytest.raises(BadDeployment, match="Roll"):
            world.invoke(records, world.cold())
    assert (contents(world), world.bus.events) == (before, [])
    world.use_case = Fussy()
    assert world.invoke(records, world.cold()).failed == []
    assert world.objects.quarantined() == []


def test_one_record_alone_shows_nothing_of_the_deployment():
    world = World(1, Fussy(is_broken=True))
    assert world.invoke(rows(1)).failed == []
    assert len(world.objects.quarantined()) == 25


@LAYOUTS
def test_models_that_the_code_cannot_use_stay_as_they_are_and_hold_no_shard(pages):
    """Nothing tells them from models that a value has spoilt: roll back, and redrive the quarantine."""
    world = World(pages, Fussy())
    world.invoke(rows(0, together=False))
    before = world.states()
    world.use_case = Fussy(has_forgotten=True)
    assert world.invoke(rows(1, together=False), world.cold()).failed == []
    assert len(world.objects.quarantined()) == 25
    world.use_case = Fussy()
    for signal, state in world.states().items():
        assert (state.learned, state.model.count) == (1, 1)
        assert state.model.total == before[signal].model.total
    assert world.invoke(rows(2, together=False), world.cold()).counts["observations_learned"] == 25


def test_a_page_whose_models_raised_waits_for_no_other_page(monkeypatch):
    """Pages may be taken one after the other: one that waited for another's models would wait for ever."""
    world, one_at_a_time, take = World(16, Fussy()), asyncio.Semaphore(1), Pipeline._page_step
    world.invoke(points([(signal, 1.0) for signal in SIGNALS]))

    async def in_turn(self, *arguments):
        async with one_at_a_time:
            return await take(self, *arguments)

    monkeypatch.setattr(Pipeline, "_page_step", in_turn)
    assert world.invoke(points([(signal, POISON) for signal in SIGNALS], first=1000)).failed == []
    assert len(world.objects.quarantined()) == 25
