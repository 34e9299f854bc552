"""Found less chance and VUS-PR, against cases that can be worked out by hand."""

import numpy as np
import pytest

from benchmarks.quality.scores import NOTHING, Found, buffer_of, found_of, vus_pr

WINDOWS = [(100, 119), (300, 339)]
ROWS = 1000


def perfect(windows=WINDOWS, rows=ROWS):
    scores = np.zeros(rows)
    for first, last in windows:
        scores[first : last + 1] = 1.0
    return scores


def test_an_opening_in_each_window_is_all_of_them_less_what_two_at_random_would_hit():
    found = found_of([119, 300], WINDOWS, ROWS)
    by_chance = (1 - (1 - 20 / 1000) ** 2) + (1 - (1 - 40 / 1000) ** 2)
    assert (found.windows, found.found, found.openings, found.false) == (2, 2, 2, 0)
    assert found.by_chance == pytest.approx(by_chance)
    assert found.less_chance == pytest.approx((2 - by_chance) / 2)
    assert found.of_the_rest == pytest.approx(1.0)


def test_several_openings_in_a_window_find_it_once_and_those_beside_it_are_false():
    found = found_of([99, 100, 101, 119, 120], WINDOWS, ROWS)
    assert (found.found, found.openings, found.false) == (1, 5, 2)


def test_silence_is_worth_nothing_and_to_alert_everywhere_is_too():
    assert found_of([], WINDOWS, ROWS) == Found(2, 0, 0.0, 0, 0)
    everywhere = found_of(range(ROWS), WINDOWS, ROWS)
    assert everywhere.found == 2
    assert everywhere.less_chance == pytest.approx(0.0, abs=1e-6)


def test_openings_at_random_find_as_much_as_chance():
    rng = np.random.default_rng(1)
    several = [found_of(rng.integers(0, ROWS, 5).tolist(), WINDOWS, ROWS) for _ in range(2000)]
    together = sum(several, NOTHING)
    assert together.less_chance == pytest.approx(0.0, abs=0.01)
    assert together.windows == 4000


@pytest.mark.parametrize("buffer", [0, 1, 50])
def test_a_score_that_is_high_in_the_windows_alone_is_1(buffer):
    assert vus_pr(perfect(), WINDOWS, buffer) == pytest.approx(1.0)


def test_a_random_score_is_about_the_share_of_labelled_rows():
    rng = np.random.default_rng(2)
    windows = [(first, first + 99) for first in range(500, 20_000, 1000)]
    assert vus_pr(rng.random(20_000), windows, 0) == pytest.approx(0.1, abs=0.02)


def test_a_score_that_is_the_same_everywhere_is_the_share_of_labelled_rows():
    assert vus_pr(np.zeros(ROWS), WINDOWS, 0) == pytest.approx(60 / 1000)


def test_area_by_hand_with_two_thresholds():
    """The highest tenth of the rows has half of the window: precision 0.5 at recall 0.5, then 0.1 at 1."""
    scores = np.zeros(100)
    scores[5:15] = 1.0
    assert vus_pr(scores, [(0, 9)], 0) == pytest.approx(0.5 * 0.5 + 0.5 * 0.1)


def test_half_of_the_windows_seen_halves_the_recall():
    scores = perfect([WINDOWS[0]])
    # Of 60 labelled rows 20 are above the threshold, of two windows one: recall a sixth. The rest comes last.
    assert vus_pr(scores, WINDOWS, 0) == pytest.approx(1 / 6 + 5 / 6 * 60 / 1000)


def test_a_buffer_forgives_an_alert_just_beside_a_window():
    beside = np.roll(perfect(), 10)
    assert vus_pr(beside, WINDOWS, 0) < 0.6 < vus_pr(beside, WINDOWS, 100)
    assert vus_pr(np.roll(perfect(), 200), WINDOWS, 100) < 0.2


@pytest.mark.parametrize(
    ("windows", "released"),
    [
        ([(50, 60), (150, 180), (250, 255)], 0.6405816958020816),
        ([(0, 4), (150, 180), (186, 190), (295, 299)], 0.6611940768595775),
    ],
    ids=["apart", "at both ends, and with buffers that meet"],
)
def test_the_released_code_gives_the_same(windows, released):
    """Worked out with the authors' own steps, row by row, on these numbers."""
    scores = np.sin(np.arange(300) * 0.7) + 0.8 * perfect(windows, 300)
    assert vus_pr(scores, windows, 20) == pytest.approx(released, abs=1e-12)


def test_any_monotone_scale_of_the_scores_gives_the_same():
    scores = np.random.default_rng(3).random(ROWS) + 0.3 * perfect()
    assert vus_pr(np.exp(9.0 * scores), WINDOWS, 30) == vus_pr(scores, WINDOWS, 30)


def test_without_a_window_there_is_no_recall():
    with pytest.raises(ValueError, match="window"):
        vus_pr(np.zeros(10), [], 5)


def test_the_buffer_is_a_signals_period_and_125_for_one_without():
    rows = np.arange(5000)
    assert buffer_of(np.sin(rows / 40.0 * 2 * np.pi)) == 40
    assert buffer_of(np.zeros(5000)) == 125
    assert buffer_of(rows * 1.0) == 125
