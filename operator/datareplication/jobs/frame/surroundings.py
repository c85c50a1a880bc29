"""What the process' environment holds that is not for the programs: libpq's own variables, and passwords for children.

The connection string says all of a connection. A variable of libpq's would count for the source and the target alike,
whichever it was meant for, and could weaken what the string leaves to the default.
"""

import os
import re
from collections.abc import Mapping

from datareplication.jobs.frame.log import Log

LIBPQ = re.compile(r"PG(?!DATA$)[A-Z].*")
"""PGHOST, PGSSLMODE, PGOPTIONS, PGSERVICE and so on; PGDATA is the server's, which images of PostgreSQL set."""

PASSWORD_SUFFIXES = ("_DB_PASSWORD", "_DB_BUILD_PASSWORD")


def passwords(environment: Mapping[str, str]) -> list[str]:
    """Return the passwords that a program was given."""
    return [value for name, value in environment.items() if name.endswith(PASSWORD_SUFFIXES)]


def settle(log: Log) -> None:
    """Take both from the process' environment, when the settings are read; say which of libpq's there were."""
    ignored = sorted(name for name in os.environ if LIBPQ.fullmatch(name))
    for name in [*ignored, *(name for name in os.environ if name.endswith(PASSWORD_SUFFIXES))]:
        del os.environ[name]
    if ignored:
        text = "libpq's variables do not count here: say what they say in the …_DB_CONNECTION that it is for"
        log.warning(text, variables=ignored)
