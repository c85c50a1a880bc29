"""A containerd image store filled beforehand, so that no node ever unpacks the images that it starts with.

Runs a containerd of its own for as long as the filling takes, without CRI; does not know what is in the images.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness import archive, programs
from harness.errors import HarnessError

START_SECONDS = 20
# kubelet never takes pinned images away; the CRI plugin only shows those that carry its label.
LABELS = ("io.cri-containerd.image=managed", "io.cri-containerd.pinned=pinned")
CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/sock"
[ttrpc]
  address = "{folder}/sock.ttrpc"
"""


def fill(folder: Path, images: Sequence[tuple[Path, Path]]) -> Path:
    """Import image archives, each given with its layer, and return the store's folder inside `folder`."""
    with _containerd(folder) as ctr:
        for image, _ in images:
            programs.run([*ctr, "images", "import", "--snapshotter", "overlayfs", "--digests=false", image])
        for name in programs.run([*ctr, "images", "ls", "-q"]).split():
            programs.run([*ctr, "images", "label", name, *LABELS])
    for _, layer in images:
        # Unpacked already: the packed copy would only be ballast in every node.
        algorithm, _, value = archive.digest(layer).partition(":")
        blobs = folder / "root" / "io.containerd.content.v1.content" / "blobs"
        (blobs / algorithm / value).unlink(missing_ok=True)
    return folder / "root"


@contextmanager
def _containerd(folder: Path) -> Iterator[list[str]]:
    """Run containerd in `folder`; give the beginning of every ctr command that talks to it."""
    folder.mkdir()
    config = folder / "config.toml"
    config.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    pid = programs.spawn(["containerd", "--config", config], folder / "log")
    ctr = ["ctr", "--address", f"{folder}/sock", "--namespace", "k8s.io"]
    try:
        _wait(ctr, folder / "log")
        yield ctr
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _wait(ctr: Sequence[str], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not programs.succeeds([*ctr, "version"]):
        if time.monotonic() > deadline:
            raise HarnessError(f"containerd did not start:\n{programs.tail(log.read_text(encoding='utf-8'))}")
        time.sleep(0.1)
