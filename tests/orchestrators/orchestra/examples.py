"""Copies of the examples, with what a user edits at their top."""

import re
from pathlib import Path

from harness.images import CHECKOUT
from lab.replications import Scene

EXAMPLES = CHECKOUT / "examples"


def edited(example: str, folder: Path, scene: Scene, **constants: str) -> Path:
    """Return a copy of an example for a scene's replication. constants: other lines `NAME = value` that are replaced."""
    text = (EXAMPLES / example).read_text()
    lines = {"NAMESPACE": repr(scene.namespace), "REPLICATION": repr(scene.name), **constants}
    for name, value in lines.items():
        text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert found == 1, f"{example} has no line {name}"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / Path(example).name
    copy.write_text(text)
    return copy
