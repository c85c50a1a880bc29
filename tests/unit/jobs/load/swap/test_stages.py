"""When entries of an archive are restored: each once, grants last, whichever role loads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.errors import ReplicationError
from datareplication.jobs.load.swap import stages
from datareplication.jobs.load.swap.stages import Choices, Ledger, Stages
from datareplication.jobs.model.archive import PUBLIC_SCHEMA, Contents, Entry

PUBLIC = Entry(1, *PUBLIC_SCHEMA, label="SCHEMA - public alice")
PUBLICS_GRANTS = Entry(2, 0, 0, depends_on=(1,), label="ACL - SCHEMA public alice")
TABLE = Entry(3, 1259, 30, label="TABLE public t bob")
TABLES_COMMENT = Entry(4, 0, 0, depends_on=(3,), label="COMMENT public TABLE t bob")
TABLES_GRANTS = Entry(5, 0, 0, depends_on=(3,), label="ACL public TABLE t bob")
DEFAULTS = Entry(6, 826, 31, label="DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES bob")
KEY = Entry(7, 2606, 32, depends_on=(3,), label="FK CONSTRAINT public t fk bob")
KEYS_COMMENT = Entry(8, 0, 0, depends_on=(7,), label="COMMENT public CONSTRAINT fk ON t bob")
SECURITY = Entry(9, 0, 30, depends_on=(3,), label="ROW SECURITY public t bob")
HOOK = Entry(10, 3466, 33, label="EVENT TRIGGER - hook postgres")
HOOKS_COMMENT = Entry(11, 0, 0, depends_on=(10,), label="COMMENT - EVENT TRIGGER hook postgres")

CONTENTS = Contents(
    (PUBLIC, PUBLICS_GRANTS, TABLE, TABLES_COMMENT, TABLES_GRANTS, DEFAULTS),
    (KEY, KEYS_COMMENT, SECURITY, HOOK, HOOKS_COMMENT),
)
GRANTS = (PUBLICS_GRANTS, TABLES_GRANTS, DEFAULTS)
LAST = (SECURITY,)
FINAL = (HOOK, HOOKS_COMMENT)


def choices(
    omitted: tuple[tuple[int, int], ...] = (),
    public_owners: tuple[str, ...] | None = None,
    version: int = 150000,
    *,
    with_grants: bool = True,
) -> Choices:
    return Choices(omitted, with_grants, public_owners, version)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param(
            choices(),
            Stages((PUBLIC, TABLE, TABLES_COMMENT), (KEY, KEYS_COMMENT), LAST, (), grants=GRANTS, final=FINAL),
            id="a superuser restores all of it, grants, policies and event triggers last",
        ),
        pytest.param(
            choices(public_owners=("bob",)),
            Stages((TABLE, TABLES_COMMENT), (KEY, KEYS_COMMENT), LAST, (PUBLIC,), grants=GRANTS, final=FINAL),
            id="schema public of somebody else keeps its owner and gets its grants",
        ),
        pytest.param(
            choices(public_owners=("bob",), version=140000),
            Stages(
                (TABLE, TABLES_COMMENT),
                (KEY, KEYS_COMMENT),
                LAST,
                (PUBLIC,),
                (PUBLICS_GRANTS,),
                grants=GRANTS[1:],
                final=FINAL,
            ),
            id="up to 14 only a superuser may grant on it",
        ),
        pytest.param(
            choices(public_owners=("alice",), version=150000),
            Stages((PUBLIC, TABLE, TABLES_COMMENT), (KEY, KEYS_COMMENT), LAST, (), grants=GRANTS, final=FINAL),
            id="schema public of the load's own role",
        ),
        pytest.param(
            choices(with_grants=False),
            Stages(
                (PUBLIC, TABLE, TABLES_COMMENT),
                (KEY, KEYS_COMMENT),
                LAST,
                GRANTS,
                final=FINAL,
            ),
            id="no grants",
        ),
        pytest.param(
            choices(omitted=((2606, 32),)),
            Stages((PUBLIC, TABLE, TABLES_COMMENT), (), LAST, (KEY, KEYS_COMMENT), grants=GRANTS, final=FINAL),
            id="what is left out goes with its comment",
        ),
    ],
)
def test_stages(chosen: Choices, expected: Stages) -> None:
    assert stages.plan(CONTENTS, chosen) == expected


def test_what_pg_dump_puts_behind_the_rows_and_belongs_to_somebody_is_not_made_by_the_role_that_builds() -> None:
    view = Entry(20, 1259, 40, (7,), "MATERIALIZED VIEW public mv bob")
    index, comment, over = (
        Entry(number, 0, 0, (20,), label)
        for number, label in ((21, "INDEX public i bob"), (22, "COMMENT public mv bob"), (23, "VIEW public over bob"))
    )
    grants = Entry(24, 0, 0, (20,), "ACL public TABLE mv bob")

    found = stages.plan(Contents((TABLE,), (KEY, view, index, comment, over, grants)), choices())

    assert found == Stages((TABLE,), (KEY,), (), (), (), (view, over), (index, comment), (grants,))


def test_what_stands_in_a_closed_schema_public_is_restored() -> None:
    view = Entry(40, 1259, 60, (1,), "VIEW public v bob")
    comment = Entry(41, 0, 0, (1,), "COMMENT - SCHEMA public alice")

    found = stages.plan(
        Contents((PUBLIC, comment, PUBLICS_GRANTS, view), ()), choices(public_owners=("bob",), version=140000)
    )

    assert found == Stages((view,), (), (), (PUBLIC,), (comment, PUBLICS_GRANTS))


def test_statistics_objects_come_before_the_rows_unless_they_need_what_comes_after() -> None:
    statistics = Entry(30, 3381, 50, (3,), "STATISTICS public st bob")
    comment = Entry(31, 0, 0, (30,), "COMMENT public STATISTICS st bob")
    view = Entry(32, 1259, 51, (7,), "MATERIALIZED VIEW public mv bob")
    of_view = Entry(33, 3381, 52, (32,), "STATISTICS public sv bob")

    found = stages.plan(Contents((TABLE,), (KEY, statistics, comment, view, of_view)), choices())

    assert found == Stages((TABLE, statistics, comment), (KEY,), (), (), (), (view, of_view))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [one.label for one in (*LAST, *GRANTS, *FINAL)] + [TABLE.label, KEY.label, "VIEW public v bob"]
            ),
            st.sets(st.integers(1, 20)),
        )
    ),
    st.integers(0, 20),
    st.booleans(),
    st.sampled_from([None, ("bob",)]),
)
def test_each_entry_is_in_exactly_one_stage(
    drawn: list[tuple[str, set[int]]], before: int, with_grants: bool, owners: tuple[str, ...] | None
) -> None:
    entries = tuple(Entry(n, 0, n, tuple(needs), label) for n, (label, needs) in enumerate(drawn, 1))
    contents = Contents(entries[:before], entries[before:])

    found = stages.plan(contents, choices(((0, 1),), owners, 140000, with_grants=with_grants))

    given = [*found.before, *found.after, *found.postponed, *found.following, *found.last, *found.left_out]
    given += [*found.refused, *found.grants, *found.final]
    assert sorted(entry.id for entry in given) == [entry.id for entry in entries]


def test_a_ledger_settles_when_each_was_restored_once() -> None:
    ledger = Ledger()
    ledger.restored([3, 4])
    ledger.restored([7])
    ledger.settle((TABLE, TABLES_COMMENT), (KEY,))


@pytest.mark.parametrize(
    ("restored", "told"),
    [
        ([3], "entries 4 were not restored and none once too often"),
        ([3, 4, 4, 7], "entries none were not restored and 4, 7"),
    ],
)
def test_a_ledger_tells_what_was_not_restored_and_what_twice(restored: list[int], told: str) -> None:
    ledger = Ledger()
    ledger.restored(restored)
    with pytest.raises(ReplicationError, match=told):
        ledger.settle((TABLE, TABLES_COMMENT))
