"""What a load's workers do in the new database: copy parts, count, compare, refresh, analyze. One task after the other.

It owns the tasks and their checks. It refuses to know in which order they come.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datareplication.errors import DataError
from datareplication.jobs.manifest import Part
from datareplication.jobs.parts import PartReader
from datareplication.jobs.postgres import checksum, copying
from datareplication.jobs.postgres.connection import Session, connect, transaction
from datareplication.jobs.postgres.copying import Shape
from datareplication.jobs.settings import Connection
from datareplication.jobs.workers import Handler, Tell


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker needs to open. database: the one that is being loaded. root: the snapshot's directory."""

    target: Connection
    application: str
    database: str
    root: Path


@dataclass(frozen=True)
class CopyPart:
    """Load one file. is_only: it is all of its table, which may then be frozen."""

    oid: int
    shape: Shape
    part: Part
    is_only: bool


@dataclass(frozen=True)
class CountRows:
    """Compare a table's rows with the manifest's."""

    shape: Shape
    rows: int


@dataclass(frozen=True)
class CompareSum:
    """Compare a table's checksum with the manifest's."""

    shape: Shape
    checksum: str | None


@dataclass(frozen=True)
class Refresh:
    """Fill a materialized view. name: qualified and quoted."""

    name: str


@dataclass(frozen=True)
class Analyze:
    """Gather a table's statistics."""

    shape: Shape


Task = CopyPart | CountRows | CompareSum | Refresh | Analyze


@contextlib.contextmanager
def open_worker(config: WorkerConfig) -> Iterator[Handler[Task, Task]]:
    """Connect a worker to the new database. It answers each task with the task."""
    # Nothing of it needs to survive a crash of the server: the load would start again.
    session = connect(config.target, config.application, config.database, {"synchronous_commit": "off"})
    with contextlib.closing(session):

        def handle(task: Task, tell: Tell) -> Task:
            _do(session, config.root, task, tell)
            return task

        yield handle


def _do(session: Session, root: Path, task: Task, tell: Tell) -> None:
    match task:
        case CopyPart():
            _copy(session, root, task, tell)
        case CountRows():
            _count(session, task)
        case CompareSum():
            compare_sum(session, task)
        case Refresh():
            copying.refresh(session, task.name)
        case Analyze():
            copying.analyze(session, task.shape)


def _copy(session: Session, root: Path, task: CopyPart, tell: Tell) -> None:
    """Load a part and commit it only if it was what the manifest says, byte by byte and row by row."""
    name = f"{task.shape.schema}.{task.shape.name}"
    with PartReader(root, task.part, tell) as reader, transaction(session, doing=f"loading {name}"):
        if task.is_only:
            copying.empty(session, task.shape)
        try:
            rows = copying.copy_in(session, task.shape, reader, freeze=task.is_only)
        except Exception:
            # COPY reports the reader's failure as its own; the reader knows better.
            if reader.failure is not None:
                raise reader.failure from None
            raise
        if rows != task.part.rows:
            text = f"{name}: {rows} rows arrived from {task.part.path}, {task.part.rows} were dumped"
            raise DataError(text, reason="RowsDiffer")


def _count(session: Session, task: CountRows) -> None:
    rows = copying.count(session, task.shape)
    if rows != task.rows:
        text = f"{task.shape.schema}.{task.shape.name} has {rows} rows, the snapshot {task.rows}"
        raise DataError(text, reason="RowsDiffer")


def compare_sum(session: Session, task: CompareSum) -> None:
    """Refuse by DataError a table whose content is not what the snapshot's manifest says."""
    if checksum.of_table(session, task.shape) != task.checksum:
        text = f"the content of {task.shape.schema}.{task.shape.name} differs from the source's, by its checksum"
        raise DataError(text, reason="ChecksumDiffers")
