"""What `kubectl apply -k` would create, checked against what Knative takes and VEBA sends."""

from pathlib import Path

import pytest

from adapters.config.settings import Settings
from functions.events import RECONCILE
from functions.handlers import HANDLERS
from lab import events
from lab.events import HTTP_FORMATS, EventData
from tests import messages
from tests.deploy.knative import manifests
from tests.deploy.knative.manifests import KNATIVE, Manifest, build, of_kind, read
from tests.deploy.knative.schemas import KINDS, ROUTER, problems

pytestmark = pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")

EVENTS_ALONE = ("veba-0.7.0", "veba-0.7.2", "veba-0.7.5", "veba-0.8")
VERIFYING = tuple(f"{name}-vcenter" for name in EVENTS_ALONE)
ECHOING = tuple(f"{name}-echo" for name in EVENTS_ALONE)
MIRRORS = (*EVENTS_ALONE, *VERIFYING)
OVERLAYS = (*MIRRORS, *ECHOING)
DEADLINE = Settings.deadline_seconds
AN_HOUR = 3600.0
# What reaches a Knative broker, by the VEBA that an overlay is for.
FORMATS = {
    "veba-0.7": [name for name in HTTP_FORMATS if name.startswith("router-")],
    "veba-0.7.0": [name for name in HTTP_FORMATS if name.startswith("router-")],
    "veba-0.8": [name for name in HTTP_FORMATS if name.startswith("vspheresource-")],
}


def veba(overlay: str) -> str:
    """Return the overlay that does the same without a vCenter."""
    return overlay.removesuffix("-vcenter")


ARRIVING = [(overlay, name) for overlay in MIRRORS for name in FORMATS[veba(overlay)]]


def mistakes(manifest: Manifest) -> list[str]:
    return problems(KINDS[manifest["apiVersion"], manifest["kind"]], manifest)


def container(service: Manifest) -> Manifest:
    only: Manifest
    (only,) = service["spec"]["template"]["spec"]["containers"]
    return only


def volumes_of(service: Manifest) -> list[Manifest]:
    found: list[Manifest] = service["spec"]["template"]["spec"]["volumes"]
    return found


