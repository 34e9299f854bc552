"""Small files of measurements in every format, and a stream and a pipeline that hold all in memory."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from consumer.decode.batch import Batch
from consumer.decode.payloads import read
from consumer.decode.records import Record, Shard

START = datetime(2020, 3, 1, 12, tzinfo=UTC)


def moment(second, form="%Y-%m-%d %H:%M:%S"):
    return (START + timedelta(seconds=second)).strftime(form)


def write_csv(path: Path, rows=60, separator=";", form="%Y-%m-%d %H:%M:%S", changes=()) -> Path:
    """Columns as the runs of a test rig have them: a time, two signals, two kinds of label."""
    lines = [separator.join(("datetime", "Pressure", "Volume Flow", "anomaly", "changepoint"))]
    for row in range(rows):
        cells = (moment(row, form), 0.25 * row, 76.5 - row, float(20 <= row < 30), float(row in changes))
        lines.append(separator.join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_jsonl(path: Path, rows=60) -> Path:
    lines = [{"time": moment(row, "%Y-%m-%dT%H:%M:%SZ"), "a": row / 2, "b": -row} for row in range(rows)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_parquet(path: Path, rows=60) -> Path:
    duckdb.connect().execute(
        f"COPY (SELECT TIMESTAMP '2020-03-01 12:00:00' + INTERVAL (i) SECOND AS ts, i / 2 AS a, -i AS b "
        f"FROM range({rows}) AS numbers(i)) TO '{path}'"
    )
    return path


class MemoryStream:
    """A stream of one shard: takes records as Kinesis does, and keeps them."""

    def __init__(self):
        self.records = []
        self._lock = threading.Lock()

    def put_records(self, *, Records, StreamName):
        with self._lock:
            answers = []
            for record in Records:
                self.records.append((record["PartitionKey"], record["Data"]))
                answers.append({"ShardId": "shardId-0", "SequenceNumber": str(len(self.records))})
        return {"FailedRecordCount": 0, "Records": answers}

    def observations(self):
        """What the consumer reads of it: timestamps and values by signal, in the order of the stream."""
        batch = Batch(Shard("stream/telemetry", "shardId-0"))
        for number, (key, payload) in enumerate(self.records):
            batch.begin(Record(str(number), key, None))
            read(payload, key, batch)
        assert batch.rejections == []
        return {
            key.signal: list(zip(columns.timestamps, columns.values, strict=True))
            for key, columns in batch.signals.items()
        }


@dataclass
class Counts:
    learned: int
    skipped: int = 0
    quarantined: int = 0


@dataclass
class MemoryPipeline:
    """Whatever is on the stream counts as learned."""

    name: str = "memory"
    stream_name: str = "telemetry"
    models: tuple = ("drift",)
    stream: MemoryStream = field(default_factory=MemoryStream)

    @property
    def account(self):
        return self

    def client(self, service, config=None):
        assert service == "kinesis"
        return self.stream


class MemoryObserver:
    def __init__(self):
        self.told_due, self.told_acknowledged = [], []

    def progress(self, due, acknowledged):
        self.told_due.append(due)
        self.told_acknowledged.append(acknowledged)

    def wait_until_settled(self, observations, timeout_s):
        return Counts(learned=observations)


@contextmanager
def observing(observer):
    yield observer


class SteppedClock:
    """Passes only while somebody waits, and then at once."""

    def __init__(self, now_s=1_790_000_000.0):
        self._now_s = now_s

    def now(self):
        return self._now_s

    def wait(self, answered, seconds):
        if answered is not None and answered.wait(0.02):
            return
        self._now_s += max(seconds, 1e-6)  # less is lost in the digits of epoch seconds
