"""The file of settings per signal, which ships with the function."""

from collections.abc import Mapping
from pathlib import Path

from consumer.core.errors import ConfigurationError
from consumer.core.signal_settings import SettingsFile
from consumer.core.signal_settings_text import read_shipped, read_signal_settings
from consumer.core.use_case import UseCase

SHIPPED = "signals.yaml"
_FOLDER = Path(__file__).parents[1]


def read_signals_file(name: str, use_cases: Mapping[str, UseCase]) -> SettingsFile:
    """Read and check the file of that name: a path of its own, or one beside `use_cases.py`.

    Raises: `ConfigurationError` with the line of each mistake.
    """
    return read_signal_settings(_text(name), name, use_cases)


def read_shipped_signals(name: str, use_cases: Mapping[str, UseCase]) -> SettingsFile:
    """Read the file of that name as the function has it. Raises: as `read_signals_file`."""
    return read_shipped(_text(name), name, use_cases)


def _text(name: str) -> str:
    path = _FOLDER / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the settings per signal, {path}, cannot be read: {error}") from None
