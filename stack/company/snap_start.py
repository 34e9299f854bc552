"""Which regions have Lambda's SnapStart for Python."""

SNAP_START_REGIONS = frozenset(
    {
        "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
        "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
        "ap-southeast-5", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2",
        "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1",
        "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1",
        "us-west-2",
    }
)  # fmt: skip
"""As of November 2026, from cfn-lint 1.58.0, which keeps AWS's list, and with which a test compares it.

AWS's own: https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-supported-regions. It has
neither the newest regions (Taipei, New Zealand) nor those of China and GovCloud.
"""


def has_snap_start(region: str | None) -> bool:
    """Whether a function there can start from a snapshot; where the region is not known, we hope so.

    >>> has_snap_start("eu-west-1"), has_snap_start("cn-north-1"), has_snap_start(None)
    (True, False, True)
    """
    return region is None or region in SNAP_START_REGIONS


def left_out(region: str | None) -> str:
    """What it means that the functions have no SnapStart there."""
    return (
        f"SnapStart is left out: Lambda in {region} has none for Python. A cold start takes seconds more; "
        '"snap_start": false says that you know'
    )
