"""What a dump's workers do in the exported snapshot, one task after the other: write parts, compute checksums."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datareplication.core.choices import Compression
from datareplication.errors import CapabilityError, TransientError
from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.frame.workers import Handler, Tell
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.manifest import Part, Relation
from datareplication.jobs.model.tables import Shape, Table
from datareplication.jobs.postgres import checksum, copying, oversize, source, unplanned
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.snapshot.parts import PartWriter


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker needs to open. root: the directory of the files."""

    source: Connection
    application: str
    lock_timeout_seconds: int
    snapshot_id: str
    root: Path
    compression: Compression


@dataclass(frozen=True)
class Written:
    """A finished file and the oid of its table."""

    oid: int
    part: Part


@dataclass(frozen=True)
class Sum:
    """Compute a table's checksum. oid: the table's."""

    oid: int
    shape: Shape


@dataclass(frozen=True)
class Summed:
    """A table's checksum."""

    oid: int
    checksum: str


Task = PartTask | Sum
Result = Written | Summed


def sums(tables: Sequence[Table], encoding: str) -> list[Task]:
    """Return the tasks that compute checksums, largest table first."""
    ordered = sorted(tables, key=lambda table: -table.bytes)
    return [Sum(table.oid, Shape(table.schema, table.name, (), encoding)) for table in ordered]


def relations(tables: Sequence[Table], written: Sequence[Written], found: Mapping[int, str]) -> tuple[Relation, ...]:
    """Return the manifest's relations: the tables with the parts that were written. found: checksums by oid."""
    parts: dict[int, list[Part]] = {table.oid: [] for table in tables}
    for one in written:
        parts[one.oid].append(one.part)
    return tuple(
        Relation(
            oid=table.oid,
            schema=table.schema,
            name=table.name,
            kind=table.kind,
            columns=table.columns,
            indexes=table.indexes,
            parts=_in_order(parts[table.oid]),
            checksum=found.get(table.oid),
            extension=table.extension,
        )
        for table in tables
    )


def _in_order(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (len(part.path), part.path)))


@contextlib.contextmanager
def open_worker(config: WorkerConfig) -> Iterator[Handler[Task, Result]]:
    """Connect a worker to the dump's snapshot."""
    session = _opened(config)
    with contextlib.closing(session), source.sharing(session, config.snapshot_id), contextlib.ExitStack() as stack:

        @functools.cache
        def fresh() -> Session:
            return stack.enter_context(contextlib.closing(_opened(config)))

        yield lambda task, tell: _do(session, config, task, tell, fresh)


def _opened(config: WorkerConfig) -> Session:
    return source.opened(config.source, config.application, config.lock_timeout_seconds)


def _do(session: Session, config: WorkerConfig, task: Task, tell: Tell, fresh: Callable[[], Session]) -> Result:
    """Do one task. fresh: returns a session that, like the planner, also sees objects younger than the snapshot."""
    source.check_is(session, task.shape.schema, task.shape.name, task.oid)
    with _naming_what_is_too_large(config, task.shape):
        if isinstance(task, PartTask):
            if task.is_planned and unplanned.among(fresh(), [task.shape]):
                text = f"{task.shape.schema}.{task.shape.name} got an index or statistics that call functions"
                raise TransientError(f"{text} while it was dumped", reason="SchemaChanging")
            return _write(session, config, task, tell)
        if unplanned.among(fresh(), [task.shape]):
            return Summed(task.oid, checksum.of_unplanned(session, task.shape))
        return Summed(task.oid, checksum.of_table(session, task.shape))


@contextlib.contextmanager
def _naming_what_is_too_large(config: WorkerConfig, shape: Shape) -> Iterator[None]:
    try:
        yield
    except CapabilityError as error:
        if error.reason != oversize.REASON:
            raise
        # The session's transaction has failed, so another session looks for the row.
        with contextlib.closing(_opened(config)) as other:
            raise oversize.named(other, shape, error) from error


def _write(session: Session, config: WorkerConfig, task: PartTask, tell: Tell) -> Written:
    with PartWriter(config.root, task.path, config.compression, tell) as writer:
        rows = copying.copy_out(session, task.shape, writer.stream, task.blocks, task.condition)
        return Written(task.oid, writer.part(rows))
