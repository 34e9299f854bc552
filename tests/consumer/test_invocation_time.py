"""The time of an invocation: when to stop learning, and when to answer whatever is under way."""

from types import SimpleNamespace

import pytest

from consumer.handler import InvocationTime


class Clock:
    """A context whose time is what the test says."""

    def __init__(self, left_ms: int):
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


@pytest.mark.parametrize("context", [None, object(), {}, SimpleNamespace(aws_request_id="1")])
def test_without_a_context_that_tells_there_is_no_end(context):
    time_left = InvocationTime(context)
    assert not time_left.is_short()
    assert time_left.seconds_to_answer() is None


@pytest.mark.parametrize("whole_ms", [100, 1_000, 3_000, 60_000, 900_000])
def test_learning_comes_first_then_committing_then_the_answer(whole_ms):
    clock = Clock(whole_ms)
    time_left = InvocationTime(clock)
    short, waited_s = [], []
    for percent in range(100, -1, -1):
        clock.left_ms = whole_ms * percent // 100
        short.append(time_left.is_short())
        waited_s.append(time_left.seconds_to_answer())
    assert not short[0], "an invocation that begins may learn"
    assert short[-1], "one that ends may not"
    assert short == sorted(short), "time that is short stays short"
    assert waited_s == sorted(waited_s, reverse=True)
    assert waited_s[short.index(True)] > 0, "what is learned can be committed"
    assert waited_s[-1] == 0.0


@pytest.mark.parametrize(
    ("whole_ms", "commit_ms", "answer_ms"),
    [(1_000, 300, 100), (10_000, 3_000, 1_000), (60_000, 10_000, 2_000), (900_000, 10_000, 2_000)],
)
def test_shares_of_the_time_are_kept_up_to_a_bound(whole_ms, commit_ms, answer_ms):
    clock = Clock(whole_ms)
    time_left = InvocationTime(clock)
    assert time_left.seconds_to_answer() == pytest.approx((whole_ms - answer_ms) / 1000)
    clock.left_ms = commit_ms + 1
    assert not time_left.is_short()
    clock.left_ms = commit_ms
    assert time_left.is_short()


def test_an_invocation_that_begins_without_time_learns_nothing_and_answers_at_once():
    time_left = InvocationTime(Clock(0))
    assert time_left.is_short()
    assert time_left.seconds_to_answer() == 0.0
