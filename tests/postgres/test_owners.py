"""Owners and grants: kept, given to the target's owner, or dropped, and which roles each choice needs."""

import re

import pytest

from support.programs import Programs
from support.server import PASSWORD, Server

OWNED = """
    SELECT pg_get_userbyid(owner), pg_describe_object(class, oid, 0) FROM (
        SELECT 'pg_namespace'::regclass AS class, oid, nspowner AS owner FROM pg_namespace
        UNION ALL SELECT 'pg_class'::regclass, oid, relowner FROM pg_class
        UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type
        UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc
        UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner FROM pg_operator
        UNION ALL SELECT 'pg_opclass'::regclass, oid, opcowner FROM pg_opclass
        UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfowner FROM pg_opfamily
        UNION ALL SELECT 'pg_collation'::regclass, oid, collowner FROM pg_collation
        UNION ALL SELECT 'pg_conversion'::regclass, oid, conowner FROM pg_conversion
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner FROM pg_ts_dict
        UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner FROM pg_ts_config
        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner FROM pg_statistic_ext
        UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvowner FROM pg_foreign_server
    ) AS found WHERE oid >= 16384 AND pg_describe_object(class, oid, 0) !~ 'datareplication|pg_toast|provenance|gtrgm'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE (d.classid, d.objid, d.deptype) = (class, found.oid, 'e')
                      OR (d.classid, d.objid, d.deptype) = ('pg_proc'::regclass, found.oid, 'i'))
    ORDER BY 1, 2
"""
"""The owners of all objects of users, without extensions and their objects, the provenance, and constructors of range
types, which PostgreSQL always gives to the first superuser."""

EVERY_KIND = (
    "CREATE SCHEMA s",
    "CREATE TABLE s.t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, v text)",
    "INSERT INTO s.t (v) VALUES ('a'), ('b')",
    "CREATE TABLE p (id int) PARTITION BY LIST (id)",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    "CREATE VIEW v AS SELECT * FROM s.t",
    "CREATE MATERIALIZED VIEW mv AS SELECT * FROM s.t",
    "CREATE SEQUENCE free",
    'CREATE TYPE "Odd "" type" AS ENUM (\'a\')',
    "CREATE TYPE pair AS (a int, b int)",
    "CREATE TYPE span AS RANGE (subtype = float8)",
    "CREATE DOMAIN d AS int CHECK (VALUE > 0)",
    'CREATE FUNCTION f(a int, b s.t, "Odd "" type"[]) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$',
    "CREATE FUNCTION twice(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 + $2 $$",
    "CREATE PROCEDURE run() LANGUAGE sql AS ''",
    "CREATE AGGREGATE total(int) (sfunc = twice, stype = int)",
    "CREATE OPERATOR <+> (leftarg = int, rightarg = int, function = twice)",
    "CREATE COLLATION coll (locale = 'C')",
    "CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "CREATE TEXT SEARCH DICTIONARY dict (template = simple)",
    "CREATE TEXT SEARCH CONFIGURATION conf (copy = simple)",
    "CREATE STATISTICS stat ON id, n FROM s.t",
    "CREATE EXTENSION pg_trgm",
)


def create_role(server: Server, name: str, options: str = "") -> str:
    server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
    return name


def owned_target(programs: Programs) -> tuple[str, str]:
    """Give the target to a role of its own; return that role, and a loader that is no superuser."""
    owner = create_role(programs.target, f"{programs.database}_owner")
    loader = create_role(programs.target, f"{programs.database}_loader", f"CREATEDB IN ROLE {owner}")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {owner}")
    return owner, loader


