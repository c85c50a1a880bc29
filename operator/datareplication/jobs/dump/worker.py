"""What a dump's workers do in the exported snapshot, one task after the other: write parts, compute checksums."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from datareplication.core.choices import Compression
from datareplication.errors import CapabilityError, TransientError
from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.dump.tasks import Result, Sample, Sampled, Sum, Summed, Task, Written
from datareplication.jobs.frame.workers import Handler, Tell
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.manifest import Part, Relation
from datareplication.jobs.model.tables import Shape, Table
from datareplication.jobs.postgres import checksum, copying, oversize, source, unplanned
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.copying import Choice, Columns
from datareplication.jobs.snapshot.parts import PartWriter

if TYPE_CHECKING:
    from datareplication.jobs.dump.masking.masks import Masks
    from datareplication.jobs.model.masking.masking import Masking

MASKS = "datareplication.jobs.dump.masking.masks"
"""The module that only workers of a masked dump import."""


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker needs to open. root: the directory of the files."""

    source: Connection
    application: str
    lock_timeout_seconds: int
    snapshot_id: str
    root: Path
    compression: Compression
    masking: "Masking | None" = None


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
    masks = _masks(config)
    session = _opened(config, masks.settings if masks else None)
    if masks:
        masks.prepare(session)
    with contextlib.closing(session), source.sharing(session, config.snapshot_id), contextlib.ExitStack() as stack:

        @functools.cache
        def fresh() -> Session:
            return stack.enter_context(contextlib.closing(_opened(config)))

        yield _Worker(config, session, fresh, masks).do


def _masks(config: WorkerConfig) -> "Masks | None":
    if config.masking is None:
        return None
    # Without masks, a worker starts some 50 ms sooner.
    from datareplication.jobs.dump.masking.masks import Masks  # noqa: PLC0415

    return Masks(config.masking)


def _opened(config: WorkerConfig, settings: Mapping[str, str] | None = None) -> Session:
    return source.opened(config.source, config.application, config.lock_timeout_seconds, settings)


@dataclass(frozen=True)
class _Worker:
    """A connected worker. fresh: gives a session that sees what was created since the snapshot, as the planner does."""

    config: WorkerConfig
    session: Session
    fresh: Callable[[], Session]
    masks: "Masks | None"

    def do(self, task: Task, tell: Tell) -> Result:
        """Do one task."""
        shape, columns = task.shape, self.masks.of(task.oid) if self.masks else {}
        source.check_is(self.session, shape.schema, shape.name, task.oid)
        with _naming_what_is_too_large(self.config, shape, is_masked=bool(columns)):
            if columns or (isinstance(task, PartTask) and task.is_planned):
                self._check_plannable(task)
            if self.masks and columns:
                self.masks.check_casts(self.fresh(), task)
            if isinstance(task, PartTask):
                return self._write(task, tell)
            if isinstance(task, Sample):
                return Sampled(task.oid, self.masks.sampled(self.session, self.fresh(), task) if self.masks else {})
            return Summed(task.oid, self._sum(task, columns))

    def _check_plannable(self, task: Task) -> None:
        if unplanned.is_one(self.fresh(), task.oid):
            text = f"{task.shape.schema}.{task.shape.name} got an index or statistics that call functions"
            raise TransientError(f"{text} while it was dumped", reason="SchemaChanging")

    def _sum(self, task: Task, columns: Columns) -> str:
        shape = task.shape
        if columns:
            return checksum.of_masked(self.session, shape, columns)
        if unplanned.is_one(self.fresh(), task.oid):
            return checksum.of_unplanned(self.session, shape)
        return checksum.of_table(self.session, shape)

    def _write(self, task: PartTask, tell: Tell) -> Written:
        choice = Choice(task.blocks, task.condition)
        if self.masks and (made := self.masks.joined(task.oid)).columns:
            in_order = copying.in_order(made.columns, task.shape.columns)
            choice = replace(choice, masked=in_order, joins=made.joins)
        with PartWriter(self.config.root, task.path, self.config.compression, tell) as writer:
            rows = copying.copy_out(self.session, task.shape, writer.stream, choice)
            return Written(task.oid, writer.part(rows))


@contextlib.contextmanager
def _naming_what_is_too_large(config: WorkerConfig, shape: Shape, *, is_masked: bool) -> Iterator[None]:
    try:
        yield
    except CapabilityError as error:
        if error.reason != oversize.REASON or is_masked:  # a row is named by its key, as it is
            raise
        # The session's transaction has failed, so another session looks for the row.
        with contextlib.closing(_opened(config)) as other:
            raise oversize.named(other, shape, error) from error
