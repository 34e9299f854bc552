"""Private buckets: encrypted, TLS only, no public access."""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnResource, CustomResourceProviderBase, Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.company.customer_key import customer_key
from stack.config import PlantConfig
from stack.security_review import acknowledge, acknowledge_controls

REMOVAL = {"keep": RemovalPolicy.RETAIN, "destroy": RemovalPolicy.DESTROY}
_OLD_VERSIONS_MAX = 10


def private_bucket(
    scope: Construct, name: str, plant: PlantConfig, *, versioned: bool = False, access_log_reason: str
) -> s3.Bucket:
    """A bucket that is deleted with the stack if the plant's `removal` says so.

    A versioned one keeps the ten newest old versions of each object; others expire after a day. Its access
    logs go where the plant says, each bucket's under the path of its construct.
    """
    rules: Sequence[s3.LifecycleRule] = [
        s3.LifecycleRule(
            abort_incomplete_multipart_upload_after=Duration.days(1),
            noncurrent_version_expiration=Duration.days(1) if versioned else None,
            noncurrent_versions_to_retain=_OLD_VERSIONS_MAX if versioned else None,
        )
    ]
    logged_to = plant.logs.access_logs_bucket
    access_logs = s3.Bucket.from_bucket_name(scope, f"{name}Logs", logged_to) if logged_to else None
    key = customer_key(scope, plant.kms_key_arn, f"{name}Key")
    bucket = s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        # A key of the bucket's own for a while, rather than a call of KMS for each page.
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=versioned,
        lifecycle_rules=rules,
        server_access_logs_bucket=access_logs,
        server_access_logs_prefix=f"{scope.node.path}/{name}/" if access_logs else None,
        removal_policy=REMOVAL[plant.removal],
        auto_delete_objects=plant.removal == "destroy",
    )
    if access_logs is None:
        acknowledge(bucket, {"AwsSolutions-S1": access_log_reason})
        acknowledge_controls(bucket, {"S3BucketLoggingEnabled": access_log_reason})
    reason = (
        "S3 keeps each object in three availability zones. Models in another region would be of no "
        "use without the stream, which is in this one only."
    )
    acknowledge_controls(bucket, {"S3BucketReplicationEnabled": reason})
    if not versioned:
        reason = "Each object is written once, under a name that is not used again; nothing overwrites it."
        acknowledge_controls(bucket, {"S3BucketVersioningEnabled": reason})
    return bucket


def bucket_emptier(stack: Stack) -> CustomResourceProviderBase | None:
    """What empties the buckets when the stack is deleted; None where they are kept."""
    found = stack.node.try_find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
    return found if isinstance(found, CustomResourceProviderBase) else None


def tag_bucket_emptier(stack: Stack, tags: Mapping[str, str]) -> None:
    """Tag its role and function, which CDK makes without a construct that takes the stack's tags."""
    emptier = bucket_emptier(stack)
    for made in emptier.node.children if emptier is not None else ():
        if isinstance(made, CfnResource):
            listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
            made.add_property_override("Tags", listed)


def model_bucket(scope: Construct, plant: PlantConfig) -> s3.IBucket:
    """The bucket in which the functions keep their models and quarantine.

    It is versioned, so that a page can be rolled back. Pages are written every few seconds, so old versions
    expire soon. Of one that exists, nothing is changed: docs/deploy.md says what it must have.
    """
    own = Construct(scope, "Models")
    if plant.models_bucket:
        return s3.Bucket.from_bucket_name(own, "Bucket", plant.models_bucket)
    return private_bucket(
        own,
        "Bucket",
        plant,
        versioned=True,
        access_log_reason=(
            "Only the functions of this stack may write here, each under its own prefix, and every write "
            "is a version that the function's log identifies by its ETag. Server access logs would be "
            "more objects than the models; CloudTrail data events can be enabled for an audit."
        ),
    )


def failed_batch_bucket(scope: Construct, plant: PlantConfig) -> s3.Bucket:
    """The bucket for batches that ran out of retries or became too old: each whole, with the reason."""
    return private_bucket(
        Construct(scope, "FailedBatches"),
        "Bucket",
        plant,
        access_log_reason=(
            "Only Lambda writes here, one object for each batch that was given up, and an alarm reports "
            "every one. Operators read them rarely, and CloudTrail can record it."
        ),
    )
