"""What holds for all tests."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# An example is right or wrong however long it takes: machines are busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Undo what a door has set up in this process, so that no test tells another what is logged."""
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    yield
    root.setLevel(level)
    for each in {*root.handlers} - {*handlers}:
        root.removeHandler(each)
