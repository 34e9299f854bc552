"""Checkpoints: each record is above its shard's once, however the records are cut into batches."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.decode.batch import Batch
from consumer.decode.records import Record, Shard
from consumer.learning.state import State

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"
SHARD = Shard(ARN, "shardId-000000000000")
OTHER_SHARD = Shard(ARN, "shardId-000000000001")
OTHER_STREAM = Shard(ARN + "2", "shardId-000000000000")
T = 1_700_000_000.0
DAY_S = 86_400.0


def batch(*records: tuple[int, str], shard: Shard = SHARD, arrived_s: float | None = T) -> Batch:
    filled = Batch(shard)
    for number, key in records:
        filled.begin(Record(str(number), key, arrived_s))
    return filled


def learn(state: State, filled: Batch, records: list[int] | None = None) -> list[tuple[int, str]]:
    """Learn what is above the checkpoint, as the learning loop does; give what was learned."""
    column = list(range(len(filled.records))) if records is None else records
    above = [column[index] for index in state.after_checkpoint(column, filled)]
    if above:
        state.advance(above, filled)
    return [
        (filled.records[record].sequence_number, filled.records[record].partition_key) for record in above
    ]


def test_a_new_signal_learns_everything():
    assert learn(State(None), batch((1, "a"), (2, "a"))) == [(1, "a"), (2, "a")]


def test_a_redelivered_batch_is_below_its_checkpoint():
    state, filled = State(None), batch((1, "a"), (2, "a"))
    learn(state, filled)
    assert learn(state, filled) == []
    assert learn(state, batch((1, "a"), (2, "a"), (3, "a"))) == [(3, "a")]


def test_sequence_numbers_are_compared_as_integers():
    state = State(None)
    assert learn(state, batch((9, "a"))) == [(9, "a")]
    assert learn(state, batch((9, "a"), (10, "a"))) == [(10, "a")]
    assert learn(state, batch((9, "a"), (10, "a"), (100, "a"))) == [(100, "a")]
    huge = 49590338271490256608559692538361571095921575989136588898
    assert learn(state, batch((huge, "a"), (huge + 1, "a"))) == [(huge, "a"), (huge + 1, "a")]
    assert learn(state, batch((huge, "a"), (huge + 1, "a"))) == []


def test_equal_sequence_numbers_under_different_partition_keys_are_all_learned_once():
    state = State(None)
    assert learn(state, batch((1, "a"), (2, "a"))) == [(1, "a"), (2, "a")]
    assert learn(state, batch((2, "b"), (2, "c"), (3, "a"))) == [(2, "b"), (2, "c"), (3, "a")]
    assert learn(state, batch((2, "b"), (2, "c"), (3, "a"))) == []


def test_partition_keys_under_one_sequence_number_add_up_over_batches():
    state = State(None)
    for key in "abc":
        assert learn(state, batch((2, key))) == [(2, key)]
    assert learn(state, batch((2, "a"), (2, "b"), (2, "c"), (2, "d"))) == [(2, "d")]
    assert state.checkpoints[SHARD].partition_keys == ("a", "b", "c", "d")


def test_partition_keys_of_lower_sequence_numbers_are_forgotten():
    state = State(None)
    learn(state, batch((1, "a"), (2, "b"), (2, "c")))
    assert state.checkpoints[SHARD].partition_keys == ("b", "c")
    learn(state, batch((3, "d")))
    assert state.checkpoints[SHARD].partition_keys == ("d",)


def test_only_the_records_that_carry_the_signal_count():
    state, filled = State(None), batch((1, "a"), (2, "b"), (2, "a"), (3, "b"))
    assert learn(state, filled, [0, 2]) == [(1, "a"), (2, "a")]
    assert state.checkpoints[SHARD].sequence_number == 2
    assert learn(state, filled, [0, 2]) == []
    assert learn(state, filled, [0, 1, 2, 3]) == [(2, "b"), (3, "b")]


def test_several_observations_of_one_record_are_above_or_below_together():
    state, filled = State(None), batch((1, "a"), (2, "a"))
    column = [0, 0, 0, 1, 1]
    assert list(state.after_checkpoint(column, filled)) == [0, 1, 2, 3, 4]
    state.advance([0, 0, 0], filled)
    assert list(state.after_checkpoint(column, filled)) == [3, 4]
    state.advance(column, filled)
    assert list(state.after_checkpoint(column, filled)) == []


def test_shards_and_streams_have_checkpoints_of_their_own():
    state = State(None)
    for shard in (SHARD, OTHER_SHARD, OTHER_STREAM):
        assert learn(state, batch((5, "a"), shard=shard)) == [(5, "a")]
    for shard in (SHARD, OTHER_SHARD, OTHER_STREAM):
        assert learn(state, batch((5, "a"), (6, "a"), shard=shard)) == [(6, "a")]
    assert len(state.checkpoints) == 3


def test_a_checkpoint_is_dropped_after_the_longest_retention_and_not_before():
    for days, remain in ((364, 2), (365, 2), (366, 2), (366.01, 1), (5000, 1)):
        state = State(None)
        learn(state, batch((5, "a"), shard=OTHER_SHARD))
        learn(state, batch((1, "a"), arrived_s=T + days * DAY_S))
        assert len(state.checkpoints) == remain
        assert SHARD in state.checkpoints


def test_a_checkpoint_without_an_arrival_time_is_never_dropped():
    state = State(None)
    learn(state, batch((5, "a"), shard=OTHER_SHARD, arrived_s=None))
    learn(state, batch((1, "a"), arrived_s=T))
    learn(state, batch((2, "a"), arrived_s=None))
    assert set(state.checkpoints) == {SHARD, OTHER_SHARD}


def test_an_old_record_drops_no_newer_checkpoint():
    state = State(None)
    learn(state, batch((5, "a"), shard=OTHER_SHARD, arrived_s=T))
    learn(state, batch((5, "a"), arrived_s=T - 1000 * DAY_S))
    assert set(state.checkpoints) == {SHARD, OTHER_SHARD}


def test_a_signal_is_spread_when_another_shard_brought_it_in_the_last_minute():
    for seconds, spread in ((0, True), (59, True), (60, False), (3600, False), (-3600, True)):
        state = State(None)
        learn(state, batch((5, "a"), shard=OTHER_SHARD, arrived_s=T))
        learn(state, batch((5, "a"), arrived_s=T + seconds))
        assert state.is_spread(SHARD) is spread, seconds


def test_a_signal_of_one_shard_is_not_spread():
    state = State(None)
    learn(state, batch((5, "a")))
    learn(state, batch((6, "a")))
    assert not state.is_spread(SHARD)


def test_a_signal_without_arrival_times_does_not_fail():
    state = State(None)
    for shard in (SHARD, OTHER_SHARD):
        learn(state, batch((5, "a"), shard=shard, arrived_s=None))
    assert state.is_spread(SHARD) in (True, False)


RECORDS = st.sets(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1).map(sorted)


@given(RECORDS, st.lists(st.integers(0, 40)), st.lists(st.booleans(), min_size=36, max_size=36))
def test_however_a_shard_is_cut_and_redelivered_each_record_is_learned_once_in_order(records, cuts, carries):
    """Batches begin anywhere up to the first record not yet delivered, and end anywhere after."""
    state, learned, delivered = State(None), [], 0
    wanted = [record for record, is_carried in zip(records, carries, strict=False) if is_carried]
    for cut in [*cuts, len(records)]:
        start, end = min(cut // 2, delivered), max(delivered, min(cut, len(records)))
        part = records[start:end]
        filled = batch(*part)
        learned += learn(state, filled, [index for index, record in enumerate(part) if record in wanted])
        delivered = end
    assert learned == wanted
