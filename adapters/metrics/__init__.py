"""Numbers for machines: what was handled, how long it took, and how the hosts are.

::

    prometheus.py   as Prometheus reads them, at /metrics
    embedded.py     as CloudWatch finds them in Lambda's log
    sweeps.py       how many hosts are in maintenance, by what a sweep has found and done
    table.py        which metrics there are

No label ever holds the name of a host, or anything else that whoever sends events can choose.
"""

from typing import Final

# The project's own; it is not always installed where it runs, so that nobody else could tell.
VERSION: Final = "0.1.0"
