"""How a run ended: the exit code of `--wait`, and what to do now. Pure."""

from typing import Any

from datareplication.cli.view import amounts, starting
from datareplication.cli.view.page import Block, Cell, Page, line, phase
from datareplication.cli.view.seen import SeenRun
from datareplication.cli.view.why import remedy
from datareplication.core.state import StepStatus, to_raw

SUCCEEDED, FAILED, PARTIALLY_FAILED, TIMED_OUT = 0, 1, 2, 124

EXIT_CODES = {"Succeeded": SUCCEEDED, "PartiallyFailed": PARTIALLY_FAILED}


def exit_code(run: SeenRun) -> int:
    """Return the exit code of a run that has ended."""
    return EXIT_CODES.get(run.status.phase, FAILED)


def page(run: SeenRun) -> Page:
    """Return how a run ended: each failed step with its remedy."""
    status = run.status
    lasted = f" after {status.duration}" if status.duration else ""
    blocks: list[Block] = [line("run ", Cell(run.name, "strong"), ": ", phase(status.phase), lasted, _summary(run))]
    for step, failed in run.failed:
        blocks += _failed(run.what(step), failed)
    if not run.failed and run.status.phase != "Succeeded" and status.message:
        blocks += [line("  ", status.message), *_advice(run.reason)]
    return tuple(blocks)


def _summary(run: SeenRun) -> str:
    done = "rolled back" if run.action == "Rollback" else "loaded"
    return f", {run.status.targets_summary} targets {done}" if run.status.targets_summary else ""


def _failed(what: str, step: StepStatus) -> list[Block]:
    return [
        line("  ", Cell(what, "strong"), ": ", Cell(step.reason, "bad"), f": {step.message}"),
        *_advice(step.reason),
    ]


def _advice(reason: str) -> list[Block]:
    text = remedy(reason)
    return [line("  ", Cell("to do: ", "dim"), text)] if text else []


def data(run: SeenRun) -> dict[str, Any]:
    """Return a run for programs."""
    return {"namespace": run.namespace, "name": run.name, "action": run.action, "status": to_raw(run.status)}


def timed_out(run: SeenRun, seconds: float) -> str:
    """Return that a run did not end in time, and how to look at it."""
    limit = amounts.duration(seconds)
    told = f"run {run.name} has not ended within {limit}: it is {run.status.phase}, and goes on"
    return "; ".join((told, *starting.look_again(run)))


def gone(name: str) -> str:
    """Return that a run does not exist any more."""
    return f"run {name} was deleted before its end was seen; a target that it has not swapped is as before"
