"""What a plant's `cdk.json` says to tools that run its use cases on this machine."""

import json

from consumer.errors import ConfigurationError
from consumer.plant import Plant


def deployed_use_cases(plant: Plant) -> tuple[str, ...]:
    """The use cases that the stacks of the plant's `cdk.json` deploy, in its order; none without a folder.

    Raises: `ConfigurationError` where the file cannot be read, or names a use case that is not there.
    """
    if plant.folder is None:
        return ()
    file = plant.folder / "cdk.json"
    try:
        stacks = json.loads(file.read_text(encoding="utf-8"))["context"]["plants"].values()
        names = dict.fromkeys(name for stack in stacks for name in stack.get("use_cases", {"drift": {}}))
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{file} has no `context.plants` that can be read: {error!r}") from None
    for name in names:
        plant.use_case(name)
    return tuple(names)
