"""The Jobs that the operator creates: values -> dicts. Nothing is formatted as text here.

It owns the interface to the programs on this side: their arguments, environment and mounts. A unit test reads what is
built here with the programs' own parsers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from datareplication.core import names, times
from datareplication.core.endpoints import Connection, Target
from datareplication.core.model import PodSettings
from datareplication.core.names import DUMP_STEP, Step
from datareplication.core.paths import placeholders, snapshot_path
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.errors import PERMANENT_EXIT_CODES

SOURCE_PREFIX = "PROD"
SNAPSHOTS_MOUNT = "/snapshots"
CERTIFICATE_MOUNT = "/etc/datareplication/tls"
CERTIFICATE_FILE = "ca.crt"
AFTER_LOAD_MOUNT = "/etc/datareplication/after-load"
AFTER_LOAD_FILE = "after-load.sql"

DEFAULT_RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}}
"""Each of a program's processes stays under 128 MiB; a limit is the user's to set."""

SECURITY_CONTEXT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


@dataclass(frozen=True)
class JobImage:
    """Which image the Jobs run, and how it is pulled."""

    name: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()


def volume_claim(spec: ReplicationSpec, replication: str) -> str:
    """Return the name of the claim that holds the snapshots."""
    existing = spec.snapshot.persistent_volume_claim
    return existing.claim_name if existing else names.claim_name(replication)


@dataclass(frozen=True)
class Part:
    """What is particular to the Job of one step."""

    step: Step
    prefix: str
    connection: Connection
    settings: PodSettings
    timeout_seconds: int | None
    arguments: tuple[str, ...]


def dump_job(run: Run, image: JobImage, in_use: Iterable[str] = ()) -> dict[str, Any]:
    """Return the Job that writes the run's snapshot; `in_use` are run directories that it does not prune."""
    spec = run.spec
    tables = spec.source.tables
    arguments = (
        *("--workers", str(spec.dump.workers)),
        *("--compression", spec.snapshot.compression),
        *("--lock-timeout-seconds", str(spec.dump.lock_timeout_seconds)),
        *("--max-snapshot-age-seconds", str(spec.dump.max_snapshot_age_seconds)),
        *("--blocking-patience-seconds", str(spec.dump.blocking_patience_seconds)),
        *(("--checksum",) if any(target.verify == "Checksum" for target in spec.targets) else ()),
        *(f"--include={pattern}" for pattern in tables.include),
        *(f"--exclude={pattern}" for pattern in tables.exclude),
        *(f"--schema-only={pattern}" for pattern in tables.schema_only),
        *_interval_arguments(run),
        *_prune_arguments(run, in_use),
    )
    part = Part(DUMP_STEP, SOURCE_PREFIX, spec.source, spec.dump, spec.dump.timeout_seconds, arguments)
    return _job(run, image, part)


def load_job(run: Run, image: JobImage, target_name: str, node: str = "") -> dict[str, Any]:
    """Return the Job that loads the run's snapshot into one target, or rolls it back.

    node: keeps it beside a ReadWriteOnce volume.
    """
    target = run.spec.target(target_name)
    arguments = (
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
    if run.is_rollback:
        arguments = _rollback_arguments(target)
    prefix = names.variable_prefix(target.name)
    part = Part(names.load_step(target.name), prefix, target, target, target.timeout_seconds, arguments)
    job = _job(run, image, part)
    if node:
        pod = job["spec"]["template"]["spec"]
        pod["affinity"] = _pinned(pod.get("affinity", {}), node)
    return job


def _siblings(run: Run, target: Target) -> list[str]:
    """Return the databases that this run loads by Swap on the same server, with the same role and the same choices."""
    if target.strategy != "Swap":
        return []
    others = (run.spec.target(name) for name in run.targets if name != target.name)
    return [other.database for other in others if _place(other) == _place(target)]


def _place(target: Target) -> tuple[object, ...]:
    login = target.credentials_secret_ref
    return target.host, target.port, login, target.maintenance_database, target.strategy, target.owners, target.grants


def _rollback_arguments(target: Target) -> tuple[str, ...]:
    return (
        *("--target", target.name),
        *("--strategy", target.strategy),
        *("--maintenance-database", target.maintenance_database),
        "--rollback",
    )


def _pinned(affinity: Mapping[str, Any], node: str) -> dict[str, Any]:
    """Return an affinity that also wants one node, by its name: the label kubernetes.io/hostname may differ from it."""
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    of_node = affinity.get("nodeAffinity", {})
    required = of_node.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = [
        {**term, "matchFields": [*term.get("matchFields", ()), field]}
        for term in required.get("nodeSelectorTerms") or [{}]
    ]
    pinned = {**of_node, "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {**affinity, "nodeAffinity": pinned}


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


def _interval_arguments(run: Run) -> list[str]:
    interval = run.request.data_interval
    if interval is None:
        return []
    return ["--data-interval-start", times.to_text(interval.start), "--data-interval-end", times.to_text(interval.end)]


def _prune_arguments(run: Run, in_use: Iterable[str]) -> list[str]:
    # Runs that begin later than this one are not in the list; their snapshots are spared by their time.
    retention, started = run.spec.snapshot.retention, run.status.start_time
    return [
        *("--prune-root", f"{SNAPSHOTS_MOUNT}/{run.request.replication_name}"),
        *("--keep", str(retention.keep)),
        *(("--max-age-days", str(retention.max_age_days)) if retention.max_age_days else ()),
        *(("--in-use-since", times.to_text(started)) if started else ()),
        *(f"--in-use={directory}" for directory in in_use),
    ]


def _job(run: Run, image: JobImage, part: Part) -> dict[str, Any]:
    spec = run.spec
    labels = names.job_labels(run.request.replication_name, run.name, part.step)
    deadline = min(part.timeout_seconds or spec.timeout_seconds, spec.timeout_seconds)
    arguments = [
        *("--run-name", run.name),
        *("--run-uid", run.uid),
        *("--replication-name", run.request.replication_name),
        *("--timeout-seconds", str(deadline)),
        *part.arguments,
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(run.name, part.step),
            "namespace": run.namespace,
            "labels": labels,
            "ownerReferences": [names.owner_reference(run.raw, "DataReplicationRun")],
        },
        "spec": {
            "backoffLimit": spec.retry_policy.retries,
            "activeDeadlineSeconds": deadline,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _failure_policy(part.step.role),
            "template": {"metadata": _pod_metadata(part.settings, labels), "spec": _pod(run, image, part, arguments)},
        },
    }


def _pod_metadata(settings: PodSettings, labels: dict[str, str]) -> dict[str, Any]:
    """Return labels and annotations of a pod; ours win, because the operator finds its pods by them."""
    annotations = {"annotations": settings.pod_annotations} if settings.pod_annotations else {}
    return {"labels": settings.pod_labels | labels, **annotations}


def _failure_policy(container: str) -> dict[str, Any]:
    permanent = {"containerName": container, "operator": "In", "values": list(PERMANENT_EXIT_CODES)}
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": permanent},
        ]
    }


