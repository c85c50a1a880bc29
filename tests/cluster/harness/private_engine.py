"""A Docker engine of our own for a machine that has none: started as root, outlives its starter, stopped by its pid.

Its data is in the cache. Nothing that runs in its networks can leave this machine. Does not know what runs in it.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from harness import cache, debian, machine_limits, machine_network, nxdns, programs
from harness.errors import HarnessError, MissingError
from harness.progress import step

NEEDED = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
}
RUNC_WRAPPER = Path(__file__).parent / "files" / "runc-permitted"
CAP_SYS_RESOURCE = 24
START_SECONDS = 30
STOP_SECONDS = 30


def socket() -> Path:
    """Return the engine's socket, whether an engine listens there or not."""
    return _runtime() / "docker.sock"


def log() -> Path:
    """Return the file that the engine writes its log to."""
    return cache.folder("engine") / "dockerd.log"


def start() -> None:
    """Start the engine unless it runs, and wait until it answers."""
    with cache.lock("engine"):
        if _is_answering():
            return
        if os.geteuid() != 0:
            raise MissingError("no Docker engine answers, and only root can start a private one: start Docker first")
        debian.install(NEEDED)
        with step("start a private Docker engine"):
            _start()


def was_started() -> bool:
    """Say whether the engine was started and not stopped since; it may have died."""
    return _runtime().is_dir()


def stop() -> None:
    """Stop the engine if it was started, and take away what it left in the machine's network.

    The clusters in it have to be gone before.
    """
    with cache.lock("engine"):
        if not was_started():
            return
        with step("stop the private Docker engine"):
            _remove_networks()
            for name in ("nxdns", "dockerd"):
                _end(_runtime() / f"{name}.pid")
            if (_runtime() / "network.json").exists():
                machine_network.restore(_runtime() / "network.json")
            machine_limits.restore(_limits())
            _unmount()
            cache.remove(_runtime())


def lift_limits() -> None:
    """Raise the machine's limits for nodes, until the engine is stopped."""
    machine_limits.lift(_limits())


def _limits() -> Path:
    return _runtime() / "limits.json"


def _runtime() -> Path:
    """Return the folder of sockets and process ids.

    Under /run, because a socket's path may have 107 bytes at most, and because no pid file must survive a restart of
    the machine.
    """
    return Path("/run") / f"datareplication-{cache.key(str(cache.root()))}"


def _start() -> None:
    runtime = _runtime()
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (runtime / "network.json").exists():
        machine_network.remember(runtime / "network.json")
    _clear_away(runtime)
    ranges = machine_network.free_ranges()
    programs.spawn(_command(ranges), log())
    _wait()
    machine_network.confine()
    address = str(ranges.bridge.ip)
    pid = programs.spawn([sys.executable, Path(nxdns.__file__), address], cache.folder("engine") / "nxdns.log")
    (runtime / "nxdns.pid").write_text(str(pid), encoding="utf-8")


def _clear_away(runtime: Path) -> None:
    """End what an engine that was killed has left: its DNS server holds the address, its containerd the data.

    The pid files have to go too: after a second kill dockerd took what its old one named for a running containerd, and
    gave up ("timeout waiting for containerd to start").
    """
    for name in ("nxdns.pid", "dockerd.pid", "exec/containerd/containerd.pid"):
        _end(runtime / name)
        (runtime / name).unlink(missing_ok=True)


def _command(ranges: machine_network.Ranges) -> list[str | Path]:
    runtime = _runtime()
    return [
        "dockerd",
        *("--data-root", cache.folder("engine", "data")),
        *("--exec-root", runtime / "exec"),
        *("--pidfile", runtime / "dockerd.pid"),
        *("--host", f"unix://{socket()}"),
        *("--bip", str(ranges.bridge)),
        *("--default-address-pool", f"base={ranges.pool},size=24"),
        *("--dns", str(ranges.bridge.ip)),
        *_runtime_options(),
    ]


def _runtime_options() -> list[str]:
    """Return dockerd's options for a runc that asks for no capability that this machine cannot give."""
    if _bounding_capabilities() >> CAP_SYS_RESOURCE & 1:
        return []
    # The engine outlives the checkout that started it, so it gets a copy.
    wrapper = shutil.copy(RUNC_WRAPPER, cache.folder("engine"))
    return ["--add-runtime", f"permitted={wrapper}", "--default-runtime", "permitted"]


def _bounding_capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd":
            return int(value, 16)
    return -1


def _wait() -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_answering():
        if time.monotonic() > deadline:
            ending = programs.tail(log().read_text(encoding="utf-8", errors="replace"))
            raise HarnessError(f"the private Docker engine did not start within {START_SECONDS} s:\n{ending}")
        time.sleep(0.1)


def _is_answering() -> bool:
    if not socket().exists():
        return False
    return programs.succeeds(["docker", "version"], env={"DOCKER_HOST": f"unix://{socket()}"})


def _remove_networks() -> None:
    if not _is_answering():
        return
    host = {"DOCKER_HOST": f"unix://{socket()}"}
    listing = programs.run(["docker", "network", "ls", "--filter", "type=custom", "--quiet"], env=host)
    for network in listing.split():
        programs.run(["docker", "network", "rm", network], env=host)


def _unmount() -> None:
    """Undo the mounts that dockerd leaves behind: a network namespace of a build, its data folder once it was killed."""
    roots = (_runtime(), cache.folder("engine", "data"))
    mounted = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for place in reversed(mounted):
        if any(place.is_relative_to(root) for root in roots):
            programs.run(["umount", place])


def _end(pid_file: Path) -> None:
    """End the process of a pid file and wait for it, but only when it is still the one that was started."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text(encoding="utf-8"))
    name = pid_file.stem
    if _is_running(pid, name):
        # Once: the third signal makes dockerd drop everything where it stands.
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_running(pid, name):
        if time.monotonic() > deadline:
            raise HarnessError(f"{name} (process {pid}) does not end; see {log()}")
        time.sleep(0.2)


def _is_running(pid: int, name: str) -> bool:
    """Say whether process `pid` runs and is `name`; a zombie, waited for by nobody, has no command line any more."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
    return name.encode() in words
