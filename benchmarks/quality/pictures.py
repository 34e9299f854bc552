"""`python -m benchmarks.quality.pictures` draws docs/images/alerts.svg: alerts on synthetic signals."""

import math
import random
from pathlib import Path
from typing import Any, NamedTuple

from consumer.detectors.alert_policy import Finding
from consumer.detectors.sensor_checks import Health
from consumer.use_cases import USE_CASES

OUT = Path("docs/images/alerts.svg")
_DAY_S, _STEP_S = 86_400.0, 900.0
_WIDTH, _HEIGHT, _MARGIN = 900, 150, 30
_COLOURS = {"opened": "#c0392b", "still_open": "#d68910", "cleared": "#1e8449"}


class Panel(NamedTuple):
    """A signal, and the use case that learns it."""

    title: str
    use_case: str
    values: list[float]
    shown_from: int


def main() -> None:
    """Draw the picture."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    panels = _panels()
    height = len(panels) * (_HEIGHT + _MARGIN) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        parts += _drawn(panel, _MARGIN + number * (_HEIGHT + _MARGIN))
    OUT.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _panels() -> list[Panel]:
    rng = random.Random(5)
    days = 12
    course = [
        20.0 + 4.0 * math.sin(2 * math.pi * row * _STEP_S / _DAY_S) + rng.gauss(0.0, 0.3)
        for row in range(round(days * _DAY_S / _STEP_S))
    ]
    spike = [value - (5.0 if 940 <= row < 944 else 0.0) for row, value in enumerate(course)]
    moved = [value + (3.0 if row >= 900 else 0.0) for row, value in enumerate(course)]
    stuck = [course[900] if 900 <= row < 1020 else value for row, value in enumerate(course)]
    return [
        Panel("anomaly: a value that would be usual at another hour", "anomaly", spike, 600),
        Panel("shift: a lasting change of a signal with a daily course", "shift", moved, 600),
        Panel("anomaly: a sensor that sticks is the sensor's fault, and no anomaly", "anomaly", stuck, 600),
    ]


def _findings(panel: Panel) -> list[Finding]:
    use_case: Any = USE_CASES[panel.use_case]
    times = [1.7e9 + _STEP_S * row for row in range(len(panel.values))]
    found = use_case.learn(use_case.create(seed=1), panel.values, times)
    rules = use_case.sensor_checks
    return rules.apply(Health(), found, panel.values, times, times[0]) if rules else list(found)


def _drawn(panel: Panel, top: int) -> list[str]:
    shown = panel.values[panel.shown_from :]
    low, high = min(shown), max(shown)

    def at(row: int) -> tuple[float, float]:
        x = _MARGIN + (row - panel.shown_from) / len(shown) * (_WIDTH - 2 * _MARGIN)
        return x, top + _HEIGHT - 12 - (panel.values[row] - low) / (high - low) * (_HEIGHT - 40)

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, range(panel.shown_from, len(panel.values))))
    parts = [
        f'<text x="{_MARGIN}" y="{top + 8}" font-size="13">{panel.title}</text>',
        f'<polyline points="{points}" fill="none" stroke="#5d6d7e" stroke-width="1"/>',
    ]
    in_view = (one for one in _findings(panel) if one.index >= panel.shown_from)
    return parts + [part for one in in_view for part in _mark(one, *at(one.index))]


def _mark(finding: Finding, x: float, y: float) -> list[str]:
    colour = _COLOURS[finding.change]
    what = f"{finding.fault} {finding.change}" if finding.fault else finding.change
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>',
        f'<text x="{x + 8:.1f}" y="{y - 6:.1f}" font-size="11" fill="{colour}">{what}</text>',
    ]


if __name__ == "__main__":
    main()
