"""What the sinks of a run's status are told."""

from datareplication.core import changes
from datareplication.core.state import RunStatus, read_status
from support.samples import BEGUN, ENDED, a_run


def test_the_same_status_is_no_change() -> None:
    run = a_run("a", BEGUN)
    assert changes.change(run, run.status) is None


def test_a_run_ends_once() -> None:
    ended = read_status(RunStatus, {"status": ENDED})
    change = changes.change(a_run("a", BEGUN), ended)
    assert change is not None
    assert (change.has_ended, change.has_new_phase, change.is_first) == (True, True, False)
    told_more = ended.model_copy(update={"message": "told later"})
    change = changes.change(a_run("a", ENDED), told_more)
    assert change is not None
    assert (change.has_ended, change.has_new_phase) == (False, False)


def test_what_the_api_holds_counts_and_not_what_was_reckoned_since() -> None:
    run = a_run("a")
    change = changes.change(run, RunStatus())
    assert change is not None
    assert (change.is_first, change.has_new_phase, change.has_ended) == (True, True, False)
    assert change.old == RunStatus()
