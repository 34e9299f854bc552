"""A use case whose models raise."""

from dataclasses import dataclass

from consumer.detectors.drift import DriftUseCase
from consumer.errors import ModelRaised
from tests.simulation.plant import POISON


@dataclass(frozen=True)
class Fussy(DriftUseCase):
    """Raises at poison, once it has half learned it."""

    def learn(self, watched, values, timestamps=(), scores=None):
        if POISON not in values:
            return super().learn(watched, values, timestamps, scores)
        at = list(values).index(POISON)
        super().learn(watched, [*values[:at], 1e9], ())
        raise ModelRaised(at, "the model raised ZeroDivisionError")
