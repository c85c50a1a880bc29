"""Large objects are copied with content, owner, grants and comment, or the load fails."""

import re
from dataclasses import replace

from datareplication.jobs.model import manifest_file
from datareplication.jobs.snapshot import store
from support.programs import Programs, databases
from support.server import PASSWORD

EVERYTHING = """
    SELECT m.oid::int8, lo_get(m.oid), pg_get_userbyid(lomowner), lomacl::text, obj_description(m.oid, 'pg_largeobject')
    FROM pg_largeobject_metadata m ORDER BY 1
"""


def test_large_objects_arrive_whole(programs: Programs) -> None:
    roles = [f"{programs.database}_{what}" for what in ("owner", "reader")]
    for one in (programs.source, programs.target):
        one.run(*(f"CREATE ROLE {role}" for role in roles))
    programs.source.run(
        "SELECT lo_from_bytea(42, '\\x00ff00')",
        "SELECT lo_from_bytea(0, decode(repeat('ab', 300000), 'hex'))",
        "SELECT lo_create(4711)",
        "COMMENT ON LARGE OBJECT 4711 IS 'empty'",
        f"ALTER LARGE OBJECT 42 OWNER TO {roles[0]}",
        f"GRANT SELECT ON LARGE OBJECT 42 TO {roles[1]}",
        "CREATE TABLE t AS SELECT 42::oid AS photo",
        database=programs.database,
    )
    assert programs.dump().code == 0
    loaded = programs.load()
    assert loaded.code == 0, loaded.report.message
    found = programs.target.run(EVERYTHING, database=programs.database)
    assert [row[0] for row in found][:2] == [42, 4711]
    assert found == programs.source.run(EVERYTHING, database=programs.database)
    manifest = store.read_manifest(programs.snapshot)
    assert manifest.large_objects is not None
    assert (manifest.large_objects.count, manifest.large_objects.archive in manifest.parts) == (3, True)


def test_a_damaged_archive_and_missing_roles_leave_the_target_as_it_was(programs: Programs) -> None:
    programs.source.run(*(f"CREATE ROLE {programs.database}_{what}" for what in ("owner", "reader")))
    programs.source.run(
        "SELECT lo_from_bytea(42, '\\x00ff00')",
        f"ALTER LARGE OBJECT 42 OWNER TO {programs.database}_owner",
        f"GRANT SELECT ON LARGE OBJECT 42 TO {programs.database}_reader",
        database=programs.database,
    )
    assert programs.dump().code == 0
    refused = programs.load()
    assert refused.summary == (77, "MissingRights")
    for what in ("owner", "reader"):
        assert f'CREATE ROLE "{programs.database}_{what}"' in refused.report.message
    path = programs.snapshot / "blobs.dump"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert programs.load().summary == (65, "SnapshotCorrupt")
    assert databases(programs.target, programs.database) == [programs.database]


def test_a_large_object_that_did_not_arrive_leaves_the_target_as_it_was(programs: Programs) -> None:
    programs.source.run("SELECT lo_create(42)", database=programs.database)
    assert programs.dump().code == 0
    manifest = store.read_manifest(programs.snapshot)
    assert manifest.large_objects is not None
    changed = replace(manifest, large_objects=replace(manifest.large_objects, count=2))
    (programs.snapshot / "manifest.json").write_text(manifest_file.to_json(changed))
    assert programs.load().summary == (65, "LargeObjectsDiffer")
    assert databases(programs.target, programs.database) == [programs.database]


def test_a_loader_that_may_act_as_the_targets_owner_needs_no_superuser(programs: Programs) -> None:
    owner, loader = f"{programs.database}_owner", f"{programs.database}_loader"
    for one in (programs.source, programs.target):
        one.run(f"CREATE ROLE {owner}")
    programs.source.run(
        "SELECT lo_from_bytea(42, '\\x00ff00')",
        f"ALTER LARGE OBJECT 42 OWNER TO {owner}",
        "GRANT SELECT ON LARGE OBJECT 42 TO PUBLIC",
        f"GRANT ALL ON SCHEMA public TO {owner}",
        database=programs.database,
    )
    programs.target.run(
        f"CREATE ROLE {loader} LOGIN CREATEDB PASSWORD '{PASSWORD}' IN ROLE {owner}",
        f"ALTER DATABASE {programs.database} OWNER TO {owner}",
    )
    assert programs.dump().code == 0
    loaded = programs.load(DEV_DB_USERNAME=loader)
    assert loaded.code == 0, loaded.report.message
    found = programs.target.run(EVERYTHING, database=programs.database)
    assert found == programs.source.run(EVERYTHING, database=programs.database)


def test_a_large_object_that_the_role_may_not_read_is_answered_with_the_grant(programs: Programs) -> None:
    role = f"{programs.database}_reader"
    programs.source.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    programs.source.run(
        "SELECT lo_from_bytea(number, '\\x01') FROM generate_series(1, 3) number",
        f"GRANT SELECT ON LARGE OBJECT 1 TO {role}",
        database=programs.database,
    )
    refused = programs.dump(PROD_DB_USERNAME=role)
    assert refused.summary == (77, "CannotReadLargeObjects")
    (statement,) = re.findall(r"GRANT [^;]*;", refused.report.message)
    assert statement == f"GRANT SELECT ON LARGE OBJECT 2, 3 TO {role};"
    programs.source.run(statement, database=programs.database)
    assert programs.dump(PROD_DB_USERNAME=role).code == 0


def test_many_large_objects_that_the_role_may_not_read_are_answered_with_a_query(programs: Programs) -> None:
    role = f"{programs.database}_reader"
    programs.source.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    programs.source.run("SELECT lo_create(number) FROM generate_series(1, 50) number", database=programs.database)
    refused = programs.dump(PROD_DB_USERNAME=role)
    assert refused.summary == (77, "CannotReadLargeObjects")
    (query,) = re.findall(r"SELECT format.*pg_largeobject_metadata", refused.report.message)
    grants = [statement for (statement,) in programs.source.run(query, database=programs.database)]
    programs.source.run(*grants, database=programs.database)
    assert programs.dump(PROD_DB_USERNAME=role).code == 0