@pytest.mark.parametrize("is_superuser", [False, True], ids=["loader", "superuser"])
def test_everything_belongs_to_the_targets_owner(programs: Programs, is_superuser: bool) -> None:
    """Also if the objects' owners do not exist on the target's server."""
    owner, loader = owned_target(programs)
    stranger = create_role(programs.source, f"{programs.database}_stranger", "SUPERUSER")
    programs.source.run(*EVERY_KIND, database=programs.database, role=stranger)
    if is_superuser:  # objects that only a superuser may create
        programs.source.run(
            "CREATE OPERATOR FAMILY fam USING btree",
            "CREATE OPERATOR CLASS cls FOR TYPE int USING gist AS STORAGE int",
            "CREATE EXTENSION pageinspect",
            "CREATE FUNCTION hook() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "CREATE EVENT TRIGGER hook ON ddl_command_end EXECUTE FUNCTION hook()",
            "CREATE FOREIGN DATA WRAPPER fdw",
            "CREATE SERVER elsewhere FOREIGN DATA WRAPPER fdw",
            database=programs.database,
            role=stranger,
        )
    assert programs.dump().code == 0
    role = {} if is_superuser else {"DEV_DB_USERNAME": loader}
    refused = programs.load(**role)
    assert refused.summary == (77, "MissingRights")
    assert f'CREATE ROLE "{stranger}" NOLOGIN /* it owns objects */;' in refused.report.message
    assert is_superuser or "owners TargetOwner" in refused.report.message
    loaded = programs.load("--owners", "TargetOwner", **role)
    assert loaded.code == 0, loaded.report.message
    made = programs.target.run(OWNED, database=programs.database)
    assert len(made) > 20
    assert {kept for kept in made if kept[0] != owner} == set()
    programs.target.run(
        "ALTER TABLE s.t ADD COLUMN more int",
        "REFRESH MATERIALIZED VIEW mv",
        "INSERT INTO s.t (v) VALUES ('c')",
        database=programs.database,
        role=owner,
    )
    extension = "SELECT count(*) FROM pg_extension WHERE extname IN ('pg_trgm', 'pageinspect')"
    assert programs.target.run(extension, database=programs.database) == [(1 + is_superuser,)]


@pytest.fixture
def granted(programs: Programs) -> Programs:
    """A snapshot with a role for each way to be named, none of which the target's server knows."""
    for use in ("owner", "reader", "default", "policy", "mapped"):
        programs.source.run(f"CREATE ROLE {programs.database}_{use}")
    name = programs.database
    programs.source.run(
        "CREATE TABLE t AS SELECT 1 AS id",
        f"ALTER TABLE t OWNER TO {name}_owner",
        f"GRANT SELECT ON t TO {name}_reader",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {name}_default GRANT SELECT ON TABLES TO {name}_reader",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY p ON t TO {name}_policy USING (true)",
        "CREATE FOREIGN DATA WRAPPER fdw",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER fdw",
        f"CREATE USER MAPPING FOR {name}_mapped SERVER elsewhere",
        database=name,
    )
    assert programs.dump().code == 0
    return programs


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            [],
            {
                "owner": "owns objects",
                "reader": "has grants",
                "default": "has altered default privileges",
                "policy": "is named by policies",
                "mapped": "has user mappings",
            },
        ),
        (["--owners", "TargetOwner", "--grants", "Drop"], {"policy": "is named by policies", "mapped": "has user mappings"}),
    ],
    ids=["kept", "dropped"],
)  # fmt: skip
def test_only_the_roles_that_are_needed_must_exist(
    granted: Programs, arguments: list[str], named: dict[str, str]
) -> None:
    refused = granted.load(*arguments)
    assert refused.summary == (77, "MissingRights")
    found = re.findall(r'CREATE ROLE "(\w+)" NOLOGIN /\* it ([^*]*) \*/;', refused.report.message)
    assert dict(found) == {f"{granted.database}_{use}": what for use, what in named.items()}
    granted.target.run(*re.findall(r"CREATE [^;]*;", refused.report.message))
    loaded = granted.load(*arguments)
    assert loaded.code == 0, loaded.report.message
    query = """
        SELECT pg_get_userbyid(relowner), relacl::text, (SELECT count(*) FROM pg_default_acl)
        FROM pg_class WHERE relname = 't'
    """
    if arguments:
        assert granted.target.run(query, database=granted.database) == [("postgres", None, 0)]
    else:
        assert granted.target.run(query, database=granted.database) == granted.source.run(
            query, database=granted.database
        )


def test_grants_go_with_the_new_owner(granted: Programs) -> None:
    for use in ("reader", "default", "policy", "mapped"):
        granted.target.run(f"CREATE ROLE {granted.database}_{use}")
    loaded = granted.load("--owners", "TargetOwner")
    assert loaded.code == 0, loaded.report.message
    query = "SELECT relacl::text FROM pg_class WHERE relname = 't'"
    assert granted.target.run(query, database=granted.database) == [
        (f"{{postgres=arwdDxt/postgres,{granted.database}_reader=r/postgres}}",)
    ]
