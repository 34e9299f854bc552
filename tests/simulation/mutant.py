"""One mistake: a piece of a module's source, and what stands there instead.

It is read in place of the source when the module is imported, so `install_mutant` comes before any import of
the consumer.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `module`, `source` becomes `mistake`; `also` are another piece and what becomes of it."""

    module: str
    source: str
    mistake: str
    also: tuple[str, str] | None = None

    def applied(self, source: str) -> str:
        """The module's source with the mistake in it; raises `LookupError` where it is another by now."""
        for piece, mistake in filter(None, ((self.source, self.mistake), self.also)):
            if source.count(piece) != 1:
                raise LookupError(f"{self.module} has not this source just once: {piece!r}")
            source = source.replace(piece, mistake)
        return source


def install_mutant(mutant: Mutant) -> None:
    """Have its module read with the mistake."""
    module = mutant.module
    assert module not in sys.modules, f"{module} was imported already"

    class Loader(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname):
            path = self.get_filename(fullname)
            return compile(mutant.applied(self.get_data(path).decode()), path, "exec")

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname, path, target=None):
            if fullname != module:
                return None
            found = importlib.machinery.PathFinder.find_spec(fullname, path)
            assert found is not None
            return importlib.util.spec_from_file_location(
                fullname, found.origin, loader=Loader(fullname, found.origin)
            )

    sys.meta_path.insert(0, Finder())
