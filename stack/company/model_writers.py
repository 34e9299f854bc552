"""Who may write models and mutes, where `cdk.json` names operators: they and the functions, nobody else."""

from collections.abc import Iterable

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from consumer.events.mutes import MUTES_KEY
from stack.buckets import bucket_emptier

_WRITES = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]


def let_only_write(models: s3.Bucket, functions: Iterable[iam.IRole], operators: Iterable[str]) -> None:
    """Deny all others to write or delete models and mutes, whatever their own policies allow.

    A session of a role is compared by the ARN of its role. Whoever may change the bucket's policy, the
    account's root user at least, can take the denial back.
    """
    writers = [*(role.role_arn for role in functions), *operators]
    if (emptier := bucket_emptier(Stack.of(models))) is not None:
        writers.append(emptier.role_arn)
    models.add_to_resource_policy(
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=_WRITES,
            resources=[models.arn_for_objects("models/*"), models.arn_for_objects(f"{MUTES_KEY}*")],
            conditions={"ArnNotLike": {"aws:PrincipalArn": writers}},
        )
    )
