"""Rights: each missing right is named with the statement that gives it, and these statements are enough."""

import contextlib
import re

from support.programs import Programs
from support.server import PASSWORD, Server


def create_role(server: Server, name: str, options: str = "") -> str:
    server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
    return name


def statements(message: str) -> list[str]:
    """Return the SQL in a message."""
    return re.findall(r"((?:CREATE|GRANT|ALTER) [^;]*);", message)


def test_a_reader_of_the_source_gets_its_grants_named(programs: Programs) -> None:
    role = create_role(programs.source, f"{programs.database}_reader")
    programs.source.run(
        "CREATE SCHEMA closed",
        "CREATE TABLE closed.t AS SELECT 1 AS id",
        "CREATE TABLE open (id int GENERATED ALWAYS AS IDENTITY)",
        "CREATE TABLE filtered AS SELECT 1 AS id",
        "ALTER TABLE filtered ENABLE ROW LEVEL SECURITY",
        f"GRANT SELECT ON filtered TO {role}",
        database=programs.database,
    )
    for _ in range(4):
        dumped = programs.dump(PROD_DB_USERNAME=role)
        if dumped.code == 0:
            break
        assert dumped.summary == (77, "CannotReadTables")
        wanted = statements(dumped.report.message)
        assert wanted
        programs.source.run(*wanted, database=programs.database)
    assert dumped.code == 0
    assert dumped.report.rows == 2


def test_sequences_are_never_dumped_without_the_right_to_read_them(programs: Programs) -> None:
    role = create_role(programs.source, f"{programs.database}_reader")
    programs.source.run("CREATE SEQUENCE s", "SELECT setval('s', 77)", database=programs.database)
    dumped = programs.dump(PROD_DB_USERNAME=role)
    assert dumped.summary == (77, "CannotReadTables")
    assert f"GRANT SELECT ON SEQUENCE public.s TO {role};" in dumped.report.message


def test_a_loader_of_the_target_gets_its_grants_named_and_they_are_enough(programs: Programs) -> None:
    """A role without rights; the target belongs to another role, whose client stays connected."""
    owner, client = create_role(programs.target, f"{programs.database}_owner"), f"{programs.database}_client"
    loader = create_role(programs.target, f"{programs.database}_loader")
    create_role(programs.target, client)
    create_role(programs.source, owner)
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {owner}")
    programs.source.run(
        f"GRANT ALL ON SCHEMA public TO {owner}",
        "CREATE TABLE t AS SELECT 1 AS id",
        f"ALTER TABLE t OWNER TO {owner}",
        database=programs.database,
    )
    assert programs.dump().code == 0
    with contextlib.closing(programs.target.connect(programs.database, client)):
        refused = programs.load(DEV_DB_USERNAME=loader)
        assert refused.summary == (77, "MissingRights")
        assert statements(refused.report.message) == [
            f'ALTER ROLE "{loader}" CREATEDB',
            f'GRANT "{owner}" TO "{loader}"',
            f'GRANT pg_signal_backend TO "{loader}"',
        ]
        programs.target.run(*statements(refused.report.message))
        loaded = programs.load(DEV_DB_USERNAME=loader)
    assert loaded.code == 0, loaded.report.message
    query = "SELECT tableowner FROM pg_tables WHERE tablename = 't'"
    assert programs.target.run(query, database=programs.database) == [(owner,)]
    query = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{programs.database}'"
    assert programs.target.run(query) == [(owner,)]


def test_roles_of_the_source_that_the_target_lacks_are_named_before_the_load(programs: Programs) -> None:
    names = [f"{programs.database}_{what}" for what in ("owner", "granted", "policy", 'Odd "role')]
    for name in names:
        programs.source.run('CREATE ROLE "{}"'.format(name.replace('"', '""')))
    programs.source.run(
        "CREATE TABLE t AS SELECT 1 AS id",
        f"CREATE SCHEMA s AUTHORIZATION {names[0]}",
        f"GRANT SELECT ON t TO {names[1]}",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY p ON t TO {names[2]} USING (true)",
        'GRANT INSERT ON t TO "{}"'.format(names[3].replace('"', '""')),
        database=programs.database,
    )
    assert programs.dump().code == 0
    refused = programs.load()
    assert refused.summary == (77, "MissingRights")
    assert programs.target.run(f"SELECT count(*) FROM pg_database WHERE datname LIKE '{programs.database}%'") == [(1,)]
    assert len(statements(refused.report.message)) == 4
    programs.target.run(*statements(refused.report.message))
    assert programs.load().code == 0
    grantees = "SELECT count(*) FROM information_schema.table_privileges WHERE table_name = 't'"
    assert programs.target.run(grantees, database=programs.database) == programs.source.run(
        grantees, database=programs.database
    )


