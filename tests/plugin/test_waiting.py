"""`run --wait`: its lines, bars and exit codes; broken connections, restarts, deletions, Ctrl-C."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
from typing import Any

import pytest
import yaml

from faultlab.api import ApiError
from support import plugin
from support.plane import Ended, Place, ended, until
from support.plugin import done, step
from support.proxy import Proxy, proxy_of

WAITING = step("Waiting", name="dev")


def dumping(share: float) -> dict[str, Any]:
    return {"phase": "Dumping", "startTime": plugin.at(0), "dump": plugin.moving(share), "targets": [WAITING]}


def over(phase: str, reason: str, *targets: dict[str, Any]) -> dict[str, Any]:
    return {
        "phase": phase,
        "completionTime": plugin.at(-185 / 3600),
        "duration": "3m5s",
        "dump": done(131),
        "targets": [*targets],
        "conditions": [plugin.condition("Finished", "True", reason)],
    }


GOOD = done(138, name="dev")
BAD = step("Failed", name="qa", reason="ServerDiskFull", message="no space left")


def tell(place: Place, status: dict[str, Any]) -> str:
    """Write the status of the one run; return its name."""
    name = str(place.one_run()["metadata"]["name"])
    place.write_status("datareplicationruns", name, status)
    return name


def tell_again(place: Place, status: dict[str, Any]) -> bool:
    """Write the status if the API server, which has just started, takes it."""
    with contextlib.suppress(ApiError):
        return bool(tell(place, status))
    return False


def said(process: "subprocess.Popen[str]", words: str) -> None:
    """Read lines of standard output until one has these words."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"never said: {words}; {process.stderr and process.stderr.read()}")


@pytest.mark.parametrize(
    ("status", "code", "last"),
    [
        (over("Succeeded", "AllTargetsLoaded", GOOD), 0, "Succeeded after 3m5s"),
        (over("PartiallyFailed", "ServerDiskFull", GOOD, BAD), 2, "  to do: Give the server room."),
        (over("Failed", "ServerDiskFull", BAD), 1, "  to do: Give the server room."),
        (over("Replaced", "Replaced"), 1, "Replaced after 3m5s"),
    ],
    ids=["succeeded", "partially failed", "failed", "replaced"],
)
def test_the_exit_code_tells_how_a_run_ended(place: Place, status: dict[str, Any], code: int, last: str) -> None:
    place.replication("fan")
    process = place.begin("run", "fan", "--wait")
    tell(place, dumping(0.5))
    said(process, "dump: Running: 50%")
    tell(place, status)
    got = ended(process)
    assert (got.returncode, got.stderr) == (code, "")
    assert got.stdout.splitlines()[-1].endswith(last)
    assert got.stdout.replace("\n", "").isprintable()


def test_programs_get_the_run_at_its_end_and_nothing_else(place: Place) -> None:
    place.replication("fan")
    process = place.begin("run", "fan", "--wait", "--output", "json")
    tell(place, dumping(0.5))
    name = tell(place, over("Failed", "ServerDiskFull", BAD))
    got = ended(process)
    assert (got.returncode, json.loads(got.stdout)["name"]) == (1, name)
    assert json.loads(got.stdout)["status"]["targets"][0]["reason"] == "ServerDiskFull"


def test_a_rollback_is_followed_too(place: Place) -> None:
    place.replication("fan")
    process = place.begin("rollback", "fan", "--target", "dev", "--yes", "--wait")
    back = step("Succeeded", name="dev", reason="RolledBack", message="shows the database from before")
    tell(place, {**over("Succeeded", "AllTargetsRolledBack", back), "dump": None, "targetsSummary": "1/1"})
    got = ended(process)
    assert got.returncode == 0, got.stderr
    assert "rollback of dev: Succeeded: RolledBack: shows the database from before" in got.stdout
    assert got.stdout.endswith("1/1 targets rolled back\n")


def test_a_time_limit_leaves_the_run_alone(place: Place) -> None:
    place.replication("fan")
    got = place.called("run", "fan", "--wait", "--timeout", "3s")
    name = place.one_run()["metadata"]["name"]
    assert got.returncode == 124
    assert got.stderr.startswith(f"run {name} has not ended within 3s: it is Pending, and goes on; look: kubectl ")


def test_a_run_that_is_deleted_has_failed(place: Place) -> None:
    place.replication("fan")
    process = place.begin("run", "fan", "--wait")
    name = tell(place, dumping(0.5))
    said(process, "dump: Running")
    place.delete("datareplicationruns", name)
    got = ended(process)
    assert (got.returncode, got.stderr.split("; ")[0]) == (1, f"run {name} was deleted before its end was seen")


def test_another_run_of_the_same_name_is_not_taken_for_it(place: Place) -> None:
    place.replication("fan")
    with through_a_proxy(place) as (proxy, process):
        name = tell(place, dumping(0.5))
        said(process, "dump: Running")
        proxy.cut()
        place.delete("datareplicationruns", name)
        place.create("datareplicationruns", name, {"replicationName": "fan"})
        got = ended(process)
    assert got.returncode == 1
    assert f"run {name} was deleted" in got.stderr


