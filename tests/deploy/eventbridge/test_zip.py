"""What is in the zip, and what it depends on."""

import hashlib
import marshal
import zipfile
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest

from lab.processes import ROOT
from tests.deploy.eventbridge.tools import build

LARGEST = 2_500_000


@pytest.fixture(scope="module")
def contents(built_zip: Path) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(built_zip) as archive:
        return {entry.filename: entry for entry in archive.infolist()}


def test_the_same_sources_give_the_same_bytes(built_zip: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    said = build("--output", again)
    assert again.read_bytes() == built_zip.read_bytes()
    assert hashlib.sha256(again.read_bytes()).hexdigest() in said


def test_entries_are_sorted_and_know_no_time_and_no_user(
    contents: dict[str, zipfile.ZipInfo],
) -> None:
    assert [*contents] == sorted(contents)
    assert {entry.date_time for entry in contents.values()} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in contents.values()} == {0o100644}
    assert {entry.create_system for entry in contents.values()} == {3}


def test_the_zip_is_small(built_zip: Path) -> None:
    assert built_zip.stat().st_size < LARGEST


def test_the_zip_holds_what_the_function_needs_and_no_more(
    contents: dict[str, zipfile.ZipInfo],
) -> None:
    parts = {name.split("/")[0] for name in contents}
    packages = {part for part in parts if not part.endswith(".dist-info")}
    ours = {"LICENSE", "adapters", "functions"}
    theirs = {"certifi", "charset_normalizer", "defusedxml", "idna", "requests", "urllib3"}
    assert packages == ours | theirs | {"pyVmomi"}


def test_of_pyvmomi_it_holds_the_types_that_are_imported(
    contents: dict[str, zipfile.ZipInfo],
) -> None:
    types = [name for name in contents if "/_typeinfo_" in name and name.endswith(".py")]
    assert types == [f"pyVmomi/_typeinfo_{name}.py" for name in ("core", "query", "vim")]


def test_the_other_processors_and_the_command_line_stay_out(
    contents: dict[str, zipfile.ZipInfo],
) -> None:
    assert {"adapters/eventbridge.py", "adapters/config/aws_secrets.py"} <= contents.keys()
    assert "adapters/vcenter/__init__.py" in contents
    others = ("knative.py", "openfaas.py", "redrive.py", "cli/")
    left_out = tuple(f"adapters/{name}" for name in others)
    assert [name for name in contents if name.startswith(left_out)] == []


def test_the_zip_runs_on_every_processor_and_every_version_of_python(
    contents: dict[str, zipfile.ZipInfo],
) -> None:
    suffixes = {Path(name).suffix for name in contents}
    assert suffixes.isdisjoint({".so", ".pyd", ".dylib"})


def test_each_module_has_its_bytecode_which_nobody_checks_against_it(built_zip: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        names = archive.namelist()
        compiled = [name for name in names if name.endswith(".pyc")]
        assert compiled == sorted(cache_from_source(name) for name in names if _is_module(name))
        # PEP 552: the first flag says that a hash stands in for the time, the second to check it.
        flags = {archive.read(name)[:8] for name in compiled}
    assert flags == {MAGIC_NUMBER + (0b01).to_bytes(4, "little")}


def test_tracebacks_name_the_files_as_lambda_has_them(built_zip: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        compiled = archive.read(cache_from_source("functions/events.py"))
    assert marshal.loads(compiled[16:]).co_filename == "/var/task/functions/events.py"


def test_licences_and_versions_come_along_but_not_the_notes_of_pip(
    contents: dict[str, zipfile.ZipInfo],
) -> None:
    notes = [name for name in contents if ".dist-info/" in name]
    folders = {name.split("/")[0] for name in notes}
    for folder in folders:
        assert f"{folder}/METADATA" in notes
        assert any(name.startswith(folder) and "LICENSE" in name for name in notes)
    assert {name.rsplit("/", 1)[1] for name in notes}.isdisjoint({"RECORD", "INSTALLER", "WHEEL"})


def test_a_private_ca_comes_along_when_asked_for(tmp_path: Path) -> None:
    ca_file, output = tmp_path / "our-ca.crt", tmp_path / "lambda.zip"
    ca_file.write_text("the CA", encoding="utf-8")
    build("--output", output, "--ca-file", ca_file)
    with zipfile.ZipFile(output) as archive:
        assert archive.read("ca.pem") == b"the CA"


def test_building_depends_on_the_standard_library_and_pip_only() -> None:
    text = (ROOT / "deploy" / "eventbridge" / "build.py").read_text(encoding="utf-8")
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if _imports(line)}
    assert imported <= {
        *("argparse", "collections", "hashlib", "pathlib", "subprocess", "sys", "tempfile"),
        *("typing", "zipfile"),
    }


def _is_module(name: str) -> bool:
    return name.endswith(".py")


def _imports(line: str) -> bool:
    return line.startswith(("import ", "from "))
