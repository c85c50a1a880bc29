"""The resources on a real API server: defaults are filled in, and bad input is refused at once and in words."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from datareplication.core import spec
from harness.cluster import Cluster
from harness.errors import ProgramError
from lab import installation
from lab.replications import Lab, wait_for

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
Change = Callable[[dict[str, Any]], object]

ANYWHERE = "default"
"""For objects of dry runs: a namespace of its own would cost more than the test."""

CLAIM = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
INTERVAL = {"start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z"}


@pytest.fixture(scope="session", autouse=True)
def crds(cluster: Cluster) -> None:
    """Bring the CRDs up to date as a user does, with the chart: Helm would not accept CRDs that kubectl applied."""
    installation.install(cluster)


def example(namespace: str) -> dict[str, Any]:
    """Return the example, in another namespace."""
    text = (ROOT / "manifests" / "examples" / "prod-fanout.yaml").read_text(encoding="utf-8")
    manifest: dict[str, Any] = yaml.safe_load(text)
    manifest["metadata"]["namespace"] = namespace
    return manifest


def run(namespace: str, name: str, **fields: Any) -> dict[str, Any]:
    """Return a run of a DataReplication that does not exist, so that no operator ever completes the run."""
    return {
        "apiVersion": "datareplication.dev/v1alpha1",
        "kind": "DataReplicationRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicationName": "none-such", **fields},
    }


def create(cluster: Cluster, manifest: dict[str, Any]) -> None:
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))


def as_stored(cluster: Cluster, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return an object as the API server would store it, without storing it."""
    text = cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(manifest))
    stored: dict[str, Any] = json.loads(text)
    return stored


def patch(cluster: Cluster, namespace: str, name: str, fields: dict[str, Any]) -> None:
    text = json.dumps({"spec": fields})
    cluster.kubectl("patch", "datareplicationrun", name, "-n", namespace, "--type=merge", "-p", text)


class TestDefaults:
    def test_the_api_server_fills_in_what_the_parser_would(self, cluster: Cluster) -> None:
        manifest = example(ANYWHERE)
        stored = as_stored(cluster, manifest)["spec"]
        assert spec.parse(stored) == spec.parse(manifest["spec"])
        assert (stored["timeoutSeconds"], stored["retryPolicy"]) == (21_600, {"retries": 2, "delaySeconds": 300})
        assert (stored["source"]["port"], stored["dump"]["workers"], stored["dump"]["lockTimeoutSeconds"]) == (
            5432,
            4,
            30,
        )
        assert stored["source"]["credentialsSecretRef"] == {
            "name": "prod-db",
            "usernameKey": "username",
            "passwordKey": "password",
        }
        assert stored["targets"] == manifest["spec"]["targets"], "kubectl and Argo CD compare lists as a whole"

    def test_null_is_the_same_as_unset(self, cluster: Cluster) -> None:
        manifest = example(ANYWHERE)
        manifest["spec"]["schedule"] |= {"endDate": None, "startingDeadlineSeconds": None, "timeZone": None}
        manifest["spec"]["snapshot"] = {"persistentVolumeClaim": None, "volumeClaimTemplate": CLAIM}
        manifest["spec"]["retryPolicy"] = None
        for target in manifest["spec"]["targets"]:
            target |= {"port": None, "strategy": None, "workers": None, "afterLoad": None, "podLabels": None}
        parsed = spec.parse(as_stored(cluster, manifest)["spec"])
        assert parsed.schedule
        assert (parsed.schedule.time_zone, parsed.schedule.end_date) == ("Etc/UTC", None)
        assert (parsed.retry_policy.retries, parsed.snapshot.persistent_volume_claim) == (2, None)

    def test_kubectl_explain_teaches(self, cluster: Cluster) -> None:
        for path, words in (
            ("datareplication.spec.targets.overwrite", "first load into such a database needs Any"),
            ("datareplication.spec.snapshot.path", "{date}"),
            ("datareplicationrun.spec.targets", "the ones that failed"),
        ):
            assert words in " ".join(cluster.kubectl("explain", path).split())


