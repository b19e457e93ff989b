"""What Knative, Kubernetes and VEBA take, closed: a field that nobody knows is a mistake.

Written down from the API references: Knative Serving v1, Knative Eventing v1, PingSource v1 and
v1beta2, VSphereSource v1alpha1 of the Tanzu sources, and the event router's configuration. Only
what can be used here is listed, so that a typing error cannot pass for a field.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

Schema = dict[str, Any]
# Imported by name, since whether there are type stubs for it is nothing this should depend on.
_jsonschema: Any = import_module("jsonschema")


def problems(schema: Schema, value: Any) -> list[str]:
    """Return what is wrong with a value, in words."""
    found = _jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


TEXT: Final[Schema] = {"type": "string", "minLength": 1}
FLAG: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
QUANTITY: Final[Schema] = {"type": "string", "pattern": r"^\d+(m|Ki|Mi|Gi)?$"}
# ISO 8601, of which Knative takes durations in weeks to seconds.
DURATION: Final[Schema] = {"type": "string", "pattern": r"^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$"}


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


def _object(version: str, kind: str, fields: Mapping[str, Schema], *required: str) -> Schema:
    head = {"apiVersion": {"const": version}, "kind": {"const": kind}, "metadata": METADATA}
    return _closed({**head, **fields}, "apiVersion", "kind", "metadata", *required)


METADATA: Final = _closed(
    {
        "name": {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
        "namespace": TEXT,
        "labels": TEXTS,
        "annotations": TEXTS,
    },
    "name",
    "namespace",
)
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
                "runAsNonRoot": FLAG,
                "runAsUser": _whole(1, 2**31 - 1),
                "runAsGroup": _whole(1, 2**31 - 1),
                "allowPrivilegeEscalation": FLAG,
                "readOnlyRootFilesystem": FLAG,
                "capabilities": _closed({"drop": _list(TEXT)}),
                "seccompProfile": _closed({"type": {"enum": ["RuntimeDefault"]}}, "type"),
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
TEMPLATE: Final = _closed(
    {"metadata": _closed({"annotations": TEXTS, "labels": TEXTS}), "spec": REVISION}, "spec"
)
DELIVERY: Final = _closed(
    {
        "retry": _whole(0, 1000),
        "backoffPolicy": {"enum": ["linear", "exponential"]},
        "backoffDelay": DURATION,
        "timeout": DURATION,
        "deadLetterSink": DESTINATION,
    }
)
TRIGGER: Final = _closed(
    {
        "broker": TEXT,
        "subscriber": DESTINATION,
        "delivery": DELIVERY,
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
        "payloadEncoding": {"enum": ["application/json", "application/xml"]},
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
# Without `delivery`: it has none, and tries five times within two seconds.
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
KINDS: Final[Mapping[tuple[str, str], Schema]] = {
    ("v1", "ConfigMap"): _object("v1", "ConfigMap", {"data": TEXTS}, "data"),
    ("v1", "Secret"): _object("v1", "Secret", {"type": TEXT, "stringData": TEXTS}),
    ("serving.knative.dev/v1", "Service"): _object(
        "serving.knative.dev/v1", "Service", {"spec": _closed({"template": TEMPLATE})}, "spec"
    ),
    ("eventing.knative.dev/v1", "Trigger"): _object(
        "eventing.knative.dev/v1", "Trigger", {"spec": TRIGGER}, "spec"
    ),
    ("sources.knative.dev/v1", "PingSource"): _object(
        "sources.knative.dev/v1", "PingSource", {"spec": PING}, "spec"
    ),
    ("sources.knative.dev/v1beta2", "PingSource"): _object(
        "sources.knative.dev/v1beta2", "PingSource", {"spec": PING}, "spec"
    ),
    ("sources.tanzu.vmware.com/v1alpha1", "VSphereSource"): _object(
        "sources.tanzu.vmware.com/v1alpha1", "VSphereSource", {"spec": SOURCE}, "spec"
    ),
}

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
