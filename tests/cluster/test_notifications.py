"""Notifications of an installed operator: from the chart's values and a mounted Secret to a receiver in the cluster."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from standardwebhooks import Webhook

from harness import images
from lab import installation
from lab.replications import Lab, Scene, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

SOON_SECONDS = 90
SIGNING_KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SINKS = [
    {"name": "ops", "kind": "Webhook", "secretName": "sink-ops"},
    {"name": "ghost", "kind": "Slack", "secretName": "no-such-secret"},
]
SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}

PROGRAM = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        print(json.dumps({"path": self.path, "headers": headers, "body": body}), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Receiver:
    """A pod that writes each request into its log."""

    scene: Scene

    def start(self) -> None:
        cluster, namespace = self.scene.lab.cluster, self.scene.namespace
        image = images.ensure(cluster.engine, [cluster], ["operator"])["operator"]
        metadata = {"name": "receiver", "namespace": namespace, "labels": {"app": "receiver"}}
        container = {
            "name": "receiver",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", PROGRAM],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 60},
            "securityContext": SECURITY,
        }
        pod = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        }
        service = {"selector": {"app": "receiver"}, "ports": [{"port": 8080}]}
        cluster.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        )
        wait = ("wait", "--for=condition=Ready", "pod/receiver", f"--timeout={SOON_SECONDS}s")
        cluster.kubectl("-n", namespace, *wait, timeout_seconds=SOON_SECONDS + 5)

    @property
    def url(self) -> str:
        return f"http://receiver.{self.scene.namespace}.svc:8080/secret-path"

    def got(self) -> list[dict[str, Any]]:
        log = self.scene.lab.cluster.kubectl("-n", self.scene.namespace, "logs", "receiver")
        return [json.loads(line) for line in log.splitlines()]


@pytest.fixture
def receiver(scene: Scene) -> Iterator[Receiver]:
    """Install the operator with two sinks, one of them without its Secret; afterwards as it was."""
    made, cluster = Receiver(scene), scene.lab.cluster
    made.start()
    metadata = {"name": "sink-ops", "namespace": installation.NAMESPACE}
    data = {"url": made.url, "signingKey": SIGNING_KEY}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    try:
        sinks = json.dumps([{**one, "namespaces": [scene.namespace]} for one in SINKS])
        installation.install(cluster, options=("--set-json", f"notifications.sinks={sinks}"))
        yield made
    finally:
        installation.install(cluster)
        cluster.kubectl("-n", installation.NAMESPACE, "delete", "secret", "sink-ops", "--ignore-not-found")


def notified(scene: Scene) -> dict[str, Any]:
    return next((one for one in scene.status().get("conditions", []) if one["type"] == "Notified"), {})


def test_a_runs_start_and_end_reach_a_receiver_signed(lab: Lab, scene: Scene, receiver: Receiver) -> None:
    wanted = [{"sink": "ops", "on": ["Started", "Succeeded"]}, {"sink": "ghost", "on": ["Succeeded"]}]
    scene.apply(notifications=wanted)
    scene.start_run()
    assert scene.finished_run()["phase"] == "Succeeded"
    got = wait_for(lambda: {"all": receiver.got()}, lambda one: len(one["all"]) >= 2, SOON_SECONDS)["all"]
    events = [json.loads(one["body"]) for one in got]
    assert {event["data"]["event"] for event in events} == {"Started", "Succeeded"}
    for one in got:
        Webhook(SIGNING_KEY).verify(one["body"], one["headers"])
    found = wait_for(lambda: notified(scene), lambda one: one.get("reason") == "NotDelivered", SOON_SECONDS)
    assert found["message"] == "sink 'ghost': its Secret does not exist or has no key url"
    log = lab.cluster.kubectl("-n", installation.NAMESPACE, "logs", f"deployment/{installation.RELEASE}")
    assert "secret-path" not in log + json.dumps(scene.status())
