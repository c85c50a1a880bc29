"""Whatever the state: the board and the plugin name the same cause, the same remedy, the same ages."""

from datetime import datetime, timedelta
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.cli.view import overview, why
from datareplication.core import times
from datareplication.core.board.gathering import RUNS_LIMIT, Gathering, Room
from datareplication.core.board.views import View, view
from datareplication.core.judgement.activity import DOING
from datareplication.core.judgement.causes import FAILURES, LATE, ORDER, Kind
from datareplication.core.judgement.problems import judge
from datareplication.core.phases import Activity, RunPhase, StepPhase
from datareplication.core.reasons import MEANINGS
from support import plugin
from support.plugin import NOW, Object, condition

TARGETS = ("dev", "qa")
RUNS = tuple(f"run-{number}" for number in range(RUNS_LIMIT + 3))
MOMENTS = st.one_of(st.none(), st.integers(-40, 90).map(plugin.at))
REASONS = st.sampled_from(["", "TargetInUse", "OOMKilled", "Waiting", "ContainerCreating", "WaitsForLock", "BadCron"])
WORDS = st.sampled_from(["", "something is wrong"])


def known(**fields: Any) -> st.SearchStrategy[Object]:
    """Return objects in which a field may be missing."""
    found = st.fixed_dictionaries({name: one if isinstance(one, st.SearchStrategy) else st.just(one) for name, one in fields.items()})  # fmt: skip
    return found.map(lambda one: {name: value for name, value in one.items() if value is not None})


def step(**fields: Any) -> st.SearchStrategy[Object]:
    return known(phase=st.sampled_from(get_args(StepPhase)), reason=REASONS, message=WORDS, completionTime=MOMENTS, **fields)  # fmt: skip


LOADS = st.lists(st.sampled_from(TARGETS), unique=True).flatmap(
    lambda names: st.tuples(*(step(name=name) for name in names)).map(list)
)
RUN_STATES = known(
    phase=st.sampled_from(get_args(RunPhase)),
    message=WORDS,
    startTime=MOMENTS,
    completionTime=MOMENTS,
    dump=st.none() | step(),
    targets=LOADS,
    conditions=REASONS.map(lambda reason: [condition("Finished", "True", reason)] if reason else []),
)
NOTES = st.none() | known(run=st.sampled_from(RUNS), phase="Failed", time=MOMENTS.filter(bool), message=WORDS)
CONDITIONS = st.lists(
    st.builds(
        condition,
        st.sampled_from(["Stalled", "Held", "VolumeNotGrown", "TooManyMissed", "LastRunSucceeded"]),
        st.sampled_from(["True", "False"]),
        st.sampled_from(["BadCron", "DependsOnPast", "ExpansionRefused", "Failed", "PartiallyFailed", "Replaced"]),
        WORDS,
    ),
    max_size=4,
    unique_by=lambda one: str(one["type"]),
)
STATES = known(
    observedGeneration=st.integers(0, 1),
    nextScheduleTime=MOMENTS,
    lastSuccess=NOTES,
    lastFailure=NOTES,
    activeRuns=st.lists(st.sampled_from(RUNS), max_size=2, unique=True),
    targets=st.tuples(
        *(
            known(name=name, phase=st.sampled_from(get_args(StepPhase)), run=st.sampled_from(RUNS), dataTime=MOMENTS, loadedTime=MOMENTS, message=WORDS)
            for name in TARGETS
        )
    ).map(list),
    conditions=CONDITIONS,
)  # fmt: skip
SPECS = known(
    schedule=st.none() | st.just({"cron": "@daily"}),
    suspend=st.booleans(),
    freshnessSeconds=st.sampled_from([3600, 93_600]),
    targets=[{"name": name} for name in TARGETS],
)


@st.composite
def subjects(draw: st.DrawFn) -> tuple[Object, list[Object]]:
    """Return a DataReplication and its runs as the API may have them; the board keeps only some of the runs."""
    one = {
        "metadata": plugin.meta("prod-fanout", draw(st.integers(0, 90))),
        "spec": draw(SPECS),
        "status": draw(STATES),
    }
    names = draw(st.lists(st.sampled_from(RUNS), unique=True))
    runs = [plugin.run(name, draw(st.integers(0, 90)), draw(RUN_STATES), action=draw(st.sampled_from(["Replicate", "Rollback"]))) for name in names]  # fmt: skip
    has_ended = [("completionTime" in one["status"]) for one in runs]
    return one, runs if has_ended.count(False) < RUNS_LIMIT - 4 else runs[: RUNS_LIMIT - 4]


