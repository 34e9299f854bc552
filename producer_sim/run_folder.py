"""The files of a run, which scoring and the report read.

run.json       its summary: counts, rates, configuration
truth.json     the signals, and the injected faults
series.json    the values that the report draws
events.jsonl   events received from the bus
alerts.jsonl   alerts received from the topics
samples.jsonl  every second: how many observations were due, acknowledged, learned
"""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from clients.downsample import Point
from clients.kinesis_writer.sending import ShardCount

DEFAULT_FOLDER = Path("build/run")
"""Where `simulate` writes a run, and `score` and `report` look for it."""

InjectedKind = Literal[
    "step",
    "ramp",
    "variance",
    "stuck",
    "drop-out",
    "spikes",
    "late",
    "out-of-order",
    "duplicates",
    "bad-quality",
    "nan",
    "garbage",
]
FaultKind = InjectedKind | Literal["changepoint"]
"""What a plant can inject, and the label of a recording."""

Expected = Literal["alert", "quarantine", "skip", "learn"]

_Line = TypeVar("_Line", bound=msgspec.Struct)
_Read = TypeVar("_Read")


class RunFolderIncomplete(Exception):
    """A file of the run is missing or cannot be read: the text names it, and what to do."""


class SimulatedSignal(msgspec.Struct, frozen=True):
    """A signal of the run by the name under which it is learned; `period_s` between observations."""

    name: str
    family: str
    unit: str
    period_s: float


class Fault(msgspec.Struct, frozen=True):
    """An injected or labelled fault; a detection on any of `signals` counts.

    Units: `first_s` and `last_s` are timestamps of the first and last observation that it touches, epoch
           seconds; `size` is in standard deviations of the signal's noise where the kind has one
    """

    signals: tuple[str, ...]
    kind: FaultKind
    first_s: float
    last_s: float
    period_s: float
    expected: Expected
    size: float | None = None
    observations: int | None = None
    """How many observations it touches, if known."""


class Truth(msgspec.Struct, frozen=True):
    """All signals of a run, and all faults."""

    signals: tuple[SimulatedSignal, ...]
    faults: tuple[Fault, ...]
    is_labelled: bool = True
    """False: nobody has said what is abnormal, so no alert can be called false."""


class SignalSeries(msgspec.Struct, frozen=True):
    """Values to draw, as columns of equal length; None breaks the line."""

    signal: str
    timestamps_s: list[float]
    values: list[float | None]

    @classmethod
    def of(cls, signal: str, points: Sequence[Point]) -> "SignalSeries":
        """The series of points in order of time."""
        return cls(signal, [at_s for at_s, _ in points], [value for _, value in points])


class ReceivedEvent(msgspec.Struct, frozen=True):
    """An event from the bus."""

    received_s: float
    detail_type: str
    detail: dict[str, Any]


class ReceivedAlert(msgspec.Struct, frozen=True):
    """An alert from a topic, by the id of its event."""

    received_s: float
    alert: str
    id: str


class Sample(msgspec.Struct, frozen=True):
    """Counts of observations until one time: two are the sender's, three the pipeline's."""

    at_s: float
    due: int
    acknowledged: int
    learned: int
    skipped: int
    quarantined: int


class RunSummary(msgspec.Struct, frozen=True):
    """The summary of a run; counts are of observations unless named otherwise, times in epoch seconds."""

    command: str
    pipeline: str
    seed: int | None
    started_s: float
    ended_s: float
    rate_target: float | None
    rate_achieved: float
    records_sent: int
    observations_sent: int
    bytes_sent: int
    retries: int
    refused: int
    shards: tuple[ShardCount, ...]
    learned: int | None = None
    skipped: int | None = None
    quarantined: int | None = None
    interrupted: bool = False
    configuration: dict[str, Any] = {}

    @property
    def lost(self) -> int | None:
        """Observations sent, but not learned, skipped or quarantined; None if not observed."""
        if self.learned is None or self.skipped is None or self.quarantined is None:
            return None
        return self.observations_sent - self.learned - self.skipped - self.quarantined


class RunFolder:
    """The folder of one run; files that cannot be read raise `RunFolderIncomplete`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def fresh(cls, path: Path) -> "RunFolder":
        """Make the folder, and remove these files of an earlier run."""
        path.mkdir(parents=True, exist_ok=True)
        for name in ("run", "truth", "series"):
            (path / f"{name}.json").unlink(missing_ok=True)
        for name in ("events", "alerts", "samples"):
            (path / f"{name}.jsonl").unlink(missing_ok=True)
        return cls(path)

    def write(self, name: Literal["run", "truth", "series", "summary"], content: Any) -> None:
        """Write `run.json`, `truth.json`, `series.json` or `summary.json`."""
        (self.path / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(content)))

    def append(self, name: Literal["events", "alerts", "samples"], lines: Iterable[msgspec.Struct]) -> None:
        """Add lines to `events.jsonl`, `alerts.jsonl` or `samples.jsonl`."""
        encoded = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        with (self.path / f"{name}.jsonl").open("ab") as file:
            file.write(encoded)

    @property
    def run(self) -> RunSummary:
        """The summary."""
        return read_json(self.path / "run.json", RunSummary)

    @property
    def truth(self) -> Truth:
        """The signals and faults."""
        return read_json(self.path / "truth.json", Truth)

    @property
    def series(self) -> list[SignalSeries]:
        """The values to draw."""
        return read_json(self.path / "series.json", list[SignalSeries])

    @property
    def events(self) -> list[ReceivedEvent]:
        """Events in order of receipt; empty if nobody listened."""
        return self._lines("events.jsonl", ReceivedEvent)

    @property
    def alerts(self) -> list[ReceivedAlert]:
        """Alerts in order of receipt; empty if nobody listened."""
        return self._lines("alerts.jsonl", ReceivedAlert)

    @property
    def samples(self) -> list[Sample]:
        """Samples in order of time; empty if nobody observed."""
        return self._lines("samples.jsonl", Sample)

    def _lines(self, name: str, kind: type[_Line]) -> list[_Line]:
        path = self.path / name
        return read_lines(path, kind) if path.exists() else []


def read_json(path: Path, kind: type[_Read]) -> _Read:
    """Read `run.json`, `truth.json` or `series.json`.

    Raises:
        RunFolderIncomplete: It cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise RunFolderIncomplete(
            f"{path} cannot be read: {error}. `python -m producer_sim simulate --run {path.parent}` writes it"
        ) from None


def read_lines(path: Path, kind: type[_Line]) -> list[_Line]:
    """Read `events.jsonl`, `alerts.jsonl` or `samples.jsonl`.

    Raises:
        RunFolderIncomplete: It cannot be read.
    """
    read: list[_Line] = []
    try:
        for line in path.read_bytes().splitlines():
            read.append(msgspec.json.decode(line, type=kind))
    except OSError as error:
        raise RunFolderIncomplete(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise RunFolderIncomplete(f"{path}, line {len(read) + 1}, cannot be read: {error}") from None
    return read


class Unwritable(Exception):
    """Choose another place with the option that the text names."""


def check_folder(path: Path, option: str) -> None:
    """Make the folder that `option` names, and check that files can be made in it: before anything is sent.

    Raises:
        Unwritable: They cannot.
    """
    with _writable(path, option):
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()


def check_file(path: Path, option: str) -> None:
    """Make the file that `option` names if it is new, and check that it can be written.

    Raises:
        Unwritable: It cannot.
    """
    with _writable(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()


@contextlib.contextmanager
def _writable(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(
            f"{path} cannot be written: {error.strerror}. Choose another place with {option}"
        ) from None
