"""Rights that a Swap needs, each with the statement that gives it. Pure: facts in, an error or nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.errors import CapabilityError, RightsError
from datareplication.jobs.postgres.target import Server


@dataclass(frozen=True)
class Wants:
    """What was found of the rights that the load's role must have.

    owner: of the target database. unassumable_roles: owners (of it, and of objects in the snapshot) that the role may
    not act as. missing_roles: named by the snapshot, unknown to the server. foreign_sessions: (role, is superuser) of
    those connected whose rights the load's role lacks. missing_extensions: unknown to the server;
    superuser_extensions: only a superuser may create them.
    """

    server: Server
    owner: str
    unassumable_roles: Sequence[str]
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
    role = _quoted(wants.server.role)
    needed = [f"CREATE ROLE {_quoted(name)} NOLOGIN;" for name in wants.missing_roles]
    if wants.server.is_superuser:
        return needed
    if not wants.server.can_create_databases:
        needed.append(f"ALTER ROLE {role} CREATEDB;")
    needed += [f"GRANT {_quoted(name)} TO {role};" for name in wants.unassumable_roles]
    if wants.foreign_sessions and not wants.server.can_signal:
        needed.append(f"GRANT pg_signal_backend TO {role};")
    needed += [
        f"(end the sessions of superuser {_quoted(name)}, which only a superuser may do)"
        for name, is_superuser in wants.foreign_sessions
        if is_superuser
    ]
    needed += [
        f"(load as a superuser: extension {_quoted(name)} can be created by no other role)"
        for name in wants.superuser_extensions
    ]
    return needed


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
