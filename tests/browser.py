"""A real browser, used by its keyboard: chromium, told what to do over two pipes.

Source: the Chrome DevTools Protocol, whose messages end with a zero byte on the pipes that
``--remote-debugging-pipe`` reads from descriptor 3 and writes to descriptor 4.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--no-proxy-server"),
]
TIMEOUT_SECONDS = 30.0
# The code that keyboards give them, and what they write.
KEYS = {
    **{"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), "/": (191, "/")},
    **{"ArrowUp": (38, ""), "ArrowDown": (40, ""), "j": (74, "j"), "k": (75, "k")},
}


class PageLeftError(AssertionError):
    """The page went away while something was asked of it."""


class Page:
    """A page that is open in the browser; ``complaints`` are what its console has said of it."""

    def __init__(self, to: IO[bytes], answers: IO[bytes], url: str) -> None:
        self._to = to
        self._answers = answers
        self._count = 0
        self.complaints: list[str] = []
        self._session: str | None = None
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self.tell(f"{domain}.enable")
        self.tell("Page.navigate", url=url)

    def tell(self, method: str, **params: Any) -> Any:
        """Send a command, and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while (answer := self._next()).get("id") != self._count:
            pass
        if "navigated" in answer.get("error", {}).get("message", ""):
            raise PageLeftError(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression is in the page."""
        said = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def wait(self, expression: str) -> None:
        """Return as soon as a JavaScript expression holds, in this page or the one after it."""
        ends = time.monotonic() + TIMEOUT_SECONDS
        while not self._holds(expression):
            assert time.monotonic() < ends, f"never: {expression}"
            time.sleep(0.05)

    def goes(self, url: str) -> None:
        """Open another page, or the same one anew."""
        self.tell("Page.navigate", url=url)

    def looks(self, **media: str) -> None:
        """Let the page be looked at by ``media``, with features such as prefers_color_scheme."""
        features = [
            {"name": name.replace("_", "-"), "value": value}
            for name, value in media.items()
            if name != "media"
        ]
        kind = media.get("media", "")
        self.tell("Emulation.setEmulatedMedia", media=kind, features=features)

    def press(self, key: str) -> None:
        """Press a key, and let it go."""
        code, text = KEYS[key]
        more = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.tell("Input.dispatchKeyEvent", type="keyDown", text=text, **more)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **more)

    def write(self, text: str) -> None:
        """Type a text."""
        self.tell("Input.insertText", text=text)

    def tab_to(self, selector: str) -> None:
        """Press Tab until an element has the focus; fails if that does not happen."""
        for _ in range(50):
            if self.value(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise AssertionError(f"Tab never leads to {selector}")

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.value(expression))
        except PageLeftError:
            return False

    def _next(self) -> dict[str, Any]:
        said = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser ended"
            said += byte
        answer: dict[str, Any] = json.loads(said)
        self._note(answer.get("method", ""), answer.get("params", {}))
        return answer

    def _note(self, event: str, told: dict[str, Any]) -> None:
        """Keep what the browser complains of: errors and warnings of its console."""
        if event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.complaints.append(json.dumps(told["args"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{told['entry']['text']} ({told['entry'].get('url', '')})")


@contextmanager
def opened(url: str, profile: Path) -> Iterator[Page]:
    """Open a page in a browser of its own, which is closed in the end."""
    commands, to = os.pipe()
    answers, said = os.pipe()
    options = [*QUIET, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
    script = f'exec "$@" 3<&{commands} 4>&{said}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", str(CHROMIUM), *options],
        pass_fds=(commands, said),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands)
    os.close(said)
    with open(to, "wb") as writing, open(answers, "rb") as reading:
        try:
            page = Page(writing, reading, url)
            yield page
            page.tell("Browser.close")
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)
