"""Names of signals: which are allowed, which page they share, which seed their model starts from."""

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import md5, sha256
from itertools import islice
from typing import NamedTuple, NewType, Protocol

import numpy as np
import numpy.typing as npt

from consumer.errors import Unlearnable

Signal = NewType("Signal", str)

NAME_BYTES_MAX = 512
# Names come again with each batch. An entry takes some 300 bytes.
_NAMES_KNOWN_MAX = 20_000
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class SignalKey(NamedTuple):
    """A signal, and the signal of the record that carries it, whose page it shares.

    The two differ only for the named values of one record, which arrive together and so are kept together.
    Where models are placed by asset, `record_signal` is the signal's asset, whatever its records name.
    """

    record_signal: str
    signal: str


def check_name(name: object) -> Signal:
    """Give `name` back if it can name a signal, else raise `Unlearnable`."""
    if not isinstance(name, str):
        raise Unlearnable(f"a signal's name is text, not {type(name).__name__}")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise Unlearnable("the signal's name is not UTF-8: it holds half a surrogate pair") from None
    if not 1 <= length <= NAME_BYTES_MAX:
        raise Unlearnable(f"the signal's name has {length} bytes; 1 to {NAME_BYTES_MAX} are allowed")
    if CONTROL_CHARACTER.search(name):
        raise Unlearnable(f"the signal's name holds a control character: {name!r}")
    return Signal(name)


@lru_cache(_NAMES_KNOWN_MAX)
def page_of(record_signal: str, pages: int) -> int:
    """The page, 0 to `pages` - 1, by the top bits of the hash that assigns a partition key to a shard.

    >>> [page_of(name, 16) for name in ("compressor1.pressure", "compressor1.temperature")]
    [13, 11]
    """
    top = int.from_bytes(md5(record_signal.encode(), usedforsecurity=False).digest()[:8])
    return top * pages >> 64


def seed_of(use_case: str, signal: str) -> int:
    """A model's seed, 32 bits, from names alone: whoever learns the signal anew draws the same numbers."""
    return int.from_bytes(sha256(f"{use_case}\0{signal}".encode()).digest()[:4])


def identity(*parts: object) -> str:
    """32 hexadecimal digits that depend on the parts alone.

    >>> identity("drift", 1) == identity("drift", 1) != identity("drift", "1")
    True
    """
    # `json` escapes half a surrogate pair, which a partition key may hold and UTF-8 may not.
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


class _OfNames(dict[str, int]):
    """The numbers of the signals that their records bring alone, by name: all that were ever asked for."""

    def __init__(self, keys: list[SignalKey], record_signals: list[str]) -> None:
        super().__init__()
        self._keys, self._record_signals = keys, record_signals

    def __missing__(self, name: str) -> int:
        check_name(name)
        number = self[name] = len(self._keys)
        self._keys.append(SignalKey(name, name))
        self._record_signals.append(name)
        return number


class AssetOf(Protocol):
    """What says the asset of a signal; equal ones say the same."""

    @property
    def of(self) -> Callable[[str], str]:
        """The asset of the signal of this name."""

    def __hash__(self) -> int: ...


def placed(key: SignalKey, assets: AssetOf | None) -> SignalKey:
    """The signal's key, by which its state is known; None: by record.

    With assets, what comes alone and what comes among the values of a record is one signal.
    """
    return key if assets is None else SignalKey(assets.of(key.signal), key.signal)


class SignalNumbers:
    """Numbers for signals, from 0 on, by which arrays know them. A record's names are checked once."""

    def __init__(self) -> None:
        self.keys: list[SignalKey] = []
        """By number."""
        self.record_signals: list[str] = []
        """Of each, by number: the signal that its records name."""
        self._of_names = _OfNames(self.keys, self.record_signals)
        self._of_parts: dict[tuple[str, str], int] = {}
        self._of_others: dict[SignalKey, int] = {}
        """The parts, by their keys, and what a page holds under names that no record can bring."""
        self._pages: dict[int, npt.NDArray[np.int64]] = {}
        self._by_asset: dict[AssetOf, npt.NDArray[np.int64]] = {}

    def of_names(self, names: Iterable[str]) -> list[int]:
        """The numbers of signals that their records bring alone. Raises: `Unlearnable`, as `check_name`."""
        return list(map(self._of_names.__getitem__, names))

    def of_name(self, name: str) -> int:
        """The number of a signal that its records bring alone. Raises: `Unlearnable`, as `check_name`."""
        return self._of_names[name]

    def of_part(self, record_signal: str, name: str) -> int:
        """The number of one of several values, by its name. Raises: `Unlearnable`, as `check_name`."""
        number = self._of_parts.get((record_signal, name))
        if number is None:
            if name == "":
                raise Unlearnable("one of the several values has no name")
            key = SignalKey(check_name(record_signal), f"{record_signal}.{name}")
            check_name(key.signal)
            number = self._of_parts[record_signal, name] = self.number_of(key)
        return number

    def number_of(self, signal: SignalKey | str) -> int:
        """The number of any signal, by its key, or by its name if its records bring it alone."""
        key = SignalKey(signal, signal) if isinstance(signal, str) else signal
        if key.record_signal == key.signal:
            try:
                return self._of_names[key.signal]
            except Unlearnable:
                pass
        number = self._of_others.get(key)
        if number is None:
            number = self._of_others[key] = len(self.keys)
            self.keys.append(key)
            self.record_signals.append(key.record_signal)
        return number

    def pages(self, count: int) -> npt.NDArray[np.int64]:
        """The page, of so many, of each signal by number."""
        known = self._pages.get(count, np.empty(0, np.int64))
        if len(known) < len(self.keys):
            further = [page_of(key.record_signal, count) for key in self.keys[len(known) :]]
            known = self._pages[count] = np.concatenate([known, np.array(further, np.int64)])
        return known

    def by_asset(self, assets: AssetOf) -> npt.NDArray[np.int64]:
        """By number, the number of the same signal's key where models are placed by asset."""
        known = self._by_asset.get(assets, np.empty(0, np.int64))
        if len(known) < len(self.keys):
            further = []
            for key in islice(self.keys, len(known), None):  # it grows meanwhile
                further.append(self.number_of(placed(key, assets)))
            known = self._by_asset[assets] = np.concatenate([known, np.array(further, np.int64)])
        return known


_SIGNALS_KNOWN_MAX = 200_000
_known = SignalNumbers()


def known_signals() -> SignalNumbers:
    """The numbers of the signals that this process has seen; other ones when it has seen very many."""
    global _known
    if len(_known.keys) > _SIGNALS_KNOWN_MAX:
        _known = SignalNumbers()
    return _known
