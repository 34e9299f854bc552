"""Seasonal isolation: how easily a value, and what it does to a signal, is isolated from what was usual."""

import datetime as dt
import math
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from river import base

from consumer.river_models import isolation
from consumer.river_models.clock import Clock, seconds_of
from consumer.river_models.counters import COUNTER_KIND, KINDS, Kind
from consumer.river_models.course import LEVEL, Course, places_of
from consumer.river_models.jumps import Jumps
from consumer.river_models.modes import Modes, copy_of_modes
from consumer.river_models.recurrence import Recurrence, copy_of_recurrence
from consumer.river_models.strays import STILL_MIN, Strays
from consumer.river_models.window import KNOWN_AFTER, RECENT, Window

try:
    from river.base import AnomalyDetector
except ImportError:  # before River 0.26
    from river.anomaly.base import AnomalyDetector  # type: ignore[import-not-found,no-redef]

SAMPLE_MAX = 256
VALUE_MAX = 1e100
"""Larger values are learned as this one, so that squares stay finite."""
STREAMS = ("value", "level", "shape", "change")
"""What each stream judges: the deviation from the course; its short mean; the window distance; how much the
signal changes from value to value."""
MOST = len(STREAMS) * math.exp(-isolation.OF_DEPTH)
"""What the streams come to where all are as far from usual as can be."""
LEAST_DISTANCE = 1e-9
SAME = 1e-12
"""Share of a value by which rounding may change it: so near to the value before, it is the same."""
LEAST = 1e-9
"""Share of a value that is no range yet."""
USUAL_IN_MODE = 1.25
"""Limits: it takes more to be unusual within the range of one of the signal's modes."""
RESOLUTION = 0.01
"""Share of the usual range: a mean change below it is none."""
SUM_RATE = 0.5
"""Weight of the streams' sum in its short mean, which has half a share in what is compared with the limit."""
ABOVE_LIMIT = 0.1
"""What the score rises by above the limit at most, where nothing strays."""
HALF_ONSET = 0.1
"""The onset of something unusual whose score is 0.5 by itself."""
ONSET_REST = 0.9
"""What is left of an onset with each value after it: only what goes further is a new one."""
_Sample = Annotated[list[float], Meta(max_length=SAMPLE_MAX, extra={"single": True})]
"""Of numbers that four bytes hold."""


class Parameters(msgspec.Struct, frozen=True):
    """What `SeasonalIsolation` is given, as its arithmetic takes it."""

    sample_size: int = 256
    memory: int = 1536
    known_from: int = 60
    limit: float = 1.35
    stray_limit: float = 0.1
    stray_gate: float = 0.9
    mode_limit: float = 0.3
    jump_limit: float = 0.2
    level_rate: float = 0.03
    window_rate: float = 0.1
    hour_rate: float = 0.05
    all_rate: float = 0.003
    step_s: float = 300.0


