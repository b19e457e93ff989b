"""What faas-cli makes of a stack file, without faas-cli: the folder an image is built from."""

import functools
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from lab.processes import ROOT, TIMEOUT_SECONDS, Function, free_port, started

STACK = ROOT / "deploy" / "openfaas" / "stack.yaml"
VCENTER_STACK = STACK.with_name("stack-vcenter.yaml")
COMMUNITY_STACK = STACK.with_name("stack-community.yaml")
WATCHDOG = (sys.executable, str(Path(__file__).with_name("watchdog.py")))
TEMPLATE = Path(__file__).parent / "template"
HOME = "/home/app"
SECRETS = "/var/openfaas/secrets"
# faas-cli's substitution: ${NAME:-default}.
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@functools.cache
def stack(path: Path = STACK) -> dict[str, Any]:
    """Return a stack file as faas-cli reads it where none of its variables is set."""
    text = _VARIABLE.sub(r"\2", path.read_text(encoding="utf-8"))
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def function(name: str, path: Path = STACK) -> dict[str, Any]:
    """Return the definition of a function."""
    found: dict[str, Any] = stack(path)["functions"][name]
    return found


def lay_out(name: str, home: Path, path: Path = STACK) -> None:
    """Fill ``home`` as /home/app is filled in the image, all paths taken from the project's root.

    That is: the template, the handler's folder as ``function``, and what is to be copied in there.
    """
    shutil.copytree(TEMPLATE, home, dirs_exist_ok=True)
    inside = home / "function"
    inside.mkdir(exist_ok=True)
    (inside / "__init__.py").touch()
    shutil.copytree(ROOT / function(name, path)["handler"], inside, dirs_exist_ok=True)
    for folder in stack(path)["configuration"]["copy"]:
        shutil.copytree(ROOT / folder, inside / folder, dirs_exist_ok=True)


def environment(name: str, home: Path, secrets: Path, path: Path = STACK) -> dict[str, str]:
    """Return the function's environment, with its folders where they are here."""
    places = {HOME: str(home), SECRETS: str(secrets)}
    found = dict(function(name, path)["environment"])
    for there, here in places.items():
        found = {key: value.replace(there, here) for key, value in found.items()}
    return found


@contextmanager
def serving(
    home: Path, settings: Mapping[str, str], wrapper: tuple[str, ...] = ()
) -> Iterator[Function]:
    """Run the template in ``home``, wait until it answers, and stop it at the end.

    With ``wrapper``, that is run instead and has to run the template; it listens on ``port``.
    WATCHDOG is one.
    """
    port, upstream = free_port(), free_port()
    index = [sys.executable, "-S", "index.py"]
    # -S hides the project itself from the function, which has to find its own copy.
    packages = sysconfig.get_path("purelib")
    path = ":".join(filter(None, [settings.get("PYTHONPATH", ""), packages]))
    environ = {
        **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")},
        **settings,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "UPSTREAM_PORT": str(upstream),
        "port": str(port),
        "mode": "http",
        "fprocess": " ".join(index),
        "upstream_url": f"http://127.0.0.1:{upstream}",
    }
    log = home.parent / f"{home.name}.log"
    port = port if wrapper else upstream
    with started(
        wrapper or index, port, log, folder=home, environ=environ, answers=_answers
    ) as running:
        yield running


def _answers(url: str) -> bool:
    # The one method that the template answers itself, without calling the handler.
    return requests.options(url, timeout=TIMEOUT_SECONDS).ok
