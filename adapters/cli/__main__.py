"""``python -m adapters.cli`` is ``maintenance-mirror``."""

from adapters.cli import main

main()
