"""Killed at any moment, in four ways: what a target holds is wholly old or wholly new, and the next attempt succeeds.

DATAREPLICATION_KILL_POINTS says how many moments (100), DATAREPLICATION_KILL_SEED which ones.
"""

import contextlib
import hashlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from datareplication.errors import TransientError
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres.source import sharing
from datareplication.jobs.snapshot import store
from datareplication.jobs.snapshot.hashing import sha256_of
from support import server
from support.equality import content, schema
from support.programs import Child, Outcome, Programs, databases, until
from support.proxy import Proxy, proxy_of
from support.server import Server

POINTS = int(os.environ.get("DATAREPLICATION_KILL_POINTS", "100"))
SEED = os.environ.get("DATAREPLICATION_KILL_SEED", "2024")

PROGRAMS = ("load", "dump")
KINDS = ("program killed", "backend killed", "backends terminated", "connections cut")
COMBINATIONS = [(program, kind) for kind in KINDS for program in PROGRAMS]

OURS = "application_name LIKE 'datareplication-%' AND pid <> pg_backend_pid()"
ATTEMPTS = 3
"""As many as a Job with `backoffLimit` 2 has."""

LATEST = 1.05
"""The latest kill, as a share of an undisturbed run's duration: a few kills come too late, as in reality."""

CONTENTS = {
    "a": (
        "CREATE TYPE state AS ENUM ('new', 'done')",
        "CREATE TABLE parent (id int PRIMARY KEY, v text, state state)",
        "INSERT INTO parent SELECT i, md5(i::text), 'new' FROM generate_series(1, 5000) i",
        "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, body jsonb, n int GENERATED ALWAYS AS (id * 2) STORED)",
        "INSERT INTO child SELECT i, 1 + i % 5000, jsonb_build_object('k', md5(i::text)) FROM generate_series(1, 12000) i",
        "CREATE INDEX ON child USING gin (body)",
        "CREATE TABLE events (id int, at date) PARTITION BY RANGE (at)",
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2020-01-10')",
        "CREATE TABLE events_2 PARTITION OF events DEFAULT",
        "INSERT INTO events SELECT i, date '2020-01-01' + i % 20 FROM generate_series(1, 2000) i",
        "CREATE SEQUENCE numbers",
        "SELECT setval('numbers', 4242)",
        "CREATE MATERIALIZED VIEW counts AS SELECT parent, count(*) FROM child GROUP BY 1",
        "CREATE UNIQUE INDEX ON counts (parent)",
        "CREATE VIEW seen AS SELECT * FROM counts",
    ),
    "b": (
        "UPDATE parent SET state = 'done' WHERE id % 2 = 0",
        "DELETE FROM child WHERE id % 5 = 0",
        "ALTER TABLE child ADD COLUMN later text DEFAULT 'x'",
        "CREATE TABLE more AS SELECT * FROM events",
        "SELECT setval('numbers', 5000)",
        "REFRESH MATERIALIZED VIEW counts",
    ),
}
"""The two contents of a target: it holds one of them, and the load replaces it by the other."""


@dataclass(frozen=True)
class Point:
    """What is killed, when and how. moment: as a share of an undisturbed run's duration."""

    number: int
    program: str
    kind: str

    def __str__(self) -> str:
        return f"{self.number} {self.program} {self.kind}"

    @cached_property
    def dice(self) -> random.Random:
        return random.Random(f"{SEED} {self}")  # noqa: S311

    @cached_property
    def moment(self) -> float:
        return self.dice.uniform(0, LATEST)


@dataclass(frozen=True)
class Arena:
    """Two servers behind proxies, contents `a` and `b` as databases of the source and as snapshots."""

    root: Path
    source: Server
    target: Server
    proxies: dict[str, Proxy]
    digests: dict[str, str]
    manifests: dict[str, Manifest]
    seconds: dict[str, float]

    def programs(self, name: str, path: Path | None = None) -> Programs:
        """Return the programs that dump or load a content."""
        return Programs(path or self.root / name, self.source, self.target, "app", name)

    def holding(self) -> str:
        """Return which content the target holds; an incomplete content fails the test."""
        digest = _digest(self.target, "app")
        names = [name for name, known in self.digests.items() if known == digest]
        assert names, "the target holds neither the old nor the new"
        query = "SELECT run_uid FROM datareplication.provenance"
        assert self.target.run(query, database="app") == [(f"run-{names[0]}",)]
        return names[0]


def _digest(one: Server, database: str) -> str:
    return hashlib.sha256((content(one, database) + schema(one, database)).encode()).hexdigest()


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with contextlib.ExitStack() as stack:
        source, target = (stack.enter_context(server.running({"restart_after_crash": "on"})) for _ in range(2))
        proxies = {
            "dump": stack.enter_context(proxy_of(source.port)),
            "load": stack.enter_context(proxy_of(target.port)),
        }
        arena = Arena(tmp_path_factory.mktemp("arena"), source, target, proxies, {}, {}, {})
        source.run("CREATE DATABASE a")
        source.run(*CONTENTS["a"], database="a")
        source.run("CREATE DATABASE b TEMPLATE a")
        source.run(*CONTENTS["b"], database="b")
        target.run("CREATE DATABASE app")
        for name in CONTENTS:
            arena.digests[name] = _digest(source, name)
            for program in ("dump", "load"):
                started = time.monotonic()
                done = _start(arena.programs(name), program, name, {}).end()
                assert done.code == 0, done.report.message
                arena.seconds[program] = time.monotonic() - started
            arena.manifests[name] = store.read_manifest(arena.programs(name).snapshot)
        yield arena


