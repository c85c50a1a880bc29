"""The programs that a person and the harness drive clusters with: kind, kubectl and helm, in known versions."""

import os
from pathlib import Path

from harness import cache, gobuild, versions


def kind() -> Path:
    """Return kind."""
    return gobuild.published("kind", "sigs.k8s.io/kind", versions.KIND)


def helm() -> Path:
    """Return helm."""
    return gobuild.published("helm", "helm.sh/helm/v3/cmd/helm", versions.HELM)


def kubectl() -> Path:
    """Return kubectl.

    Always ours, in the version of the clusters. Not the node's binary under another name: that one carries every
    program of Kubernetes and takes twice the time and memory to start (80 ms, 94 MB; 40 ms, 44 MB).
    """
    return gobuild.program("kubernetes", "kubectl")


def ensure() -> Path:
    """Make all of them and return a folder for PATH that holds their names."""
    folder = cache.folder("bin")
    for binary in (kind(), kubectl(), helm()):
        _link(folder / binary.name, binary)
    return folder


def _link(name: Path, binary: Path) -> None:
    """Point `name` at `binary` in one step, because another process may be about to start it."""
    if name.is_symlink() and name.readlink() == binary:
        return
    fresh = name.with_name(f".{name.name}.{os.getpid()}")
    fresh.symlink_to(binary)
    fresh.replace(name)
