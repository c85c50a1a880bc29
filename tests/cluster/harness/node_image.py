"""The image that clusters' nodes run: kind's public one, or one built here where no image registry can be reached.

Does not know what is in it (node_root) nor how a cluster is made of it.
"""

import tempfile
from pathlib import Path

from harness import cache, debian, gobuild, node_root, programs, versions
from harness.engine import Engine
from harness.progress import say, step

REPOSITORY = "datareplication/node"
NEEDED = {"mmdebstrap": "mmdebstrap", "containerd": "containerd", "ctr": "containerd"}
# systemd stops in order on this signal only; on SIGTERM, docker waits its 10 s and kills.
DOCKERFILE = """FROM {root}
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
"""


def ensure(engine: Engine) -> str:
    """Return the name of a node image that the engine holds; fetch or build it first when needed."""
    own = f"{REPOSITORY}:{versions.KUBERNETES}-{_key()}"
    if engine.has_image(own):
        return own
    with cache.lock("node-image"):
        if engine.has_image(own):
            return own
        with step(f"look for the public image {versions.PUBLIC_NODE.partition('@')[0]}"):
            is_public = engine.can_pull(versions.PUBLIC_NODE)
        if is_public:
            return versions.PUBLIC_NODE
        say("no image registry can be reached: the node image is built here")
        _build(engine, own)
    return own


def _key() -> str:
    """Hash all that a self-built image is made from."""
    here = Path(__file__).parent
    code = [here / name for name in ("node_root.py", "node_image.py", "image_store.py", "archive.py", "versions.py")]
    binaries = [gobuild.key(module, package) for module, package in node_root.PROGRAMS]
    return cache.key(node_root.FILES, *binaries, *code)


def _build(engine: Engine, name: str) -> None:
    debian.install(NEEDED)
    parts = node_root.make_parts()
    with step(f"build the node image {name}"), tempfile.TemporaryDirectory(dir=cache.folder("work")) as work:
        root = node_root.assemble(parts, Path(work))
        temporary = f"{name}-root"
        pack: list[str | Path] = ["tar", "-C", root, "--numeric-owner", "--xattrs", "-c", "."]
        programs.pipe(pack, ["docker", "import", "-", temporary], env=engine.environment())
        # `docker import` cannot set a stop signal, a build on top of it can.
        context = Path(work) / "context"
        context.mkdir()
        (context / "Dockerfile").write_text(DOCKERFILE.format(root=temporary), encoding="utf-8")
        engine.build(context, [name], {})
        engine.docker("rmi", "--no-prune", temporary)
