"""How many observations of some signals were learned and quarantined, as the bucket of models counts them.

Needs `s3:ListBucket` and `s3:GetObject` on that bucket.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from clients.deployment import ModelsOf
from clients.errors import StatesUnreadable
from consumer.errors import UnreadablePage
from consumer.events.quarantine import RECORD, each_rejected, quoted
from consumer.pages.codec import PageCodec
from consumer.pages.layout import BY_ASSET, Layout
from consumer.pages.store import check_page_size
from consumer.plant import plant

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, order=True)
class Counts:
    """Observations since the first look."""

    learned: int = 0
    skipped: int = 0
    quarantined: int = 0

    @property
    def total(self) -> int:
        """All that are settled."""
        return self.learned + self.skipped + self.quarantined


class LearnedCounts:
    """Counts of some signals in the models of one use case.

    Fingerprints of models or libraries that were deployed earlier may lie beside the current one. They do not
    matter: all counts are differences to the first look. A look lists the objects, and reads those whose ETag
    has changed.
    """

    def __init__(self, s3: "S3Client", models: ModelsOf, stream_name: str, signals: Collection[str]) -> None:
        """Take the first look."""
        self._s3 = s3
        self._bucket = models.bucket
        self._signals = frozenset(signals)
        self._record_signals = _record_signals(signals)
        self._codec = PageCodec()
        if use_case := plant().use_cases.get(models.use_case):
            self._codec.check(use_case)  # imports River now, not at the first page
        self._e_tags: dict[str, str] = {}
        self._pages: dict[str, tuple[int, int]] = {}
        self._keys: dict[Layout, frozenset[str]] = {}
        self._models_prefix = f"models/{quoted(models.use_case)}/"
        self._quarantine_prefix = f"quarantine/{quoted(models.use_case)}/{quoted(stream_name)}/"
        self._reasons: dict[str, str] = {}
        self._quarantine_known = {key for key, _ in self._listed(self._quarantine_prefix)}
        self._read_pages(unreadable_is_error=False)
        self._base = self._sums()

    def look(self) -> Counts:
        """Count what has happened since the first look.

        Raises: `StatesUnreadable`; what botocore raises.
        """
        self._read_pages(unreadable_is_error=True)
        self._read_quarantine()
        learned, skipped = self._sums()
        return Counts(learned - self._base[0], skipped - self._base[1], len(self._reasons))

    @property
    def reasons(self) -> list[str]:
        """The reasons for quarantine, each once."""
        return sorted(set(self._reasons.values()))

    def _sums(self) -> tuple[int, int]:
        return sum(page[0] for page in self._pages.values()), sum(page[1] for page in self._pages.values())

    def _read_pages(self, unreadable_is_error: bool) -> None:
        for key, e_tag in self._listed(self._models_prefix):
            if self._e_tags.get(key) == e_tag or not self._may_hold(key):
                continue
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=key)
                check_page_size(key, found["ContentLength"])
                states = self._codec.decode(found["Body"].read())
            except UnreadablePage as error:
                if unreadable_is_error:
                    raise StatesUnreadable(
                        f"s3://{self._bucket}/{key} was just written and cannot be read: {error}. Install "
                        "the deployed versions: consumer/requirements.lock"
                    ) from error
                self._e_tags[key] = e_tag
                continue
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                continue  # removed since it was listed
            ours = [state for (_, signal), state in states.items() if signal in self._signals]
            self._pages[key] = sum(state.learned for state in ours), sum(state.skipped for state in ours)
            self._e_tags[key] = found["ETag"]

    def _may_hold(self, key: str) -> bool:
        """Whether our signals may be on this page: most plants have thousands of others."""
        match key.removeprefix(self._models_prefix).split("/"):
            case [mark, "pages", pages, _]:
                layout = Layout(f"{self._models_prefix}{mark}", int(pages))
            case [mark, "signals", _]:
                layout = Layout(f"{self._models_prefix}{mark}", 0)
            case [_, folder, _, _, _]:  # by asset, which its rules say
                return folder == BY_ASSET
            case _:
                return False
        if layout not in self._keys:
            self._keys[layout] = frozenset(map(layout.key_of, self._record_signals))
        return key in self._keys[layout]

    def _read_quarantine(self) -> None:
        for key, _ in self._listed(self._quarantine_prefix):
            if key in self._quarantine_known or key.endswith(RECORD):
                continue
            content = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            for line in each_rejected(content):
                # What could not be decoded has no signal; it may be ours, so it counts.
                if line["signal"] is None or line["signal"] in self._signals:
                    self._reasons[line["id"]] = line["reason"]
            self._quarantine_known.add(key)

    def _listed(self, prefix: str) -> Iterator[tuple[str, str]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for listed in page.get("Contents", []):
                yield listed["Key"], listed["ETag"]


def _record_signals(signals: Collection[str]) -> frozenset[str]:
    """The signals whose records may carry these: themselves, and assets with several values.

    >>> sorted(_record_signals(["line1.pump1.flow"]))
    ['line1', 'line1.pump1', 'line1.pump1.flow']
    """
    found = set(signals)
    for signal in signals:
        parts = signal.split(".")
        found.update(".".join(parts[:length]) for length in range(1, len(parts)))
    return frozenset(found - {""})
