"""`kubectl datareplication run`."""

import click

from datareplication.cli import running
from datareplication.cli.command import Patience, command, target_option, waits
from datareplication.cli.session import Session
from datareplication.cli.view.starting import Wish


@command("kubectl create -f - with a DataReplicationRun; --wait: kubectl wait --for=condition=Finished dreprun/RUN")
@click.argument("name")
@target_option
@waits
def run(session: Session, name: str, targets: tuple[str, ...], patience: Patience) -> int:
    """Start a run now: a new dump, then a load for each target.

    Exit codes of --wait: 0 succeeded, 1 failed or deleted, 2 partially failed, 124 not finished after --timeout.
    """
    found = session.replication(name)
    session.check_targets(found, targets)
    return running.start(session, found, Wish("Replicate", targets), patience)
