"""What a dump's workers do in the exported snapshot, one task after the other: write parts, compute checksums."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datareplication.core.choices import Compression
from datareplication.errors import CapabilityError, TransientError
from datareplication.jobs.dump.masking import words
from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.frame.workers import Handler, Tell
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.manifest import Part, Relation
from datareplication.jobs.model.masking import leaks, trials
from datareplication.jobs.model.masking.masking import LEAK_GATE_DOMAIN, Masking
from datareplication.jobs.model.tables import Shape, Table
from datareplication.jobs.postgres import (
    checksum,
    copying,
    mask_conditions,
    masked,
    originals,
    oversize,
    source,
    unplanned,
)
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.copying import Choice
from datareplication.jobs.postgres.originals import Lookout
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
    masking: Masking | None = None


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


@dataclass(frozen=True)
class Sample:
    """Compute digests of a masked table's originals. most: digests of a column."""

    oid: int
    table: Table
    most: int

    @property
    def shape(self) -> Shape:
        """What COPY would need to know."""
        return Shape(self.table.schema, self.table.name, ())


@dataclass(frozen=True)
class Sampled:
    """The digests of a table's originals, by column; None for a column whose originals could not be read."""

    oid: int
    digests: Mapping[str, str | None]


Task = PartTask | Sum | Sample
Result = Written | Summed | Sampled


def sums(tables: Sequence[Table], encoding: str) -> list[Task]:
    """Return the tasks that compute checksums, largest table first."""
    ordered = sorted(tables, key=lambda table: -table.bytes)
    return [Sum(table.oid, Shape(table.schema, table.name, (), encoding)) for table in ordered]


def samples(masking: Masking, tables: Sequence[Table]) -> list[Task]:
    """Return the tasks that sample the originals of masked columns."""
    found = [table for table in tables if leaks.wanted(masking.of(table.oid))]
    most = leaks.limit(sum(len(leaks.wanted(masking.of(table.oid))) for table in found))
    return [Sample(table.oid, table, most) for table in found]


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
    session = _opened(config, masked.startup(config.masking))
    masked.prepare(session, config.masking)
    with contextlib.closing(session), source.sharing(session, config.snapshot_id), contextlib.ExitStack() as stack:

        @functools.cache
        def fresh() -> Session:
            return stack.enter_context(contextlib.closing(_opened(config)))

        worker = _Worker(config, session, fresh, masked.Expressions(config.masking, words.read_all))
        yield worker.do


def _opened(config: WorkerConfig, settings: Mapping[str, str] | None = None) -> Session:
    return source.opened(config.source, config.application, config.lock_timeout_seconds, settings)


@dataclass(frozen=True)
class _Worker:
    """A connected worker. fresh: gives a session that sees what was created since the snapshot, as the planner does."""

    config: WorkerConfig
    session: Session
    fresh: Callable[[], Session]
    expressions: masked.Expressions

    def do(self, task: Task, tell: Tell) -> Result:
        """Do one task."""
        shape, columns = task.shape, self.expressions.of(task.oid)
        source.check_is(self.session, shape.schema, shape.name, task.oid)
        with _naming_what_is_too_large(self.config, shape, is_masked=bool(columns)):
            if columns:
                self._check_plannable(shape)
                self._check_casts(shape, task.oid)
            if isinstance(task, PartTask):
                if task.is_planned and not columns:
                    self._check_plannable(shape)
                return self._write(task, tell, columns)
            if isinstance(task, Sample):
                return Sampled(task.oid, self._sampled(task, columns))
            return Summed(task.oid, self._sum(shape, columns))

    def _check_plannable(self, shape: Shape) -> None:
        if unplanned.among(self.fresh(), [shape]):
            text = f"{shape.schema}.{shape.name} got an index or statistics that call functions"
            raise TransientError(f"{text} while it was dumped", reason="SchemaChanging")

    def _check_casts(self, shape: Shape, oid: int) -> None:
        """Raise TransientError if a cast of a masked column's type was created since the rules were checked."""
        masks = self.config.masking.of(oid) if self.config.masking else ()
        if not trials.may_be_cast(masks):
            return
        if any(trials.refused(masks, mask_conditions.read(self.fresh(), [oid])[oid])):
            text = f"{shape.schema}.{shape.name}: the type of a masked column got a cast or a CHECK of users"
            raise TransientError(f"{text} while it was dumped", reason="SchemaChanging")

    def _sampled(self, task: Sample, columns: masked.Columns) -> dict[str, str | None]:
        masking = self.config.masking
        if masking is None:
            return {}
        how = Lookout(masking.domains.index(LEAK_GATE_DOMAIN) + 1, words.folded(), task.most)
        cast = trials.cast(mask_conditions.read(self.fresh(), [task.oid])[task.oid])
        return {
            name: None if name in cast else originals.tried(self.session, task.table, one, columns[name], how)
            for one in leaks.wanted(masking.of(task.oid))
            for name in [one.mask.column]
        }

    def _sum(self, shape: Shape, columns: masked.Columns) -> str:
        if columns:
            return checksum.of_masked(self.session, shape, columns)
        if unplanned.among(self.fresh(), [shape]):
            return checksum.of_unplanned(self.session, shape)
        return checksum.of_table(self.session, shape)

    def _write(self, task: PartTask, tell: Tell, columns: masked.Columns) -> Written:
        choice = Choice(task.blocks, task.condition, masked.in_order(columns, task.shape.columns))
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
