"""Each decision is named where its consequences are, and none that is named is missing."""

import re
from collections.abc import Iterator

from lab.processes import ROOT

RECORDS = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
PLACES = ("functions", "adapters", "simulator", "deploy")
KINDS = (".py", ".yaml", ".yml", ".html", ".env", "Dockerfile", ".importlinter")


def sources() -> Iterator[str]:
    """Yield the text of what is run: code, manifests, and the rules of who imports whom."""
    for name in (".importlinter", "pyproject.toml"):
        yield (ROOT / name).read_text(encoding="utf-8")
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.name.endswith(KINDS):
                yield path.read_text(encoding="utf-8")


def test_every_decision_is_named_at_the_code_that_it_explains_and_no_other() -> None:
    found = re.findall(r"\bdecisions?[\s/]+(?:# )?(\d{4})\b", "\n".join(sources()), re.IGNORECASE)
    assert set(found) == RECORDS


def test_every_decision_is_in_their_list() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\d{4})\]", listed, re.MULTILINE) == sorted(RECORDS)
