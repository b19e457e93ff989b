"""``python -m adapters.watch`` is the door without VEBA."""

import sys

from adapters.watch import main

sys.exit(main())
