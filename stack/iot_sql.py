"""What can be told of AWS IoT's SQL without its engine: which names its result has."""

import re

_TEXTS = re.compile(r"'(?:[^']|'')*'")
_ALIAS = re.compile(r'(?P<of>\S+)\s+AS\s+"?(?P<name>[A-Za-z_]\w*)', re.IGNORECASE)
_TEMPLATE = re.compile(r"\$\{(.*?)\}", re.DOTALL)
# A field's name: none of a function, nor of what lies within a field.
_FIELD = re.compile(r"(?<![\w.$])([A-Za-z_]\w*)(?!\w)(?!\s*\()")


def aliases_in(template: str, sql: str) -> list[str]:
    """The names in a substitution template that are the SQL's own: IoT looks in the message, which has none.

    >>> aliases_in("${signal}", "SELECT topic(3) AS signal, v AS value FROM 'plants/+/+'")
    ['signal']
    >>> aliases_in("${topic(3)}.${v}", "SELECT topic(3) AS signal, v AS value FROM 'plants/+/+'")
    []
    """
    found = _ALIAS.finditer(_TEXTS.sub("''", sql))
    # A field under its own name is one of the message.
    own = {alias["name"] for alias in found if alias["of"].rpartition(",")[2] != alias["name"]}
    named = [name for part in _TEMPLATE.findall(template) for name in _FIELD.findall(_TEXTS.sub("''", part))]
    return [name for name in dict.fromkeys(named) if name in own]
