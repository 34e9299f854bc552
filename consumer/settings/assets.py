"""The asset of each signal, as the placement by asset and whatever joins signals of one machine have it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from consumer.decode.signal_names import identity
from consumer.errors import ConfigurationError
from consumer.settings.patterns import is_wild, matcher

_SIGNALS_KNOWN_MAX = 100_000
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SITEWISE = re.compile(rf"({_UUID}):{_UUID}")


class AssetRule(NamedTuple):
    """Signals that `signals.yaml` says are of one asset."""

    patterns: tuple[str, ...]
    asset: str


class Assets:
    """The asset of each signal: SiteWise's id; else what the rules say; else its name up to the last dot.

    It depends on the name and the rules alone, so that a signal has the same one whatever brings it. Equal
    rules make equal `Assets`.

    >>> assets = Assets([AssetRule(("p3.*", "oil"), "Press 3")])
    >>> [assets.of(name) for name in ("line1.press.force", "p3.force", "oil", "temperature")]
    ['line1.press', 'Press 3', 'Press 3', 'temperature']
    """

    def __init__(self, rules: Sequence[AssetRule] = ()) -> None:
        self.rules = tuple(rules)
        self.id = identity(self.rules)[:16]
        """Differs between rules."""
        self._exact: dict[str, int] = {}
        self._wild = []
        for number, rule in enumerate(self.rules):
            for pattern in rule.patterns:
                if is_wild(pattern):
                    self._wild.append((number, matcher(pattern)))
                else:
                    self._exact[pattern] = number
        self._wild.reverse()
        self.of = lru_cache(_SIGNALS_KNOWN_MAX)(self._of)
        """The asset of the signal of this name."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Assets) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def written(self) -> bytes:
        """The rules as they are kept in the bucket."""
        return msgspec.json.encode(self.rules)

    def _of(self, signal: str) -> str:
        if of_sitewise := _SITEWISE.fullmatch(signal):
            return of_sitewise[1]
        wild = next((number for number, match in self._wild if match(signal)), -1)
        last = max(wild, self._exact.get(signal, -1))
        return _named(signal) if last < 0 else self.rules[last].asset


def read_assets(written: bytes) -> Assets:
    """The same again, of what `Assets.written` made. Raises: `ConfigurationError` for anything else."""
    try:
        return Assets(msgspec.json.decode(written, type=list[AssetRule]))
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"these are no rules of assets: {error}") from error


def _named(signal: str) -> str:
    """What a name says of its asset: what stands before the last dot, or before a colon behind all dots.

    The colon is that of ids which are SiteWise's in form, such as those of a plant that is simulated. A name
    with neither is an asset of its own.

    >>> [_named(name) for name in ("line3.press.force", "line3.press:force", "temperature", ".hidden")]
    ['line3.press', 'line3.press', 'temperature', '.hidden']
    """
    asset, _, last = signal.rpartition(".")
    before, colon, _ = last.rpartition(":")
    if colon and before:
        return f"{asset}.{before}" if asset else before
    return asset or signal
