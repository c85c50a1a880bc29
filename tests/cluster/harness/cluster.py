"""A cluster of the harness as a value: its name, its files, and the programs that talk to it.

Does not know how clusters come and go (lifecycle).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import cache, programs, tools, transfer
from harness.engine import Engine
from harness.transfer import STORE_PREFIX

STORE = "ctr --namespace k8s.io images"
# kind's own mark of its containers. Asked for directly: that works without kind, and in a tenth of the time.
LABEL = "io.x-k8s.kind.cluster"
DEFAULT_NAMES = {1: "datareplication", 3: "datareplication-3"}


def kubeconfig(name: str) -> Path:
    """Return the path of a cluster's own kubeconfig; ~/.kube/config is never read or written."""
    return cache.root() / "clusters" / name / "kubeconfig"


def context(name: str) -> str:
    """Return the name of a cluster's context."""
    return f"kind-{name}"


@dataclass(frozen=True)
class Cluster:
    """One cluster in an engine."""

    name: str
    engine: Engine

    @property
    def folder(self) -> Path:
        """Everything on this machine that belongs to this cluster only."""
        return cache.root() / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The cluster's own kubeconfig."""
        return kubeconfig(self.name)

    @property
    def shared(self) -> Path:
        """The directory that holds the volumes, mounted in every node."""
        return self.folder / "volumes"

    def kubectl(self, *args: str | Path, stdin: str = "", timeout_seconds: float | None = 120) -> str:
        """Run kubectl against this cluster and return its standard output; raise ProgramError when it fails."""
        return programs.run(self.kubectl_words(*args), stdin=stdin, timeout_seconds=timeout_seconds)

    def kubectl_words(self, *args: str | Path) -> list[str]:
        """Return the words of a call of kubectl against this cluster."""
        words = [tools.kubectl(), "--kubeconfig", self.kubeconfig, "--context", context(self.name), *args]
        return [str(word) for word in words]

    def get(self, *args: str, timeout_seconds: float | None = 120) -> dict[str, Any]:
        """Return what `kubectl get ARGS -o json` answers."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *args, "-o", "json", timeout_seconds=timeout_seconds))
        return answer

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects, in their order."""
        listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listing))

    def nodes(self) -> list[str]:
        """Return the nodes' names, which are those of their containers, the running and the stopped."""
        mine = f"label={LABEL}={self.name}"
        return sorted(self.engine.docker("ps", "--all", "--filter", mine, "--format", "{{.Names}}").split())

    def pause(self) -> None:
        """Stop the processes of all nodes where they are; lifecycle.up() lets them go on."""
        self.engine.docker("pause", *self.nodes())

    def paused(self) -> list[str]:
        """Return the names of the nodes that are paused."""
        mine = f"label={LABEL}={self.name}"
        return self.engine.docker("ps", "--filter", mine, "--filter", "status=paused", "--format", "{{.Names}}").split()

    def resume(self) -> None:
        """Let paused nodes go on; fine when there is none."""
        if paused := self.paused():
            self.engine.docker("unpause", *paused)

    def kind(self, *args: str | Path, stdin: str = "") -> str:
        """Run kind with `args` for this cluster and return its standard output."""
        return programs.run([tools.kind(), *args, "--name", self.name], env=self.engine.environment(), stdin=stdin)

    def held_images(self) -> set[str]:
        """Return the names of images that every node holds."""
        listings = (self._on_node(node, f"{STORE} ls -q") for node in self.nodes())
        names = set.intersection(*(set(listing.split()) for listing in listings))
        return {name.removeprefix(STORE_PREFIX) for name in names}

    def load(self, images: Sequence[str]) -> None:
        """Copy images of the engine into every node."""
        transfer.load(self.engine, self.nodes(), images)

    def name_images(self, names: Mapping[str, str]) -> None:
        """Give images that every node holds a second name: held name -> second name."""
        commands = [
            f"{STORE} tag --force {STORE_PREFIX}{held} {STORE_PREFIX}{second}" for held, second in names.items()
        ]
        for node in self.nodes():
            self._on_node(node, "; ".join(["set -e", *commands]))

    def _on_node(self, node: str, script: str) -> str:
        return self.engine.docker("exec", node, "sh", "-c", script)
