"""Processes of an orchestrator, with all that they have started: to stop them, and to kill them as a lost machine does."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 20
LAST_CHARACTERS = 6000


@dataclass
class Process:
    """One program that was started, and the file with what it prints."""

    popen: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace")[-LAST_CHARACTERS:]

    def kill(self) -> None:
        """End it and all its descendants by SIGKILL."""
        kill_tree(self.popen.pid)
        self.popen.wait()

    def stop(self) -> None:
        """Ask it to end; then kill what is left of it."""
        everything = tree(self.popen.pid)
        self.popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOP_SECONDS)
        _kill(everything)
        self.popen.wait()


def start(command: Sequence[str | Path], environment: Mapping[str, str], log: Path, folder: Path) -> Process:
    """Start a program in a folder; what it prints is added to `log`."""
    with log.open("ab") as output:
        popen = subprocess.Popen(
            list(map(str, command)),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return Process(popen, log)


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path, seconds: float = 300) -> str:
    """Run a program to its end and return what it printed; AssertionError when it fails."""
    done = subprocess.run(
        list(map(str, command)),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
    )
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text[-LAST_CHARACTERS:]
    return text


def kill_tree(pid: int) -> None:
    """End a process and all its descendants by SIGKILL; no process is left to tell others what happened."""
    _kill(tree(pid))


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(words[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def _kill(pids: list[int]) -> None:
    for stop in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: none starts another one meanwhile
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, stop)
    deadline = time.monotonic() + STOP_SECONDS
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False
