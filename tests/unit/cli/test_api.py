"""The plugin's way to the API, where the server, what stands between, or a name is hostile or broken."""

import json
import os
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from datareplication.cli import collecting, running
from datareplication.cli.api import Api, connect
from datareplication.cli.session import Session
from datareplication.cli.view.bundle import Entry
from datareplication.core.kinds import REPLICATION, RUN
from datareplication.errors import ReplicationError, StorageError, TransientError, UsageError

Answer = Callable[[BaseHTTPRequestHandler], None]
RUN_OBJECT = {"metadata": {"name": "r", "namespace": "data", "uid": "1", "resourceVersion": "1"}}


class Handler(BaseHTTPRequestHandler):
    """Notes what is asked and answers as a test says."""

    answer: Answer
    asked: list[tuple[str, list[tuple[str, str]]]]
    url: str

    def _answer(self) -> None:
        self.asked.append((f"{self.command} {self.path}", self.headers.items()))
        type(self).answer(self)
        self.close_connection = True

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the standard library's names

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def says(body: bytes, *, status: int = 200, **headers: str) -> Answer:
    """Return an answer without a length: it ends where the connection does, as through an old proxy."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


@contextmanager
def serving(answer: Answer) -> Iterator[type[Handler]]:
    made: type[Handler] = type("Made", (Handler,), {"answer": staticmethod(answer), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), made)
    Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def connected(folder: Path, url: str, **user: Any) -> Api:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "data"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "other", "user": {"as": "nobody"}}, {"name": "u", "user": {"token": "t0ken", **user}}],
    }
    file = folder / "config"
    file.write_text(json.dumps(config))
    return connect(str(file), "")


@pytest.mark.parametrize(
    "name", ["../../../../api/v1/namespaces/data/secrets/x", "x?dryRun=All", "x#y", "..", "X", "a%2fb", "x\r\ny"]
)
def test_a_name_that_no_object_has_is_never_asked_for(tmp_path: Path, name: str) -> None:
    with serving(says(json.dumps(RUN_OBJECT).encode())) as server:
        api = connected(tmp_path, server.url)
        with pytest.raises(UsageError, match="there is no DataReplication"):
            api.patch(REPLICATION, "data", name, {"spec": {"suspend": True}})
        with pytest.raises(UsageError, match="cannot be the name of a namespace"):
            api.list_all(REPLICATION, name)
        assert server.asked == []


def test_whom_the_kubeconfig_acts_as_is_told_with_each_request(tmp_path: Path) -> None:
    """kubectl heeds it. Without it a rollback would be made with all rights of who logs in."""
    user = {"as": "viewer", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"x/y": ["z"]}}
    with serving(says(json.dumps(RUN_OBJECT).encode())) as server:
        connected(tmp_path, server.url, **user).create(RUN, RUN_OBJECT)
        connected(tmp_path, server.url).get(RUN, "data", "r")
    ((_, acting), (_, plain)) = server.asked
    assert sorted((name, value) for name, value in acting if name.startswith("Impersonate")) == [
        ("Impersonate-Extra-x%2Fy", "z"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-User", "viewer"),
    ]
    assert [dict(one).get("authorization") for one in (acting, plain)] == ["Bearer t0ken"] * 2
    assert [name for name, _ in plain if name.startswith("Impersonate")] == []


@pytest.mark.parametrize("user", [{"as": "a\r\nX: y"}, {"as-groups": ["system:masters"]}, {"as": "zoë"}])
def test_an_entry_that_cannot_be_heeded_is_refused(tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="kubeconfig"):
        connected(tmp_path, "http://127.0.0.1:9", **user)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{}",
        b'"x"',
        b"<html>",
        b"[" * 100_000,
        b'{"metadata": {}, "items": [1]}',
        b'{"items": [], "metadata": null}',
    ],
)
def test_an_answer_that_is_none_of_kubernetes_is_told_as_one(tmp_path: Path, body: bytes) -> None:
    with serving(says(body)) as server, pytest.raises(TransientError, match="its answer is none of Kubernetes"):
        connected(tmp_path, server.url).list_all(REPLICATION, "data")


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b'{"type":"MODIFIED","object":{"metadata":{"na',
        b"\n",
        b"[]\n",
        b'{"type":"ADDED","object":3}\n',
        b"null\n",
        b"{}\n",
    ],
)
def test_a_watch_that_breaks_within_a_line_ends(tmp_path: Path, rest: bytes) -> None:
    """Then it is begun anew. An error would end `run --wait`, although the run goes on."""
    event = json.dumps({"type": "MODIFIED", "object": RUN_OBJECT}).encode() + b"\n"
    with serving(says(event + rest)) as server:
        assert list(connected(tmp_path, server.url).watch(RUN, "data", "r", "1", 5)) == [RUN_OBJECT]


def test_a_line_without_an_end_comes_in_pieces_and_soon(tmp_path: Path) -> None:
    with serving(says(b"a" * (40 * 2**20) + b"\nlast")) as server:
        begun = time.process_time()
        *pieces, last = connected(tmp_path, server.url).log("data", "p", "c", lines=1)
        spent = time.process_time() - begun
    assert (sum(map(len, pieces)), last) == (40 * 2**20, "last")
    assert max(map(len, pieces)) < 10 * 2**20
    assert spent < 5
    ((asked, _),) = server.asked
    assert "limitBytes=" in asked


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with serving(says(json.dumps(RUN_OBJECT).encode())) as elsewhere:
        redirecting = says(b"", status=307, Location=f"{elsewhere.url}/x")
        with serving(redirecting) as server, pytest.raises(TransientError):
            connected(tmp_path, server.url).get(RUN, "data", "r")
        assert elsewhere.asked == []


def test_a_login_in_the_servers_address_is_not_shown(tmp_path: Path) -> None:
    api = connected(tmp_path, "http://me:hunter2@127.0.0.1:9")
    with pytest.raises(ReplicationError, match=r"the API server http://127\.0\.0\.1:9 does not answer") as told:
        api.get(RUN, "data", "r")
    assert "hunter2" not in str(told.value)


def test_a_run_of_which_nobody_knows_whether_it_was_made_is_named(tmp_path: Path) -> None:
    """Whoever tries again at once would have two."""
    with serving(says(b"", status=503)) as server:
        session = Session(connected(tmp_path, server.url), "data", is_json=False)
        manifest = {"metadata": {"name": "r-now-x", "namespace": "data"}}
        with pytest.raises(TransientError, match="whether run r-now-x was made is not known") as told:
            running._created(session, manifest)
    assert told.value.message.endswith("before you try again, kubectl get dreprun r-now-x -n data")


def test_a_bundle_is_written_to_no_link_and_to_no_file_of_others(tmp_path: Path) -> None:
    entries = [Entry("README.txt", "x")]
    victim, path = tmp_path / "victim", tmp_path / "report.tar.gz"
    path.symlink_to(victim)
    with pytest.raises(StorageError):
        collecting.write(path, entries)
    assert not victim.exists()
    path.unlink()
    before = os.umask(0)
    try:
        collecting.write(path, entries)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["report/README.txt"]
