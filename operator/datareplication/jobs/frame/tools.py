"""pg_dump and pg_restore as child processes: which version is used, how it is started, how it ends.

A password is only ever in the child's environment. `complaints` knows what a child's error output means.
"""

import contextlib
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from datareplication.errors import CapabilityError
from datareplication.jobs.frame import complaints
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.connections import Login

TICK_SECONDS = 1.0
DEBIAN_BINARIES = Path("/usr/lib/postgresql")
DEBIAN_WRAPPER = "pg_wrapper"
"""A Perl program that starts one of Debian's binaries; it takes a tenth of a second to choose one."""

PASSED_ON = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of our environment that a child gets: none with a password, and none of libpq's PG* variables, because the
connection string says everything."""

REQUIRE_AUTH = "require_auth"
NOT_FOR_TOOLS = ("client_encoding", REQUIRE_AUTH)
"""pg_dump and pg_restore choose client_encoding themselves: the server's. require_auth is given as a variable, because
libpq before 16 ignores an unknown variable but refuses an unknown parameter."""


@dataclass(frozen=True)
class Tool:
    """A program of PostgreSQL. version: its major version."""

    path: Path
    version: int


def installed(name: str) -> list[Tool]:
    """Return all installed versions of `name`, oldest first: from Debian's directories, then from PATH."""
    paths = [path for path in DEBIAN_BINARIES.glob(f"*/bin/{name}") if os.access(path, os.X_OK)]
    on_path = shutil.which(name)
    if on_path and Path(on_path).resolve().name != DEBIAN_WRAPPER:
        paths.append(Path(on_path))
    by_version: dict[int, Tool] = {}
    for path in paths:
        if version := _version(path):
            by_version.setdefault(version, Tool(path, version))
    return [by_version[version] for version in sorted(by_version)]


def choose_dump(carried: Sequence[Tool], source_version: int) -> Tool:
    """Return the lowest pg_dump that is not older than the source: an older one cannot read it. Versions are majors."""
    for tool in carried:
        if tool.version >= source_version:
            return tool
    have = ", ".join(str(tool.version) for tool in carried) or "none"
    text = f"the source is PostgreSQL {source_version}; pg_dump of that version or later is needed"
    raise CapabilityError(f"{text}, this image carries {have}", reason="MissingTool")


def choose_restore(carried: Sequence[Tool], dump_version: int, target_version: int) -> Tool:
    """Return the lowest pg_restore that reads the archive (written by pg_dump of `dump_version`) and suits the target.

    A pg_restore newer than the target may send settings that the target does not know: 17 sends transaction_timeout.
    """
    for tool in carried:
        if dump_version <= tool.version <= target_version:
            return tool
    have = ", ".join(str(tool.version) for tool in carried) or "none"
    wanted = f"pg_restore from {dump_version} (which wrote the schema) to {target_version} (the target) is needed"
    raise CapabilityError(f"{wanted}; this image carries {have}", reason="MissingTool")


END_SECONDS = 5.0
"""How long a child may take to cancel its query and end."""


class Running:
    """A started child. Its error output goes to a file, so that it can never block on a full pipe.

    passed: descriptors that the child inherits.
    """

    def __init__(self, tool: Tool, arguments: Sequence[str], login: Login, passed: Sequence[int] = ()) -> None:
        self._name = tool.path.name
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        wanted = {key: value for key, value in login.parameters.items() if key not in NOT_FOR_TOOLS}
        conninfo = " ".join(f"{key}={_quoted(value)}" for key, value in wanted.items())
        self._child = subprocess.Popen(
            [*_tied(), tool.path, "--no-password", f"--dbname={conninfo}", *arguments],
            env={**environment(), **_credentials(login)},
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child if it still runs: first by SIGTERM, so that it cancels its query, then by SIGKILL.

        If a killed client's backend is waiting for a lock, it goes on waiting, and keeps all the locks that it has.
        """
        if self._child.poll() is None:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(END_SECONDS)
            self._child.kill()
            self._child.wait()
        self._errors.close()

    def join(self, tick: Callable[[], None]) -> None:
        """Wait for the child's end as `wait` does, in a process that a signal ends anyway."""
        while not self._ends_within(TICK_SECONDS):
            tick()
        self.check()

    def _ends_within(self, seconds: float) -> bool:
        """Wait for the child's end, at most so long. The kernel reports it at once; Popen.wait() looks every 50 ms."""
        if self._child.poll() is not None:
            return True
        try:
            with os.fdopen(os.pidfd_open(self._child.pid)) as ending:
                select.select([ending], [], [], seconds)
        except (AttributeError, OSError):  # no Linux, or a sandbox that does not allow it
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
        return self._child.poll() is not None

    def wait(self, stop: Stop, tick: Callable[[], None]) -> None:
        """Wait for the child's end and call `tick` every second; a failure is raised as the error in its output."""
        with stop.interrupting(self._child.terminate):
            self.join(tick)

    @property
    def has_ended(self) -> bool:
        """Whether the child has ended, successfully or not."""
        return self._child.poll() is not None

    def check(self) -> None:
        """Raise if the child has failed."""
        if self._child.poll():
            raise complaints.failure(self._name, self._child.returncode, self._said())

    def lost_grants(self) -> list[str]:
        """Return which grants the child could not restore although it succeeded."""
        return complaints.lost_grants(self._said())

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


def environment() -> dict[str, str]:
    """Return a child's environment, without a password; only Running adds one."""
    return {**{name: value for name, value in os.environ.items() if name in PASSED_ON}, "LC_ALL": "C"}


def _credentials(login: Login) -> dict[str, str]:
    required = login.parameters.get(REQUIRE_AUTH)
    return {"PGPASSWORD": login.password, **({"PGREQUIREAUTH": required} if required else {})}


def _tied() -> list[str]:
    """Return util-linux's setpriv with arguments by which the kernel kills the child when this process is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _version(path: Path) -> int:
    """Return the major version that the program prints, 0 if it prints none; TransientError if it was killed."""
    ended = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, env=environment())
    if ended.returncode < 0:
        raise complaints.failure(path.name, ended.returncode, "")
    match = re.search(r"\(PostgreSQL\) (\d+)", ended.stdout)
    return int(match.group(1)) if match else 0


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
