"""Where each orchestrator is installed, and the environment variables that its processes get."""

import os
from pathlib import Path

from harness.errors import HarnessError


def programs(tool: str) -> Path:
    """Return the folder with an orchestrator's programs; HarnessError when make has not made its environment."""
    for folder in map(Path, os.environ.get("ORCHESTRATORS", "").split()):
        if folder.name.startswith(f"{tool}-"):
            return folder / "bin"
    raise HarnessError(f"the environment of {tool} is not there: run `make orchestrators-tests`")


def variables(tool: str, home: Path, kubeconfig: Path, **more: str) -> dict[str, str]:
    """Return the variables of an orchestrator's processes; nothing of our own environment is in them."""
    path = f"{programs(tool)}{os.pathsep}{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        **more,
    }
