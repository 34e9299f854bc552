"""Signals of a page that have been silent for too long: an event for each, or one for many at once.

A silence is noted in the states first, and published once these are committed: whoever learns the next value
then knows that it may have been published, and that its end has to be.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from consumer.decode.records import Record, Shard
from consumer.decode.signal_names import SignalKey, check_name
from consumer.detectors.sensor_checks import Health, SensorChecks
from consumer.errors import Unlearnable, is_models_own
from consumer.events.event import SENSOR_FAULT, Event, event_of
from consumer.learning.mode_tracks import timeline_of
from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsOfSignals, SignalSettings

TOGETHER_MIN = 10
_SHARE_TOGETHER = 0.5
_NAMED_MAX = 20


class _Last(NamedTuple):
    """The last record that was learned of a signal."""

    shard: Shard
    record: Record
    arrived_s: float


class Noted(NamedTuple):
    """How many signals have fallen silent, and how many states cannot be used: nothing is said of these."""

    silent: int
    broken: int


def note_silences(settings: SettingsOfSignals, states: Mapping[SignalKey, State], now_s: float) -> Noted:
    """Note in their states which signals have fallen silent, each once until it is heard again.

    If more than ten are silent, and more than half of the page's signals heard until then, the fault is not
    in the sensors but in what connects them: that is one event.
    """
    silent, heard, broken = [], 0, 0
    for key, state in states.items():
        try:
            was_heard = not _is_stale(state)
            if _falls_silent(settings, states, key, now_s):
                silent.append(state)
            heard += was_heard
        except Exception as error:  # as on an altered page: the others are looked at all the same
            if not is_models_own(error):
                raise
            broken += 1
    together = len(silent) > TOGETHER_MIN and len(silent) > _SHARE_TOGETHER * heard
    for state in silent:
        if state.health is not None:
            state.health.is_stale_alone, state.health.is_untold = not together, True
    return Noted(len(silent), broken)


def untold(states: Mapping[SignalKey, State]) -> list[SignalKey]:
    """The signals whose silence is noted, and may not have been published yet."""
    return [
        key
        for key, state in states.items()
        if isinstance(state.health, Health) and state.health.is_untold and _can_be_named(key)
    ]


def silence_events(
    name: str, settings: SettingsOfSignals, states: Mapping[SignalKey, State], keys: Collection[SignalKey]
) -> list[Event]:
    """Events for the silences of these signals, which are noted. Ids depend on the last records alone."""
    together = [key for key in keys if not _is_alone(states[key])]
    events = [
        silence_event(name, settings.of(key.signal), key, states[key])
        for key in keys
        if _is_alone(states[key])
    ]
    if together:
        heard = len(together) + sum(map(_is_heard, states.values()))
        events.append(_of_all(name, settings, {key: states[key] for key in together}, heard))
    return [event for event in events if event is not None]


def silence_event(name: str, settings: SignalSettings, key: SignalKey, state: State) -> Event | None:
    """The event for the silence of one signal; None if the state of an altered page makes none."""
    rules, last = settings.use_case.sensor_checks, _last_of(state)
    if rules is None or last is None or state.health is None:
        return None
    try:
        evidence = rules.silence(state.health, last.arrived_s)
        return _event(name, settings, key, state, last, SENSOR_FAULT, "sensor stale", evidence)
    except Exception as error:
        if not is_models_own(error):
            raise
        return None


def _is_stale(state: State) -> bool:
    return state.health is not None and state.health.is_open("stale")


def _is_heard(state: State) -> bool:
    """Whether it is not silent; a state that cannot be used is not heard either."""
    try:
        return not _is_stale(state)
    except Exception as error:
        if not is_models_own(error):
            raise
        return False


def _is_alone(state: State) -> bool:
    return state.health is None or state.health.is_stale_alone


def _falls_silent(
    settings: SettingsOfSignals, states: Mapping[SignalKey, State], key: SignalKey, now_s: float
) -> bool:
    state = states[key]
    if state.health is None or not state.learned:  # what never brought a value is no sensor
        return False
    last = _last_of(state)
    if last is None or not _can_be_named(key):
        return False
    of_signal = settings.of(key.signal)
    rules: SensorChecks | None = of_signal.use_case.sensor_checks
    if of_signal.pauses is not None:  # no silence begins or goes on while nothing is told
        now_s -= of_signal.pauses.seconds_on(last.arrived_s, now_s)
    rule = of_signal.mode
    timeline = None if rule is None else timeline_of(states.get(rule.signal_of(key)))
    if rule is not None and timeline is not None:  # nor while the machine is off
        now_s -= timeline.seconds_in(rule.off, last.arrived_s, now_s)
    return rules is not None and rules.falls_silent(state.health, last.arrived_s, now_s)


def _can_be_named(key: SignalKey) -> bool:
    """Whether a record could bring the signal: what an altered page has may be no text at all."""
    try:
        check_name(key.record_signal), check_name(key.signal)
    except Unlearnable:
        return False
    return True


def _last_of(state: State) -> _Last | None:
    if not state.checkpoints:
        return None
    shard, checkpoint = max(state.checkpoints.items(), key=lambda item: item[1].arrived_s or 0.0)
    if checkpoint.arrived_s is None:
        return None
    partition_key = checkpoint.partition_keys[-1] if checkpoint.partition_keys else ""
    try:
        identifier = str(checkpoint.sequence_number)
    except ValueError:  # thousands of digits, in an altered page
        return None
    return _Last(shard, Record(identifier, partition_key, checkpoint.arrived_s), checkpoint.arrived_s)


def _of_all(
    name: str, settings: SettingsOfSignals, silent: Mapping[SignalKey, State], signals: int
) -> Event | None:
    """One event for all silent signals, under the most recently seen unmuted one.

    So a mute on one signal cannot hide the rest.
    """
    lasts = {key: last for key, state in silent.items() if (last := _last_of(state)) is not None}
    audible = [key for key in lasts if not settings.of(key.signal).is_muted]
    if not lasts:
        return None
    key = max(audible or lasts, key=lambda one: (lasts[one].arrived_s, one))
    evidence = {
        "fault": "stale",
        "says": f"nothing comes of {len(silent)} signals of {signals} that are kept together",
        "signals": len(silent),
        "such_as": sorted(one.signal for one in silent)[:_NAMED_MAX],
    }
    of_signal = settings.of(key.signal)
    return _event(name, of_signal, key, silent[key], lasts[key], "Signals Silent", "signals silent", evidence)


def _event(
    name: str,
    settings: SignalSettings,
    key: SignalKey,
    state: State,
    last: _Last,
    detail_type: str,
    kind: str,
    evidence: dict[str, object],
) -> Event:
    value = state.health.last if state.health is not None else None
    return event_of(
        use_case=name,
        kind=kind,
        detail_type=detail_type,
        change="opened",
        shard=last.shard,
        record=last.record,
        signal=key.signal,
        position=0,
        value=value or 0.0,
        timestamp=last.arrived_s,
        severity=settings.severity,
        is_muted=settings.is_muted,
        shown=settings.shown,
        observations=state.learned,
        evidence=evidence,
    )
