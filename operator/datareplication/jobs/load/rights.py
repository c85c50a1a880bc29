"""Rights that a Swap needs, each with the statement that gives it. Pure: facts in, an error or nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.core.choices import Grants, Owners
from datareplication.errors import CapabilityError, RightsError
from datareplication.jobs.model.databases import OPTIONS_SINCE, Server
from datareplication.jobs.model.manifest import Role
from datareplication.jobs.model.quoting import quoted

USES = {
    "Owner": "owns objects",
    "Public": "owns schema public",
    "Grant": "has grants",
    "DefaultPrivileges": "has altered default privileges",
    "Policy": "is named by policies",
    "UserMapping": "has user mappings",
}
"""What a snapshot names a role for -> in words."""


@dataclass(frozen=True)
class Wants:
    """What was found of the rights that the load's role must have.

    owner: of the target database. is_owner: whether the role may act as it. closed_tablespace: the target database's,
    if the role may not use it. owners: to whom objects of the snapshot are to belong. missing_roles: needed (see
    `needed`), unknown to the server. foreign_sessions: (role, is superuser) of those connected whose rights the load's
    role lacks. missing_extensions: unknown to the server. superuser_extensions: only a superuser may create them.
    default_privileges: roles whose default privileges are to be altered. closed_previous: `<db>__previous`, if it
    belongs to a role as which the load's role may not act.
    """

    server: Server
    owner: str
    is_owner: bool
    closed_tablespace: str | None
    owners: Sequence[str]
    missing_roles: Sequence[Role]
    foreign_sessions: Sequence[tuple[str, bool]]
    missing_extensions: Sequence[str]
    superuser_extensions: Sequence[str]
    default_privileges: Sequence[str] = ()
    closed_previous: str | None = None


def needed(roles: Sequence[Role], owners: Owners, grants: Grants) -> list[Role]:
    """Return the roles that must exist, each with what it is then needed for.

    Policies and user mappings name their roles either way.
    """
    wanted = {"Policy", "UserMapping"}
    wanted |= {"Owner", "Public"} if owners == "Keep" else set()
    wanted |= {"Grant", "DefaultPrivileges"} if grants == "Keep" else set()
    found = [Role(role.name, tuple(use for use in role.uses if use in wanted)) for role in roles]
    return [role for role in found if role.uses]


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
    missing = [f"CREATE ROLE {quoted(role.name)} NOLOGIN /* {_why(role)} */;" for role in wants.missing_roles]
    if wants.server.is_superuser:
        return missing
    role = quoted(wants.server.role)
    # Without options a membership keeps those that it has, or follows the role's NOINHERIT.
    options = " WITH INHERIT TRUE, SET TRUE" if wants.server.version >= OPTIONS_SINCE else ""
    if not wants.server.can_create_databases:
        missing.append(f"ALTER ROLE {role} CREATEDB;")
    if wants.closed_tablespace:
        missing.append(f"GRANT CREATE ON TABLESPACE {quoted(wants.closed_tablespace)} TO {role};")
    if not wants.is_owner:
        missing.append(f"GRANT {quoted(wants.owner)} TO {role}{options};")
    if wants.closed_previous:
        missing.append(f"ALTER DATABASE {quoted(wants.closed_previous)} OWNER TO {quoted(wants.owner)};")
    if wants.foreign_sessions and not wants.server.can_signal:
        missing.append(f"GRANT pg_signal_backend TO {role}{options};")
    return missing + _only_superusers(wants)


def _only_superusers(wants: Wants) -> list[str]:
    """Return what no grant helps against, with what does."""
    strangers = _strangers(wants, wants.owners)
    altered = _strangers(wants, wants.default_privileges)
    sessions = [quoted(name) for name, is_superuser in wants.foreign_sessions if is_superuser]
    extensions = [quoted(name) for name in wants.superuser_extensions]
    found = []
    if strangers:
        found.append(
            f"(load as a superuser, or with owners TargetOwner: objects belong to {', '.join(strangers)}, "
            "neither it nor the target's owner)"
        )
    if altered:
        names = ", ".join(altered)
        found.append(f"(load as a superuser, or with grants Drop: default privileges are set for {names})")
    if sessions:
        found.append(f"(end the sessions of superuser {', '.join(sessions)}, or load as a superuser)")
    if extensions:
        found.append(f"(load as a superuser: only one can create extension {', '.join(extensions)})")
    return found


def _strangers(wants: Wants, names: Sequence[str]) -> list[str]:
    return [quoted(name) for name in names if name not in {wants.server.role, wants.owner}]


def _why(role: Role) -> str:
    return "it " + ", ".join(USES[use] for use in role.uses)
