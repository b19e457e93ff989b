"""A VEBA for an API server: what it has before the function comes, and its controllers' part."""

import json
from typing import Final

from tests.deploy.clusters import Cluster
from tests.deploy.knative import definitions as real
from tests.deploy.knative import schemas
from tests.deploy.knative.manifests import Manifest

# The kinds of Knative that the overlays use, as kubectl names them.
KINDS: Final = (
    "services.serving.knative.dev,triggers.eventing.knative.dev,pingsources.sources.knative.dev"
)
_READY_COLUMN: Final = {
    "name": "Ready",
    "type": "string",
    "jsonPath": ".status.conditions[?(@.type=='Ready')].status",
}


def install(cluster: Cluster, release: str) -> None:
    """Put into an empty cluster what a VEBA with this release of Knative has."""
    cluster.define(*definitions(release))
    cluster.run("kubectl create namespace vmware-system")
    _add_rabbitmq(cluster)


def definitions(release: str) -> list[Manifest]:
    """Return the definitions of a release: the real ones where they are, and else our own."""
    custom = [kind for kind, known in schemas.KINDS.items() if "/" in min(known.versions)]
    ours = {kind: _own(release, kind) for kind in custom if schemas.served(release, kind)}
    found = {kind: _released(each, release) for kind, each in real.definitions(release).items()}
    return list({**ours, **found}.values())


def add_broker(cluster: Cluster) -> None:
    """Add the ingress that Knative's controller has made for the broker ``default``."""
    cluster.apply(_running("Deployment", "default-broker-ingress", "vmware-functions"))


def make_ready(cluster: Cluster) -> None:
    """Say of all objects of Knative's kinds that they are ready, as their controllers do."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    for each in cluster.objects(KINDS):
        # By this, kubectl tells whether it is the latest change that is ready.
        cluster.report({**ready, "observedGeneration": each["metadata"]["generation"]}, each)


def _released(definition: Manifest, release: str) -> Manifest:
    """Return a definition as it is released, but for the webhook, which would convert versions.

    So that nothing has to be converted, the newest version is the one that is stored.
    """
    text = json.dumps(definition).replace('"devel"', f'"{release}.0"')
    definition = dict(json.loads(text))
    spec = {**definition["spec"], "conversion": {"strategy": "None"}}
    newest = max(spec["versions"], key=lambda each: (each["name"] == "v1", each["name"]))
    spec["versions"] = [{**each, "storage": each is newest} for each in spec["versions"]]
    return {**definition, "spec": spec}


def _own(release: str, kind: str) -> Manifest:
    """Return a definition that knows what the overlays may use, and nothing else."""
    served = schemas.served(release, kind)
    group = served[0].split("/")[0]
    names = {"kind": kind, "singular": kind.lower(), "plural": f"{kind.lower()}s"}
    versions = [
        {
            "name": each.split("/")[1],
            "served": True,
            "storage": each == served[0],
            "schema": {"openAPIV3Schema": schemas.definition(release, kind)},
            "subresources": {"status": {}},
            "additionalPrinterColumns": [_READY_COLUMN],
        }
        for each in served
    ]
    short = {"shortNames": ["ksvc"]} if kind == "Service" else {}
    spec = {"group": group, "names": names | short, "scope": "Namespaced", "versions": versions}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}"},
        "spec": spec,
    }


def _add_rabbitmq(cluster: Cluster) -> None:
    """Add VEBA's RabbitMQ, whose operator has brought it up."""
    head = {"name": "veba-rabbit", "namespace": "vmware-system"}
    cluster.apply(
        {
            "apiVersion": "rabbitmq.com/v1beta1",
            "kind": "RabbitmqCluster",
            "metadata": head,
            "spec": {"rabbitmq": {}},
        }
    )
    server = _running("StatefulSet", "veba-rabbit-server", "vmware-system")
    cluster.apply(server)
    revisions = {"currentRevision": "1", "updateRevision": "1", "observedGeneration": 1}
    counts = {"replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1}
    cluster.report({**revisions, **counts}, server)


def _running(kind: str, name: str, namespace: str) -> Manifest:
    labels = {"app": name}
    pod = {"containers": [{"name": name, "image": name}]}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            **({"serviceName": name} if kind == "StatefulSet" else {}),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
