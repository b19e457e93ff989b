"""What every command works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.cli.connection import Connect
from adapters.cli.terminal import Terminal


@dataclass(frozen=True)
class Call:
    """One run of a command: the environment, a way to connect, and a terminal."""

    environ: Mapping[str, str]
    connect: Connect
    terminal: Terminal = field(default_factory=Terminal)
