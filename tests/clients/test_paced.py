"""Records leave when they are due, within Kinesis' limits, on a clock that is passed in."""

import random
import signal
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.kinesis_writer.paced import Backoff, SendOptions, send_paced
from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.put_request import RECORDS_PER_REQUEST_MAX, REQUEST_BYTES_MAX, StreamRecord
from clients.kinesis_writer.sending import AnswerLost, RecordRefused
from tests.clients.test_ordered_put import QUICK, FlakyStream, by_key

START_S = 1_700_000_000.0


class SimulatedClock:
    """Time that passes only while nothing is on its way, and then at once."""

    def __init__(self):
        self.time_s = START_S

    def now(self) -> float:
        return self.time_s

    def wait(self, answered: threading.Event | None, seconds: float) -> None:
        if answered is None:
            self.time_s += max(seconds, 1e-6)  # below, epoch seconds stand still
        else:
            assert answered.wait(20), "no answer came"


class TimedStream(FlakyStream):
    """Tells when each record arrived; an answer takes `latency_s` of the simulated time."""

    def __init__(self, clock: SimulatedClock, latency_s: float = 0.0, **failures):
        super().__init__(**failures)
        self.clock, self.latency_s = clock, latency_s
        self.arrived: list[tuple[float, bytes]] = []
        self.sizes: list[int] = []

    def put_records(self, *, Records, StreamName):
        with self.lock:
            self.sizes.append(len(Records))
            self.arrived += [(self.clock.time_s - START_S, record["Data"]) for record in Records]
            self.clock.time_s += self.latency_s
        return super().put_records(Records=Records, StreamName=StreamName)


def planned(count: int, rate: float, keys: int) -> list[ScheduledRecord]:
    return [
        ScheduledRecord(number / rate, StreamRecord(f"key{number % keys}", b"%d" % number), 1)
        for number in range(count)
    ]


@settings(deadline=None, max_examples=40)
@given(rate=st.floats(0.5, 5000), keys=st.integers(1, 50), linger_s=st.sampled_from([0.0, 0.01, 0.05]))
def test_each_record_leaves_when_it_is_due_or_a_moment_later_never_before(rate, keys, linger_s):
    clock = SimulatedClock()
    stream = TimedStream(clock)
    records = planned(200, rate, keys)
    sending = send_paced(stream, "telemetry", records, clock=clock, options=SendOptions(linger_s=linger_s))
    due = {planned_record.record.payload: planned_record.due_s for planned_record in records}
    late = [arrived_s - due[payload] for arrived_s, payload in stream.arrived]
    assert min(late) >= 0.0
    assert max(late) <= linger_s + 1e-5
    assert sending.records == sending.observations == sending.taken == 200
    assert sending.seconds == pytest.approx(199 / rate, abs=linger_s + 1e-6)
    assert sending.first_late_s is None


def test_a_sender_that_was_late_catches_up_and_does_not_drift():
    class AsleepOnce(SimulatedClock):
        def wait(self, answered, seconds):
            super().wait(answered, seconds)
            if START_S + 2 < self.time_s < START_S + 3:
                self.time_s = START_S + 5

    clock = AsleepOnce()
    stream = TimedStream(clock)
    records = planned(1000, 100.0, 50)
    sending = send_paced(stream, "telemetry", records, clock=clock)
    arrived = {int(payload): arrived_s for arrived_s, payload in stream.arrived}
    assert all(arrived[number] - number / 100 <= 0.06 for number in range(510, 1000))
    assert sending.first_late_s == pytest.approx(2.0, abs=0.06)
    assert sending.late_max_s == pytest.approx(3.0, abs=0.06)
    assert by_key([one.record for one in records]) == stream.payloads_by_key()


def test_the_start_may_lie_ahead():
    clock = SimulatedClock()
    stream = TimedStream(clock)
    send_paced(stream, "telemetry", planned(3, 1.0, 3), clock=clock, start_s=START_S + 10)
    assert [round(arrived_s, 1) for arrived_s, _ in stream.arrived] == [10.1, 11.1, 12.0]


def test_what_waits_is_bounded_and_nothing_more_is_taken_then():
    class Unreachable(FlakyStream):
        def put_records(self, *, Records, StreamName):
            return {"FailedRecordCount": len(Records), "Records": [{"ErrorCode": "Throttled"}] * len(Records)}

    taken: list[int] = []

    def source():
        for one in planned(10_000, 1e6, 7):
            taken.append(1)
            yield one

    options = SendOptions(waiting_records_max=100, backoff=Backoff(0.0001, 0.001, attempts_max=20))
    with pytest.raises(RecordRefused) as failure:
        send_paced(Unreachable(), "telemetry", source(), clock=SimulatedClock(), options=options)
    assert len(taken) <= 101
    assert failure.value.sending.taken == 100
    assert failure.value.sending.refused > 0


