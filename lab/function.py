"""The function with a vCenter in a file: ``functions-framework --source`` this.

``MEMORY_VCENTER`` names the file.
"""

import os
from pathlib import Path

from adapters import bootstrap, knative
from lab import memory, vcenters

_vcenter = vcenters.in_file(Path(os.environ[vcenters.FILE]))
_dispatch = memory.mirror(os.environ, _vcenter)
_answering = bootstrap.answering(_dispatch, knative.received)
handle = knative.view("handle", _answering, _answering.look)
