"""What the documents name is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(?P<file>…|[a-z_/]+\.py)(?:::(?P<test>test_[a-z0-9_]+))?`")


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    found, file = [], ""
    for match in NAMED.finditer((ROOT / "docs" / "security.md").read_text()):
        file = file if match["file"] == "…" else match["file"]
        found.append((file, match["test"]))
    assert len(found) > 25
    missing = [f"{file}::{test}" for file, test in found if not _is_there(ROOT / "tests" / file, test)]
    assert missing == []


def _is_there(path: Path, test: str | None) -> bool:
    if not path.is_file():
        return False
    names = {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return any(name.startswith("test_") for name in names) if test is None else test in names