CLUSTER = {"kind": "Cluster", "name": "prod-db"}


def both_of_one_cluster(manifest: dict[str, Any]) -> None:
    source, target = manifest["spec"]["source"], manifest["spec"]["targets"][0]
    source |= {"host": None, "clusterRef": CLUSTER, "database": "app"}
    target |= {"host": None, "clusterRef": CLUSTER, "database": "app"}


def of_schedule(**fields: Any) -> Change:
    return lambda manifest: manifest["spec"]["schedule"].update(fields)


def of_source(**fields: Any) -> Change:
    return lambda manifest: manifest["spec"]["source"].update(fields)


def of_target(index: int, **fields: Any) -> Change:
    return lambda manifest: manifest["spec"]["targets"][index].update(fields)


def of_snapshot(**fields: Any) -> Change:
    return lambda manifest: manifest["spec"]["snapshot"].update(fields)


def of_spec(**fields: Any) -> Change:
    return lambda manifest: manifest["spec"].update(fields)


def of_name(name: str) -> Change:
    return lambda manifest: manifest["metadata"].update(name=name)


CRON = r"spec.schedule.cron: .*must be five cron fields or @hourly.*the time zone goes into timeZone"
PATH = r"spec.snapshot.path: .*must be a relative path"
DOTS = r"spec.snapshot.path: .*must not hold \. or \.\."
VOLUME = r"spec.snapshot: .*give either persistentVolumeClaim or volumeClaimTemplate"
HOST = r"spec.source.host: .*must be one host name or address; its port goes into port"

NEAR = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}
NEAR_TO_ANOTHERS = {**NEAR, "namespaces": ["kube-system"]}

