"""Which relations are copied: the patterns, and what follows from leaving a relation out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.errors import UsageError
from datareplication.jobs.model import omission, selection
from datareplication.jobs.model.selection import Dependent, ForeignKey, Graph, Node, Patterns

GRAPH = Graph(
    nodes=(
        Node(1, "shop", "orders", "r"),
        Node(2, "shop", "customers", "r"),
        Node(3, "audit", "log", "p"),
        Node(4, "audit", "log_2024", "r"),
        Node(5, "audit", "log_2025", "r"),
        Node(6, "shop", "seen", "v"),
        Node(7, "shop", "counted", "m"),
        Node(8, "shop", "orders_id_seq", "S"),
        Node(9, "shop", "numbers", "S"),
        Node(10, "shop", "base", "r"),
        Node(11, "shop", "derived", "r"),
        Node(12, "cron", "job", "x"),
        Node(13, "Shop", "orders", "r"),
    ),
    children=((4, 3, True), (5, 3, True), (11, 10, False)),
    reads=((6, 4), (7, 6)),
    owned=((8, 1),),
    defaults=((1, 8), (2, 9)),
    foreign_keys=(
        ForeignKey(21, "orders.customer", 1, 2),
        ForeignKey(22, "orders.log", 1, 3),
        ForeignKey(23, "orders.self", 1, 1),
        ForeignKey(24, "log.customer", 3, 2),
    ),
)


def selected(
    include: tuple[str, ...] = (), exclude: tuple[str, ...] = (), schema_only: tuple[str, ...] = ()
) -> tuple[set[int], set[int], set[int]]:
    """Return the oids left out, those without rows, and the foreign keys that are not copied."""
    found = selection.select(GRAPH, Patterns(include, exclude, schema_only))
    return (
        {node.oid for node in found.left_out},
        {node.oid for node in found.without_rows},
        {key.oid for key in found.foreign_keys},
    )


def test_no_pattern_selects_all() -> None:
    assert selected() == (set(), set(), set())


@pytest.mark.parametrize(
    ("patterns", "left_out", "without_rows", "foreign_keys"),
    [
        pytest.param(
            {"exclude": ("audit.*",)}, {3, 4, 5, 6, 7}, set(), {22}, id="a schema, and the views that read it"
        ),
        pytest.param({"exclude": ("audit.log",)}, {3, 4, 5, 6, 7}, set(), {22}, id="a parent takes its partitions"),
        pytest.param({"exclude": ("audit.log_202?",)}, {4, 5, 6, 7}, set(), {22}, id="a key to a parent without parts"),
        pytest.param({"exclude": ("audit.log_2025",)}, {5}, set(), {22}, id="a key to a parent that lacks a part"),
        pytest.param({"exclude": ("shop.base",)}, {10, 11}, set(), set(), id="a parent takes its inheritance children"),
        pytest.param({"exclude": ("shop.derived",)}, {11}, set(), set(), id="a child leaves its parent alone"),
        pytest.param({"exclude": ("shop.orders",)}, {1, 8}, set(), set(), id="an owned sequence goes, names have case"),
        pytest.param(
            {"exclude": ("shop.orders_id_seq",)}, set(), set(), set(), id="an owned sequence stays with its table"
        ),
        pytest.param({"exclude": ("shop.numbers",)}, set(), set(), set(), id="a sequence that a default uses stays"),
        pytest.param({"exclude": ("shop.customers",)}, {2}, set(), {21, 24}, id="all keys to what is not there"),
        pytest.param({"schema_only": ("audit.log",)}, set(), {4, 5}, {22}, id="rows of partitions, views stay"),
        pytest.param({"schema_only": ("shop.customers",)}, set(), {2}, {21, 24}, id="keys of tables with rows"),
        pytest.param({"schema_only": ("shop.[co]*s",)}, None, None, None, id="brackets are not special"),
        pytest.param({"schema_only": ("audit.*", "shop.customers")}, set(), {2, 4, 5}, {21, 22}, id="both rowless"),
        pytest.param({"schema_only": ("shop.counted",)}, set(), {7}, set(), id="a materialized view is not filled"),
        pytest.param({"include": ("shop.customers",)}, {1, 3, 4, 5, 6, 7, 8, 10, 11, 13}, {12}, set(), id="only this"),
        pytest.param(
            {"include": ("shop.derived",)},
            {1, 2, 3, 4, 5, 6, 7, 8, 9, 13},
            {10, 12},
            set(),
            id="a child brings its parent",
        ),
        pytest.param(
            {"include": ("audit.log", "audit.*")}, {1, 2, 6, 7, 8, 9, 10, 11, 13}, {12}, {24}, id="partitions"
        ),
        pytest.param(
            {"include": ("shop.customers",), "schema_only": ("Shop.orders",)},
            {1, 3, 4, 5, 6, 7, 8, 10, 11},
            {12, 13},
            set(),
            id="schemaOnly includes",
        ),
        pytest.param(
            {"include": ("shop.*",), "exclude": ("shop.c*",)},
            {2, 3, 4, 5, 6, 7, 13},
            {12},
            {21, 22},
            id="exclude wins; a view that reads what is not included goes",
        ),
        pytest.param({"exclude": ("cron.job",)}, set(), {12}, set(), id="an extension keeps its table"),
    ],
)
def test_what_follows_from_a_pattern(
    patterns: dict[str, tuple[str, ...]],
    left_out: set[int] | None,
    without_rows: set[int] | None,
    foreign_keys: set[int] | None,
) -> None:
    if left_out is None:
        with pytest.raises(UsageError, match="matches no table"):
            selected(**patterns)
    else:
        assert selected(**patterns) == (left_out, without_rows, foreign_keys)


@pytest.mark.parametrize("pattern", ["orders", ".orders", "shop.", "."])
def test_a_pattern_has_a_schema_and_a_table(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"must be schema\.table") as refused:
        Patterns(exclude=(pattern,))
    assert refused.value.reason == "BadPattern"


@pytest.mark.parametrize("pattern", ["shop.order", "SHOP.orders", "*.nothing", "audit.log?"])
@pytest.mark.parametrize("kind", ["include", "exclude", "schema_only"])
def test_a_pattern_that_matches_nothing_is_named(pattern: str, kind: str) -> None:
    with pytest.raises(UsageError) as refused:
        selection.select(GRAPH, Patterns(**{kind: ("*.*", pattern)}))
    assert repr(pattern) in refused.value.message


def test_what_needs_a_left_out_relation_is_refused_unless_it_goes_too() -> None:
    found = selection.select(GRAPH, Patterns(exclude=("audit.*",)))
    selection.refuse_dependents(found, [Dependent(4, 3, "policy p"), Dependent(1, 2, "a function of what stays")])
    with pytest.raises(UsageError, match=r"function f\(\) needs audit\.log_2024"):
        selection.refuse_dependents(found, [Dependent(4, 0, "function f()")])


def test_what_is_left_out_is_told_in_short() -> None:
    many = tuple(Node(100 + i, "audit", f"t{i}", "r") for i in range(9))
    graph = replace(GRAPH, nodes=GRAPH.nodes + many)
    told = omission.describe(omission.omitted_by(selection.select(graph, Patterns(exclude=("audit.*",)))))
    assert told == (
        "left out: 14 (audit.log, audit.log_2024, audit.log_2025, audit.t0, audit.t1 and 9 more); "
        "among these, views that read something left out: 2 (shop.counted, shop.seen); "
        "foreign keys to rows that are not copied: 1 (orders.log)"
    )
    assert omission.describe(omission.omitted_by(selection.select(graph, Patterns()))) == ""


patterns = st.lists(
    st.sampled_from(["shop.*", "audit.*", "*.*", "*.log*", "shop.b*", "Shop.?r*", "cron.*"]), max_size=2
)


@given(include=patterns, exclude=patterns, schema_only=patterns)
def test_what_is_copied_is_never_without_what_it_needs(
    include: list[str], exclude: list[str], schema_only: list[str]
) -> None:
    found = selection.select(GRAPH, Patterns(tuple(include), tuple(exclude), tuple(schema_only)))
    out = found.left_out_oids
    assert all(parent not in out for child, parent, _ in GRAPH.children if child not in out)
    assert all(read not in out for view, read in GRAPH.reads if view not in out)
    assert all(sequence not in out for table, sequence in GRAPH.defaults if table not in out)
    gone = {key.oid for key in found.foreign_keys}
    assert all(k.referenced not in out for k in GRAPH.foreign_keys if k.table not in out and k.oid not in gone)
    assert out.isdisjoint(node.oid for node in found.without_rows)
