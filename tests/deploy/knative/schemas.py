"""What Knative, Kubernetes and VEBA take, closed: a field that nobody knows is a mistake.

Written down from the API references and the definitions of the four releases of Knative that VEBA
brings: 0.20 (VEBA 0.7.0 and 0.7.1), 1.1 (0.7.2 to 0.7.4), 1.8 (0.7.5) and 1.13 (0.8). Only what can
be used here is listed, so that a typing error cannot pass for a field. A field that not all of the
releases have says which do.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

Schema = dict[str, Any]
RELEASES: Final = ("0.20", "1.1", "1.8", "1.13")
# Imported by name, since whether there are type stubs for it is nothing this should depend on.
_jsonschema: Any = import_module("jsonschema")


def problems(schema: Schema, value: Any) -> list[str]:
    """Return what is wrong with a value, in words."""
    found = _jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


TEXT: Final[Schema] = {"type": "string", "minLength": 1}
FLAG: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
NUMBER: Final[Schema] = {"type": "string", "pattern": r"^[1-9]\d{0,2}$"}
QUANTITY: Final[Schema] = {"type": "string", "pattern": r"^\d+(m|Ki|Mi|Gi)?$"}
# ISO 8601, of which Knative takes durations in weeks to seconds.
DURATION: Final[Schema] = {"type": "string", "pattern": r"^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$"}


def _in(releases: str, schema: Schema) -> Schema:
    """Return the schema of a field that these releases alone have, such as ``"1.8 1.13"``."""
    return {**schema, "releases": releases.split()}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _closed(fields: Mapping[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(fields),
        "required": [*required],
        "additionalProperties": False,
    }


REFERENCE: Final = _closed(
    {"apiVersion": TEXT, "kind": TEXT, "name": TEXT, "namespace": TEXT},
    "apiVersion",
    "kind",
    "name",
)
DESTINATION: Final = _closed({"ref": REFERENCE, "uri": TEXT})
PROBE: Final = _closed(
    {
        "httpGet": _closed({"path": TEXT, "port": _whole(0, 65535)}, "path"),
        "initialDelaySeconds": _whole(0, 3600),
        # Knative refuses time-outs and thresholds without a period.
        "periodSeconds": _whole(1, 3600),
        "timeoutSeconds": _whole(1, 3600),
        "failureThreshold": _whole(1, 100),
        "successThreshold": _whole(1, 1),
    },
    "httpGet",
    "periodSeconds",
    "timeoutSeconds",
    "failureThreshold",
)
RESOURCES: Final = _closed({"cpu": QUANTITY, "memory": QUANTITY})
PROFILE: Final[Schema] = {"type": "string", "enum": ["RuntimeDefault"]}
CONTAINER: Final = _closed(
    {
        "name": TEXT,
        "image": TEXT,
        "command": _list(TEXT),
        "args": _list(TEXT),
        "ports": {**_list(_closed({"containerPort": _whole(1, 65535)})), "maxItems": 1},
        "env": _list(_closed({"name": TEXT, "value": TEXT}, "name", "value")),
        "envFrom": _list(_closed({"configMapRef": _closed({"name": TEXT}, "name")})),
        "readinessProbe": PROBE,
        "livenessProbe": PROBE,
        "resources": _closed({"requests": RESOURCES, "limits": RESOURCES}),
        "securityContext": _closed(
            {
                "runAsUser": _whole(1, 2**31 - 1),
                "runAsNonRoot": _in("1.1 1.8 1.13", FLAG),
                "readOnlyRootFilesystem": _in("1.1 1.8 1.13", FLAG),
                "capabilities": _in("1.1 1.8 1.13", _closed({"drop": _list(TEXT)})),
                "allowPrivilegeEscalation": _in("1.8 1.13", FLAG),
                "seccompProfile": _in("1.13", _closed({"type": PROFILE}, "type")),
            }
        ),
        "volumeMounts": _list(
            _closed({"name": TEXT, "mountPath": TEXT, "readOnly": FLAG}, "name", "mountPath")
        ),
    },
    "image",
)
VOLUME: Final = _closed(
    {
        "name": TEXT,
        "secret": _closed({"secretName": TEXT, "optional": FLAG}, "secretName"),
        "configMap": _closed({"name": TEXT, "optional": FLAG}, "name"),
    },
    "name",
)
REVISION: Final = _closed(
    {
        "containerConcurrency": _whole(0, 1000),
        "timeoutSeconds": _whole(1, 600),
        "containers": {**_list(CONTAINER), "maxItems": 1},
        "volumes": _list(VOLUME),
    },
    "containers",
)
SCALE: Final = {
    f"autoscaling.knative.dev/{name}": _in(releases, NUMBER)
    for name, releases in {
        "minScale": "0.20",
        "maxScale": "0.20",
        "min-scale": "1.1 1.8 1.13",
        "max-scale": "1.1 1.8 1.13",
    }.items()
}
TEMPLATE: Final = _closed(
    {"metadata": _closed({"annotations": _closed(SCALE)}), "spec": REVISION}, "spec"
)
DELIVERY: Final = _closed(
    {
        "retry": _whole(0, 1000),
        "backoffPolicy": {"type": "string", "enum": ["linear", "exponential"]},
        "backoffDelay": DURATION,
        "timeout": DURATION,
        "deadLetterSink": DESTINATION,
    }
)
TRIGGER: Final = _closed(
    {
        "broker": TEXT,
        "subscriber": DESTINATION,
        "delivery": _in("1.1 1.8 1.13", DELIVERY),
        # No `filters`: the RabbitMQ broker does not know them.
        "filter": _closed({"attributes": TEXTS}, "attributes"),
    },
    "broker",
    "subscriber",
)
SOURCE: Final = _closed(
    {
        "address": {"type": "string", "pattern": "^https://"},
        "skipTLSVerify": FLAG,
        "secretRef": _closed({"name": TEXT}, "name"),
        "payloadEncoding": {"type": "string", "enum": ["application/json", "application/xml"]},
        "checkpointConfig": _closed(
            {"maxAgeSeconds": _whole(0, 86400), "periodSeconds": _whole(1, 3600)}
        ),
        "sink": DESTINATION,
        "ceOverrides": _closed({"extensions": TEXTS}),
    },
    "address",
    "secretRef",
    "sink",
)
# Without `delivery`: it has none, and tries five times more within 3.1 seconds.
PING: Final = _closed(
    {
        # Every so many minutes of an hour: whatever else cron knows is not used here.
        "schedule": {"type": "string", "pattern": r"^\*/\d+ \* \* \* \*$"},
        "timezone": TEXT,
        "contentType": TEXT,
        "data": TEXT,
        "sink": DESTINATION,
        "ceOverrides": _closed({"extensions": TEXTS}),
    },
    "schedule",
    "sink",
)
# Served as v1 by all four; only 0.20 has older versions, too.
SINK_BINDING: Final = _closed(
    {
        "subject": _closed({"apiVersion": TEXT, "kind": TEXT, "name": TEXT}, "kind", "name"),
        "sink": DESTINATION,
        "ceOverrides": _closed({"extensions": TEXTS}),
    },
    "subject",
    "sink",
)
PARALLELISM: Final = {
    "rabbitmq.eventing.knative.dev/prefetchCount": _in("1.1", NUMBER),
    "rabbitmq.eventing.knative.dev/parallelism": _in("1.8 1.13", NUMBER),
}
RABBITMQ: Final = _closed({"rabbitmq": _closed({"additionalConfig": TEXT})}, "rabbitmq")


# What kustomize 4.2 takes, which kubectl 1.22 brings; later ones take more, and differently.
_TARGET: Final = _closed({"group": TEXT, "kind": TEXT, "name": TEXT}, "kind")
_PATCH: Final = _closed({"path": TEXT, "patch": TEXT, "target": _TARGET}, "target")
_GENERATED: Final = {"name": TEXT, "namespace": TEXT, "behavior": TEXT, "envs": _list(TEXT)}
KUSTOMIZATION: Final = _closed(
    {
        "apiVersion": {"pattern": r"^kustomize\.config\.k8s\.io/v1(beta1|alpha1)$"},
        "kind": {"enum": ["Kustomization", "Component"]},
        "namespace": TEXT,
        "resources": _list(TEXT),
        "components": _list(TEXT),
        "labels": _list(_closed({"pairs": TEXTS}, "pairs")),
        "images": _list(_closed({"name": TEXT, "newName": TEXT, "newTag": TEXT})),
        "configMapGenerator": _list(_closed(_GENERATED, "name", "envs")),
        "configurations": _list(TEXT),
        "patches": _list(_PATCH),
    },
    "apiVersion",
    "kind",
)


class Kind(NamedTuple):
    """The versions of a kind with the releases that serve them, and what an object of it has."""

    versions: Mapping[str, str]
    fields: Mapping[str, Schema]
    required: tuple[str, ...] = ("spec",)
    annotations: Schema = TEXTS


ALL: Final = " ".join(RELEASES)
KINDS: Final[Mapping[str, Kind]] = {
    "ConfigMap": Kind({"v1": ALL}, {"data": TEXTS}, ("data",)),
    "Secret": Kind({"v1": ALL}, {"type": TEXT, "stringData": TEXTS}, ()),
    "Service": Kind({"serving.knative.dev/v1": ALL}, {"spec": _closed({"template": TEMPLATE})}),
    "Trigger": Kind(
        {"eventing.knative.dev/v1": ALL}, {"spec": TRIGGER}, annotations=_closed(PARALLELISM)
    ),
    "PingSource": Kind(
        {"sources.knative.dev/v1": "1.1 1.8 1.13", "sources.knative.dev/v1beta2": ALL},
        {"spec": PING},
    ),
    "SinkBinding": Kind({"sources.knative.dev/v1": ALL}, {"spec": SINK_BINDING}),
    "VSphereSource": Kind({"sources.tanzu.vmware.com/v1alpha1": "1.13"}, {"spec": SOURCE}),
    "RabbitmqCluster": Kind({"rabbitmq.com/v1beta1": ALL}, {"spec": RABBITMQ}),
}


class Refusal(NamedTuple):
    """What the admission webhooks of some releases refuse, though the definition may have it."""

    kind: str
    field: str
    releases: str
    why: str


_SECURITY: Final = "spec.template.spec.containers.securityContext"
REFUSED: Final = (
    Refusal("Trigger", "spec.delivery", "0.20", "unknown field"),
    Refusal("Trigger", "spec.delivery.timeout", "1.1", "must not be set: delivery-timeout is off"),
    Refusal("Service", f"{_SECURITY}.runAsNonRoot", "0.20", "must not be set"),
    Refusal("Service", f"{_SECURITY}.readOnlyRootFilesystem", "0.20", "must not be set"),
    Refusal("Service", f"{_SECURITY}.capabilities", "0.20", "must not be set"),
    Refusal("Service", f"{_SECURITY}.allowPrivilegeEscalation", "0.20 1.1", "must not be set"),
    Refusal("Service", f"{_SECURITY}.seccompProfile", "1.1", "must not be set"),
    Refusal("Service", f"{_SECURITY}.seccompProfile", "0.20 1.8", "unknown field"),
)


def mistakes(release: str, manifest: Mapping[str, Any]) -> list[str]:
    """Return what a release of Knative would refuse in an object, in words."""
    return [*problems(_object(release, manifest["kind"]), manifest), *refused(release, manifest)]


def refused(release: str, manifest: Mapping[str, Any]) -> list[str]:
    """Return what the webhooks of a release refuse in an object, in words."""
    return [
        f"{each.field}: {each.why}"
        for each in REFUSED
        if each.kind == manifest["kind"] and release in each.releases.split()
        if any(True for _ in values(manifest, each.field.split(".")))
    ]


def values(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield what stands at a path, in every item of the lists on the way."""
    if isinstance(value, list):
        for each in value:
            yield from values(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from values(value[path[0]], path[1:])


def served(release: str, kind: str) -> list[str]:
    """Return the versions of a kind that a release serves, such as ``eventing.knative.dev/v1``."""
    return [name for name, where in KINDS[kind].versions.items() if release in where.split()]


def definition(release: str, kind: str) -> Schema:
    """Return the ``openAPIV3Schema`` that a custom resource definition would have.

    It has the fields listed here and no others, so that an API server refuses what is unknown when
    it is strict. A real definition has more.
    """
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    whole = _at(release, _closed(KINDS[kind].fields, *KINDS[kind].required))
    return _structural({**whole, "properties": {**whole["properties"], "status": status}})


def _object(release: str, kind: str) -> Schema:
    known = KINDS[kind]
    head: dict[str, Schema] = {
        "apiVersion": {"enum": served(release, kind)},
        "kind": {"const": kind},
        "metadata": _metadata(known.annotations),
    }
    return _at(release, _closed({**head, **known.fields}, *head, *known.required))


def _metadata(annotations: Schema) -> Schema:
    name = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
    fields = {"name": name, "namespace": TEXT, "labels": TEXTS, "annotations": annotations}
    return _closed(fields, "name", "namespace")


def _at(release: str, schema: Schema) -> Schema:
    """Return a schema with the fields that a release has."""
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {
            name: _at(release, each)
            for name, each in schema["properties"].items()
            if release in each.get("releases", RELEASES)
        }
    if "items" in schema:
        found["items"] = _at(release, schema["items"])
    return found


def _structural(schema: Schema) -> Schema:
    """Return a schema as a custom resource definition may have it, without what only we say."""
    found = {name: each for name, each in schema.items() if name != "releases" and each != []}
    if schema.get("additionalProperties") is False:
        del found["additionalProperties"]
    if "properties" in schema:
        found["properties"] = {
            name: _structural(each) for name, each in schema["properties"].items()
        }
    if "items" in schema:
        found["items"] = _structural(schema["items"])
    return found


_BASIC_AUTH: Final = _closed(
    {
        "type": {"const": "basic_auth"},
        "basicAuth": _closed({"username": TEXT, "password": TEXT}, "username", "password"),
    },
    "type",
    "basicAuth",
)
_VCENTER: Final = _closed(
    {
        "address": {"type": "string", "pattern": "^https://.*/sdk$"},
        "insecureSSL": FLAG,
        "checkpoint": FLAG,
        "checkpointDir": TEXT,
        "auth": _BASIC_AUTH,
    },
    "address",
    "auth",
)
_KNATIVE: Final = _closed(
    {
        "insecureSSL": FLAG,
        "encoding": {"enum": ["binary", "structured"]},
        "destination": _closed({"ref": REFERENCE}, "ref"),
    },
    "encoding",
    "destination",
)
_OPENFAAS: Final = _closed(
    {"address": TEXT, "async": FLAG, "auth": _BASIC_AUTH}, "address", "async", "auth"
)
_METRICS: Final = _closed(
    {
        "type": {"const": "default"},
        "name": TEXT,
        "default": _closed({"bindAddress": TEXT, "auth": _BASIC_AUTH}, "bindAddress"),
    },
    "type",
    "name",
    "default",
)


def _router(processor: str, schema: Schema) -> Schema:
    named = {"type": {"const": processor}, "name": TEXT, processor: schema}
    vcenter = {"type": {"const": "vcenter"}, "name": TEXT, "vcenter": _VCENTER}
    return _closed(
        {
            "apiVersion": {"const": "event-router.vmware.com/v1alpha1"},
            "kind": {"const": "RouterConfig"},
            "metadata": _closed({"name": TEXT, "labels": TEXTS}, "name"),
            "eventProvider": _closed(vcenter, *vcenter),
            "eventProcessor": _closed(named, *named),
            "metricsProvider": _METRICS,
        },
        *("apiVersion", "kind", "metadata", "eventProvider", "eventProcessor", "metricsProvider"),
    )


ROUTER: Final[Mapping[str, Schema]] = {
    "knative": _router("knative", _KNATIVE),
    "openfaas": _router("openfaas", _OPENFAAS),
}
