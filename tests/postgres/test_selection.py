"""A selection of tables: chosen tables are copied completely, others are neither read nor locked nor needed."""

import contextlib

import pytest

from datareplication.jobs.snapshot import store
from support.programs import Outcome, Programs
from support.server import PASSWORD

ODD = 'Od"d *?|($x). [name]'
SCHEMA = f"""
CREATE SCHEMA audit;
CREATE SCHEMA "Aud*it";
CREATE TABLE customers (id serial PRIMARY KEY, name text);
INSERT INTO customers (name) VALUES ('a'), ('b');
CREATE TABLE audit.log (id int PRIMARY KEY, at date) PARTITION BY RANGE (id);
CREATE TABLE audit.log_1 PARTITION OF audit.log FOR VALUES FROM (0) TO (10);
INSERT INTO audit.log VALUES (1, '2024-01-01');
CREATE STATISTICS audit.correlated ON id, at FROM audit.log_1;
CREATE TABLE orders (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int CONSTRAINT to_customer REFERENCES customers,
    log int CONSTRAINT to_log REFERENCES audit.log, previous int CONSTRAINT to_previous REFERENCES orders
);
COMMENT ON CONSTRAINT to_log ON orders IS 'goes with it';
COMMENT ON CONSTRAINT to_previous ON orders IS 'stays';
INSERT INTO orders (customer, log) VALUES (1, 1), (2, NULL);
CREATE TABLE sessions (id serial PRIMARY KEY, customer int REFERENCES customers);
INSERT INTO sessions (customer) VALUES (1), (1), (2);
CREATE VIEW recent AS SELECT * FROM audit.log;
CREATE MATERIALIZED VIEW recent_count AS SELECT count(*) AS n FROM recent;
CREATE MATERIALIZED VIEW session_count AS SELECT count(*) AS n FROM sessions;
CREATE TABLE "Aud*it"."{ODD.replace('"', '""')}" AS SELECT 1 AS id;
CREATE TABLE "Aud*it"."Odd" AS SELECT 2 AS id;
CREATE SEQUENCE audit.numbers;
"""


@pytest.fixture
def shop(programs: Programs) -> Programs:
    """Programs with a source that has objects of every kind."""
    programs.source.psql("-q", "-c", SCHEMA, database=programs.database)
    return programs


def relations(programs: Programs) -> set[str]:
    query = """
        SELECT format('%s.%s', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND nspname !~ '^(pg_|information_schema|datareplication)'
    """
    return {name for (name,) in programs.target.run(query, database=programs.database)}


def constraints(programs: Programs) -> list[tuple[str, str | None]]:
    query = """
        SELECT conname, obj_description(oid, 'pg_constraint') FROM pg_constraint
        WHERE contype = 'f' AND conparentid = 0 ORDER BY 1
    """
    return [(name, comment) for name, comment in programs.target.run(query, database=programs.database)]


def warnings(outcome: Outcome) -> list[dict[str, object]]:
    return [line for line in outcome.lines if line["level"] == "warning"]


def test_an_excluded_schema_takes_its_readers_and_keys_along(shop: Programs) -> None:
    dumped = shop.dump("--exclude", "audit.*")
    assert dumped.summary == (0, "Dumped")
    assert "recent" in dumped.report.message
    assert "public.orders.to_log" in dumped.report.message
    (warning,) = warnings(dumped)
    assert warning["foreign_keys"] == ["public.orders.to_log"]
    assert warning["views"] == ["public.recent", "public.recent_count"]
    phases = [line.get("progress", {}).get("phase") for line in dumped.lines]
    assert dumped.lines.index(warning) < phases.index("Data")

    loaded = shop.load()
    assert loaded.code == 0, loaded.report.message
    assert relations(shop) == {
        *("public.customers", "public.customers_id_seq", "public.orders", "public.orders_id_seq"),
        *("public.sessions", "public.sessions_id_seq", "public.session_count", "Aud*it.Odd", f"Aud*it.{ODD}"),
    }
    assert constraints(shop) == [("sessions_customer_fkey", None), ("to_customer", None), ("to_previous", "stays")]
    assert shop.target.run("SELECT count(*) FROM orders", database=shop.database) == [(2,)]
    omitted = store.read_manifest(shop.snapshot).omitted
    assert omitted.relations == (
        *("audit.log", "audit.log_1", "audit.numbers", "public.recent", "public.recent_count"),
    )


def test_names_with_every_character_are_left_out_literally(shop: Programs) -> None:
    assert shop.dump("--exclude", "Aud?it.*[name]").code == 0
    assert shop.load().code == 0
    assert {name for name in relations(shop) if name.startswith("Aud")} == {"Aud*it.Odd"}


