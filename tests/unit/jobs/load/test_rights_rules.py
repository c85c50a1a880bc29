"""Rights as rules on facts: each missing right comes with the statement that gives it."""

from dataclasses import replace

import pytest

from datareplication.core.choices import Grants, Owners
from datareplication.errors import CapabilityError
from datareplication.jobs.load import rights
from datareplication.jobs.load.rights import Wants
from datareplication.jobs.model.databases import Server
from datareplication.jobs.model.manifest import Role

SERVER = Server("2000", 150018, "2024-01-02T00:00:00Z", False, 'load"er', False, True, True)
ENOUGH = Wants(SERVER, "app", True, None, ("app",), (), (), (), ())
X = Role("x", ("Owner", "Grant"))
SESSIONS = (("web", False), ("dba", True))


def test_nothing_is_missing() -> None:
    rights.check(ENOUGH)


def test_everything_is_missing_at_once() -> None:
    server = replace(SERVER, can_create_databases=False, can_signal=False)
    wants = Wants(server, "app", False, "fast", ("app", "x"), (X,), SESSIONS, (), ("c",), ("app", "y"), "app__previous")
    assert rights.statements(wants) == [
        'CREATE ROLE "x" NOLOGIN /* it owns objects, has grants */;',
        'ALTER ROLE "load""er" CREATEDB;',
        'GRANT CREATE ON TABLESPACE "fast" TO "load""er";',
        'GRANT "app" TO "load""er";',
        'ALTER DATABASE "app__previous" OWNER TO "app";',
        'GRANT pg_signal_backend TO "load""er";',
        '(load as a superuser, or with owners TargetOwner: objects belong to "x", and not to this role or the target\'s owner)',
        '(load as a superuser, or with grants Drop: default privileges are set for "y")',
        '(end the sessions of superuser "dba", or load as a superuser)',
        '(load as a superuser: only one can create extension "c")',
    ]


def test_a_superuser_lacks_only_the_roles_that_do_not_exist() -> None:
    server = replace(SERVER, is_superuser=True)
    wants = Wants(server, "app", True, None, ("x",), (X,), (("dba", True),), (), ("c",), ("y",))
    assert rights.statements(wants) == ['CREATE ROLE "x" NOLOGIN /* it owns objects, has grants */;']


def test_an_extension_that_is_not_installed_is_no_right() -> None:
    with pytest.raises(CapabilityError, match="postgis"):
        rights.check(replace(ENOUGH, missing_extensions=("postgis",)))


@pytest.mark.parametrize(
    ("owners", "grants", "names"),
    [
        ("Keep", "Keep", ["owner", "public", "granted", "defaults", "policy", "mapped"]),
        ("TargetOwner", "Keep", ["granted", "defaults", "policy", "mapped"]),
        ("Keep", "Drop", ["owner", "public", "policy", "mapped"]),
        ("TargetOwner", "Drop", ["policy", "mapped"]),
    ],
)
def test_the_choice_of_owners_and_grants_says_which_roles_must_exist(
    owners: Owners, grants: Grants, names: list[str]
) -> None:
    uses = {
        "owner": "Owner",
        "public": "Public",
        "granted": "Grant",
        "defaults": "DefaultPrivileges",
        "policy": "Policy",
        "mapped": "UserMapping",
    }
    assert set(uses.values()) == set(rights.USES)
    roles = [Role(name, (use,)) for name, use in uses.items()]
    assert [role.name for role in rights.needed(roles, owners, grants)] == names


def test_a_role_is_named_only_for_what_the_choice_needs() -> None:
    assert rights.needed([Role("x", ("Grant", "Owner", "Policy"))], "TargetOwner", "Drop") == [Role("x", ("Policy",))]
