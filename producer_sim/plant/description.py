"""The content of a plant's file, typed and checked."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from consumer.decode.signal_names import CONTROL_CHARACTER
from producer_sim.run_folder import InjectedKind

_FIELDS_OF_A_NAME = {"line", "asset", "number"}
_A_TIME = "a time is a number of seconds after the start, such as 90, or a share of the run, such as 50%"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time after the start: `seconds`, or a share of the run; the other is 0."""

    seconds: float = 0.0
    share: float = 0.0

    def after(self, run_s: float) -> float:
        """Seconds after the start of a run of that length."""
        return self.seconds + self.share * run_s


def _moment(value: Any) -> Moment:
    if isinstance(value, Moment):
        return value
    if isinstance(value, str) and (share := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)):
        if float(share[1]) <= 100.0:
            return Moment(share=float(share[1]) / 100.0)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value < 1e9:
        return Moment(seconds=float(value))
    raise ValueError(f"{_A_TIME}; not {value!r}")


class Between(NamedTuple):
    """Two times; each signal draws its own between them."""

    low: Moment
    high: Moment


def _between(value: Any) -> Any:
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError(f"{_A_TIME}; or two of them in brackets, to draw from between")
        return Between(_moment(value[0]), _moment(value[1]))
    return Between(_moment(value), _moment(value))


class Noise(_Strict):
    """White noise, or autocorrelated if `correlation` is not 0; `deviation` is that of the series."""

    deviation: float = Field(gt=0.0, le=1e6)
    correlation: float = Field(0.0, ge=0.0, lt=1.0)


class Cycle(_Strict):
    """A wave of `period_s`, `amplitude` to both sides; `phase` is a share of the period."""

    period_s: float = Field(gt=0.0)
    amplitude: float = Field(ge=0.0, le=1e6)
    shape: Literal["sine", "square", "triangle", "sawtooth"] = "sine"
    phase: float | Literal["random"] = "random"

    @field_validator("phase", mode="before")
    @classmethod
    def _check_phase(cls, phase: Any) -> Any:
        if phase != "random" and not (isinstance(phase, int | float) and 0.0 <= phase < 1.0):
            raise ValueError(f"a phase is a share of the period, 0 to below 1, or 'random'; not {phase!r}")
        return phase


class Family(_Strict):
    """Signals of one kind; `share` is a weight among families without `count`."""

    name: str
    unit: str
    level: tuple[float, float]
    noise: Noise
    count: int | None = Field(None, ge=0)
    share: float | None = Field(None, gt=0.0)
    assets_per_line: int = Field(4, ge=1)
    cycles: tuple[Cycle, ...] = ()
    trend_per_hour: float = Field(0.0, ge=-1e6, le=1e6)
    decimals: int = Field(3, ge=0, le=9)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        fields = set(re.findall(r"{(.*?)}", name))
        if not fields & {"asset", "number"} or not fields <= _FIELDS_OF_A_NAME:
            raise ValueError(
                "a name has {asset} or {number} in it, may have {line}, and nothing else in braces, "
                f"as in line{{line}}.pump{{asset}}.flow; not {name!r}"
            )
        if CONTROL_CHARACTER.search(name) or len(name.encode()) > 200:
            raise ValueError("a name has at most 200 bytes, and no control characters")
        return name

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str) -> str:
        if CONTROL_CHARACTER.search(unit) or len(unit) > 200:
            raise ValueError("a unit has at most 200 characters, and no control characters")
        return unit

    @field_validator("level")
    @classmethod
    def _check_level(cls, level: tuple[float, float]) -> tuple[float, float]:
        if level[0] > level[1] or max(map(abs, level)) > 1e9:
            raise ValueError(f"a level is [lowest, highest], within ±1e9; not {list(level)}")
        return level

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if (self.count is None) == (self.share is None):
            raise ValueError("a family has either 'count' or 'share'")
        return self


class FaultDescription(_Strict):
    """A fault: what goes wrong, where and when. Several kinds take turns over the signals.

    Units: `size` is in deviations of the signal's noise (of a ramp: what it reaches in the end; of a
           variance: times the deviation), and of `late` in seconds. `density` is a share of observations.
    """

    kind: tuple[InjectedKind, ...]
    families: tuple[str, ...] = ()
    signal: str | None = None
    count: int | None = Field(None, ge=1)
    share: float | None = Field(None, gt=0.0, le=1.0)
    at: Annotated[Between, BeforeValidator(_between)] = Between(Moment(), Moment())
    lasts: Annotated[Moment, BeforeValidator(_moment)] = Moment(share=1.0)
    size: float | None = Field(None, gt=0.0, le=1e6)
    density: float | None = Field(None, gt=0.0, le=1.0)

    @field_validator("kind", "families", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_signals(self) -> Self:
        if not self.kind:
            raise ValueError("a fault has a kind")
        if self.signal is not None and (self.families or self.count or self.share):
            raise ValueError("a fault has either 'signal', or 'families' with 'count' or 'share'")
        if self.signal is None and (self.count is None) == (self.share is None):
            raise ValueError("a fault has 'signal', 'count' or 'share', and one of them only")
        return self


class PlantDescription(_Strict):
    """A plant's file: families of signals by name, and faults."""

    signals: int = Field(200, ge=1, le=10_000_000)
    families: dict[str, Family] = Field(min_length=1)
    faults: tuple[FaultDescription, ...] = ()
