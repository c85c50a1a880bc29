"""Image archives in Docker's format, written without an engine: one layer, one entry point, any number of names."""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from harness import gobuild

CREATED = "2026-01-01T00:00:00Z"
BLOCK_BYTES = 1 << 20


def pack(content: Path, entrypoint: str, names: Sequence[str]) -> tuple[Path, Path]:
    """Make an image of the folder `content`; return its archive and its layer, which are put beside the folder."""
    layer = content.with_suffix(".layer.tar")
    image = content.with_suffix(".tar")
    with tarfile.open(layer, "w") as files:
        files.add(content, ".", filter=_as_root)
    _write(image, layer, entrypoint, names)
    return image, layer


def digest(file: Path) -> str:
    """Return the name that a registry gives a file with this content."""
    total = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(BLOCK_BYTES):
            total.update(block)
    return f"sha256:{total.hexdigest()}"


def _write(target: Path, layer: Path, entrypoint: str, names: Sequence[str]) -> None:
    config = json.dumps(
        {
            "architecture": gobuild.architecture(),
            "os": "linux",
            "created": CREATED,
            "config": {"Entrypoint": [entrypoint], "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": list(names), "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        _add(archive, config_name, config)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
        archive.add(layer, "layer.tar")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give a file to root and take its time away, so that equal files make equal layers."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
