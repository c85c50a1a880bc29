"""datareplication-mask check: all that the dump checks before its first row, and all that is wrong at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from datareplication.jobs.dump.masking import deciding, looking, rules_file
from datareplication.jobs.dump.masking.deciding import Findings
from datareplication.jobs.dump.masking.looking import LookSettings
from datareplication.jobs.dump.masking.trying import Tried
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.masking import decisions
from datareplication.jobs.model.settings import MaskingSettings


@dataclass(frozen=True)
class Checked:
    """What the rules decide. problems: none if a dump may begin."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    """What could not be tried, and what no rule masks."""

    has_missing: bool
    tables: int
    masked: int
    kept: int


def checked(given: LookSettings, masking: MaskingSettings, stop: Stop) -> Checked:
    """Return what the rules decide about the source. UsageError for a file that is wrong in itself."""
    rules = rules_file.read(masking.rules)
    with looking.looked(given, stop) as seen:
        found = deciding.findings(seen, rules, masking.key)
        samples, carried = deciding.tried(seen, found), deciding.literals(seen)
    chosen = [rule for rules_of_table in found.found.masks.values() for rule in rules_of_table.values()]
    masked = sum(rule.kind != "Keep" for rule in chosen)
    return Checked(
        (*_problems(found), *samples.problems),
        tuple(_notes(samples, carried)),
        bool(found.found.missing),
        len(found.facts.tables),
        masked,
        len(chosen) - masked,
    )


def _problems(found: Findings) -> Iterator[str]:
    for name, columns in found.found.missing.items():
        for column in columns:
            line = decisions.snippet({name: (column,)})
            yield f"{'.'.join(name)}.{column.name} has no masking rule; for example {line}"
    yield from found.problems


def _notes(samples: Tried, carried: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name in samples.untried:
        yield f"not tried on masked rows, so the load may refuse them: {name}"
    for kind, names in carried.items():
        yield f"not masked: text in {kind}: {', '.join(names)}"
