"""Settings for single signals: names, limits, and other parameters for their models."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from consumer.decode.batch import Batch
from consumer.decode.signal_names import identity
from consumer.decode.times import TimeLimits
from consumer.detectors.alert_policy import DeadBand, Direction
from consumer.detectors.base import Severity, UseCase
from consumer.detectors.local_time import UTC_NAME
from consumer.detectors.modes.by_mode import ByMode, ModeSignal, modes_first
from consumer.detectors.modes.mode_rule import ModeRule, last_part
from consumer.errors import ConfigurationError
from consumer.settings.assets import AssetRule, Assets
from consumer.settings.calendars import Calendar, Span
from consumer.settings.patterns import is_wild, matcher, matches
from consumer.settings.tuning import with_parameters

_SIGNALS_KNOWN_MAX = 100_000
_ONE_LINE = r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
_Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_ONE_LINE)]
_Pattern = Annotated[str, Meta(min_length=1, max_length=512)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The bounds of a signal's values, in its unit."""

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.low, self.high) if limit is not None]
        if not given or not all(map(math.isfinite, given)):
            raise ValueError("allowed: low, high or both, finite numbers")
        if given != sorted(set(given)):
            raise ValueError(f"low is {self.low}, not below high, {self.high}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings for signals whose names match."""

    match: _Pattern | Annotated[list[_Pattern], Meta(min_length=1)]
    """Names of signals; `*` stands for any text, `?` for a character, `[ab]` for one of them, `[[]` for [."""
    name: _Name | None = None
    """What people call the signal."""
    asset: _Name | None = None
    """The machine it belongs to."""
    line: _Name | None = None
    """The line that the machine stands in."""
    unit: _Name | None = None
    limits: Limits | None = None
    """Every event shows them; a forecast reports when they will be crossed."""
    range: Limits | None = None
    """What the sensor can measure; other values are a sensor fault."""
    severity: Severity | None = None
    """The severity of its events, in place of the use case's."""
    time_zone: _Name | None = None
    """By whose clocks its hours go, by its IANA name; another one starts what learns by the hour anew."""
    least: float | str | None = None
    """How far from what was expected something is told: in the signal's unit, or in percent of it."""
    direction: Direction | None = None
    """In which direction from what was expected something is told; None: in both."""
    mode: ModeRule | None = None
    """Which signal tells the mode of its machine: each mode is learned by itself, and some not at all."""
    muted: bool | None = None
    """True keeps its events from alerts; it is learned all the same."""
    use_cases: dict[str, dict[str, Any]] = {}
    """Parameters, by the name of the use case; changing them starts the signal's model anew."""

    def __post_init__(self) -> None:
        # Not as a constraint of the type: when msgspec 0.22 drops a union of a text with a pattern and a list
        # with a length, it frees memory that it does not own, and Python ends in an abort.
        for pattern in self.patterns:
            if not re.search(_ONE_LINE, pattern):
                raise ValueError(f"match: allowed: one line of printable text, not {pattern!r}")

    @property
    def patterns(self) -> Sequence[str]:
        """All that are given."""
        return [self.match] if isinstance(self.match, str) else self.match


class CalendarEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A calendar, and of which signals it says when nothing is learned."""

    file: _Name
    """Beside the settings, in iCalendar's format."""
    match: _Pattern | Annotated[list[_Pattern], Meta(min_length=1)] = "*"
    learn: bool = False
    """Whether signals are learned during its events; if so, it is there for mutes."""
    spans: list[Span] | None = None
    """When its events are: filled in from the file where it is read, and not to be written."""

    @property
    def patterns(self) -> Sequence[str]:
        """All that are given."""
        return [self.match] if isinstance(self.match, str) else self.match


class SettingsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`consumer/signals.yaml`. Each field of a signal is that of the last entry that matches and has it."""

    version: Literal[1]
    signals: list[Entry] = []
    time_zone: _Name | None = None
    """Of the signals whose entries have none; None: UTC."""
    calendars: list[CalendarEntry] = []


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """The settings of one signal in one use case."""

    use_case: UseCase
    severity: Severity
    parameters: str = ""
    """Identifies the parameters of its model; empty: those of the use case."""
    is_muted: bool = False
    shown: dict[str, Any] = field(default_factory=dict)
    """What its events show beside its key: name, asset, line, unit and limits, if set."""
    pauses: Calendar | None = None
    """When nothing of it is learned or told."""
    mode: ModeRule | None = None
    """Which signal tells the mode of its machine."""
    is_mode: bool = False
    """Whether it tells that of others."""


class SettingsOfSignals:
    """The settings for single signals of one use case, and how its batches are made ready for them."""

    def __init__(
        self,
        name: str,
        use_case: UseCase,
        file: SettingsFile | None = None,
        times: TimeLimits = TimeLimits(),  # noqa: B008  # it is a constant
    ) -> None:
        self.use_case, self._name, self.times = use_case, name, times
        self._pausing = [] if file is None else [each for each in file.calendars if not each.learn]
        self.are_set = file is not None and bool(file.signals or file.time_zone or self._pausing)
        self.have_pauses = bool(self._pausing)
        """Whether a calendar says of some signals when nothing is learned."""
        self._entries = () if file is None else tuple(file.signals)
        self._telling = {each.mode.by for each in self._entries if each.mode}
        """Names of signals, or their last parts, that tell the mode of others."""
        self.have_modes = bool(self._telling)
        """Whether some signals have a mode."""
        self.assets = Assets(
            [AssetRule(tuple(each.patterns), each.asset) for each in self._entries if each.asset]
        )
        """The asset of each signal, `assets.of(name)`, by the settings as they are here."""
        self.placement: Assets | None = None
        """How `make_ready` places signals where its caller does not say: by asset; None: by record."""
        self._time_zone = None if file is None else file.time_zone
        self._exact: defaultdict[str, list[int]] = defaultdict(list)
        self._wild: list[tuple[int, Callable[[str], object]]] = []
        for number, entry in enumerate(self._entries):
            for pattern in entry.patterns:
                if is_wild(pattern):
                    self._wild.append((number, matcher(pattern)))
                else:
                    self._exact[pattern].append(number)
        self._of_entries = lru_cache(_SIGNALS_KNOWN_MAX)(self._merged)
        self._tuned = lru_cache(_SIGNALS_KNOWN_MAX)(self._tuned_use_case)
        self.calendars = {
            each.file: Calendar(each.spans or ()) for each in (() if file is None else file.calendars)
        }
        """By the names of their files."""
        self._calendar = lru_cache(_SIGNALS_KNOWN_MAX)(self._calendar_of)
        self.of = lru_cache(_SIGNALS_KNOWN_MAX)(self._of)
        """The settings of the signal of this name."""

    @property
    def time_zone(self) -> str:
        """Of the plant's clocks."""
        return self._time_zone or UTC_NAME

    def asset_and_line(self, signal: str) -> tuple[str, str]:
        """The machine of a signal, else what its name says before the last dot, and its line, or ""."""
        shown = self.of(signal).shown
        return shown.get("asset") or _asset_in(signal), shown.get("line", "")

    def make_ready(self, batch: Batch, placement: Assets | None = None) -> int:
        """Make ready to be learned what a batch was read to hold: all that reads records has to do it alike.

        Signals are placed; times that cannot be are not believed; then the signals that one model learns are
        merged. Returns how many observations no model of the use case learns.
        """
        batch.place(placement or self.placement)
        batch.disbelieve(self.times)
        return self.merge_signals(batch)

    def merge_signals(self, batch: Batch) -> int:
        """Put together the signals that one model learns; within a record, the mode of an asset comes first.

        Returns how many observations no model of the use case learns.
        """
        left_out = self.use_case.merge_signals(batch)
        if self._telling and self.use_case.learns_assets:
            rules = {key: self.of(key.signal).mode for key in batch.signals}
            batch.signals = {
                key: columns
                if (rule := rules[key]) is None
                else modes_first(columns, rule.property_of(key.signal))
                for key, columns in batch.signals.items()
            }
        return left_out

    def is_mode(self, signal: str) -> bool:
        """Whether a signal tells the mode of others; to a use case of assets it is one of the values."""
        if not self._telling or self.use_case.learns_assets:
            return False
        return signal in self._telling or last_part(signal) in self._telling

    def _of(self, signal: str) -> SignalSettings:
        numbers = {number for number, match in self._wild if match(signal)}
        calendars = tuple(
            number
            for number, each in enumerate(self._pausing)
            if any(matches(pattern, signal) for pattern in each.patterns)
        )
        entries = tuple(sorted(numbers.union(self._exact.get(signal, ()))))
        return self._of_entries(entries, calendars, self.is_mode(signal))

    def _calendar_of(self, numbers: tuple[int, ...]) -> Calendar | None:
        spans = [span for number in numbers for span in self._pausing[number].spans or ()]
        return Calendar(spans) if spans else None

    def _merged(self, numbers: tuple[int, ...], calendars: tuple[int, ...], is_mode: bool) -> SignalSettings:
        entries = [self._entries[number] for number in reversed(numbers)]
        limits: Limits | None = _last(entries, "limits")
        parameters = next(
            (each.use_cases[self._name] for each in entries if self._name in each.use_cases), {}
        )
        zone = _last(entries, "time_zone") or self._time_zone
        band = dead_band_of(_last(entries, "least"), _last(entries, "direction"))
        # A signal that tells the mode of others has none: it would have to know it of itself.
        rule = None if is_mode else _last(entries, "mode")
        use_case = self._tuned(
            msgspec.json.encode(parameters), zone, band, limits, _last(entries, "range"), rule, is_mode
        )
        is_other = use_case is not self.use_case and use_case.parameters != self.use_case.parameters
        shown = {name: _last(entries, name) for name in ("name", "asset", "line", "unit")}
        if limits:
            shown["limits"] = msgspec.to_builtins(limits)
        return SignalSettings(
            use_case,
            _last(entries, "severity") or self.use_case.severity,
            identity(use_case.parameters)[:16] if is_other else "",
            bool(_last(entries, "muted")),
            {name: value for name, value in shown.items() if value is not None},
            self._calendar(calendars),
            rule,
            is_mode,
        )

    def _tuned_use_case(
        self,
        parameters: bytes,
        zone: str | None,
        band: DeadBand | None,
        limits: Limits | None,
        measurable: Limits | None,
        rule: ModeRule | None,
        is_mode: bool,
    ) -> UseCase:
        """The use case with these settings: the same object for the same ones, as those learn together."""
        use_case = with_parameters(self.use_case, msgspec.json.decode(parameters))
        if zone:
            use_case = use_case.with_time_zone(zone)
        if band:
            use_case = use_case.with_dead_band(band)
        if limits:
            use_case = use_case.with_limits(limits.low, limits.high)
        if measurable:
            use_case = use_case.with_sensor_range(measurable.low, measurable.high)
        if rule:
            use_case = ByMode(use_case, rule)
        return ModeSignal(use_case) if is_mode else use_case


def dead_band_of(least: float | str | None, direction: Direction | None) -> DeadBand | None:
    """The dead band that an entry sets, if any.

    >>> dead_band_of("2%", None)
    DeadBand(least=0.0, least_share=0.02, direction='both')

    Raises: `ConfigurationError` for another text, or what is not above 0.
    """
    if least is None and direction is None:
        return None
    percent = _PERCENT.fullmatch(least) if isinstance(least, str) else None
    share = float(percent[1]) / 100.0 if percent else 0.0
    number = 0.0 if isinstance(least, str) or least is None else least
    if least is not None and not 0.0 < number + share < math.inf:
        raise ConfigurationError(
            f"least is {least!r}; allowed: a number above 0, or a percentage such as '2%'"
        )
    return DeadBand(number, share, direction or "both")


def _asset_in(signal: str) -> str:
    """What stands before the last part of a name.

    >>> [_asset_in(name) for name in ("line3.press.force", "3f8e:9d2b", "temperature")]
    ['line3.press', '3f8e', '']
    """
    return signal[: max(signal.rfind(sign) for sign in ".:/")] if re.search(r"[.:/]", signal) else ""


def _last(entries: Sequence[Entry], name: str) -> Any:
    """The field of the first entry that has it; `entries` begins with the last of the file."""
    return next((value for entry in entries if (value := getattr(entry, name)) is not None), None)
