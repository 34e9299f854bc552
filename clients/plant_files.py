"""What a plant's `cdk.json` says to tools that run its use cases on this machine, or plan them."""

import json
from pathlib import Path
from typing import Any

from consumer.errors import ConfigurationError
from consumer.plant import Plant

CHECKOUT = Path(__file__).parents[1]


def configured_plants(plant: Plant) -> dict[str, dict[str, Any]]:
    """`context.plants` of the plant's `cdk.json`, without a folder this repository's: name -> fields.

    The fields are as they were written: `make synth` checks them.

    Raises: `ConfigurationError` where the file cannot be read, or a plant or use case in it has no fields.
    """
    file = (plant.folder or CHECKOUT) / "cdk.json"
    try:
        plants = dict(json.loads(file.read_text(encoding="utf-8"))["context"]["plants"])
        fields = {name: {"use_cases": {"drift": {}}} | of_one for name, of_one in plants.items()}
        for of_one in fields.values():
            if not all(isinstance(settings, dict) for settings in of_one["use_cases"].values()):
                raise TypeError("a use case without fields")
            if not of_one["use_cases"]:
                raise ValueError("no use cases")
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{file} has no `context.plants` that can be read: {error!r}") from None
    return fields


def deployed_use_cases(plant: Plant) -> tuple[str, ...]:
    """The use cases that the stacks of the plant's `cdk.json` deploy, in its order; none without a folder.

    Raises: `ConfigurationError` where the file cannot be read, or names a use case that is not there.
    """
    if plant.folder is None:
        return ()
    names = dict.fromkeys(
        name for of_one in configured_plants(plant).values() for name in of_one["use_cases"]
    )
    for name in names:
        plant.use_case(name)
    return tuple(names)
