"""What every command starts from: the cluster, the namespace, the screen; reading DataReplications by name."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datareplication.cli.api import Api
from datareplication.cli.screen import Screen
from datareplication.cli.view import refusals
from datareplication.cli.view.page import Page
from datareplication.cli.view.refusals import MissingError
from datareplication.core import state
from datareplication.core.judgement.facts import Replication, Run, Subject
from datareplication.core.judgement.reading import Reader
from datareplication.core.kinds import REPLICATION, RUN

READER = Reader(state.MESSAGE_LIMIT)
"""A person at a terminal, or a program, gets all of a message."""


@dataclass(frozen=True)
class Session:
    """One call of the plugin. namespace: empty for all."""

    api: Api
    namespace: str
    is_json: bool
    screen: Screen = field(default_factory=Screen)

    @property
    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def answer(self, page: Page, data: Any) -> None:
        """Show a page, or the same for programs."""
        if self.is_json:
            self.screen.data(data)
        else:
            self.screen.show(page)

    def raw(self, name: str) -> dict[str, Any]:
        """Return a DataReplication; UsageError with the names that are near."""
        try:
            return self.api.get(REPLICATION, self.namespace, name)
        except MissingError:
            there = [one["metadata"]["name"] for one in self.api.list_all(REPLICATION, self.namespace)]
            raise refusals.unknown("DataReplication", name, there, f"in namespace {self.namespace}") from None

    def replication(self, name: str) -> Replication:
        """Return what is known of a DataReplication by itself."""
        return READER.replication(self.raw(name))

    def all_raw(self) -> list[dict[str, Any]]:
        """Return the DataReplications of the namespace, or of all."""
        return self.api.list_all(REPLICATION, self.namespace)

    def subject(self, raw: dict[str, Any]) -> Subject:
        """Return a DataReplication with its runs."""
        one = READER.replication(raw)
        runs = self.api.list_all(RUN, one.namespace, fields=f"spec.replicationName={one.name}")
        return Subject(one, tuple(map(READER.run, runs)))

    def subjects(self, found: Iterable[dict[str, Any]]) -> tuple[Subject, ...]:
        """Return DataReplications of the namespace, or of all, each with its runs."""
        runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in map(READER.run, self.api.list_all(RUN, self.namespace)):
            runs[run.namespace, run.replication].append(run)
        every = map(READER.replication, found)
        return tuple(Subject(one, tuple(runs[one.namespace, one.name])) for one in every)

    def check_targets(self, found: Replication, targets: Iterable[str]) -> None:
        """Raise UsageError for a name that is not a target."""
        for target in targets:
            names = [one.name for one in found.targets]
            if target not in names:
                raise refusals.unknown("target", target, names, f"of {found.name}")