def on_the_board(raw: Object, runs: list[Object], now: datetime = NOW) -> View:
    """Return what the board shows of objects that its list has brought."""
    gathering = Gathering(Room())
    gathering.keep_replication(raw)
    for run in runs:
        gathering.keep_run(run)
    (subject,) = gathering.subjects()
    return view(subject, judge(subject, now), now)


@settings(max_examples=400, deadline=None)
@given(subjects())
def test_board_and_plugin_name_the_same_cause(state: tuple[Object, list[Object]]) -> None:
    board, answer = on_the_board(*state), why.answer(plugin.subject(*state), NOW)
    if not board.problems:
        assert (answer.state, answer.reason) == ("Fine", "Fresh")
        assert board.health.ok
        return
    first = board.problems[0]
    assert (answer.sentence, answer.message, answer.run) == (first.sentence, first.cause.message, first.cause.run)
    assert answer.targets == (*first.old, *first.young)
    assert answer.reason == first.cause.reason or (not first.cause.reason and answer.reason in ("Stale", "NeverLoaded"))
    assert answer.what == first.cause.meaning.replace("`", "")
    assert answer.remedy.startswith(first.cause.remedy.replace("`", "").rstrip("."))
    assert answer.state != "Fine"
    assert board.health.failing == any(one.cause.is_failure for one in board.problems)
    assert board.health.attention or not first.cause.is_failure


@settings(max_examples=200, deadline=None)
@given(subjects())
def test_board_and_plugin_name_the_same_ages(state: tuple[Object, list[Object]]) -> None:
    board, told = on_the_board(*state), overview.data(plugin.subject(*state).one, NOW)
    assert [(one.target.name, one.freshness, one.age_seconds, one.objective_seconds) for one in board.targets] == [
        (one["name"], one["freshness"], one["dataAgeSeconds"], one["objectiveSeconds"]) for one in told["targets"]
    ]


@settings(max_examples=200, deadline=None)
@given(subjects())
def test_every_problem_says_what_to_do_or_is_explained_and_the_worst_comes_first(
    state: tuple[Object, list[Object]],
) -> None:
    problems = on_the_board(*state).problems
    assert [ORDER[one.cause.kind] for one in problems] == sorted(ORDER[one.cause.kind] for one in problems)
    assert len({one.cause for one in problems}) == len(problems)
    for one in problems:
        assert one.cause.is_failure == (one.cause.kind in FAILURES)
        assert one.cause.remedy or one.cause.meaning or not one.cause.is_failure
        assert one.sentence.endswith(".")


def test_a_slot_is_late_for_both_after_the_same_time() -> None:
    due = times.to_text(NOW - LATE)
    well = [condition("LastRunSucceeded", "True", "Succeeded")]
    data = [plugin.target(name, 1) for name in plugin.TARGETS]
    raw = plugin.replication(nextScheduleTime=due, targets=data, conditions=well)
    for now, reason in ((NOW, "Fresh"), (NOW + timedelta(seconds=1), "SlotNotRun")):
        found = on_the_board(raw, [], now).problems
        assert [one.cause.reason for one in found] == ([reason] if reason == "SlotNotRun" else [])
        assert why.answer(plugin.subject(raw), now).reason == reason


def test_the_run_that_a_failed_target_names_is_kept_by_the_board_however_old_it_is() -> None:
    later = [plugin.run(f"later-{hours}", hours, {"completionTime": plugin.at(hours)}) for hours in range(1, 12)]
    found = on_the_board(plugin.replication(), [*later, plugin.night()])
    assert found.problems[0].cause.reason == "TargetInUse"


def test_every_kind_has_its_place_and_every_activity_its_words() -> None:
    assert set(ORDER) == set(get_args(Kind))
    assert set(DOING) == set(get_args(Activity))
    assert {"NotLookedAt", "SlotNotRun"} & set(MEANINGS) == set()