@pytest.mark.parametrize(
    "point",
    [Point(number, *COMBINATIONS[number % len(COMBINATIONS)]) for number in range(POINTS)],
    ids=lambda point: str(point).replace(" ", "-"),
)
def test_killed(arena: Arena, point: Point, tmp_path: Path) -> None:
    judge = _judge_load if point.program == "load" else _judge_dump
    try:
        judge(arena, point, tmp_path)
    except AssertionError as error:
        error.add_note(f"seed {SEED}, {point}, at {point.moment:.3f} of {arena.seconds[point.program]:.2f} s")
        raise


def test_a_snapshot_whose_session_is_gone_is_worth_another_attempt(arena: Arena) -> None:
    session = arena.source.connect("a")
    session.autocommit = True
    with (
        contextlib.closing(session),
        pytest.raises(TransientError, match="exported it is gone"),
        sharing(session, "00000003-0000001B-1"),
    ):
        raise AssertionError("there is no such snapshot")


def _judge_load(arena: Arena, point: Point, _: Path) -> None:
    old = arena.holding()
    new = "b" if old == "a" else "a"
    programs = arena.programs(new)

    ended = _kill(arena, point, programs, new)

    holding = arena.holding()
    assert holding in {old, new}
    if ended.code == 0:
        assert holding == new
    _assert_tried_again(lambda: programs.load("--workers", "2", run=f"run-{new}"))
    assert arena.holding() == new
    assert list(databases(arena.target, "app")) == ["app", "app__previous"]
    left = arena.target.run("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'app%'")
    assert left == [(None,), (None,)]


def _judge_dump(arena: Arena, point: Point, root: Path) -> None:
    name = point.dice.choice(sorted(CONTENTS))
    programs = arena.programs(name, root)

    ended = _kill(arena, point, programs, name)

    assert programs.snapshot.exists() or ended.code != 0
    if programs.snapshot.exists():
        _assert_whole(programs, arena.manifests[name])
    _assert_tried_again(lambda: programs.dump("--workers", "2", run=f"run-{name}"))
    _assert_whole(programs, arena.manifests[name])
    assert [path.name for path in programs.snapshot.parent.iterdir()] == [programs.snapshot.name]


def _assert_tried_again(attempt: Callable[[], Outcome]) -> None:
    """The next attempt succeeds; or a later one, if the backends of the killed attempt end late on a busy machine."""
    told = []
    for _ in range(ATTEMPTS):
        again = attempt()
        told.append(again.report.message)
        if again.code != TransientError.exit_code:
            break
    assert again.code == 0, told


def _assert_whole(programs: Programs, wanted: Manifest) -> None:
    """Compare a snapshot with one of the same content that nobody disturbed."""
    found = store.read_manifest(programs.snapshot)
    store.check_files(programs.snapshot, found)
    assert all(sha256_of(programs.snapshot, part.path) == part.sha256 for part in found.parts)
    assert (found.relations, found.sequences) == (wanted.relations, wanted.sequences)
    assert replace(found.schema, archive=wanted.schema.archive) == wanted.schema


def _kill(arena: Arena, point: Point, programs: Programs, name: str) -> Outcome:
    """Run the program until the point, strike, and wait for its end and that of all its processes."""
    one = arena.source if point.program == "dump" else arena.target
    proxy = arena.proxies[point.program] if point.kind == "connections cut" else None
    child = _start(programs, point.program, name, _through(proxy, point, name))
    time.sleep(point.moment * arena.seconds[point.program])
    _strike(point, child, one, proxy)
    ended = child.end()
    allowed = {0, -signal.SIGKILL} if point.kind == "program killed" else {0, 75}
    assert ended.code in allowed, (ended.code, ended.report)
    until(lambda: not _group(child.process.pid), "all its processes end")
    until(lambda: _is_up(one), "the server is up again")
    return ended


def _start(programs: Programs, program: str, name: str, changes: dict[str, Any]) -> Child:
    options = ["--overwrite", "Any"] if program == "load" else []
    return programs.start(program, "--workers", "2", *options, run=f"run-{name}", **changes)


def _through(proxy: Proxy | None, point: Point, name: str) -> dict[str, str]:
    if proxy is None:
        return {}
    variable, database = ("PROD", name) if point.program == "dump" else ("DEV", "app")
    return {f"{variable}_DB_CONNECTION": f"host=127.0.0.1 port={proxy.port} dbname={database} sslmode=disable"}


def _strike(point: Point, child: Child, one: Server, proxy: Proxy | None) -> None:
    if point.kind == "program killed":
        child.process.kill()
    elif proxy is not None:
        proxy.cut()
    elif point.kind == "backends terminated":
        some = "true" if point.dice.random() < 0.5 else "random() < 0.5"
        one.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS} AND {some}")
    else:
        backends = one.run(f"SELECT pid FROM pg_stat_activity WHERE {OURS} ORDER BY pid")
        for (pid,) in backends[: 1 + point.dice.randrange(2)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _group(leader: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(path.parent.name))
    return found


def _is_up(one: Server) -> Any:
    with contextlib.suppress(psycopg2.OperationalError):
        return one.run("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'startup'") == [(0,)]
    return False
