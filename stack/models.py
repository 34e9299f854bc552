"""The bucket of the models and the quarantine."""

from constructs import Construct

from stack.config import PlantConfig
from stack.private_bucket import private_bucket


class Models(Construct):
    """The bucket in which the functions keep their models and quarantine.

    It is versioned, so that a page can be rolled back. Pages are written every few seconds, so old versions
    expire soon.
    """

    def __init__(self, scope: Construct, name: str, plant: PlantConfig) -> None:
        super().__init__(scope, name)
        self.bucket = private_bucket(
            self,
            "Bucket",
            plant,
            versioned=True,
            access_log_reason=(
                "Only the functions of this stack may write here, each under its own prefix, and every write "
                "is a version that the function's log identifies by its ETag. Server access logs would be "
                "more objects than the models; CloudTrail data events can be enabled for an audit."
            ),
        )
