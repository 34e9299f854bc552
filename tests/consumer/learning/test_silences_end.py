"""What is published of a silence has its end published too, whatever happens between a sweep's effects."""

import contextlib
import copy
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from consumer.decode.signal_names import SignalKey
from consumer.errors import PageChanged, Unavailable
from consumer.learning import staleness
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.store import COMMIT_TRIES, PageStore
from tests.consumer.detectors.test_sensor_checks import START_S, WATCHED, noise, sent
from tests.consumer.world import PREFIX, Crash, World, record

END_S = START_S + 10.0 * 99
NOTICED_S = END_S + 901.0
EFFECTS = [(when, call) for call in ("get", "put", "publish") for when in ("before", "after")]


def world_of(*signals: str) -> World:
    world = World(use_case=WATCHED, pages=1)
    for number, signal in enumerate(signals):
        world.invoke(sent(noise(100, number), signal))
    return world


def value(signal: str, first: int = 191) -> list[dict]:
    return sent(noise(1, 7), signal, first=first)


def nothing(signal: str, first: int = 191) -> list[dict]:
    """A record with nothing to learn."""
    arrived_s = START_S + 10.0 * first
    return [record(1_000 + first, {"signal": signal, "value": None}, key=signal, arrived=arrived_s)]


def changes(world: World) -> dict[str, list[tuple[str, str]]]:
    """For each alert, the changes that were published and their ids, each once, in order."""
    found: dict[str, dict[str, str]] = {}
    for event in world.bus.events:
        detail = json.loads(event.detail)
        found.setdefault(detail["alert"], {}).setdefault(event.id, detail["change"])
    return {alert: [(change, name) for name, change in ids.items()] for alert, ids in found.items()}


def in_between(world: World, records: list[dict]):
    """Another function learns these, once."""
    left = [records]

    def learn():
        if left:
            with ThreadPoolExecutor() as threads:  # which has an event loop of its own
                threads.submit(world.invoke, left.pop(), world.cold()).result()

    return learn


def opened_in_peace() -> str:
    world = world_of("a.p", "b.p")
    world.sweep(NOTICED_S)
    [opened] = [event.id for event in world.bus.events if json.loads(event.detail)["signal"] == "a.p"]
    return opened


OPENED = opened_in_peace()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(("when", "call"), EFFECTS)
@pytest.mark.parametrize("then", ["a value", "a sweep and a value", "nothing to learn, a sweep and a value"])
@pytest.mark.parametrize("what", ["crash", "batch", "nothing to learn", "lost"])
def test_a_silence_that_is_published_ends_wherever_the_sweep_is_cut(what, when, call, number, then):
    world = world_of("a.p", "b.p")
    world.function = world.cold()
    faults = {
        "crash": Crash(),
        "batch": in_between(world, value("a.p", 190)),
        "nothing to learn": in_between(world, nothing("a.p", 190)),
        "lost": Unavailable("the answer was lost"),
    }
    left = [number]

    def nth():
        left[0] -= 1
        if left[0] == 0:
            if isinstance(faults[what], BaseException):
                raise faults[what]
            faults[what]()

    world.faults.plan(when, call, nth)
    with contextlib.suppress(Crash):
        world.sweep(NOTICED_S)
    world.faults.clear()
    if then.startswith("nothing"):
        world.invoke(nothing("a.p", 192), world.cold())
    if "sweep" in then:
        world.sweep(NOTICED_S + 60.0, world.cold())
    world.invoke(value("a.p", 193), world.cold())
    state = world.states()["a.p"]
    assert not state.health.is_open("stale")
    assert not state.health.is_untold
    signals = {
        json.loads(event.detail)["alert"]: json.loads(event.detail)["signal"] for event in world.bus.events
    }
    of_alert = [told for alert, told in changes(world).items() if signals[alert] == "a.p"]
    assert len(of_alert) == ("stale" in state.health.alerts), "what is in the state was published"
    for told in of_alert:
        assert [change for change, _ in told] == ["opened", "cleared"]
        assert told[0][1] == OPENED


