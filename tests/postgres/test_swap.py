"""What belongs to a target stays its own: owner, grants, settings, encoding, comment; and what --keep-previous says."""

import contextlib

import pytest

from datareplication.jobs.postgres import databases as module
from support.programs import Programs, databases
from support.server import PASSWORD


def _properties(programs: Programs) -> list[tuple[object, ...]]:
    query = f"""
        SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,
               (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), shobj_description(oid, 'pg_database'),
               (SELECT array_agg((setrole::regrole, setconfig)::text ORDER BY setrole)
                FROM pg_db_role_setting WHERE setdatabase = d.oid
                  AND setconfig::text NOT LIKE '%application_name=datareplication:%')
        FROM pg_database d WHERE datname = '{programs.database}'
    """
    return programs.target.run(query)


def test_what_belongs_to_the_target_is_carried_over(dumped: Programs) -> None:
    name, role = dumped.database, f'"{dumped.database} role"'
    target = dumped.target
    target.run(f"DROP DATABASE {name}", f"CREATE ROLE {role}", f"CREATE ROLE {name}_owner")
    target.run(f"CREATE DATABASE {name} OWNER {name}_owner ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    target.run(
        f"ALTER DATABASE {name} CONNECTION LIMIT 17",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {role} WITH GRANT OPTION",
        f"COMMENT ON DATABASE {name} IS 'the team''s \"dev\"'",
        f"""ALTER DATABASE {name} SET search_path TO "$user", public, "odd, one" """,
        f"ALTER DATABASE {name} SET work_mem TO '8MB'",
        f"ALTER DATABASE {name} SET my.own TO 'a, b'",
        f"ALTER ROLE {role} IN DATABASE {name} SET statement_timeout TO '5s'",
    )
    before = _properties(dumped)
    assert dumped.load().code == 0
    assert _properties(dumped) == before
    assert target.run("SHOW search_path", database=name) == [('"$user", public, "odd, one"',)]


@pytest.mark.parametrize("locale", ["LOCALE_PROVIDER icu ICU_LOCALE 'de-CH'", "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"])
def test_the_targets_locale_is_kept(dumped: Programs, locale: str) -> None:
    dumped.target.run(f"DROP DATABASE {dumped.database}")
    dumped.target.run(f"CREATE DATABASE {dumped.database} {locale} TEMPLATE template0")
    query = f"SELECT datlocprovider, daticulocale, datcollate, datctype FROM pg_database WHERE datname = '{dumped.database}'"
    before = dumped.target.run(query)
    assert dumped.load().code == 0
    assert dumped.target.run(query) == before


def test_a_target_with_default_grants_stays_open_to_all(dumped: Programs) -> None:
    assert dumped.load().code == 0
    role = f"{dumped.database}_anyone"
    dumped.target.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    assert dumped.target.run("SELECT 1", database=dumped.database, role=role) == [(1,)]


def test_nobody_else_may_connect_while_it_is_built(dumped: Programs) -> None:
    role = f"{dumped.database}_anyone"
    dumped.target.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    with contextlib.closing(dumped.target.connect()) as session:
        found = module.describe(session, dumped.database)
        assert found is not None
        module.create_next(session, found)
    query = f"SELECT has_database_privilege('{role}', '{dumped.database}__next', 'CONNECT')"
    assert dumped.target.run(query) == [(False,)]


def test_a_role_setting_that_may_not_be_given_is_reported(dumped: Programs) -> None:
    name, loader = dumped.database, f"{dumped.database}_loader"
    dumped.target.run(
        f"CREATE ROLE {loader} LOGIN CREATEDB PASSWORD '{PASSWORD}'",
        f"CREATE ROLE {name}_other",
        f"ALTER DATABASE {name} OWNER TO {loader}",
        f"ALTER ROLE {name}_other IN DATABASE {name} SET statement_timeout TO '5s'",
    )
    dumped.source.run(f"CREATE DATABASE {name}")
    path = str(dumped.root / "2")
    empty = {"PROD_DB_CONNECTION": dumped.source.conninfo(name), "CSV_OUTPUT_PATH": path}
    assert dumped.dump(run="run-2", **empty).code == 0
    loaded = dumped.load(run="run-2", CSV_OUTPUT_PATH=path, DEV_DB_USERNAME=loader)
    assert loaded.code == 0, loaded.report.message
    assert f"setting statement_timeout of role {name}_other" in loaded.report.message


@pytest.mark.parametrize("setting", ["TimeZone=US/Gone", "lc_monetary=xx_XX.UTF-8", "gone=on"])
def test_a_setting_whose_value_is_gone_ends_no_swap(dumped: Programs, setting: str) -> None:
    """For example a time zone that is no longer in the server's tzdata, a locale, a parameter."""
    dumped.target.run(f"ALTER DATABASE {dumped.database} SET work_mem TO '5MB'")
    dumped.target.run(
        "SET allow_system_table_mods TO on",
        f"""UPDATE pg_db_role_setting SET setconfig = array['{setting}', 'statement_timeout=5h'] WHERE setrole = 0
            AND setdatabase = (SELECT oid FROM pg_database WHERE datname = '{dumped.database}')""",
    )
    loaded = dumped.load()
    assert loaded.code == 0, loaded.report.message
    assert f"not carried over: setting {setting.partition('=')[0]}" in loaded.report.message
    assert dumped.target.run("SHOW statement_timeout", database=dumped.database) == [("5h",)]


def test_a_grant_to_a_role_that_is_gone_is_nobodys(dumped: Programs) -> None:
    name = dumped.database
    dumped.target.run(
        "SET allow_system_table_mods TO on",
        f"""UPDATE pg_database SET datacl = ARRAY['postgres=CTc/postgres', makeaclitem(99999, 10, 'CONNECT', false)]
            WHERE datname = '{name}'""",
    )
    assert dumped.load().code == 0
    grants = f"SELECT datacl::text FROM pg_database WHERE datname = '{name}'"
    assert dumped.target.run(grants) == [("{postgres=CTc/postgres}",)]


def test_keep_previous_none(dumped: Programs) -> None:
    assert dumped.load("--keep-previous", "0").code == 0
    assert databases(dumped.target, dumped.database) == [dumped.database]
    assert dumped.load("--keep-previous", "0", run="").code == 0
    assert databases(dumped.target, dumped.database) == [dumped.database]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--keep-previous", "2"], "--keep-previous"),
    ],
)
def test_what_is_not_carried_out_yet_is_refused(dumped: Programs, arguments: list[str], named: str) -> None:
    loaded = dumped.load(*arguments)
    assert loaded.summary == (64, "NotSupportedYet")
    assert named in loaded.report.message


def test_what_a_load_that_was_killed_after_the_swap_left_is_dropped_by_its_next_attempt(dumped: Programs) -> None:
    obsolete = f"{dumped.database}__obsolete"
    assert dumped.load().code == 0
    dumped.target.run(f"ALTER DATABASE {dumped.database}__previous RENAME TO {obsolete}")

    assert dumped.load().code == 0
    assert obsolete not in databases(dumped.target, dumped.database)

    dumped.target.run(f"CREATE DATABASE {obsolete}")
    dumped.target.run("CREATE TABLE t (id int)", database=obsolete)
    dumped.target.run(f"COMMENT ON DATABASE {obsolete} IS 'mine'")
    assert dumped.load().code == 0
    assert obsolete in databases(dumped.target, dumped.database)
