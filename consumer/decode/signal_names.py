"""Names of signals: which are allowed, which page they share, which seed their model starts from."""

import json
import re
from functools import lru_cache
from hashlib import md5, sha256
from typing import NamedTuple, NewType

from consumer.errors import Unlearnable

Signal = NewType("Signal", str)

NAME_BYTES_MAX = 512
# Names come again with each batch. An entry takes some 300 bytes.
_NAMES_KNOWN_MAX = 20_000
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class SignalKey(NamedTuple):
    """A signal, and the signal of the record that carries it, whose page it shares.

    The two differ only for the named values of one record, which arrive together and so are kept together.
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
def own_key(name: str) -> SignalKey:
    """The key of a signal that its records bring alone; raises `Unlearnable` for what cannot be its name."""
    return SignalKey(check_name(name), name)


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
