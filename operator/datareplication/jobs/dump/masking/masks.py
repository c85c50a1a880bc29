"""What a dump does with the rules once they are decided: masked columns, digests of originals, the leak gate's file."""

from collections.abc import Iterable, Mapping

from datareplication.errors import TransientError
from datareplication.jobs.dump.masking import gate_file, words
from datareplication.jobs.dump.seen import Seen
from datareplication.jobs.dump.tasks import Sample, Task
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.manifest import Part
from datareplication.jobs.model.masking import leaks, trials
from datareplication.jobs.model.masking.masking import LEAK_GATE_DOMAIN, Masking
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import mask_conditions, masked, originals
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.copying import Columns
from datareplication.jobs.postgres.masked import Joined
from datareplication.jobs.postgres.originals import Lookout
from datareplication.jobs.snapshot.store import Draft


class Masks:
    """A worker's masks: the settings that its session starts with, and the expressions of each table."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._expressions = masked.Expressions(masking, words.read_all)
        self.settings: Mapping[str, str] = masked.startup(masking)

    def prepare(self, session: Session) -> None:
        """Give a session that has started with `settings` the subkeys of all domains."""
        masked.prepare(session, self._masking)

    def of(self, oid: int) -> Columns:
        """Return the columns of a table; nothing if none is masked."""
        return self._expressions.of(oid)

    def joined(self, oid: int) -> Joined:
        """Return the same for one query of the table."""
        return self._expressions.joined(oid)

    def check_casts(self, fresh: Session, task: Task) -> None:
        """Raise TransientError if a cast of a masked column's type was created since the rules were checked.

        fresh: a session that sees what was created since the snapshot.
        """
        masks, shape = self._masking.of(task.oid), task.shape
        if not trials.may_be_cast(masks):
            return
        if any(trials.refused(masks, mask_conditions.read(fresh, [task.oid])[task.oid])):
            text = f"{shape.schema}.{shape.name}: the type of a masked column got a cast or a CHECK of users"
            raise TransientError(f"{text} while it was dumped", reason="SchemaChanging")

    def sampled(self, session: Session, fresh: Session, task: Sample) -> dict[str, str | None]:
        """Return the digests of a table's originals, by column; None for a column that could not be read."""
        columns = self.of(task.oid)
        how = Lookout(self._masking.domains.index(LEAK_GATE_DOMAIN) + 1, words.folded(), task.most)
        cast = trials.cast(mask_conditions.read(fresh, [task.oid])[task.oid])
        return {
            name: None if name in cast else originals.tried(session, task.table, one, columns[name], how)
            for one in leaks.wanted(self._masking.of(task.oid))
            for name in [one.mask.column]
        }


def samples(masking: Masking, tables: Iterable[Table]) -> list[Sample]:
    """Return the tasks that sample the originals of masked columns."""
    found = [table for table in tables if leaks.wanted(masking.of(table.oid))]
    most = leaks.limit(sum(len(leaks.wanted(masking.of(table.oid))) for table in found))
    return [Sample(table.oid, table, most) for table in found]


def write_gate(draft: Draft, seen: Seen, sampled: gate_file.Sampled, log: Log, stop: Stop) -> tuple[Part | None, str]:
    """Write the leak gate's file; return the manifest's description of it, and its seal."""
    if seen.masking is None:
        return None, ""
    gate = gate_file.made(seen.masking, seen.copied, seen.snapshot.time, sampled, log)
    return gate_file.write(draft, gate, seen.masking.key, stop.check)
