"""However a stream is cut and delivered, what is learned is what a plain loop learns."""

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from consumer.detectors.base import fingerprint
from consumer.detectors.drift import DriftUseCase
from consumer.pages.codec import PageCodec
from tests.consumer.compiled import compiled_reader, plain_read_by
from tests.consumer.world import PREFIX, World, assert_exact, interleaved, points, record, step

STREAM = points(interleaved(step("a.pressure"), step("b.pressure", at=60), step("c.flow", at=10**6)))
LAYOUTS = pytest.mark.parametrize("pages", [0, 8, 16])


@st.composite
def deliveries(draw):
    """What Lambda may do with a stream: batches in order, each redelivered whole, halved or from any record.

    After a redelivery that starts inside a batch, the shard goes on where the batch ended.
    """
    batches = []
    start = 0
    while start < len(STREAM):
        end = draw(st.integers(start + 1, len(STREAM)))
        batch = STREAM[start:end]
        batches.append((batch, draw(st.booleans())))
        for _ in range(draw(st.integers(0, 2))):
            again = draw(st.integers(0, len(batch) - 1))
            cut = draw(st.integers(again + 1, len(batch)))
            batches.append((batch[again:cut], draw(st.booleans())))
            if cut < len(batch):
                batches.append((batch[cut:], draw(st.booleans())))
        start = end
    return batches


@LAYOUTS
@given(deliveries())
@settings(max_examples=40, deadline=None)
def test_any_cut_and_any_redelivery_gives_the_plain_loops_models_and_event_ids(pages, batches):
    world = World(pages)
    for batch, cold in batches:
        report = world.invoke(batch, world.cold() if cold else None)
        assert report.failed == []
    assert_exact(world, STREAM)
    assert world.event_ids() == list(dict.fromkeys(world.event_ids())), "no crash, no repeat"


@LAYOUTS
@pytest.mark.parametrize("reader", [lambda: None, compiled_reader], ids=["Python", "compiled"])
def test_one_batch_of_the_whole_stream_is_exact(pages, reader):
    world = World(pages)
    with plain_read_by(reader()):
        world.invoke(STREAM)
    assert_exact(world, STREAM)
    assert len(world.event_ids()) >= 2


@LAYOUTS
def test_a_redelivered_batch_changes_nothing(pages):
    world = World(pages)
    world.invoke(STREAM)
    before = dict(world.objects.objects)
    report = world.invoke(STREAM, world.cold())
    assert world.objects.objects == before
    assert report.counts["redelivered"] == len(STREAM)
    assert report.counts["observations_learned"] == 0


@LAYOUTS
def test_the_same_record_twice_in_a_batch_is_learned_once(pages):
    world = World(pages)
    world.invoke(STREAM + STREAM)
    assert_exact(world, STREAM)


@LAYOUTS
def test_sequence_numbers_are_compared_as_integers(pages):
    world = World(pages)
    records = [record(number, {"signal": "a", "value": 1.0}, key="a") for number in (8, 9, 10, 11)]
    world.invoke(records[:2])
    world.invoke(records[2:])
    assert world.states()["a"].learned == 4


@LAYOUTS
def test_two_records_of_one_sequence_number_are_both_learned_wherever_the_batch_is_cut(pages):
    records = [record(7, {"signal": "a", "value": float(n)}, key=f"random-{n}") for n in range(3)]
    for cut in range(4):
        world = World(pages)
        world.invoke(records[:cut])
        world.invoke(records[cut:], world.cold())
        world.invoke(records, world.cold())
        assert world.states()["a"].learned == 3, cut


@LAYOUTS
def test_the_same_shard_id_in_another_stream_has_a_checkpoint_of_its_own(pages):
    world = World(pages)
    world.invoke([record(9, {"signal": "a", "value": 1.0}, key="a")])
    world.invoke([record(5, {"signal": "a", "value": 1.0}, key="a", arn="arn:aws:kinesis:x:1:stream/other")])
    assert world.states()["a"].learned == 2


@LAYOUTS
def test_a_signal_on_two_shards_is_learned_from_both_and_told(pages):
    world = World(pages)
    world.invoke([record(9, {"signal": "a", "value": 1.0}, key="a")])
    other = [record(5, {"signal": "a", "value": 1.0}, key="a", shard="shardId-000000000001")]
    report = world.invoke(other)
    assert world.states()["a"].learned == 2
    assert report.counts["signals_on_several_shards"] == 1


