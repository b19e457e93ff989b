"""vcsim, govmomi's simulated vCenter: a real vSphere API over real TLS.

``main.go`` is the program, in Go; ``program.py`` builds and runs it.
"""

from lab.vcsim.program import NotBuiltError, Vcsim, available, built, running

__all__ = ["NotBuiltError", "Vcsim", "available", "built", "running"]
