"""What the dump's workers have done so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datareplication.jobs.dump.tasks import Result, Sampled, Summed, Written


@dataclass
class Results:
    """The results of all workers, as they arrive."""

    written: list[Written] = field(default_factory=list)
    sums: dict[int, str] = field(default_factory=dict)
    """Oid of a table -> checksum."""

    sampled: dict[int, Mapping[str, str | None]] = field(default_factory=dict)
    """Oid of a masked table -> column -> digests of its originals."""

    def add(self, result: Result) -> None:
        """Take a worker's result."""
        match result:
            case Written():
                self.written.append(result)
            case Summed():
                self.sums[result.oid] = result.checksum
            case Sampled():
                self.sampled[result.oid] = result.digests
