"""The arguments of pg_dump for what is left out."""

import pytest

from datareplication.errors import UsageError
from datareplication.jobs.dump import exclusion
from datareplication.jobs.model import archive
from datareplication.jobs.model.archive import Entry
from datareplication.jobs.model.selection import Node
from datareplication.jobs.postgres import extensions

LIST = """\
;
; Archive created at 2024-01-01 00:00:00 UTC
;     TOC Entries: 12
;
217; 1259 16396 TABLE public t postgres
3210; 2604 16399 DEFAULT public t id postgres
;\tdepends on: 216 217 217
3214; 2606 16402 FK CONSTRAINT public orders 2606 16401 FK CONSTRAINT postgres
;\tdepends on: 6 217
3215; 2606 16401 FK CONSTRAINT public orders fk postgres
;\tdepends on: 6 217
3364; 0 0 COMMENT public CONSTRAINT fk ON t postgres
;\tdepends on: 3215
"""


def test_names_are_literal_whatever_is_in_them() -> None:
    nodes = [Node(1, "a", "t", "r"), Node(2, "a", 'x"*|.(', "r"), Node(3, 'B "', "t", "v")]
    assert exclusion.dump_options(nodes, "UTF8") == [
        "--encoding=UTF8",
        '--exclude-table="a"."t"',
        '--exclude-table="a"."x""*|.("',
        '--exclude-table="B """."t"',
    ]
    assert exclusion.dump_options([], "UTF8") == []


def test_thousands_of_names_are_possible_and_too_many_are_refused() -> None:
    nodes = [Node(number, "audit", f"partition_of_a_table_{number}", "r") for number in range(50_000)]
    assert len(exclusion.dump_options(nodes[:10_000], "UTF8")) == 10_001
    with pytest.raises(UsageError, match="50000 relations"):
        exclusion.dump_options(nodes, "UTF8")


def test_entries_are_known_by_their_ids() -> None:
    entries = archive.parsed(LIST.split("\n"))
    assert [(e.id, e.catalog, e.oid, e.depends_on) for e in entries] == [
        (217, 1259, 16396, ()),
        (3210, 2604, 16399, (216, 217, 217)),
        (3214, 2606, 16402, (6, 217)),
        (3215, 2606, 16401, (6, 217)),
        (3364, 0, 0, (3215,)),
    ]
    assert entries[1] == Entry(3210, 2604, 16399, (216, 217, 217), "DEFAULT public t id postgres")


def test_tables_come_after_those_they_refer_to() -> None:
    assert extensions.in_order([1, 2, 3], [(1, 2), (2, 3), (3, 3)]) == [3, 2, 1]
    assert extensions.in_order([1, 2], [(1, 2), (2, 1)]) == [1, 2]
