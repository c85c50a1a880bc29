"""What the programs are told: values -> arguments and environment.

This is the operator's side of their interface. A unit test parses the result with the programs' own parsers.
"""

from collections.abc import Iterable
from typing import Any

from datareplication.core import times
from datareplication.core.endpoints import Connection, Source, Target
from datareplication.core.model import CredentialsSecretRef
from datareplication.core.paths import SNAPSHOTS_MOUNT, placeholders, snapshot_path
from datareplication.core.run import Run

SOURCE_PREFIX = "PROD"
CERTIFICATE_MOUNT = "/etc/datareplication/tls"
CERTIFICATE_FILE = "ca.crt"
AFTER_LOAD_MOUNT = "/etc/datareplication/after-load"
AFTER_LOAD_FILE = "after-load.sql"
MASKING_MOUNT = "/etc/datareplication/masking"
MASKING_FILE = "masking.yaml"
MASKING_KEY_VARIABLE = "MASKING_KEY"


def run_arguments(run: Run, deadline_seconds: int) -> tuple[str, ...]:
    """Return the arguments that each program takes."""
    return (
        *("--run-name", run.name),
        *("--run-uid", run.uid),
        *("--replication-name", run.request.replication_name),
        *("--timeout-seconds", str(deadline_seconds)),
    )


def dump_arguments(run: Run, in_use: Iterable[str]) -> tuple[str, ...]:
    """Return what the dump is told; `in_use` are run directories that it does not prune."""
    spec = run.spec
    tables = spec.source.tables
    return (
        *("--workers", str(spec.dump.workers)),
        *("--compression", spec.snapshot.compression),
        *("--lock-timeout-seconds", str(spec.dump.lock_timeout_seconds)),
        *("--max-snapshot-age-seconds", str(spec.dump.max_snapshot_age_seconds)),
        *("--blocking-patience-seconds", str(spec.dump.blocking_patience_seconds)),
        *(("--checksum",) if any(target.verify == "Checksum" for target in spec.targets) else ()),
        *(f"--include={pattern}" for pattern in tables.include),
        *(f"--exclude={pattern}" for pattern in tables.exclude),
        *(f"--schema-only={pattern}" for pattern in tables.schema_only),
        *(("--masking", f"{MASKING_MOUNT}/{MASKING_FILE}") if spec.source.masking else ()),
        *_interval_arguments(run),
        *_prune_arguments(run, in_use),
    )


def _interval_arguments(run: Run) -> list[str]:
    interval = run.request.data_interval
    if interval is None:
        return []
    return ["--data-interval-start", times.to_text(interval.start), "--data-interval-end", times.to_text(interval.end)]


def _prune_arguments(run: Run, in_use: Iterable[str]) -> list[str]:
    # Runs that begin later than this one are not in the list; --in-use-since protects their snapshots.
    retention, started = run.spec.snapshot.retention, run.status.start_time
    return [
        *("--prune-root", f"{SNAPSHOTS_MOUNT}/{run.request.replication_name}"),
        *("--keep", str(retention.keep)),
        *(("--max-age-days", str(retention.max_age_days)) if retention.max_age_days else ()),
        *(("--in-use-since", times.to_text(started)) if started else ()),
        *(f"--in-use={directory}" for directory in in_use),
    ]


def load_arguments(run: Run, target: Target) -> tuple[str, ...]:
    """Return what the load of one target is told."""
    return (
        *("--target", target.name),
        *("--strategy", target.strategy),
        *("--maintenance-database", target.maintenance_database),
        *("--workers", str(target.workers)),
        *("--verify", target.verify),
        *("--keep-previous", str(target.keep_previous)),
        *("--overwrite", target.overwrite),
        *(word for name in _siblings(run, target) for word in ("--sibling-database", name)),
        *("--owners", target.owners),
        *("--grants", target.grants),
        *(("--any-run",) if run.request.action == "Load" else ()),
        *(("--physical-clone-of-source",) if target.physical_clone_of_source else ()),
        *(("--after-load", f"{AFTER_LOAD_MOUNT}/{AFTER_LOAD_FILE}") if target.after_load else ()),
    )


def _siblings(run: Run, target: Target) -> list[str]:
    """Return the databases that this run loads by Swap on the same server, with the same role and the same choices."""
    if target.strategy != "Swap":
        return []
    others = (run.spec.target(name) for name in run.targets if name != target.name)
    return [other.database for other in others if _place(other) == _place(target)]


def _place(target: Target) -> tuple[object, ...]:
    login = (target.credentials_secret_ref, target.build_credentials_secret_ref)
    return target.host, target.port, login, target.maintenance_database, target.strategy, target.owners, target.grants


def rollback_arguments(target: Target) -> tuple[str, ...]:
    """Return what the load program is told to roll one target back."""
    return (
        *("--target", target.name),
        *("--strategy", target.strategy),
        *("--maintenance-database", target.maintenance_database),
        "--rollback",
    )


def environment(run: Run, prefix: str, connection: Connection) -> list[dict[str, Any]]:
    """Return the variables of a program.

    Credentials come by secretKeyRef: the operator never reads them, and Kubernetes reports a missing Secret.
    """
    build = connection.build_credentials_secret_ref if isinstance(connection, Target) else None
    path = {"name": "CSV_OUTPUT_PATH", "value": f"{SNAPSHOTS_MOUNT}/{snapshot_path(run)}"}
    return [
        *(() if run.is_rollback else (path,)),
        {"name": f"{prefix}_DB_CONNECTION", "value": conninfo(connection)},
        *_credentials(f"{prefix}_DB", connection.credentials_secret_ref),
        *(_credentials(f"{prefix}_DB_BUILD", build) if build and not run.is_rollback else ()),
        *(_masking_key(run.spec.source) if not run.is_rollback else ()),
        *({"name": name.upper(), "value": value} for name, value in placeholders(run).items()),
    ]


def _masking_key(source: Source) -> list[dict[str, Any]]:
    if source.masking is None:
        return []
    ref = source.masking.key_secret_ref
    return [{"name": MASKING_KEY_VARIABLE, "valueFrom": {"secretKeyRef": {"name": ref.name, "key": ref.key}}}]


def _credentials(prefix: str, secret: CredentialsSecretRef) -> list[dict[str, Any]]:
    keys = {"USERNAME": secret.username_key, "PASSWORD": secret.password_key}
    return [
        {"name": f"{prefix}_{name}", "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for name, key in keys.items()
    ]


def conninfo(connection: Connection) -> str:
    """Return libpq's connection string without credentials; values are quoted by libpq's rule (backslash, quote)."""
    values = {
        "host": connection.host,
        "port": str(connection.port),
        "dbname": connection.database,
        "sslmode": connection.ssl_mode,
    }
    if connection.ssl_root_cert:
        values["sslrootcert"] = f"{CERTIFICATE_MOUNT}/{CERTIFICATE_FILE}"
    elif connection.ssl_mode == "verify-full":
        values["sslrootcert"] = "system"
    return " ".join(f"{key}={_quoted(value)}" for key, value in values.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return escaped if escaped and escaped == value and " " not in value else f"'{escaped}'"
