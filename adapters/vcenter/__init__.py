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
configured (decision 0014).
"""

from adapters.vcenter.vsphere import VSphere

__all__ = ["VSphere"]
