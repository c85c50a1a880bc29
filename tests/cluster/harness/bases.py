"""The images that the project's images are built from: public ones, or Debian packages where no registry answers.

What each consists of is said in images/base/bases.toml. Does not know what is built on top.
"""

import tomllib
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

from harness import debian, programs
from harness.engine import Engine
from harness.progress import step

RECIPES = Path(__file__).parents[3] / "images" / "base" / "bases.toml"


@dataclass(frozen=True)
class Base:
    """One base: its name, the public image, and the Debian packages that stand in for it."""

    name: str
    public: str
    packages: debian.RootFilesystem

    @property
    def local(self) -> str:
        """The name of the image that stands in for the public one; another recipe gives another name."""
        return f"datareplication/base-{self.name}:{self.packages.key()}"


def recipe(name: str) -> Base:
    """Return the base `name` as its recipe describes it."""
    found = tomllib.loads(RECIPES.read_text(encoding="utf-8"))[name]
    packages = debian.RootFilesystem(
        suite=found["suite"],
        packages=tuple(found["packages"]),
        excluded_paths=tuple(found.get("excluded_paths", ())),
        hooks=tuple(found.get("hooks", ())),
    )
    return Base(name, found["public"], packages)


def ensure(engine: Engine, name: str) -> str:
    """Return an image for BASE_IMAGE that the engine holds; fetch or make it first when needed."""
    base = recipe(name)
    if engine.has_image(base.local):
        return base.local
    if _can_pull(engine, base.public):
        return base.public
    root = debian.root(base.packages, f"base-{name}")
    with step(f"import {base.local}"):
        programs.run(["docker", "import", root, base.local], env=engine.environment())
    return base.local


@once
def _can_pull(engine: Engine, image: str) -> bool:
    """Ask only once in a run: a registry that is not there may take its time to say so."""
    return engine.can_pull(image)
