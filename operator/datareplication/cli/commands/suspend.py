"""`kubectl datareplication suspend`."""

import click

from datareplication.cli import switching
from datareplication.cli.command import command
from datareplication.cli.session import Session


@command("""kubectl patch datareplication NAME --type=merge -p '{"spec":{"suspend":true}}'""")
@click.argument("name")
def suspend(session: Session, name: str) -> int:
    """Start no further scheduled runs; runs at work and runs by hand go on."""
    return switching.switch(session, name, suspend=True)
