"""What is reported about waits, and when a dump ends for the sake of others."""

import os
import signal
import threading

import psycopg2
import pytest

from datareplication.errors import TransientError
from datareplication.jobs.commands import dump as dump_command
from datareplication.jobs.dump import watch
from datareplication.jobs.frame.stop import Stop, Terminated
from datareplication.jobs.model.settings import Care
from datareplication.jobs.postgres import classify
from datareplication.jobs.postgres.blocking import Backend, Wait

APP, DUMP, WORKER = Backend(4711, "app"), Backend(11, "reader"), Backend(12, "reader")
EXCLUSIVE, SHARE = "AccessExclusiveLock", "AccessShareLock"


def blocked(seconds: float = 3, waiter: Backend = APP, blocker: Backend = DUMP) -> Wait:
    return Wait(False, EXCLUSIVE, "public.t", "03:00:12Z", seconds, waiter, blocker)


def waiting(waiter: Backend = DUMP, blocker: Backend = APP) -> Wait:
    return Wait(True, SHARE, "public.t", "03:00:12Z", 1, waiter, blocker)


BLOCKS = "blocks app (backend 4711), which waits for AccessExclusiveLock on public.t since 03:00:12Z"
WAITS = "waits for AccessShareLock on public.t behind app (backend 4711)"
NOTES = [
    ("nobody waits", [], ("", "")),
    ("the dump waits", [waiting()], ("WaitsForLock", WAITS)),
    ("two of its sessions wait for the same one", [waiting(), waiting(WORKER)], ("WaitsForLock", WAITS)),
    ("somebody waits for it", [blocked()], ("BlocksOthers", BLOCKS)),
    ("somebody waits for two of its sessions", [blocked(), blocked(blocker=WORKER)], ("BlocksOthers", BLOCKS)),
    ("both", [waiting(WORKER), blocked()], ("BlocksOthers", f"{BLOCKS}; {WAITS}")),
    ("it waits for a prepared transaction", [waiting(blocker=Backend(0, ""))], ("WaitsForLock", "waits for AccessShareLock on public.t behind a prepared transaction (see pg_prepared_xacts)")),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "waits", "said"), NOTES, ids=[row[0] for row in NOTES])
def test_note(sentence: str, waits: list[Wait], said: tuple[str, str]) -> None:
    assert watch.note(waits) == said, sentence


def test_a_note_of_many_waits_is_short() -> None:
    _, text = watch.note([blocked(waiter=Backend(pid, "app")) for pid in range(1, 40)])
    assert text.count("blocks") == 3
    assert text.endswith("; and 36 more")


@pytest.mark.parametrize(
    ("waits", "gives_way"),
    [([], False), ([waiting()], False), ([blocked(30)], False), ([blocked(30.1)], True)],
    ids=["nobody waits", "the dump waits", "within the patience", "beyond it"],
)
def test_the_dump_gives_way_only_to_who_has_waited_long(waits: list[Wait], gives_way: bool) -> None:
    why = watch.why_give_way(waits, 30)
    assert (why is not None) == gives_way
    if why:
        assert (why.exit_code, why.reason) == (75, "GaveWay")
        assert "app (backend 4711), which wants AccessExclusiveLock on public.t" in why.message


def test_a_snapshot_has_an_age() -> None:
    assert watch.why_too_old(59, 60) is None
    why = watch.why_too_old(60, 60)
    assert why is not None
    assert (why.exit_code, why.reason) == (75, "SnapshotTooOld")


def test_the_limits_are_options_of_the_dump() -> None:
    environment = {"PROD_DB_CONNECTION": "", "PROD_DB_USERNAME": "u", "PROD_DB_PASSWORD": "", "CSV_OUTPUT_PATH": "/s"}
    assert dump_command.parse([], environment).care == Care(30, 14_400, 30)
    options = ["--lock-timeout-seconds", "1", "--max-snapshot-age-seconds", "2", "--blocking-patience-seconds", "3"]
    assert dump_command.parse(options, environment).care == Care(1, 2, 3)


def test_another_thread_may_end_the_work_and_the_first_cause_counts() -> None:
    freed = threading.Event()
    why = TransientError("enough", reason="GaveWay")
    with Stop() as stop:
        threading.Timer(0.05, stop.request, [why]).start()
        with pytest.raises(TransientError, match="enough"), stop.interrupting(freed.set):
            assert freed.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(TransientError, match="enough"):
            stop.wait(0.1)


def test_a_signal_still_ends_the_work() -> None:
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Terminated):
            stop.wait(10)


def test_a_conflict_with_a_standbys_replay_names_the_settings() -> None:
    text = "terminating connection due to conflict with recovery\nDETAIL:  User query might have needed rows."
    found = classify.after_connect(psycopg2.OperationalError(text), "copying public.t")
    assert (found.exit_code, found.reason) == (75, "RecoveryConflict")
    assert found.message.startswith("copying public.t: terminating connection due to conflict with recovery; ")
    assert "hot_standby_feedback" in found.message
    assert "max_standby_streaming_delay" in found.message
