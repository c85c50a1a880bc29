"""Rights that a Swap needs, each with the statement that gives it. Pure: facts in, an error or nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.errors import CapabilityError, RightsError
from datareplication.jobs.postgres.target import Server

OPTIONS_SINCE = 160000
"""Memberships have options of their own."""


@dataclass(frozen=True)
class Wants:
    """What was found of the rights that the load's role must have.

    owner: of the target database. is_owner: whether the role may act as it. closed_tablespace: the target database's,
    if the role may not use it. owners: of objects in the snapshot. missing_roles: named by the snapshot, unknown to the
    server. foreign_sessions: (role, is superuser) of those connected whose rights the load's role lacks.
    missing_extensions: unknown to the server. superuser_extensions: only a superuser may create them.
    """

    server: Server
    owner: str
    is_owner: bool
    closed_tablespace: str | None
    owners: Sequence[str]
    missing_roles: Sequence[str]
    foreign_sessions: Sequence[tuple[str, bool]]
    missing_extensions: Sequence[str]
    superuser_extensions: Sequence[str]


def check(wants: Wants) -> None:
    """Raise CapabilityError for an extension that the server lacks, RightsError for all missing rights together."""
    if wants.missing_extensions:
        names = ", ".join(wants.missing_extensions)
        text = f"the source uses extensions that the target's server does not have: {names}; install them there"
        raise CapabilityError(text, reason="MissingExtension")
    if missing := statements(wants):
        text = f"role {wants.server.role} lacks rights on the target; a superuser can give them: {' '.join(missing)}"
        raise RightsError(text, reason="MissingRights")


def statements(wants: Wants) -> list[str]:
    """Return the statements that give what is missing, in the order in which they can be run."""
    needed = [f"CREATE ROLE {_quoted(name)} NOLOGIN;" for name in wants.missing_roles]
    if wants.server.is_superuser:
        return needed
    role = _quoted(wants.server.role)
    # Without options a membership keeps those that it has, or follows the role's NOINHERIT.
    options = " WITH INHERIT TRUE, SET TRUE" if wants.server.version >= OPTIONS_SINCE else ""
    if not wants.server.can_create_databases:
        needed.append(f"ALTER ROLE {role} CREATEDB;")
    if wants.closed_tablespace:
        needed.append(f"GRANT CREATE ON TABLESPACE {_quoted(wants.closed_tablespace)} TO {role};")
    if not wants.is_owner:
        needed.append(f"GRANT {_quoted(wants.owner)} TO {role}{options};")
    if wants.foreign_sessions and not wants.server.can_signal:
        needed.append(f"GRANT pg_signal_backend TO {role}{options};")
    return needed + _only_superusers(wants)


def _only_superusers(wants: Wants) -> list[str]:
    """Return what no grant helps against, with what does."""
    strangers = [_quoted(name) for name in wants.owners if name not in {wants.server.role, wants.owner}]
    sessions = [_quoted(name) for name, is_superuser in wants.foreign_sessions if is_superuser]
    extensions = [_quoted(name) for name in wants.superuser_extensions]
    found = []
    if strangers:
        found.append(
            f"(load as a superuser: objects belong to {', '.join(strangers)}, neither it nor the target's owner)"
        )
    if sessions:
        found.append(f"(end the sessions of superuser {', '.join(sessions)}, or load as a superuser)")
    if extensions:
        found.append(f"(load as a superuser: only one can create extension {', '.join(extensions)})")
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
