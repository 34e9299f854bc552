"""Mutes mark events that were found; nothing else depends on them."""

import asyncio
import json
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.times import seconds_of
from consumer.decode.values import iso8601
from consumer.errors import ConfigurationError, Unavailable
from consumer.events.event import Event
from consumer.events.mutes import Mute, MuteIndex, MuteStore, marked, mutes_in
from ops.commands.mute import new_mute
from ops.state.mutes_file import change_mutes, find_unreadable, read_mutes
from tests.consumer.world import InMemoryObjects, World, interleaved, plain_loop, points, step

NOON = 1_700_000_000.0
MUTE = Mute("pump*", "2023-11-14T22:00:00Z", "2023-11-14T23:00:00Z")


def event(signal: str, arrived_at: str | None, **evidence) -> Event:
    detail = {"id": "1", "use_case": "drift", "signal": signal, "muted": False, "arrived_at": arrived_at}
    return Event("1", "Drift Detected", json.dumps(detail | {"evidence": evidence}))


def is_muted(of: Event, mutes=(MUTE,), now_s: float = NOON) -> bool:
    [one] = marked([of], mutes, now_s)
    assert (one.id, one.detail_type) == (of.id, of.detail_type)
    before, after = json.loads(of.detail), json.loads(one.detail)
    assert after | {"muted": False} == before
    return after["muted"]


def test_what_is_told_while_a_mute_is_on_is_muted_whenever_it_arrived():
    assert is_muted(event("pump1", "2023-11-01T00:00:00.000000Z"))
    assert is_muted(event("pump1", None))
    assert not is_muted(event("fan1", "2023-11-01T00:00:00.000000Z"))


def test_what_arrived_while_a_mute_was_on_is_muted_however_late_it_is_learned():
    assert is_muted(event("pump1", "2023-11-14T22:30:00.000000Z"), now_s=NOON + 86_400.0)
    assert not is_muted(event("pump1", "2023-11-14T23:00:00.000000Z"), now_s=NOON + 86_400.0)


def test_a_maintenance_window_mutes_nothing_before_it_begins():
    before_s = MUTE.from_s - 1.0
    assert not is_muted(event("pump1", None), now_s=before_s)
    assert is_muted(event("pump1", None), now_s=before_s + 1.0)


def test_a_mute_of_another_use_case_mutes_nothing():
    other = Mute("pump*", MUTE.from_, MUTE.until, use_case="anomaly")
    assert not is_muted(event("pump1", None), [other])


def test_one_event_for_many_signals_is_muted_only_where_all_that_it_names_are():
    assert is_muted(event("pump1", None, such_as=["pump1", "pump2"]))
    assert not is_muted(event("pump1", None, such_as=["pump1", "fan1"]))


MOMENTS = ("2023-11-14T22:00:00Z", "2023-11-14T22:13:20Z", "2023-11-14T23:00:00Z", "2023-11-15T00:00:00Z")
PATTERNS = st.text(st.sampled_from("ab.*?[]!-\n"), min_size=1, max_size=6)
MUTES = st.builds(
    Mute,
    PATTERNS,
    st.sampled_from(MOMENTS),
    st.sampled_from(MOMENTS),
    use_case=st.sampled_from([None, "drift", "x"]),
)


@settings(max_examples=500)
@given(
    mutes=st.lists(MUTES, max_size=12),
    signals=st.lists(st.text(st.sampled_from("ab.[]!-\n"), max_size=5), min_size=1, max_size=3),
    arrived_at=st.none() | st.sampled_from(MOMENTS),
    now=st.sampled_from(MOMENTS),
)
def test_what_is_muted_is_what_the_mutes_say_one_by_one(mutes, signals, arrived_at, now):
    times = [seconds_of(now)] + ([] if arrived_at is None else [seconds_of(arrived_at)])
    on = [mute for mute in mutes if any(map(mute.is_on, times))]
    expected = all(any(mute.matches("drift", signal) for mute in on) for signal in signals)
    one = event(signals[0], arrived_at, such_as=signals[1:])
    assert is_muted(one, mutes, seconds_of(now)) == expected


