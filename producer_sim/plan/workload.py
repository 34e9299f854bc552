"""What a plant sends, and how the pipeline is set up for it."""

from dataclasses import dataclass
from typing import Literal

Ingest = Literal["kinesis", "iot", "sitewise"]
StreamMode = Literal["on-demand", "provisioned", "advantage"]
"""`advantage` is On-demand Advantage: on-demand streams of an account that commits itself to a minimum."""
DRIFT_MODEL = "ADWIN"
"""What `drift` is made of in consumer/use_cases.py."""
STREAM_MODES: tuple[StreamMode, ...] = ("provisioned", "on-demand", "advantage")


@dataclass(frozen=True, slots=True)
class Workload:
    """What the plant sends, and how many use cases learn it.

    The first ones are those in `named`, the others as the dearest of them; `model` is what those are made of
    that were not measured by their names, such as `drift`.

    Units: `rate` in values a second of each signal, `events_per_day` of each signal and use case
    """

    signals: int
    rate: float = 1.0
    use_cases: int = 1
    model: str = DRIFT_MODEL
    ingest: Ingest = "kinesis"
    events_per_day: float = 1.0
    named: tuple[str, ...] = ("drift",)

    @property
    def observations_per_s(self) -> float:
        """Observations a second of the whole plant."""
        return self.signals * self.rate


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `cdk.json` sets, and how many values the producers put into a record.

    `pages` 0 is one object per signal; `shards` of an on-demand stream are those it has opened.
    """

    values_per_record: int
    stream: StreamMode
    shards: int
    pages: int = 16
    batch_window_s: int = 10
    memory_mb: int = 1024
    timeout_s: int = 120


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user has decided; None: the plan decides."""

    values_per_record: int = 10
    batch_window_s: int = 10
    pages: int | None = None
    memory_mb: int | None = None
    stream: StreamMode | None = None
