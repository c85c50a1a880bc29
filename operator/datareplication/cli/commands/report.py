"""`kubectl datareplication report`."""

from pathlib import Path

import click

from datareplication.cli import collecting
from datareplication.cli.command import command
from datareplication.cli.session import Session
from datareplication.cli.view import bundle as view
from datareplication.core import times
from datareplication.errors import UsageError


@command("kubectl get datareplications,datareplicationruns,jobs,pods,events -o json and kubectl logs, redacted")
@click.argument("name", required=False)
@click.option("--file", metavar="PATH", type=click.Path(path_type=Path), help="A .tar.gz, or else a directory.")
@click.option("--operator-namespace", metavar="NAME", default="datareplication-system", help="Where the operator is.")
def report(session: Session, name: str | None, file: Path | None, operator_namespace: str) -> int:
    """Write a bundle for a report of a defect: both kinds, Jobs, pods, Events, logs, the operator's version and log.

    Without NAME: all of the namespace. Secrets and ConfigMaps are not read; what looks like a credential is redacted.
    """
    path = file or Path(f"datareplication-report-{session.namespace}-{session.now:%Y%m%d%H%M%S}.tar.gz")
    if path.exists():
        raise UsageError(f"{path} exists; give another --file")
    made = collecting.collect(session, name or "", operator_namespace)
    entries = made.whole(times.to_text(session.now))
    collecting.write(path, entries)
    page = view.told(str(path), len(entries), made.missing)
    session.answer(page, {"path": str(path), "files": [one.path for one in entries], "missing": made.missing})
    return 0
