"""Which mode a machine is in at an observation: of what its page has committed, and of the records so far.

What is known of a mode is kept with the signal that tells it, and grows record by record: at an observation
all counts that came with its record or before, whatever else the batch holds. So signals that have a mode are
learned before the one that tells it, and this one never gets ahead of them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from consumer.decode.batch import Batch
from consumer.decode.observed_columns import SignalColumns
from consumer.detectors.asset_rows import name_of
from consumer.detectors.modes.by_mode import ModeSignalState, ModesState
from consumer.detectors.modes.mode_rule import ModeRule, Phase
from consumer.detectors.modes.timeline import Timeline
from consumer.errors import is_models_own
from consumer.learning.state import State

UNKNOWN = Phase(None, is_known=False)


class Tellings(NamedTuple):
    """What a batch says of a mode. Shape: three columns of one length, in the order of the records."""

    records: Sequence[int]
    at_s: Sequence[float | None]
    modes: Sequence[float]

    @classmethod
    def of(cls, columns: SignalColumns, indices: Sequence[int], batch: Batch) -> "Tellings":
        """Those at these indices."""
        records = [columns.records[index] for index in indices]
        arrived_s = batch.records.arrived_s
        own = (columns.timestamps[index] for index in indices)
        return cls(
            records,
            [arrived_s[record] if at_s is None else at_s for record, at_s in zip(records, own, strict=True)],
            [float(columns.values[index]) for index in indices],
        )


NOTHING = Tellings((), (), ())


class ModeTrack:
    """What is known of a mode, as it grows with the records of a batch; the timeline is changed in place."""

    def __init__(self, timeline: Timeline, tellings: Tellings) -> None:
        self.timeline, self._tellings, self._done = timeline, tellings, 0

    def go_to(self, record: int) -> None:
        """Know what was told up to a record, and with it."""
        tellings, end = self._tellings, bisect_right(self._tellings.records, record)
        for at in range(self._done, end):
            self.timeline.note(tellings.at_s[at], tellings.modes[at])
        self._done = max(self._done, end)


class ModeView(NamedTuple):
    """The mode of one signal in one batch: what tells it, by which rule."""

    rule: ModeRule | None
    """Of the signal; None: of no signal in particular."""
    timeline: Timeline
    """What is known before the batch."""
    tellings: Tellings
    own: str | None = None
    """Of an asset: which of its values tells it."""

    def track(self) -> ModeTrack:
        """From before the batch on."""
        return ModeTrack(self.timeline.copy(), self.tellings)


def timeline_of(state: State | None) -> Timeline | None:
    """What is known with the signal that tells a mode; None where its model is none of such a signal."""
    try:
        model = None if state is None else state.model
    except BaseException as error:  # an altered page: the signal is set aside, and its mode not known
        if not is_models_own(error):
            raise
        return None
    return model.timeline if isinstance(model, ModeSignalState) else None


def view_of_asset(
    rule: ModeRule, asset: str, state: State, columns: SignalColumns, indices: Sequence[int], batch: Batch
) -> tuple[ModeView, ModeTrack]:
    """The mode of an asset, which is one of its values; the track changes what its state knows."""
    assert isinstance(state.model, ModesState)
    own, timeline = rule.property_of(asset), state.model.timeline
    telling = [index for index in indices if name_of(columns.values[index]) == own]
    view = ModeView(rule, timeline.copy(), Tellings.of(columns, telling, batch), own)
    return view, ModeTrack(timeline, view.tellings)
