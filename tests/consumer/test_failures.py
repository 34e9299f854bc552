"""Each row of the table of failures: why nothing is lost or learned twice."""

import asyncio
import threading
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift
from river.base import DriftDetector

from consumer.detectors.alert_policy import Finding
from consumer.detectors.drift import DriftState, DriftUseCase
from consumer.detectors.states import StateClass
from consumer.errors import BadDeployment, MalformedEvent, ModelRaised, PageChanged, Unavailable
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout
from consumer.pages.store import COMMIT_TRIES
from tests.consumer.world import (
    PREFIX,
    Crash,
    NoHurry,
    RunsShort,
    World,
    assert_exact,
    interleaved,
    points,
    record,
    step,
)

SIGNALS = ["a", "b", "c", "d"]
STREAM = points(interleaved(*(step(signal, at=60 + 10 * n) for n, signal in enumerate(SIGNALS))))
LAYOUTS = pytest.mark.parametrize("pages", [0, 8, 16])
DOWN = Unavailable("503")


def page_key(signal: str, pages: int) -> str:
    return Layout(PREFIX, pages).key_of(signal)


def deliver_until_done(world: World, records: list[dict], tries: int = 20) -> list:
    """Lambda's way: what is reported, and all after it, comes again; a crash brings the whole batch again."""
    reports = []
    for _ in range(tries):
        try:
            report = world.invoke(records, world.cold() if len(reports) % 2 else None)
        except Crash:
            reports.append(None)
            continue
        reports.append(report)
        if not report.failed:
            return reports
        lowest = min(map(int, report.failed))
        records = [r for r in records if int(r["kinesis"]["sequenceNumber"]) >= lowest]
    raise AssertionError("it never ends")


@LAYOUTS
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["get", "publish"])
def test_a_crash_at_any_point_before_the_commit_changes_nothing(pages, call, when):
    world = World(pages)
    world.invoke(STREAM[:200])
    before = dict(world.objects.objects)
    world.faults.plan(when, call, Crash(), times=1)
    with pytest.raises(Crash):
        world.invoke(STREAM[200:])
    committed = {key for key in world.objects.objects if world.objects.objects[key] != before.get(key)}
    assert len(committed) < len(SIGNALS), "a crash leaves at least its own page as it was"
    deliver_until_done(world, STREAM[200:])
    assert_exact(world, STREAM)


@LAYOUTS
def test_a_crash_between_publish_and_commit_publishes_the_same_ids_again(pages):
    world = World(pages)
    world.faults.plan("before", "put", Crash(), key=page_key("a", pages), times=1)
    with pytest.raises(Crash):
        world.invoke(STREAM)
    told = set(world.event_ids())
    assert told, "the crash came after a publication"
    deliver_until_done(world, STREAM)
    assert_exact(world, STREAM)
    assert len(world.event_ids()) > len(set(world.event_ids())), "some were published twice, with one id"


@LAYOUTS
def test_a_crash_after_the_commit_leaves_nothing_to_do(pages):
    world = World(pages)
    world.faults.plan("after", "put", Crash(), key=page_key("a", pages), times=1)
    with pytest.raises(Crash):
        world.invoke(points(step("a")))
    commits = world.objects.versions
    report = world.invoke(points(step("a")), world.cold())
    assert (report.failed, report.counts["redelivered"], world.objects.versions) == ([], 200, commits)
    assert_exact(world, points(step("a")))


@LAYOUTS
def test_two_invocations_on_one_page_the_later_one_learns_again(pages):
    world = World(pages)
    other = world.cold()
    world.invoke(STREAM[:100])
    key = page_key("a", pages)

    def other_commits_first():
        nested = threading.Thread(target=world.invoke, args=(STREAM[:300], other))
        nested.start()
        nested.join()

    world.faults.plan("before", "put", other_commits_first, key=key, times=1)
    report = world.invoke(STREAM[100:])
    assert report.counts["page_conflicts"] >= 1
    assert report.failed == []
    assert_exact(world, STREAM)


