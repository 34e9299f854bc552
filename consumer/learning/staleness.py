"""Signals of a page that have been silent for too long: an event for each, or one for many at once."""

from collections.abc import Mapping
from typing import NamedTuple

from consumer.decode.batch import Record, Shard
from consumer.decode.signal_names import SignalKey
from consumer.errors import is_models_own
from consumer.events.event import SENSOR_FAULT, Event, event_of
from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsOfSignals

TOGETHER_MIN = 10
_SHARE_TOGETHER = 0.5
_NAMED_MAX = 20


class _Silent(NamedTuple):
    key: SignalKey
    state: State
    shard: Shard
    record: Record
    """The last record that was learned of it."""
    evidence: dict[str, object]


class Silences(NamedTuple):
    """Events of silence, and how many states cannot be used: nothing is said of their signals."""

    events: list[Event]
    broken: int


def silence_events(
    name: str, settings: SettingsOfSignals, states: Mapping[SignalKey, State], now_s: float
) -> Silences:
    """Events for signals that have fallen silent, each once until it is heard again; their states note it.

    If more than ten are silent, and more than half of the page's signals heard until then, the fault is not
    in the sensors but in what connects them: that is one event. Ids depend on the last record of a signal,
    not on the time.
    """
    silent, events, heard, broken = [], [], 0, 0
    for key, state in states.items():
        try:
            was_heard = state.health is None or not state.health.is_open("stale")
            found = _silent(settings, key, state, now_s)
            if found is not None:
                events.append(_event(name, settings, found, SENSOR_FAULT, "sensor stale", found.evidence))
                silent.append(found)
            heard += was_heard
        except Exception as error:  # as on an altered page: the others are looked at all the same
            if not is_models_own(error):
                raise
            broken += 1
    together = len(silent) > TOGETHER_MIN and len(silent) > _SHARE_TOGETHER * heard
    for each in silent:
        if each.state.health is not None:
            each.state.health.is_stale_alone = not together
    return Silences([_of_all(name, settings, silent, heard)] if together else events, broken)


def _silent(settings: SettingsOfSignals, key: SignalKey, state: State, now_s: float) -> _Silent | None:
    rules = settings.of(key.signal).use_case.sensor_checks
    if rules is None or state.health is None or not state.checkpoints:
        return None
    shard, checkpoint = max(state.checkpoints.items(), key=lambda item: item[1].arrived_s or 0.0)
    if checkpoint.arrived_s is None:
        return None
    evidence = rules.silence(state.health, checkpoint.arrived_s, now_s)
    if evidence is None:
        return None
    partition_key = checkpoint.partition_keys[-1] if checkpoint.partition_keys else ""
    return _Silent(
        key,
        state,
        shard,
        Record(str(checkpoint.sequence_number), partition_key, checkpoint.arrived_s, ""),
        evidence,
    )


def _of_all(name: str, settings: SettingsOfSignals, silent: list[_Silent], signals: int) -> Event:
    """One event for all silent signals, under the most recently seen unmuted one.

    So a mute on one signal cannot hide the rest.
    """
    audible = [one for one in silent if not settings.of(one.key.signal).is_muted]
    last = max(audible or silent, key=lambda one: (one.record.arrived_s or 0.0, one.key))
    evidence = {
        "fault": "stale",
        "says": f"nothing comes of {len(silent)} signals of {signals} that are kept together",
        "signals": len(silent),
        "such_as": sorted(one.key.signal for one in silent)[:_NAMED_MAX],
    }
    return _event(name, settings, last, "Signals Silent", "signals silent", evidence)


def _event(
    name: str,
    settings: SettingsOfSignals,
    silent: _Silent,
    detail_type: str,
    kind: str,
    evidence: dict[str, object],
) -> Event:
    of_signal, state = settings.of(silent.key.signal), silent.state
    last = state.health.last if state.health is not None else None
    return event_of(
        use_case=name,
        kind=kind,
        detail_type=detail_type,
        change="opened",
        shard=silent.shard,
        record=silent.record,
        signal=silent.key.signal,
        position=0,
        value=last or 0.0,
        timestamp=silent.record.arrived_s,
        severity=of_signal.severity,
        is_muted=of_signal.is_muted,
        shown=of_signal.shown,
        observations=state.learned,
        evidence=evidence,
    )
