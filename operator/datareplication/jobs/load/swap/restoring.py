"""Restoring parts of the schema's archive: pg_restore with lists of entries, and the ledger of these entries.

It owns which options pg_restore gets and that every entry is restored once. It does not know the order of the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from datareplication.jobs.frame.identity import load_application
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.frame.tools import Tool
from datareplication.jobs.load import archive
from datareplication.jobs.load.swap import stages
from datareplication.jobs.load.swap.lending import Lending
from datareplication.jobs.load.swap.makers import Maker, Makers
from datareplication.jobs.load.swap.stages import Ledger, Stages, ids_of
from datareplication.jobs.load.worker import Restorer
from datareplication.jobs.model.archive import Entry
from datareplication.jobs.model.databases import Database, Server
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.omission import shortened
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres.connection import login
from datareplication.jobs.snapshot.archives import Archives


@dataclass(frozen=True)
class Ground:
    """What is known of a load before its `<db>__next` exists."""

    given: LoadSettings
    frame: Frame
    manifest: Manifest
    archives: Archives
    server: Server
    database: Database
    pg_restore: Tool
    tally: Tally


@dataclass(frozen=True)
class Restoring(Ground):
    """The restoring of one schema's archive. lost_grants: grants that the server did not give and only warned about."""

    ledger: Ledger = field(default_factory=Ledger)
    lost_grants: list[str] = field(default_factory=list)

    @cached_property
    def stages(self) -> Stages:
        """When each entry of the schema's archive is restored."""
        choices = stages.Choices(
            omitted={(one.catalog, one.oid) for one in self.manifest.omitted.objects},
            with_grants=self.given.grants == "Keep",
            public_owners=None if self.server.is_superuser else {self.server.role, self.database.owner},
            version=self.server.version,
        )
        return stages.plan(archive.contents(self.pg_restore, self.archives), choices)

    def restorer(self, maker: Maker) -> Restorer:
        """Return how pg_restore runs as this role. It sets no owner on what the build role makes."""
        choices = [
            *(["--no-owner"] if self.given.owners == "TargetOwner" or maker.role else []),
            *(["--no-privileges"] if self.given.grants == "Drop" else []),
        ]
        role, application = maker.role or self.given.target, load_application(self.given.run.name)
        reached = login(role, application, maker.settings, self.database.next_name)
        return Restorer(self.pg_restore, self.archives, reached, ("--exit-on-error", "--no-tablespaces", *choices))

    def in_turns(self, entries: Sequence[Entry], loader: Maker, lending: Lending) -> None:
        """Restore entries, each as the role that must make it."""
        superusers = self.manifest.schema.only_superusers if self.server.is_superuser else ()
        makers = Makers({(one.catalog, one.oid) for one in superusers}, has_builder=lending.builder.role is not None)
        for turn in makers.turns(entries):
            self.restore(ids_of(turn.entries), loader if turn.is_loaders else lending.builder)
            if turn.is_loaders:
                lending.open_up()

    def restore(self, ids: Sequence[int], maker: Maker, *options: str) -> None:
        """Restore entries in this order."""
        if not ids:
            return
        with archive.use_list(ids) as option, self.restorer(maker).command(option, *options) as child:
            child.wait(self.frame.stop, lambda: self.tally.moved(0))
            self.lost_grants.extend(child.lost_grants())
        self.ledger.restored(ids)

    @property
    def not_restored(self) -> list[str]:
        """Grants and comments that the load's role had no right to give."""
        lost = [f"grants ({shortened(self.lost_grants)})"] if self.lost_grants else []
        if not self.stages.refused:
            return lost
        return ["grants on schema public and its comment, which before PostgreSQL 15 only a superuser may give", *lost]
