"""A further event: what its handler looks like, and its row in the table.

While a host is disconnected, its vCenter does not see what is done to it. The next sweep finds a
mode that has changed meanwhile; with this handler, the event of the reconnection finds it at once.
docs/extending.md says where each part goes.
"""

from typing import Final

from functions.context import Context
from functions.convergence import converge
from functions.events import HostEvent
from functions.handlers import Handler, of_a_host
from functions.mode_sources import AskedVCenter
from functions.outcomes import Outcome


def host_connected(event: HostEvent, context: Context) -> Outcome:
    """Mirror the mode of a host that is back, as its vCenter tells it."""
    vcenter = context.vcenters.at(event.vcenter)
    if vcenter is None:
        return Outcome("ignored", event.host, "only a vCenter could tell its mode")
    # That it is not in maintenance mode is what one expects; if it is, the outcome says so.
    return converge(event.host, False, AskedVCenter(vcenter, context), context)


ROWS: Final[dict[str, Handler]] = {
    "HostConnectedEvent": of_a_host(host_connected),
}
