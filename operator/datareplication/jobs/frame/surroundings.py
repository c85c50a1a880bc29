"""Removes from the process' environment what must have no effect later: libpq's own variables, and passwords.

The connection string describes a connection completely. A variable of libpq would apply to source and target alike,
although it is meant for one of them, and could weaken a default that the string relies on.
"""

import os
import re
from collections.abc import Mapping

from datareplication.jobs.frame.log import Log

LIBPQ = re.compile(r"PG(?!DATA$)[A-Z].*")
"""PGHOST, PGSSLMODE, PGOPTIONS, PGSERVICE and so on. PGDATA is the server's variable; images of PostgreSQL set it."""

IGNORED = "libpq's variables have no effect here: put their values into the …_DB_CONNECTION that they are for"

PASSWORD_SUFFIXES = ("_DB_PASSWORD", "_DB_BUILD_PASSWORD")


def passwords(environment: Mapping[str, str]) -> list[str]:
    """Return the passwords in a program's environment."""
    return [value for name, value in environment.items() if name.endswith(PASSWORD_SUFFIXES)]


def settle(log: Log) -> None:
    """Remove libpq's variables and passwords from the process' environment; log the names of libpq's variables.

    Called when the settings have been read.
    """
    if ignored := removed():
        log.warning(IGNORED, variables=ignored)


def removed() -> list[str]:
    """Remove the same; return the names of libpq's variables."""
    ignored = sorted(name for name in os.environ if LIBPQ.fullmatch(name))
    for name in [*ignored, *(name for name in os.environ if name.endswith(PASSWORD_SUFFIXES))]:
        del os.environ[name]
    return ignored
