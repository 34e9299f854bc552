"""What the functions run on, as `cdk.json` says it."""

from typing import Literal

from stack.field_types import Strict

_GLIBC = "manylinux_2_28"
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


class FunctionConfig(Strict):
    """The runtime of all functions of a plant."""

    python: Literal["3.12", "3.13", "3.14"] = "3.14"
    """Lambda's runtime; SnapStart knows none before 3.12."""
    architecture: Literal["arm64", "x86_64"] = "arm64"
    """The processor; Lambda on arm64 costs a fifth less."""

    @property
    def platform(self) -> str:
        """The platform of its wheels, and of its compiled reader."""
        return f"{_MACHINES[self.architecture]}-{_GLIBC}"
