"""Which files a dump writes: every block of every table once, the largest first."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from datareplication.jobs.dump import splitting
from datareplication.jobs.model.manifest import Column
from datareplication.jobs.model.tables import Blocks, Table

MIB = 1 << 20


def table(oid: int, mebibytes: int, blocks: int | None = None) -> Table:
    size = mebibytes * MIB
    columns = (Column("id", "integer"),)
    return Table(oid, "public", f"t{oid}", "Table", False, size // 8192 if blocks is None else blocks, size, 0, columns)


def test_small_tables_are_one_file_each_largest_first() -> None:
    tasks = splitting.parts([table(1, 1), table(2, 3), table(3, 2)], workers=2, compression="Zstd", encoding="UTF8")
    assert [(task.path, task.blocks) for task in tasks] == [
        ("data/2-0.csv.zst", None),
        ("data/3-0.csv.zst", None),
        ("data/1-0.csv.zst", None),
    ]


def test_a_table_without_a_block_has_no_file() -> None:
    assert splitting.parts([table(1, 0)], workers=2, compression="None", encoding="UTF8") == []


def test_a_dominant_table_is_split_so_that_workers_end_together() -> None:
    tasks = splitting.parts([table(1, 800), table(2, 200)], workers=2, compression="None", encoding="UTF8")
    assert Counter(task.oid for task in tasks) == {1: 7, 2: 2}


def test_a_table_whose_bytes_are_in_toast_is_split_by_the_blocks_it_has() -> None:
    tasks = splitting.parts([table(1, 1000, blocks=2)], workers=4, compression="None", encoding="UTF8")
    assert [task.blocks for task in tasks] == [Blocks(0, 1), Blocks(1, None)]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=8), st.integers(1, 16))
def test_the_ranges_of_a_table_follow_each_other_to_the_open_end(sizes: list[int], workers: int) -> None:
    tables = [table(oid, size) for oid, size in enumerate(sizes, start=1)]
    tasks = splitting.parts(tables, workers, "None", "UTF8")
    assert len({task.path for task in tasks}) == len(tasks)
    for one in tables:
        ranges = [task.blocks for task in tasks if task.oid == one.oid]
        if not one.blocks:
            assert ranges == []
        elif ranges != [None]:
            ordered = sorted((blocks for blocks in ranges if blocks), key=lambda blocks: blocks.start)
            starts, ends = [blocks.start for blocks in ordered], [blocks.end for blocks in ordered]
            assert [*starts, None] == [0, *ends]