def test_a_batch_that_beats_the_sweeps_last_commit_does_not_leave_the_alert_open():
    world = world_of("a.p")
    world.faults.plan("after", "publish", in_between(world, value("a.p")), times=1)
    world.sweep(NOTICED_S)
    [told] = changes(world).values()
    assert [change for change, _ in told] == ["opened", "cleared"]
    assert not world.states()["a.p"].health.is_open("stale")
    before = len(world.bus.events)
    world.sweep(NOTICED_S + 1.0, world.cold())
    assert len(world.bus.events) == before


def test_a_sweep_whose_first_commit_is_never_taken_publishes_nothing():
    world = world_of("a.p")
    world.function = world.cold()
    world.faults.plan("before", "put", PageChanged("other"), key="pages/", times=COMMIT_TRIES)
    report = world.sweep(NOTICED_S)
    assert report.problems
    assert world.bus.events == []
    world.sweep(NOTICED_S + 60.0)
    assert [event.id for event in world.bus.events] == [
        event.id for event in world.bus.events if json.loads(event.detail)["change"] == "opened"
    ]
    assert len(world.bus.events) == 1


def test_a_sweep_whose_last_commit_is_never_taken_is_made_up_for_by_the_next():
    world = world_of("a.p")
    world.function = world.cold()
    refused = []

    def refuse():
        refused.append(True)
        if len(refused) > 1:
            raise PageChanged("other")

    world.faults.plan("before", "put", refuse, key="pages/")
    world.sweep(NOTICED_S)
    world.faults.clear()
    assert len({event.id for event in world.bus.events}) == len(world.bus.events) == 1, (
        "and told once a sweep"
    )
    world.invoke(value("a.p"), world.cold())
    [told] = changes(world).values()
    assert [change for change, _ in told] == ["opened", "cleared"]


MANY = [f"s{number:02}.p" for number in range(15)]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("when", "call"), EFFECTS)
def test_signals_that_fall_silent_together_are_one_event_wherever_the_sweep_is_cut(when, call, number):
    world = world_of(*MANY)
    world.function = world.cold()
    world.faults.plan_nth(when, call, Crash(), number)
    with contextlib.suppress(Crash):
        world.sweep(NOTICED_S)
    world.faults.clear()
    world.sweep(NOTICED_S + 60.0, world.cold())
    world.sweep(NOTICED_S + 90.0, world.cold())
    assert len({event.id for event in world.bus.events}) == 1
    assert {event.detail_type for event in world.bus.events} == {"Signals Silent"}
    details = [json.loads(event.detail)["evidence"] for event in world.bus.events]
    assert details[1:] == details[:-1]
    for signal in MANY:
        world.invoke(value(signal, 300), world.cold())
    assert len({event.id for event in world.bus.events}) == 1, "their return is no event"
    assert not any(state.health.is_open("stale") for state in world.states().values())


def test_a_batch_between_the_commits_of_many_silences_does_not_tell_of_them_twice():
    world = world_of(*MANY)
    world.function = world.cold()
    world.faults.plan("after", "publish", in_between(world, value(MANY[-1])), times=1)
    world.sweep(NOTICED_S)
    world.sweep(NOTICED_S + 60.0, world.cold())
    assert len(world.bus.events) == 1
    states = world.states()
    assert sum(state.health.is_open("stale") for state in states.values()) == 14
    assert not any(state.health.is_untold for state in states.values())


# Planted pages.

PLANTED = ["\ud800", "a\udfff.p", "", "a\nb", "x" * 600, "\x1b[31m"]


