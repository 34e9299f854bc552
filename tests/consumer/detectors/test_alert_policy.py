"""An alert's policy: opened once, kept open by less, told again, cleared, and quiet for a while after."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.detectors.alert_policy import AlertPolicy, AlertState

POLICY = AlertPolicy(clear_after=3, still_open_s=100.0, cool_down_s=50.0)
BAD, LESS, GOOD = (0.9, True, True), (0.5, False, True), (0.1, False, False)


def lived(values, every_s=10.0, policy=POLICY):
    alert, told = AlertState(), []
    for index, (score, opens, keeps) in enumerate(values):
        at_s = None if every_s is None else every_s * index
        change = policy.next(alert, score, opens=opens, keeps=keeps, at_s=at_s)
        if change:
            told.append((index, change, policy.transition_details(alert, change, at_s)))
    return [one[:2] for one in told], [one[2] for one in told]


def test_it_opens_once_and_clears_after_calm_values_running():
    changes, courses = lived([GOOD, BAD, BAD, GOOD, GOOD, BAD, GOOD, GOOD, GOOD, GOOD])
    assert changes == [(1, "opened"), (8, "cleared")]
    assert courses == [
        {"alerts_before": 0, "last_cleared_at": None},
        {
            "opened_at": "1970-01-01T00:00:10.000000Z",
            "open_for_s": 70.0,
            "open_for_observations": 8,
            "worst_score": 0.9,
        },
    ]


def test_an_alert_says_how_rare_it_is():
    calm = [GOOD] * 9
    changes, courses = lived([BAD, *calm, BAD, *calm, BAD])
    opened = [course for (_, change), course in zip(changes, courses, strict=True) if change == "opened"]
    assert [course["alerts_before"] for course in opened] == [0, 1, 2]
    assert opened[2]["last_cleared_at"] == "1970-01-01T00:02:10.000000Z"


def test_less_than_it_takes_to_open_keeps_it_open():
    assert lived([LESS] * 9)[0] == []
    changes, _ = lived([BAD, *[LESS] * 5, GOOD, GOOD, GOOD])
    assert changes == [(0, "opened"), (8, "cleared")]


def test_what_lasts_is_told_again_after_a_while_and_not_without_times():
    assert lived([BAD] * 25)[0] == [(0, "opened"), (10, "still_open"), (20, "still_open")]
    assert lived([BAD] * 25, every_s=None)[0] == [(0, "opened")]


def test_what_is_less_bad_waits_until_it_has_cooled_down():
    again = (0.8, True, True)
    calm = [GOOD] * 3
    assert lived([BAD, *calm, again, *calm])[0] == [(0, "opened"), (3, "cleared")]
    assert lived([BAD, *calm, BAD, *calm])[0] == [
        (0, "opened"),
        (3, "cleared"),
        (4, "opened"),
        (7, "cleared"),
    ]
    assert lived([BAD, *calm, *[GOOD] * 4, again])[0][-1] == (8, "opened")


@pytest.mark.parametrize("every_s", [10.0, None, 0.0, -10.0])
@given(values=st.lists(st.sampled_from([BAD, LESS, GOOD])))
def test_changes_follow_one_another_as_states_do(every_s, values):
    changes = [change for _, change in lived(values, every_s)[0]]
    allowed = {
        "opened": {"still_open", "cleared"},
        "still_open": {"still_open", "cleared"},
        "cleared": {"opened"},
    }
    assert changes[:1] in ([], ["opened"])
    assert all(after in allowed[before] for before, after in itertools.pairwise(changes))


@pytest.mark.parametrize("back_s", [1e9, 30 * 86_400.0])
def test_a_clock_that_was_behind_once_gives_no_token_back_a_second_time(back_s):
    def opened(wrong):
        alert, policy, found = AlertState(), AlertPolicy(clear_after=1, cool_down_s=0.0), []
        for number in range(40):
            at_s = 1.7e9 + 3600.0 * number
            for is_bad in (True, False):
                stamp_s = at_s - back_s if number == wrong and is_bad else at_s
                change = policy.next(alert, 0.9, opens=is_bad, keeps=is_bad, at_s=stamp_s)
                found += [number] if change == "opened" else []
        return found

    usual = opened(None)
    assert len(usual) < 6
    for wrong in (5, 10, 30):
        assert opened(wrong) == usual