class SeasonalIsolationState(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """All that is known of one signal. Samples ascend, of numbers that four bytes hold."""

    clock: Clock = msgspec.field(default_factory=Clock)
    kind: Kind = msgspec.field(default_factory=Kind)
    course: Course = msgspec.field(default_factory=Course)
    window: Window = msgspec.field(default_factory=Window)
    modes: Modes = msgspec.field(default_factory=Modes)
    level: float = 0.0
    """The short mean of deviations from the course."""
    strays: Strays = msgspec.field(default_factory=Strays)
    jumps: Jumps = msgspec.field(default_factory=Jumps)
    recurrence: Recurrence = msgspec.field(default_factory=Recurrence)
    values: _Sample = []
    levels: _Sample = []
    shapes: _Sample = []
    changes: _Sample = []
    whole: float = 0.0
    """The short mean of the streams' sum."""
    recent: float = 0.0
    """The furthest that a value strayed and was isolated at once, as it has faded."""
    expected: float = 0.0
    """What was expected at the last value, before it was learned."""
    random: int = 1
    """The generator's state."""
    count: int = 0
    """Values learned, since it was found to be a counter if it is one."""


class Reading(NamedTuple):
    """What a model says of a value, and why."""

    score: float
    """From 0 to 1; 0.5 at the limit."""
    ratio: float
    """How unusual it is, in limits: 1 or more is unusual."""
    level: float
    """Likewise of the four streams alone: it stays up as long as something is unusual."""
    stray: float
    """Likewise of strays alone."""
    jump: float
    """Likewise of the change since the value before alone, of a signal that moves slowly."""
    mode_stray: float
    """Likewise of strays from the signal's modes alone."""
    expected: float
    usual_from: float
    usual_to: float
    streams: tuple[float, ...]
    """How isolated the value is in each of `STREAMS`, from 0 to 0.78."""
    at_s: float | None
    """The believed time of the value."""
    recurs: bool = False
    """Whether it is unusual, but as unusual as what has come several times before."""


def learn(
    state: SeasonalIsolationState, given: Parameters, value: float, at_s: float | None, local_s: float | None
) -> Reading:
    """Learn a value; what was to be said of it before.

    `local_s` counts the seconds that clocks show where the signal is, `at_s` those of UTC, since 1970.
    """
    weight, passed_s = 1.0, 0.0
    if at_s is not None and local_s is not None:
        believed_s, since_s = state.clock.move(at_s)
        local_s += believed_s - at_s
        at_s = believed_s
        if since_s is not None:
            weight, passed_s = min(1.0, since_s / given.step_s), since_s
    base = state.kind.last if state.kind.kind == COUNTER_KIND else 0.0
    number = state.kind.number_of(min(max(value, -VALUE_MAX), VALUE_MAX))
    if number is None:
        return Reading(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, value, value, value, (0.0,) * len(STREAMS), at_s)
    reading = _learn_number(state, given, number, base, at_s, places_of(local_s), weight, passed_s)
    if state.kind.decide():
        _begin_anew(state)
    return reading


def _begin_anew(state: SeasonalIsolationState) -> None:
    """Forget what was learned of a counter's values: from now on it is their differences."""
    new = SeasonalIsolationState()
    for name in ("course", "window", "strays", "jumps", "recurrence", "modes", "level", "whole", "count"):
        setattr(state, name, getattr(new, name))
    state.values, state.levels, state.shapes, state.changes = [], [], [], []


def _learn_number(
    state: SeasonalIsolationState,
    given: Parameters,
    value: float,
    base: float,
    at_s: float | None,
    places: list[int],
    weight: float,
    passed_s: float,
) -> Reading:
    """Learn a number of the places of its hour; `base` is to be added to it to have the signal's value."""
    last = state.window.last
    if abs(value - last) <= SAME * abs(last):
        value = last
    course, window = state.course, state.window
    expected = course.expect_one(value, places, window.means[RECENT])
    state.expected = base + expected
    deviation = value - expected
    least, strays = LEAST * max(abs(value), abs(expected)), state.strays
    is_still = course.counts[LEVEL] >= STILL_MIN
    width = strays.high - strays.low
    # The first value that leaves a standstill is no part of the course, in which it would be seen for days.
    if not (is_still and width <= least < abs(deviation)):
        course.learn_one(value, places, given.all_rate, given.hour_rate * weight)
        state.level += given.level_rate * (deviation - state.level)
    further, exceedance = strays.learn_one(deviation, least, is_still, weight)
    leapt = state.jumps.leap(value - last, least, is_still, weight, passed_s) if state.count else 0.0
    is_in_mode = state.modes.learn_one(value, value - last, 1.0 / (state.count + 1))
    distance = window.learn_one(value, given.window_rate)
    has_shape = window.count > KNOWN_AFTER

    values = state.values
    single = isolation.single
    numbers = (
        (values, single(deviation)),
        (state.levels, single(state.level)),
        (state.shapes, single(math.log(distance + LEAST_DISTANCE))),
        (state.changes, single(window.change if window.change > RESOLUTION * width else 0.0)),
    )
    count = len(values)
    low, high = isolation.usual_range(values)
    size, known_from = given.sample_size, given.known_from
    streams = tuple(
        isolation.isolation(sample, number) if len(sample) >= known_from else 0.0
        for sample, number in numbers
    )
    state.random = isolation.next_state(state.random)
    drawn = isolation.draw(state.random, given.memory)
    for place, (sample, number) in enumerate(numbers):
        if place != 2 or has_shape:
            isolation.learn(sample, number, size, drawn)
    state.count += 1
    whole = streams[0] + streams[1] + streams[2] + streams[3]
    state.whole += SUM_RATE * (whole - state.whole)
    level = (0.5 * whole + 0.5 * state.whole) / given.limit
    if count < known_from:
        further = leapt = 0.0
    both = whole * math.sqrt(exceedance)
    onset = max(0.0, both - state.recent)
    state.recent = max(both, ONSET_REST * state.recent)
    stray = strays.ratio_to_bar(further, given.stray_limit, at_s)
    jump = 0.0 if is_in_mode else state.jumps.ratio_of(leapt, strays, given.jump_limit, at_s)
    of_modes = state.modes.stray / given.mode_limit
    if is_in_mode:
        level /= USUAL_IN_MODE
    if is_in_mode or whole <= given.stray_gate:
        stray = 0.0
    ratio = max(level, stray, jump, of_modes)
    is_news = state.recurrence.learn_one(ratio >= 1.0, deviation, at_s)
    return Reading(
        score_of(max(level, of_modes), onset),
        ratio,
        level,
        stray,
        jump,
        of_modes,
        state.expected,
        base + expected + low,
        base + expected + high,
        streams,
        at_s,
        ratio >= 1.0 and not is_news,
    )


def score_of(level: float, onset: float) -> float:
    """From 0 to 1: in proportion to the streams' sum in limits up to 0.5, then slower; or by an onset.

    So a score says the same on any signal, stays up as long as something is unusual, and is higher where it
    begins or becomes worse.

    >>> score_of(0.5, 0.0), score_of(1.0, 0.0), round(score_of(2.0, 0.0), 6), round(score_of(0.1, 0.9), 2)
    (0.25, 0.5, 0.55, 0.9)
    """
    of_level = 0.5 * level if level <= 1.0 else 0.5 + ABOVE_LIMIT * (1.0 - 1.0 / level)
    return max(of_level, onset / (onset + HALF_ONSET))


def copy_of(state: SeasonalIsolationState) -> SeasonalIsolationState:
    """A copy that learns without changing the state."""
    return msgspec.structs.replace(
        state,
        clock=msgspec.structs.replace(state.clock),
        kind=msgspec.structs.replace(state.kind),
        modes=copy_of_modes(state.modes),
        course=Course(state.course.means[:], state.course.counts[:]),
        strays=msgspec.structs.replace(state.strays),
        jumps=msgspec.structs.replace(state.jumps),
        recurrence=copy_of_recurrence(state.recurrence),
        window=msgspec.structs.replace(
            state.window,
            means=state.window.means[:],
            centre=state.window.centre[:],
            products=state.window.products[:],
        ),
        values=state.values[:],
        levels=state.levels[:],
        shapes=state.shapes[:],
        changes=state.changes[:],
    )


class SeasonalIsolation(AnomalyDetector):
    """Isolation of a signal's values from what was usual, at their time of day and week.

    Four streams are judged, each against a fading sample of its own past: the deviation from the mean of the
    hour, or of the hour of the week, whichever is nearer; the short mean of these deviations; how unusual the
    shape of the latest values is; and how much the signal changes from value to value. How easily random cuts
    isolate a number from its sample says how unusual it is, as in a Random Cut Forest, but in closed form.
    Their sum is smoothed a little, and at `limit` the score is 0.5. Besides, a deviation may stray: lie
    outside of a range that shrinks slowly and grows only a little, as few did before; so may the change from
    one value to the next, of a signal that moves slowly; and what jumps between levels may stray from these.
    Nothing is scored before `known_from` values.

    Each feature is a signal of its own; the score is that of the one furthest from usual. Times may be left
    out: then all values are of one hour. One wrong time moves nothing.

    Args:
        sample_size: Numbers that each sample holds, at most 256.
        memory: Values that a number stays in its sample, on average.
        known_from: Values before anything is scored.
        limit: Of the four streams' sum, from 0 to 3.1, whose score is 0.5.
        stray_limit: How far outside of the usual range is too far, in widths of it, as long as it is rare.
        mode_limit: How far outside of its mode's range is too far, in widths of it, where a signal has modes.
        jump_limit: How far outside of the usual changes a change is too far, in widths of their range.
        stray_gate: Of the four streams' sum: what strays, and is less isolated than this, is usual.
        level_rate: Weight of a deviation in their short mean.
        window_rate: Weight of a distance in the short mean of window distances.
        hour_rate: Weight of a value in the mean of its hour: some twenty are remembered.
        all_rate: Weight of a value in the mean of all.
        step_s: Values that come faster weigh less in the means of hours.
        kind: `level`; or `counter`, which is learned by its differences; or `auto`, which is found by itself.
        seed: Of the samples' replacements.

    Source: Guha, Mishra, Roy & Schrijvers (2016), Robust random cut forest based anomaly detection on streams

    >>> import math
    >>> model = SeasonalIsolation(seed=1)
    >>> for number in range(1000):
    ...     model.learn_one({"value": math.sin(number / 10.0) + number % 7 / 50.0}, t=60.0 * number)
    >>> model.score_one({"value": -0.5}, t=60_000.0) < 0.3, model.score_one({"value": 4.0}, t=60_000.0) > 0.5
    (True, True)
    """

    def __init__(
        self,
        sample_size: int = 256,
        memory: int = 1536,
        known_from: int = 60,
        limit: float = 1.35,
        stray_limit: float = 0.1,
        stray_gate: float = 0.9,
        mode_limit: float = 0.3,
        jump_limit: float = 0.2,
        level_rate: float = 0.03,
        window_rate: float = 0.1,
        hour_rate: float = 0.05,
        all_rate: float = 0.003,
        step_s: float = 300.0,
        kind: str = "auto",
        seed: int | None = None,
    ) -> None:
        if not 0 < sample_size <= min(SAMPLE_MAX, memory):
            raise ValueError(
                f"a sample of {sample_size} numbers: give 1 to {SAMPLE_MAX}, and at most `memory`"
            )
        if not (0.0 < limit < MOST and min(stray_limit, mode_limit, jump_limit) > 0.0):
            raise ValueError(f"limits must be above 0, and `limit` less than {MOST:.3g}: give others")
        if kind not in KINDS:
            raise ValueError(f"allowed: {', '.join(KINDS)}")
        self.sample_size = sample_size
        self.memory = memory
        self.known_from = known_from
        self.limit = limit
        self.stray_limit = stray_limit
        self.stray_gate = stray_gate
        self.mode_limit = mode_limit
        self.jump_limit = jump_limit
        self.level_rate = level_rate
        self.window_rate = window_rate
        self.hour_rate = hour_rate
        self.all_rate = all_rate
        self.step_s = step_s
        self.kind = kind
        self.seed = seed
        self.states: dict[base.typing.FeatureName, SeasonalIsolationState] = {}

    @property
    def parameters(self) -> Parameters:
        """What its arithmetic takes."""
        return Parameters(**{name: getattr(self, name) for name in Parameters.__struct_fields__})

    def new_state(self) -> SeasonalIsolationState:
        """What is known of a signal that has learned nothing."""
        return SeasonalIsolationState(
            kind=Kind(KINDS[self.kind]), random=isolation.first_state(self.seed or 0)
        )

    def learn_one(self, x: dict[base.typing.FeatureName, Any], t: dt.datetime | float | None = None) -> None:
        """Learn the values of a time: a moment, whose zone says the hour, or seconds since 1970, UTC."""
        given, (at_s, local_s) = self.parameters, seconds_of(t)
        for name, value in x.items():
            state = self.states.get(name)
            if state is None:
                state = self.states[name] = self.new_state()
            learn(state, given, float(value), at_s, local_s)

    def score_one(self, x: dict[base.typing.FeatureName, Any], t: dt.datetime | float | None = None) -> float:
        """From 0 to 1, and 0.5 at the limit."""
        given, (at_s, local_s) = self.parameters, seconds_of(t)
        known = [(self.states[name], float(value)) for name, value in x.items() if name in self.states]
        return max(
            (learn(copy_of(state), given, value, at_s, local_s).score for state, value in known), default=0.0
        )
