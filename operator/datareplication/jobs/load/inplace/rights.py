"""Rights that a load in place needs, each with the statement that gives it. Pure: facts in, an error or nothing out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from datareplication.errors import GuardError, RightsError
from datareplication.jobs.model.layout import Ownership, SequenceObject, Table, View
from datareplication.jobs.model.provenance import DROP, Home
from datareplication.jobs.model.quoting import quoted


@dataclass(frozen=True)
class Wants:
    """The objects on which the load's role needs rights."""

    role: str
    database: str
    altered: Sequence[Table]
    """Tables whose owner's rights it needs; it needs them for the sequences and views too."""
    referenced: Sequence[Table]
    """Tables that foreign keys refer to."""
    sequences: Sequence[SequenceObject]
    views: Sequence[View]
    home: Home
    """Where the provenance is written."""


def check(wants: Wants) -> None:
    """Raise RightsError for all missing rights together, GuardError for a strange table in place of the provenance."""
    if not wants.home.is_plain:
        text = f"datareplication.provenance in the target was not created by a load: {DROP}"
        raise GuardError(text, reason="ProvenanceNotOurs")
    if missing := statements(wants):
        text = f"role {wants.role} lacks rights on the target; a superuser can give them: {' '.join(missing)}"
        raise RightsError(text, reason="MissingRights")


def statements(wants: Wants) -> list[str]:
    """Return the statements that give what is missing, each once."""
    role = quoted(wants.role)
    tables = [*wants.altered, *wants.referenced]
    closed = (f"GRANT USAGE ON SCHEMA {quoted(t.schema)} TO {role};" for t in tables if not t.is_reachable)
    unreferable = (
        f"GRANT REFERENCES ON TABLE {quoted(table.schema, table.name)} TO {role};"
        for table in wants.referenced
        if not table.may_be_referenced and not table.ownership.has_rights
    )
    return list(dict.fromkeys([*_foreign(wants, role), *closed, *unreferable, *_provenance(wants, role)]))


def _foreign(wants: Wants, role: str) -> Iterator[str]:
    objects: Iterable[tuple[str, str, Ownership]] = [
        *(("TABLE", quoted(table.schema, table.name), table.ownership) for table in wants.altered),
        *(("SEQUENCE", quoted(sequence.schema, sequence.name), sequence.ownership) for sequence in wants.sequences),
        *(("MATERIALIZED VIEW", view.name, view.ownership) for view in wants.views),
    ]
    for kind, name, ownership in objects:
        if ownership.has_rights:
            continue
        # A grant of a superuser's role would make the load's role a superuser.
        if ownership.is_superuser:
            yield f"ALTER {kind} {name} OWNER TO {role};"
        else:
            yield f"GRANT {quoted(ownership.owner)} TO {role};"


def _provenance(wants: Wants, role: str) -> Iterator[str]:
    home = wants.home
    if home.has_schema and not home.is_schema_ours:
        yield f"ALTER SCHEMA datareplication OWNER TO {role};"
    if home.has_table and not home.is_table_ours:
        yield f"ALTER TABLE datareplication.provenance OWNER TO {role};"
    if not home.has_schema and not home.can_create:
        yield f"GRANT CREATE ON DATABASE {quoted(wants.database)} TO {role};"
