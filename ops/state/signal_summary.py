"""What `signals` shows of each signal: a short summary of its state."""

import msgspec

from consumer.decode.values import iso8601
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.base import UseCase
from consumer.detectors.modes.by_mode import mode_now
from consumer.events.mutes import MuteIndex
from consumer.learning.state import State
from consumer.settings.signal_settings import SignalSettings

MUTED_ALWAYS = "always, by signals.yaml"


class SignalSummary(msgspec.Struct, frozen=True):
    """What is shown of a signal; None: its state does not know. Times are ISO 8601."""

    signal: str
    use_case: str
    observations: int
    last_value: float | None
    last_arrived_at: str | None
    open_alerts: list[str]
    age_s: float | None
    """Since the first arrival that is known."""
    last_drift_observations_ago: int | None
    alert_changed_at: str | None
    muted_until: str | None
    mode: float | None
    """In which it learned last, or that it tells."""


def summary_of(
    name: str, use_case: UseCase, signal: str, state: State, muted: str | None, now_s: float
) -> SignalSummary:
    """Summarise the state of a signal, which is muted until then, if at all."""
    health = state.health
    first_s = None if health is None else health.first_arrived_s
    arrived = [
        checkpoint.arrived_s for checkpoint in state.checkpoints.values() if checkpoint.arrived_s is not None
    ]
    since = use_case.observations_since_finding(state.model)
    has_drifted = since is not None and since < state.learned
    return SignalSummary(
        signal=signal,
        use_case=name,
        observations=state.learned,
        last_value=None if health is None else health.last,
        last_arrived_at=iso8601(max(arrived, default=None)),
        open_alerts=open_alerts(use_case, state),
        age_s=None if first_s is None else now_s - first_s,
        last_drift_observations_ago=since if has_drifted else None,
        alert_changed_at=iso8601(_changed_s(use_case.alert_of(state.model))),
        muted_until=muted,
        mode=mode_now(state.model),
    )


def _changed_s(alert: AlertState | None) -> float | None:
    if alert is None:
        return None
    return alert.since_s if alert.is_open else alert.cleared_s


def open_alerts(use_case: UseCase, state: State) -> list[str]:
    """The model's alert and the sensor's faults that are open."""
    alert = use_case.alert_of(state.model)
    own = ["alert"] if alert is not None and alert.is_open else []
    faults = {} if state.health is None else state.health.alerts
    return own + [f"sensor {fault}" for fault, each in sorted(faults.items()) if each.is_open]


def muted_until(
    use_case: str, signal: str, settings: SignalSettings, mutes: MuteIndex, now_s: float
) -> str | None:
    """The time until which a signal is muted; None if it is not."""
    return MUTED_ALWAYS if settings.is_muted else iso8601(mutes.until(use_case, signal, now_s))
