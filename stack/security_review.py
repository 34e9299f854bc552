"""cdk-nag's AWS Solutions rules: findings are fixed, or acknowledged next to the resource with a reason."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct


def review(app: App) -> None:
    """Make every synthesis of the app fail if a rule has a finding that is not acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks())


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings on a construct and everything in it: finding -> why it is harmless here."""
    for finding, reason in reasons.items():
        _acknowledge(construct, f"AwsSolutions::{finding}", reason)


def acknowledge_wildcards(role: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept wildcards in a role's policy: ARN with a `*` -> why."""
    for arn, reason in reasons.items():
        reported = _as_reported(Stack.of(role).resolve(arn))
        _acknowledge(role, f"AwsSolutions::AwsSolutions-IAM5[Resource::{reported}]", reason)


def acknowledge_warning(construct: IConstruct, warning: str, reason: str) -> None:
    """Accept a warning of CDK itself."""
    _acknowledge(construct, f"Annotation::@aws-cdk/{warning}", reason)


def _acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def _as_reported(arn: Any) -> str:
    """An ARN as cdk-nag writes it: `<LogicalId.Arn>/models/*`.

    >>> _as_reported({"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/models/*"]]})
    '<Bucket.Arn>/models/*'
    """
    if isinstance(arn, str):
        return arn
    if "Fn::Join" in arn:
        return "".join(_as_reported(part) for part in arn["Fn::Join"][1])
    if "Ref" in arn:
        return f"<{arn['Ref']}>"
    return f"<{'.'.join(arn['Fn::GetAtt'])}>"