REFUSED = {
    "four cron fields": (of_schedule(cron="0 3 * *"), CRON),
    "six cron fields": (of_schedule(cron="0 0 3 * * *"), CRON),
    "a time zone in the cron": (of_schedule(cron="TZ=UTC 0 3 * * *"), CRON),
    "a cron that only some crons know": (of_schedule(cron="0 3 * * 5L"), CRON),
    "an interval as cron": (of_schedule(cron="@every 1h"), CRON),
    "a time zone with a blank": (
        of_schedule(timeZone="Europe Zurich"),
        r"spec.schedule.timeZone: .*for example Europe/",
    ),
    "a pattern without a schema": (
        of_source(tables={"exclude": ["audit*"]}),
        r"spec.source.tables.exclude\[0\]: .*must be schema.table, with \* and \? as wildcards",
    ),
    "a date without time": (of_schedule(startDate="2024-01-01"), r"spec.schedule.startDate: .*date-time"),
    "two targets of one name": (of_target(1, name="dev"), r'spec.targets\[1\]: Duplicate value: \{"name":"dev"\}'),
    "a target that is the source": (
        of_target(1, host="prod-db.prod.svc"),
        "has the host, port and database of the source",
    ),
    "no targets": (of_spec(targets=[]), "spec.targets: .*at least 1 item"),
    "a target's name in capitals": (of_target(0, name="Dev"), r"spec.targets\[0\].name: .*must be lower-case"),
    "a name that is too long with a target's": (of_name("a" * 40), "metadata.name: .*not be longer than 43 characters"),
    "a target's name that is too long": (of_target(0, name="a" * 44), r"spec.targets\[0\].name: .*more than 43"),
    "a name with dots": (of_name("prod.fanout"), "metadata.name: .*must not contain dots"),
    "a path that climbs": (of_snapshot(path="../other"), DOTS),
    "a path that climbs in the middle": (of_snapshot(path="a/../b"), DOTS),
    "a path from the root": (of_snapshot(path="/etc"), PATH),
    "a path with a blank": (of_snapshot(path="a b"), PATH),
    "no volume": (of_snapshot(persistentVolumeClaim=None), VOLUME),
    "two volumes": (of_snapshot(volumeClaimTemplate=CLAIM), VOLUME),
    "a host with its port": (of_source(host="prod-db:5432"), HOST),
    "two hosts": (of_source(host="prod-a,prod-b"), HOST),
    "an unknown strategy": (of_target(0, strategy="swap"), r'spec.targets\[0\].strategy: .*"Swap", "InPlace"'),
    "too many retries": (of_spec(retryPolicy={"retries": 11}), "spec.retryPolicy.retries: .*less than or equal to 10"),
    "an unknown field": (of_spec(retrypolicy={}), r'unknown field "spec.retrypolicy"'),
    "root": (of_spec(podSecurityContext={"runAsUser": 0}), "runAsUser: .*greater than or equal to 1"),
    "a pod that may be root": (
        of_spec(podSecurityContext={"runAsNonRoot": False}),
        'runAsNonRoot: .*supported values: "true"',
    ),
    "no seccomp profile": (
        of_spec(podSecurityContext={"seccompProfile": {"type": "Unconfined"}}),
        r'seccompProfile.type: .*"RuntimeDefault"',
    ),
    "sysctls": (of_spec(podSecurityContext={"sysctls": []}), r'unknown field "spec.podSecurityContext.sysctls"'),
    "an unconfined AppArmor profile": (
        of_target(0, podAnnotations={"container.apparmor.security.beta.kubernetes.io/load": "unconfined"}),
        r"targets\[0\].podAnnotations: .*security profile",
    ),
    "somebody's volume": (
        of_snapshot(persistentVolumeClaim=None, volumeClaimTemplate={**CLAIM, "volumeName": "pv-of-another"}),
        r'unknown field "spec.snapshot.volumeClaimTemplate.volumeName"',
    ),
    "a copy of another namespace's claim": (
        of_snapshot(persistentVolumeClaim=None, volumeClaimTemplate={"spec": {**CLAIM, "dataSourceRef": {}}}),
        r'unknown field "spec.snapshot.volumeClaimTemplate.spec.dataSourceRef"',
    ),
    "a claim's spec in two forms": (
        of_snapshot(persistentVolumeClaim=None, volumeClaimTemplate={**CLAIM, "spec": CLAIM}),
        r"volumeClaimTemplate: .*either here or below spec",
    ),
    "no quantity": (
        of_spec(dump={"resources": {"limits": {"memory": "much"}}}),
        r"spec.dump.resources.limits.memory: .*should match",
    ),
    "pods of another namespace": (
        of_target(0, affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [NEAR_TO_ANOTHERS]}}),
        r"unknown field .*namespaces",
    ),
    "a Secret of another namespace": (
        of_source(credentialsSecretRef={"name": "prod-db", "namespace": "kube-system"}),
        r'unknown field "spec.source.credentialsSecretRef.namespace"',
    ),
    "a cluster beside a host": (of_source(clusterRef=CLUSTER), "spec.source: .*give either host or clusterRef"),
    "neither a cluster nor a host": (of_source(host=None), "spec.source: .*give either host or clusterRef"),
    "a host without a Secret": (of_target(0, credentialsSecretRef=None), "credentialsSecretRef is required, unless"),
    "a cluster of an unknown kind": (
        of_source(host=None, clusterRef={**CLUSTER, "kind": "postgresql"}),
        "spec.source.clusterRef.kind: Unsupported value",
    ),
    "a standby as a target": (
        of_target(0, host=None, clusterRef={**CLUSTER, "service": "Replica"}),
        r'unknown field "spec.targets\[0\].clusterRef.service"',
    ),
    "the source's cluster as a target": (both_of_one_cluster, "the load would overwrite the source"),
    "a Job's label of ours": (
        of_spec(jobs={"labels": {"datareplication.dev/run": "x"}}),
        "spec.jobs.labels: .*are the operator's own",
    ),
}