class Planted(PageCodec):
    """Reads what an altered page may hold: a state under a name that no record has."""

    def __init__(self, name: str) -> None:
        super().__init__(2**30)
        self.name = name

    def decode(self, body):
        states = super().decode(body)
        of = states[SignalKey("a.p", "a.p")]
        planted = State(of.model, of.checkpoints, learned=100, health=copy.deepcopy(of.health))
        return {SignalKey(self.name, self.name): planted, **states}

    def encode_measured(self, states):
        known = {key: state for key, state in states.items() if key.signal != self.name}
        return super().encode_measured(known)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_name_costs_its_own_silence_only(name):
    world = world_of("a.p", "b.p")
    world.function = replace(world.cold(), pages=PageStore(world.objects, Planted(name), 0))
    report = world.sweep(NOTICED_S)
    assert report.problems == []
    assert {json.loads(event.detail)["signal"] for event in world.bus.events} == {"a.p", "b.p"}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_name_does_not_hide_that_many_are_silent(name):
    world = world_of("a.p", *MANY)
    world.function = replace(world.cold(), pages=PageStore(world.objects, Planted(name), 0))
    assert world.sweep(NOTICED_S).problems == []
    [event] = world.bus.events
    assert json.loads(event.detail)["evidence"]["signals"] == 16


@pytest.mark.parametrize("pages", [0, 4])
def test_a_page_that_raises_does_not_end_the_sweep_of_others(pages, monkeypatch):
    world = World(use_case=WATCHED, pages=pages)
    signals = [f"s{number}.p" for number in range(8)]
    for number, signal in enumerate(signals):
        world.invoke(sent(noise(100, number), signal))
    world.function = world.cold()
    bad = world.states()["s3.p"].checkpoints
    usual = staleness._last_of

    def raising(state):
        if state.checkpoints == bad and state.learned == 100 and state.health.last == noise(100, 3)[-1]:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return usual(state)

    monkeypatch.setattr(staleness, "_last_of", raising)
    report = world.sweep(NOTICED_S)
    told = {json.loads(event.detail)["signal"] for event in world.bus.events}
    assert told == {*signals} - {"s3.p"}
    assert report.counts["states_broken"] == 1
    assert any("cannot be used" in problem for problem in report.problems)


@pytest.mark.parametrize(
    "error", [UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no"), RecursionError(), KeyError(1)]
)
@pytest.mark.parametrize("step", ["decode", "encode_measured"])
def test_a_page_that_the_codec_cannot_take_does_not_end_the_sweep_of_others(error, step, monkeypatch):
    world = World(use_case=WATCHED, pages=0)
    for number in range(4):
        world.invoke(sent(noise(100, number), f"s{number}.p"))
    codec = PageCodec(2**30)
    usual, left = getattr(codec, step), [error]

    def broken(*arguments, **named):
        if left:
            raise left.pop()
        return usual(*arguments, **named)

    monkeypatch.setattr(codec, step, broken)
    world.function = replace(world.cold(), pages=PageStore(world.objects, codec, 0))
    report = world.sweep(NOTICED_S)
    assert len({json.loads(event.detail)["signal"] for event in world.bus.events}) == 3
    assert report.counts["pages_unreadable"] == 1
    assert any("cannot be swept" in problem for problem in report.problems)


@pytest.mark.parametrize("pages", [0, 4])
def test_a_sweep_publishes_nothing_of_models_that_were_moved_since_it_read_the_layout(pages):
    world = World(use_case=WATCHED, pages=pages)
    for number, signal in enumerate(["a.p", "b.p"]):
        world.invoke(sent(noise(100, number), signal))
    before = dict(world.objects.objects)
    moved = {f"{PREFIX}/layout.json": ('"moved"', b'{"pages":8}')}
    world.faults.plan("after", "list", lambda: world.objects.objects.update(moved), times=1)
    report = world.sweep(NOTICED_S)
    assert world.bus.events == []
    assert world.objects.objects == before | moved
    assert "has changed since this function read it" in report.problems[0]
    assert report.counts["pages_failed"] == 2 if pages == 0 else report.counts["pages_failed"] >= 1
    world.faults.clear()
    assert not world.sweep(NOTICED_S + 60.0).problems, "and the next one reads it again"
