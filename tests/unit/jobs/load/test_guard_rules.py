"""The overwrite guard as rules on facts; tests/postgres tries them on servers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from datareplication.errors import CapabilityError, GuardError
from datareplication.jobs.load import guard
from datareplication.jobs.load.guard import Facts, Previous
from datareplication.jobs.model.databases import Database, Server
from datareplication.jobs.model.manifest import Source
from datareplication.jobs.model.notes import loaded_by, rolled_back_by
from datareplication.jobs.model.provenance import Provenance

SOURCE = Source("1000", "app", 150018, "UTF8", "2024-01-01T00:00:00Z")
SERVER = Server("2000", 150018, "2024-01-02T00:00:00Z", False, "loader", False, True, False)
DATABASE = Database(77, "app", "loader", "UTF8", "C", "C", "libc", None, None, "pg_default", -1, True, False, None)
OURS = Provenance("1000", "app", "t", "0/0", "u", "r", "p", "2000", "app", 55, "f", "v", 1.0, "u", "s", 1, 2, 3)
PREVIOUS = replace(DATABASE, oid=55, name="app__previous")
OTHER = replace(PREVIOUS, oid=56)
NOTED = Previous(OTHER, rolled_back_by("u"))
EMPTY = Facts(SERVER, DATABASE, None, (), (), None)


def reason(facts: Facts, **options: bool) -> str:
    return reason_of(
        lambda: guard.check(SOURCE, facts, **{"may_overwrite_any": False, "is_physical_clone": False, **options})
    )


def reason_of(check: Callable[[], None]) -> str:
    try:
        check()
    except (GuardError, CapabilityError) as error:
        return error.reason
    return "Allowed"


def on(**changes: Any) -> Facts:
    server = {key: changes.pop(key) for key in list(changes) if hasattr(SERVER, key)}
    database = {key: changes.pop(key) for key in list(changes) if hasattr(DATABASE, key)}
    return replace(EMPTY, server=replace(SERVER, **server), database=replace(DATABASE, **database), **changes)


@pytest.mark.parametrize(
    ("facts", "options", "expected"),
    [
        (EMPTY, {}, "Allowed"),
        (on(system_identifier="1000"), {}, "TargetIsSource"),
        (on(system_identifier="1000"), {"may_overwrite_any": True}, "TargetIsSource"),
        (on(system_identifier="1000", name="dev"), {}, "Allowed"),
        (on(system_identifier="1000"), {"is_physical_clone": True}, "Allowed"),
        (
            on(system_identifier="1000", postmaster_started=SOURCE.postmaster_started),
            {"is_physical_clone": True},
            "TargetIsSource",
        ),
        (on(is_standby=True), {}, "TargetIsStandby"),
        (on(version=140011), {}, "TargetTooOld"),
        (on(version=180001), {}, "Allowed"),
        (on(is_template=True), {}, "TargetIsTemplate"),
        (on(name="x" * 52), {}, "NameTooLong"),
        (on(name="ä" * 26), {}, "NameTooLong"),
        (on(name="x" * 51), {}, "Allowed"),
        (on(obstacles=(("a slot", "drop it"),)), {"may_overwrite_any": True}, "TargetInUse"),
        (on(previous=Previous(PREVIOUS)), {}, "PreviousNotOurs"),
        (on(previous=Previous(PREVIOUS), provenance=OURS), {}, "Allowed"),
        # Whoever owns the target can write any oid into its provenance.
        (on(previous=Previous(replace(PREVIOUS, owner="x")), provenance=OURS), {}, "PreviousNotOurs"),
        (
            on(previous=Previous(OTHER), provenance=OURS),
            {"may_overwrite_any": True},
            "PreviousNotOurs",
        ),
        (on(previous=NOTED), {}, "Allowed"),
        (on(previous=replace(NOTED, database=replace(OTHER, owner="somebody"))), {}, "Allowed"),
        (on(previous=Previous(replace(OTHER, comment="datareplication: replaced by run u"))), {}, "PreviousNotOurs"),
        (on(previous=Previous(OTHER, None, OURS)), {}, "Allowed"),
        (on(previous=Previous(OTHER, None, replace(OURS, target_database="qa"))), {}, "PreviousNotOurs"),
        (on(previous=Previous(replace(OTHER, owner="somebody"), None, OURS)), {}, "PreviousNotOurs"),
        (on(filled_tables=("t",)), {}, "TargetHoldsData"),
        (on(filled_tables=("t",)), {"may_overwrite_any": True}, "Allowed"),
        (on(filled_tables=("t",), provenance=OURS), {}, "Allowed"),
        (on(filled_tables=("t",), provenance=replace(OURS, target_database="qa")), {}, "TargetHoldsData"),
        (on(filled_tables=("t",), provenance=replace(OURS, target_system_identifier="9")), {}, "TargetHoldsData"),
        (on(provenance=replace(OURS, target_database="qa")), {}, "Allowed"),
    ],
)
def test_what_may_be_replaced(facts: Facts, options: dict[str, bool], expected: str) -> None:
    assert reason(facts, **options) == expected


def test_a_refusal_names_the_way_out() -> None:
    with pytest.raises(GuardError, match=r"public\.users.*overwrite: Any.*app__previous"):
        guard.check(SOURCE, on(filled_tables=("public.users",)), may_overwrite_any=False, is_physical_clone=False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (on(previous=NOTED), "Allowed"),
        (on(previous=Previous(PREVIOUS), provenance=OURS), "Allowed"),
        (on(), "NoPrevious"),
        (on(previous=Previous(PREVIOUS)), "PreviousNotOurs"),
        (on(previous=NOTED, is_standby=True), "TargetIsStandby"),
        (on(previous=NOTED, obstacles=(("a slot", "drop it"),)), "TargetInUse"),
        (on(previous=replace(NOTED, database=replace(OTHER, allows_connections=False))), "PreviousClosed"),
    ],
)
def test_what_may_be_rolled_back(facts: Facts, expected: str) -> None:
    assert reason_of(lambda: guard.check_rollback(facts)) == expected


def test_a_run_has_loaded_what_it_loaded_from_any_runs_snapshot() -> None:
    facts = on(note=loaded_by("new"), provenance=replace(OURS, run_uid="old", loaded_by_run_uid="new"))
    assert (facts.is_loaded_by("new"), facts.is_loaded_by("old"), facts.is_loaded_by("")) == (True, False, False)


def test_a_target_that_says_so_itself_was_not_loaded_by_a_run() -> None:
    assert not on(provenance=OURS).is_loaded_by("u")