def test_names_of_another_encoding_are_left_out_too(programs: Programs) -> None:
    for one in (programs.source, programs.target):
        one.run(f"DROP DATABASE {programs.database}")
        one.run(f"CREATE DATABASE {programs.database} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    programs.source.run('CREATE TABLE "Zürich" (id int)', "CREATE TABLE t (id int)", database=programs.database)
    assert programs.dump("--exclude", "public.Zü*").code == 0
    assert programs.load().code == 0
    assert relations(programs) == {"public.t"}


def test_only_what_is_included_arrives(shop: Programs) -> None:
    assert shop.dump("--include", "public.orders", "--include=audit.log_1").code == 0
    loaded = shop.load()
    assert loaded.code == 0, loaded.report.message
    assert relations(shop) == {"public.orders", "public.orders_id_seq", "audit.log", "audit.log_1"}
    assert [name for name, _ in constraints(shop)] == ["to_log", "to_previous"]
    assert shop.target.run("SELECT id FROM audit.log", database=shop.database) == [(1,)]


def test_a_table_without_rows_keeps_its_definition(shop: Programs) -> None:
    dumped = shop.dump(
        "--schema-only", "public.s*", "--schema-only", "public.customers", "--exclude", "public.session_*"
    )
    assert dumped.code == 0
    assert "without rows: 2 (public.customers, public.sessions)" in dumped.report.message
    loaded = shop.load()
    assert loaded.code == 0, loaded.report.message
    counts = "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM sessions), (SELECT count(*) FROM orders)"
    assert shop.target.run(counts, database=shop.database) == [(0, 0, 2)]
    assert [name for name, _ in constraints(shop)] == ["sessions_customer_fkey", "to_log", "to_previous"]
    assert shop.target.run("SELECT nextval('sessions_id_seq')", database=shop.database) == [(4,)]


def test_a_materialized_view_of_a_table_without_rows_is_refreshed(shop: Programs) -> None:
    assert shop.dump("--schema-only", "public.sessions").code == 0
    assert shop.load().code == 0
    assert shop.target.run("SELECT n FROM session_count", database=shop.database) == [(0,)]


def test_an_excluded_table_is_neither_read_nor_locked_nor_its_roles_needed(shop: Programs) -> None:
    reader, owner = f"{shop.database}_reader", f"{shop.database}_owner"
    shop.source.run(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'", f"CREATE ROLE {owner}")
    shop.source.run(
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
        f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {reader}",
        f"ALTER TABLE audit.log_1 OWNER TO {owner}",
        f"CREATE POLICY mine ON audit.log TO {owner} USING (true)",
        "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY",
        database=shop.database,
    )
    assert shop.dump(PROD_DB_USERNAME=reader).summary == (77, "CannotReadTables")
    shop.target.run(f"CREATE ROLE {reader}")
    patterns = ["--exclude", "audit.*", "--exclude", "Aud?it.*", "--schema-only", "public.sessions"]
    with contextlib.closing(shop.source.connect(shop.database)) as writer, writer.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE audit.log, audit.log_1 IN ACCESS EXCLUSIVE MODE")
        dumped = shop.dump(*patterns, PROD_DB_USERNAME=reader)
    assert dumped.code == 0, dumped.report.message
    loaded = shop.load()
    assert loaded.code == 0, loaded.report.message


def test_what_else_needs_an_excluded_table_is_named(shop: Programs) -> None:
    shop.source.run(
        "CREATE FUNCTION last_of(audit.log_1) RETURNS int LANGUAGE sql AS 'SELECT $1.id'", database=shop.database
    )
    refused = shop.dump("--exclude", "audit.*")
    assert refused.summary == (64, "SelectionIncomplete")
    assert "function public.last_of(audit.log_1) needs audit.log_1" in refused.report.message


@pytest.mark.parametrize(
    ("statement", "needs"),
    [
        ("CREATE TABLE u (v audit.log[])", "column v of table public.u"),
        ("CREATE POLICY p ON customers USING (EXISTS (SELECT FROM audit.log))", "policy p on table public.customers"),
        ("CREATE RULE r AS ON DELETE TO customers DO ALSO DELETE FROM audit.log", "rule r on table public.customers"),
    ],
)
def test_a_kept_tables_part_that_needs_an_excluded_table_is_named(shop: Programs, statement: str, needs: str) -> None:
    shop.source.run(statement, database=shop.database)
    refused = shop.dump("--exclude", "audit.*")
    assert refused.summary == (64, "SelectionIncomplete")
    assert f"{needs} needs audit.log" in refused.report.message


def test_a_pattern_that_matches_nothing_copies_nothing(shop: Programs) -> None:
    refused = shop.dump("--exclude", "Audit.*")
    assert refused.summary == (64, "PatternMatchesNothing")
    assert "'Audit.*'" in refused.report.message
    assert not shop.snapshot.exists()
