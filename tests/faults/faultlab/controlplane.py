"""A control plane without nodes: etcd, kube-apiserver and kube-controller-manager as plain processes of this machine.

The programs are those of the self-built node image, real Kubernetes. Whoever stands in for the kubelet ends the pods.
"""

import asyncio
import ctypes
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import yaml

from faultlab.api import OURS, Api, Object
from harness import debian, gobuild, programs

CHECKOUT = Path(__file__).resolve().parents[3]
CRDS = CHECKOUT / "manifests" / "crds"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
INSTALLATION = CHECKOUT / "manifests" / "operator.yaml"
SYSTEM_NAMESPACE = "datareplication-system"
OPERATOR_USER = f"system:serviceaccount:{SYSTEM_NAMESPACE}:datareplication-operator"
OPERATOR_TOKEN, ADMIN_TOKEN, STRANGER_TOKEN = "operator", "admin", "stranger"
RIGHTS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
START_SECONDS = 60
POLL_SECONDS = 0.1

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
CONTROLLERS = "job-controller,garbage-collector-controller,namespace-controller"
LIMITS = ("--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-gc-syncs=10")
PR_SET_PDEATHSIG = 1


@dataclass
class ControlPlane:
    """A running control plane: its address, its certificate, and a client with every right."""

    url: str
    tls: ssl.SSLContext
    api: Api
    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def audit(self) -> Path:
        """Return the API server's log of the operator's requests: a line of JSON for each."""
        return self.folder / "audit.log"

    def restart_api(self) -> None:
        """Kill the API server and start it again with the same data."""
        place = next(place for place, one in enumerate(self.processes) if "kube-apiserver" in str(one.args))
        self.processes[place].kill()
        self.processes[place].wait()
        arguments = [str(one) for one in cast("list[str]", self.processes[place].args)]
        self.processes[place] = _start(self.folder, self.folder / "bin", ["kube-apiserver", *arguments[1:]])

    def write_kubeconfig(self, name: str, token: str) -> Path:
        """Write a kubeconfig for the user of a token and return its path."""
        path = self.folder / f"{name}.kubeconfig"
        _write_kubeconfig(path, self.url, token)
        return path

    @asynccontextmanager
    async def controllers(self, names: str, *limits: str) -> AsyncIterator[None]:
        """Run more of Kubernetes' own controllers for the duration of a block."""
        process = _start(self.folder, self.folder / "bin", _controllers(self.folder, names, *limits))
        try:
            yield
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)

    def operator_api(self) -> Api:
        """Return a client that has the rights of the operator's service account and no others."""
        return Api(self.url, OPERATOR_TOKEN, self.tls)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[ControlPlane]:
    """Run a control plane with the CRDs and the operator's rights in it. It is killed in the end: its data is too."""
    binaries = _binaries(folder)
    etcd_port, peer_port, port = (free_port() for _ in range(3))
    processes: list[subprocess.Popen[bytes]] = []
    plane: ControlPlane | None = None
    try:
        processes.append(_start(folder, binaries, _etcd(folder, etcd_port, peer_port)))
        await _prepare(folder)
        processes.append(_start(folder, binaries, _apiserver(folder, etcd_port, port)))
        url = f"https://127.0.0.1:{port}"
        tls = await _certificate(folder)
        plane = ControlPlane(url, tls, Api(url, ADMIN_TOKEN, tls), folder, processes)
        await _until_ready(plane)
        _write_kubeconfig(folder / "admin.kubeconfig", url, ADMIN_TOKEN)
        # The CRDs come before the garbage collector starts, which looks for new kinds only every 30 s.
        await _install(plane.api)
        processes.append(_start(folder, binaries, _controllers(folder, CONTROLLERS, *LIMITS)))
        yield plane
    finally:
        if plane is not None:
            await plane.api.close()
        for process in reversed(processes):
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Ask the kernel to end the calling process with the one that started it: nothing outlives a killed test run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _binaries(folder: Path) -> Path:
    node = gobuild.program("kubernetes", "node")
    binaries = folder / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        (binaries / name).symlink_to(node)
    return binaries


