"""The versions of objects in a versioned bucket, and the pages in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from consumer.errors import ConfigurationError, UnreadablePage
from consumer.pages.codec import PageCodec, States
from consumer.pages.store import check_page_size
from ops.target import Target, aws_answers


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object. S3 gives its time in whole seconds."""

    key: str
    version_id: str
    written_s: float


@dataclass(frozen=True, slots=True)
class ObjectVersions:
    """A bucket, through a boto3 client of S3."""

    client: Any
    bucket: str

    def of(self, key: str) -> list[Version]:
        """The versions that are kept, newest first, without delete markers. Raises: `Unavailable`."""
        found = []
        with aws_answers(f"the versions of {key}"):
            pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
            for page in pages:
                found += [
                    Version(key, version["VersionId"], version["LastModified"].timestamp())
                    for version in page.get("Versions", [])
                    if version["Key"] == key
                ]
        return sorted(found, key=lambda version: -version.written_s)  # S3 lists those of a second in order

    def body(self, version: Version) -> bytes:
        """What it holds. Raises: `UnreadablePage` if it is larger than any page; `Unavailable`."""
        with aws_answers(f"the version {version.version_id} of {version.key}"):
            found = self.client.get_object(Bucket=self.bucket, Key=version.key, VersionId=version.version_id)
            check_page_size(version.key, found["ContentLength"])
            body: bytes = found["Body"].read()
        return body


def last_version(
    target: Target, key: str, is_early: Callable[[States], bool]
) -> tuple[Version, States] | None:
    """The last version of a page that is early enough, with its states; None: the bucket keeps none so old.

    Binary search: all versions before an early one are early, unless the page was rolled back.

    Raises: `ConfigurationError` if there are no versions; `UnreadablePage`, `Unavailable`.
    """
    bucket = ObjectVersions(target.client("s3"), target.model_bucket)
    versions = bucket.of(key)[::-1]
    if not versions:
        raise ConfigurationError(f"{target.name} keeps no versions of {key}")
    found, first, end = None, 0, len(versions)
    while first < end:  # oldest first: a version costs a request each
        middle = (first + end) // 2
        version = versions[middle]
        try:
            states = PageCodec().decode(bucket.body(version))
        except UnreadablePage as error:
            text = f"the version {version.version_id} of {version.key} cannot be read: {error}"
            raise UnreadablePage(text) from error
        if is_early(states):
            found, first = (version, states), middle + 1
        else:
            end = middle
    return found
