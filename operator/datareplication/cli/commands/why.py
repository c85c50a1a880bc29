"""`kubectl datareplication why`."""

import click

from datareplication.cli.command import command
from datareplication.cli.session import Session
from datareplication.cli.view import why as view
from datareplication.cli.view.seen import Seen
from datareplication.cli.view.why import Answer


@command("kubectl describe datareplication NAME, and docs/reasons.md", several=True)
@click.argument("name", required=False)
def why(session: Session, name: str | None) -> int:
    """Say the one reason for what is wrong now, and what to do.

    Without NAME: for each DataReplication of the namespace, those first that something is wrong with.
    """
    if name:
        found, answer = _answer(session, session.replication(name))
        session.answer(view.page(found, answer), view.data(found, answer))
        return 0
    every = tuple(_answer(session, raw) for raw in session.all_replications())
    session.answer(view.pages(every), {"items": [view.data(*one) for one in every]})
    return 0


def _answer(session: Session, raw: dict[str, object]) -> tuple[Seen, Answer]:
    found = session.with_runs_that_tell(raw)
    return found, view.answer(found, session.now)