def _pod(run: Run, image: JobImage, part: Part, arguments: list[str]) -> dict[str, Any]:
    settings = part.settings
    mounts, volumes = _volumes(run, part)
    container = {
        "name": part.step.role,
        "image": image.name,
        "imagePullPolicy": image.pull_policy,
        "command": [f"datareplication-{part.step.role}"],
        "args": arguments,
        "env": _environment(run, part),
        "resources": settings.resources or DEFAULT_RESOURCES,
        "securityContext": SECURITY_CONTEXT,
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **run.spec.pod_security_context,
        },
        "containers": [container],
        "volumes": volumes,
        **_placement(settings, image),
    }


def _placement(settings: PodSettings, image: JobImage) -> dict[str, Any]:
    """Return the fields that Kubernetes schedules and pulls by; those that nobody set are left out."""
    pull_secrets = dict.fromkeys([*image.pull_secrets, *(secret.name for secret in settings.image_pull_secrets)])
    fields: dict[str, Any] = {
        "imagePullSecrets": [{"name": name} for name in pull_secrets],
        "nodeSelector": settings.node_selector,
        "affinity": settings.affinity,
        "tolerations": settings.tolerations,
        "priorityClassName": settings.priority_class_name,
    }
    return {name: value for name, value in fields.items() if value}


def _environment(run: Run, part: Part) -> list[dict[str, Any]]:
    """Credentials come by secretKeyRef: the operator never reads them, and a missing Secret has a reason."""
    secret = part.connection.credentials_secret_ref
    keys = {"USERNAME": secret.username_key, "PASSWORD": secret.password_key}
    from_secret = [
        {"name": f"{part.prefix}_DB_{name}", "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for name, key in keys.items()
    ]
    path = {"name": "CSV_OUTPUT_PATH", "value": f"{SNAPSHOTS_MOUNT}/{snapshot_path(run)}"}
    return [
        *(() if run.is_rollback else (path,)),
        {"name": f"{part.prefix}_DB_CONNECTION", "value": conninfo(part.connection)},
        *from_secret,
        *({"name": name.upper(), "value": value} for name, value in placeholders(run).items()),
    ]


def _volumes(run: Run, part: Part) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    claim_source = {"claimName": volume_claim(run.spec, run.request.replication_name)}
    mounts: list[dict[str, Any]] = [
        {"name": "snapshots", "mountPath": SNAPSHOTS_MOUNT, "readOnly": part.step != DUMP_STEP},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own, an emptyDir
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "snapshots", "persistentVolumeClaim": claim_source},
        {"name": "tmp", "emptyDir": {}},
    ]
    if run.is_rollback:
        mounts, volumes = mounts[1:], volumes[1:]
    connection = part.connection
    certificate = connection.ssl_root_cert
    if certificate and certificate.secret_key_ref:
        ref = certificate.secret_key_ref
        items = [{"key": ref.key, "path": CERTIFICATE_FILE}]
        volumes.append({"name": "tls", "secret": {"secretName": ref.name, "items": items}})
    elif certificate and certificate.config_map_key_ref:
        volumes.append(_config_map_volume("tls", certificate.config_map_key_ref, CERTIFICATE_FILE))
    if certificate:
        mounts.append({"name": "tls", "mountPath": CERTIFICATE_MOUNT, "readOnly": True})
    if isinstance(connection, Target) and connection.after_load and not run.is_rollback:
        volumes.append(_config_map_volume("after-load", connection.after_load.config_map_key_ref, AFTER_LOAD_FILE))
        mounts.append({"name": "after-load", "mountPath": AFTER_LOAD_MOUNT, "readOnly": True})
    return mounts, volumes


def _config_map_volume(name: str, ref: Any, file: str) -> dict[str, Any]:
    return {"name": name, "configMap": {"name": ref.name, "items": [{"key": ref.key, "path": file}]}}
