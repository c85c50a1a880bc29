"""`kubectl datareplication resume`."""

import click

from datareplication.cli import switching
from datareplication.cli.command import command
from datareplication.cli.session import Session


@command("""kubectl patch datareplication NAME --type=merge -p '{"spec":{"suspend":false}}'""")
@click.argument("name")
def resume(session: Session, name: str) -> int:
    """Start scheduled runs again."""
    return switching.switch(session, name, suspend=False)
