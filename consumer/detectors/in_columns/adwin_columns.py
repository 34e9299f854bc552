"""The states of drifts whose detectors are ADWINs, as arrays; a window is made when it is asked for."""

import operator
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from river._river_rust.drift import AdaptiveWindowing
from river.drift import ADWIN

from consumer.detectors.drift import DriftState
from consumer.detectors.state_columns import COUNT_FAR, Floats, Integers, Places
from consumer.detectors.state_layouts import INTEGER_MAX, Unfit
from consumer.errors import is_models_own

BUCKETS_MAX = 1000
# Where the state of a window has its own parameters, at its beginning and again at its end: delta, clock and
# the number of buckets. River has no name for them.
_AT_START = struct.Struct("<diQ")
_AT_END = struct.Struct("<diQII")

Parameters = tuple[Any, ...]
PARAMETERS = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
_ATTRIBUTES = len(PARAMETERS) + len(("_drift_detected", "_helper"))
_parameters_of = operator.itemgetter(*PARAMETERS)
_get_state = operator.methodcaller("__getstate__")


def window(parameters: Parameters, state: bytes) -> AdaptiveWindowing:
    """A window again. Raises: `ValueError` and `struct.error` for the state of none."""
    _, _, max_buckets, *_ = parameters
    _, _, first = _AT_START.unpack_from(state)
    _, _, last, _, _ = _AT_END.unpack_from(state, len(state) - _AT_END.size)
    if max(max_buckets, first, last) > BUCKETS_MAX:
        raise ValueError(
            f"a window of {max(max_buckets, first, last)} buckets in a row, and {BUCKETS_MAX} are the most"
        )
    made = AdaptiveWindowing(*parameters)
    made.__setstate__(state)
    return made


class AdwinNumbers(NamedTuple):
    """What is kept of one state."""

    parameters: Parameters
    values: int
    total: float
    drifted: bool
    window: bytes | AdaptiveWindowing
    """Its state, until somebody asks for it."""


