"""Which resources a list call asks for, and which page of them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.inventory import Resource
from simulator.switches import Switches

STATES = {
    *("STOPPED", "STARTING", "STARTED", "STOPPING", "UPDATING", "FAILED", "MAINTAINED"),
    *("MAINTAINED_MANUAL", "REMOVING", "NOT_EXISTING", "NONE", "UNKNOWN"),
}
STATUSES = {
    *("NONE", "ERROR", "UNKNOWN", "DOWN", "DATA_RECEIVING", "OLD_DATA_RECEIVING"),
    *("NO_DATA_RECEIVING", "NO_PARENT_MONITORING", "COLLECTOR_DOWN"),
}
# Answering as if these had not been asked for would be worse than refusing.
NOT_SIMULATED = (
    *("collectorId", "collectorName", "credentialId", "includeRelated", "maintenanceScheduleId"),
    *("parentId", "propertyConditions", "propertyName", "propertyValue", "recentlyAdded"),
    *("resourceHealth", "resourceTag", "statConditions", "statKey", "statKeyInclusive"),
    *("statKeyLowerBound", "statKeyUpperBound"),
)
UNIQUE_IDENTIFIERS = ("VMEntityObjectID", "VMEntityVCID")
KIND_FIELDS = ("adapterKind", "resourceKind")
ADAPTER_KIND = "vmware"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
DEFAULT_PAGE_SIZE = 1000

Values = Mapping[str, Sequence[str]]
Describe = Callable[[Resource], Mapping[str, Any]]
Criterion = Callable[[Resource], bool]


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for; pages count from 0."""

    number: int
    size: int

    @classmethod
    def from_values(cls, values: Values, switches: Switches) -> "Page":
        """Read `page` and `pageSize`, or refuse."""
        number = whole_number(_first(values, "page", "0"), 0)
        size = whole_number(_first(values, "pageSize", str(DEFAULT_PAGE_SIZE)), 1)
        return cls(number, min(size, switches.max_page_size))


def whole_number(text: str, minimum: int, maximum: int = 2**31 - 1) -> int:
    """Read a number (int32 unless told otherwise), or refuse."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not minimum <= int(text) <= maximum:
        raise invalid(text)
    return int(text)


def checked_uuid(text: str, switches: Switches) -> str:
    """Return an id in lower case, or refuse what is no UUID."""
    if not UUID.fullmatch(text):
        raise invalid(text, switches.malformed_uuid)
    return text.lower()


def name_matcher(wanted: str, switches: Switches) -> Criterion:
    """Return the test for `name`: Suite API 8.6 calls it a partial match."""
    if switches.name_matching == "exact":
        return lambda resource: resource.name == wanted
    if switches.name_matching == "case-sensitive":
        return lambda resource: wanted in resource.name
    return lambda resource: wanted.casefold() in resource.name.casefold()


def criteria(values: Values, switches: Switches, states: Describe) -> Iterable[Criterion]:
    """Yield one test for each filter of `/resources`; a resource has to pass them all.

    `states` returns the sets of states and statuses that a resource shows.
    """
    _refuse_what_is_not_simulated(values)
    yield from _naming(values, switches)
    yield from _kinds(values)
    yield from _ids(values, switches)
    yield from _conditions(values, states)


def identifier_criteria(
    identifiers: Mapping[str, str], switches: Switches, actual: Describe
) -> Iterable[Criterion]:
    """Yield one test for each `identifiers[KEY]=value`.

    Suite API 8.6: "the API enforces all the mandatory (both uniquely identifying and
    required) identifiers are specified".
    """
    if switches.identifiers_lookup == "refused":
        raise ApiError(400, "Looking up by identifiers is not supported.", 1501)
    for missing in set(UNIQUE_IDENTIFIERS) - identifiers.keys():
        raise ApiError(switches.missing_identifier, f"Identifier {missing} is missing.", 1501)
    for key, wanted in identifiers.items():
        yield _identified(key, wanted, actual)


def _refuse_what_is_not_simulated(values: Values) -> None:
    for name in NOT_SIMULATED:
        if values.get(name):
            raise ApiError(400, f"The simulator cannot filter by {name}.", 1501)


def _naming(values: Values, switches: Switches) -> Iterable[Criterion]:
    # The first name counts ("only single element supported") and goes before any regex.
    name, regex = _first(values, "name", ""), _first(values, "regex", "")
    if name:
        yield name_matcher(name, switches)
    elif regex:
        yield _regex_matcher(regex)


def _regex_matcher(regex: str) -> Criterion:
    try:
        pattern = re.compile(regex)
    except re.error:
        raise invalid(regex) from None
    return lambda resource: pattern.search(resource.name) is not None


def _kinds(values: Values) -> Iterable[Criterion]:
    adapters, kinds = ({*map(str.casefold, values.get(name, ()))} for name in KIND_FIELDS)
    if adapters and ADAPTER_KIND not in adapters:
        yield lambda resource: False
    if kinds:
        yield lambda resource: resource.kind.casefold() in kinds


def _ids(values: Values, switches: Switches) -> Iterable[Criterion]:
    adapters = {checked_uuid(id, switches) for id in values.get("adapterInstanceId", ())}
    if adapters:
        yield lambda resource: resource.vcenter.adapter_id in adapters
    ids = {checked_uuid(id, switches) for id in values.get("resourceId", ())}
    if ids:
        yield lambda resource: resource.id in ids


def _conditions(values: Values, states: Describe) -> Iterable[Criterion]:
    for field, known in (("resourceState", STATES), ("resourceStatus", STATUSES)):
        wanted = set(values.get(field, ()))
        for unknown in wanted - known:
            raise invalid(unknown)
        if wanted:
            yield _shows(field, wanted, states)


def _shows(field: str, wanted: set[str], states: Describe) -> Criterion:
    return lambda resource: bool(wanted & states(resource)[field])


def _identified(key: str, wanted: str, actual: Describe) -> Criterion:
    return lambda resource: str(actual(resource).get(key, "")).casefold() == wanted.casefold()


def _first(values: Values, name: str, default: str) -> str:
    return next((value for value in values.get(name, ()) if value), default)
