"""Which key each signal has where models are placed otherwise, and which of two states goes on."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clients.terminal import printable
from consumer.decode.signal_names import SignalKey, placed
from consumer.errors import ConfigurationError, UnreadableModel
from consumer.learning.state import State
from consumer.pages.codec import AnyStates
from consumer.settings.assets import Assets
from consumer.settings.patterns import matches
from ops.formatting import pluralize

_SEPARATORS = ".:/"


def _nothing(_: State) -> str:
    return ""


def _always(_key: SignalKey, _state: State) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Placing:
    """How signals are to be placed: by these assets, or by record if there are none."""

    assets: Assets | None
    among: Sequence[str] = ()
    """By record: patterns of the signals that come among the values of a record, whose name is theirs up to
    the last dot. By asset nobody notes that. All others are taken to come in records of their own."""
    learns_assets: bool = False
    """Whether a state is an asset's, and its key the same however signals are placed."""
    open_alert: Callable[[State], str] = _nothing
    """What is open of a state, for people; "" if nothing is."""
    is_current: Callable[[SignalKey, State], bool] = _always
    """Whether a state has its signal's parameters; one that has others starts anew with its next value."""

    def check(self, keys: Iterable[SignalKey]) -> None:
        """Check, before anything is changed, that these signals can be placed.

        Raises: `ConfigurationError` if the name of a signal `among` values does not say its record.
        """
        if self.assets is None and not self.learns_assets:
            for key in keys:
                self._key(key)

    def placed(self, states: AnyStates, before: Assets | None, report: Callable[[str], None]) -> AnyStates:
        """The states by the keys that they have from now on; `report` is told of each that does not go on.

        Of two states of one signal, the one with the signal's parameters goes on; of two such ones the one
        that has learned more; of equal ones that of records of the signal's own. It keeps its own
        checkpoints: those say what it has learned, and no other state.

        Raises: as `check`.
        """
        if self.assets == before:
            return states
        if self.learns_assets:
            for key, state in states.items():
                self._tell_regrouped(key, state, report)
            return states
        by_key: defaultdict[SignalKey, list[SignalKey]] = defaultdict(list)
        for key in states:
            by_key[self._key(key)].append(key)
        if self.assets is None:
            among = sum(key.record_signal != key.signal for key in by_key)
            report(
                f"signals that are taken to come in records of their own: {len(by_key) - among:,}; among the "
                f"values of a record: {among:,}. Those that come otherwise start anew"
            )
        found: dict[SignalKey, State] = {}
        for key, keys in by_key.items():
            kept = max(keys, key=lambda each: self._rank(each, states[each]))
            found[key] = states[kept]
            for other in sorted(set(keys) - {kept}):
                report(self._told(states, kept, other))
        return found

    def _rank(self, key: SignalKey, state: State) -> tuple[bool, int, bool, SignalKey]:
        """The higher one of two states of a signal goes on."""
        return self.is_current(key, state), state.learned, key.record_signal == key.signal, key

    def _key(self, key: SignalKey) -> SignalKey:
        if self.assets is not None:
            return placed(key, self.assets)
        signal = key.signal
        if not any(matches(pattern, signal) for pattern in self.among):
            return SignalKey(signal, signal)
        record_signal, _, name = signal.rpartition(".")
        if not record_signal or not name:
            raise ConfigurationError(
                f"--among matches {signal!r}, whose name has no dot with text on both sides: nothing says "
                "which record it is of. Nothing was moved: run it again with another pattern"
            )
        return SignalKey(record_signal, signal)

    def _told(self, states: AnyStates, kept: SignalKey, other: SignalKey) -> str:
        """What becomes of two states of a signal."""
        one, two = states[kept], states[other]
        text = (
            f"{kept.signal} has two models: {_came(kept)}, of {pluralize(one.learned, 'observation')}, which "
            f"goes on, and {_came(other)}, of {pluralize(two.learned, 'observation')}, which ends here and "
            "stays in the versions of its old page"
        )
        if one.learned < two.learned:
            text += ": it has other parameters than signals.yaml and use_cases.py say here"
        if alert := self._open_alert(two):
            text += f". {alert}: no event will clear it"
        behind = [
            shard.shard_id
            for shard, own in two.checkpoints.items()
            if (further := one.checkpoints.get(shard)) is not None
            and own.sequence_number < further.sequence_number
        ]
        if behind:
            text += (
                f". If records of {', '.join(sorted(behind))} were still to be delivered again, those that "
                "lie before the checkpoint of the one that goes on are not learned"
            )
        return printable(text)

    def _open_alert(self, state: State) -> str:
        try:
            return self.open_alert(state)
        except UnreadableModel:
            return "Whether an alert is open cannot be read"

    def _tell_regrouped(self, key: SignalKey, state: State, report: Callable[[str], None]) -> None:
        """Say so if the values of an asset's rows are of other assets from now on."""
        if self.assets is None:
            return
        asset = key.signal
        last: dict[str, float] = getattr(state.model, "last", {}) | getattr(state.model, "row", {})
        names = [f"{asset}{separator}{name}" for name in last for separator in _SEPARATORS]
        others = {found for name in names if (found := self.assets.of(name)) not in (asset, name)}
        if others:
            report(
                printable(
                    f"{asset}: values of its rows are of {', '.join(sorted(others))} from now on, by "
                    f"signals.yaml: that is learned anew, and the model of {asset} stays as it is, with "
                    f"{pluralize(state.learned, 'observation')}"
                )
            )


def _came(key: SignalKey) -> str:
    if key.record_signal == key.signal:
        return "one of values in records of its own"
    return f"one of values among those of {key.record_signal}"
