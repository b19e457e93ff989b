"""watch: mirror what vCenter itself tells, for those who have no VEBA."""

import click

from adapters.cli.call import Call


@click.command()
@click.option("--once", is_flag=True, help="Sweep once, and end.")
@click.pass_obj
def watch(call: Call, once: bool) -> int:
    """Watch all vCenters, and mirror what changes, until it is stopped.

    No VEBA and no events are needed: vCenter tells of each host that enters or leaves
    maintenance mode. All hosts are compared at the start, after each lost connection, and every
    RECONCILE_INTERVAL_MINUTES, which are 15 unless set. GET /healthz and /readyz at
    HEALTH_ADDRESS tell how it is.

    --once compares all hosts, repairs what differs, and ends: for a timer.

    \b
    Examples:
      maintenance-mirror watch
      maintenance-mirror watch --once

    \b
    Exit codes:
      0  it was stopped, or all was done
      1  something failed, or it could not go on
      2  wrong use or configuration
      3  --once would change more hosts than it may, so it started and ended none
    """
    # The other commands need none of its threads.
    from adapters.watch.program import run

    return run(call.environ, once=once)
