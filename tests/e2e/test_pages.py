"""What the pages for developers name is there, and happens in the order that they say."""

import configparser
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

import adapters
import functions
from adapters import bootstrap, knative
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from functions.events import HostRef
from lab.events import HTTP_FORMATS, EventData
from lab.processes import ROOT, environment
from tests import names
from tests.messages import request
from tests.vcenters import collecting, needs_go, vcsim

DOCS = ROOT / "docs"
ARCHITECTURE = DOCS / "architecture.md"
INDEX = DOCS / "README.md"
PAGES = [ARCHITECTURE, INDEX, DOCS / "extending.md", DOCS / "simulator.md", ROOT / "SECURITY.md"]
TEXT = ARCHITECTURE.read_text(encoding="utf-8")
# What stands in backticks and is no name of our code: of vSphere, VEBA, Knative and HTTP.
OTHERS = {"null", "EventPattern", "EventEx", "host-29", "topic"}

Call = tuple[str, str]


def words(page: Path) -> set[str]:
    return names.mentioned(page.read_text(encoding="utf-8")) - OTHERS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    paths = {word for word in words(page) if names.is_path(word)}
    assert {path for path in paths if not list(ROOT.glob(path))} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_that_a_page_names_is_one_of_the_code(page: Path) -> None:
    named = {word for word in words(page) if names.is_name(word) and not (ROOT / word).exists()}
    named = {word for word in named if not word.startswith("test_")}
    assert {word for word in named if not names.is_defined(word)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    claims = {word for word in words(page) if word.startswith("test_")}
    assert {claim for claim in claims if f"def {claim}(" not in "".join(sources)} == set()


def test_a_name_or_a_file_that_is_not_there_would_be_noticed() -> None:
    assert names.is_path("functions/no_such_file.py")
    assert not list(ROOT.glob("functions/no_such_file.py"))
    assert names.is_defined("functions.context.Policy")
    assert names.is_defined("Policy.lease_minutes")
    assert not names.is_defined("Policy.minutes")
    assert not names.is_defined("olicy")


def test_every_file_of_the_picture_is_there() -> None:
    [picture] = re.findall(r"```mermaid\n(.*?)```", TEXT, re.DOTALL)
    files = re.findall(r"\w+\.py", picture)
    missing = [name for name in files if not list(ROOT.glob(f"[fa]*/{name}"))]
    assert (len(files), missing) == (10, [])


def test_the_rooms_are_those_that_importlinter_keeps() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter", encoding="utf-8")
    kept = [
        [set(re.split(r"[\s|]+", layer)) for layer in rules[section]["layers"].strip().splitlines()]
        for section in (
            "importlinter:contract:adapters-layers",
            "importlinter:contract:core-layers",
        )
    ]
    rooms, glossary = TEXT.split("## The rooms")[1].split("## The glossary")
    tables = re.findall(r"(?:^\| `.*\n)+", rooms, re.MULTILINE)
    shown = [
        [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()]
        for table in tables
    ]
    assert shown == kept
    assert "TARGETS" in glossary


@pytest.mark.parametrize("package", [functions, adapters], ids=lambda package: package.__name__)
def test_a_package_says_what_is_in_it(package: ModuleType) -> None:
    listed = re.findall(r"\w+\.py|\w+/(?= )", str(package.__doc__).split("Each imports")[0])
    inside = [each for each in Path(package.__path__[0]).iterdir() if each.name[0] != "_"]
    assert sorted(listed) == sorted(
        f"{each.name}/" if each.is_dir() else each.name for each in inside
    )


def test_the_glossary_is_sorted_and_says_each_word_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", TEXT.split("## The glossary")[1], re.MULTILINE)[1:]
    entries = [row.removeprefix("a ").casefold() for row in rows if row != "---"]
    assert entries == sorted(set(entries))


def steps() -> list[Call]:
    """Return what is called in one event's way, and in which file, as the page lists it."""
    way = TEXT.split("## One event's way")[1].split("\n## ")[0]
    return re.findall(r"`([a-z_]+)` in \[`([\w/]+\.py)`\]", way)


@contextmanager
def calls() -> Iterator[list[Call]]:
    """Note every function of ours when it is called first."""
    noted: dict[Call, None] = {}

    def note(frame: FrameType, kind: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if kind == "call" and path.is_relative_to(ROOT):
            noted.setdefault((frame.f_code.co_name, str(path.relative_to(ROOT))))

    found: list[Call] = []
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        found += noted


@needs_go
@pytest.mark.xdist_group("vcsim")
def test_an_event_goes_the_way_that_is_shown() -> None:
    with vcsim(1) as vcenter, collecting(vcenter) as operations:
        [host] = vcenter.hosts
        vcenter.enter(host.moref)
        environ = environment(operations, **vcenter.variables)
        settings = Settings.from_environ(environ)
        clients = Clients(settings, environ)
        dispatch = bootstrap.MirrorDispatch(settings, clients.context(log.SweepLog()))
        handle = knative.view("handle", bootstrap.answering(dispatch, knative.received))
        with calls() as called:
            reply = handle(request(HTTP_FORMATS["vspheresource-xml"](about(host))))
        clients.close()
        assert reply.status_code == 204
        assert operations.state(host.name) == "MAINTAINED_MANUAL"
    assert len(steps()) == 15
    assert [step for step in called if step in steps()] == steps()


def about(host: HostRef) -> EventData:
    return EventData(host=host.name, moref=host.moref, vcenter=host.vcenter)
