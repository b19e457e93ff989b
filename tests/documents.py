"""What a document shows, taken apart."""

import re
from pathlib import Path


def blocks(path: Path, language: str, heading: str = "") -> list[str]:
    """Return the code blocks of a language, or those below one heading of the second level."""
    text = _text(path)
    if heading:
        _, below = text.split(f"\n## {heading}\n")
        text = below.split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[str]:
    """Return the commands that need no platform: those of blocks that do not say so."""
    tried = [text for text in blocks(path, "sh") if not text.startswith("# needs ")]
    return [line for text in tried for line in text.splitlines()]


def table(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, row by row; the second is the line."""
    _, below = _text(path).split(f"\n## {heading}\n")
    lines = [line.strip("|").split("|") for line in below.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    rows = below[below.index("|") :].split("\n\n")[0].count("\n") + 1
    return cells[:rows]


def broken_links(path: Path) -> list[str]:
    """Return the links to files or headings that are not there."""
    return [
        f"{link}#{anchor}"
        for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", _text(path))
        if not leads_somewhere(path.parent / link if link else path, anchor)
    ]


def crowded_lines(path: Path) -> list[str]:
    """Return the lines of prose that hold more than one sentence."""
    text = re.sub(r"^```.*?^```", "", _text(path), flags=re.MULTILINE | re.DOTALL)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "#", "- "))]
    return [line for line in prose if re.search(r"[a-z)`]\. [A-Z]", line)]


def leads_somewhere(target: Path, anchor: str) -> bool:
    """Say whether a file is there, and has the heading that an anchor, if any, leads to."""
    if not target.exists():
        return False
    headings = re.findall(r"^#+ (.*)$", _text(target), re.MULTILINE) if anchor else []
    slugs = [re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings]
    return not anchor or anchor in slugs


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
