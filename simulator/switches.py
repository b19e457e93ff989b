"""What is not known about a real appliance, as a table of switches.

The documentation of the Suite API leaves questions open, and releases differ.
Each such question is a field here with the likeliest answer as its default.
The command line is generated from the same fields.
"""

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

SCHEMES = ("vRealizeOpsToken", "OpsToken", "Basic")


def _switch(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    metadata = {"help": help, "choices": choices, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Switches:
    """How the simulated appliance behaves where real ones differ or are undocumented."""

    name_matching: str = _switch(
        "contains",
        "how `name` finds resources; `contains` ignores upper and lower case",
        choices=("contains", "case-sensitive", "exact"),
    )
    identifiers_lookup: str = _switch(
        "supported",
        "what a lookup by identifiers[...] does; `ignored` answers as if it were not there",
        choices=("supported", "refused", "ignored"),
    )
    missing_identifier: int = _switch(
        400, "status when one of the unique identifiers is missing", choices=(400, 500)
    )
    visible_delay: float = _switch(
        0.0, "seconds until an accepted change of maintenance can be read", minimum=0, maximum=3600
    )
    call_delay: float = _switch(
        0.0, "seconds that every call takes longer, as over a network", minimum=0, maximum=60
    )
    delete_when_not_maintained: int = _switch(
        200, "status when maintenance is ended that never began", choices=(200, 404, 500)
    )
    adapter_maintenance: str = _switch(
        "above",
        "what hosts show while their adapter instance is in maintenance: `above`, its window,"
        " whatever is done to a host; `each`, as if every host had been put into it",
        choices=("above", "each", "nothing"),
    )
    malformed_uuid: int = _switch(400, "status for an id that is no UUID", choices=(400, 404))
    header_schemes: tuple[str, ...] = _switch(
        ("vRealizeOpsToken", "OpsToken"), "accepted Authorization schemes", choices=SCHEMES
    )
    adapters_expose_vcid: bool = _switch(
        True, "adapter instances carry VMEntityVCID, the vCenter's instance UUID"
    )
    extra_states: int = _switch(
        0, "status states of other adapters before the owning one", minimum=0, maximum=2
    )
    extra_states_flip: bool = _switch(False, "those other states follow maintenance too")
    vcid_upper_case: bool = _switch(False, "hosts carry VMEntityVCID in upper case")
    max_page_size: int = _switch(
        10_000, "largest page; a larger pageSize is silently reduced to it", minimum=1
    )
    unauthorised_body: str = _switch(
        "json", "what the body of a 401 is", choices=("json", "html", "empty")
    )
    datastore_relation: str = _switch(
        "child", "what a datastore is of the hosts that mount it", choices=("child", "parent")
    )
    relation_delay: float = _switch(
        0.0, "seconds until a changed relation can be read", minimum=0, maximum=86_400
    )
    relations_expose_states: bool = _switch(
        True, "resources that are listed as related carry their resourceStatusStates"
    )
    relationships: int = _switch(
        200, "status of the relationships of one resource", choices=(200, 403, 404, 500)
    )
    bulk_relationships: int = _switch(
        200, "status of the relationships of many resources", choices=(200, 403, 404, 405, 500)
    )
    token_lifetime: float = _switch(
        21_600.0, "seconds a token lives after its last use", minimum=0, maximum=31_536_000
    )
    release: str = _switch("VMware Aria Operations 8.18.7", "releaseName of versions/current")

    def __post_init__(self) -> None:
        """Raise ValueError for a value outside its switch's range."""
        for switch in fields(self):
            _check(switch, getattr(self, switch.name))


def _check(switch: "Field[Any]", value: Any) -> None:
    if not all(_allowed(switch, each) for each in _each(value)):
        raise ValueError(f"{switch.name} must be {_range(switch)}, not {value!r}")


def _each(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple) else (value,)


def _allowed(switch: "Field[Any]", value: Any) -> bool:
    limits = switch.metadata
    if limits["choices"]:
        return value in limits["choices"]
    above = limits["minimum"] is None or value >= limits["minimum"]
    return above and (limits["maximum"] is None or value <= limits["maximum"])


def _range(switch: "Field[Any]") -> str:
    limits = switch.metadata
    if limits["choices"]:
        return "one of " + ", ".join(str(choice) for choice in limits["choices"])
    if limits["maximum"] is None:
        return f"{limits['minimum']} or more"
    return f"{limits['minimum']} to {limits['maximum']}"
