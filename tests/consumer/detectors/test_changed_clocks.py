"""Where clocks are changed, a schedule that goes by them is as usual as before, by local hours."""

import random
from datetime import UTC, datetime

import pytest

from consumer.detectors.base import UseCase
from consumer.detectors.local_time import local_time
from consumer.use_cases import USE_CASES

ZONE = "Europe/Berlin"
CHANGES = {
    "spring": datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp(),
    "autumn": datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp(),
}
DAY_S, HOUR_S = 86_400.0, 3_600.0
SIGNALS = 20


def is_of_shift(local_s: float) -> bool:
    """From 6:00 to 14:00."""
    return 6 <= local_s // HOUR_S % 24 < 14


def healthy(seed: int, zone: str, change_s: float, has_weekend: bool) -> tuple[list[float], list[float]]:
    """Times and values of a machine that runs in the day shift, for six weeks before and eight days after."""
    rng, clock = random.Random(seed), local_time(zone)
    off, on = rng.choice([0.0, 5.0, 20.0]), rng.choice([30.0, 45.0, 60.0])
    noise = 0.02 * (on - off)
    times = [change_s + 300.0 * number for number in range(-42 * 288, 8 * 288)]
    values = []
    for local_s in map(clock.local_s, times):
        is_free = has_weekend and (int(local_s // DAY_S) + 3) % 7 >= 5
        is_on = is_of_shift(local_s) and not is_free
        values.append((on if is_on else off) + rng.uniform(-noise, noise))
    return times, values


def opened(
    use_case: UseCase, zone: str, change: str, has_weekend: bool = True, other: str = "UTC"
) -> list[int]:
    """The openings of each signal after the change; its hours, by `zone`, are learned by those of `other`."""
    change_s, use_case = CHANGES[change], use_case.with_time_zone(other)
    counts = []
    for seed in range(SIGNALS):
        times, values = healthy(seed, zone, change_s, has_weekend)
        found = use_case.learn(use_case.create(1), values, times)
        counts.append(sum(one.change == "opened" and times[one.index] >= change_s for one in found))
    return counts


def test_changed_clocks_raise_no_alert_of_anomaly():
    by_utc = [opened(USE_CASES["anomaly"], ZONE, change) for change in CHANGES]
    assert min(map(sum, zip(*by_utc, strict=True))) >= 1
    for change in CHANGES:
        assert opened(USE_CASES["anomaly"], ZONE, change, other=ZONE) == [0] * SIGNALS


@pytest.mark.parametrize("change", CHANGES)
def test_changed_clocks_are_no_lasting_change(change):
    assert opened(USE_CASES["shift"], ZONE, change, has_weekend=False) == [1] * SIGNALS
    assert opened(USE_CASES["shift"], ZONE, change, has_weekend=False, other=ZONE) == [0] * SIGNALS
