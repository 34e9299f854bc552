"""What a stream still holds is read in each shard's order, and a shard's after those that it came of."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from consumer.decode.records import Shard
from ops.replay.stream_reader import StreamReader, Stretch

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/plant"


class Stream:
    """Of Kinesis what is asked; `shards` has the arrival times of each one's records, and its parents."""

    def __init__(self, shards: dict[str, tuple[list[float], list[str]]], at_once: int = 3) -> None:
        self.shards, self.at_once = shards, at_once

    def list_shards(self, StreamName: str) -> dict:  # as boto3 names it
        parents = {}
        for shard, (_, of) in self.shards.items():
            names = ("ParentShardId", "AdjacentParentShardId")
            parents[shard] = {"ShardId": shard, **dict(zip(names, of, strict=False))}
        return {"Shards": list(parents.values())}

    def get_shard_iterator(self, ShardId: str, Timestamp: datetime | None = None, **_: str) -> dict:
        times = self.shards[ShardId][0]
        since = 0.0 if Timestamp is None else Timestamp.timestamp()
        return {"ShardIterator": f"{ShardId}/{sum(each < since for each in times)}"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict:
        shard, _, at = ShardIterator.partition("/")
        times, start = self.shards[shard][0], int(at)
        end = min(len(times), start + self.at_once)
        records = [
            {
                "SequenceNumber": str(number),
                "PartitionKey": "a",
                "Data": b"",
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(times[number], UTC),
            }
            for number in range(start, end)
        ]
        return {
            "Records": records,
            "NextShardIterator": f"{shard}/{end}",
            "MillisBehindLatest": int(end < len(times)),
        }


def read(stream: Stream, wanted: dict[str, Stretch], monkeypatch_s: float = 0.0) -> list[tuple[str, int]]:
    from ops.replay import stream_reader

    every, stream_reader._READ_EVERY_S = stream_reader._READ_EVERY_S, monkeypatch_s
    try:
        found = []
        for shard, records in StreamReader(stream).read_merged(
            {Shard(ARN, shard): stretch for shard, stretch in wanted.items()}
        ):
            assert records
            found += [(shard.shard_id, int(record["kinesis"]["sequenceNumber"])) for record in records]
        return found
    finally:
        stream_reader._READ_EVERY_S = every


TIMES = st.lists(st.integers(1, 2000).map(float), max_size=12).map(sorted)


@given(TIMES, TIMES, st.integers(1, 5))
def test_all_of_each_shard_comes_once_in_its_order_and_none_runs_far_ahead(one, other, at_once):
    shards = {"0": (one, []), "1": (other, [])}
    found = read(Stream(shards, at_once), {"0": Stretch(), "1": Stretch()})
    for shard, (times, _) in shards.items():
        assert [number for of, number in found if of == shard] == list(range(len(times)))
    arrived = [shards[shard][0][number] for shard, number in found]
    assert all(at_s >= max(arrived[:index]) - 10.0 for index, at_s in enumerate(arrived) if index)


def test_a_shard_comes_after_those_that_it_came_of_whatever_the_clocks_say():
    shards = {"2": ([1.0, 2.0], ["0", "1"]), "0": ([50.0], []), "1": ([3.0, 60.0], [])}
    found = read(Stream(shards), dict.fromkeys(shards, Stretch()))
    assert found[-2:] == [("2", 0), ("2", 1)]
    assert len(found) == 5


def test_of_a_stretch_no_more_comes_and_of_a_shard_that_is_gone_nothing():
    times = [float(number) for number in range(100, 400, 10)]
    wanted = {"0": Stretch(first=4, last=9), "gone": Stretch(last=7)}
    assert read(Stream({"0": (times, [])}), wanted) == [("0", number) for number in range(4, 10)]
    since = read(Stream({"0": (times, [])}), {"0": Stretch(since_s=300.0)})
    assert since == [("0", number) for number in range(14, 30)], "a minute before, for clocks"


def test_two_streams_are_read_together_though_their_shards_have_the_same_ids():
    times = {"0": ([float(at) for at in range(5)], []), "1": ([9.0], ["0"])}
    wanted = {Shard(f"{ARN}{stream}", shard): Stretch() for stream in (1, 2) for shard in times}
    found = [
        (shard, int(record["kinesis"]["sequenceNumber"]))
        for shard, records in StreamReader(Stream(times, at_once=2)).read_merged(wanted)
        for record in records
    ]
    for shard in wanted:
        assert [number for of, number in found if of == shard] == list(range(len(times[shard.shard_id][0])))
