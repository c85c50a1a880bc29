"""Starting other programs and reading what they print; the only place that starts a process.

Does not know what any of the programs is for.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import MissingError, ProgramError

# The programs of a container engine and of a network are in sbin, which is not in every user's PATH.
SYSTEM_FOLDERS = "/usr/sbin:/sbin"
LAST_LINES = 30


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the system folders in PATH, and `extra` on top of it."""
    path = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}"
    return {**os.environ, "PATH": path, **(extra or {})}


def find(name: str) -> Path | None:
    """Return where the program `name` is, or None."""
    found = shutil.which(name, path=environment()["PATH"])
    return Path(found) if found else None


def require(name: str, remedy: str) -> Path:
    """Return where the program `name` is; raise MissingError with the `remedy` when it is not there."""
    found = find(name)
    if found is None:
        raise MissingError(f"{name} is not installed: {remedy}")
    return found


def run(
    args: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """Run a program to its end and return its standard output; raise ProgramError when it fails."""
    words = [str(word) for word in args]
    try:
        done = subprocess.run(
            words,
            env=environment(env),
            input=stdin,
            cwd=cwd,
            timeout=timeout_seconds,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingError(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise ProgramError(f"{shlex.join(words[:4])} did not end within {timeout_seconds:.0f} s") from error
    if done.returncode != 0:
        raise ProgramError(_failure(words, done.returncode, done.stdout + done.stderr))
    return done.stdout


def succeeds(args: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> bool:
    """Say whether a program ends well; what it prints is dropped."""
    try:
        run(args, env=env, timeout_seconds=60)
    except (ProgramError, MissingError):
        return False
    return True


def pipe(source: Sequence[str | Path], sink: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """Run `source | sink` and return the sink's standard output; raise ProgramError when either fails."""
    left = [str(word) for word in source]
    right = [str(word) for word in sink]
    with subprocess.Popen(left, stdout=subprocess.PIPE, env=environment(env)) as writer:
        done = subprocess.run(
            right, stdin=writer.stdout, env=environment(env), capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise ProgramError(_failure(right, done.returncode, done.stdout + done.stderr))
    if writer.returncode != 0:
        raise ProgramError(_failure(left, writer.returncode, ""))
    return done.stdout


def spawn(args: Sequence[str | Path], log: Path) -> int:
    """Start a program that outlives this process and its terminal, writing to `log`; return its process id."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in args],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
    # Python warns when an object of a running process is dropped; this one is meant to go on.
    process.returncode = 0
    return process.pid


def tail(text: str, lines: int = LAST_LINES) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.strip().splitlines()[-lines:])


def _failure(words: Sequence[str], code: int, output: str) -> str:
    return f"{shlex.join(words)[:300]} ended with {code}:\n{tail(output)}"
