"""Where operators are named, they and the functions write models and mutes, and nobody else does."""

import pytest

from tests.stack.company.policies import ACCOUNT, Principal, function_of, may, role_arn
from tests.stack.synthesis import of_type, template

SSO = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operators_"
KEEPERS = role_arn("keepers")
USE_CASES = ("drift", "shift")
PLANT = {"use_cases": {name: {} for name in USE_CASES}, "operators": [f"{SSO}*", KEEPERS]}
OWNED = template(PLANT, USE_CASES)
WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")
WRITTEN = ("models/drift/0123/pages/16/3", "models/shift/0123/layout.json", "mutes.json")


def models(of: dict) -> str:
    [found] = [name for name in of_type(of, "AWS::S3::Bucket") if name.startswith("Models")]
    return found


@pytest.mark.parametrize("use_case", USE_CASES)
def test_each_function_writes_the_pages_of_its_use_case_and_no_others(use_case):
    role, bucket = function_of(OWNED, use_case), models(OWNED)
    for written in WRITTEN:
        own = written.startswith(f"models/{use_case}/")
        assert may(OWNED, role, "s3:PutObject", bucket, written) == own
        assert not may(OWNED, role, "s3:DeleteObject", bucket, written)


@pytest.mark.parametrize("arn", [f"{SSO}0123456789abcdef", KEEPERS])
def test_operators_write_and_delete_models_and_mutes(arn):
    for action in WRITES:
        for key in WRITTEN:
            assert may(OWNED, Principal(arn), action, models(OWNED), key)


@pytest.mark.parametrize(
    "arn",
    [
        role_arn("administrators"),
        f"arn:aws:iam::{ACCOUNT}:user/keepers",
        KEEPERS.replace(ACCOUNT, "210987654321"),
        f"{KEEPERS}-2",
        f"arn:aws:iam::{ACCOUNT}:root",
        None,
    ],
)
def test_nobody_else_writes_them_whatever_iam_allows_and_reading_stays_as_it_was(arn):
    who, bucket = Principal(arn), models(OWNED)
    for key in WRITTEN:
        assert not any(may(OWNED, who, action, bucket, key) for action in WRITES)
        assert may(OWNED, who, "s3:GetObject", bucket, key)
    assert may(OWNED, who, "s3:PutObject", bucket, "quarantine/drift/x")
    assert may(OWNED, who, "s3:PutBucketPolicy", bucket), "so nobody is locked out for good"
    assert may(OWNED, who, "s3:DeleteBucketPolicy", bucket)


def test_the_stack_can_still_empty_its_buckets_when_it_is_deleted():
    destroyed = template({**PLANT, "removal": "destroy"}, USE_CASES)
    [emptier] = [
        name for name in of_type(destroyed, "AWS::IAM::Role") if name.startswith("CustomS3AutoDelete")
    ]
    for action in WRITES[1:]:
        assert may(destroyed, Principal(role_arn(emptier)), action, models(destroyed), WRITTEN[0])
    assert not may(OWNED, Principal(role_arn(emptier)), WRITES[1], models(OWNED), WRITTEN[0])


def test_by_default_nobody_is_denied_it():
    shipped = template()
    assert all(
        may(shipped, Principal(role_arn("anybody")), one, models(shipped), WRITTEN[0]) for one in WRITES
    )
