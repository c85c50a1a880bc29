"""`kubectl datareplication why`."""

import click

from datareplication.cli.command import command
from datareplication.cli.session import Session
from datareplication.cli.view import why as view


@command("kubectl describe datareplication NAME, and docs/reasons.md", several=True)
@click.argument("name", required=False)
def why(session: Session, name: str | None) -> int:
    """Say the one reason for what is wrong now, and what to do.

    Without NAME: for each DataReplication of the namespace, those first that something is wrong with.
    """
    if name:
        found = session.subject(session.raw(name))
        answer = view.answer(found, session.now)
        session.answer(view.page(found, answer), view.data(found, answer))
        return 0
    every = tuple((one, view.answer(one, session.now)) for one in session.subjects(session.all_raw()))
    session.answer(view.pages(every), {"items": [view.data(*one) for one in every]})
    return 0
