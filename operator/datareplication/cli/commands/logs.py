"""`kubectl datareplication logs`."""

import json
from dataclasses import dataclass
from typing import Any

import click

from datareplication.cli.command import command
from datareplication.cli.screen import complain
from datareplication.cli.session import Session
from datareplication.cli.view import logs as view
from datareplication.cli.view import refusals
from datareplication.cli.view.logs import Source
from datareplication.core.judgement.facts import Subject
from datareplication.core.kinds import POD
from datareplication.errors import UsageError


@dataclass(frozen=True)
class Chosen:
    """The options. run: empty for the one at work, or the last."""

    target: str
    run: str
    follow: bool
    tail: int


@command("kubectl logs -l datareplication.dev/run=RUN,datareplication.dev/role=dump (or load) -c dump (or load)")
@click.argument("name")
@click.option("--target", metavar="NAME", default="", help="The load of this target.")
@click.option("--run", metavar="NAME", default="", help="Of this run (default: the one at work or the last).")
@click.option("-f", "--follow", is_flag=True, help="Stay until the container ends.")
@click.option(
    "--tail", metavar="LINES", type=click.IntRange(1), default=200, help="Only the last lines (default: 200)."
)
def logs(session: Session, name: str, **options: Any) -> int:
    """Show the log of the step that matters: the one that runs or has failed, of the run at work or the last.

    --output json: the lines as the program wrote them.
    """
    chosen = Chosen(**options)
    found = session.subject(session.raw(name))
    session.check_targets(found.one, [chosen.target] if chosen.target else [])
    source = _source(found, chosen)
    pod = view.latest_pod(session.api.list_all(POD, found.one.namespace, labels=source.labels))
    if not pod:
        raise UsageError(view.without_pod(source))
    container = source.step.role
    complain(f"{source.words}, pod {pod}, container {container}: {source.step.phase}")
    is_empty = True
    for line in session.api.log(found.one.namespace, pod, container, lines=chosen.tail, follow=chosen.follow):
        _show(session, line)
        is_empty = False
    if is_empty:
        complain("the log is empty: the program has written nothing, or the pod has not begun")
    return 0


def _show(session: Session, line: str) -> None:
    if session.is_json:
        session.screen.write(_as_json(line))
    else:
        session.screen.show((view.shown(line),))


def _source(found: Subject, chosen: Chosen) -> Source:
    if chosen.run and found.run(chosen.run) is None:
        raise refusals.unknown("run", chosen.run, [run.name for run in found.runs], f"of {found.one.name}")
    source = view.source(found, chosen.run, chosen.target)
    if source is None:
        of_target = f" for {chosen.target}" if chosen.target else ""
        raise UsageError(f"no run of {found.one.name} has begun a step{of_target} yet")
    return source


def _as_json(line: str) -> str:
    """Return a line of JSON as it is: its control characters are escaped. Any other line becomes one."""
    try:
        return json.dumps(json.loads(line), allow_nan=False)
    except (ValueError, RecursionError):
        return json.dumps({"message": line})
