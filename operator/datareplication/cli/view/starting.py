"""A new run, and slots switched off and on: the object, and what a person is told. Pure."""

from dataclasses import dataclass
from shlex import quote
from typing import Any

from datareplication.cli.view.page import Block, Cell, Page, line, table
from datareplication.core import times
from datareplication.core.choices import Action
from datareplication.core.judgement.facts import Replication, Run
from datareplication.core.kinds import RUN


@dataclass(frozen=True)
class Wish:
    """What is to be run. targets: empty for all."""

    action: Action
    targets: tuple[str, ...]


WORDS: dict[Action, str] = {"Replicate": "now", "Rollback": "back", "Load": "load"}


def manifest(one: Replication, wish: Wish, suffix: str) -> dict[str, Any]:
    """Return a run by hand, named after its DataReplication; the name is no longer than that of a slot's run."""
    name = f"{one.name}-{WORDS[wish.action]}-{suffix}"
    spec: dict[str, Any] = {"replicationName": one.name}
    if wish.action != "Replicate":
        spec["action"] = wish.action
    if wish.targets:
        spec["targets"] = list(wish.targets)
    metadata = {"name": name, "namespace": one.namespace}
    return {"apiVersion": RUN.api_version, "kind": RUN.name, "metadata": metadata, "spec": spec}


def unknown(why: str, manifest: dict[str, Any]) -> str:
    """Return that a run may have been made or not. why: what the API server did not answer."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    look = f"kubectl get dreprun {quote(name)} -n {quote(namespace)}"
    return f"{why.removesuffix('; try again')}; whether run {name} was made is not known: before you try again, {look}"


def page(one: Replication, run: Run, wish: Wish, *, is_waiting: bool) -> Page:
    """Return that a run was made, and what it waits for."""
    whom = ", ".join(wish.targets) if wish.targets else "all targets"
    what = "rolls back" if wish.action == "Rollback" else "copies to"
    blocks: list[Block] = [line("run ", Cell(run.name, "strong"), f" is made: it {what} {whom}")]
    if one.active_runs and one.concurrency != "Allow":
        ahead = ", ".join(one.active_runs)
        blocks.append(line(Cell(f"it waits until {ahead} has ended (concurrencyPolicy: {one.concurrency})", "warn")))
    return tuple(blocks if is_waiting else [*blocks, *map(line, look_again(run))])


def look_again(run: Run) -> tuple[str, str]:
    """Return how to see a run that goes on, and how to wait for its end."""
    name, place = quote(run.name), f"-n {quote(run.namespace)}"
    return (
        f"look: kubectl datareplication status {quote(run.replication)} {place}",
        f"wait: kubectl wait --for=condition=Finished --timeout=1h dreprun/{name} {place}",
    )


def interrupted(run: Run) -> str:
    """Return what Ctrl-C left."""
    end = f"end it: kubectl delete dreprun {quote(run.name)} -n {quote(run.namespace)}"
    return "; ".join((f"run {run.name} goes on", *look_again(run), end))


def before_rollback(one: Replication, targets: tuple[str, ...]) -> Page:
    """Return what a rollback would do."""
    chosen = [target for target in one.targets if not targets or target.name in targets]
    rows = [
        (
            Cell(target.name, "strong"),
            times.to_text(target.data_time) if target.data_time else "",
            target.run,
        )
        for target in chosen
    ]
    return (
        line("A rollback exchanges each target's database with the one from before its last load."),
        line("The sessions in it are ended; a second rollback exchanges them again. The next slot loads fresh data."),
        table("TARGET  SHOWS DATA OF  LOADED BY RUN", rows),
    )


def switched(name: str, *, suspend: bool) -> str:
    """Return what suspending or resuming does."""
    if suspend:
        return f"{name} is suspended: no further scheduled run starts; runs at work and runs by hand go on"
    return f"{name} is resumed: slots are run again; those that were missed are not, unless catchup is on"
