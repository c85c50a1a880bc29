"""Which role restores an entry: the load's role never creates code of the source."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.jobs.load.swap.makers import Makers, Turn
from datareplication.jobs.model.archive import Entry

PG_PROC, PG_TYPE = 1255, 1247

SCHEMA = Entry(1, 2615, 20, label="SCHEMA - s bob")
EXTENSION = Entry(2, 3079, 21, (1,), "EXTENSION - citext ")
EXTENSIONS_COMMENT = Entry(3, 0, 0, (2,), "COMMENT - EXTENSION citext ")
SHELL = Entry(4, 0, 0, (1,), "SHELL TYPE s base bob")
IN = Entry(5, PG_PROC, 22, (4,), "FUNCTION s base_in(cstring) bob")
BASE = Entry(6, PG_TYPE, 23, (5,), "TYPE s base bob")
BASES_COMMENT = Entry(7, 0, 0, (6,), "COMMENT s TYPE base bob")
DOMAIN = Entry(8, PG_TYPE, 24, (1,), "DOMAIN s d bob")
CAST = Entry(9, 2605, 25, (8,), "CAST - CAST (s.d AS text) ")
TABLE = Entry(10, 1259, 26, (8,), "TABLE s t bob")
TABLES_COMMENT = Entry(11, 0, 0, (10,), "COMMENT s TABLE t bob")

EVERY = (SCHEMA, EXTENSION, EXTENSIONS_COMMENT, SHELL, IN, BASE, BASES_COMMENT, DOMAIN, CAST, TABLE, TABLES_COMMENT)
UNTRUSTED = {(PG_PROC, 22), (PG_TYPE, 23)}


def test_a_role_that_is_no_superuser_makes_what_is_not_the_databases() -> None:
    assert Makers().turns(EVERY) == [
        Turn(True, (SCHEMA, EXTENSION, EXTENSIONS_COMMENT)),
        Turn(False, (SHELL, IN, BASE, BASES_COMMENT, DOMAIN, TABLE, TABLES_COMMENT)),
        Turn(True, (CAST,)),
    ]


def test_a_superuser_makes_a_base_type_with_its_shell_and_its_comment() -> None:
    assert Makers(UNTRUSTED).turns(EVERY) == [
        Turn(True, (SCHEMA, EXTENSION, EXTENSIONS_COMMENT, SHELL, IN, BASE, BASES_COMMENT)),
        Turn(False, (DOMAIN, TABLE, TABLES_COMMENT)),
        Turn(True, (CAST,)),
    ]


def test_many_that_do_not_need_each_other_take_two_turns() -> None:
    entries = [Entry(n, PG_PROC, n, label=f"FUNCTION s f{n} bob") for n in range(1, 101)]
    assert [len(turn.entries) for turn in Makers({(PG_PROC, n) for n in range(1, 101, 2)}).turns(entries)] == [50, 50]


def test_without_a_role_that_builds_the_load_makes_all_in_the_archives_order() -> None:
    assert Makers(has_builder=False).turns(EVERY) == [Turn(True, EVERY)]


def test_an_extension_comes_before_what_its_script_could_meet() -> None:
    (first, *rest) = Makers().turns((SCHEMA, DOMAIN, EXTENSION, EXTENSIONS_COMMENT))
    assert first == Turn(True, (SCHEMA, EXTENSION, EXTENSIONS_COMMENT))
    assert rest == [Turn(False, (DOMAIN,))]


def test_the_comment_of_schema_public_which_the_role_that_builds_does_not_own_is_the_loads() -> None:
    comment = Entry(12, 0, 0, (99,), "COMMENT - SCHEMA public pg_database_owner")
    assert Makers().turns((TABLE, TABLES_COMMENT, comment)) == [
        Turn(True, (comment,)),
        Turn(False, (TABLE, TABLES_COMMENT)),
    ]


@pytest.mark.parametrize("label", ["FUNCTION s EXTENSION bob", "TABLE s SCHEMA bob", "DOMAIN CAST x bob"])
def test_a_name_makes_nothing_the_loads(label: str) -> None:
    assert Makers().turns([Entry(1, 1259, 5, label=label)]) == [Turn(False, (Entry(1, 1259, 5, label=label),))]


@given(
    st.lists(st.tuples(st.booleans(), st.sets(st.integers(1, 20))), max_size=20),
)
def test_nothing_is_made_before_what_it_depends_on(drawn: list[tuple[bool, set[int]]]) -> None:
    entries = [
        Entry(number, PG_PROC, number, tuple(need for need in needs if need < number), f"FUNCTION s f{number} bob")
        for number, (_, needs) in enumerate(drawn, 1)
    ]
    turns = Makers({(PG_PROC, number) for number, (is_its, _) in enumerate(drawn, 1) if is_its}).turns(entries)

    order = [one.id for turn in turns for one in turn.entries]
    assert all(order.index(need) < order.index(one.id) for one in entries for need in one.depends_on)


@given(st.permutations(EVERY), st.booleans(), st.sets(st.sampled_from(sorted(UNTRUSTED))))
def test_each_entry_is_in_one_turn_and_turns_alternate(
    entries: Sequence[Entry], has_builder: bool, superusers: set[tuple[int, int]]
) -> None:
    turns = Makers(superusers, has_builder=has_builder).turns(entries)

    assert sorted(one.id for turn in turns for one in turn.entries) == sorted(one.id for one in entries)
    assert all(one.is_loaders != next_one.is_loaders for one, next_one in pairwise(turns))
