"""Everything that one simulated appliance consists of, apart from its server."""

import threading
from dataclasses import dataclass, field

from simulator.calls import Calls
from simulator.clock import Clock
from simulator.faults import Faults
from simulator.inventory import Inventory
from simulator.switches import Switches
from simulator.tokens import Tokens


@dataclass
class Appliance:
    """The state that the Suite API, the page and the tests share."""

    inventory: Inventory
    tokens: Tokens
    switches: Switches
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    calls: Calls = field(default_factory=Calls)
    stopping: threading.Event = field(default_factory=threading.Event)
