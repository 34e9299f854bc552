"""The company's own KMS key, by which the stack's resources are encrypted; its policy is not the stack's.

docs/deploy.md says what that policy has to allow: AWS's services use the key in their own name.
"""

from aws_cdk import aws_kms as kms
from constructs import Construct


def customer_key(scope: Construct, key_arn: str | None, name: str = "CustomerKey") -> kms.IKey | None:
    """The key as a construct of this scope; None where AWS's own keys encrypt."""
    return None if key_arn is None else kms.Key.from_key_arn(scope, name, key_arn)