def test_ctrl_c_leaves_the_run_alone_and_says_how_to_look_again(place: Place) -> None:
    place.replication("fan")
    process = place.begin("run", "fan", "--wait")
    name = tell(place, dumping(0.5))
    said(process, "dump: Running")
    process.send_signal(signal.SIGINT)
    got = ended(process)
    assert got.returncode == 130
    assert got.stderr.startswith(f"run {name} goes on; look: kubectl datareplication status fan -n {place.namespace}; ")
    assert f"kubectl delete dreprun {name}" in got.stderr
    assert place.get("datareplicationruns", name)["metadata"]["name"] == name


class through_a_proxy:  # noqa: N801 - it is used as a block
    """`run --wait` behind a proxy that can cut its connections."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._proxy = proxy_of(int(place.plane.plane.url.rpartition(":")[2]))

    def __enter__(self) -> tuple[Proxy, "subprocess.Popen[str]"]:
        proxy = self._proxy.__enter__()
        config = yaml.safe_load(self._place.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        path = self._place.kubeconfig.with_name(f"{self._place.namespace}.kubeconfig")
        path.write_text(yaml.safe_dump(config))
        return proxy, self._place.begin("run", "fan", "--wait", "--kubeconfig", str(path))

    def __exit__(self, *_: object) -> None:
        self._proxy.__exit__(None, None, None)


def test_a_broken_watch_is_begun_anew(place: Place) -> None:
    place.replication("fan")
    with through_a_proxy(place) as (proxy, process):
        for share in (0.1, 0.3, 0.5):
            tell(place, dumping(share))
            said(process, f"dump: Running: {share:.0%}")
            until(proxy.cut)
        tell(place, over("Succeeded", "AllTargetsLoaded", GOOD))
        got = ended(process)
    assert got.returncode == 0, got.stderr
    assert set(got.stderr.splitlines()) <= {line for line in got.stderr.splitlines() if "does not answer" in line}


def test_an_api_server_that_restarts_is_waited_for(place: Place) -> None:
    place.replication("fan")
    process = place.begin("run", "fan", "--wait")
    tell(place, dumping(0.5))
    said(process, "dump: Running: 50%")
    place.plane.restart_api()
    until(lambda: place.plane.do(place.plane.plane.api.is_ready()))
    until(lambda: tell_again(place, over("Succeeded", "AllTargetsLoaded", GOOD)))
    got = ended(process, 120)
    assert got.returncode == 0, got.stderr
    assert "(the run goes on; asking again)" in got.stderr
    assert "try again" not in got.stderr


def in_terminal(place: Place, *arguments: str, answer: bytes = b"", seconds: float = 60) -> Ended:
    """Call the plugin in a terminal of 100 columns; `answer` is typed at once."""
    main, sub = pty.openpty()
    os.set_blocking(main, False)
    environment = {**place.environment(), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(place.command(*arguments), stdin=sub, stdout=sub, stderr=sub, env=environment)
    os.close(sub)
    os.write(main, answer)
    written, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.2)[0]:
            try:
                written += os.read(main, 65_536)
            except OSError:  # the other end is closed
                break
    os.close(main)
    return Ended((), process.wait(10), written.decode(), "")


SIGNS = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])")
MOVES = "mKAhl"
"""Colours, erase a line, up, hide and show the cursor: all that bars need."""


def work(place: Place) -> None:
    """Do what the operator would; slowly enough for bars, which are drawn four times a second."""
    for share in (0.1, 0.4, 0.8):
        tell(place, dumping(share))
        time.sleep(0.7)
    tell(place, over("PartiallyFailed", "ServerDiskFull", GOOD, BAD))


def test_bars_move_on_a_terminal(place: Place) -> None:
    place.replication("fan")
    operator = threading.Thread(target=work, args=[place])
    operator.start()
    got = in_terminal(place, "run", "fan", "--wait")
    operator.join()
    assert got.returncode == 2
    assert "━" in got.stdout
    for words in ("124,031 rows", "33/42 tables", "load of qa"):
        assert words in got.stdout
    assert {sign for _, sign in SIGNS.findall(got.stdout)} <= set(MOVES)
    assert got.stdout.count("\x1b[?25l") == got.stdout.count("\x1b[?25h") >= 1
    assert "\x1b[31mServerDiskFull" in got.stdout


@pytest.mark.parametrize(("answer", "code", "runs"), [(b"y\n", 0, 1), (b"n\n", 130, 0), (b"\x04", 130, 0)])
def test_a_rollback_asks_on_a_terminal(place: Place, answer: bytes, code: int, runs: int) -> None:
    place.replication("fan")
    got = in_terminal(place, "rollback", "fan", answer=answer)
    assert "Roll back? [y/N]: " in got.stdout
    assert (got.returncode, len(place.runs())) == (code, runs)
