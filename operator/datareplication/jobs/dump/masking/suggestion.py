"""datareplication-mask suggest: looks at the source and writes a rules' file that the dump's check takes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from datareplication.errors import DataError, TransientError
from datareplication.jobs.dump.masking import deciding, looking, rules_file, words
from datareplication.jobs.dump.masking.looking import LookSettings
from datareplication.jobs.dump.masking.recognising import Recogniser
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.masking import decisions, suggesting, writing
from datareplication.jobs.model.masking.evidence import Evidence
from datareplication.jobs.model.masking.facts import ColumnFacts, Facts
from datareplication.jobs.model.masking.sampled import Look, looks
from datareplication.jobs.model.masking.suggesting import Column, Sharing
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import sampling
from datareplication.jobs.postgres.connection import Session

UNREADABLE = frozenset({"QueryCanceled", "LockTimeout", "SchemaChanging", "BadData"})
"""Reasons why a table's rows are not looked at; its names and types are left."""


@dataclass(frozen=True)
class Suggested:
    """The file's text, and what a person should know about it."""

    text: str
    notes: tuple[str, ...]


def suggested(given: LookSettings, language: str, stop: Stop) -> Suggested:
    """Return a rules' file for the source."""
    with looking.looked(given, stop) as seen:
        facts = deciding.facts_of(seen)
        tables = {one.oid: one for one in seen.exported.tables}
        names = {one.oid: one.qualified for one in facts.tables}
        enums, checks = (
            {(names[oid], column) for oid, column in read(seen.session, list(names))}
            for read in (sampling.enums, sampling.checks)
        )
        never = seen.unplanned
    # The locks are free again: looking at the rows of all tables may take minutes.
    with looking.opened(given, stop) as session:
        sampling_of = _Sampling(session, Sharing.of(facts), tables, Recogniser(language, words.read_all()), stop)
        evidence = dict(sampling_of.evidence())
    made = suggesting.suggest(facts, evidence, enums, checks)
    text = writing.text(made, language, sampling.ROWS)
    exposed = (
        f"{one} seems to hold personal data, but its keys and type take only Keep: decide" for one in made.exposed
    )
    return Suggested(text, (*sampling_of.notes, *exposed, *_problems(text, facts, never)))


def _problems(text: str, facts: Facts, never: Collection[int]) -> Iterator[str]:
    """Yield what the check will find: the decisions that only a person can take."""
    found = decisions.decide(rules_file.parsed("the suggestion", text.encode()), facts)
    for name, columns in found.missing.items():
        yield f"{'.'.join(name)} has no rules yet: decide about its {len(columns)} columns"
    yield from found.problems
    for table in facts.tables:
        if table.oid in never and any(rule.kind != "Keep" for rule in found.masks[table.qualified].values()):
            yield deciding.calls(".".join(table.qualified))


@dataclass(frozen=True)
class _Sampling:
    """Looks at the rows of one table after the other; only counts are kept."""

    session: Session
    sharing: Sharing
    tables: Mapping[int, Table]
    recogniser: Recogniser
    stop: Stop
    notes: list[str] = field(default_factory=list)

    def evidence(self) -> Iterator[tuple[Column, Evidence]]:
        """Yield what the values of each column say."""
        sizes = {oid: table.bytes for oid, table in self.tables.items()}
        for group in looks(self.sharing, sizes):
            values: dict[Column, list[str]] = {}
            for look in group:
                self.stop.check()
                for column, found in self._values(look):
                    values.setdefault(column, []).extend(found)
            for column, found in values.items():
                yield column, self._recognised(self.sharing.columns[column], found)

    def _values(self, look: Look) -> Iterator[tuple[Column, Sequence[str]]]:
        wanted = {one.name: (one, top) for one, top in look.columns if sampling.is_read(one)}
        if not wanted or self.tables[look.table.oid].kind == "PartitionedTable":
            return
        name = ".".join(look.table.qualified)
        try:
            found = sampling.sample(self.session, self.tables[look.table.oid], [one for one, _ in wanted.values()])
        except (TransientError, DataError) as error:
            if error.reason not in UNREADABLE:
                raise
            self.notes.append(f"the rows of {name} were not looked at: {error.message}")
            return
        if found is None:
            self.notes.append(f"the rows of {name} were not looked at: its indexes call functions of users")
        for column, values in (found or {}).items():
            yield wanted[column][1], values

    def _recognised(self, column: ColumnFacts, values: Sequence[str]) -> Evidence:
        if column.values.family == "Json":
            return self.recogniser.of_documents(values)
        if column.values.is_array:
            return self.recogniser.of_texts(one for value in values for one in value.split(sampling.SEPARATOR) if one)
        return self.recogniser.of_texts(values)
