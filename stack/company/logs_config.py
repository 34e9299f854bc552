"""How long logs are kept, and where the buckets' access is logged, as `cdk.json` says it."""

from typing import Literal

from stack.field_types import BucketName, Strict

RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip
"""What CloudWatch Logs allows."""


class LogsConfig(Strict):
    """The logs of the functions and of events, and the buckets' access logs."""

    retention_days: RetentionDays = 30
    """How long CloudWatch keeps a line."""
    access_logs_bucket: BucketName | None = None
    """An existing bucket to which S3 writes who read and wrote the plant's buckets."""
