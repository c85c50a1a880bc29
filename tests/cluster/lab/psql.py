"""psql in a server's pod that stays: to start one for each question takes a fifth of a second of CPU, half of it there."""

import atexit
import contextlib
import subprocess
import tempfile
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from harness import programs
from harness.errors import ProgramError

TIMEOUT_SECONDS = 600


class Psql:
    """One psql that runs one script after the other, each in a session of its own; it ends with the first error."""

    def __init__(self, words: Sequence[str]) -> None:
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            words,
            env=programs.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can run another script."""
        return self._process.poll() is None

    def run(self, script: str, database: str, variables: Mapping[str, str]) -> str:
        """Return what a script prints in a new session; ProgramError with psql's words if it fails.

        Nothing is left in the database's list of sessions.
        """
        end = uuid.uuid4().hex
        chosen = "".join(f"\\set {name} {_quoted(value)}\n" for name, value in variables.items())
        unset = "".join(f"\\unset {name}\n" for name in variables)
        watch = threading.Timer(TIMEOUT_SECONDS, self._process.kill)
        watch.start()
        try:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # then it has ended, and has said why
                self._process.stdin.write(f"\\connect {database}\n{chosen}{script}\n;\n{unset}\\connect postgres\n")
                self._process.stdin.write(f"\\echo {end}\n")
                self._process.stdin.flush()
            return "".join(self._until(end))
        finally:
            watch.cancel()

    def close(self) -> None:
        """Let it end."""
        with self._errors, contextlib.suppress(BrokenPipeError), self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _until(self, end: str) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == f"{end}\n":
                return
            yield line
        code = self._process.wait()
        self._errors.seek(0)
        raise ProgramError(f"psql ended with {code}:\n{self._errors.read().strip()}")


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


_idle: defaultdict[tuple[str, ...], list[Psql]] = defaultdict(list)
_lock = threading.Lock()


def run(words: Sequence[str], script: str, database: str, variables: Mapping[str, str]) -> str:
    """Run a script by a psql that `words` starts, or that an earlier call with the same words has left."""
    key = tuple(words)
    with _lock:
        chosen = _idle[key].pop() if _idle[key] else None
    if chosen is not None and not chosen.is_alive:
        chosen.close()
        chosen = None
    used = chosen or Psql(words)
    try:
        answer = used.run(script, database, variables)
    except BaseException:
        used.close()
        raise
    with _lock:
        _idle[key].append(used)
    return answer


@atexit.register
def _close() -> None:
    for left in _idle.values():
        for one in left:
            one.close()
