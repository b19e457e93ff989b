"""lab.vcsim: the program is built once, and says why it cannot be."""

from pathlib import Path

import pytest

from lab import vcsim
from lab.vcsim import NotBuiltError


def test_without_go_it_is_said_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotBuiltError, match="there is no Go"):
        vcsim.built(program=tmp_path / "vcsim")
