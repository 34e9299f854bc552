"""A producer no two of whose values are the same, so that each can be found again wherever it was learned."""

import random

from tests.simulation.plant import Observation, Plant, Producer


class DistinctProducer(Producer):
    """Its values at which models raise, and those after which they do, lie apart from the others."""

    def __init__(self, plant: Plant, rng: random.Random) -> None:
        super().__init__(plant, rng)
        self.has_venom = rng.random() < 0.25
        self._made = 0

    def record(self) -> tuple[str, bytes, list[Observation]]:
        """A partition key, a payload, and what is in it."""
        if self.chance.happens("many named values at once", 0.02 if self.has_venom else 0.0):
            signal = self.rng.choice(self.signals)
            return signal, *self._values(signal, [f"n{number}" for number in range(25)])
        return super().record()

    def _observation(self, signal: str, position: int) -> Observation:
        self._made += 1
        one = super()._observation(signal, position)
        if one.value is None or one.value != one.value:
            return one
        base = round(one.value, 3)
        if self.has_venom and self.chance.happens("a model raises ever after", 0.01):
            base = 766.0
        return Observation(signal, position, base + self._made * 1e-7, one.timestamp)
