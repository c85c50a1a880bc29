"""The Jobs that the operator creates: values -> dicts. Nothing is formatted as text here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from datareplication.core import names
from datareplication.core.endpoints import Connection, Source, Target
from datareplication.core.model import plain
from datareplication.core.names import DUMP_STEP, Step
from datareplication.core.paths import SNAPSHOTS_MOUNT
from datareplication.core.pod_settings import JobSettings, PodSettings, together
from datareplication.core.programs import (
    AFTER_LOAD_FILE,
    AFTER_LOAD_MOUNT,
    CERTIFICATE_FILE,
    CERTIFICATE_MOUNT,
    MASKING_FILE,
    MASKING_MOUNT,
    SOURCE_PREFIX,
    dump_arguments,
    environment,
    load_arguments,
    rollback_arguments,
    run_arguments,
)
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.errors import PERMANENT_EXIT_CODES

DEFAULT_RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}}
"""Each of a program's processes stays under 128 MiB; users may set a limit."""

SPARE_SECONDS = 60
"""How much later than its limit others end a step, in case nobody is there who watches the limit."""

SECURITY_CONTEXT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


POD_SECURITY_CONTEXT = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@dataclass(frozen=True)
class JobDefaults:
    """What this installation of the operator says of all Jobs."""

    image: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    settings: JobSettings = field(default_factory=JobSettings)
    """A DataReplication's own settings win."""


def volume_claim(spec: ReplicationSpec, replication: str) -> str:
    """Return the name of the claim that holds the snapshots."""
    existing = spec.snapshot.persistent_volume_claim
    return existing.claim_name if existing else names.claim_name(replication)


@dataclass(frozen=True)
class Part:
    """What is special in the Job of one step."""

    step: Step
    prefix: str
    connection: Connection
    settings: PodSettings
    timeout_seconds: int | None
    arguments: tuple[str, ...]


def dump_job(run: Run, defaults: JobDefaults, in_use: Iterable[str] = ()) -> dict[str, Any]:
    """Return the Job that writes the run's snapshot; `in_use` are run directories that it does not prune."""
    spec = run.spec
    arguments = dump_arguments(run, in_use)
    settings = together(defaults.settings, spec.jobs, spec.dump)
    part = Part(DUMP_STEP, SOURCE_PREFIX, spec.source, settings, spec.dump.timeout_seconds, arguments)
    return _job(run, defaults, part)


def load_job(run: Run, defaults: JobDefaults, target_name: str, node: str = "") -> dict[str, Any]:
    """Return the Job that loads the run's snapshot into one target, or rolls it back.

    node: where the pod has to run, for a ReadWriteOnce volume; empty: anywhere.
    """
    target = run.spec.target(target_name)
    arguments = rollback_arguments(target) if run.is_rollback else load_arguments(run, target)
    prefix = names.variable_prefix(target.name)
    settings = together(defaults.settings, run.spec.jobs, target)
    part = Part(names.load_step(target.name), prefix, target, settings, target.timeout_seconds, arguments)
    job = _job(run, defaults, part)
    if node:
        pod = job["spec"]["template"]["spec"]
        pod["affinity"] = _pinned(pod.get("affinity", {}), node)
    return job


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


@dataclass(frozen=True)
class Deadlines:
    """After how many seconds a Job and the program in it end by themselves."""

    of_job: int
    of_program: int


def deadlines(run_seconds: int, step_seconds: int | None) -> Deadlines:
    """Return the deadlines of a step's Job and program: who sets a limit ends the step first, and tells of it.

    The operator ends the Jobs of a run whose time is over, and Kubernetes the Job of a step whose own, shorter time is
    over. If the same limit also ended the others, it would depend on who is quicker what the status says.
    """
    if step_seconds is not None and step_seconds < run_seconds:
        return Deadlines(step_seconds, step_seconds + SPARE_SECONDS)
    return Deadlines(run_seconds + SPARE_SECONDS, run_seconds + SPARE_SECONDS)