ACCEPTED = {
    "clusters": of_source(host=None, sslRootCert=None, credentialsSecretRef=None, clusterRef=CLUSTER),
    "names in the cron": of_schedule(cron="*/15 0-6 1,15 jan-mar MON-FRI"),
    "the source's server with another database": of_target(0, host="prod-db.prod.svc", database="copy"),
    "the source's host with another port": of_target(0, host="prod-db.prod.svc", port=5433),
    "patterns of tables": of_source(tables={"include": ["*.*"], "exclude": ['a b."c".d?'], "schemaOnly": ["-.-"]}),
    "an IPv4 address": of_source(host="10.0.0.1"),
    "an IPv6 address": of_source(host="fd00::1"),
    "a path of several parts": of_snapshot(path="{execution_date}/prod_snapshot_{date}"),
    "a path with two dots that do not climb": of_snapshot(path="a..b"),
    "no schedule": of_spec(schedule=None),
    "a user and groups": of_spec(
        podSecurityContext={"runAsUser": 1000, "runAsGroup": 0, "fsGroup": 1, "supplementalGroups": [2]}
    ),
    "the operator's own security settings": of_spec(
        podSecurityContext={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    ),
    "quantities as text and as numbers": of_spec(dump={"resources": {"limits": {"cpu": 2, "memory": "1.5Gi"}}}),
    "an affinity": of_target(
        0, affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [NEAR]}}
    ),
    "a claim's spec": of_snapshot(persistentVolumeClaim=None, volumeClaimTemplate=CLAIM),
    "a claim": of_snapshot(
        persistentVolumeClaim=None, volumeClaimTemplate={"spec": {**CLAIM, "storageClassName": "a"}}
    ),
}


class TestAtApply:
    @pytest.mark.parametrize(("change", "told"), REFUSED.values(), ids=REFUSED)
    def test_bad_input_is_refused_in_words(self, cluster: Cluster, change: Change, told: str) -> None:
        manifest = example(ANYWHERE)
        change(manifest)
        with pytest.raises(ProgramError, match=told):
            as_stored(cluster, manifest)

    @pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED)
    def test_good_input_is_accepted_here_and_by_the_parser(self, cluster: Cluster, change: Change) -> None:
        manifest = example(ANYWHERE)
        change(manifest)
        spec.parse(as_stored(cluster, manifest)["spec"])

    def test_a_resource_of_the_largest_size_stays_within_the_rules_cost(self, cluster: Cluster, namespace: str) -> None:
        """CEL's budget is counted at run time too: rules must still be affordable where every list is full."""
        manifest = example(namespace)
        target = manifest["spec"]["targets"][0]
        settings = {"nodeSelector": {f"{'k' * 60}{index}": "v" * 63 for index in range(50)}, "host": "h" * 253}
        manifest["spec"]["targets"] = [
            {**copy.deepcopy(target), **settings, "name": f"{'t' * 28}-{index}"} for index in range(32)
        ]
        patterns = [f"schema.{index:0249}" for index in range(256)]
        manifest["spec"]["source"]["tables"] = dict.fromkeys(("include", "exclude", "schemaOnly"), patterns)
        as_stored(cluster, manifest)
        create(cluster, run(namespace, "large", replication=manifest["spec"], dataInterval=INTERVAL))
        cluster.kubectl("label", "datareplicationrun", "large", "-n", namespace, "touched=yes")


