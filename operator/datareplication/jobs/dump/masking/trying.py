"""Tries the rules on samples of the source before any row is copied, in a session of its own on the dump's snapshot."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from datareplication.jobs.dump.masking import words
from datareplication.jobs.model.masking import trials
from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.masking.trials import Target, Trial
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import mask_conditions, masked, source, unplanned
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.mask_samples import NotInTimeError, Refused, Sampling

SECONDS = 5.0
"""Of all samples together."""

SECONDS_PER_TABLE = 2.0

Opened = Callable[[Mapping[str, str]], Session]
"""Opens a session of the source; the settings are for its startup packet."""


@dataclass
class Tried:
    """What came of it. untried: names of what was not tried."""

    problems: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


def on_samples(opened: Opened, snapshot_id: str, masking: Masking, tables: Collection[Table]) -> Tried:
    """Try the masks of these tables, over each of which a query may be planned, and the conditions that they reach."""
    chosen = [table for table in tables if table.kind != "PartitionedTable" and masking.of(table.oid)]
    if not chosen:
        return Tried()
    with contextlib.closing(opened(masked.startup(masking))) as session, contextlib.closing(opened({})) as fresh:
        masked.prepare(session, masking)
        with source.sharing(session, snapshot_id):
            conditions = mask_conditions.read(fresh, [table.oid for table in chosen])
            planned = [trials.planned(table, masking.of(table.oid), conditions[table.oid]) for table in chosen]
            trying = _Trying(session, fresh, masked.Expressions(masking, words.read_all), trials.rows_of_each(planned))
            for trial in sorted(planned, key=lambda trial: -len(trial.checks + trial.generated)):
                trying.table(trial)
    return trying.found


@dataclass
class _Trying:
    """The samples under way. fresh: sees what was created since the snapshot, as the planner does."""

    session: Session
    fresh: Session
    expressions: masked.Expressions
    rows: int
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    found: Tried = field(default_factory=Tried)

    def table(self, trial: Trial) -> None:
        """Try one table, and note what was found."""
        table, found = trial.table, self.found
        found.untried += trials.untried(trial)
        if refused := list(trials.refusals(trial)):
            found.problems += refused
            return
        until = min(self.deadline, time.monotonic() + SECONDS_PER_TABLE)
        try:
            _left(until)
            source.check_is(self.session, table.schema, table.name, table.oid)
            if unplanned.is_one(self.fresh, table.oid):
                found.untried.append(f"{table.schema}.{table.name}: it got an index that calls functions of users")
                return
            for problem in self._problems(trial, until):
                found.problems.append(problem)
        except NotInTimeError:
            found.untried.append(f"{table.schema}.{table.name}: not in time")

    def _problems(self, trial: Trial, until: float) -> Iterator[str]:
        sample = trials.sample(trial.table, self.rows)
        made = Sampling(self.session, trial, self.expressions.of(trial.table.oid), sample)
        counts = made.of(trial.targets, _left(until))
        if counts == {}:  # no row was in the chosen blocks
            made = Sampling(made.session, trial, made.columns, trials.Sample(self.rows))
            counts = made.of(trial.targets, _left(until))
        if isinstance(counts, Refused):
            found = [*_one_by_one(made, until, alone=True)]
            # An aggregate has no fault but beside other columns.
            yield from found or _one_by_one(made, until, alone=False)
        else:
            yield from _violated(trial, counts)


def _one_by_one(made: Sampling, until: float, *, alone: bool) -> Iterator[str]:
    """Yield the problems of a table on which one query for everything has failed. alone: without the other columns."""
    failing: list[Target] = []
    for target in made.trial.targets:
        if trials.depends(target, failing):
            failing.append(target)
            continue
        counts = (made.narrowed(target, failing) if alone else made).of([target], _left(until))
        if isinstance(counts, Refused):
            failing.append(target)
            yield trials.failed(made.trial, target, counts.state)
        else:
            yield from _violated(made.trial, counts)


def _violated(trial: Trial, counts: Mapping[Target, int]) -> Iterator[str]:
    for target, count in counts.items():
        if count and target.condition:
            yield trials.violated(trial, target.condition)


def _left(until: float) -> int:
    """Return the milliseconds until then."""
    left = int((until - time.monotonic()) * 1000)
    if left <= 0:
        raise NotInTimeError
    return left