def _job(run: Run, defaults: JobDefaults, part: Part) -> dict[str, Any]:
    spec, shared = run.spec, defaults.settings
    labels = names.job_labels(run.request.replication_name, run.name, part.step)
    deadline = deadlines(spec.timeout_seconds, part.timeout_seconds)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(run.name, part.step),
            "namespace": run.namespace,
            "labels": shared.labels | spec.jobs.labels | labels,
            "annotations": shared.annotations | spec.jobs.annotations,
            "ownerReferences": [names.owner_reference(run.raw, "DataReplicationRun")],
        },
        "spec": {
            "backoffLimit": spec.retry_policy.retries,
            "activeDeadlineSeconds": deadline.of_job,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _failure_policy(part.step.role),
            "template": {
                "metadata": _pod_metadata(part, labels),
                "spec": _pod(run, defaults, part, deadline.of_program),
            },
        },
    }


def _pod_metadata(part: Part, labels: dict[str, str]) -> dict[str, Any]:
    """Return labels and annotations of a pod; ours win, because the operator finds its pods by them.

    By the annotation kubectl shows the log of our container, even if a webhook puts another container first.
    """
    annotations = {**part.settings.pod_annotations, names.DEFAULT_CONTAINER_ANNOTATION: part.step.role}
    return {"labels": part.settings.pod_labels | labels, "annotations": annotations}


def _failure_policy(container: str) -> dict[str, Any]:
    permanent = {"containerName": container, "operator": "In", "values": list(PERMANENT_EXIT_CODES)}
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": permanent},
        ]
    }


def _pod(run: Run, defaults: JobDefaults, part: Part, deadline: int) -> dict[str, Any]:
    settings = part.settings
    mounts, volumes = _volumes(run, part)
    container = {
        "name": part.step.role,
        "image": defaults.image,
        "imagePullPolicy": defaults.pull_policy,
        "command": [f"datareplication-{part.step.role}"],
        "args": [*run_arguments(run, deadline), *part.arguments],
        "env": environment(run, part.prefix, part.connection),
        "resources": plain(settings.resources) or DEFAULT_RESOURCES,
        "securityContext": SECURITY_CONTEXT,
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": plain(run.spec.pod_security_context) | POD_SECURITY_CONTEXT,
        "containers": [container],
        "volumes": volumes,
        **_placement(settings, defaults),
    }


def _placement(settings: PodSettings, defaults: JobDefaults) -> dict[str, Any]:
    """Return the fields for scheduling, names and pulling images; unset ones are left out."""
    pull_secrets = dict.fromkeys([*defaults.pull_secrets, *(secret.name for secret in settings.image_pull_secrets)])
    fields: dict[str, Any] = {
        "imagePullSecrets": [{"name": name} for name in pull_secrets],
        "nodeSelector": settings.node_selector,
        "affinity": plain(settings.affinity),
        "tolerations": [plain(toleration) for toleration in settings.tolerations],
        "topologySpreadConstraints": [plain(one) for one in settings.topology_spread_constraints],
        "priorityClassName": settings.priority_class_name,
        "runtimeClassName": settings.runtime_class_name,
        "serviceAccountName": settings.service_account_name,
        "dnsConfig": plain(settings.dns_config),
        "hostAliases": [plain(alias) for alias in settings.host_aliases],
    }
    return {name: value for name, value in fields.items() if value}


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
    if isinstance(connection, Source) and connection.masking:
        volumes.append(_config_map_volume("masking", connection.masking.rules.config_map_key_ref, MASKING_FILE))
        mounts.append({"name": "masking", "mountPath": MASKING_MOUNT, "readOnly": True})
    if isinstance(connection, Target) and connection.after_load and not run.is_rollback:
        volumes.append(_config_map_volume("after-load", connection.after_load.config_map_key_ref, AFTER_LOAD_FILE))
        mounts.append({"name": "after-load", "mountPath": AFTER_LOAD_MOUNT, "readOnly": True})
    return mounts, volumes


def _config_map_volume(name: str, ref: Any, file: str) -> dict[str, Any]:
    return {"name": name, "configMap": {"name": ref.name, "items": [{"key": ref.key, "path": file}]}}
