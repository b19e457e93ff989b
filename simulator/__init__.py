"""A stand-in for vRealize Operations: its Suite API over HTTPS, with a page to look at.

It imports nothing of what is tested against it (decision 0009).

For people there is `python -m simulator`, for tests there is `Simulator`:

    with Simulator(hosts=["esx01.lab.local"]) as simulator:
        ...  # call simulator.url with simulator.ca_file
        assert simulator.state("esx01.lab.local") == "MAINTAINED"
"""

from simulator.clock import SettableClock
from simulator.faults import Fault
from simulator.inventory import Companion, Host, VCenter
from simulator.switches import Switches
from simulator.threaded import Simulator

__all__ = [
    "Companion",
    "Fault",
    "Host",
    "SettableClock",
    "Simulator",
    "Switches",
    "VCenter",
]
