"""How a run ended: the exit code of `--wait`, and what to do now. Pure."""

from typing import Any

from datareplication.cli.view import starting
from datareplication.cli.view.page import Block, Cell, Page, line, phase
from datareplication.cli.view.why import remedy
from datareplication.core import words
from datareplication.core.judgement.facts import Run, Step
from datareplication.core.state import RunStatus, read_status, to_raw

SUCCEEDED, FAILED, PARTIALLY_FAILED, TIMED_OUT = 0, 1, 2, 124

EXIT_CODES = {"Succeeded": SUCCEEDED, "PartiallyFailed": PARTIALLY_FAILED}


def exit_code(run: Run) -> int:
    """Return the exit code of a run that has ended."""
    return EXIT_CODES.get(run.phase, FAILED)


def page(run: Run) -> Page:
    """Return how a run ended: each failed step with its remedy."""
    ended, begun = run.completion_time, run.start_time
    lasted = f" after {words.between(begun, ended)}" if begun and ended else ""
    blocks: list[Block] = [line("run ", Cell(run.name, "strong"), ": ", phase(run.phase), lasted, _summary(run))]
    for step in run.failed:
        blocks += _failed(run.what(step), step)
    if not run.failed and run.phase != "Succeeded" and run.message:
        blocks += [line("  ", run.message), *_advice(run.reason)]
    return tuple(blocks)


def _summary(run: Run) -> str:
    done = "rolled back" if run.action == "Rollback" else "loaded"
    return f", {run.targets_summary} targets {done}" if run.targets_summary else ""


def _failed(what: str, step: Step) -> list[Block]:
    return [
        line("  ", Cell(what, "strong"), ": ", Cell(step.reason, "bad"), f": {step.message}"),
        *_advice(step.reason),
    ]


def _advice(reason: str) -> list[Block]:
    text = remedy(reason)
    return [line("  ", Cell("to do: ", "dim"), text)] if text else []


def data(run: Run, raw: dict[str, Any]) -> dict[str, Any]:
    """Return a run for programs, with all of its raw status."""
    status = to_raw(read_status(RunStatus, raw))
    return {"namespace": run.namespace, "name": run.name, "action": run.action, "status": status}


def timed_out(run: Run, seconds: float) -> str:
    """Return that a run did not end in time, and how to look at it."""
    limit = words.duration(seconds)
    told = f"run {run.name} has not ended within {limit}: it is {run.phase}, and goes on"
    return "; ".join((told, *starting.look_again(run)))


def gone(name: str) -> str:
    """Return that a run does not exist any more."""
    return f"run {name} was deleted before its end was seen; a target that it has not swapped is as before"