def calls_of(run) -> int:
    """How many functions are called: a measure of work without a clock."""
    calls = 0

    def count(_frame, kind, _argument):
        nonlocal calls
        calls += kind in ("call", "c_call")

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("pattern", ["line{}.pump1", "line{}.*", "*.pump{}x", "line*.pump{}x", "*x{}x*"])
def test_an_event_costs_the_same_with_many_mutes_as_with_few(pattern):
    def calls(count: int) -> int:
        mutes = MuteIndex(Mute(pattern.format(number), MUTE.from_, MUTE.until) for number in range(count))
        of_line_0 = [event(f"line{0 if known else -1}.pump1", None) for known in (True, False)]
        return calls_of(lambda: mutes.marked(of_line_0 * 5, NOON))

    calls(1)  # `re` keeps what it compiles
    assert calls(9_500) <= calls(10) + 50


def test_an_event_costs_the_same_with_many_windows_of_one_pattern_as_with_one():
    def calls(count: int) -> int:
        windows = [
            Mute("pump*", iso8601(NOON + 60.0 * n), iso8601(NOON + 60.0 * n + 30.0)) for n in range(count)
        ]
        mutes = MuteIndex(windows)
        assert is_muted(event("pump1", None), windows, NOON + 60.0 * (count - 1))
        return calls_of(lambda: mutes.marked([event("pump1", None)], NOON + 31.0))

    assert calls(1_000) <= calls(1) + 30


