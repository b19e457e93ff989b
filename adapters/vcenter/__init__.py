"""The client of a vCenter: what it says of its hosts' maintenance mode, on pyVmomi.

::

    vsphere.py      the port, and what the command line asks beyond it
    inventory.py    one host's mode, and all hosts page by page
    companions.py   what goes with hosts, and the modes that decide of it
    history.py      when hosts entered and left maintenance mode, by vCenter's events
    session.py      one session for all threads, and no locked account
    versions.py     which version of the API is spoken
    stub.py         one call: connections, TLS, deadline, circuit breaker
    faults.py       what goes wrong, as errors of ours

pyVmomi is optional and slow to import, so that this package is imported only where a vCenter is
configured (decision 0014). Of its types, those of other products than vCenter itself stay out.
"""

import sys
from typing import Final

# A third of its types, which it goes without where they cannot be imported (pyVmomi/_typeinfos.py).
_OTHER_PRODUCTS: Final = ("eam", "pbm", "sms", "vslm", "vsanhealth")
for _product in _OTHER_PRODUCTS:
    # None lets an import fail (importlib, "The module cache"), though no types know of that.
    sys.modules.setdefault(f"pyVmomi._typeinfo_{_product}", None)  # type: ignore[arg-type]

from adapters.vcenter.vsphere import VSphere  # noqa: E402 - after that

__all__ = ["VSphere"]
