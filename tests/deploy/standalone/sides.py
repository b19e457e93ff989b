"""The two simulated sides: what is set for them, and whether they agree."""

import re
import time
from pathlib import Path

from lab.processes import TIMEOUT_SECONDS, free_port
from simulator import Simulator
from tests.vcenters import Vcsim


def prepare(folder: Path, settings: Path, vcenter: Vcsim, simulator: Simulator) -> None:
    """Do what the page asks a person to do by hand: files with secrets, and the settings."""
    services: tuple[tuple[str, Vcsim | Simulator], ...]
    services = (("vrops", simulator), ("vcenter", vcenter))
    text = settings.read_text(encoding="utf-8").replace(":8080", f":{free_port()}")
    for name, service in services:
        (folder / f"{name}-password").write_text(service.password, encoding="utf-8")
        (folder / f"{name}-ca.crt").write_bytes(service.ca_file.read_bytes())
        text = text.replace(f"https://{name}.example.com", service.url)
        user = rf"(?<=^{name.upper()}_USERNAME=).*$"
        text = re.sub(user, service.username, text, flags=re.MULTILINE)
    settings.write_text(text, encoding="utf-8")


def agreed(vcenter: Vcsim, simulator: Simulator, *silenced: str) -> bool:
    """Say whether these hosts, and no others, are silenced before long."""
    wanted = {
        each.name: "MAINTAINED" if each.moref in silenced else "STARTED" for each in vcenter.hosts
    }
    # A watchdog may have to find out first.
    ends = time.monotonic() + 2 * TIMEOUT_SECONDS
    while simulator.states() != wanted and time.monotonic() < ends:
        time.sleep(0.05)
    return simulator.states() == wanted
