"""Which page holds a signal, and under which key."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from consumer.core.quarantine import quoted
from consumer.core.signals import SignalKey, page_of

_SEGMENT_BYTES_MAX = 600


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pages of a use case and fingerprint lie: in `pages` objects, or one a signal if 0."""

    prefix: str
    pages: int

    def key_of(self, carrier: str) -> str:
        """The key of the page that holds the signals which `carrier`'s records bring."""
        if self.pages == 0:
            return f"{self.folder}{_segment(carrier)}"
        return f"{self.folder}{page_of(carrier, self.pages)}"

    def grouped(self, keys: Iterable[SignalKey]) -> dict[str, list[SignalKey]]:
        """The signals by the keys of their pages."""
        groups: defaultdict[str | int, list[SignalKey]] = defaultdict(list)
        if self.pages == 0:
            for key in keys:
                groups[key.carrier].append(key)
        else:
            for key in keys:
                groups[page_of(key.carrier, self.pages)].append(key)
        return {self.key_of(group[0].carrier): group for group in groups.values()}

    @property
    def folder(self) -> str:
        """What the keys of all its pages begin with, and no other."""
        return f"{self.prefix}/pages/{self.pages}/" if self.pages else f"{self.prefix}/signals/"


def prefix_of(use_case: str, fingerprint: str) -> str:
    """Where all that was learned under this use case and fingerprint lies."""
    return f"models/{quoted(use_case)}/{fingerprint}"


def _segment(carrier: str) -> str:
    """The quoted name; a very long one ends in its hash, for S3's keys have at most 1,024 bytes."""
    name = quoted(carrier)
    if len(name) <= _SEGMENT_BYTES_MAX:
        return name
    return f"{name[:_SEGMENT_BYTES_MAX]}~{sha256(carrier.encode()).hexdigest()}"