class AdwinColumns:
    """States at places; those of places never written have no meaning. Shape: each of one length.

    A window that is there is what counts, but for `windows`, which has the states of windows that have
    learned nothing since: whoever lets one learn sets that to None.
    """

    def __init__(self, count: int) -> None:
        self.parameters: list[Parameters] = []
        """Each once; `which` are indices into them."""
        self.which: Integers = np.zeros(count, np.int64)
        self.counts: Integers = np.zeros(count, np.int64)
        self.totals: Floats = np.zeros(count)
        self.drifted: npt.NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.helpers: list[AdaptiveWindowing | None] = [None] * count
        self.windows: list[bytes | None] = [None] * count

    def __len__(self) -> int:
        """How many places there are."""
        return len(self.helpers)

    def grow(self, count: int) -> None:
        """Have at least so many places."""
        added = count - len(self)
        if added > 0:
            for name in ("which", "counts", "totals", "drifted"):
                setattr(self, name, np.pad(getattr(self, name), (0, added)))
            self.helpers += [None] * added
            self.windows += [None] * added

    def keep(self, places: Places) -> None:
        """Have only these places, in this order."""
        for name in ("which", "counts", "totals", "drifted"):
            setattr(self, name, getattr(self, name)[places])
        self.helpers = [self.helpers[place] for place in places.tolist()]
        self.windows = [self.windows[place] for place in places.tolist()]

    @staticmethod
    def numbers_of(state: Any) -> AdwinNumbers:
        """What to keep of a state. Raises: `Unfit` unless it is an ADWIN and nothing else."""
        if type(state) is not DriftState or type(state.detector) is not ADWIN:
            raise Unfit("it is no ADWIN")
        named = vars(state.detector)
        if len(named) != _ATTRIBUTES or type(named.get("_helper")) is not AdaptiveWindowing:
            raise Unfit("somebody has added to it")
        try:
            parameters = _parameters_of(named)
        except KeyError as error:
            raise Unfit(f"it has no {error}") from error
        drifted = named.get("_drift_detected")
        if type(state.count) is not int or type(state.total) is not float or type(drifted) is not bool:
            raise Unfit("its numbers are of other types")
        if not 0 <= state.count <= INTEGER_MAX or not are_parameters(parameters):
            raise Unfit("its numbers are no counts")
        return AdwinNumbers(parameters, state.count, state.total, drifted, named["_helper"])

    def numbers_at(self, place: int) -> AdwinNumbers:
        """What is kept at a place."""
        kept: bytes | AdaptiveWindowing | None = self.helpers[place]
        if kept is None:
            kept = self.windows[place]
        assert kept is not None, "there is a state at this place"
        return AdwinNumbers(
            self.parameters[self.which[place]],
            int(self.counts[place]),
            float(self.totals[place]),
            bool(self.drifted[place]),
            kept,
        )

    @staticmethod
    def state_of(numbers: AdwinNumbers) -> DriftState:
        """The state again. Raises: `ValueError` and `struct.error` for a window that is none."""
        parameters, count, total, drifted, kept = numbers
        helper = window(parameters, kept) if type(kept) is bytes else kept
        detector = ADWIN.__new__(ADWIN)
        attributes = vars(detector)  # in the order in which River's own constructor sets them
        attributes["_drift_detected"] = drifted
        attributes.update(zip(PARAMETERS, parameters, strict=True), _helper=helper)
        return DriftState(detector, count, total)

    def take(self, place: int) -> DriftState:
        """The state at a place, with the window that is kept there. Raises: as `state_of`."""
        return self.state_of(self.numbers_at(place))

    def put(self, places: Sequence[int], numbers: Sequence[AdwinNumbers]) -> None:
        """Write what is to be kept of states to their places."""
        if not places:
            return
        parameters, counts, totals, drifted, windows = zip(*numbers, strict=True)
        table = {each: index for index, each in enumerate(self.parameters)}
        self.which[places] = [table.setdefault(each, len(table)) for each in parameters]
        self.parameters = [*table]
        self.counts[places], self.totals[places], self.drifted[places] = counts, totals, drifted
        for place, kept in zip(places, windows, strict=True):
            is_packed = type(kept) is bytes
            self.windows[place] = kept if is_packed else None
            self.helpers[place] = None if is_packed else kept

    def are_far(self, places: Sequence[int] | slice) -> Any:
        """Which of these have a count that may not grow in the arrays."""
        return self.counts[places] > COUNT_FAR

    def clear(self, places: Sequence[int]) -> None:
        """Have nothing at these places."""
        for place in places:
            self.helpers[place] = self.windows[place] = None

    def read(self, places: Sequence[int]) -> list[int]:
        """Make the windows that are not made yet; returns the places of those that cannot be read."""
        unreadable = []
        parameters, helpers, windows, which = self.parameters, self.helpers, self.windows, self.which
        for place in places:
            if helpers[place] is None:
                try:
                    helpers[place] = window(parameters[which[place]], windows[place] or b"")
                except BaseException as error:
                    if not (is_models_own(error) or isinstance(error, MemoryError)):
                        raise
                    unreadable.append(place)
        return unreadable

    def written(self, are_there: npt.NDArray[np.bool_]) -> list[bytes]:
        """The states of the windows by place, where there are any; b"" elsewhere."""
        helpers, windows = self.helpers, self.windows
        if None in windows:
            for place in are_there.nonzero()[0].tolist():
                if windows[place] is None:
                    windows[place] = _get_state(helpers[place])
        return [state or b"" for state in windows]


def are_parameters(parameters: Parameters) -> bool:
    """Whether they can be read from a page: one that cannot would make the page unreadable."""
    kinds = [*map(type, parameters)] == [float, int, int, int, int]
    return kinds and all(abs(number) < 2**63 for number in parameters[1:])
