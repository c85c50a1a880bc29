"""How a database is reached: values. Passwords are never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Connection:
    """How to reach one database.

    prefix: of the environment variables it was read from, so that messages can name them. conninfo: libpq's connection
    string or URI, without credentials.
    """

    prefix: str
    conninfo: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """How a child reaches a database. parameters: libpq's, without credentials."""

    parameters: Mapping[str, str]
    password: str
