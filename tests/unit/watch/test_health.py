"""adapters.watch.health: what is known of threads, vCenters and vRealize Operations."""

import json
import threading

import pytest

from adapters.watch.health import Health, Signs, VCenterHealth
from tests.fakes import Clock
from tests.unit.watch.doubles import ADDRESS, OTHER, Seconds, signs


@pytest.fixture
def health() -> Health:
    """That of a process with two vCenters, when all is well."""
    time = Clock()
    vcenters = [
        VCenterHealth(address, hosts=3, connected_since=time(), swept=True)
        for address in (ADDRESS, OTHER)
    ]
    health = Health(vcenters, lambda: 0, time)
    health.operations_answered()
    return health


def test_a_thread_without_a_sign_of_life_is_stuck_until_it_shows_one() -> None:
    clock = Seconds()
    shown = Signs("sweeping", 60.0, clock)
    clock.now += 60
    assert shown.fault == ""
    clock.now += 1
    assert shown.fault == "sweeping: no sign of life for 61 s"
    shown.show()
    assert shown.fault == ""


def test_a_thread_that_has_ended_is_a_fault() -> None:
    shown = signs()
    shown.thread = threading.Thread(target=lambda: None)
    shown.thread.start()
    shown.thread.join()
    assert shown.fault == f"{shown.name}: the thread has ended"


def test_faults_are_of_those_threads_that_have_one(health: Health) -> None:
    clock = Seconds()
    health.signs += [signs(clock), signs(clock)]
    clock.now += 61
    health.signs[0].show()
    assert health.faults() == [health.signs[1].fault]


def test_it_is_ready_when_all_is_well(health: Health) -> None:
    assert health.ready


@pytest.mark.parametrize(
    ("name", "value"), [("connected_since", None), ("swept", False)], ids=["lost", "not swept"]
)
def test_one_vcenter_that_is_not_ready_is_enough(health: Health, name: str, value: object) -> None:
    setattr(health.vcenters[1], name, value)
    assert not health.ready
    assert [each["ready"] for each in health.report()["vcenters"].values()] == [True, False]


def test_it_is_not_ready_before_vrealize_operations_has_answered(health: Health) -> None:
    health.operations_success = None
    assert not health.ready


def test_it_is_not_ready_while_vrealize_operations_does_not_answer(health: Health) -> None:
    health.operations_problem = "it does not answer in time"
    assert not health.ready
    health.operations_answered()
    assert health.ready


def test_a_report_tells_all_of_it_in_json(health: Health) -> None:
    health.vcenters[1].connected_since, health.vcenters[1].problem = None, "it is down"
    health.vcenters[0].last_update = health.vcenters[0].last_sweep = health.now()
    then = "2026-03-14T09:26:53+00:00"
    assert json.loads(json.dumps(health.report())) == {
        "ready": False,
        "waiting": 0,
        "vrops": {"last_success": then, "problem": ""},
        "vcenters": {
            ADDRESS: {
                "ready": True,
                "hosts": 3,
                "connected_since": then,
                "last_update": then,
                "last_sweep": then,
                "problem": "",
            },
            OTHER: {
                "ready": False,
                "hosts": 3,
                "connected_since": None,
                "last_update": None,
                "last_sweep": None,
                "problem": "it is down",
            },
        },
    }
