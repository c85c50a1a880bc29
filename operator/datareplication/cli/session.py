"""What every command starts from: the cluster, the namespace, the screen; reading DataReplications by name."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datareplication.cli.api import Api
from datareplication.cli.screen import Screen
from datareplication.cli.view import overview, refusals, seen
from datareplication.cli.view.page import Page
from datareplication.cli.view.refusals import MissingError
from datareplication.cli.view.seen import Seen
from datareplication.core.kinds import REPLICATION, RUN


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

    def replication(self, name: str) -> dict[str, Any]:
        """Return a DataReplication; UsageError with the names that are near."""
        try:
            return self.api.get(REPLICATION, self.namespace, name)
        except MissingError:
            there = [one["metadata"]["name"] for one in self.api.list_all(REPLICATION, self.namespace)]
            raise refusals.unknown("DataReplication", name, there, f"in namespace {self.namespace}") from None

    def all_replications(self) -> list[dict[str, Any]]:
        """Return the DataReplications of the namespace, or of all."""
        return self.api.list_all(REPLICATION, self.namespace)

    def with_runs_that_tell(self, raw: dict[str, Any]) -> Seen:
        """Return a DataReplication with the runs that are at work or have failed; others are not read."""
        found = seen.replication(raw)
        runs = []
        for name in overview.runs_to_read(found):
            with contextlib.suppress(MissingError):  # deleted, or no longer in the history
                runs.append(self.api.get(RUN, found.namespace, name))
        return seen.replication(raw, runs)

    def with_all_runs(self, raw: dict[str, Any]) -> Seen:
        """Return a DataReplication with all of its runs."""
        return seen.replication(raw, self.runs_of(seen.replication(raw)))

    def runs_of(self, found: Seen) -> list[dict[str, Any]]:
        """Return the runs of a DataReplication."""
        return self.api.list_all(RUN, found.namespace, fields=f"spec.replicationName={found.name}")

    def check_targets(self, found: Seen, targets: Iterable[str]) -> None:
        """Raise UsageError for a name that is not a target."""
        for target in targets:
            if target not in found.target_names:
                raise refusals.unknown("target", target, found.target_names, f"of {found.name}")
