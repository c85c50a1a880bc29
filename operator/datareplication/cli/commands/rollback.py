"""`kubectl datareplication rollback`."""

import sys

import click

from datareplication.cli import running
from datareplication.cli.command import Patience, command, target_option, waits
from datareplication.cli.session import Session
from datareplication.cli.view import starting
from datareplication.cli.view.starting import Wish
from datareplication.errors import UsageError


@command("kubectl create -f - with a DataReplicationRun of action Rollback")
@click.argument("name")
@target_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@waits
def rollback(session: Session, name: str, targets: tuple[str, ...], yes: bool, patience: Patience) -> int:
    """Bring back each target's database from before its last load; a second rollback brings back the newer one.

    Exit codes of --wait: 0 succeeded, 1 failed or deleted, 2 partially failed, 124 not finished after --timeout.
    """
    found = session.replication(name)
    session.check_targets(found, targets)
    if not session.is_json:
        session.screen.show(starting.before_rollback(found, targets))
    if not yes:
        _ask(session)
    return running.start(session, found, Wish("Rollback", targets), patience)


def _is_asked() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ask(session: Session) -> None:
    """Raise UsageError if nobody is there to say yes, click.Abort if the answer is no."""
    if session.is_json or not session.screen.is_terminal or not _is_asked():
        raise UsageError("a rollback without a terminal needs --yes; nothing was done")
    click.confirm("Roll back?", abort=True)