@LAYOUTS
def test_columns_and_points_of_the_same_values_give_the_same_model(pages):
    values = [value for _, value in step("a")]
    by_point, by_column = World(pages), World(pages)
    by_point.invoke(points([("a", value) for value in values]))
    columns = {
        "signal": "a",
        "values": values,
        "timestamps": [1_700_000_000.0 + n for n in range(len(values))],
    }
    by_column.invoke([record(100, columns, key="a")])
    one, other = by_point.states()["a"], by_column.states()["a"]
    assert (one.model.count, one.model.total, one.learned) == (
        other.model.count,
        other.model.total,
        other.learned,
    )
    assert len(by_point.bus.events) == len(by_column.bus.events) == 1


def test_the_values_of_one_record_share_the_page_of_its_signal():
    for pages in (0, 16):
        world = World(pages)
        world.invoke([record(1, {"signal": "compressor1", "values": {"pressure": 1.0, "flow": 2.0}})])
        assert set(world.states()) == {"compressor1.pressure", "compressor1.flow"}
        assert sum(call == "put" and "layout" not in key for call, key in world.faults.calls) == 1


@LAYOUTS
def test_an_unchanged_page_is_not_read_again(pages):
    world = World(pages)
    world.invoke(STREAM[:10])
    decoded = []
    decode = PageCodec.decode
    try:
        PageCodec.decode = lambda self, page: decoded.append(page) or decode(self, page)
        world.invoke(STREAM[10:20])
        assert decoded == []
        world.invoke(STREAM[20:30], world.cold())
        assert decoded != []
    finally:
        PageCodec.decode = decode


def test_the_layout_that_was_recorded_first_wins():
    world = World(pages=16)
    world.invoke(STREAM[:300])
    world.invoke(STREAM[300:], world.cold(pages=8))
    assert_exact(world, STREAM)


def test_two_first_writers_agree_on_one_layout():
    world = World(pages=16)
    recorded = {f"{PREFIX}/layout.json": ('"0"', b'{"pages":8}')}
    world.faults.plan("before", "put", lambda: world.objects.objects.update(recorded), key="layout", times=1)
    world.invoke(STREAM)
    assert_exact(world, STREAM)
    assert any("/pages/8/" in key for key in world.objects.objects)


@LAYOUTS
def test_late_observations_are_skipped_and_counted_where_the_use_case_says_so(pages):
    world = World(pages, use_case=DriftUseCase(drift.ADWIN(), late="skip"))
    timestamps = [10, 20, 15, 20, 21]
    records = [
        record(n, {"signal": "a", "value": 1.0, "timestamp": 1_700_000_000 + t}, key="a")
        for n, t in enumerate(timestamps)
    ]
    world.invoke(records[:2])
    world.invoke(records[2:], world.cold())
    world.invoke(records, world.cold())
    assert (world.states()["a"].learned, world.states()["a"].skipped) == (3, 2)


def test_each_signal_draws_from_a_seed_of_its_own_unless_the_user_gave_one():
    use_case = DriftUseCase(drift.KSWIN())
    assert use_case.create(1).detector.seed == 1
    assert use_case.create(2).detector.seed == 2
    assert DriftUseCase(drift.KSWIN(seed=7)).create(2).detector.seed == 7


@LAYOUTS
def test_enhanced_fan_out_and_shared_throughput_deliver_the_same_records(pages):
    world = World(pages)
    world.invoke(STREAM)
    consumer = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant/consumer/fast:1700000000"
    report = world.invoke([delivered | {"eventSourceARN": consumer} for delivered in STREAM], world.cold())
    assert report.counts["redelivered"] == len(STREAM)


@pytest.mark.parametrize("name", ["\u538b" * 170, "." * 512, "a/b." * 128, "s" * 512])
def test_the_key_of_any_signal_is_short_enough_for_s3(name):
    world = World(pages=0)
    world.invoke(points([(name, 1.0), (name[:-1], 1.0)]))
    assert world.states().keys() == {name, name[:-1]}
    assert all(len(key.encode()) <= 1024 for key in world.objects.objects)