def variables(service: Manifest, objects: list[Manifest]) -> dict[str, str]:
    """Return the environment that a Service's container gets, in Kubernetes' order."""
    found: dict[str, str] = {}
    for source in container(service).get("envFrom", []):
        found |= of_kind(objects, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return found | {each["name"]: each["value"] for each in container(service)["env"]}


def services(overlay: str) -> list[Manifest]:
    return list(of_kind(build(overlay), "Service").values())


def triggers(overlay: str) -> dict[str, Manifest]:
    return of_kind(build(overlay), "Trigger")


def receivers(overlay: str, format_name: str, event_data: EventData) -> list[str]:
    """Return the triggers that would deliver an event, as every broker decides it."""
    event = messages.read(HTTP_FORMATS[format_name](event_data)).envelope
    return [
        name
        for name, trigger in triggers(overlay).items()
        if all(
            event.get(attribute) == value
            for attribute, value in trigger["spec"]["filter"]["attributes"].items()
        )
    ]


def seconds(duration: str) -> float:
    """Return a duration such as PT4S as a number; nothing longer is written that way here."""
    return float(duration.removeprefix("PT").removesuffix("S"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_one_that_its_platform_knows(overlay: str) -> None:
    objects = build(overlay)
    assert {each["metadata"]["name"]: mistakes(each) for each in objects if mistakes(each)} == {}


@pytest.mark.parametrize("path", ["secret.example.yaml", "vspheresource.yaml"])
def test_the_files_beside_are_what_their_platform_knows(path: str) -> None:
    found = [mistakes(each) for each in read(KNATIVE / path)]
    assert found
    assert not any(found)


def test_a_misspelt_field_would_be_noticed() -> None:
    trigger, *_ = triggers("veba-0.8").values()
    delivery = trigger["spec"]["delivery"]
    assert mistakes(trigger | {"spec": {**trigger["spec"], "delivery": {**delivery, "retries": 1}}})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_where_veba_looks_for_functions(overlay: str) -> None:
    for each in build(overlay):
        assert each["metadata"]["namespace"] == "vmware-functions"
        if each["kind"] in ("Service", "Trigger"):
            assert each["metadata"]["labels"]["app"] == "veba-ui"
        if each["kind"] == "Trigger":
            assert each["spec"]["broker"] == "default"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_name_leads_to_an_object_of_the_same_overlay(overlay: str) -> None:
    objects = build(overlay)
    for trigger in of_kind(objects, "Trigger").values():
        assert trigger["spec"]["subscriber"]["ref"]["name"] in of_kind(objects, "Service")
    for timer in of_kind(objects, "PingSource").values():
        assert timer["spec"]["sink"]["ref"]["name"] in of_kind(objects, "Service")
    for service in of_kind(objects, "Service").values():
        mounted = {each["name"] for each in container(service).get("volumeMounts", [])}
        defined = {each["name"] for each in service["spec"]["template"]["spec"].get("volumes", [])}
        assert mounted == defined
        assert variables(service, objects)["FUNCTION_TARGET"] in ("handle", "echo")


@pytest.mark.parametrize(("overlay", "name"), ARRIVING)
def test_an_event_is_delivered_by_the_trigger_for_it_and_no_other(overlay: str, name: str) -> None:
    assert receivers(overlay, name, events.ENTER) == ["maintenance-mirror-enter"]
    assert receivers(overlay, name, events.EXIT) == ["maintenance-mirror-exit"]
    assert receivers(overlay, name, events.REMOVED) == ["maintenance-mirror-removed"]
    assert receivers(overlay, name, events.NOT_OURS) == []
    others = ("EnteringMaintenanceModeEvent", "ExitedStandbyModeEvent", "VmRemovedEvent")
    for other in (*others, "HostRemovedFromClusterEvent", "VmPoweredOnEvent"):
        assert receivers(overlay, name, EventData(name=other)) == []


@pytest.mark.parametrize(("overlay", "name"), ARRIVING)
def test_every_event_that_is_handled_is_delivered_once(overlay: str, name: str) -> None:
    # The timer has no trigger, and calls the function itself.
    handled = [each for each in HANDLERS if each != RECONCILE]
    delivering = [receivers(overlay, name, EventData(name=each)) for each in handled]
    assert sorted(delivering) == [[each] for each in sorted(triggers(overlay))]


@pytest.mark.parametrize("overlay", MIRRORS)
def test_every_event_is_delivered_alike(overlay: str) -> None:
    first, *others = triggers(overlay).values()
    for other in others:
        assert {**other["spec"], "filter": {}} == {**first["spec"], "filter": {}}
        assert other["metadata"]["annotations"] == first["metadata"]["annotations"]


@pytest.mark.parametrize(("overlay", "name"), ARRIVING)
def test_an_impostor_is_kept_away_where_the_type_tells(overlay: str, name: str) -> None:
    # VSphereSource gives both the same type, so there the function itself has to tell.
    expected = ["maintenance-mirror-enter"] if veba(overlay) == "veba-0.8" else []
    assert receivers(overlay, name, events.IMPOSTOR) == expected


def test_the_echo_function_gets_every_event() -> None:
    (trigger,) = triggers("echo").values()
    assert "filter" not in trigger["spec"]


@pytest.mark.parametrize("overlay", MIRRORS)
def test_retries_outlast_an_hour_of_outage(overlay: str) -> None:
    for trigger in triggers(overlay).values():
        delivery = trigger["spec"]["delivery"]
        assert delivery["backoffPolicy"] == "exponential"
        delay = seconds(delivery["backoffDelay"])
        # The n-th retry waits delay * 2^n; the MT broker begins with n = 0, RabbitMQ's with 1.
        assert sum(delay * 2**n for n in range(delivery["retry"])) > AN_HOUR


@pytest.mark.parametrize("overlay", MIRRORS)
def test_rabbitmq_waits_longer_than_all_retries_of_an_event_take(overlay: str) -> None:
    (patch,) = read(KNATIVE / "rabbitmq.yaml")
    setting = patch["spec"]["rabbitmq"]["additionalConfig"].strip()
    allowed = int(setting.removeprefix("consumer_timeout = ")) / 1000
    for trigger in triggers(overlay).values():
        delivery = trigger["spec"]["delivery"]
        delay, retries = seconds(delivery["backoffDelay"]), delivery["retry"]
        waits = sum(delay * 2**n for n in range(1, retries + 1))
        attempts = (retries + 1) * seconds(delivery.get("timeout", "PT30S"))
        assert waits + attempts < allowed


@pytest.mark.parametrize("overlay", MIRRORS)
def test_an_event_that_is_retried_holds_back_no_other(overlay: str) -> None:
    for trigger in triggers(overlay).values():
        annotations = trigger["metadata"]["annotations"]
        assert int(annotations["rabbitmq.eventing.knative.dev/parallelism"]) > 1


@pytest.mark.parametrize("overlay", MIRRORS)
def test_what_is_given_up_is_kept_where_it_can_be_seen(overlay: str) -> None:
    objects = build(overlay)
    for trigger in triggers(overlay).values():
        name = trigger["spec"]["delivery"]["deadLetterSink"]["ref"]["name"]
        sink = of_kind(objects, "Service")[name]
        assert variables(sink, objects)["FUNCTION_TARGET"] == "echo"
        assert variables(sink, objects)["LOG_FORMAT"] == "json"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_gives_up_before_the_functions_own_deadline(overlay: str) -> None:
    for trigger in triggers(overlay).values():
        # Knative 0.20, of VEBA 0.7.0, has no such time-out, and waits.
        if veba(overlay) not in ("veba-0.7.0", "echo"):
            assert seconds(trigger["spec"]["delivery"]["timeout"]) > DEADLINE
    for service in services(overlay):
        assert service["spec"]["template"]["spec"]["timeoutSeconds"] > DEADLINE
        for probe in ("readinessProbe", "livenessProbe"):
            assert container(service)[probe]["httpGet"]["path"] == "/healthz"
            assert container(service)[probe]["timeoutSeconds"] > DEADLINE


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_as_many_events_at_once_as_there_are_threads(overlay: str) -> None:
    for service in services(overlay):
        threads = variables(service, build(overlay))["THREADS"]
        assert service["spec"]["template"]["spec"]["containerConcurrency"] == int(threads)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_exactly_one_is_always_running(overlay: str) -> None:
    for service in services(overlay):
        scale = service["spec"]["template"]["metadata"]["annotations"]
        assert sorted(scale.values()) == ["1", "1"]
        assert len(scale) == 2


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_container_may_do_as_little_as_its_platform_can_say(overlay: str) -> None:
    full = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    unknown = {
        "veba-0.7": {"allowPrivilegeEscalation", "seccompProfile"},
        "veba-0.7.0": full.keys() - {"runAsUser"},
    }.get(veba(overlay), set())
    expected = {name: value for name, value in full.items() if name not in unknown}
    for service in services(overlay):
        assert container(service)["securityContext"] == expected
        assert container(service)["resources"].keys() == {"requests", "limits"}


def settings(overlay: str, folder: Path) -> Settings:
    """Return what the function reads at its start, with what is mounted in ``folder``."""
    objects = build(overlay)
    service = of_kind(objects, "Service")["maintenance-mirror"]
    environ = {
        name: value.replace("/etc/maintenance-mirror", str(folder))
        for name, value in variables(service, objects).items()
    }
    for mount in container(service)["volumeMounts"]:
        mounted = Path(mount["mountPath"].replace("/etc/maintenance-mirror", str(folder)))
        mounted.mkdir()
        if mount["name"].endswith("account"):
            (mounted / "username").write_text("mirror\n", encoding="utf-8")
            (mounted / "password").write_text("secret\n", encoding="utf-8")
    without_cas = {name: value for name, value in environ.items() if "_CA_FILE" not in name}
    return Settings.from_environ(without_cas)


@pytest.mark.parametrize("overlay", MIRRORS)
def test_the_function_starts_with_what_it_is_given(overlay: str, tmp_path: Path) -> None:
    found = settings(overlay, tmp_path)
    assert found.vrops.url == "https://vrops.example.com"
    assert found.lease_minutes == 24 * 60
    expected = ["https://vcenter.example.com"] if overlay in VERIFYING else []
    assert [each.url for each in found.vcenters] == expected


@pytest.mark.parametrize("overlay", VERIFYING)
def test_the_timer_comes_as_often_as_the_function_is_told(overlay: str, tmp_path: Path) -> None:
    found = settings(overlay, tmp_path)
    (timer,) = of_kind(build(overlay), "PingSource").values()
    assert timer["spec"]["schedule"] == f"*/{found.interval_minutes} * * * *"
    # It would come at odd times if an hour did not divide by it.
    assert 60 % (found.interval_minutes or 0) == 0
    assert (found.lease_minutes or 0) >= 2 * (found.interval_minutes or 0)


@pytest.mark.parametrize("overlay", EVENTS_ALONE)
def test_no_timer_comes_where_there_is_nothing_to_compare_with(overlay: str) -> None:
    assert of_kind(build(overlay), "PingSource") == {}


@pytest.mark.parametrize("overlay", VERIFYING)
def test_knative_waits_longer_than_a_sweep_may_take(overlay: str, tmp_path: Path) -> None:
    service = of_kind(build(overlay), "Service")["maintenance-mirror"]
    allowed = service["spec"]["template"]["spec"]["timeoutSeconds"]
    found = settings(overlay, tmp_path)
    # And ends it before the next one is due.
    assert found.sweep_seconds < allowed < 60 * (found.interval_minutes or 0)


@pytest.mark.parametrize("overlay", VERIFYING)
def test_a_vcenter_adds_to_an_overlay_and_changes_nothing_else_of_it(overlay: str) -> None:
    added = {"maintenance-mirror", "maintenance-mirror-timer"}
    untouched = [each for each in build(overlay) if each["metadata"]["name"] not in added]
    # A ConfigMap's name follows its content.
    kept = [each for each in untouched if each["kind"] != "ConfigMap"]
    assert len(kept) == 4
    assert [each for each in kept if each not in build(veba(overlay))] == []


def test_the_cas_lie_where_they_are_looked_for() -> None:
    objects = build("veba-0.8-vcenter")
    service = of_kind(objects, "Service")["maintenance-mirror"]
    mounts = {each["name"]: each["mountPath"] for each in container(service)["volumeMounts"]}
    assert variables(service, objects)["VROPS_CA_FILE"] == f"{mounts['ca']}/ca.crt"
    assert variables(service, objects)["VCENTER_CA_FILE"] == f"{mounts['vcenter-ca']}/ca.crt"


def test_the_secrets_are_named_but_nowhere_applied() -> None:
    templates = read(KNATIVE / "secret.example.yaml")
    service = of_kind(build("veba-0.8-vcenter"), "Service")["maintenance-mirror"]
    volumes = [each["secret"] for each in volumes_of(service) if "secret" in each]
    assert [each["secretName"] for each in volumes] == [
        each["metadata"]["name"] for each in templates
    ]
    for template in templates:
        assert template["stringData"] == {"username": "REPLACE_ME", "password": "REPLACE_ME"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_password_is_applied(overlay: str) -> None:
    objects = build(overlay)
    assert of_kind(objects, "Secret") == {}
    names = {name for service in services(overlay) for name in variables(service, objects)}
    assert not {"VROPS_PASSWORD", "VCENTER_PASSWORD"} & names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_image_has_a_version(overlay: str) -> None:
    images = {container(service)["image"] for service in services(overlay)}
    assert images == {manifests.IMAGE}


def test_the_event_source_replays_and_writes_json() -> None:
    (source,) = read(KNATIVE / "vspheresource.yaml")
    assert source["spec"]["payloadEncoding"] == "application/json"
    assert source["spec"]["checkpointConfig"]["maxAgeSeconds"] >= AN_HOUR
    assert source["spec"]["skipTLSVerify"] is False
    assert source["spec"]["sink"]["ref"]["name"] == "default"


def test_the_event_router_replays_and_holds_no_secret() -> None:
    (router,) = read(KNATIVE / "router-config.yaml")
    assert problems(ROUTER["knative"], router) == []
    vcenter = router["eventProvider"]["vcenter"]
    assert vcenter["checkpoint"] is True
    assert vcenter["insecureSSL"] is False
    assert set(vcenter["auth"]["basicAuth"].values()) == {"REPLACE_ME"}
    broker = router["eventProcessor"]["knative"]["destination"]["ref"]
    assert (broker["kind"], broker["name"]) == ("Broker", "default")
