"""The lock files: what a pip asks of them that is as old as the Python it comes with."""

from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted(
    [
        *(ROOT / "requirements").glob("*.txt"),
        *(ROOT / "deploy" / "openfaas").glob("*/requirements.txt"),
        *(ROOT / "tests" / "deploy" / "eventbridge").glob("*.txt"),
    ]
)
TESTED = ROOT / "requirements" / "development.txt"
# Of these, everything is in development.txt, too.
DEPLOYED = [
    path
    for path in LOCKS
    if path.stem in {"lambda", "knative", "standalone", "demo", "requirements"}
]
every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))


def pins(lock: Path) -> list[Requirement]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [Requirement(line.rstrip(" \\")) for line in lines if line and line[0] not in "# "]


def asked_for(pin: Requirement) -> Iterator[Requirement]:
    """Yield what the package asks for with extras, if it is installed here."""
    try:
        asked = metadata.requires(pin.name) or []
    except metadata.PackageNotFoundError:
        return
    for each in map(Requirement, asked):
        chosen = [{"extra": extra} for extra in (pin.extras or {""})]
        if each.extras and (not each.marker or any(map(each.marker.evaluate, chosen))):
            yield each


@every_lock
def test_a_package_that_is_asked_for_with_extras_is_pinned_with_them(lock: Path) -> None:
    extras: dict[str, set[str]] = defaultdict(set)
    for pin in pins(lock):
        extras[canonicalize_name(pin.name)] |= pin.extras
    lacking = [
        f"{pin.name} asks for {asked}"
        for pin in pins(lock)
        for asked in asked_for(pin)
        if not asked.extras <= extras[canonicalize_name(asked.name)]
    ]
    assert lacking == []


@every_lock
def test_a_package_that_is_pinned_with_extras_is_pinned_without_them_too(lock: Path) -> None:
    plain = {(pin.name, str(pin.specifier)) for pin in pins(lock) if not pin.extras}
    assert {(pin.name, str(pin.specifier)) for pin in pins(lock)} == plain


@pytest.mark.parametrize("lock", DEPLOYED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_deployed_is_what_is_tested(lock: Path) -> None:
    tested = {(pin.name, str(pin.specifier)) for pin in pins(TESTED)}
    assert {(pin.name, str(pin.specifier)) for pin in pins(lock)} <= tested