@LAYOUTS
def test_an_observation_of_unknown_time_is_not_late(pages):
    world = World(pages, use_case=DriftUseCase(drift.ADWIN(), late="skip"))
    records = [
        record(n, {"signal": "a", "value": 1.0, "timestamp": t}, key="a") for n, t in ((1, 100), (3, 50))
    ]
    unknown = record(2, {"signal": "a", "value": 1.0}, key="a", arrived=None)
    world.invoke([records[0], unknown, records[1]])
    assert (world.states()["a"].learned, world.states()["a"].skipped) == (2, 1)


def test_the_evidence_of_a_drift_covers_what_came_since_the_last_one():
    use_case = DriftUseCase(drift.ADWIN())
    first, second = use_case.learn(use_case.create(1), [0.0] * 500 + [5.0] * 500 + [0.0] * 500)[:2]
    evidence = second.evidence
    assert evidence["observations_before"] + evidence["observations_after"] == second.index - first.index
    assert first.evidence["mean_before"] == 0.0
    assert 0.0 < evidence["mean_before"] <= 5.0
    whole = DriftUseCase(drift.PageHinkley())
    found = whole.learn(whole.create(1), [0.0] * 500 + [5.0] * 500 + [0.0] * 500)
    since = [finding.evidence["observations_since_last_drift"] for finding in found]
    assert sum(since) == found[-1].index + 1


@pytest.mark.parametrize("cut", [50, 111, 127])
@LAYOUTS
def test_an_event_counts_the_observations_that_its_model_has_learned(pages, cut):
    world = World(pages)
    records = points(step("a"))
    world.invoke(records[:cut])
    world.invoke(records[cut:])
    model = drift.ADWIN()
    expected = [n for n, (_, value) in enumerate(step("a"), 1) if model.update(value) or model.drift_detected]
    assert [json.loads(event.detail)["observations"] for event in world.bus.events] == expected != []


@LAYOUTS
def test_an_observation_without_a_timestamp_has_that_of_its_arrival(pages):
    world = World(pages)
    values = [f"{value}".encode() for _, value in step("a")]
    world.invoke([record(n, value, key="a", arrived=1_700_000_000.5) for n, value in enumerate(values)])
    (detail,) = [json.loads(event.detail) for event in world.bus.events]
    assert detail["timestamp"] == detail["arrived_at"] == "2023-11-14T22:13:20.500000Z"


def test_another_river_or_another_parameter_has_another_fingerprint():
    one = DriftUseCase(drift.ADWIN())
    others = [
        DriftUseCase(drift.ADWIN(delta=0.1)),
        DriftUseCase(drift.PageHinkley()),
        replace(one, late="skip"),
    ]
    prints = {fingerprint(use_case, {"river": "1"}) for use_case in (one, *others)}
    assert len(prints | {fingerprint(one, {"river": "2"})}) == 5
    assert fingerprint(one, {"river": "1"}) == fingerprint(DriftUseCase(drift.ADWIN()), {"river": "1"})


@dataclass(frozen=True)
class Noting(DriftUseCase):
    """Notes what it is given to learn."""

    detector: drift.NoDrift = field(default_factory=drift.NoDrift)
    noted: list = field(default_factory=list)

    @property
    def parameters(self):
        return []

    def learn(self, watched, values, timestamps, scores=None):
        self.noted.extend(zip(values, timestamps, strict=True))
        return []


@pytest.mark.parametrize("count", [1, 3, 200])
@LAYOUTS
def test_values_are_learned_with_their_timestamps_or_else_with_that_of_their_arrival(pages, count):
    use_case = Noting()
    world = World(pages, use_case=use_case)
    for start in (0, 1_000):  # a new signal, then a known one
        use_case.noted.clear()
        timed = [record(start + n, {"signal": "a", "value": n, "timestamp": 5.0 + n}) for n in range(count)]
        untimed = [record(start + 500 + n, {"signal": "a", "value": n}, arrived=7.5) for n in range(count)]
        world.invoke(timed)
        world.invoke([*untimed, record(start + 900, {"signal": "a", "values": [1, 2]}, arrived=8.5)])
        expected = [(n, 5.0 + n) for n in range(count)] + [(n, 7.5) for n in range(count)]
        assert use_case.noted == [*expected, (1, 8.5), (2, 8.5)]
