"""The names and numbers that all contestants share."""

from typing import Final

VCENTER: Final = "vcenter.lab.local"
VCENTER_UUID: Final = "2d0f1c3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
BASE: Final = "/suite-api/api"
CALL_SECONDS: Final = 0.005
