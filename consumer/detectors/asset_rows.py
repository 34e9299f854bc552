"""An asset: the values that arrive for it within a few seconds, each of one property, as one observation."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, Self

import msgspec
from msgspec import Meta

from consumer.decode.batch import Batch
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.decode.values import iso8601
from consumer.detectors.alert_policy import AlertState, Change, Finding
from consumer.detectors.base import Late, Severity, UseCase
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.errors import ConfigurationError, JoinedRow, ModelRaised, brief, is_models_own

NAMES_MAX = 200
"""Properties of an asset: one that makes names up cannot grow its state without end."""
_COUNT_MAX = 2**53
_REASON_MAX = 1_500
"""Letters of a reason for quarantine: it stands in a line for each value of the row."""


class NamedValue(float):
    """A value, and which property of its asset it is of."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, value: float, name: str) -> Self:
        """The value itself, with a name beside it."""
        named = super().__new__(cls, value)
        named.name = name
        return named


@model_state("row_buffer")
class RowBuffer(ModelState):
    """A model; `row` are the values that wait for others, `last` those of the rows before."""

    model: AnyState
    row: dict[str, float] = msgspec.field(default_factory=dict)
    started_s: float | None = None
    last: dict[str, float] = msgspec.field(default_factory=dict)
    left_out: Annotated[int, Meta(ge=0, le=_COUNT_MAX)] = 0
    """Values of properties beyond the most that an asset may have."""


class EndedRow(NamedTuple):
    """A row, and the index of the observation that ended it, which may not be of it."""

    ended_by: int
    values: dict[str, float]
    """Of all properties: those that did not come have their last ones."""
    own: dict[str, float]
    joined: JoinedRow

    @property
    def at_s(self) -> float | None:
        """When it began."""
        return self.joined.started_s


