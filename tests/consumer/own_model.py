"""A model of one's own, as docs/models.md shows: a class with `learn_one` and `score_one`."""

from consumer.pages import river_classes
from consumer.plant import plant


class Wobble:
    """Scores how far a value lies from the one before, in mean steps, between 0 and 1."""

    def __init__(self, slowness: float = 0.95) -> None:
        self.slowness = slowness
        self.last: float | None = None
        self.mean_step = 0.0

    def score_one(self, x: dict[str, float]) -> float:
        """Near 1 for a step that is many times the mean one."""
        if self.last is None or not self.mean_step:
            return 0.0
        steps = abs(x["value"] - self.last) / self.mean_step
        return steps / (steps + 1.0)

    def learn_one(self, x: dict[str, float]) -> None:
        """Remember the value, and how far it was from the last."""
        if self.last is not None:
            step = abs(x["value"] - self.last)
            self.mean_step = self.slowness * self.mean_step + (1.0 - self.slowness) * step
        self.last = x["value"]


def allow_own_modules(monkeypatch, *modules: str) -> None:
    """A page may hold models of these modules, as if the plant's use_cases.py listed them in OWN_MODULES."""
    allowing = plant()._replace(own_modules=(*plant().own_modules, *modules))
    monkeypatch.setattr(river_classes, "plant", lambda: allowing)
