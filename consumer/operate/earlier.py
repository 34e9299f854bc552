"""Earlier versions of a page, as the bucket keeps them."""

from collections.abc import Callable
from dataclasses import dataclass

from consumer.core.errors import ConfigurationError, UnreadablePage
from consumer.edge.page_codec import PageCodec, States
from consumer.operate.object_versions import ObjectVersions, Version
from consumer.operate.where import Where


@dataclass(frozen=True, slots=True)
class Earlier:
    """One version of a page, and when it was written, in seconds since 1970."""

    version: str
    written_s: float
    states: States


def last_version(where: Where, key: str, is_early: Callable[[States], bool]) -> Earlier | None:
    """The last version of a page that is early enough; None where the bucket keeps none that old.

    What is too early for one version is so for all before it, apart from those of a page rolled back.

    Raises: `ConfigurationError` where there are no versions, `UnreadablePage`, `Unavailable`.
    """
    bucket = ObjectVersions(where.client("s3"), where.model_bucket)
    versions = bucket.of(key)[::-1]
    if not versions:
        raise ConfigurationError(f"{where.name} keeps no versions of {key}")
    found, first, end = None, 0, len(versions)
    while first < end:  # oldest first: a version costs a request each
        middle = (first + end) // 2
        one = _read(bucket, versions[middle])
        if is_early(one.states):
            found, first = one, middle + 1
        else:
            end = middle
    return found


def _read(bucket: ObjectVersions, version: Version) -> Earlier:
    try:
        states = PageCodec().decode(bucket.body(version))
    except UnreadablePage as error:
        text = f"the version {version.version_id} of {version.key} cannot be read: {error}"
        raise UnreadablePage(text) from error
    return Earlier(version.version_id, version.written_s, states)
