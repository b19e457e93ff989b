"""The function with a vCenter in a file: ``functions-framework --source`` this.

``MEMORY_VCENTER`` names the file.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from adapters import bootstrap, knative
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from functions.context import VCenters
from lab import vcenters


def mirror(environ: Mapping[str, str]) -> bootstrap.MirrorDispatch:
    """Return what bootstrap.mirror does, but for the vCenter."""
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    vcenter = vcenters.in_file(Path(environ[vcenters.FILE]))
    clients = Clients(settings, environ)
    clients.vcenters = VCenters({vcenter.address: vcenter})
    return bootstrap.MirrorDispatch(settings, clients.context(log.SweepLog()))


handle = knative.view("handle", bootstrap.answering(mirror(os.environ), knative.received))
