"""Several processes send as one: counts add up, an error of one is told and ends all."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.processes import ProcessFailed, processes_needed, send_in_processes
from clients.kinesis_writer.put_request import StreamRecord
from clients.kinesis_writer.sending import Sending, ShardCount, merged
from tests.clients.test_ordered_put import FlakyStream, client_error


@dataclass(frozen=True)
class Numbers:
    """A hundred records a second of each share; what goes wrong in one share goes wrong there only."""

    count: int
    fails_in: int | None = None
    dies_in: int | None = None

    def __call__(self, part: int, parts: int) -> Iterator[ScheduledRecord]:
        for number in range(part, self.count, parts):
            if number > self.count // 4 and part == self.fails_in:
                raise OSError("the disk is gone")
            if number > self.count // 4 and part == self.dies_in:
                os._exit(9)
            yield ScheduledRecord(number / 200, StreamRecord(f"key{number}", b"%d" % number), 2)


class Refusing(FlakyStream):
    def put_records(self, *, Records, StreamName):
        raise client_error("ResourceNotFoundException", 400)


@pytest.mark.parametrize("processes", [1, 2])
def test_counts_of_all_processes_add_up(processes):
    heard: list[Sending] = []
    sending = send_in_processes(
        processes, Numbers(200), FlakyStream, "telemetry", start_s=time.time(), on_progress=heard.append
    )
    assert (sending.records, sending.observations, sending.taken) == (200, 400, 400)
    assert sending.by_shard == {"shardId-0": ShardCount("shardId-0", 200, sending.bytes)}
    assert not sending.interrupted
    assert heard[-1].records == 200
    assert [one.records for one in heard] == sorted(one.records for one in heard)


@pytest.mark.parametrize(
    ("shares", "connect", "told"),
    [
        (Numbers(100_000, fails_in=1), FlakyStream, "process 1 failed: OSError: the disk is gone"),
        (Numbers(100_000, dies_in=0), FlakyStream, "process 0 was killed"),
        (Numbers(100_000), Refusing, "ResourceNotFoundException"),
    ],
)
def test_an_error_of_one_is_told_and_ends_all(shares, connect, told):
    shares = Numbers(4000, shares.fails_in, shares.dies_in)
    with pytest.raises(ProcessFailed, match=told):
        send_in_processes(2, shares, connect, "telemetry", start_s=time.time() - 15)


def test_merged_counts_are_those_of_all():
    one = Sending(1, 2, 3, 4, 5, 6, {"a": ShardCount("a", 1, 3)}, 100.0, 110.0, 0.5, None)
    other = Sending(10, 20, 30, 40, 50, 60, {"a": ShardCount("a", 4, 5)}, 99.0, 120.0, 2.0, 7.0, True)
    assert merged([one, other]) == Sending(
        11, 22, 33, 44, 55, 66, {"a": ShardCount("a", 5, 8)}, 99.0, 120.0, 2.0, 7.0, True
    )


def test_as_many_processes_as_the_rate_needs_and_as_there_are_processors():
    records = list(Numbers(2000)(0, 1))
    assert processes_needed(1.0, records, processors=8) == 1
    assert processes_needed(1e9, records, processors=8) == 8
    assert processes_needed(1e9, [], processors=3) >= 1
