"""Rows that users keep in tables of extensions are added to those that the extension's script put there."""

from dataclasses import replace

import pytest

from datareplication.jobs.model import manifest_file
from datareplication.jobs.model.manifest import Column, Relation
from datareplication.jobs.snapshot import store
from support.extension import NAME, Install
from support.programs import Outcome, Programs, databases
from support.server import PASSWORD

KINDS = """
    CREATE TABLE kinds (id int PRIMARY KEY, title text);
    INSERT INTO kinds VALUES (1, 'built in');
    SELECT pg_extension_config_dump('kinds', 'WHERE id > 1 AND title NOT LIKE ''%{}''');
"""
SCRIPT = f"""
    CREATE TABLE items (kind int, id serial PRIMARY KEY, double int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE unused (id int);
    SELECT pg_extension_config_dump('items', '');
    SELECT pg_extension_config_dump('items_id_seq', '');
    SELECT pg_extension_config_dump('unused', '');
    {KINDS}
    ALTER TABLE items ADD FOREIGN KEY (kind) REFERENCES kinds;
"""
WITHOUT_ITEMS = KINDS
CONTENT = "SELECT id, title, (SELECT array_agg(ARRAY[i.id, double] ORDER BY i.id) FROM items i WHERE kind = k.id) FROM kinds k"


@pytest.fixture
def filled(programs: Programs, install: Install) -> Programs:
    """Programs with a source where the extension holds rows of the user."""
    install(SCRIPT)
    programs.source.run(
        f"CREATE EXTENSION {NAME}",
        "INSERT INTO kinds VALUES (2, 'own'), (3, 'not this {}')",
        "INSERT INTO items (kind) VALUES (1), (2), (2)",
        "CREATE TABLE t AS SELECT 1 AS id",
        "SELECT lo_create(7)",
        database=programs.database,
    )
    return programs


def loaded(programs: Programs, *arguments: str) -> Outcome:
    dumped = programs.dump(*arguments)
    assert dumped.code == 0, dumped.report.message
    return programs.load("--workers", "2")


def test_the_users_rows_arrive_beside_the_scripts(filled: Programs) -> None:
    found = loaded(filled)
    assert found.code == 0, found.report.message
    assert (found.report.tables, found.report.rows) == (3, 5)
    rows = filled.target.run(CONTENT, database=filled.database)
    assert rows == [(1, "built in", [[1, 2]]), (2, "own", [[2, 4], [3, 6]])]
    assert filled.target.run("SELECT nextval('items_id_seq')", database=filled.database) == [(4,)]


def test_a_version_of_the_extension_without_the_table_is_named(filled: Programs, install: Install) -> None:
    assert filled.dump().code == 0
    install(WITHOUT_ITEMS)
    refused = filled.load()
    assert refused.summary == (69, "ExtensionTooOld")
    assert f"public.items (column kind) of extension {NAME} 1.0" in refused.report.message
    assert databases(filled.target, filled.database) == [filled.database]


def test_patterns_choose_among_them_too(filled: Programs) -> None:
    found = loaded(filled, "--exclude", "public.items")
    assert found.code == 0, found.report.message
    rows = filled.target.run(CONTENT, database=filled.database)
    assert rows == [(1, "built in", None), (2, "own", None)]


def test_the_right_to_read_them_is_checked_and_named(filled: Programs) -> None:
    role = f"{filled.database}_reader"
    filled.source.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    filled.source.run(f"GRANT SELECT ON t, items, unused TO {role}", database=filled.database)
    filled.source.run(f"GRANT SELECT ON LARGE OBJECT 7 TO {role}", database=filled.database)
    refused = filled.dump(PROD_DB_USERNAME=role)
    assert refused.summary == (77, "CannotReadTables")
    for statement in ("TABLE public.kinds", "SEQUENCE public.items_id_seq"):
        assert f"GRANT SELECT ON {statement} TO {role};" in refused.report.message
        filled.source.run(f"GRANT SELECT ON {statement} TO {role}", database=filled.database)
    assert filled.dump(PROD_DB_USERNAME=role).code == 0


def test_a_source_cannot_call_a_catalog_an_extensions_table(programs: Programs) -> None:
    """A superuser of the source can write any table into the list; the load would give the build role rights on it."""
    programs.source.run(
        "CREATE TABLE t AS SELECT 1 AS id",
        """UPDATE pg_extension SET extconfig = ARRAY['pg_authid'::regclass::oid, 't'::regclass::oid],
           extcondition = ARRAY['', ''] WHERE extname = 'plpgsql'""",
        database=programs.database,
    )
    dumped = programs.dump()
    assert dumped.code == 0, dumped.report.message
    assert store.read_manifest(programs.snapshot).extension_tables == ()
    assert programs.load().code == 0


@pytest.mark.parametrize("columns", [(Column("rolname", "name"),), ()])
def test_neither_can_a_forged_manifest(programs: Programs, columns: tuple[Column, ...]) -> None:
    assert programs.dump().code == 0
    manifest = store.read_manifest(programs.snapshot)
    forged = Relation(1260, "pg_catalog", "pg_authid", "ExtensionTable", columns, extension="plpgsql")
    text = manifest_file.to_json(replace(manifest, relations=(forged,)))
    (programs.snapshot / "manifest.json").write_text(text)

    assert programs.load().summary == (69, "ExtensionTooOld")


def test_a_table_of_users_may_refer_to_one_of_an_extension(programs: Programs, install: Install) -> None:
    install(KINDS)
    made = [
        f"CREATE EXTENSION {NAME}",
        "CREATE TABLE child (kind int REFERENCES kinds)",
        "INSERT INTO child VALUES (1)",
    ]
    programs.source.run(*made, database=programs.database)

    done = loaded(programs)

    assert done.code == 0, done.report.message
    grants = "SELECT relacl::text FROM pg_class WHERE relname = 'kinds'"
    assert "build" not in str(programs.target.run(grants, database=programs.database))
