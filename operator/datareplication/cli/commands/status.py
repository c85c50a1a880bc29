"""`kubectl datareplication status`."""

import click

from datareplication.cli.command import command
from datareplication.cli.session import READER, Session
from datareplication.cli.view import overview
from datareplication.cli.view.page import Page, line


@command("kubectl get datareplications [-A]; with NAME: kubectl describe datareplication NAME", several=True)
@click.argument("name", required=False)
def status(session: Session, name: str | None) -> int:
    """Show phases, how old each target's data is against its objective, the last failure, what runs now and next.

    With NAME: one DataReplication with its targets.
    """
    if name:
        found = session.subject(session.raw(name))
        session.answer(overview.one(found, session.now), overview.data(found.one, session.now))
        return 0
    every = [READER.replication(raw) for raw in session.all_raw()]
    page = overview.several(every, session.now, with_namespace=not session.namespace) if every else _none(session)
    session.answer(page, {"items": [overview.data(one, session.now) for one in every]})
    return 0


def _none(session: Session) -> Page:
    where = f"in namespace {session.namespace}; -A shows all namespaces" if session.namespace else "in this cluster"
    return (line(f"there is no DataReplication {where}"),)
