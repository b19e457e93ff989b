"""Show an event on the console: readable for a person, or one JSON line for a machine."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.output.lines import MAX_LINE_BYTES

Echo = Mapping[str, Any]

# As JSON in JSON, every character of data may become two, and one of an attribute twelve.
_MAX_DATA: Final = 4 * 1024
_MAX_ATTRIBUTE: Final = 128


def printer(form: str) -> Callable[[Echo], None]:
    """Return what prints an echoed event to stdout as ``text`` or ``json``.

    Both escape everything but ASCII, so that no event can play tricks on a terminal. No line is
    longer than 16 KiB; one that is cut says by how many characters.
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
    lines = "\n".join(["CloudEvent", *attributes, f"  data    {data}"]).split("\n")
    return "\n".join(_cut(line, MAX_LINE_BYTES) for line in lines)


def _json(event: Echo) -> str:
    line = json.dumps(event)
    if len(line) <= MAX_LINE_BYTES:
        return line
    # Data that is cut is no JSON any more, but a text that begins as it does.
    shown = {name: _attribute(value) for name, value in event.items() if name != "data"}
    return json.dumps({**shown, "data": _cut(json.dumps(event["data"]), _MAX_DATA)})


def _attribute(value: object) -> object:
    return value if value is None else _cut(str(value), _MAX_ATTRIBUTE)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = most - len(f"... ({len(text)} characters more)")
    return f"{text[:kept]}... ({len(text) - kept} characters more)"


def _shown(value: object) -> str:
    return "-" if value is None else str(value).encode("unicode_escape").decode("ascii")


_RENDERERS: Final[Mapping[str, Callable[[Echo], str]]] = {"text": _text, "json": _json}
