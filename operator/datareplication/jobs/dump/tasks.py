"""The tasks of a dump's workers and their results: values. `worker` does them."""

from collections.abc import Mapping
from dataclasses import dataclass

from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.model.manifest import Part
from datareplication.jobs.model.tables import Shape, Table


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