@settings(deadline=None, max_examples=40)
@given(
    keys=st.lists(st.sampled_from("abcdefgh"), max_size=80),
    seed=st.integers(0, 2**32),
    refuse=st.sampled_from([0.0, 0.3, 0.7]),
    throttle=st.sampled_from([0.0, 0.3]),
    lose=st.sampled_from([0.0, 0.3]),
)
def test_order_is_kept_and_nothing_is_missing_while_it_streams(keys, seed, refuse, throttle, lose):
    clock = SimulatedClock()
    stream = TimedStream(clock, latency_s=0.003, seed=seed, refuse=refuse, throttle=throttle, lose=lose)
    records = [ScheduledRecord(n / 500, StreamRecord(key, b"%d" % n), 3) for n, key in enumerate(keys)]
    options = SendOptions(backoff=QUICK, resend_when_answer_lost=True, waiting_records_max=20)
    rng = random.Random(seed)
    sending = send_paced(stream, "telemetry", iter(records), clock=clock, options=options, rng=rng)
    unrepeated = {key: list(dict.fromkeys(stored)) for key, stored in stream.payloads_by_key().items()}
    assert unrepeated == by_key([one.record for one in records])
    for stored in stream.payloads_by_key().values():
        assert stored == sorted(stored, key=int)
    assert (sending.records, sending.observations) == (len(keys), 3 * len(keys))
    assert sending.bytes == sum(one.record.size_bytes for one in records)
    assert sum(count.records for count in sending.by_shard.values()) == len(keys)
    assert sending.retries == sending.refused


def test_a_lost_answer_ends_it_and_says_what_is_known():
    clock = SimulatedClock()
    with pytest.raises(AnswerLost, match="read the stream") as failure:
        send_paced(TimedStream(clock, lose=1.0), "telemetry", planned(10, 100.0, 10), clock=clock)
    assert failure.value.sending.records == 0
    assert failure.value.sending.refused > 0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 900_000), min_size=1, max_size=40), st.integers(0, 2**32))
def test_no_request_breaks_a_limit(sizes, seed):
    stream = FlakyStream(seed, refuse=0.2)
    records = [
        ScheduledRecord(0.0, StreamRecord(f"key{n % 30}", bytes(size)), 1) for n, size in enumerate(sizes)
    ]
    send_paced(stream, "telemetry", records, clock=SimulatedClock(), options=SendOptions(backoff=QUICK))
    assert max(stream.requests) <= REQUEST_BYTES_MAX


def test_a_request_holds_500_records_at_most_and_few_are_small():
    clock = SimulatedClock()
    stream = TimedStream(clock, latency_s=0.01)
    send_paced(stream, "telemetry", planned(20_000, 8000.0, 5000), clock=clock)
    assert max(stream.sizes) <= RECORDS_PER_REQUEST_MAX
    assert len(stream.sizes) <= 20_000 / 8000 * 25


def test_it_can_be_stopped_and_what_is_on_its_way_is_counted():
    clock = SimulatedClock()
    stream = TimedStream(clock)
    heard = []
    sending = send_paced(
        stream,
        "telemetry",
        planned(100_000, 100.0, 50),
        clock=clock,
        on_progress=heard.append,
        is_stopped=lambda: clock.now() > START_S + 3,
    )
    assert sending.interrupted
    assert sending.records == len(stream.stored)
    assert 250 <= sending.records <= 350
    assert [one.records for one in heard] == sorted(one.records for one in heard)


def test_ctrl_c_is_an_end_and_no_error_and_its_handler_goes_again():
    before = signal.getsignal(signal.SIGINT)
    clock = SimulatedClock()

    def source():
        for one in planned(1000, 100.0, 50):
            if one.due_s == 4.0:
                signal.raise_signal(signal.SIGINT)
            yield one

    sending = send_paced(TimedStream(clock), "telemetry", source(), clock=clock)
    assert sending.interrupted
    assert 0 < sending.records <= 401
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_of_the_source_is_raised_when_answers_have_come():
    def source():
        yield from planned(10, 1000.0, 10)
        raise OSError("the disk is gone")

    stream = FlakyStream(slow_s=0.01)
    with pytest.raises(OSError, match="disk"):
        send_paced(stream, "telemetry", source(), clock=SimulatedClock())
    assert not stream.in_flight
