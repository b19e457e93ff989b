"""Hide what looks like a secret before an event is shown to anyone."""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "<masked>"

_SECRET: Final = re.compile(
    r"pass(word|wd|phrase|code)|pwd|secret|token|credential|cookie|session_?id|authorization"
    r"|(api|private|access|signing|shared|encryption)[-_ ]?key",
    re.IGNORECASE,
)


def masked(value: Any) -> Any:
    """Return ``value`` with everything hidden whose key looks like a secret's, at any depth.

    Also in the pairs of Key and Value that an EventEx carries as its arguments.
    """
    if isinstance(value, Mapping):
        return {key: _entry(value, key) for key in value}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def _entry(mapping: Mapping[str, Any], key: str) -> Any:
    named_by = mapping.get("Key", mapping.get("key")) if key.lower() == "value" else key
    return MASK if _SECRET.search(str(named_by)) and mapping[key] else masked(mapping[key])
