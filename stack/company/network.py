"""A function in a VPC of the company's."""

from aws_cdk import aws_lambda as lambda_

from stack.company.company_config import VpcConfig


def put_inside(function: lambda_.Function, vpc: VpcConfig) -> None:
    """Let the function reach AWS through the VPC's subnets, where the plant names one.

    Not through CDK's `Vpc`: for one that exists it looks into the account, or warns that it did not.
    """
    if vpc.id is None:
        return
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=vpc.subnet_ids, security_group_ids=vpc.security_group_ids
    )
