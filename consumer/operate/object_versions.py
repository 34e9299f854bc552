"""The versions of objects in a versioned bucket, and what there is in a bucket since when."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from consumer.operate.where import aws_answers


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object. S3 tells its time in whole seconds."""

    key: str
    version_id: str
    written_s: float


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as it is now."""

    key: str
    written_s: float


@dataclass(frozen=True, slots=True)
class ObjectVersions:
    """A bucket, through a boto3 client of S3."""

    client: Any
    bucket: str

    def of(self, key: str) -> list[Version]:
        """Those that are kept, newest first, but for deletions. Raises: `Unavailable`."""
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
        """What it holds. Raises: `Unavailable`."""
        with aws_answers(f"the version {version.version_id} of {version.key}"):
            found = self.client.get_object(Bucket=self.bucket, Key=version.key, VersionId=version.version_id)
            body: bytes = found["Body"].read()
        return body

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The objects whose keys begin so. Raises: `Unavailable`."""
        with aws_answers(f"what lies under {prefix}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                for found in page.get("Contents", []):
                    yield Listed(found["Key"], found["LastModified"].timestamp())
