"""A mutating webhook in the cluster that changes Jobs and their pods as meshes, queues and guards do."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import cache, images
from harness.cluster import Cluster
from lab import certificates, databases
from lab.replications import Scene

Object = dict[str, Any]

NAME, NAMESPACE = "hook", "lab-hooks"
HOST = f"{NAME}.{NAMESPACE}.svc"
SCRIPT = Path(__file__).with_name("hook.py")
READY_SECONDS = 120
OF_RUNS = {"matchExpressions": [{"key": "datareplication.dev/run", "operator": "Exists"}]}
SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
EVIL = "\x1b[2J\u202eevil\u2028\n\x00\ud800"
SAYINGS: dict[str, tuple[str, int]] = {
    "says-fields-of-other-types": (json.dumps({"outcome": "Succeeded", "rows": "x", "snapshotTime": "now"}), 0),
    "says-lists-within-lists": ('{"outcome": ' + "[" * 3000, 75),
    "says-control-characters": (json.dumps({"outcome": "Failed", "reason": EVIL, "message": EVIL}), 65),
}
"""What a stranger's program in our place says at its end, and its exit code."""

FOR_EVER = "trap 'exit 143' TERM; while :; do sleep 1; done"
CONTROL = "\x1b[2J\u202e\n"


def start(cluster: Cluster) -> None:
    """Start the webhook's server; quick when it is there."""
    image = images.ensure(cluster.engine, [cluster], ["operator"])["operator"]
    authority = certificates.authority(cluster.folder / "authority")
    certificate, key = authority.server(HOST)
    files = {"tls.crt": certificate, "tls.key": key, "hook.py": SCRIPT.read_text(), "answers.json": answers(image)}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    metadata = {"name": NAME, "namespace": NAMESPACE}
    cluster.apply(databases.namespace(NAMESPACE))
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": NAME}, "ports": [{"port": 443, "targetPort": 8443}]},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": _deployment(image)},
    )
    wait = ("rollout", "status", f"deployment/{NAME}", f"--timeout={READY_SECONDS}s")
    cluster.kubectl("-n", NAMESPACE, *wait, timeout_seconds=READY_SECONDS + 5)


def _deployment(image: str) -> Object:
    container = {
        **_container(NAME, image, ""),
        "command": ["python3", "/hook/hook.py", "/hook"],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1, "failureThreshold": 60},
        "volumeMounts": [{"name": "hook", "mountPath": "/hook", "readOnly": True}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "hook", "secret": {"secretName": NAME}}],
    }
    template = {"metadata": {"labels": {"app": NAME}}, "spec": pod}
    return {"replicas": 1, "selector": {"matchLabels": {"app": NAME}}, "template": template}


def _container(name: str, image: str, script: str) -> Object:
    made = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": SECURITY}
    return made | {"command": ["sh", "-c", script]}


def answers(image: str) -> str:
    """Return what each of the server's addresses does, as JSON."""

    def added(path: str, value: Any) -> Object:
        return {"patch": [{"op": "add", "path": path, "value": value}]}

    def inits(*containers: Object) -> Object:
        return added("/spec/initContainers", list(containers))

    return json.dumps(
        {
            "/sidecar": added("/spec/containers/0", _container("proxy", image, FOR_EVER)),
            "/sidecar-that-fails": added("/spec/containers/0", _container("proxy", image, "exit 3")),
            "/sidecar-not-pulled": added("/spec/containers/0", _container("proxy", "nowhere.invalid/proxy:1", "")),
            "/native": inits(_container("proxy", image, FOR_EVER) | {"restartPolicy": "Always"}),
            "/init-not-pulled": inits(_container("setup", "nowhere.invalid/setup:1", "")),
            "/init-that-fails": inits(_container("setup", image, "echo no route > /dev/termination-log; exit 3")),
            "/held": added("/spec/suspend", value=True),
            **{f"/{name}": _saying(*words) for name, words in SAYINGS.items()},
            "/denied": {"denied": f"not in{CONTROL}this namespace"},
        }
    )


def _saying(message: str, code: int) -> Object:
    """Replace our program by another one; it writes the same text into its log."""
    program = f"""
import json, sys
message = {message!r}
print(json.dumps({{"progress": {{"phase": message, "rowsDone": message}}}}), flush=True)
open("/dev/termination-log", "w", errors="surrogatepass").write(message)
sys.exit({code})
"""
    container = "/spec/containers/0"
    command = {"op": "replace", "path": f"{container}/command", "value": ["python3", "-c", program]}
    return {"patch": [command, {"op": "remove", "path": f"{container}/args"}]}


@contextlib.contextmanager
def asked(scene: Scene, answer: str, resource: str = "pods") -> Iterator[None]:
    """Let the API server ask for each of the scene's pods or Jobs until the body ends."""
    cluster = scene.lab.cluster
    with cache.lock(f"lab-{cluster.name}"):
        start(cluster)
    group = "batch" if resource == "jobs" else ""
    authority = base64.b64encode(scene.lab.certificate.encode()).decode()
    service = {"name": NAME, "namespace": NAMESPACE, "path": f"/{answer}"}
    hook = {
        "name": f"{answer}.lab.example",
        "clientConfig": {"service": service, "caBundle": authority},
        "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
        "objectSelector": OF_RUNS,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    name = f"{scene.namespace}-{answer}"
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    cluster.apply({**kind, "metadata": {"name": name}, "webhooks": [hook]})
    try:
        yield
    finally:
        cluster.kubectl("delete", "mutatingwebhookconfiguration", name, "--ignore-not-found")