def _start(folder: Path, binaries: Path, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    with (folder / f"{arguments[0]}.log").open("ab") as log:
        return subprocess.Popen(
            [str(binaries / arguments[0]), *arguments[1:]],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread of ours is running yet
        )


def _etcd(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(folder: Path, etcd_port: int, port: int) -> list[str]:
    key = folder / "service-accounts.key"
    return [
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'pki'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://faults.invalid",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--audit-policy-file={folder / 'audit.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--audit-log-maxsize=100000",  # no rotation: the log is read on from where the subject started
        # No controller here makes service accounts.
        "--disable-admission-plugins=ServiceAccount",
    ]


def _controllers(folder: Path, names: str, *limits: str) -> list[str]:
    kubeconfig = folder / "admin.kubeconfig"
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--controllers={names}",
        "--leader-elect=false",
        "--secure-port=0",
        *limits,
    ]


async def _prepare(folder: Path) -> None:
    rules = [{"level": "Metadata", "users": [OPERATOR_USER], "omitStages": ["RequestReceived"]}, {"level": "None"}]
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}
    (folder / "audit.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    debian.install({"openssl": "openssl"})
    key = folder / "service-accounts.key"
    await asyncio.to_thread(programs.run, ["openssl", "genrsa", "-out", key, "2048"])
    lines = (
        f'{ADMIN_TOKEN},admin,admin,"system:masters"',
        f'{OPERATOR_TOKEN},{OPERATOR_USER},operator,"system:serviceaccounts"',
        f"{STRANGER_TOKEN},stranger,stranger",  # somebody without any right
    )
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def _certificate(folder: Path) -> ssl.SSLContext:
    certificate = folder / "pki" / "apiserver.crt"
    async with asyncio.timeout(START_SECONDS):
        while not certificate.exists() or not certificate.stat().st_size:
            await asyncio.sleep(POLL_SECONDS)
    return ssl.create_default_context(cafile=str(certificate))


async def _until_ready(plane: ControlPlane) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not await plane.api.is_ready():
            if any(process.poll() is not None for process in plane.processes):
                raise RuntimeError(f"a program of the control plane ended; see the logs in {plane.folder}")
            await asyncio.sleep(POLL_SECONDS)


def _write_kubeconfig(path: Path, url: str, token: str) -> None:
    certificate = path.parent / "pki" / "apiserver.crt"
    named = {
        "clusters": [{"name": "it", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "it", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "it", **named})
    path.write_text(text, encoding="utf-8")


def definitions() -> dict[str, Object]:
    """Return the CRDs by their plurals. By libyaml: Python's own reader needs seconds, in which no request is served."""
    found = [yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) for path in sorted(CRDS.glob("*.yaml"))]
    return {definition["spec"]["names"]["plural"]: definition for definition in found}


async def define(api: Api) -> None:
    """Create the CRDs; return once their kinds are served."""
    for definition in definitions().values():
        await api.create(DEFINITIONS, definition)
    await _until_served(api, served=True)


async def undefine(api: Api) -> None:
    """Delete the CRDs, and with them all objects of their kinds; return once nothing is served."""
    for definition in definitions().values():
        await api.call("DELETE", f"{DEFINITIONS}/{definition['metadata']['name']}")
    await _until_served(api, served=False)


async def _until_served(api: Api, *, served: bool) -> None:
    async with asyncio.timeout(START_SECONDS):
        for plural in definitions():
            while await api.serves(f"{OURS}/{plural}") is not served:
                await asyncio.sleep(POLL_SECONDS)


async def _install(api: Api) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": SYSTEM_NAMESPACE}})
    await define(api)
    for document in yaml.safe_load_all(INSTALLATION.read_text(encoding="utf-8")):
        if document and document["kind"] in RIGHTS:
            namespace = document["metadata"].get("namespace")
            scope = f"/namespaces/{namespace}" if namespace else ""
            plural = f"{document['kind'].lower()}s"
            await api.create(f"/apis/rbac.authorization.k8s.io/v1{scope}/{plural}", document)
    await _allow_any_lease(api)


async def _allow_any_lease(api: Api) -> None:
    """Let operators that are tested beside each other have a Lease each; an installed one may use its own only."""
    at = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}"
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "patch"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "any-lease"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": OPERATOR_USER}
    await api.create(f"{at}/roles", {"metadata": {"name": "any-lease"}, "rules": [rule]})
    await api.create(f"{at}/rolebindings", {"metadata": {"name": "any-lease"}, "roleRef": role, "subjects": [user]})
