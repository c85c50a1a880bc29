"""Rights as rules on facts: each missing one with the statement that gives it."""

from dataclasses import replace

import pytest

from datareplication.errors import CapabilityError
from datareplication.jobs import rights
from datareplication.jobs.postgres.target import Server
from datareplication.jobs.rights import Wants

SERVER = Server("2000", 150018, "2024-01-02T00:00:00Z", False, 'load"er', False, True, True)
ENOUGH = Wants(SERVER, "app", True, None, ("app",), (), (), (), ())


def test_nothing_is_missing() -> None:
    rights.check(ENOUGH)


def test_everything_is_missing_at_once() -> None:
    server = replace(SERVER, can_create_databases=False, can_signal=False)
    wants = Wants(server, "app", False, "fast", ("app", "x"), ("x",), (("web", False), ("dba", True)), (), ("c",))
    assert rights.statements(wants) == [
        'CREATE ROLE "x" NOLOGIN;',
        'ALTER ROLE "load""er" CREATEDB;',
        'GRANT CREATE ON TABLESPACE "fast" TO "load""er";',
        'GRANT "app" TO "load""er";',
        'GRANT pg_signal_backend TO "load""er";',
        '(load as a superuser: objects belong to "x", neither it nor the target\'s owner)',
        '(end the sessions of superuser "dba", or load as a superuser)',
        '(load as a superuser: only one can create extension "c")',
    ]


def test_a_superuser_lacks_only_the_roles_that_do_not_exist() -> None:
    server = replace(SERVER, is_superuser=True)
    wants = Wants(server, "app", True, None, ("x",), ("x",), (("dba", True),), (), ("c",))
    assert rights.statements(wants) == ['CREATE ROLE "x" NOLOGIN;']


def test_an_extension_that_is_not_installed_is_no_right() -> None:
    with pytest.raises(CapabilityError, match="postgis"):
        rights.check(replace(ENOUGH, missing_extensions=("postgis",)))
