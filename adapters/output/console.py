"""Show an event on the console: readable for a person, or one JSON line for a machine."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

Echo = Mapping[str, Any]


def printer(form: str) -> Callable[[Echo], None]:
    """Return what prints an echoed event to stdout as ``text`` or ``json``.

    Both escape everything but ASCII, so that no event can play tricks on a terminal.
    """
    render = _RENDERERS[form]

    def show(event: Echo) -> None:
        # One write, so that events handled at once are not mixed up line by line.
        sys.stdout.write(render(event) + "\n")
        sys.stdout.flush()

    return show


def _text(event: Echo) -> str:
    attributes = [f"  {name:<8}{_shown(event[name])}" for name in event if name != "data"]
    data = json.dumps(event["data"], indent=2).replace("\n", "\n  ")
    return "\n".join(["CloudEvent", *attributes, f"  data    {data}"])


def _shown(value: object) -> str:
    return "-" if value is None else str(value).encode("unicode_escape").decode("ascii")


_RENDERERS: Final[Mapping[str, Callable[[Echo], str]]] = {"text": _text, "json": json.dumps}
