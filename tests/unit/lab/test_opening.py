"""``make run`` opens the page where somebody sees it, and nowhere else."""

import sys
import webbrowser

import pytest

from lab import __main__ as program

PAGE = "http://127.0.0.1:8090/"


@pytest.mark.parametrize(
    ("terminal", "platform", "display", "opened"),
    [
        (True, "linux", "DISPLAY", [PAGE]),
        (True, "linux", "WAYLAND_DISPLAY", [PAGE]),
        (True, "darwin", "", [PAGE]),
        (True, "linux", "", []),
        (False, "linux", "DISPLAY", []),
        (False, "darwin", "", []),
    ],
)
def test_a_browser_is_opened_from_a_terminal_on_a_desktop(
    terminal: bool, platform: str, display: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if display:
        monkeypatch.setenv(display, ":0")
    program._open(PAGE)
    assert asked == opened
