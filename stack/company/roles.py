"""A boundary and a prefix for every role of a stack, CDK's own too."""

import jsii
from aws_cdk import Aspects, CfnResource, IAspect, Names, Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from stack.company.company_config import RolesConfig

ROLE_NAME_MAX = 64
_REGION_MAX = 16
_ROLE = "AWS::IAM::Role"


def keep_rules(stack: Stack, roles: RolesConfig) -> None:
    """Give each role of the stack, whoever makes it and whenever, what the company asks for."""
    if (boundary := roles.permissions_boundary) is not None:
        policy = iam.ManagedPolicy.from_managed_policy_arn(stack, "PermissionsBoundary", boundary)
        iam.PermissionsBoundary.of(stack).apply(policy)
    if roles.name_prefix is not None:
        Aspects.of(stack).add(_Named(roles.name_prefix))


@jsii.implements(IAspect)
class _Named:
    """Names roles: the prefix, where the role is in the stack with a hash of that, and the region.

    The names of roles are the account's, in all regions: two stacks, or one in two regions, share none.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def visit(self, node: IConstruct) -> None:
        """Called for every construct of the stack."""
        if not CfnResource.is_cfn_resource(node):
            return
        assert isinstance(node, CfnResource)
        if node.cfn_resource_type != _ROLE:
            return
        most = ROLE_NAME_MAX - len(self._prefix) - len("-") - _REGION_MAX
        name = Names.unique_resource_name(node, max_length=most, separator="-")
        node.add_property_override("RoleName", f"{self._prefix}{name}-{Stack.of(node).region}")
