"""States as a planted page may hold them: each part of a model, health or state is replaced, or missing.

The parts are replaced after a page was read, and put back before it is written: so what is tried does not
depend on what a page's format lets through.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from river import anomaly, drift

from consumer.detectors.alert_policy import AlertState
from consumer.detectors.sensor_checks import Health
from consumer.errors import UnreadablePage
from consumer.learning.state import Packed, State
from consumer.pages.codec import PageCodec

Break = Callable[[State], State]
"""Breaks a state, in place or by making another one."""

DEPTH_MAX = 3
WRONG = {
    "None": lambda: None,
    "a text": lambda: "text",
    "an object": object,
    "a number": lambda: -1,
    "another model": lambda: anomaly.GaussianScorer(),
}
"""What stands in place of a part."""
MISSING = "nothing"


def breaks_of(model: Any, has_health: bool) -> dict[str, Break]:
    """By a name, each way to break a state with such a model."""
    found: dict[str, Break] = {"its model cannot be read": sealed}
    for wrong, make in [*WRONG.items(), ("a drift detector", drift.ADWIN)]:
        found[f"its model is {wrong}"] = lambda state, make=make: _set(state, "model", make())
        found[f"checkpoints: {wrong}"] = lambda state, make=make: _set(state, "checkpoints", make())
        found[f"each checkpoint: {wrong}"] = lambda state, make=make: _set(
            state, "checkpoints", dict.fromkeys(state.checkpoints, make())
        )
    for path in paths_of(model):
        for wrong, make in list(WRONG.items())[: len(WRONG) if len(path) == 1 else 1]:
            found[f"{'.'.join(path)}: {wrong}"] = lambda state, path=path, make=make: _replace(
                state, path, make()
            )
        found[f"{'.'.join(path)}: {MISSING}"] = lambda state, path=path: _remove(state, path)
    if has_health:
        for name in Health.__struct_fields__:
            for wrong, make in WRONG.items():
                found[f"health.{name}: {wrong}"] = lambda state, name=name, make=make: _set_of(
                    state, state.health, name, make()
                )
        for wrong, make in [*WRONG.items(), ("an alert of nothing", lambda: AlertState(values=None))]:
            found[f"health: {wrong}"] = lambda state, make=make: _set(state, "health", make())
            for fault in ("flat", "range", "quality", "stale"):
                found[f"health.alerts[{fault}]: {wrong}"] = lambda state, fault=fault, make=make: _set_of(
                    state, state.health, "alerts", {fault: make()}
                )
    return found


def sealed(state: State) -> State:
    """The same, but its model raises when it is read, as one of a page does whose bytes are no model."""
    return msgspec.structs.replace(state, stored=Packed(b"", _unreadable))


def _unreadable(stored: Packed) -> Any:
    raise UnreadablePage("its bytes are not a model")


def paths_of(part: Any, depth: int = DEPTH_MAX) -> Iterator[tuple[str, ...]]:
    """The attributes of a model, and of the models within it."""
    for name, value in attributes_of(part).items():
        yield (name,)
        if depth > 1:
            yield from ((name, *rest) for rest in paths_of(value, depth - 1))


def attributes_of(part: Any) -> dict[str, Any]:
    """What a state or one of River's models consists of."""
    if isinstance(part, msgspec.Struct):
        return {name: getattr(part, name) for name in part.__struct_fields__}
    if type(part).__module__.startswith(("river.", "tests.")) and hasattr(part, "__dict__"):
        return dict(vars(part))
    return {}


def _set(state: State, name: str, value: Any) -> State:
    setattr(state, name, value)
    return state


def _set_of(state: State, part: Any, name: str, value: Any) -> State:
    setattr(part, name, value)
    return state


def _owner(state: State, path: tuple[str, ...]) -> Any:
    part = state.model
    for name in path[:-1]:
        part = getattr(part, name)
    return part


def _replace(state: State, path: tuple[str, ...], value: Any) -> State:
    return _set_of(state, _owner(state, path), path[-1], value)


def _remove(state: State, path: tuple[str, ...]) -> State:
    delattr(_owner(state, path), path[-1])
    return state


class PlantingCodec(PageCodec):
    """Breaks the states of the signals in `breaks`; what is broken is never written."""

    def __init__(self, breaks: dict[str, Break]) -> None:
        super().__init__()
        self.breaks = breaks
        self.originals: dict[str, State] = {}

    def decode(self, page):
        """Read, then break."""
        states = super().decode(page)
        for key, state in list(states.items()):
            if key.signal in self.breaks:
                self.originals[key.signal] = copy.deepcopy(state)
                states[key] = self.breaks[key.signal](state)
        return states

    def encode_measured(self, states):
        """Write what was there, with how far it has come."""
        return super().encode_measured(
            {key: self._written(key.signal, state) for key, state in states.items()}
        )

    def _written(self, signal: str, state: State) -> State:
        original = self.originals.get(signal)
        if original is None:
            return state
        try:
            for shard, checkpoint in state.checkpoints.items():
                original.checkpoints[shard].sequence_number = checkpoint.sequence_number
        except (AttributeError, KeyError):
            return original
        original.learned, original.skipped = state.learned, state.skipped
        return original
