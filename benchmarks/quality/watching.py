"""A use case at work on one signal, with its sensor checks, as in the function; and which use case it is.

`anomaly` is the shipped one, or that of `--plant FOLDER`; `module:NAME` and `path/to/file.py:NAME` are any
other, so that candidates can be compared before they ship.
"""

import copy
import importlib
import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from benchmarks.quality.nab import Numbers
from consumer.detectors.alert_policy import Finding
from consumer.detectors.base import UseCase, new_model
from consumer.detectors.sensor_checks import Health
from consumer.errors import ConfigurationError
from consumer.plant import load_plant
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from consumer.settings.tuning import with_parameters

_WORKERS = os.cpu_count() or 1
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Which use case to measure, in words that another process understands."""

    name: str = "anomaly"
    plant: str = ""
    """The folder of a plant; "" is this repository's own."""
    parameters: tuple[tuple[str, float], ...] = ()
    """Of the use case or of what is in it, in place of its own; as `use_cases` in signals.yaml."""

    @property
    def use_case(self) -> UseCase:
        """The use case itself. Raises: `ConfigurationError` where there is none."""
        return _use_case(self)


@cache
def _use_case(candidate: Candidate) -> UseCase:
    if ":" in candidate.name:
        place, _, attribute = candidate.name.rpartition(":")
        found = getattr(_module(place), attribute, None)
    else:
        found = load_plant(candidate.plant).use_case(candidate.name)
    if not isinstance(found, UseCase):
        raise ConfigurationError(f"--use-case {candidate.name}: there is no use case, but {found!r}")
    return with_parameters(found, dict(candidate.parameters))


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    if spec is None or spec.loader is None or not Path(place).is_file():
        raise ConfigurationError(f"--use-case: {place} is no file of Python")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(slots=True)
class Watch:
    """One signal, value after value. A copy goes on by itself, so that one past has many futures."""

    name: str
    use_case: UseCase
    model: Any = None
    health: Health = field(default_factory=Health)
    learned: int = 0

    def __post_init__(self) -> None:
        if self.model is None:
            self.model = new_model("quality", self.use_case, self.name)

    def copied(self) -> "Watch":
        """The same past; neither changes the other."""
        return Watch(
            self.name, self.use_case, copy.deepcopy(self.model), copy.deepcopy(self.health), self.learned
        )

    def learn(
        self, values: Sequence[float], timestamps_s: Sequence[float], scores: list[float] | None = None
    ) -> list[Finding]:
        """Learn the values as the function would; what is reported, with indices into `values`."""
        found = self.use_case.learn(self.model, values, timestamps_s, scores)
        self.learned += len(values)
        checks = self.use_case.sensor_checks
        if checks is None or not values:
            return list(found)
        return checks.apply(self.health, found, values, timestamps_s, timestamps_s[0])


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a whole series.

    Shape: rows, ascending; a score for each row
    """

    openings: list[int]
    """Rows at which an alert of the model opened and was reported."""
    faults: list[int]
    """Rows at which a fault of the sensor was reported."""
    scores: Numbers


def watch(candidate: Candidate, name: str, values: Sequence[float], times_s: Sequence[float]) -> Watched:
    """Let a new model learn a series in one pass."""
    scores: list[float] = []
    model = new_model(candidate.name, candidate.use_case, name)
    found = Watch(name, candidate.use_case, model).learn(values, times_s, scores)
    opened = [one for one in found if one.change == "opened"]
    return Watched(
        [one.index for one in opened if one.fault is None],
        [one.index for one in opened if one.fault is not None],
        np.asarray(scores),
    )


def opened_rows(found: Iterable[Finding]) -> list[int]:
    """The rows at which an alert of the model opened."""
    return [one.index for one in found if one.change == "opened" and one.fault is None]


def each(function: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> list[_Result]:
    """The results in the order of the tasks, worked on by all processors; `function` is of a module.

    Raises: `RuntimeError` with what a model raised, which is its mistake and ends the measurement.
    """
    if _WORKERS == 1 or len(tasks) == 1:
        return [_work(function, task) for task in tasks]
    return list(_pool().map(partial(_work, function), tasks, chunksize=max(1, len(tasks) // (32 * _WORKERS))))


def _work(function: Callable[[_Task], _Result], task: _Task) -> _Result:
    try:
        return function(task)
    except Exception as error:  # whatever a model raises: one made of more than its text cannot travel
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


@cache
def _pool() -> ProcessPoolExecutor:
    """One for all: processes are started afresh, because a fork of one that has threads may hang."""
    return ProcessPoolExecutor(_WORKERS, multiprocessing.get_context("spawn"))


def with_settings(candidate: Candidate, **settings: Any) -> UseCase | None:
    """The use case of a signal whose entry in signals.yaml has these settings; None if there are no such."""
    entry = {"match": "*", **settings}
    try:
        file = msgspec.convert({"version": 1, "signals": [entry]}, SettingsFile)
    except msgspec.ValidationError:
        return None
    return SettingsOfSignals(candidate.name, candidate.use_case, file).of("signal").use_case
