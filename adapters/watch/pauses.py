"""How long to wait before trying again."""

import random
from collections.abc import Callable

_DOUBLINGS = 16


def pause(
    failures: int, first: float, most: float, spread: Callable[[], float] = random.random
) -> float:
    """Return the seconds to wait after so many ``failures`` in a row before this one.

    They grow from ``first`` to ``most``, and are up to half as long again, by ``spread``: what
    fails together must not come back together.
    """
    return min(first * 2.0 ** min(failures, _DOUBLINGS), most) * (1 + spread() / 2)
