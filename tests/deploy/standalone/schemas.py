"""What Kubernetes and compose take, closed, as tests.deploy.knative.schemas says it of Knative.

Written down from the API references of core v1, apps v1 and batch v1, and from the Compose
specification, with what is used here.
"""

from collections.abc import Mapping
from typing import Final

from tests.deploy.knative.schemas import CONTAINER, FLAG, PROBE, TEXT, TEXTS, VOLUME, Schema
from tests.deploy.knative.schemas import _closed as closed
from tests.deploy.knative.schemas import _list as listed
from tests.deploy.knative.schemas import _whole as whole

# What Kubernetes' own kinds run. Knative knows the port of a probe by itself, Kubernetes does not.
_ANSWERING: Final = {**PROBE["properties"]["httpGet"], "required": ["path", "port"]}
_PROBE: Final = {**PROBE, "properties": {**PROBE["properties"], "httpGet": _ANSWERING}}
_OF_CONTAINER: Final = {
    **CONTAINER["properties"],
    "readinessProbe": _PROBE,
    "livenessProbe": _PROBE,
}
_OF_POD: Final[Mapping[str, Schema]] = {
    "containers": {**listed(closed(_OF_CONTAINER, "name", "image")), "maxItems": 1},
    "volumes": listed(VOLUME),
    "restartPolicy": {"enum": ["Always", "OnFailure", "Never"]},
    "terminationGracePeriodSeconds": whole(1, 3600),
    "automountServiceAccountToken": FLAG,
    "enableServiceLinks": FLAG,
}
POD: Final = closed(
    {"metadata": closed({"labels": TEXTS}), "spec": closed(_OF_POD, "containers")},
    "metadata",
    "spec",
)
DEPLOYMENT: Final = closed(
    {
        "replicas": whole(1, 1),
        "revisionHistoryLimit": whole(0, 10),
        "selector": closed({"matchLabels": TEXTS}, "matchLabels"),
        "strategy": closed(
            {
                "type": {"const": "RollingUpdate"},
                "rollingUpdate": closed(
                    {"maxSurge": whole(1, 1), "maxUnavailable": whole(0, 0)},
                    *("maxSurge", "maxUnavailable"),
                ),
            },
            *("type", "rollingUpdate"),
        ),
        "template": POD,
    },
    *("replicas", "selector", "strategy", "template"),
)
JOB: Final = closed(
    {"activeDeadlineSeconds": whole(1, 3600), "backoffLimit": whole(0, 10), "template": POD},
    *("activeDeadlineSeconds", "backoffLimit", "template"),
)
CRON_JOB: Final = closed(
    {
        # Every so many minutes of an hour: whatever else cron knows is not used here.
        "schedule": {"type": "string", "pattern": r"^\*/\d+ \* \* \* \*$"},
        "concurrencyPolicy": {"enum": ["Allow", "Forbid", "Replace"]},
        "startingDeadlineSeconds": whole(10, 3600),
        "successfulJobsHistoryLimit": whole(0, 10),
        "failedJobsHistoryLimit": whole(0, 10),
        "jobTemplate": closed({"spec": JOB}, "spec"),
    },
    *("schedule", "jobTemplate"),
)


def _object(version: str, kind: str, where: tuple[str, ...], **fields: Schema) -> Schema:
    metadata = {"name": TEXT, "namespace": TEXT, "labels": TEXTS}
    head: dict[str, Schema] = {
        "apiVersion": {"const": version},
        "kind": {"const": kind},
        "metadata": closed(metadata, "name", "labels", *where),
    }
    return closed({**head, **fields}, *head, *fields)


_INSIDE: Final = ("namespace",)
KINDS: Final[Mapping[str, Schema]] = {
    # Of a namespace itself, nothing says where it is.
    "Namespace": _object("v1", "Namespace", ()),
    "ConfigMap": _object("v1", "ConfigMap", _INSIDE, data=TEXTS),
    "Deployment": _object("apps/v1", "Deployment", _INSIDE, spec=DEPLOYMENT),
    "CronJob": _object("batch/v1", "CronJob", _INSIDE, spec=CRON_JOB),
}

_SECONDS: Final[Schema] = {"type": "string", "pattern": r"^\d+s$"}
_TEXTS: Final = listed(TEXT)
# Of the Compose specification, what is used here.
_HEALTH: Final = closed(
    {
        "test": _TEXTS,
        "interval": _SECONDS,
        "timeout": _SECONDS,
        "start_period": _SECONDS,
        "retries": {"type": "integer", "minimum": 1},
    },
    "test",
)
_SERVICE: Final = closed(
    {
        "image": TEXT,
        "container_name": TEXT,
        "entrypoint": _TEXTS,
        "env_file": TEXT,
        "environment": TEXTS,
        "ports": _TEXTS,
        "volumes": _TEXTS,
        "read_only": FLAG,
        "cap_drop": _TEXTS,
        "security_opt": _TEXTS,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "stop_grace_period": _SECONDS,
        "healthcheck": _HEALTH,
        "mem_limit": {"type": "string", "pattern": r"^\d+m$"},
    },
    "image",
)
COMPOSE: Final = closed(
    {"name": TEXT, "services": closed({"watch": _SERVICE}, "watch")}, "services"
)
