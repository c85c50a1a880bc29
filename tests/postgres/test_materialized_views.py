"""Materialized views that read a view without rows: a refresh would fail, so they stay empty and are reported."""

import pytest

from support.programs import Outcome, Programs

VIEWS = [
    "CREATE TABLE t AS SELECT 1 AS id",
    "CREATE MATERIALIZED VIEW base AS TABLE t",
    "CREATE MATERIALIZED VIEW direct AS TABLE base",
    "CREATE VIEW plain AS TABLE base",
    "CREATE MATERIALIZED VIEW a_through_view AS TABLE plain",
    "CREATE FUNCTION ids() RETURNS SETOF int LANGUAGE SQL BEGIN ATOMIC SELECT id FROM base; END",
    "CREATE MATERIALIZED VIEW through_function AS SELECT * FROM ids() AS id",
    "CREATE MATERIALIZED VIEW over_direct AS TABLE direct",
    'CREATE MATERIALIZED VIEW "it\'s" AS TABLE over_direct',
    "CREATE MATERIALIZED VIEW apart AS TABLE t",
    "CREATE MATERIALIZED VIEW a_over_apart AS TABLE apart",
]
FILLED = "SELECT relname FROM pg_class WHERE relkind = 'm' AND relispopulated ORDER BY 1"
EMPTY = ("public.a_through_view", "public.direct", "public.it's", "public.over_direct", "public.through_function")


def filled(programs: Programs) -> list[str]:
    return [name for (name,) in programs.target.run(FILLED, database=programs.database)]


def is_told(outcome: Outcome) -> bool:
    """Whether log and report name the views that stay empty."""
    warnings = [line for line in outcome.lines if line["level"] == "warning"]
    told = "materialized views left empty, because they read one without rows: 5"
    return told in outcome.report.message and any(list(EMPTY) == line.get("unfilled") for line in warnings)


@pytest.mark.parametrize(
    ("statements", "options"),
    [
        pytest.param(["REFRESH MATERIALIZED VIEW base WITH NO DATA"], [], id="one that is not filled"),
        pytest.param([], ["--schema-only", "public.base"], id="one that is copied without rows"),
    ],
)
@pytest.mark.parametrize("strategy", ["Swap", "InPlace"])
def test_views_over_one_without_rows_stay_empty_and_are_named(
    programs: Programs, strategy: str, statements: list[str], options: list[str]
) -> None:
    programs.source.run(*VIEWS, *statements, database=programs.database)
    if strategy == "InPlace":
        empty = [f"{view} WITH NO DATA" if "MATERIALIZED" in view else view for view in VIEWS]
        programs.target.run(*empty, database=programs.database)
    dumped = programs.dump(*options)
    assert dumped.code == 0
    assert is_told(dumped), dumped.report.message

    loaded = programs.load("--strategy", strategy, "--overwrite", "Any")

    assert loaded.summary == (0, "Loaded"), loaded.report.message
    assert is_told(loaded), loaded.report.message
    assert filled(programs) == ["a_over_apart", "apart"]


def test_each_view_is_filled_after_those_it_reads_and_nothing_is_told(programs: Programs) -> None:
    programs.source.run(*VIEWS, database=programs.database)
    dumped = programs.dump()
    loaded = programs.load()
    assert loaded.summary == (0, "Loaded"), loaded.report.message
    assert "materialized" not in dumped.report.message + loaded.report.message
    assert len(filled(programs)) == 8
