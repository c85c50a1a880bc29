"""The leak gate of a load in place: it reads what the transaction has loaded, before the commit."""

from collections.abc import Callable

from datareplication.jobs.load import gate
from datareplication.jobs.load.inplace.touched import Touched
from datareplication.jobs.load.searching import Known, search
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres import searchable
from datareplication.jobs.postgres.connection import Session


def refuse_leaks(session: Session, leaks: Known, manifest: Manifest, of: Touched, tell: Callable[[int], None]) -> None:
    """Raise DataError if the loaded tables and views hold what must not leave production. Other tables are not read.

    of: the loaded tables. The after-load SQL may have renamed them, or created others with their names.
    """
    filled = {table.oid for table in of.filled}
    tables = {(one.schema, one.name) for one in manifest.relations}
    views = {(one.schema, one.name) for one in manifest.schema.materialized_views}
    every = [
        one for one in searchable.read(session, []) if one.oid in filled or (one.schema, one.name) in tables | views
    ]
    tasks = gate.tasks(leaks, every, manifest.source.csv_encoding)
    gate.refuse([finding for task in tasks for finding in search(session, leaks, task, lambda _: tell(0))])
