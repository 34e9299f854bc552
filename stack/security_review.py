"""cdk-nag's rules: findings are fixed, or acknowledged next to the resource with a reason.

AWS Solutions is for all plants; the packs of NIST 800-53 R5 and HIPAA are for those that ask for them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import (
    Acknowledgment,
    App,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    Stack,
    Validations,
)
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NagPack, NIST80053R5Checks
from constructs import IConstruct

from stack.company.company_config import RulePack

_PACKS: dict[RulePack, Callable[[], NagPack]] = {
    "nist-800-53-r5": NIST80053R5Checks,
    "hipaa": HIPAASecurityChecks,
}
# What each of them is called in its findings.
_CONTROLS = ("NIST.800.53.R5", "HIPAA.Security")


def review(app: App, asked_for: Mapping[Stack, Sequence[RulePack]] | None = None) -> None:
    """Make every synthesis of the app fail if a rule has a finding that is not acknowledged.

    `asked_for`: the packs that a stack is to pass besides AWS Solutions, which all of them have to.
    """
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    for stack, packs in (asked_for or {}).items():
        for pack in packs:
            Validations.of(app).add_plugins(_PackForStack(_PACKS[pack](), stack))


@jsii.implements(IPolicyValidationPlugin)
class _PackForStack:
    """A rule pack for one stack; the pack itself would look at all stacks of the app."""

    def __init__(self, pack: NagPack, stack: Stack) -> None:
        self._pack, self._stack = pack, stack

    @property
    def name(self) -> str:
        """What the report calls it, and acknowledgements begin with."""
        return self._pack.read_pack_name

    @property
    def version(self) -> str | None:
        """Not in the report, as for AWS Solutions."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """Only for statistics of CDK's."""
        return None

    def validate(self, _context: Any) -> PolicyValidationPluginReport:
        """The findings; CDK takes out those that are acknowledged."""
        return self._pack.validate_scope(self._stack)


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings on a construct and everything in it: finding -> why it is harmless here."""
    for finding, reason in reasons.items():
        _acknowledge(construct, f"AwsSolutions::{finding}", reason)


def acknowledge_controls(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of NIST 800-53 R5 and HIPAA, which have the same rules: rule -> why it is harmless."""
    for rule, reason in reasons.items():
        for pack in _CONTROLS:
            _acknowledge(construct, f"{pack}::{pack}-{rule}", reason)


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