class TestOfBefore:
    """Resources that were stored when podSecurityContext accepted any field."""

    def test_unknown_fields_are_gone_and_a_forbidden_value_is_told(self, lab: Lab, namespace: str) -> None:
        cluster = lab.cluster
        before = {"sysctls": [{"name": "kernel.msgmax", "value": "1"}], "runAsUser": 0, "fsGroup": 1}
        strict = cluster.get("crd", "datareplications.datareplication.dev")
        set_pod_security(cluster, strict, {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
        try:
            manifest = example(namespace)
            manifest["spec"]["podSecurityContext"] = before
            wait_for(lambda: stored_or_none(cluster, manifest), bool, 30)
        finally:
            set_pod_security(cluster, strict, None)
        name = manifest["metadata"]["name"]

        def look() -> dict[str, Any]:
            return cluster.get("drep", name, "-n", namespace)

        wait_for(look, lambda one: "sysctls" not in one["spec"]["podSecurityContext"], 30)
        cluster.kubectl("annotate", "drep", name, "-n", namespace, "seen=again")
        seen = wait_for(look, lambda one: one.get("status", {}).get("phase") == "Invalid", 90)
        assert "spec.podSecurityContext.runAsUser" in seen["status"]["message"]
        patch = '{"spec": {"podSecurityContext": {"runAsUser": null}}}'
        cluster.kubectl("patch", "drep", name, "-n", namespace, "--type=merge", "-p", patch)
        mended = wait_for(look, lambda one: one["status"]["phase"] != "Invalid", 60)
        assert mended["spec"]["podSecurityContext"] == {"fsGroup": 1}


def stored_or_none(cluster: Cluster, manifest: dict[str, Any]) -> dict[str, Any]:
    """Create an object as soon as the API server lets it pass; empty until then."""
    try:
        text = cluster.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(manifest))
    except ProgramError:
        return {}
    stored: dict[str, Any] = json.loads(text)
    return stored


def set_pod_security(cluster: Cluster, strict: dict[str, Any], schema: dict[str, Any] | None) -> None:
    """Give podSecurityContext another schema in the CRD; None: its own again."""
    wanted = copy.deepcopy(strict)
    of_spec = wanted["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    if schema is not None:
        of_spec["podSecurityContext"] = schema
    patch = json.dumps([{"op": "replace", "path": "/spec/versions", "value": wanted["spec"]["versions"]}])
    cluster.kubectl("patch", "crd", wanted["metadata"]["name"], "--type=json", "-p", patch)


class TestRuns:
    @pytest.mark.parametrize(
        "change",
        [
            {"replicationName": "other"},
            {"slot": "2024-01-01T00:00:00Z"},
            {"targets": ["dev"]},
            {"action": "Rollback"},
            {"snapshot": "elsewhere"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_a_run_is_cannot_change(self, cluster: Cluster, namespace: str, change: dict[str, Any]) -> None:
        create(cluster, run(namespace, "by-hand"))
        with pytest.raises(ProgramError, match=f"{next(iter(change))} cannot change"):
            patch(cluster, namespace, "by-hand", change)

    def test_what_the_operator_fills_in_cannot_change_afterwards(self, cluster: Cluster, namespace: str) -> None:
        create(cluster, run(namespace, "by-hand", dataInterval=INTERVAL, replication=example(namespace)["spec"]))
        patch(cluster, namespace, "by-hand", {"dataInterval": INTERVAL})
        wait_for(
            lambda: cluster.get("dreprun", "by-hand", "-n", namespace).get("status", {}),
            lambda status: "startTime" in status,  # failed at once: there is no such DataReplication
            60,
        )
        for change, told in (
            ({"dataInterval": {"end": "2024-01-03T00:00:00Z"}}, "dataInterval cannot change once it is set"),
            ({"dataInterval": None}, "dataInterval cannot change once it is set"),
            ({"replication": {"suspend": True}}, "replication cannot change once the run has begun"),
            ({"replication": None}, "replication cannot change once the run has begun"),
        ):
            with pytest.raises(ProgramError, match=told):
                patch(cluster, namespace, "by-hand", change)

    def test_runs_of_one_replication_are_found_by_it(self, cluster: Cluster, namespace: str) -> None:
        create(cluster, run(namespace, "by-hand"))
        for replication, names in (("none-such", ["by-hand"]), ("other", [])):
            field = f"--field-selector=spec.replicationName={replication}"
            found = cluster.get("dreprun", "-n", namespace, field)["items"]
            assert [item["metadata"]["name"] for item in found] == names

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            pytest.param("a" * 58, "must be at most 57 characters", id="too long for its Jobs"),
            pytest.param("manual.2024", "must not contain dots", id="with dots"),
        ],
    )
    def test_a_name_that_no_job_can_have_is_refused(
        self, cluster: Cluster, namespace: str, name: str, told: str
    ) -> None:
        with pytest.raises(ProgramError, match=f"metadata.name: .*{told}"):
            create(cluster, run(namespace, name))
