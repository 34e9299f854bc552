"""What a run needs of the pipeline it sends to, and of whoever observes it."""

from collections.abc import Sized
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Counts(Protocol):
    """Observations since the observer started."""

    @property
    def learned(self) -> int:
        """How many are in a model."""
        ...

    @property
    def skipped(self) -> int:
        """How many were left out on purpose."""
        ...

    @property
    def quarantined(self) -> int:
        """How many are kept with a reason."""
        ...


class Observer(Protocol):
    """Hears what is sent, sees what is learned, and writes both into the run's folder."""

    def due(self, observations: int) -> None:
        """Hear how many were due until now."""
        ...

    def acknowledged(self, observations: int) -> None:
        """Hear how many are on the stream."""
        ...

    def wait_until_settled(self, observations: int, timeout_s: float) -> Counts:
        """Return when so many are learned, skipped or quarantined, or the time is up."""
        ...


class Account(Protocol):
    """Whose AWS it is; it can be handed to another process."""

    def client(self, service: str, config: Any = None) -> Any:
        """A client of an AWS service."""
        ...


class Pipeline(Protocol):
    """Where the records go."""

    @property
    def account(self) -> Account:
        """Whose AWS it is in."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def stream_name(self) -> str:
        """The stream that takes the records."""
        ...

    @property
    def models(self) -> Sized:
        """Where its models are; empty for a stream alone."""
        ...


Observing = AbstractContextManager[Observer | None]
"""None where nobody looks: a stream alone."""
