"""JSON that is JSON and nothing more: no NaN, no number beyond all bounds, no endless nesting."""

import json
import math
from typing import Any

from functions.errors import NotACloudEventError


def read_json(body: bytes, max_depth: int) -> Any:
    """Return what JSON in UTF-8, -16 or -32 says, nested up to ``max_depth`` levels.

    Raises NotACloudEventError if it is not well-formed, or nested deeper.
    """
    try:
        value = json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise NotACloudEventError("the event is not well-formed JSON") from None
    check_depth(value, max_depth)
    return value


def check_depth(value: object, max_depth: int) -> None:
    """Raise NotACloudEventError if ``value`` is nested deeper than ``max_depth`` levels."""
    # Level by level, since a recursion would itself fall to what it looks for.
    level = [value]
    for _ in range(max_depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise NotACloudEventError(f"the event is nested deeper than {max_depth} levels")


def _finite(text: str) -> float:
    # NaN and Infinity are not JSON, and 1e999 could not be written as JSON again.
    if not math.isfinite(number := float(text)):
        raise ValueError("no number of JSON")
    return number


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [child for child in value if isinstance(child, dict | list)]
    return []
