"""What waits for what in a load, and what goes first."""

from hypothesis import given
from hypothesis import strategies as st

from datareplication.jobs.load import pipeline
from datareplication.jobs.load.pipeline import Pipeline
from datareplication.jobs.load.tasks import Analyze, CopyParts, CountRows, RestoreEntries
from datareplication.jobs.model.archive import Entry, parsed
from datareplication.jobs.model.manifest import (
    PG_CLASS,
    PG_CONSTRAINT,
    Index,
    Manifest,
    Part,
    Relation,
    Run,
    Schema,
    Source,
)

MIB = 1 << 20


def relation(oid: int, mebibytes: int, *indexes: Index, parts: int = 1) -> Relation:
    files = tuple(Part(f"data/{oid}-{i}.csv", 10, mebibytes * MIB // parts, 1, "") for i in range(parts))
    return Relation(oid, "public", f"t{oid}", "Table", (), files if mebibytes else (), indexes)


def manifest(*relations: Relation) -> Manifest:
    source = Source("1", "app", 150000, "UTF8", "")
    schema = Schema(Part("schema.dump", 0, 0, 0, ""), 15, "", (), (), (), has_public=True)
    return Manifest(Run("uid"), source, "", "", "None", schema, relations, (), "0", 0.0)


def key(oid: int) -> Index:
    return Index(PG_CONSTRAINT, oid, MIB)


def index(oid: int, mebibytes: int = 1) -> Index:
    return Index(PG_CLASS, oid, mebibytes * MIB)


POST_DATA = [
    Entry(10 * n, catalog, oid)
    for n, (catalog, oid) in enumerate([(PG_CLASS, 1), (PG_CONSTRAINT, 2), (PG_CLASS, 3), (PG_CONSTRAINT, 99)], start=1)
]


def in_order(steps: tuple[pipeline.Step, ...]) -> list[str]:
    names = {CopyParts: "copy", RestoreEntries: "restore", CountRows: "count", Analyze: "analyze"}
    return [names[type(task)] for task, _ in steps]


def test_a_large_tables_indexes_wait_for_its_data_and_its_keys_only() -> None:
    planned = pipeline.plan(manifest(relation(7, 100, index(1), key(2), index(3, 5))), POST_DATA, workers=1)
    steps = dict(planned.steps)
    assert in_order(planned.steps) == ["copy", "restore", "restore", "restore", "count", "analyze"]
    builds = [task for task in steps if isinstance(task, RestoreEntries)]
    assert [build.ids for build in builds] == [(20,), (30,), (10,)]  # the key, then the larger index
    copy = next(task for task in steps if isinstance(task, CopyParts))
    assert [steps[build] for build in builds] == [(copy,), (builds[0],), (builds[0],)]
    assert planned.rest == ((40,),)  # a foreign key comes last


def test_foreign_keys_wait_until_all_indexes_are_attached_to_their_parents() -> None:
    lines = ("1; 1259 1 INDEX public i o", "2; 0 0 INDEX ATTACH public i o", "3; 2606 2 FK CONSTRAINT public f o")
    planned = pipeline.plan(manifest(), parsed([*lines, "4; 3256 3 POLICY public INDEX ATTACH p o"]), workers=1)
    assert planned.rest == ((1, 2), (3, 4))


def test_small_tables_indexes_are_built_together() -> None:
    planned = pipeline.plan(manifest(relation(7, 1, index(1)), relation(8, 2, key(2))), POST_DATA, workers=2)
    (build,) = [task for task, _ in planned.steps if isinstance(task, RestoreEntries)]
    assert build.ids == (20, 10)
    assert dict(planned.steps)[build] == tuple(task for task, _ in planned.steps if isinstance(task, CopyParts))


def test_parts_of_a_table_are_copied_apart_only_where_one_worker_would_set_the_pace() -> None:
    planned = pipeline.plan(manifest(relation(1, 300, parts=3), relation(2, 100, parts=2)), [], workers=2)
    copies = [(task.oid, len(task.parts), task.is_whole) for task, _ in planned.steps if isinstance(task, CopyParts)]
    assert copies == [(1, 1, False)] * 3 + [(2, 2, True)]


def test_late_tables_are_copied_after_all_others_one_after_the_other_by_name() -> None:
    """The rows of late tables pass through functions that may read other tables. t4 is empty: no task waits for it."""
    tables = [relation(5, 300, index(1), parts=2), relation(4, 0), relation(3, 200), relation(2, 1), relation(1, 100)]
    late = {("public", "t5"), ("public", "t4"), ("public", "t3"), ("elsewhere", "t1")}
    planned = pipeline.plan(manifest(*tables), POST_DATA, workers=4, late=late)
    needs = {
        (task.oid, task.parts[0].path): {need.oid for need in wanted if isinstance(need, CopyParts)}
        for task, wanted in planned.steps
        if isinstance(task, CopyParts)
    }
    paths = {oid: f"data/{oid}-0.csv" for oid in (1, 2, 3, 5)}
    assert needs == {
        (1, paths[1]): set(),
        (2, paths[2]): set(),
        (3, paths[3]): {1, 2},
        (5, paths[5]): {3},
        (5, "data/5-1.csv"): {3},
    }
    assert [one.oid for one in pipeline.copied_in_order(tables, late)] == [2, 1, 3, 4, 5]


def test_an_empty_table_is_counted_and_its_indexes_are_built() -> None:
    planned = pipeline.plan(manifest(relation(1, 0, key(2))), POST_DATA, workers=2)
    assert in_order(planned.steps) == ["restore", "count"]


@given(st.lists(st.sets(st.integers(0, 20)), max_size=21), st.integers(1, 4))
def test_every_task_is_handed_out_once_and_after_its_needs(needs: list[set[int]], workers: int) -> None:
    steps = [(task, [need for need in wanted if need < task]) for task, wanted in enumerate(needs)]
    waiting = Pipeline(steps)
    done: list[int] = []
    at_work: list[int] = []
    while True:
        while len(at_work) < workers and (task := waiting.take()) is not None:
            assert set(steps[task][1]) <= set(done)
            at_work.append(task)
        if not at_work:
            break
        done.append(at_work.pop(0))
        waiting.done(done[-1])
    assert sorted(done) == list(range(len(steps)))


def test_a_table_of_contents_is_read_by_numbers_whatever_the_names() -> None:
    lines = [
        ";",
        "; Archive created at 2026-01-01 00:00:00 UTC",
        "3204; 2606 16408 CONSTRAINT public odd; 1 2 name t_pkey postgres",
        "3205; 0 0 COMMENT - x",
    ]
    assert [(entry.id, entry.catalog, entry.oid) for entry in parsed(lines)] == [(3204, 2606, 16408), (3205, 0, 0)]
