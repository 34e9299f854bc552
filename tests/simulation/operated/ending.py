"""What has to be true of an operated world once nothing moves any more."""

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec

from consumer.decode.signal_names import SignalKey, seed_of
from consumer.detectors.asset_rows import NamedValue
from consumer.learning.state import State
from tests.local.fake_stream import START
from tests.simulation.operated.ledger import Ledger
from tests.simulation.operated.recorded import learned_in
from tests.simulation.plant import Observation
from tests.simulation.reference import Kept

_LASTS_S_MAX = 86_400.0
"""A world is over by then."""


@dataclass
class Ending:
    """Adds to the ledger's violations what is found in the end."""

    ledger: Ledger

    def look(self, use_cases: dict[str, Any], kept: Kept) -> None:
        """Look at all models in force, and for each observation that was put onto a stream."""
        done: dict[str, set[float]] = {}
        for prefix, use_case in use_cases.items():
            for key, state in self.ledger.states(prefix).items():
                done.setdefault(key.signal, set()).update(learned_in(state) or ())
                if key.signal not in self.ledger.victims | self.ledger.without_rows:
                    self._check_model(prefix, key, state, use_case)
        self._check_nothing_is_lost(done, kept)

    def _check_model(self, prefix: str, key: SignalKey, state: State, use_case: Any) -> None:
        """It is that of a plain loop over what it says that it has learned."""
        reference = use_case.create(seed_of("drift", key.signal))
        names, plant = self.ledger.plant.names, self.ledger.plant
        for value, at_s in zip(state.model.values, state.model.times, strict=True):
            if at_s is not None and not plant.is_believed(at_s, START + _LASTS_S_MAX):
                self.ledger.violations.append(f"{prefix} {key.signal}: {value} is learned at {at_s}")
            named = NamedValue(value, names[value]) if use_case.learns_assets else value
            use_case.learn(reference, [named], [at_s])
        if known_by(state.model) != known_by(reference):
            self.ledger.violations.append(f"{prefix} {key.signal}: its model is not that of what it learned")

    def _check_nothing_is_lost(self, done: dict[str, set[float]], kept: Kept) -> None:
        ledger = self.ledger
        lost = []
        for place, observations in ledger.plant.records.items():
            if place in kept.stored:
                continue
            for one in observations or [Observation("", 0, math.nan, None)]:
                signal = ledger.learned_as(one)
                if one.value is None or (place, one.position) in kept.quarantined:
                    continue
                if one.value in done.get(signal, ()) or one.value in ledger.forgotten[signal]:
                    continue
                if one.value in ledger.skipped | ledger.rows_kept or signal in ledger.victims:
                    continue
                lost.append((place, one))
        if lost:
            ledger.violations.append(f"{len(lost)} observations are lost, the first of them {lost[0]}")


def known_by(part: Any) -> Any:
    """All that a model knows, of whatever it is made, as plain values."""
    if isinstance(part, dict):
        return {name: known_by(value) for name, value in part.items()}
    if isinstance(part, list | tuple | deque):
        return [known_by(value) for value in part]
    if isinstance(part, random.Random):
        return part.getstate()
    if part is None or isinstance(part, str | bytes | float | int):
        return part
    if isinstance(part, msgspec.Struct):
        return known_by(msgspec.structs.astuple(part))
    if hasattr(part, "__dict__"):
        return known_by({name: value for name, value in vars(part).items() if not callable(value)})
    return part.__getstate__()
