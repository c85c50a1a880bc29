"""The Docker engine that clusters run in: finding one, and talking to it by its command-line client.

Does not know how a private one is started (private_engine) nor what runs in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness import private_engine, programs
from harness.errors import HarnessError, MissingError, ProgramError

ASK_SECONDS = 10
# A registry that is not there answers at once or by the engine's own limit (15 s); one that is there may be slow.
PULL_SECONDS = 300


@dataclass(frozen=True)
class Engine:
    """A running Docker engine: where it listens ("" for the client's default), and whether it is our private one."""

    host: str
    is_private: bool

    def environment(self) -> dict[str, str]:
        """Return the variables that make programs use this engine."""
        return {"DOCKER_HOST": self.host} if self.host else {}

    def docker(self, *args: str | Path, stdin: str = "", timeout_seconds: float | None = None) -> str:
        """Run docker with these arguments and return its standard output."""
        return programs.run(["docker", *args], env=self.environment(), stdin=stdin, timeout_seconds=timeout_seconds)

    def has_image(self, image: str) -> bool:
        """Say whether the engine holds this image."""
        return programs.succeeds(["docker", "image", "inspect", image], env=self.environment())

    def can_pull(self, image: str) -> bool:
        """Fetch a public image when the engine does not hold it yet; say whether it does now."""
        if self.has_image(image):
            return True
        try:
            self.docker("pull", image, timeout_seconds=PULL_SECONDS)
        except ProgramError:
            return False
        return True

    def build(self, context: Path, tags: list[str], arguments: dict[str, str]) -> None:
        """Build an image from the folder `context`."""
        options = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        names = [word for tag in tags for word in ("--tag", tag)]
        # A private engine answers no DNS question in containers; a build that fetches packages needs the machine's own.
        network = ["--network", "host"] if self.is_private else []
        command = ["docker", "build", *network, *options, *names, str(context)]
        programs.run(command, env={**self.environment(), **self._builder()})

    def _builder(self) -> dict[str, str]:
        """Choose BuildKit where its client plugin is installed; Debian's docker.io has only the classic builder."""
        has_plugin = programs.succeeds(["docker", "buildx", "version"])
        return {"DOCKER_BUILDKIT": "1" if has_plugin else "0"}


def find() -> Engine | None:
    """Return a running engine: the environment's, else our private one, else the machine's; None when there is none."""
    private = f"unix://{private_engine.socket()}"
    for host in (os.environ.get("DOCKER_HOST", ""), private, ""):
        if _answers(host):
            return Engine(host, is_private=host == private)
    return None


def ensure() -> Engine:
    """Return a running engine; start a private one when there is none."""
    found = find()
    if found is None:
        private_engine.start()
        found = find()
    if found is None:
        raise HarnessError(f"the private Docker engine does not answer; see {private_engine.log()}")
    if found.is_private:
        private_engine.lift_limits()
    return found


def _answers(host: str) -> bool:
    if host.startswith("unix://") and not Path(host.removeprefix("unix://")).exists():
        return False
    try:
        extra = {"DOCKER_HOST": host} if host else {}
        programs.run(["docker", "version", "--format", "{{.Server.Version}}"], env=extra, timeout_seconds=ASK_SECONDS)
    except (ProgramError, MissingError):
        return False
    return True
