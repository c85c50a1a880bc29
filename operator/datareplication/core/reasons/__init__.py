"""Every reason that our own code writes, and what each means: one word for machines, a sentence for people.

A reason that is misspelt where it is raised does not pass the type checker. Kubernetes' own words (`OOMKilled`,
`Evicted`) are not listed here: they are `Theirs`.
"""

from collections.abc import ItemsView, Mapping
from typing import Literal, NewType

from datareplication.core.phases import RunPhase
from datareplication.core.reasons import (
    of_dumps,
    of_loads,
    of_programs,
    of_replications,
    of_runs,
    of_servers,
    of_snapshots,
)
from datareplication.core.reasons.meaning import Meaning as Meaning

Reason = (
    of_replications.OfReplications
    | of_runs.OfRuns
    | of_programs.OfPrograms
    | of_snapshots.OfSnapshots
    | of_servers.OfServers
    | of_dumps.OfDumps
    | of_loads.OfLoads
)

Theirs = NewType("Theirs", str)
"""A word that somebody else chose: Kubernetes, a webhook, a program of another version. It may be any word."""

Word = Reason | RunPhase | Theirs | Literal[""]
"""What may stand in place of a reason: a run's phase that tells enough, or nothing if there is nothing to tell."""

RUN_PHASES: dict[RunPhase, Meaning] = {
    "Pending": Meaning("run", "It waits for other runs."),
    "Dumping": Meaning("run", "Its dump is at work, or waits; then the message says for what."),
    "Loading": Meaning("run", "Its snapshot is published, and targets are being loaded."),
    "Succeeded": Meaning("run", "Every target was loaded, or rolled back."),
    "PartiallyFailed": Meaning("run", "Some targets were loaded, others failed.", "Look at `status.targets`."),
    "Failed": Meaning("run", "No target was loaded.", "Look at `status.dump` and `status.targets`."),
    "Replaced": Meaning("run", "The run of a later slot took its place (`concurrencyPolicy: Replace`)."),
}

GROUPS: Mapping[str, ItemsView[Reason, Meaning]] = {
    "DataReplications": of_replications.MEANINGS.items(),
    "Runs, steps and attempts": of_runs.MEANINGS.items(),
    "The programs": of_programs.MEANINGS.items(),
    "Snapshots and their volume": of_snapshots.MEANINGS.items(),
    "Answers of PostgreSQL": of_servers.MEANINGS.items(),
    "The source": of_dumps.MEANINGS.items(),
    "The target": of_loads.MEANINGS.items(),
}

MEANINGS: Mapping[str, Meaning] = {
    str(word): meaning for group in (RUN_PHASES.items(), *GROUPS.values()) for word, meaning in group
}
"""Word -> what it means, of every reason and of a run's phases."""
