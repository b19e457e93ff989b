"""What people see: calm tables, no colour in a pipe, and no tricks of anybody's.

Names come from outside. They are never read as rich's markup, and what cannot be printed, such as
a terminal's control sequences, is shown and not obeyed.
"""

import io
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import IO, Final, Generic, TypeVar

from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from adapters.output.lines import may_be_told

T = TypeVar("T")

# A pipe has no width to keep to: one line for each thing is what programs like.
_WIDTH_OF_PIPES: Final = 10_000
_NARROW: Final = 120
_WIDE: Final = 160
_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
_ERROR: Final = "bold red"
_WARNING: Final = "yellow"


def plain(text: str) -> str:
    """Return ``text`` with everything escaped that cannot be printed."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def moment(when: datetime | None) -> str:
    """Return a moment to the minute, in UTC; "" for none."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if when else ""


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column of a table: its heading, what it shows of a thing, and in which style."""

    heading: str
    show: Callable[[T], str]
    style: Callable[[T], str] = lambda thing: ""


class Terminal:
    """stdout for what was asked for, and stderr for everything that is said beside it."""

    def __init__(self) -> None:
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    def say(self, text: str, style: str = "") -> None:
        """Print a line of what was asked for."""
        self.out.print(Text(plain(text), style), soft_wrap=True)

    def note(self, text: str) -> None:
        """Say something beside it."""
        self.err.print(Text(plain(text), _WARNING), soft_wrap=True)

    def error(self, text: str) -> None:
        """Say what went wrong."""
        line = Text.assemble(("Error: ", _ERROR), plain(text))
        self.err.print(line, soft_wrap=True)

    def show_hosts(
        self, columns: Sequence[Column[T]], things: Iterable[T], vcenter: Column[T]
    ) -> None:
        """Print a table of hosts.

        The column ``vcenter`` is the second of it, or a heading where that would be too wide.
        """
        if not self.is_narrow:
            self.show(table([columns[0], vcenter, *columns[1:]], things))
            return
        for address, group in groupby(things, vcenter.show):
            self.say(address, "dim")
            self.show(table(columns, group))

    def show(self, what: RenderableType) -> None:
        """Print a table, or whatever else rich renders."""
        self.out.print(what)

    @property
    def is_narrow(self) -> bool:
        """Whether a line has not much room."""
        return self.out.width < _NARROW

    @property
    def is_wide(self) -> bool:
        """Whether it has room for more than what matters most."""
        return self.out.width >= _WIDE

    @property
    def speaks_unicode(self) -> bool:
        """Whether more than ASCII can be printed."""
        return self.out.encoding.startswith("utf")

    @contextmanager
    def busy(self, text: str = "") -> Iterator[Callable[[str], None]]:
        """Show ``text`` while it takes a while, if somebody is watching.

        Yields what shows another text instead.
        """
        if not self.err.is_terminal:
            yield lambda text: None
            return
        with self.err.status(cell(text)) as shown:
            yield lambda text: shown.update(cell(text))

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        """Show how much of ``total`` is done, if somebody is watching.

        Yields what is to be called whenever one more of them is.
        """
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
        )
        disabled = not self.err.is_terminal
        with Progress(*columns, console=self.err, transient=True, disable=disabled) as shown:
            task = shown.add_task(text, total=total)
            yield lambda: shown.advance(task)

    def listen(self, verbosity: int) -> None:
        """Send what the library logs to stderr: warnings, with 1 more of it, with 2 all."""
        level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
        logging.basicConfig(level=level, handlers=[_Lines(self.err)], force=True)
        # It warns of every attempt; what becomes of the last one is said anyway.
        logging.getLogger("urllib3").setLevel(level if verbosity else logging.ERROR)


def table(columns: Sequence[Column[T]], things: Iterable[T]) -> Table:
    """Return a table of things, a line for each."""
    filled = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        filled.add_column(column.heading, overflow="fold")
    for thing in things:
        filled.add_row(*(cell(each.show(thing), each.style(thing)) for each in columns))
    return filled


def cell(text: str, style: str = "") -> Text:
    """Return what goes into a table, as it is."""
    return Text(plain(text), style)


class _Lines(logging.Handler):
    """Every record as one line, without a traceback, above whatever progress is shown."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.addFilter(may_be_told)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        style = _WARNING if record.levelno >= logging.WARNING else "dim"
        line = Text(plain(f"{record.levelname.lower()}: {record.getMessage()}"), style)
        self._console.print(line, soft_wrap=True)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _console(stream: IO[str]) -> Console:
    # What the stream's encoding lacks is escaped, instead of ending in an error.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_PIPES
    return console