def test_a_superusers_session_needs_a_superuser(programs: Programs) -> None:
    loader = create_role(programs.target, f"{programs.database}_loader", "CREATEDB")
    programs.target.run(f"GRANT pg_signal_backend TO {loader}", f"ALTER DATABASE {programs.database} OWNER TO {loader}")
    assert programs.dump().code == 0
    with contextlib.closing(programs.target.connect(programs.database)):
        refused = programs.load(DEV_DB_USERNAME=loader)
    assert refused.summary == (77, "MissingRights")
    assert 'superuser "postgres"' in refused.report.message


def test_objects_of_a_third_role_need_a_superuser(programs: Programs) -> None:
    """A role can give objects only to a role that may create them there; this is checked before anything is created."""
    third = f"{programs.database}_third"
    for one in (programs.source, programs.target):
        create_role(one, third)
    loader = create_role(programs.target, f"{programs.database}_loader", f"CREATEDB IN ROLE {third}")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {loader}")
    programs.source.run("CREATE TABLE t (id int)", f"ALTER TABLE t OWNER TO {third}", database=programs.database)
    assert programs.dump().code == 0
    refused = programs.load(DEV_DB_USERNAME=loader)
    assert refused.summary == (77, "MissingRights")
    assert f'objects belong to "{third}"' in refused.report.message
    assert programs.load().code == 0


def test_a_closed_maintenance_database_is_answered_with_the_grant(programs: Programs) -> None:
    loader = create_role(programs.target, f"{programs.database}_loader", "CREATEDB")
    programs.target.run(f"CREATE DATABASE {programs.database}_maintenance")
    programs.target.run(f"REVOKE CONNECT ON DATABASE {programs.database}_maintenance FROM PUBLIC")
    assert programs.dump().code == 0
    refused = programs.load("--maintenance-database", f"{programs.database}_maintenance", DEV_DB_USERNAME=loader)
    assert refused.summary == (77, "PermissionDenied")
    assert f'GRANT CONNECT ON DATABASE "{programs.database}_maintenance" TO "{loader}"' in refused.report.message


def test_an_application_role_that_owns_its_database_can_load_it(programs: Programs) -> None:
    """As in CloudNativePG: one role owns its database on both sides; here it also has CREATEDB."""
    app = f"{programs.database}_role"
    for one in (programs.source, programs.target):
        create_role(one, app, "CREATEDB")
        one.run(f"ALTER DATABASE {programs.database} OWNER TO {app}")
    programs.source.run(
        "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", database=programs.database, role=app
    )
    assert programs.dump(PROD_DB_USERNAME=app).code == 0
    with contextlib.closing(programs.target.connect(programs.database, app)):
        loaded = programs.load(DEV_DB_USERNAME=app)
    assert loaded.code == 0, loaded.report.message
    assert programs.target.run("TABLE t", database=programs.database, role=app) == [(1,)]


def test_what_is_in_our_schema_is_refused_by_the_dump(programs: Programs) -> None:
    statements_ = ["CREATE SCHEMA datareplication", "CREATE TABLE datareplication.mine (id int)"]
    programs.source.run(*statements_, database=programs.database)
    assert programs.dump().summary == (69, "ReservedSchema")


def test_an_extension_that_the_target_lacks_is_named(programs: Programs) -> None:
    programs.source.run("CREATE EXTENSION pg_trgm", database=programs.database)
    assert programs.dump().code == 0
    assert programs.load().code == 0
    query = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"
    assert programs.target.run(query, database=programs.database) == [(1,)]


def test_grants_that_a_loader_may_not_give_are_reported(programs: Programs) -> None:
    """The server only warns if the granted object has another owner: a language, an object of a trusted extension."""
    loader = create_role(programs.target, f"{programs.database}_loader", "CREATEDB CREATEROLE")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {loader}")
    programs.source.run("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC", database=programs.database)
    assert programs.dump().code == 0

    loaded = programs.load("--owners=TargetOwner", DEV_DB_USERNAME=loader)

    assert loaded.code == 0, loaded.report.message
    assert 'not carried over: grants (no privileges could be revoked for "plpgsql"' in loaded.report.message
