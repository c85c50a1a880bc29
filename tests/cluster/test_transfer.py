"""Images reach a node without the layers that it holds, whatever way the engine saved them."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from harness import transfer

PLAIN, PACKED = b"an unpacked layer", b"a packed layer"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def save(path: Path, layers: dict[str, bytes], unpacked: list[str], links: dict[str, str]) -> None:
    """Write what `docker save` writes for one image."""
    config = json.dumps({"rootfs": {"diff_ids": unpacked}}).encode()
    entry = {"Config": "config.json", "RepoTags": ["app:1", "app:dev"], "Layers": [*layers, *links]}
    files = {"config.json": config, "manifest.json": json.dumps([entry]).encode(), **layers}
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)


@pytest.mark.parametrize(
    ("name", "content", "unpacked", "media_type"),
    [
        pytest.param("1f/layer.tar", PLAIN, digest(PLAIN), transfer.LAYER, id="layers in folders of their own"),
        pytest.param(
            f"blobs/sha256/{digest(PLAIN)[7:]}", PLAIN, digest(PLAIN), transfer.LAYER, id="unpacked layers as blobs"
        ),
        pytest.param(
            f"blobs/sha256/{digest(PACKED)[7:]}", PACKED, digest(PLAIN), transfer.PACKED_LAYER, id="packed layers"
        ),
    ],
)
def test_a_layer_has_the_name_that_its_bytes_have(
    tmp_path: Path, name: str, content: bytes, unpacked: str, media_type: str
) -> None:
    save(tmp_path / "saved.tar", {name: content}, [unpacked], links={})
    with tarfile.open(tmp_path / "saved.tar") as archive:
        _, blobs = transfer.describe(archive)[0]
    assert blobs[1] == transfer.Blob(media_type, digest(content), len(content), name)


def test_a_layer_that_is_held_or_occurs_twice_is_not_carried_again(tmp_path: Path) -> None:
    layers = {"1/layer.tar": b"held", "2/layer.tar": b"new"}
    unpacked = [digest(b"held"), digest(b"new"), digest(b"new")]
    save(tmp_path / "saved.tar", layers, unpacked, links={"3/layer.tar": "../2/layer.tar"})
    with tarfile.open(tmp_path / "saved.tar") as archive:
        transfer.write(tmp_path / "partial.tar", archive, transfer.describe(archive), {digest(b"held")})
    with tarfile.open(tmp_path / "partial.tar") as partial:
        names = partial.getnames()
        index = json.load(partial.extractfile("index.json") or io.BytesIO())
    carried = [name for name in names if name.removeprefix("blobs/sha256/") in {value[7:] for value in unpacked}]
    assert carried == [f"blobs/sha256/{digest(b'new')[7:]}"]
    tags = [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]]
    assert tags == ["docker.io/app:1", "docker.io/app:dev"]
