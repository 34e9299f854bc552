"""What River imports and most functions never use runs at its first use, not when the function starts.

Nothing is left out or replaced: each of these packages is found when it is imported, and an error that it
raises comes where it is first used. To be imported before River.
"""

import gc
import sys
from collections.abc import Sequence
from importlib._bootstrap import _ModuleLockManager  # type: ignore[attr-defined]
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

LATER = frozenset(
    {
        "river.drift.datasets",  # `river.drift` imports it, and it a reader of files that takes half of scipy
        "river.feature_extraction",  # `river.preprocessing` needs one function of one of its modules
        "river.linear_model",  # `river.time_series` imports it; one of its models takes a function of scipy's
        "river.tree",  # two of its classes are used elsewhere; others take the distributions of scipy
        "scipy.integrate",
        "scipy.ndimage",
        "scipy.sparse",
        "scipy.special",
        "scipy.stats",
    }
)
"""Packages whose own code waits, until something of them is asked for or a module within is imported."""
ALONE = frozenset({"river.feature_extraction.vectorize"})
"""Modules within that run without the code of their packages, which they do not need."""

_running: set[str] = set()


class _Waiting(ModuleType):
    """A package whose code has not run, with no more than what the import system asks for.

    `importlib.util.LazyLoader` would run it for that too, for its `__path__` if a module within is imported.
    """

    def __getattribute__(self, name: str) -> Any:
        own: dict[str, Any] = ModuleType.__getattribute__(self, "__dict__")
        is_asked_by_import = name.startswith("__") and (name in own or name == "__class__")
        if not is_asked_by_import:
            _run(self, own["__spec__"])
        return ModuleType.__getattribute__(self, name)


def _run(package: ModuleType, spec: ModuleSpec) -> None:
    # Python's own lock of the module, by which it finds that threads wait for each other.
    with _ModuleLockManager(spec.name):
        # Its own code may import it, and finds what is there so far, as ever.
        if type(package) is not _Waiting or spec.name in _running or spec.loader is None:
            return
        _running.add(spec.name)
        try:
            spec.loader.exec_module(package)
            package.__class__ = ModuleType  # type: ignore[assignment]
        finally:
            _running.discard(spec.name)


def run_for(model: Any) -> None:
    """Run what the modules of the model's classes use: a snapshot has it then, and no invocation waits."""
    parts, seen = [model], set()
    while parts:
        part = parts.pop()
        if id(part) in seen or isinstance(part, type | FunctionType | ModuleType):
            continue
        seen.add(id(part))
        parts += gc.get_referents(part)
        for kind in type(part).__mro__:
            for used in [*vars(sys.modules.get(kind.__module__, sys)).values()]:
                if type(used) is _Waiting and used.__spec__ is not None:
                    _run(used, used.__spec__)


class _Deferring(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
            module.__class__ = _Waiting


class _Present(Loader):
    """Of a module that the code of its package has imported meanwhile."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = sys.modules.get(fullname.rpartition(".")[0])
        if type(package) is _Waiting and package.__spec__ is not None and fullname not in ALONE:
            _run(package, package.__spec__)
            if fullname in sys.modules:
                return ModuleSpec(fullname, _Present(sys.modules[fullname]))
        spec = PathFinder.find_spec(fullname, path, target) if fullname in LATER else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Deferring(spec.loader)
        return spec


sys.meta_path.insert(0, _Finder())
