"""The program: quick help, one line for each error, exit codes; as a process wherever a process can differ."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from datareplication.cli.main import main

CHECKOUT = Path(__file__).parents[3]
HEAVY = ("kubernetes", "rich", "pydantic", "aiohttp")


def kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "kubeconfig"
    named = {
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {"token": "x"}}],
        "contexts": [{"name": "staging", "context": {"cluster": "it", "user": "it", "namespace": "data"}}],
    }
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "staging", **named}))
    return path


Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the program in this process, which has imported the Kubernetes client already."""
    monkeypatch.setenv("HOME", "/nowhere")

    def call(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        code = main(list(map(str, arguments)))
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return call


def called(*arguments: str | Path, code: str = "") -> "subprocess.CompletedProcess[str]":
    command = ["-c", code] if code else ["-m", "datareplication.cli.main"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT / "operator"), "HOME": "/nowhere"}
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def test_help_imports_nothing_that_is_heavy() -> None:
    code = (
        "import sys; from datareplication.cli.main import main; main(['--help']); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    ended = called(code=code)
    assert ended.stdout.endswith("\n[]\n"), ended.stderr


def test_no_command_shows_the_help() -> None:
    ended = called()
    assert ended.returncode == 0
    assert "resume    Start scheduled runs again." in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["statsu"], "error: No such command 'statsu'. (see --help)"),
        (["run"], "error: Missing argument 'NAME'. (see --help)"),
        (["run", "x", "--timeout", "soon"], "'soon' is no duration: write 90s, 30m or 2h"),
        (["status", "-o", "yaml"], "is not one of 'text', 'json'"),
        (["status", "--kubeconfig", "/nowhere/x"], "error: no cluster: "),
    ],
)
def test_a_mistake_is_one_line_and_64(call: Call, arguments: list[str], words: str) -> None:
    ended = call(*arguments)
    assert (ended.returncode, ended.stdout) == (64, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_no_cluster_at_all_is_one_line_and_64() -> None:
    ended = called("status")
    assert (ended.returncode, ended.stdout) == (64, "")
    words = "error: no cluster: Invalid kube-config file. No configuration found.; set KUBECONFIG, or give"
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "a: [", "\x00", "contexts: 1\ncurrent-context: x\nclusters: []\nusers: []"]
)
def test_a_file_that_is_no_kubeconfig_is_one_line_and_64(call: Call, tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    ended = call("status", "--kubeconfig", tmp_path / "kubeconfig")
    assert ended.returncode == 64, ended.stderr
    assert ended.stderr.startswith("error: no cluster: ")
    assert ended.stderr.count("\n") == 1


def test_near_contexts_are_named(call: Call, tmp_path: Path) -> None:
    ended = call("status", "--context", "stagign", "--kubeconfig", kubeconfig(tmp_path, "https://127.0.0.1:1"))
    assert ended.returncode == 64
    assert ended.stderr == (
        "error: there is no context 'stagign' in the kubeconfig; did you mean staging?\n"
    )  # fmt: skip


def test_a_server_that_nobody_runs_is_75(tmp_path: Path) -> None:
    ended = called("status", "--kubeconfig", kubeconfig(tmp_path, "https://127.0.0.1:1"))
    assert ended.returncode == 75
    assert ended.stderr == (
        "error: the API server https://127.0.0.1:1 does not answer: [Errno 111] Connection refused; try again\n"
    )


def test_a_server_that_is_something_else_is_75(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        code = "import sys; from datareplication.cli.main import main; sys.exit(main())"
        config = kubeconfig(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")
        environment = {"PYTHONPATH": str(CHECKOUT / "operator"), "HOME": "/nowhere"}
        process = subprocess.Popen(
            [sys.executable, "-c", code, "status", "--kubeconfig", config],
            env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
            _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert said.endswith("does not answer: its answer is none of Kubernetes; try again\n")


def test_the_place_may_be_given_before_the_command(call: Call, tmp_path: Path) -> None:
    ended = call("--kubeconfig", kubeconfig(tmp_path, "https://127.0.0.1:1"), "--context", "staging", "status")
    assert ended.returncode == 75


def test_a_reader_that_has_seen_enough_ends_it_without_a_word() -> None:
    code = "import sys; from datareplication.cli.main import main; sys.exit(main())"
    environment = {"PYTHONPATH": str(CHECKOUT / "operator"), "HOME": "/nowhere"}
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_help_comes_at_once() -> None:
    begun = time.monotonic()
    assert called("--help").returncode == 0
    assert time.monotonic() - begun < 10  # a fifth of a second on an idle machine
