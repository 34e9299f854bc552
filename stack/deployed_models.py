"""Which models a function has: told in its environment, so that operators' commands need not guess."""

import re
from importlib import metadata
from pathlib import Path

from consumer.detectors.base import fingerprint
from consumer.plant import plant

_LOCK = Path(__file__).parent.parent / "consumer" / "requirements.lock"


def deployed_river(lock: str) -> str | None:
    """The version of River in the text of a lock file.

    >>> deployed_river("river==0.26.1 --hash=sha256:0")
    '0.26.1'
    """
    found = re.search(r"^river==([^\s;]+)", lock, re.MULTILINE)
    return found[1] if found else None


def models_environment(use_case: str) -> dict[str, str]:
    """The fingerprint of a use case's models, as its function computes it when it starts.

    Nothing where that cannot be known here: another River than the function's is installed, in which a
    model's parameters may be others. The commands then take that of their own checkout.
    """
    own = plant().use_cases.get(use_case)
    river = deployed_river(_LOCK.read_text())
    if own is None or river is None or metadata.version("river") != river:
        return {}
    return {"MODELS_FINGERPRINT": fingerprint(own, {"river": river})}
