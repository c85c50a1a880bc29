"""`kubectl datareplication history`."""

import click

from datareplication.cli.command import command
from datareplication.cli.session import Session
from datareplication.cli.view import history as view


@command("kubectl get datareplicationruns --field-selector spec.replicationName=NAME")
@click.argument("name")
def history(session: Session, name: str) -> int:
    """Show the runs of a DataReplication, the latest first."""
    found = session.subject(session.raw(name))
    session.answer(view.page(found, session.now), {"items": view.data(found)})
    return 0
