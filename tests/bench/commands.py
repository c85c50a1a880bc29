"""What the engine's bench times: our programs, PostgreSQL's, and the server's own COPY. Each returns seconds."""

import contextlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql

from datareplication.jobs.dump import splitting
from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.postgres import catalog
from support.programs import OPERATOR, Programs
from support.server import PASSWORD, Server

WORKERS = 2

DEFINITIONS = """
    SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
    WHERE nspname = 'public' AND contype = ANY(%s) ORDER BY pg_table_size(conrelid) DESC, c.oid
"""
INDEXES = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY pg_relation_size(indexrelid) DESC
"""


@dataclass(frozen=True)
class Place:
    """A database on a server."""

    server: Server
    database: str

    def make(self) -> None:
        """Make it anew, empty, with nothing of earlier runs; the server starts with clean buffers."""
        for suffix in ("", "__next", "__previous"):
            self.server.run(f"DROP DATABASE IF EXISTS {self.database}{suffix} WITH (FORCE)")
        self.server.run(f"CREATE DATABASE {self.database}", "CHECKPOINT")


@dataclass(frozen=True)
class Source:
    """The database that is copied, and a directory for snapshots."""

    place: Place
    directory: Path

    @property
    def peer(self) -> Path:
        """Where pg_dump writes."""
        return self.directory / "peer"

    def programs(self, target: Place) -> Programs:
        """Return our programs from here to a target; they share one snapshot."""
        return Programs(self.directory / "ours", self.place.server, target.server, target.database, self.place.database)


def dump(source: Source, compression: str = "None", masking: Path | None = None) -> float:
    """Time our dump. masking: a file of rules."""
    shutil.rmtree(source.directory / "ours", ignore_errors=True)
    (source.directory / "ours").mkdir()
    options = ["--masking", str(masking)] if masking else []
    return timed(lambda: _program(source.programs(source.place), "dump", "--compression", compression, *options))


def pg_dump(source: Source, *options: str) -> float:
    """Time pg_dump into a directory."""
    shutil.rmtree(source.peer, ignore_errors=True)
    server, database = source.place.server, source.place.database
    command = ["-Fd", "-j", str(WORKERS), "-f", str(source.peer), *options, "-d", server.conninfo(database)]
    return timed(lambda: _tool(server, "pg_dump", *command))


def load(source: Source, targets: Sequence[Place], *, share: bool = False) -> float:
    """Time our loads, all at once. share: they are told of each other, being on one server."""
    for target in targets:
        target.make()

    def one(target: Place) -> None:
        siblings = [t.database for t in targets if t is not target] if share else []
        options = [option for name in siblings for option in ("--sibling-database", name)]
        _program(source.programs(target), "load", "--target", "dev", *options)

    return timed(lambda: _at_once([lambda target=target: one(target) for target in targets]))  # type: ignore[misc]


def pg_restore(source: Source, targets: Sequence[Place], *, analyze: bool = False) -> float:
    """Time pg_restore into each target at once; analyze: each followed by vacuumdb, as ours analyzes."""
    for target in targets:
        target.make()

    def one(target: Place) -> None:
        where = ["-j", str(WORKERS), "-d", target.server.conninfo(target.database)]
        _tool(target.server, "pg_restore", "-e", *where, str(source.peer))
        if analyze:
            _tool(target.server, "vacuumdb", "--analyze-only", "-q", *where)

    return timed(lambda: _at_once([lambda target=target: one(target) for target in targets]))  # type: ignore[misc]


def limit_of_dump(source: Source) -> float:
    """Time the server writing files itself: COPY TO in N connections, in the ranges that we use too."""
    server, database = source.place.server, source.place.database
    with _scratch(server) as path, contextlib.closing(server.connect(database)) as session:
        tasks = splitting.parts(catalog.tables(session), WORKERS, "None", "UTF8")
        texts = [f"COPY ({_select(task, session)}) TO '{path}/{i}.csv' (FORMAT csv)" for i, task in enumerate(tasks)]
        return timed(lambda: _in_connections(source.place, texts))


@contextlib.contextmanager
def server_side_load(source: Source, target: Place) -> Iterator[Callable[[], float]]:
    """Yield what times the server reading files itself, then index builds by hand, each in N connections."""
    server, database = source.place.server, source.place.database
    with _scratch(target.server) as path, contextlib.closing(server.connect(database)) as session:
        tasks = splitting.parts(catalog.tables(session), WORKERS, "None", "UTF8")
        copies = []
        for i, task in enumerate(tasks):
            with (path / f"{i}.csv").open("wb") as file, session.cursor() as cursor:
                cursor.copy_expert(f"COPY ({_select(task, session)}) TO STDOUT (FORMAT csv)", file)
            copies.append(f"COPY {_name(task, session)} FROM '{path}/{i}.csv' (FORMAT csv)")
        keys, references = (_texts(session, DEFINITIONS, [kinds]) for kinds in (["p", "u"], ["f"]))
        steps = [copies, keys, _texts(session, INDEXES), references]

        def measure() -> float:
            target.make()
            where = ["-d", target.server.conninfo(target.database), str(source.peer)]
            _tool(target.server, "pg_restore", "-e", "--section=pre-data", *where)
            return timed(lambda: _one_after_the_other(target, steps))

        yield measure


def timed(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _program(programs: Programs, name: str, *arguments: str) -> None:
    command = [
        sys.executable,
        "-m",
        f"datareplication.jobs.commands.{name}",
        "--run-uid",
        "bench",
        "--workers",
        str(WORKERS),
    ]
    environment = {
        **os.environ,
        **programs.environment(),
        "PYTHONPATH": str(OPERATOR),
        "TERMINATION_MESSAGE_PATH": "/x",
        # Compiled once, as in the image.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(Path("build/bench/pycache").absolute()),
    }
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def _tool(server: Server, name: str, *arguments: str) -> None:
    environment = {**os.environ, "PGPASSWORD": PASSWORD, "PGUSER": "postgres"}
    done = subprocess.run(
        [server.binaries / name, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _at_once(works: Sequence[Callable[[], None]]) -> None:
    """Do all at the same time; the first failure is raised."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _in_connections(place: Place, texts: Sequence[str]) -> None:
    """Run statements in N connections, each taking the next one."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for text in texts:
        waiting.put(text)

    def work() -> None:
        with contextlib.closing(place.server.connect(place.database)) as session, contextlib.suppress(queue.Empty):
            while True:
                session.cursor().execute(waiting.get_nowait())

    _at_once([work] * WORKERS)


def _one_after_the_other(place: Place, steps: Sequence[Sequence[str]]) -> None:
    for texts in steps:
        _in_connections(place, texts)


def _select(task: PartTask, session: Any) -> str:
    where = ""
    if task.blocks is not None:
        where = f" WHERE ctid >= '({task.blocks.start},0)'"
        where += f" AND ctid < '({task.blocks.end},0)'" if task.blocks.end is not None else ""
    return f"SELECT * FROM {_name(task, session)}{where}"


def _name(task: PartTask, session: Any) -> str:
    return sql.Identifier(task.shape.schema, task.shape.name).as_string(session)


def _texts(session: Any, query: str, values: Sequence[Any] = ()) -> list[str]:
    with session.cursor() as cursor:
        cursor.execute(query, values or None)
        return [text for (text,) in cursor.fetchall()]


@contextlib.contextmanager
def _scratch(server: Server) -> Iterator[Path]:
    """Yield a directory that the server may write."""
    with tempfile.TemporaryDirectory(dir=server.directory, prefix="files-") as name:
        Path(name).chmod(0o777)
        yield Path(name)
