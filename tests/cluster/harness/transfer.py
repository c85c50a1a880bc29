"""Carrying images from the engine into nodes: only those layers that a node does not hold yet.

`kind load` carries every layer of every image each time: 9.8 s for one image whose last layer had changed, per node; this
takes 4.3 s, of which `docker save` 3.5 s, and next to nothing for a second node. Does not know what the images are.
"""

import hashlib
import io
import json
import posixpath
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness import cache, programs
from harness.engine import Engine
from harness.errors import HarnessError

CTR = ("ctr", "--namespace", "k8s.io")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PACKED_LAYER = f"{LAYER}+gzip"
# How a node's image store calls an image that has no registry in its name.
STORE_PREFIX = "docker.io/"


@dataclass(frozen=True)
class Blob:
    """One piece of an image, as a registry would name it, and the member of the saved archive that has its content."""

    media_type: str
    digest: str
    size: int
    member: str

    def descriptor(self) -> dict[str, Any]:
        """Return what an index or a manifest says about it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def load(engine: Engine, nodes: Sequence[str], images: Sequence[str]) -> None:
    """Make every node hold the images."""
    with tempfile.TemporaryDirectory(dir=cache.folder("work")) as work:
        saved = Path(work) / "saved.tar"
        engine.docker("save", "--output", saved, *images)
        with tarfile.open(saved) as archive:
            described = describe(archive)
            for node in nodes:
                held = set(engine.docker("exec", node, *CTR, "content", "ls", "--quiet").split())
                partial = Path(work) / "partial.tar"
                write(partial, archive, described, held)
                _import(engine, node, partial)


def describe(archive: tarfile.TarFile) -> list[tuple[list[str], list[Blob]]]:
    """Return the names and the blobs of every image in a saved archive, each image's configuration first."""
    return [_describe(archive, entry) for entry in json.loads(_open(archive, "manifest.json").read())]


def _describe(archive: tarfile.TarFile, entry: dict[str, Any]) -> tuple[list[str], list[Blob]]:
    """Return an image's names and its blobs.

    The configuration holds the hash of each unpacked layer, and a layer that an engine keeps packed is named by its own:
    nothing has to be hashed here.
    """
    config = _open(archive, entry["Config"]).read()
    unpacked = json.loads(config)["rootfs"]["diff_ids"]
    blobs = [Blob(CONFIG, _digest(config), len(config), entry["Config"])]
    for digest, name in zip(unpacked, entry["Layers"], strict=True):
        member = _resolve(archive, name)
        own = f"sha256:{posixpath.basename(name)}" if name.startswith("blobs/sha256/") else digest
        blobs.append(Blob(LAYER if own == digest else PACKED_LAYER, own, member.size, member.name))
    return entry["RepoTags"], blobs


def _resolve(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """Return a member; a layer that occurs twice is a link the second time."""
    member = archive.getmember(name)
    while member.issym():
        target = posixpath.join(posixpath.dirname(member.name), member.linkname)
        member = archive.getmember(posixpath.normpath(target))
    return member


def write(
    target: Path, archive: tarfile.TarFile, described: Sequence[tuple[list[str], list[Blob]]], held: set[str]
) -> None:
    """Write an archive in the OCI layout that lacks the layers which are held already."""
    index: list[dict[str, Any]] = []
    written = set(held)
    with tarfile.open(target, "w") as partial:
        _add(partial, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        for names, (config, *layers) in described:
            manifest = _encode(
                {
                    "schemaVersion": 2,
                    "mediaType": MANIFEST,
                    "config": config.descriptor(),
                    "layers": [layer.descriptor() for layer in layers],
                }
            )
            digest = _digest(manifest)
            _add(partial, _path(digest), manifest)
            for blob in (config, *layers):
                if blob.digest not in written:
                    _copy(partial, archive, blob)
                    written.add(blob.digest)
            described_manifest = {"mediaType": MANIFEST, "digest": digest, "size": len(manifest)}
            for name in names:
                annotations = {"io.containerd.image.name": f"{STORE_PREFIX}{name}"}
                index.append({**described_manifest, "annotations": annotations})
        _add(partial, "index.json", _encode({"schemaVersion": 2, "manifests": index}))


def _import(engine: Engine, node: str, partial: Path) -> None:
    command = ["docker", "exec", "--interactive", node, *CTR, "images", "import", "--snapshotter", "overlayfs", "-"]
    programs.pipe(["cat", partial], command, env=engine.environment())


def _copy(partial: tarfile.TarFile, archive: tarfile.TarFile, blob: Blob) -> None:
    entry = tarfile.TarInfo(_path(blob.digest))
    entry.size = blob.size
    partial.addfile(entry, _open(archive, blob.member))


def _add(partial: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    partial.addfile(entry, io.BytesIO(content))


def _open(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    content = archive.extractfile(name)
    if content is None:
        raise HarnessError(f"docker save wrote no file {name}")
    return content


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
