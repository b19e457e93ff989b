"""A Kubernetes API server of one's own: etcd and kube-apiserver, and kubectl that asks them.

What an API server does is real: what it knows, refuses, prunes and stores. Nothing acts on what it
stores, so that a test plays the controllers that it needs, as far as status goes.

Both kube-apiserver and kubectl are built by Go, which takes four minutes on two cores, so that they
are kept for the user, beside the project. etcd is Debian's.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import trustme

from lab import vcsim
from lab.processes import ROOT, Function, free_port, started

SOURCES: Final = Path(__file__).with_name("apiserver")
[VERSION] = re.findall(r"k8s\.io/kubernetes v(\S+)", (SOURCES / "go.mod").read_text("utf-8"))
CACHE: Final = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maintenance-mirror"
)
PROGRAMS: Final = ("kube-apiserver", "kubectl")
_TIMEOUT_SECONDS: Final = 60
Manifest = dict[str, Any]


class RefusedError(AssertionError):
    """A command failed; the message holds what it printed."""


@dataclass(frozen=True)
class Cluster:
    """A running API server; with ``environment`` kubectl finds it, as its administrator."""

    environment: dict[str, str]

    def run(self, command: str, folder: Path = ROOT, *, given: str = "") -> str:
        """Return what a line of shell prints in a folder; ``given`` is its standard input.

        Raises RefusedError if it fails, or if kubectl warns.
        """
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=folder,
            env=self.environment,
            input=given,
            capture_output=True,
            encoding="utf-8",
            timeout=_TIMEOUT_SECONDS,
        )
        if done.returncode or "Warning:" in done.stderr:
            raise RefusedError(f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def apply(self, *objects: Manifest) -> None:
        """Create or change objects; a field that the server does not know is an error."""
        self.run("kubectl apply --validate=strict --server-side -f -", given=_together(objects))

    def define(self, *definitions: Manifest) -> None:
        """Create custom resource definitions, and return when their kinds can be used."""
        self.apply(*definitions)
        kinds = ",".join(each["metadata"]["name"] for each in definitions)
        ends = time.monotonic() + _TIMEOUT_SECONDS
        # An established kind is shown to kubectl a moment later.
        while not self.succeeds(f"kubectl get --all-namespaces {kinds}"):
            assert time.monotonic() < ends, f"not served: {kinds}"

    def succeeds(self, command: str) -> bool:
        """Whether a line of shell succeeds, and does not warn."""
        try:
            self.run(command)
        except RefusedError:
            return False
        return True

    def objects(self, kinds: str) -> list[Manifest]:
        """Return what is stored of some kinds, such as ``configmap,secret``, in all namespaces."""
        return list(json.loads(self.run(f"kubectl get {kinds} -A -o json"))["items"])

    def stored(self, manifest: Manifest) -> Manifest:
        """Return what is stored of an object."""
        found = json.loads(self.run("kubectl get -o json -f -", given=json.dumps(manifest)))
        return dict(found["items"][0])

    def report(self, status: Manifest, *objects: Manifest) -> None:
        """Set the status of objects that are there, as their controllers would."""
        text = shlex.quote(json.dumps({"status": status}))
        command = f"kubectl patch -f - --subresource=status --type=merge --patch={text}"
        self.run(command, given=_together(objects))


def lost(sent: Any, stored: Any, where: str = "") -> list[str]:
    """Return what was sent and is not stored as it was."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        return [x for key in sent for x in lost(sent[key], stored.get(key), f"{where}.{key}")]
    if isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        pairs = enumerate(zip(sent, stored, strict=True))
        return [x for at, (a, b) in pairs for x in lost(a, b, f"{where}[{at}]")]
    return [] if sent == stored else [f"{where}: {sent!r} became {stored!r}"]


def missing() -> str | None:
    """Return what a cluster wants and is not here, in words, if there is anything."""
    if shutil.which("etcd") is None:
        return "needs etcd"
    return None if vcsim.available() or is_built() else "needs go"


def is_built() -> bool:
    """Whether Kubernetes' programs are there already, in this version."""
    return all(_program(name).exists() for name in PROGRAMS)


def built(name: str) -> Path:
    """Return one of Kubernetes' programs, made by Go if there is none of this version yet."""
    major, minor, _ = VERSION.split(".")
    told = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor}
    # Who is not told the version has none, which clients refuse. Symbols would double the size.
    flags = ["-s", "-w", *(f"-X=k8s.io/component-base/version.{k}={v}" for k, v in told.items())]
    arguments = ["-ldflags", " ".join(flags), f"k8s.io/kubernetes/cmd/{name}"]
    return vcsim.built(SOURCES, _program(name), arguments)


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Run an empty cluster, whose state and logs are in a folder, and end it afterwards.

    Skips the test that wants it where something is missing.
    """
    if reason := missing():
        pytest.skip(reason)
    with _etcd(folder) as etcd, _apiserver(folder, etcd.url) as cluster:
        yield cluster


def _together(objects: Sequence[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def _program(name: str) -> Path:
    return CACHE / f"{name}-{VERSION}"


@contextmanager
def _etcd(folder: Path) -> Iterator[Function]:
    port, peers = free_port(), f"http://127.0.0.1:{free_port()}"
    options = {
        "data-dir": folder / "etcd",
        "listen-client-urls": f"http://127.0.0.1:{port}",
        "advertise-client-urls": f"http://127.0.0.1:{port}",
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
    }
    command = ["etcd", *_options(options)]
    log = folder / "etcd.log"
    with started(command, port, log, answers=_is_healthy) as running:
        yield running


@contextmanager
def _apiserver(folder: Path, etcd: str) -> Iterator[Cluster]:
    port, token = free_port(), secrets.token_hex()
    _write_keys(folder)
    (folder / "tokens").write_text(f"{token},admin,admin,system:masters\n", encoding="utf-8")
    options = {
        "etcd-servers": etcd,
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": folder / "server.pem",
        "tls-private-key-file": folder / "key.pem",
        "token-auth-file": folder / "tokens",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": folder / "key.pem",
        "service-account-signing-key-file": folder / "key.pem",
        # No controller makes the account that it would ask for, and nobody else is to be found.
        "disable-admission-plugins": "ServiceAccount",
        "endpoint-reconciler-type": "none",
    }
    cluster = Cluster(_environment(folder, port, token))
    command = [str(built("kube-apiserver")), *_options(options)]
    log, ready = folder / "kube-apiserver.log", "kubectl get --raw=/readyz"
    with started(command, port, log, answers=lambda _: cluster.succeeds(ready)):
        yield cluster


def _options(options: dict[str, Any]) -> Sequence[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _write_keys(folder: Path) -> None:
    """Write a certificate, whose key signs service accounts, too, and the CA that vouches."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.private_key_pem.write_to_path(folder / "key.pem")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")


def _environment(folder: Path, port: int, token: str) -> dict[str, str]:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": f"{folder}/ca.pem"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    (folder / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin" / "kubectl").symlink_to(built("kubectl"))
    return {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "HOME": str(folder),
        "KUBECONFIG": f"{folder}/kubeconfig",
        "no_proxy": "127.0.0.1",
    }


def _is_healthy(url: str) -> bool:
    return requests.get(f"{url}/health", timeout=_TIMEOUT_SECONDS).ok
