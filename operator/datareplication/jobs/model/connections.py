"""How to reach a database: values. Passwords are never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Connection:
    """How to reach one database."""

    prefix: str
    """Prefix of the environment variables that the connection was read from, so that messages can name them."""
    conninfo: str
    """libpq's connection string or URI, without credentials."""
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """How a child process logs in to a database. parameters: libpq's, without credentials."""

    parameters: Mapping[str, str]
    password: str
