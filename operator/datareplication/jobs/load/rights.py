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
"""What a snapshot names a role for -> the same in words."""


@dataclass(frozen=True)
class Wants:
    """What was found about the rights that the load's role needs."""

    server: Server
    owner: str
    """Owner of the target database."""
    is_owner: bool
    """Whether the load's role may act as this owner."""
    closed_tablespace: str | None
    """The target database's tablespace, if the load's role may not use it."""
    owners: Sequence[str]
    """Roles that will own objects of the snapshot."""
    missing_roles: Sequence[Role]
    """Roles that must exist (see `needed`) but do not."""
    foreign_sessions: Sequence[tuple[str, bool]]
    """(role, whether it is a superuser) of sessions in the target whose role's rights the load's role does not have."""
    missing_extensions: Sequence[str]
    """Extensions that the server does not have."""
    superuser_extensions: Sequence[str]
    """Extensions that only a superuser may create."""
    default_privileges: Sequence[str] = ()
    """Roles whose default privileges the load alters."""
    closed_previous: str | None = None
    """`<db>__previous`, if the load's role may not act as its owner."""


def needed(roles: Sequence[Role], owners: Owners, grants: Grants) -> list[Role]:
    """Return the roles that must exist, each with what it is needed for.

    Policies and user mappings name their roles whatever `owners` and `grants` are.
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
    # Without options an existing membership keeps its options, and a new one follows the role's NOINHERIT.
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
    """Return what no grant can solve, with what does solve it."""
    strangers = _strangers(wants, wants.owners)
    altered = _strangers(wants, wants.default_privileges)
    sessions = [quoted(name) for name, is_superuser in wants.foreign_sessions if is_superuser]
    extensions = [quoted(name) for name in wants.superuser_extensions]
    found = []
    if strangers:
        found.append(
            f"(load as a superuser, or with owners TargetOwner: objects belong to {', '.join(strangers)}, "
            "and not to this role or the target's owner)"
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