@LAYOUTS
def test_an_old_invocation_that_wakes_up_cannot_commit(pages):
    world = World(pages)
    zombie = world.cold()
    world.invoke(STREAM[:100], zombie)
    world.invoke(STREAM[100:], world.cold())
    after = dict(world.objects.objects)
    report = world.invoke(STREAM[:200], zombie)
    assert report.failed == []
    assert world.objects.objects == after
    assert_exact(world, STREAM)


@LAYOUTS
def test_after_a_few_conflicts_the_page_is_reported_by_its_first_record(pages):
    world = World(pages)
    world.faults.plan("before", "put", PageChanged("409"), key=page_key("a", pages))
    report = world.invoke(points(step("b")[:10] + step("a")[:10]))
    assert report.failed == ["110"]
    assert report.counts["page_conflicts"] == COMMIT_TRIES
    assert set(world.states()) == {"b"}


@LAYOUTS
def test_the_put_succeeded_but_its_answer_was_lost(pages):
    """The client sends it again and is refused: 412 for a write that was its own."""
    world = World(pages)
    world.faults.plan("after", "put", PageChanged("412"), key=page_key("a", pages), times=1)
    report = world.invoke(STREAM)
    assert report.failed == []
    assert_exact(world, STREAM)


@LAYOUTS
def test_the_put_succeeded_and_nobody_knows(pages):
    world = World(pages)
    world.faults.plan("after", "put", DOWN, key=page_key("a", pages), times=1)
    reports = deliver_until_done(world, STREAM)
    assert reports[0].failed == ["100"]
    assert_exact(world, STREAM)


@LAYOUTS
@pytest.mark.parametrize("when", ["before", "after"])
def test_with_the_event_bus_down_pages_without_events_go_on(pages, when):
    world = World(pages)
    quiet = [("calm", 1.0)] * 50
    records = points(quiet + step("a"))
    world.faults.plan(when, "publish", DOWN)
    report = world.invoke(records)
    assert report.failed == ["150"]
    assert {signal: state.learned for signal, state in world.states().items()} == {"calm": 50}
    world.faults.clear()
    deliver_until_done(world, records)
    assert_exact(world, records)


