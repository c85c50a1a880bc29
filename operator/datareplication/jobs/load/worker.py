"""What a load's workers do in the new database, task by task: copy, index, count, compare, refresh, analyze.

`pipeline` decides the order of the tasks.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datareplication.errors import CapabilityError, DataError
from datareplication.jobs.frame.tools import Running, Tool
from datareplication.jobs.frame.workers import Handler, Tell
from datareplication.jobs.load import archive
from datareplication.jobs.load.tasks import (
    Analyze,
    CompareSum,
    CopyParts,
    CountRows,
    Refresh,
    RestoreEntries,
    Result,
    Searched,
    SearchTable,
    Task,
)
from datareplication.jobs.model.connections import Connection, Login
from datareplication.jobs.model.contents import ARCHIVE
from datareplication.jobs.model.manifest import Part
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import checksum, copying, unplanned
from datareplication.jobs.postgres.connection import Session, connect, renew, transaction
from datareplication.jobs.snapshot import below
from datareplication.jobs.snapshot.archives import Archives
from datareplication.jobs.snapshot.parts import PartReader

if TYPE_CHECKING:
    from datareplication.jobs.load.searching import Known

SEARCHING = "datareplication.jobs.load.searching"
"""The module that only workers of a load with a leak gate import."""


@dataclass(frozen=True)
class Restorer:
    """How pg_restore is run. options: for each of its runs. login: to the database that is being loaded."""

    tool: Tool
    archives: Archives
    login: Login
    options: tuple[str, ...]

    def command(self, *options: str, archive: str = ARCHIVE) -> Running:
        """Start pg_restore with an archive of the snapshot, by default the schema's."""
        with self.archives.opened(archive) as archived:
            # Without --verbose, error messages do not name the entry.
            arguments = ["--verbose", *self.options, *options, below.path_of(archived)]
            return Running(self.tool, arguments, self.login, passed=[archived])


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker needs to open."""

    target: Connection
    application: str
    database: str
    """The database that is being loaded."""
    root: Path
    """The snapshot's directory."""
    restorer: Restorer
    settings: Mapping[str, str]
    """Settings of the worker's session."""
    shaping: Mapping[str, str]
    """Further settings while rows are copied, because code of users may run and depend on them."""
    leaks: "Known | None" = None
    """What must not be in the database; None if the snapshot is not masked."""


@contextlib.contextmanager
def open_worker(config: WorkerConfig) -> Iterator[Handler[Task, Result]]:
    """Connect a worker to the new database. It returns each task as the task's result, or what a search found."""
    session = connect(config.target, config.application, config.database, config.settings)
    with contextlib.closing(session):

        def handle(task: Task, tell: Tell) -> Result:
            if isinstance(task, SearchTable):
                return _search(session, config, task, tell)
            _do(session, config, task, tell)
            return task

        yield handle


def _do(session: Session, config: WorkerConfig, task: Task, tell: Tell) -> None:
    # Checksums are computed from text, which depends on the settings.
    renew(session, {**config.settings, **({} if isinstance(task, CompareSum | Refresh) else config.shaping)})
    match task:
        case CopyParts():
            _copy(session, config.root, task, tell)
        case RestoreEntries():
            _restore(config, task)
        case CountRows():
            _count(session, task)
        case CompareSum():
            _refuse_planning(session, task)
            compare_sum(session, task)
        case Refresh():
            copying.refresh(session, task.view, dict(task.settings))
        case Analyze():
            copying.analyze(session, task.shapes)


def _search(session: Session, config: WorkerConfig, task: SearchTable, tell: Tell) -> Searched:
    renew(session, config.settings)
    # A load of a snapshot that is not masked does not load the modules of the leak gate, and starts sooner.
    from datareplication.jobs.load import searching  # noqa: PLC0415

    return Searched(searching.search(session, config.leaks, task, tell) if config.leaks else ())


def _copy(session: Session, root: Path, task: CopyParts, tell: Tell) -> None:
    """Load parts, and commit them only if bytes, sha256 and row counts are as in the manifest."""
    with transaction(session, doing=f"loading {task.shape.schema}.{task.shape.name}"):
        if task.is_whole:
            copying.empty(session, task.shape)
        for part in task.parts:
            with PartReader(root, part, tell) as reader:
                copy_part(session, task.shape, part, reader, freeze=task.is_whole)


def copy_part(session: Session, shape: Shape, part: Part, reader: PartReader, *, freeze: bool) -> None:
    """Load one part inside the caller's transaction; DataError if it is not what was dumped."""
    try:
        rows = copying.copy_in(session, shape, reader, freeze=freeze)
    except Exception:
        # COPY reports the reader's failure as an error of its own; the reader's says more.
        if reader.failure is not None:
            raise reader.failure from None
        raise
    if rows != part.rows:
        text = f"{shape.schema}.{shape.name}: {rows} rows arrived from {part.path}, {part.rows} were dumped"
        raise DataError(text, reason="RowsDiffer")


def _restore(config: WorkerConfig, task: RestoreEntries) -> None:
    with archive.use_list(task.ids) as option, config.restorer.command(option) as child:
        child.join(lambda: None)


def _count(session: Session, task: CountRows) -> None:
    never = unplanned.among(session, [shape for shape, _ in task.expected]) if task.as_loader else ()
    for shape, rows in task.expected:
        count = copying.count_unplanned if (shape.schema, shape.name) in never else copying.count
        check_rows(session, shape, rows, count)


def check_rows(
    session: Session, shape: Shape, expected: int, count: Callable[[Session, Shape], int] = copying.count
) -> None:
    """Raise DataError if a table does not have as many rows as expected."""
    rows = count(session, shape)
    if rows != expected:
        text = f"{shape.schema}.{shape.name} has {rows} rows, the snapshot {expected}"
        raise DataError(text, reason="RowsDiffer")


def _refuse_planning(session: Session, task: CompareSum) -> None:
    """Raise CapabilityError if the checksum's query would run the source's code as the load's role."""
    if not checksum.is_of_copy(task.checksum) and unplanned.among(session, [task.shape]):
        name = f"{task.shape.schema}.{task.shape.name}"
        text = f"the query for the checksum of {name} would run functions of the source as the load's role"
        raise CapabilityError(f"{text}: dump again, or load without verify: Checksum", reason="WouldRunCode")


def compare_sum(session: Session, task: CompareSum) -> None:
    """Raise DataError if a table's checksum is not the one in the manifest."""
    if checksum.same_kind(session, task.shape, task.checksum) != task.checksum:
        text = f"the content of {task.shape.schema}.{task.shape.name} differs from the source's: their checksums differ"
        raise DataError(text, reason="ChecksumDiffers")
