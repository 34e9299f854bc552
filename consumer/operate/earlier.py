"""Earlier versions of a page, as the bucket keeps them."""

from collections.abc import Callable
from dataclasses import dataclass

from consumer.core.errors import ConfigurationError, UnreadablePage
from consumer.edge.page_codec import PageCodec, States
from consumer.operate.where import Where, aws_answers


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
    versions = _versions(where, key)
    if not versions:
        raise ConfigurationError(f"{where.name} keeps no versions of {key}")
    found, first, end = None, 0, len(versions)
    while first < end:  # oldest first: a version costs a request each
        middle = (first + end) // 2
        one = _read(where, key, *versions[middle])
        if is_early(one.states):
            found, first = one, middle + 1
        else:
            end = middle
    return found


def _versions(where: Where, key: str) -> list[tuple[str, float]]:
    """Ids and times of writing, oldest first."""
    client = where.client("s3")
    with aws_answers(f"the versions of {key}"):
        pages = client.get_paginator("list_object_versions").paginate(Bucket=where.model_bucket, Prefix=key)
        found = [
            (one["VersionId"], one["LastModified"].timestamp())
            for page in pages
            for one in page.get("Versions", [])
            if one["Key"] == key
        ]
    return found[::-1]  # S3 lists the newest first


def _read(where: Where, key: str, version: str, written_s: float) -> Earlier:
    client = where.client("s3")
    with aws_answers(f"the version {version} of {key}"):
        got = client.get_object(Bucket=where.model_bucket, Key=key, VersionId=version)
        body = got["Body"].read()
    try:
        return Earlier(version, written_s, PageCodec().decode(body))
    except UnreadablePage as error:
        raise UnreadablePage(f"the version {version} of {key} cannot be read: {error}") from error
