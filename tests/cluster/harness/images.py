"""The project's own images: what goes into each, building them, and loading them into clusters.

An image's tag is a hash of its inputs: equal inputs are never built or loaded twice. Does not know the Dockerfiles'
contents nor how a base comes about (bases).
"""

import os
import shutil
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import bases, cache, programs, wheels
from harness.cluster import Cluster
from harness.engine import Engine
from harness.errors import HarnessError
from harness.progress import say, step

CHECKOUT = Path(__file__).parents[3]
PACKAGE = CHECKOUT / "operator" / "datareplication"
PREFIX = "datareplication/"
SHIM = """#!/usr/bin/env python3
import sys

from {module} import {function}

sys.exit({function}())
"""


@dataclass(frozen=True)
class Image:
    """One image of the project: its folder under images/, its base, and which part of the Python package it has.

    `part` is the sub-package that it carries beside the core; empty for an image without Python code.
    """

    name: str
    folder: str
    base: str
    part: str = ""

    @property
    def recipe(self) -> Path:
        """The folder of its Dockerfile."""
        return CHECKOUT / "images" / self.folder

    @property
    def lock(self) -> Path:
        """The lock file of its dependencies."""
        return CHECKOUT / "requirements" / f"{self.name}.txt"

    def tag(self, key: str) -> str:
        """Return its name with a tag."""
        return f"{PREFIX}{self.name}:{key}"


ALL = {
    image.name: image
    for image in (
        Image("operator", folder="operator", base="python", part="controller"),
        Image("job", folder="job", base="job", part="jobs"),
        Image("postgres", folder="postgres", base="postgres"),
        Image("postgres-15", folder="postgres", base="postgres-15"),
    )
}
DEFAULT = ("operator", "job", "postgres")
PARTS = {image.part for image in ALL.values() if image.part}


def ensure(engine: Engine, clusters: Sequence[Cluster], names: Sequence[str] = DEFAULT) -> dict[str, str]:
    """Build images that the engine lacks and load them into clusters that lack them; return name -> reference by hash.

    The reference `datareplication/NAME:dev` is moved along.
    """
    references = {name: _build(engine, ALL[name]) for name in names}
    for cluster in clusters:
        _load(cluster, references)
    return references


def _build(engine: Engine, image: Image) -> str:
    base = bases.ensure(engine, image.base)
    reference = image.tag(_key(image, base))
    with cache.lock(f"image-{image.name}"):
        if not engine.has_image(reference):
            with step(f"build {reference}"), tempfile.TemporaryDirectory(dir=cache.folder("work")) as work:
                context = Path(work)
                _fill(context, image)
                engine.build(context, [reference], {"BASE_IMAGE": base, **_origin(image)})
        engine.docker("tag", reference, image.tag("dev"))
    return reference


def _key(image: Image, base: str) -> str:
    if not image.part:
        return cache.key(base, image.recipe)
    code = [path for path in sorted(PACKAGE.iterdir()) if _belongs(path, image)]
    names = " ".join(path.name for path in code)
    return cache.key(base, image.recipe, image.lock, names, *code, *_shims(image).values())


def _fill(context: Path, image: Image) -> None:
    """Put an image's build context together."""
    shutil.copytree(image.recipe, context, dirs_exist_ok=True)
    if not image.part:
        return
    # Links, not copies: the context is in the cache too, and copying 3,500 files takes 2 s.
    shutil.copytree(wheels.unpack(image.lock), context / "site", copy_function=os.link)
    package = context / "package" / PACKAGE.name
    unwanted = shutil.ignore_patterns("__pycache__")
    package.mkdir(parents=True)
    for path in PACKAGE.iterdir():
        if not _belongs(path, image):
            continue
        if path.is_dir():
            shutil.copytree(path, package / path.name, ignore=unwanted)
        else:
            shutil.copy(path, package)
    (context / "bin").mkdir()
    for name, text in _shims(image).items():
        shim = context / "bin" / name
        shim.write_text(text, encoding="utf-8")
        shim.chmod(0o755)


def _belongs(path: Path, image: Image) -> bool:
    """Say whether a part of our package is for an image: the core is for all, a part for its own image only."""
    return path.name not in (PARTS - {image.part}) | {"__pycache__"}


def _shims(image: Image) -> dict[str, str]:
    """Return the programs of an image, as pyproject.toml names them: name -> text."""
    scripts: dict[str, str] = _project()["scripts"]
    targets = {name: target.partition(":") for name, target in scripts.items()}
    return {
        name: SHIM.format(module=module, function=function)
        for name, (module, _, function) in targets.items()
        if module.startswith(f"{PACKAGE.name}.{image.part}.")
    }


def _origin(image: Image) -> dict[str, str]:
    """Return the version and the commit that an image is labelled with."""
    if not image.part:
        return {}
    try:
        revision = programs.run(["git", "-C", CHECKOUT, "rev-parse", "HEAD"]).strip()
    except HarnessError:
        # A source archive has no history.
        revision = "unknown"
    return {"VERSION": _project()["version"], "REVISION": revision}


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _load(cluster: Cluster, references: dict[str, str]) -> None:
    """Load what a cluster lacks, and let `:dev` mean these images there."""
    held = cluster.held_images()
    missing = [reference for reference in references.values() if reference not in held]
    if missing:
        with step(f"load {' '.join(missing)} into {cluster.name}"):
            cluster.load(missing)
    cluster.name_images({reference: ALL[name].tag("dev") for name, reference in references.items()})
    say(f"{cluster.name} holds {' '.join(references.values())}")
