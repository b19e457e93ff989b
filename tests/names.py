"""Which names the code defines, so that documents can be held to them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lab.processes import ROOT

FOLDERS = ("functions", "adapters", "simulator")
# A file or folder of ours: a slash in its middle, or an ending that only files have.
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)+/?|[\w-]+\.(py|md|toml|ya?ml|env)|\.importlinter")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def mentioned(text: str) -> set[str]:
    """Return what stands in backticks outside of code blocks."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


def is_path(word: str) -> bool:
    return _PATH.fullmatch(word) is not None


def is_name(word: str) -> bool:
    """Whether a word could be a name of the code, dotted or not."""
    return _NAME.fullmatch(word) is not None


def is_defined(name: str) -> bool:
    """Whether the code defines a name, or ends a longer one with it, or has it as a text."""
    return name in _texts() or any(f".{known}".endswith(f".{name}") for known in _defined())


@cache
def _defined() -> frozenset[str]:
    """Return every module, class, function, method, attribute and constant, with its module."""
    found = set()
    for path, module in _modules():
        found |= {module, *module.split(".")}
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {f"{module}.{name}" for name in _within(tree)}
    return frozenset(found)


@cache
def _texts() -> frozenset[str]:
    """Return the texts of the code that are a word, such as names of events and of states."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path, _ in _modules())
    constants = (
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)
    )
    return frozenset(each.value for each in constants if isinstance(each.value, str))


def _modules() -> Iterator[tuple[Path, str]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield path, name.removesuffix(".__init__")


def _within(node: ast.AST, prefix: str = "") -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        names = list(_names_of(child))
        yield from (f"{prefix}{name}" for name in names)
        inner = isinstance(child, ast.ClassDef | ast.FunctionDef)
        yield from _within(child, f"{prefix}{names[0]}." if inner else prefix)


def _names_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    if isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
