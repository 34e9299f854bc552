"""Patterns of signals' names: `*` stands for any text, `?` for a character, `[ab]` for one of them.

PLCs write brackets into names, `Tank[2].Level`. So a pattern always matches the name that is written like
it, and a bracket around one letter or digit, which could stand for nothing else, is a bracket. Where the
names are known, one that is there is meant alone (`matching`); `literal` writes it so that it is meant
alone anywhere: `[[]` is a bracket, `[*]` and `[?]` are these characters.
"""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache

_WILD = re.compile(r"[*?\[]")
_ONE_IN_BRACKETS = re.compile(r"\[(\w)\]")
_NEVER = "(?!)"
"""What `translate` makes of a class without characters, such as `[z-a]`."""
_PATTERNS_KNOWN_MAX = 1024


def is_wild(pattern: str) -> bool:
    """True if it may match other names than the one that is written like it.

    >>> is_wild("pump[12].*"), is_wild("Tank[2].Level")
    (True, False)
    """
    return _WILD.search(_ONE_IN_BRACKETS.sub("", pattern)) is not None


def matches(pattern: str, signal: str) -> bool:
    """True if it matches this name.

    >>> [matches("Motor[12]", name) for name in ("Motor1", "Motor[12]", "Motor12")]
    [True, True, False]
    """
    return signal == pattern or matcher(pattern)(signal) is not None


@lru_cache(_PATTERNS_KNOWN_MAX)
def matcher(pattern: str) -> Callable[[str], object]:
    """As `matches`, made once."""
    expression = _expression(pattern)
    return re.compile(f"{re.escape(pattern)}\\Z|{expression}").match


def matching(pattern: str, names: Iterable[str]) -> set[str]:
    """Those of the names that are meant: the one that is written like the pattern, else all that it matches.

    >>> matching("Motor[12]", ["Motor1", "Motor[12]"]), matching("Motor?", ["Motor1", "Motor[12]"])
    ({'Motor[12]'}, {'Motor1'})
    """
    known = set(names)
    if pattern in known:
        return {pattern}
    match = matcher(pattern)
    return {name for name in known if match(name)}


def literal(name: str) -> str:
    """The pattern that matches this name alone.

    >>> literal("Motor[12].Speed")
    'Motor[[]12].Speed'
    """
    return _WILD.sub(r"[\g<0>]", name) if is_wild(name) else name


def can_match(pattern: str) -> bool:
    """False if there is no name that it matches, save one that is written like it."""
    return _NEVER not in _expression(pattern)


def _expression(pattern: str) -> str:
    return translate(_ONE_IN_BRACKETS.sub(r"[[]\1]", pattern))
