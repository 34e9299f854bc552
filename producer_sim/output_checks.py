"""Whether what a run leaves can be written: asked before anything is sent, not after."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


class Unwritable(Exception):
    """Name another place with the option that the text names."""


def check_folder(path: Path, option: str) -> None:
    """Make the folder that `option` names, if it is new, and see that files can be made in it.

    Raises:
        Unwritable: They cannot.
    """
    with _told(path, option):
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()


def check_file(path: Path, option: str) -> None:
    """Make the file that `option` names, if it is new, and see that it can be written.

    Raises:
        Unwritable: It cannot.
    """
    with _told(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()


@contextlib.contextmanager
def _told(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(
            f"{path} cannot be written: {error.strerror}. Name another place with {option}"
        ) from None