@LAYOUTS
@pytest.mark.parametrize("call", ["get", "put"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_with_s3_down_for_one_page_the_others_are_committed(pages, call, when):
    world = World(pages)
    records = points(step("b")[:30] + step("a"))
    world.faults.plan(when, call, DOWN, key=page_key("a", pages))
    report = world.invoke(records)
    assert report.failed == ["130"]
    assert world.states()["b"].learned == 30
    world.faults.clear()
    reports = deliver_until_done(world, records)
    assert reports[0].counts["redelivered"] >= 30
    assert_exact(world, records)


@pytest.mark.parametrize("key", ["layout", ("/signals/", "/pages/")])
@LAYOUTS
def test_no_answer_but_404_makes_a_new_page(pages, key):
    world = World(pages)
    world.invoke(STREAM[:400])
    world.faults.plan("before", "get", DOWN, key=key if key == "layout" else key[pages > 0])
    before = dict(world.objects.objects)
    report = world.invoke(STREAM[400:], world.cold())
    assert report.failed == ["500"]
    assert report.counts["pages_failed"] >= 1
    assert world.objects.objects == before


@LAYOUTS
def test_a_missing_key_that_answers_403_makes_no_page(pages):
    world = World(pages)
    world.objects.may_list = False
    assert world.invoke(STREAM).failed == ["100"]
    assert world.objects.objects == {}


@LAYOUTS
def test_a_record_that_can_never_be_decoded_is_kept_and_never_reported(pages):
    world = World(pages)
    records = [record(1, b"{not json"), *points(step("a")), record(10**6, b"\xff\xfe")]
    report = world.invoke(records)
    assert report.failed == []
    lines = world.objects.quarantined()
    assert [line["data"] for line in lines] == [records[0]["kinesis"]["data"], records[-1]["kinesis"]["data"]]
    assert all(line["reason"] and line["id"] for line in lines)
    assert_exact(world, records[1:-1])


@LAYOUTS
def test_what_cannot_be_kept_in_quarantine_is_reported(pages):
    world = World(pages)
    world.faults.plan("before", "put", DOWN, key="quarantine/", times=1)
    records = [*points(step("a")), record(10**6, b"{not json")]
    reports = deliver_until_done(world, records)
    assert reports[0].failed == [str(10**6)]
    assert len(world.objects.quarantined()) == 1
    assert_exact(world, records[:-1])


@dataclass(frozen=True)
class Fussy(DriftUseCase):
    """ADWIN that raises at the values a test names, or always, after it has half learned them."""

    detector: drift.ADWIN = field(default_factory=drift.ADWIN)
    raises_at: frozenset = frozenset()
    broken: bool = False

    def learn(self, watched, values, timestamps, scores=None):
        findings = []
        for index, value in enumerate(values):
            if self.broken or value in self.raises_at:
                watched.detector.update(1e9)
                raise ModelRaised(index, "the model raised ZeroDivisionError")
            for finding in DriftUseCase.learn(self, watched, [value], scores=scores):
                findings.append(replace(finding, index=index))
        return findings


POISON = 666.0


def poisoned(signal: str, at: list[int]) -> list[tuple[str, float]]:
    series = step(signal)
    for index in at:
        series[index] = (signal, POISON + index)
    return series


@LAYOUTS
@pytest.mark.parametrize("cut", [0, 1, 50, 73, 199])
def test_an_observation_at_which_a_model_raises_is_quarantined_and_the_rest_is_learned(pages, cut):
    use_case = Fussy(raises_at=frozenset({POISON + 50}))
    world = World(pages, use_case)
    records = points(interleaved(poisoned("a", [50]), step("b")))
    world.invoke(records[: 2 * cut])
    world.invoke(records[2 * cut :])
    world.invoke(records, world.cold())
    lines = world.objects.quarantined()
    assert {line["signal"] for line in lines} == {"a"}
    assert len({line["id"] for line in lines}) == 1
    assert "ZeroDivisionError" in lines[0]["reason"]
    assert_exact(world, [r for n, r in enumerate(records) if n != 100])


@LAYOUTS
def test_a_known_signals_short_run_at_which_its_model_raises_is_learned_without_that_observation(pages):
    """The usual loop learns it first; the event before the raise is told once."""
    world = World(pages, Fussy(raises_at=frozenset({POISON + 150})))
    records = points(interleaved(poisoned("a", [150]), step("b")))
    world.invoke(records[:200])
    world.invoke(records[200:], time_left=RunsShort(40))
    assert world.states()["a"].learned == 199
    assert len(world.objects.quarantined()) == 1
    assert len(world.event_ids()) == len(set(world.event_ids()))
    assert_exact(world, [r for n, r in enumerate(records) if n != 300])


class Untellable(Fussy):
    """Fussy, but what it raises at it only cannot tell of: JSON has no such thing."""

    def learn(self, watched, values, timestamps, scores=None):
        found = [
            Finding(index, {"seen": object()})
            for index, value in enumerate(values)
            if value in self.raises_at
        ]
        return sorted(DriftUseCase.learn(self, watched, values) + found, key=lambda finding: finding.index)


@LAYOUTS
@pytest.mark.parametrize("cut", [0, 73, 145])
def test_an_observation_of_which_cannot_be_told_is_quarantined_and_the_rest_is_learned(pages, cut):
    world = World(pages, Untellable(raises_at=frozenset({POISON + 150})))
    records = points(interleaved(poisoned("a", [150]), step("b")))
    world.invoke(records[: 2 * cut])
    world.invoke(records[2 * cut :])
    assert ["no event can be made" in line["reason"] for line in world.objects.quarantined()] == [True]
    assert len(world.event_ids()) == len(set(world.event_ids()))
    assert_exact(world, [r for n, r in enumerate(records) if n != 300])


@LAYOUTS
def test_after_a_few_raises_the_rest_of_that_signals_batch_is_quarantined(pages):
    raising = list(range(50, 60))
    use_case = Fussy(raises_at=frozenset(POISON + index for index in raising))
    world = World(pages, use_case=use_case)
    records = points(interleaved(poisoned("a", raising), step("b")))
    report = world.invoke(records)
    assert report.failed == []
    lines = {line["id"] for line in world.objects.quarantined()}
    assert len(lines) == 200 - 50
    learned = {signal: state.learned for signal, state in world.states().items()}
    assert learned == {"a": 50, "b": 200}
    assert world.invoke(points(step("a"), first=10**6)).counts["observations_learned"] == 200, "it goes on"


def test_a_model_that_answers_with_nan_costs_one_observation():
    class Blind(DriftDetector):
        def __init__(self):
            super().__init__()
            self.width, self.estimation = 1, 0.0

        def update(self, x):
            self._drift_detected = x == POISON
            self.estimation = float("nan") if x == POISON else 0.0

    use_case = DriftUseCase(Blind())
    with pytest.raises(ModelRaised, match="not finite"):
        use_case.learn(use_case.create(1), [1.0, 2.0, POISON])


@LAYOUTS
def test_when_every_model_of_20_signals_raises_the_invocation_fails_and_nothing_is_committed(pages):
    world = World(pages, Fussy(broken=True))
    records = points([(f"s{n}", 1.0) for n in range(20)])
    with pytest.raises(BadDeployment, match="Roll"):
        world.invoke(records)
    assert not any("/pages/" in key or "/signals/" in key for key in world.objects.objects)
    assert world.bus.events == []
    assert world.objects.quarantined() == []


@LAYOUTS
def test_when_every_model_of_19_signals_raises_they_are_quarantined(pages):
    world = World(pages, Fussy(broken=True))
    report = world.invoke(points([(f"s{n}", 1.0) for n in range(19)]))
    assert report.failed == []
    assert len(world.objects.quarantined()) == 19


@LAYOUTS
def test_one_signal_that_learns_shows_that_the_deployment_is_good(pages):
    world = World(pages, Fussy(raises_at=frozenset({POISON})))
    report = world.invoke(points([(f"s{n}", POISON) for n in range(100)] + [("fine", 1.0)]))
    assert report.failed == []
    assert len(world.objects.quarantined()) == 100
    assert world.states()["fine"].learned == 1


@LAYOUTS
@given(st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_when_time_runs_short_what_is_learned_is_committed_and_the_next_record_reported(pages, looks):
    world = World(pages)
    records = STREAM + points(step("long", count=1500), first=10_000)
    report = world.invoke(records, time_left=RunsShort(looks))
    if looks < 5:
        assert report.failed, "there was no time to look at every page"
    for _ in range(100):
        if not report.failed:
            break
        (failed,) = map(int, report.failed)
        assert failed >= 100
        report = world.invoke(
            [r for r in records if int(r["kinesis"]["sequenceNumber"]) >= failed], time_left=RunsShort(8)
        )
    assert report.failed == []
    assert_exact(world, records)


@LAYOUTS
def test_with_no_time_at_all_the_first_record_is_reported(pages):
    world = World(pages)
    assert world.invoke(STREAM, time_left=RunsShort(0)).failed == ["100"]
    assert world.states() == {}


@LAYOUTS
def test_an_effect_that_never_ends_is_given_up_in_time_and_the_others_count(pages):
    class Short(NoHurry):
        def seconds_to_answer(self):
            return 0.2

    world = World(pages)
    records = points(step("b")[:30] + step("a"))
    real = world.objects.get

    async def hang(key, **options):
        if key == page_key("a", pages):
            await asyncio.sleep(3600)
        return await real(key, **options)

    world.objects.get = hang
    assert world.invoke(records, time_left=Short()).failed == ["130"]
    assert set(world.states()) == {"b"}


@LAYOUTS
def test_a_page_that_cannot_be_read_is_never_replaced(pages):
    world = World(pages)
    records = points(step("a") + step("b"))
    world.invoke(records[:50])
    key = page_key("a", pages)
    tampered = world.objects.objects[key][1][:-1] + b"!"
    world.objects.objects[key] = ('"tampered"', tampered)
    for function in (world.function, world.cold()):
        report = world.invoke(records[50:], function)
        assert report.failed == []
        assert report.counts["pages_unreadable"] == 1
    assert world.objects.objects[key] == ('"tampered"', tampered)
    lines = {line["id"]: line for line in world.objects.quarantined()}
    assert len(lines) == 150
    assert all("checksum" in line["reason"] and line["data"] for line in lines.values())
    good = PageCodec().decode(world.objects.objects[page_key("b", pages)][1])
    assert sum(state.learned for state in good.values()) == 200


def written_unchecked(state_class, state, pack):
    """As somebody writes a state who wants to plant it: whatever is in its fields."""
    fields = {name: getattr(state, name) for name in state.__struct_fields__}
    for name in state_class._no_models:
        fields[name] = msgspec.Raw(pack(fields[name]))
    return msgspec.msgpack.encode([*fields.values()])


@LAYOUTS
@pytest.mark.parametrize(
    "planted", [None, 7, "text", drift.ADWIN(), DriftState(7), DriftState(drift.ADWIN(), "x")]
)
def test_a_planted_model_of_another_type_costs_its_own_observations_and_blocks_nothing(
    pages, planted, monkeypatch
):
    world = World(pages)
    world.invoke(STREAM[:200])
    key = page_key("a", pages)
    e_tag, body = world.objects.objects[key]
    states = PageCodec().decode(body)
    next(state for (_, signal), state in states.items() if signal == "a").model = planted
    with monkeypatch.context() as patched:
        patched.setattr(StateClass, "write", written_unchecked)
        world.objects.objects[key] = e_tag, PageCodec().encode(states)
    report = world.invoke(STREAM[200:], world.cold())
    assert report.failed == []
    kept = world.objects.quarantined()
    assert [line["signal"] for line in kept] == ["a"] * len(STREAM[200::4])
    assert {signal: state.learned for signal, state in world.states().items() if signal != "a"} == {
        signal: 200 for signal in SIGNALS if signal != "a"
    }


@LAYOUTS
def test_an_unreadable_page_whose_records_cannot_be_kept_is_reported(pages):
    world = World(pages)
    world.invoke(points(step("a")[:10]))
    world.objects.objects[page_key("a", pages)] = ('"x"', b"garbage")
    world.faults.plan("before", "put", DOWN, key="quarantine/")
    assert world.invoke(points(step("a"), first=500)).failed == ["500"]


@LAYOUTS
def test_skipped_observations_of_an_unreadable_page_are_kept_too(pages):
    world = World(pages)
    world.invoke(points([("a", 1.0)]))
    world.objects.objects[page_key("a", pages)] = ('"x"', b"garbage")
    null = record(500, {"signal": "a", "value": None}, key="a")
    world.invoke([null, record(501, {"signal": "a", "value": 3.0}, key="a")], world.cold())
    assert len({line["id"] for line in world.objects.quarantined()}) == 2


def test_no_observation_is_to_blame_for_a_lack_of_memory():
    use_case = DriftUseCase(Raises(MemoryError))
    with pytest.raises(MemoryError):
        use_case.learn(use_case.create(1), [1.0])


def test_a_panic_of_rivers_rust_costs_one_observation_and_ctrl_c_none():
    panic = type("PanicException", (BaseException,), {})
    for raised, expected in ((panic, ModelRaised), (KeyboardInterrupt, KeyboardInterrupt)):
        use_case = DriftUseCase(Raises(raised))
        with pytest.raises(expected):
            use_case.learn(use_case.create(1), [1.0])


@LAYOUTS
@pytest.mark.parametrize("looks", [8, 9, 12])
def test_where_a_model_raised_and_the_time_runs_short_each_delivery_gets_on(pages, looks):
    """Only the signal whose model raised is learned again; what the others have learned is committed."""
    use_case = Fussy(raises_at=frozenset({POISON + 50, POISON + 120}))
    world = World(pages and 1, use_case)
    records = points(interleaved(poisoned("a", [50, 120]), step("b"), step("c")))
    left = records
    for _ in range(40):
        before = dict(world.objects.objects)
        report = world.invoke(left, time_left=RunsShort(looks))
        if not report.failed:
            break
        assert world.objects.objects != before, (
            "nothing was committed, and the next delivery would be the same"
        )
        left = [r for r in records if int(r["kinesis"]["sequenceNumber"]) >= int(report.failed[0])]
    assert report.failed == []
    assert len({line["id"] for line in world.objects.quarantined()}) == 2
    assert_exact(world, [r for n, r in enumerate(records) if n not in (150, 360)])


def test_what_others_have_learned_is_committed_though_the_time_ran_short_after_a_raise():
    world = World(1, Fussy(raises_at=frozenset({POISON + 50})))
    records = points(poisoned("a", [50])[:100] + step("b")[:100])
    looks = 3  # before the page, before the first observation, before what is learned again
    report = world.invoke(records, time_left=RunsShort(looks - 1))
    assert report.failed == ["100"]
    assert {signal: state.learned for signal, state in world.states().items()} == {"b": 100}
    assert world.objects.quarantined() == [], "it comes again"
    deliver_until_done(world, records)
    assert_exact(world, [r for n, r in enumerate(records) if n != 50])


def test_where_another_has_written_the_page_after_a_raise_all_of_it_is_learned_again():
    world = World(1, Fussy(raises_at=frozenset({POISON + 50})))
    records = points(interleaved(poisoned("a", [50]), step("b")))
    other, fresh_loads = world.cold(), []

    def other_commits():
        nested = threading.Thread(target=world.invoke, args=(records[:60], other))
        nested.start()
        nested.join()

    def at_the_second_load():
        fresh_loads.append(1)
        if len(fresh_loads) == 2:
            other_commits()

    world.faults.plan("before", "get", at_the_second_load, key="/pages/1/")
    assert world.invoke(records).failed == []
    world.faults.clear()
    assert_exact(world, [r for n, r in enumerate(records) if n != 100])


def test_a_stale_warm_page_publishes_nothing_that_the_page_in_s3_would_not():
    """Another function has learned in between: what the old copy finds is not told."""
    world = World(1)
    other = world.cold()
    records = points(step("a", count=300, at=150))
    world.invoke(records[:100])
    world.invoke(records[100:200], other)
    told = set(world.event_ids())
    assert told, "the other has found the drift"
    later = [r | {"eventID": r["eventID"]} for r in records[200:]]
    report = world.invoke(later)
    assert report.counts["page_conflicts"] == 0, "an old copy is no conflict"
    assert_exact(world, records)


def test_a_warm_page_that_was_rolled_back_is_learned_from_where_it_is_now():
    world = World(1)
    records = points(step("a"))
    world.invoke(records[:50])
    [key] = [key for key in world.objects.objects if "/pages/" in key]
    rolled_back = world.objects.objects[key]
    world.invoke(records[50:100])
    world.objects.objects[key] = ('"rolled back"', rolled_back[1])
    assert world.invoke(records[50:100]).counts["observations_learned"] == 50, "redriven, it is learned again"
    world.invoke(records[100:])
    assert_exact(world, records)


def test_a_warm_page_without_events_is_not_asked_for():
    world = World(1)
    world.invoke(points([("a", 1.0)] * 10))
    del world.faults.calls[:]
    world.invoke(points([("a", 1.0)] * 10, first=500))
    assert [call for call, _ in world.faults.calls] == ["put"]


class Raises(DriftDetector):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def update(self, x):
        raise self.error


@LAYOUTS
def test_a_crash_at_the_commit_finds_what_cannot_be_learned_already_in_quarantine(pages):
    use_case = Fussy(raises_at=frozenset({POISON + 50}))
    for when in ("before", "after"):
        world = World(pages, use_case=use_case)
        world.faults.plan(when, "put", Crash(), key=page_key("a", pages), times=1)
        with pytest.raises(Crash):
            world.invoke(points(poisoned("a", [50])))
        assert len(world.objects.quarantined()) == 1


@pytest.mark.parametrize("looks", [1, 2, 3, 4])
@LAYOUTS
def test_skipped_observations_and_columns_count_once_however_short_the_time_is(pages, looks):
    world = World(pages)
    columns = {"signal": "a", "values": [float(n % 7) for n in range(300)]}
    records = []
    for number in range(10):
        records.append(record(2 * number, {"signal": "a", "value": None}, key="a"))
        records.append(record(2 * number + 1, columns, key="a"))
    report = world.invoke(records, time_left=RunsShort(looks))
    for _ in range(40):
        if not report.failed:
            break
        (failed,) = map(int, report.failed)
        learned = sum(state.learned for state in world.states().values())
        assert learned % 300 == 0, "a record is learned to its end, or not at all"
        again = [r for r in records if int(r["kinesis"]["sequenceNumber"]) >= failed]
        report = world.invoke(again, time_left=RunsShort(looks + 1))
    assert report.failed == []
    world.invoke(records, world.cold())
    state = world.states()["a"]
    assert (state.learned, state.skipped) == (3000, 10)


@pytest.mark.parametrize("looks", range(1, 6))
@LAYOUTS
def test_where_time_runs_short_a_signal_of_skipped_observations_alone_costs_nothing(pages, looks):
    world = World(pages)
    nothing = [record(100 + number, {"signal": "a", "value": None}, key="a") for number in range(3)]
    world.invoke([*nothing, *points(step("b"), first=200)], time_left=RunsShort(looks))
    world.invoke([*nothing, *points(step("b"), first=200)], world.cold())
    assert {name: (state.learned, state.skipped) for name, state in world.states().items()} == {
        "a": (0, 3),
        "b": (200, 0),
    }


@LAYOUTS
def test_a_page_is_warm_again_only_after_its_commit(pages):
    world = World(pages)
    world.invoke(STREAM[:100])
    world.faults.plan("before", "put", DOWN, times=1, key="/pages/")
    deliver_until_done(world, STREAM[100:])
    assert_exact(world, STREAM)


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": [{}]}, {"Records": [{"kinesis": {}}]}])
@LAYOUTS
def test_what_is_no_kinesis_event_is_refused_by_name(pages, event):
    world = World(pages)
    with pytest.raises(MalformedEvent, match="Records"):
        asyncio.run(world.function.consume(event, NoHurry()))


@LAYOUTS
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_fails_before_or_after_whichever_effect_it_ends_exact(pages, data):
    world = World(pages)
    faults = st.tuples(
        st.sampled_from(["before", "after"]),
        st.sampled_from([("get", DOWN), ("put", DOWN), ("put", PageChanged("409")), ("publish", DOWN)]),
        st.booleans(),
        st.integers(1, 3),
    )
    start = 0
    while start < len(STREAM):
        end = data.draw(st.integers(start + 1, len(STREAM)))
        for when, (call, error), crash, times in data.draw(st.lists(faults, max_size=3)):
            world.faults.plan(when, call, Crash() if crash else error, times=times)
        deliver_until_done(world, STREAM[start:end], tries=60)
        start = end
    assert_exact(world, STREAM)