@dataclass(frozen=True, slots=True)
class AssetUseCase(UseCase):
    """Joins the values of an asset into rows, and lets another use case learn these.

    A row ends when it has all properties that the asset ever had, when one comes a second time, or `within_s`
    after its first value. A property that did not come keeps its last value. The values that one record
    brings under several names are of that record's asset; single ones of what `pattern` finds in their
    signals' names, in the groups `asset` and `name`. They are to share a partition key: the asset. Without a
    pattern single values are not learned: a stream may carry more than this use case is for. Where models are
    placed by asset, the asset of a signal is the one that it is placed by, however its values come; the
    pattern is for signals that are of no asset but themselves. Beyond the first 200 properties,
    values are left out, and counted in the evidence.
    """

    rows: UseCase
    """The use case of the rows, such as `ClustersUseCase`: it is given dicts for values."""
    within_s: float = 5.0
    pattern: str | None = r"(?P<asset>.+)[:./](?P<name>[^:./]+)"
    # Findings are those of the rows, which are learned as they come.
    kind: str = field(init=False)
    detail_type: str = field(init=False)
    severity: Severity = field(init=False)
    late: Late = field(init=False, default="learn")
    sensor_checks: None = field(init=False, default=None)

    def __post_init__(self) -> None:
        for name in ("kind", "detail_type", "severity"):
            object.__setattr__(self, name, getattr(self.rows, name))
        if self.rows.late != "learn":
            raise ConfigurationError("rows cannot skip what comes late: their values have times of their own")
        if self.pattern is not None and not {"asset", "name"} <= re.compile(self.pattern).groupindex.keys():
            raise ConfigurationError(f"the pattern {self.pattern!r} has no groups `asset` and `name`")

    @property
    def parameters(self) -> Any:
        """What the models depend on."""
        return ["asset", self.rows.parameters, self.within_s, self.pattern]

    def asset_of(self, key: SignalKey) -> tuple[str, str] | None:
        """The asset and the property of a signal; None where it is not learned."""
        if key.record_signal != key.signal:
            return key.record_signal, _property_of(key)
        if self.pattern is None:
            return None
        found = re.fullmatch(self.pattern, key.signal)
        return (found["asset"], found["name"]) if found else (key.signal, "value")

    def create(self, seed: int) -> RowBuffer:
        """A model that has seen no row."""
        return RowBuffer(self.rows.create(seed))

    def learn(
        self,
        buffer: RowBuffer,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Learn the rows that these values end; a finding is at the value that ended its row."""
        ended = self._ended(buffer, values, timestamps)
        # Numbers in place of names: River's distances go through sets of features, and the order of texts in
        # a set differs from process to process.
        rows: list[Any] = [dict(enumerate(row.values.values())) for row in ended]
        of_rows: list[float] | None = None if scores is None else []
        try:
            found = self.rows.learn(buffer.model, rows, [row.at_s for row in ended], of_rows)
        except ModelRaised as error:
            raise _raised(ended[error.index], error.reason) from error
        except BaseException as error:
            if len(ended) != 1 or not is_models_own(error):
                raise
            raise _raised(ended[0], f"the model raised {brief(error)}") from error
        if scores is not None and of_rows is not None:
            by_value = dict(zip((row.ended_by for row in ended), of_rows, strict=True))
            scores += [by_value.get(index, 0.0) for index in range(len(values))]
        findings: dict[tuple[int, Change], Finding] = {}  # a value may end two rows, and has one id a change
        for finding in found:
            if finding.index < 0:
                raise IndexError(f"there is no row {finding.index}")
            row = ended[finding.index]
            evidence = _with_names(finding, row.values)
            if buffer.left_out:
                evidence["values_left_out"] = buffer.left_out
            named = Finding(row.ended_by, evidence, finding.change)
            findings.setdefault((row.ended_by, finding.change), named)
        return list(findings.values())

    def merge_signals(self, batch: Batch) -> int:
        """Put the columns of an asset's signals together, in the order of their records.

        Returns how many observations are of no asset.
        """
        left_out = 0
        parts: defaultdict[str, list[tuple[str, SignalColumns]]] = defaultdict(list)
        for key, columns in batch.signals.items():
            asset = self.asset_of(key)
            if asset is None:
                left_out += len(columns.values)
            else:
                parts[asset[0]].append((asset[1], columns))
        batch.signals = {SignalKey(asset, asset): _merged(named) for asset, named in parts.items()}
        return left_out

    def learned_as(self, key: SignalKey) -> SignalKey | None:
        """The asset; None if the signal is of none."""
        asset = self.asset_of(key)
        return None if asset is None else SignalKey(asset[0], asset[0])

    def forget_row(self, model: RowBuffer, values: dict[str, float], started_s: float | None = None) -> bool:
        """Remove the row that waits: the values of the rows before are not changed by it."""
        if model.row != values or started_s not in (None, model.started_s):
            return False
        model.row, model.started_s = {}, None
        return True

    @property
    def learns_assets(self) -> bool:
        """Always."""
        return True

    def alert_of(self, model: RowBuffer) -> AlertState | None:
        """That of the rows' model."""
        return self.rows.alert_of(model.model)

    def _ended(
        self, buffer: RowBuffer, values: Sequence[float], timestamps: Sequence[float | None]
    ) -> list[EndedRow]:
        """Add the values, and take out the rows that they end."""
        ended: list[EndedRow] = []
        waiting, indices = dict(buffer.row), list[int]()

        def end(index: int) -> None:
            nonlocal waiting, indices
            own, joined = buffer.row, JoinedRow(tuple(indices), waiting, buffer.started_s)
            buffer.last |= own
            buffer.row, waiting, indices = {}, {}, []
            ended.append(EndedRow(index, dict(buffer.last), own, joined))

        for index, value in enumerate(values):
            name, at_s = name_of(value), timestamps[index]
            if buffer.row and (name in buffer.row or self._is_past(buffer.started_s, at_s)):
                end(index)
            if not buffer.row:
                buffer.started_s = at_s
            if name in buffer.last or len(buffer.last) + len(buffer.row) < NAMES_MAX:
                buffer.row[name] = float(value)
                indices.append(index)
            else:
                buffer.left_out = min(buffer.left_out + 1, _COUNT_MAX)
            if buffer.last and buffer.last.keys() <= buffer.row.keys():
                end(index)
        return ended

    def _is_past(self, started_s: float | None, at_s: float | None) -> bool:
        return started_s is not None and at_s is not None and abs(at_s - started_s) > self.within_s


def _property_of(key: SignalKey) -> str:
    """What a signal is called within its asset: its name, without the asset's where it begins with that.

    >>> [_property_of(SignalKey(*key)) for key in (("p3", "p3.force"), ("p3", "p30.heat"), ("Press", "oil"))]
    ['force', 'p30.heat', 'oil']
    """
    asset, signal = key
    if signal.startswith(asset) and signal[len(asset) : len(asset) + 1] in (".", ":"):
        return signal[len(asset) + 1 :]
    return signal


def name_of(value: float) -> str:
    """Which property of its asset a value is of."""
    return value.name if isinstance(value, NamedValue) else "value"


def _raised(row: EndedRow, reason: str) -> ModelRaised:
    """That the rows' model raised at this one."""
    values = ", ".join(f"{name} {value:.6g}" for name, value in row.own.items())
    at = "" if row.at_s is None else f" of {iso8601(row.at_s)}"
    return ModelRaised(row.ended_by, f"{reason}, at the row{at}: {values}"[:_REASON_MAX], row.joined)


def _with_names(finding: Finding, row: dict[str, float]) -> dict[str, Any]:
    """The evidence, with the row's values; what is by number in it is by name."""
    evidence = finding.evidence | {"values": row}
    signals = evidence.get("signals")
    if isinstance(signals, dict) and signals and finding.change != "cleared":
        names = list(row)
        by_name = {names[number]: part for number, part in signals.items()}
        name, first = next(iter(by_name.items()))
        says = f"{name} {first['observed']:.4g}, where {first['expected']:.4g} is expected beside the others"
        evidence |= {"signals": by_name, "says": says}
    return evidence


def _merged(named: list[tuple[str, SignalColumns]]) -> SignalColumns:
    # No two observations share a place, so that nothing but places is compared.
    entries = sorted(
        (record, position, NamedValue(value, name), timestamp)
        for name, columns in named
        for record, position, value, timestamp in zip(
            columns.records, columns.positions, columns.values, columns.timestamps, strict=True
        )
    )
    skipped = sorted(
        place
        for _, columns in named
        for place in zip(columns.skipped, columns.skipped_positions, strict=True)
    )
    return SignalColumns(
        [value for _, _, value, _ in entries],
        [timestamp for _, _, _, timestamp in entries],
        [record for record, _, _, _ in entries],
        [position for _, position, _, _ in entries],
        [record for record, _ in skipped],
        [position for _, position in skipped],
    )