def test_an_event_costs_the_same_with_many_patterns_that_match_it_as_with_one():
    def calls(count: int) -> int:
        patterns = ["*" + "?" * (number % 6) + "*" * (number // 6) for number in range(count)]
        mutes = MuteIndex(Mute(pattern, MUTE.from_, MUTE.until) for pattern in patterns)
        mutes.marked([event("pump1.pressure", None)], NOON)
        return calls_of(lambda: mutes.marked([event("pump1.pressure", None)], NOON))

    assert calls(500) == calls(1)


def test_what_is_no_list_of_mutes_says_so():
    for content in (b"", b"[]", b'{"mutes": [{"pattern": "x"}]}', b"\xff"):
        with pytest.raises(ConfigurationError, match=r"mutes\.json"):
            mutes_in(content)
    with pytest.raises(ConfigurationError, match="ISO 8601"):
        mutes_in(b'{"mutes": [{"pattern": "x", "from": "noon", "until": "2026-01-01"}]}')


# As the function reads them.


class Told:
    def __init__(self):
        self.objects = InMemoryObjects()
        self.now_s = NOON
        self.warnings: list[str] = []
        self.store = MuteStore(self.objects, lambda: self.now_s, self.warnings.append)

    def is_muted(self) -> bool:
        [one] = asyncio.run(self.store.marked([event("pump1", None)]))
        return json.loads(one.detail)["muted"]

    def write(self, content: bytes) -> None:
        asyncio.run(self.objects.write("mutes.json", content))


def content(*mutes: dict) -> bytes:
    return json.dumps({"mutes": mutes}).encode()


PUMPS = {"pattern": "pump*", "from": "2023-11-14T22:00:00Z", "until": "2023-11-15T22:00:00Z"}


def test_the_function_looks_once_a_minute_and_acts_within_one():
    told = Told()
    assert [told.is_muted() for _ in range(5)] == [False] * 5
    told.write(content(PUMPS))
    told.now_s += 59.0
    assert not told.is_muted()
    told.now_s += 1.0
    assert told.is_muted()
    assert [call for call in told.objects.faults.calls if call[0] == "get"] == [("get", "mutes.json")] * 2
    told.write(content())
    told.now_s += 60.0
    assert not told.is_muted()


def test_a_mute_that_is_unchanged_holds_and_ends_when_it_says():
    told = Told()
    told.write(content(PUMPS))
    for _ in range(3):
        assert told.is_muted()
        told.now_s += 60.0
    told.now_s = NOON + 2 * 86_400.0
    assert not told.is_muted()
    assert told.warnings == []


@pytest.mark.parametrize("was_read", [False, True])
@pytest.mark.parametrize("wrong", ["no JSON", "no mute", "S3 is down", "it hangs", "too large"])
def test_where_the_mutes_cannot_be_read_the_last_ones_hold_and_a_warning_is_told(
    wrong, was_read, monkeypatch
):
    told = Told()
    if was_read:
        told.write(content(PUMPS))
        assert told.is_muted()
        told.now_s += 60.0
    if wrong == "S3 is down":
        told.objects.faults.plan("before", "get", Unavailable("503"))
    elif wrong == "it hangs":
        monkeypatch.setattr("consumer.events.mutes._ANSWER_WITHIN_S", 0.01)
        monkeypatch.setattr(told.objects, "get", lambda *_, **__: asyncio.sleep(5.0))
    else:
        is_broken = {"no JSON": b"{", "no mute": content(PUMPS | {"pattern": ""})}
        told.write(is_broken.get(wrong, content(PUMPS) + b" " * 2**20))
    assert told.is_muted() == was_read
    assert told.is_muted() == was_read
    assert len(told.warnings) == 1
    assert ("the mutes read last stay in force" if was_read else "nothing is muted") in told.warnings[0]
    told.now_s += 10.0
    assert told.is_muted() == was_read
    assert len(told.warnings) == 2
    monkeypatch.undo()
    told.objects.faults.clear()
    told.write(content())
    told.now_s += 10.0
    assert not told.is_muted()
    told.write(content(PUMPS))
    told.now_s += 60.0
    assert told.is_muted()
    assert len(told.warnings) == 2


def test_before_any_mutes_were_read_those_that_can_be_read_hold():
    told = Told()
    told.write(content(PUMPS, PUMPS | {"pattern": ""}))
    assert told.is_muted()
    assert len(told.warnings) == 1
    assert "only some mutes are in force" in told.warnings[0]
    told.write(content(PUMPS | {"pattern": "fan*"}, PUMPS | {"pattern": ""}))
    told.now_s += 10.0
    assert not told.is_muted()


def test_mutes_that_were_read_last_end_when_they_say():
    told = Told()
    told.write(content(PUMPS))
    assert told.is_muted()
    told.write(b"{")
    told.now_s = NOON + 2 * 86_400.0
    assert not told.is_muted()


PRINTED = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
TEXTS = PRINTED | PRINTED | st.text(st.characters(exclude_categories=()), max_size=12)
LONG = st.integers(500, 520).map("\u2028".__mul__)
TIMES_S = st.floats(-62_135_596_800.0, 253_402_300_799.0) | st.floats(-1e12, 1e12)


@settings(max_examples=300)
@given(
    pattern=TEXTS | LONG,
    reason=TEXTS | LONG,
    use_case=st.none() | TEXTS | LONG,
    from_s=TIMES_S,
    until_s=TIMES_S,
    times=st.integers(1, 3),
)
def test_every_mute_that_is_accepted_is_read_back(pattern, reason, use_case, from_s, until_s, times):
    objects = InMemoryObjects()
    try:
        new = new_mute(pattern, from_s, until_s, reason, use_case)
    except ConfigurationError:
        return
    before = asyncio.run(change_mutes(objects, lambda mutes: (*mutes, *[new] * times), -1e12))
    assert before == (new,) * times
    assert asyncio.run(read_mutes(objects)) == before
    assert asyncio.run(find_unreadable(objects)) is None
    store = MuteStore(objects, lambda: max(new.from_s, 0.0), pytest.fail)
    asyncio.run(store.marked([event("pump1", None)]))


def test_pages_that_tell_at_the_same_time_wait_for_one_look():
    told = Told()
    told.write(content(PUMPS))

    async def all_at_once():
        return await asyncio.gather(*(told.store.marked([event("pump1", None)]) for _ in range(10)))

    assert all(json.loads(one.detail)["muted"] for [one] in asyncio.run(all_at_once()))
    assert [call[0] for call in told.objects.faults.calls].count("get") == 1


def test_muting_changes_neither_ids_nor_what_is_learned():
    records = points(interleaved(step("pump1"), step("fan1")))
    told, world = Told(), World()
    told.write(content(PUMPS))
    world.invoke(records, replace(world.function, mutes=told.store))
    plain = World()
    plain.invoke(records)
    assert world.event_ids() == plain.event_ids() == plain_loop(records).ids
    details = [json.loads(one.detail) for one in world.bus.events]
    assert {one["signal"]: one["muted"] for one in details} == {"pump1": True, "fan1": False}
    assert [body for _, body in world.objects.objects.values()] == [
        body for _, body in plain.objects.objects.values()
    ]
