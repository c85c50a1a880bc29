"""The two ends of a replication: how to reach the source and the targets, and what to do there."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from datareplication.core.choices import Grants, Overwrite, Owners, Strategy, Verification
from datareplication.core.cluster_ref import SourceClusterRef, TargetClusterRef, derived
from datareplication.core.model import (
    ConfigMapSource,
    CredentialsSecretRef,
    DatabaseName,
    Host,
    KeyRef,
    Model,
    Name,
    Pattern,
    Port,
    Seconds,
    SslMode,
    SslRootCert,
    Workers,
    rules,
)
from datareplication.core.pod_settings import PodSettings

DEFAULT_PORT = 5432

CLUSTER_REF = (
    "A cluster of CloudNativePG or Crunchy in the resource's own namespace, instead of host; its name also gives "
    "sslRootCert and credentialsSecretRef, unless these are set."
)


class Tables(Model):
    """Which tables, views and sequences are copied: patterns of `schema.table` with `*` and `?`, case sensitive."""

    include: list[Pattern] = Field(
        default_factory=list,
        max_length=256,
        description="Only these are copied, as schema.table with * and ?; empty: all. A parent brings its partitions.",
    )
    exclude: list[Pattern] = Field(
        default_factory=list,
        max_length=256,
        description="These are left out, even if included; so are their partitions and the views that read them.",
    )
    schema_only: list[Pattern] = Field(
        default_factory=list, max_length=256, description="These without their rows, for example public.sessions."
    )


class Masking(Model):
    """Which columns are masked before any row leaves the source."""

    rules: ConfigMapSource = Field(description="The file of masking rules, as docs/masking.md describes it.")
    key_secret_ref: KeyRef = Field(
        description="Key of a Secret with the masking key, at least 16 characters. Another key changes every result."
    )


def _or_cluster(schema: dict[str, Any]) -> None:
    """Let a connection's schema take a clusterRef instead of a host and a Secret."""
    schema["required"] = [name for name in schema["required"] if name not in ("host", "credentialsSecretRef")]
    schema |= rules(
        ("has(self.host) != has(self.clusterRef)", "give either host or clusterRef"),
        (
            "has(self.clusterRef) || has(self.credentialsSecretRef)",
            "credentialsSecretRef is required, unless clusterRef is given",
        ),
    )


class Connection(Model):
    """How to reach one database."""

    model_config = ConfigDict(json_schema_extra=_or_cluster)

    cluster_ref: TargetClusterRef | None = Field(None, description=CLUSTER_REF)
    host: Host = Field(description="Host name or address of the server, for example prod-db.prod.svc.")
    port: Port = Field(DEFAULT_PORT, description="The server's port.")
    database: DatabaseName = Field(description="Name of the database.")
    ssl_mode: SslMode = Field(
        "verify-full",
        description="libpq's sslmode. verify-full needs sslRootCert unless a public authority signed the certificate.",
    )
    ssl_root_cert: SslRootCert | None = Field(
        None, description="Certificate authority of the server's certificate: a key of either a Secret or a ConfigMap."
    )
    credentials_secret_ref: CredentialsSecretRef = Field(
        description="Secret with the role's name and password, as CloudNativePG and the Zalando operator make them."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_cluster(cls, given: Any) -> Any:
        """Fill in what follows from the cluster's name."""
        ref = given.get("clusterRef") if isinstance(given, dict) else None
        if not isinstance(ref, Mapping):
            return given
        if given.get("host") is not None:
            raise ValueError("give either host or clusterRef")
        return derived(ref) | {name: value for name, value in given.items() if value is not None}


class Source(Connection):
    """The database that is copied; it is only read."""

    cluster_ref: SourceClusterRef | None = Field(None, description=CLUSTER_REF)
    tables: Tables = Field(default_factory=Tables, description="Which tables are copied. Default: all.")
    masking: Masking | None = Field(
        None,
        description="Masks columns in the source's own query. A column without a rule ends the dump. Unset: no masks.",
    )


class Target(Connection, PodSettings):
    """A database that receives the data."""

    name: Name = Field(description="Name of the target, unique in the list; part of its Job's name and variables.")
    strategy: Strategy = Field(
        "Swap", description="Swap loads a new database and renames it; InPlace replaces rows in one transaction."
    )
    maintenance_database: DatabaseName = Field("postgres", description="Database from which others are renamed.")
    workers: Workers = Field(2, description="Parallel connections to the target.")
    verify: Verification = Field(
        "Rows", description="What is compared with the snapshot before the swap: row counts, or contents as well."
    )
    keep_previous: int = Field(1, ge=0, le=1, description="1 keeps the replaced database as <database>__previous.")
    overwrite: Overwrite = Field(
        "OnlyManaged",
        description="OnlyManaged refuses a database that holds data and was not loaded by this operator; the first "
        "load into such a database needs Any.",
    )
    owners: Owners = Field(
        "Keep",
        description="Who owns the objects: Keep gives them to the source's owners, which must exist; TargetOwner "
        "gives all to the target database's owner.",
    )
    grants: Grants = Field(
        "Keep", description="Keep copies the source's grants, and their roles must exist; Drop leaves the grants out."
    )
    build_credentials_secret_ref: CredentialsSecretRef | None = Field(
        None,
        description="Secret of a login role without rights of its own. The new database is built as this role (Swap), "
        "so that the source's code runs without further rights. The load's role must be a member of it. Unset: each "
        "load makes such a role if the load's role may make roles.",
    )
    after_load: ConfigMapSource | None = Field(
        None, description="SQL that runs in the new database before anybody can see it, for example to scrub addresses."
    )
    physical_clone_of_source: bool = Field(
        False,
        description="The target's server is a physical copy of the source's, so both have the same system identifier.",
    )
    timeout_seconds: Seconds | None = Field(
        None, description="Deadline of this load Job; it starts anew after a retry's delay. Unset: the run's."
    )
