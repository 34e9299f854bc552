"""The bucket of models and quarantine."""

from constructs import Construct

from stack.config import PlantConfig
from stack.private_bucket import private_bucket


class Models(Construct):
    """Where the functions keep their models, and what can never be learned.

    Versioned, so that a page can be rolled back. Pages are written every few seconds: old versions go soon.
    """

    def __init__(self, scope: Construct, name: str, plant: PlantConfig) -> None:
        super().__init__(scope, name)
        self.bucket = private_bucket(
            self,
            "Bucket",
            plant,
            versioned=True,
            access_log_reason=(
                "Only the functions of this stack may write here, each its own prefix, and every write is a "
                "version that its ETag and the function's log tell apart. Server access logs would be more "
                "objects than the models; CloudTrail's data events can be switched on where an audit asks."
            ),
        )
