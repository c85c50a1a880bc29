"""What the operator creates, read by those who get it: the programs' own parsers and the restricted Pod Security level."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from datareplication.core import manifests, objects, programs, run
from datareplication.core.endpoints import Connection
from datareplication.core.manifests import JobDefaults
from datareplication.core.names import DUMP_STEP
from datareplication.core.paths import placeholders
from datareplication.core.run import Run
from datareplication.jobs.commands import dump as dump_command
from datareplication.jobs.commands import load as load_command
from datareplication.jobs.load.steps import refuse_unsupported

IMAGE = JobDefaults("datareplication/job:1", "IfNotPresent", ("pull",))
CANARY = "canary-password"
SPEC: dict[str, Any] = {
    "schedule": {"cron": "@daily", "timeZone": "Europe/Zurich"},
    "source": {
        "host": "prod-db.prod.svc",
        "database": "my app's \\ data",
        "credentialsSecretRef": {"name": "prod-db", "usernameKey": "user"},
        "sslRootCert": {"configMapKeyRef": {"name": "database-ca", "key": "root.pem"}},
    },
    "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
    "targets": [
        {
            "name": "qa-2",
            "host": "qa-db.qa.svc",
            "database": "app",
            "credentialsSecretRef": {"name": "qa-db"},
            "workers": 3,
        }
    ],
}


def a_run(**more: Any) -> Run:
    raw = {
        "metadata": {
            "name": "prod-fanout-202603292200",
            "namespace": "data",
            "uid": "uid-1",
            "creationTimestamp": "2026-03-29T22:00:01Z",
        },
        "spec": {
            "replicationName": "prod-fanout",
            "slot": "2026-03-29T22:00:00Z",
            "dataInterval": {"start": "2026-03-28T23:00:00Z", "end": "2026-03-29T22:00:00Z"},
            "replication": {**SPEC, **more},
        },
    }
    return run.read(raw)


def container(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(job: dict[str, Any]) -> dict[str, str]:
    """The variables as the kubelet would fill them in."""
    return {entry["name"]: entry.get("value", CANARY) for entry in container(job)["env"]}


def test_dump_job_is_what_the_dump_program_reads() -> None:
    job = manifests.dump_job(a_run(), IMAGE)
    read = dump_command.parse(container(job)["args"], environment(job))
    assert str(read.output) == "/snapshots/prod-fanout/prod-fanout-202603292200/prod_snapshot_20260330"
    assert (read.workers, read.compression, read.run.uid, read.run.timeout_seconds) == (4, "Zstd", "uid-1", 21_660)
    assert (read.source.username, read.source.password) == (CANARY, CANARY)


def test_patterns_reach_the_dump_program_as_they_are() -> None:
    tables = {"include": ["shop.*", "-odd.--name"], "exclude": ["a b.c'd"], "schemaOnly": ["shop.sessions"]}
    job = manifests.dump_job(a_run(source={**SPEC["source"], "tables": tables}), IMAGE)
    read = dump_command.parse(container(job)["args"], environment(job))
    assert (read.include, read.exclude, read.schema_only) == (
        ("shop.*", "-odd.--name"),
        ("a b.c'd",),
        ("shop.sessions",),
    )


def test_load_job_is_what_the_load_program_reads() -> None:
    job = manifests.load_job(a_run(), IMAGE, "qa-2")
    read = load_command.parse(container(job)["args"], environment(job))
    assert str(read.input) == "/snapshots/prod-fanout/prod-fanout-202603292200/prod_snapshot_20260330"
    assert (read.target_name, read.workers, read.strategy, read.overwrite) == ("qa-2", 3, "Swap", "OnlyManaged")


@pytest.mark.parametrize("job", [manifests.dump_job(a_run(), IMAGE), manifests.load_job(a_run(), IMAGE, "qa-2")])
def test_job_passes_the_restricted_level_and_carries_no_token(job: dict[str, Any]) -> None:
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = container(job)["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert {next(iter(v.keys() - {"name"})) for v in pod["volumes"]} <= {
        "persistentVolumeClaim",
        "emptyDir",
        "configMap",
    }


def test_job_controls_retries_and_names_permanent_codes() -> None:
    job = manifests.dump_job(a_run(retryPolicy={"retries": 4}), IMAGE)
    assert job["spec"]["backoffLimit"] == 4
    assert job["spec"]["podReplacementPolicy"] == "Failed"
    codes = job["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]
    assert codes == {"containerName": "dump", "operator": "In", "values": [64, 65, 69, 70, 73, 77, 78]}


@pytest.mark.parametrize(
    ("of_run", "of_step", "of_job", "of_program"),
    [(600, None, 660, 660), (600, 600, 660, 660), (600, 9_000, 660, 660), (600, 120, 120, 180)],
)
def test_who_sets_a_limit_ends_the_step_first(of_run: int, of_step: int | None, of_job: int, of_program: int) -> None:
    dump = {} if of_step is None else {"timeoutSeconds": of_step}
    job = manifests.dump_job(a_run(timeoutSeconds=of_run, dump=dump), IMAGE)
    read = dump_command.parse(container(job)["args"], environment(job))
    assert (job["spec"]["activeDeadlineSeconds"], read.run.timeout_seconds) == (of_job, of_program)


def test_targets_on_one_server_with_one_role_know_of_each_other() -> None:
    first = SPEC["targets"][0]
    other_role = {"credentialsSecretRef": {"name": "other"}}
    differing: list[dict[str, Any]] = [{}, {}, {"host": "elsewhere"}, other_role, {"maintenanceDatabase": "template1"}]
    differing += [{"owners": "TargetOwner"}, {"grants": "Drop"}]
    targets = [{**first, "name": f"t{i}", "database": f"db{i}", **change} for i, change in enumerate(differing)]
    jobs_by_target = {f"t{i}": manifests.load_job(a_run(targets=targets), IMAGE, f"t{i}") for i in range(len(targets))}
    read = {name: load_command.parse(container(job)["args"], environment(job)) for name, job in jobs_by_target.items()}
    siblings = {name: settings.siblings for name, settings in read.items()}
    assert siblings == {"t0": ("db1",), "t1": ("db0",)} | {f"t{i}": () for i in range(2, len(targets))}


def test_target_with_every_choice_is_what_the_load_program_reads() -> None:
    (target,) = SPEC["targets"]
    choices = {"verify": "Checksum", "owners": "TargetOwner", "grants": "Drop"}
    script = {"afterLoad": {"configMapKeyRef": {"name": "scrub", "key": "dev.sql"}}}
    chosen = a_run(targets=[{**target, **choices, **script}])
    job = manifests.load_job(chosen, IMAGE, "qa-2")
    read = load_command.parse(container(job)["args"], environment(job))
    refuse_unsupported(read)
    assert (read.verify, read.owners, read.grants) == ("Checksum", "TargetOwner", "Drop")
    mount = next(mount for mount in container(job)["volumeMounts"] if mount["name"] == "after-load")
    volume = next(volume for volume in job["spec"]["template"]["spec"]["volumes"] if volume["name"] == "after-load")
    (item,) = volume["configMap"]["items"]
    assert (volume["configMap"]["name"], item["key"], mount["readOnly"]) == ("scrub", "dev.sql", True)
    assert str(read.after_load) == f"{mount['mountPath']}/{item['path']}"
    dump = manifests.dump_job(chosen, IMAGE)
    assert dump_command.parse(container(dump)["args"], environment(dump)).checksum is True
    assert "--checksum" not in container(manifests.dump_job(a_run(), IMAGE))["args"]


def test_credentials_come_by_reference_only() -> None:
    env = {entry["name"]: entry for entry in container(manifests.dump_job(a_run(), IMAGE))["env"]}
    assert env["PROD_DB_USERNAME"] == {
        "name": "PROD_DB_USERNAME",
        "valueFrom": {"secretKeyRef": {"name": "prod-db", "key": "user"}},
    }
    assert "value" not in env["PROD_DB_PASSWORD"]


def test_the_role_that_builds_comes_by_reference_too() -> None:
    target = {**SPEC["targets"][0], "buildCredentialsSecretRef": {"name": "builder", "usernameKey": "user"}}
    load = manifests.load_job(a_run(targets=[target]), IMAGE, target["name"])
    read = load_command.parse(container(load)["args"], environment(load))
    assert read.builder is not None
    assert (read.builder.username, read.builder.password, read.builder.conninfo) == (
        CANARY,
        CANARY,
        read.target.conninfo,
    )
    names = {entry["name"]: entry.get("valueFrom") for entry in container(load)["env"]}
    assert names[f"{read.builder.prefix}_USERNAME"] == {"secretKeyRef": {"name": "builder", "key": "user"}}
    plain = manifests.load_job(a_run(), IMAGE, "qa-2")
    assert load_command.parse(container(plain)["args"], environment(plain)).builder is None


def test_loads_mount_the_snapshots_read_only() -> None:
    mounts = container(manifests.load_job(a_run(), IMAGE, "qa-2"))["volumeMounts"]
    assert mounts[0] == {"name": "snapshots", "mountPath": "/snapshots", "readOnly": True}


def test_load_beside_a_single_node_volume_stays_on_its_node() -> None:
    job = manifests.load_job(a_run(), IMAGE, "qa-2", node="worker-1")
    required = job["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    field = {"key": "metadata.name", "operator": "In", "values": ["worker-1"]}
    assert required == {"nodeSelectorTerms": [{"matchFields": [field]}]}


def test_pin_to_a_node_adds_to_every_term_of_the_users_own_affinity() -> None:
    expressions = [{"matchExpressions": [{"key": zone, "operator": "Exists"}]} for zone in ("a", "b")]
    wanted = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": expressions}}}
    targets = [{**SPEC["targets"][0], "affinity": wanted}]
    pod = manifests.load_job(a_run(targets=targets), IMAGE, "qa-2", node="worker-1")["spec"]["template"]["spec"]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [(list(term), term["matchFields"][0]["values"]) for term in terms] == [
        (["matchExpressions", "matchFields"], ["worker-1"])
    ] * 2


def test_settings_of_a_pod_are_per_job() -> None:
    dump = {
        "priorityClassName": "low",
        "imagePullSecrets": [{"name": "mine"}],
        "podLabels": {"team": "data", "app.kubernetes.io/managed-by": "me"},
        "podAnnotations": {"note": "1"},
    }
    template = manifests.dump_job(a_run(dump=dump), IMAGE)["spec"]["template"]
    assert template["spec"]["priorityClassName"] == "low"
    assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}, {"name": "mine"}]
    assert template["metadata"]["labels"]["team"] == "data"
    assert template["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "datareplication-operator", "ours wins"
    assert template["metadata"]["annotations"] == {"note": "1", "kubectl.kubernetes.io/default-container": "dump"}
    load = manifests.load_job(a_run(dump=dump), IMAGE, "qa-2")["spec"]["template"]
    assert "priorityClassName" not in load["spec"]


def test_programs_get_the_placeholders_as_environment() -> None:
    given = environment(manifests.dump_job(a_run(), IMAGE))
    assert (given["DS"], given["DATE"], given["RUN"]) == ("2026-03-29", "20260330", "prod-fanout-202603292200")


def test_connection_string_is_quoted_by_libpqs_rule() -> None:
    connection = Connection.model_validate({**SPEC["source"], "sslRootCert": None})
    assert programs.conninfo(connection) == (
        r"host=prod-db.prod.svc port=5432 dbname='my app\'s \\ data' sslmode=verify-full sslrootcert=system"
    )


@pytest.mark.parametrize(
    ("partitioning", "date", "ds"),
    [("Daily", "20260330", "2026-03-29"), ("Hourly", "2026033000", "2026-03-29T00"), ("Monthly", "202603", "2026-03")],
)
def test_placeholders_follow_the_zone_and_the_partitioning(partitioning: str, date: str, ds: str) -> None:
    schedule = {"cron": "@daily", "timeZone": "Europe/Zurich", "partitioning": partitioning}
    values = placeholders(a_run(schedule=schedule))
    assert (values["date"], values["ds"], values["data_interval_end"]) == (date, ds, "20260329T220000Z")


def test_run_of_a_slot_is_owned_and_carries_a_copy() -> None:
    owner = {"metadata": {"name": "prod-fanout", "namespace": "data", "uid": "uid-0"}}
    slot = datetime(2026, 3, 2, tzinfo=UTC)
    made = objects.run_of_slot(owner, SPEC, slot, (datetime(2026, 3, 1, tzinfo=UTC), slot))
    assert made["metadata"]["name"] == "prod-fanout-202603020000"
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-0"
    assert made["spec"]["replication"] == SPEC
    assert str(DUMP_STEP) == "dump"


def test_the_dumps_care_for_production_reaches_the_program() -> None:
    dump = {"lockTimeoutSeconds": 5, "maxSnapshotAgeSeconds": 600, "blockingPatienceSeconds": 7}
    job = manifests.dump_job(a_run(dump=dump), IMAGE)
    care = dump_command.parse(container(job)["args"], environment(job)).care
    assert (care.lock_timeout_seconds, care.max_snapshot_age_seconds, care.blocking_patience_seconds) == (5, 600, 7)


def test_the_rules_reach_the_dump_and_the_key_also_the_loads() -> None:
    masking = {
        "rules": {"configMapKeyRef": {"name": "masking", "key": "rules.yaml"}},
        "keySecretRef": {"name": "masking-key", "key": "key"},
    }
    masked = a_run(source={**SPEC["source"], "masking": masking})
    dump, load = manifests.dump_job(masked, IMAGE), manifests.load_job(masked, IMAGE, "qa-2")
    (variable,) = (one for one in container(dump)["env"] if one["name"] == "MASKING_KEY")
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "masking-key", "key": "key"}}
    read = dump_command.parse(container(dump)["args"], environment(dump) | {"MASKING_KEY": "x" * 16})
    mount = next(mount for mount in container(dump)["volumeMounts"] if mount["name"] == "masking")
    volume = next(volume for volume in dump["spec"]["template"]["spec"]["volumes"] if volume["name"] == "masking")
    (item,) = volume["configMap"]["items"]
    assert (volume["configMap"]["name"], item["key"], mount["readOnly"]) == ("masking", "rules.yaml", True)
    assert read.masking is not None
    assert (str(read.masking.rules), read.masking.key) == (f"{mount['mountPath']}/{item['path']}", b"x" * 16)
    (variable,) = (one for one in container(load)["env"] if one["name"] == "MASKING_KEY")
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "masking-key", "key": "key"}}
    assert "rules.yaml" not in json.dumps(load)
