"""What a user may say of the Jobs' pods and of the claim: an allow-list, in which ours wins where it is stricter."""

from typing import Any

import pytest

from datareplication.core import manifests, objects, run, spec
from datareplication.core.manifests import JobDefaults
from datareplication.core.pod_settings import JobSettings, PodSettings, together
from datareplication.errors import SpecError
from support.samples import MINIMAL

IMAGE = JobDefaults("image")
STORAGE = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/dump"


def of(field: str, value: Any) -> dict[str, Any]:
    """Return a spec with one field; `dump.x` is of the dump's pod."""
    outer, _, inner = field.partition(".")
    return {**MINIMAL, outer: {inner: value} if inner else value}


def with_template(**fields: Any) -> dict[str, Any]:
    return of("snapshot", {"volumeClaimTemplate": {**STORAGE, **fields}})


def a_run(**fields: Any) -> run.Run:
    metadata = {"name": "now", "namespace": "data", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return run.read({"metadata": metadata, "spec": {"replicationName": "fan", "replication": {**MINIMAL, **fields}}})


def dumps_pod(**fields: Any) -> dict[str, Any]:
    pod: dict[str, Any] = manifests.dump_job(a_run(**fields), IMAGE)["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        pytest.param(of("dump", {"podAnnotations": {"a": "x" * 4097}}), "podAnnotations.a", id="a large annotation"),
        pytest.param(of("dump", {"podAnnotations": {"a" * 318: ""}}), "podAnnotations", id="a large key"),
        pytest.param(of("dump", {"podLabels": {"a": "x" * 64}}), "podLabels.a", id="a large label"),
        pytest.param(of("dump", {"nodeSelector": {"a": "x" * 64}}), "nodeSelector.a", id="a large selector"),
        pytest.param(
            of("dump", {"resources": {"limits": {"cpu": "1" * 65}}}), "resources.limits.cpu", id="a large quantity"
        ),
        pytest.param(of("podSecurityContext", {"runAsUser": 0}), "podSecurityContext.runAsUser", id="root"),
        pytest.param(
            of("podSecurityContext", {"runAsNonRoot": False}), "podSecurityContext.runAsNonRoot", id="maybe root"
        ),
        pytest.param(
            of("podSecurityContext", {"seccompProfile": {"type": "Unconfined"}}),
            "podSecurityContext.seccompProfile.type",
            id="no seccomp profile",
        ),
        pytest.param(
            of("podSecurityContext", {"seLinuxOptions": {"level": "s0", "type": "spc_t"}}),
            "podSecurityContext.seLinuxOptions.type",
            id="an SELinux type that is not confined",
        ),
        pytest.param(
            of("podSecurityContext", {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
            "podSecurityContext.sysctls",
            id="sysctls",
        ),
        pytest.param(
            of("podSecurityContext", {"windowsOptions": {"hostProcess": True}}),
            "podSecurityContext.windowsOptions",
            id="a host process",
        ),
        pytest.param(with_template(volumeName="pv-of-another"), "volumeName", id="somebody's volume"),
        pytest.param(
            with_template(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "x", "namespace": "prod"}),
            "dataSourceRef",
            id="a copy of another namespace's claim",
        ),
        pytest.param(with_template(dataSource={"kind": "VolumeSnapshot", "name": "x"}), "dataSource", id="a copy"),
        pytest.param(with_template(selector={"matchLabels": {}}), "selector", id="any volume there is"),
        pytest.param(with_template(volumeMode="Block"), "volumeMode", id="a block device"),
        pytest.param(with_template(accessModes=[]), "accessModes", id="no access mode"),
        pytest.param(
            with_template(resources={"requests": {"storage": "much"}}), "resources.requests.storage", id="no quantity"
        ),
        pytest.param(with_template(spec=STORAGE), "volumeClaimTemplate", id="a claim's spec twice"),
        pytest.param(
            of("snapshot", {"volumeClaimTemplate": {}}), "volumeClaimTemplate: give accessModes", id="an empty claim"
        ),
        pytest.param(of("dump.resources", {"claims": [{"name": "gpu"}]}), "dump.resources.claims", id="a device"),
        pytest.param(of("dump.resources", {"limits": {"memory": "a lot"}}), "dump.resources.limits.memory", id="a lot"),
        pytest.param(of("dump.podAnnotations", {APPARMOR: "unconfined"}), "dump.podAnnotations", id="no AppArmor"),
        pytest.param(of("dump.podLabels", {"datareplication.dev/run": "x"}), "dump.podLabels.*own", id="our label"),
        pytest.param(of("jobs.labels", {"datareplication.dev/run": "x"}), "jobs.labels.*own", id="our label of a Job"),
        pytest.param(
            of("jobs.annotations", {"datareplication.dev/stopped": "x"}), "jobs.annotations.*own", id="our annotation"
        ),
        pytest.param(of("jobs.labels", {"a": "x" * 64}), "jobs.labels.a", id="a large label of a Job"),
        pytest.param(
            of("jobs.podAnnotations", {APPARMOR: "unconfined"}), "jobs.podAnnotations", id="no AppArmor at all"
        ),
        *(
            pytest.param(of("jobs.podAnnotations", {key: "x"}), "jobs.podAnnotations.*container runtime", id=key)
            for key in (
                "cdi.k8s.io/gpu",
                "devices.nri.io/container.dump",
                "io.katacontainers.config.hypervisor.path",
                "io.kubernetes.cri-o.Devices",
                "run.oci.hooks.stdout",
                "seccomp-profile.kubernetes.cri-o.io/POD",
            )
        ),
        pytest.param(of("jobs.hostNetwork", value=True), "jobs.hostNetwork", id="the node's network"),
        pytest.param(of("jobs.hostAliases", [{"ip": "::1"}]), r"jobs.hostAliases\[0\].hostnames", id="no name"),
        pytest.param(
            of("dump.topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "Never"}]),
            r"dump.topologySpreadConstraints\[0\].maxSkew",
            id="no skew",
        ),
        pytest.param(of("dump.tolerations", ["all"]), r"dump.tolerations\[0\]", id="a toleration that is a word"),
        pytest.param(
            of("dump.affinity", {"podAffinity": {"namespaces": ["prod"]}}),
            "dump.affinity.podAffinity.namespaces",
            id="another namespace's pods",
        ),
        pytest.param(
            of("dump.affinity", {"nodeAffinity": ["a"]}), "dump.affinity.nodeAffinity", id="an affinity that is none"
        ),
    ],
)
def test_what_a_pod_or_claim_may_not_have_is_refused_by_its_field(wanted: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=f"^spec.*{told}"):
        spec.parse(wanted)


def test_what_users_need_of_a_pods_security_is_carried_through_below_ours() -> None:
    chosen = {
        "runAsUser": 1000,
        "runAsGroup": 0,
        "fsGroup": 2000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "supplementalGroups": [3000],
        "seLinuxOptions": {"level": "s0:c1,c2"},
    }
    ours = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert dumps_pod()["securityContext"] == ours
    assert dumps_pod(podSecurityContext=chosen)["securityContext"] == {**chosen, **ours}
    assert dumps_pod(podSecurityContext=ours)["securityContext"] == ours, "said once more it is no fault"


def test_where_a_pod_runs_is_carried_through_as_it_is_written() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    expression = {"key": "zone", "operator": "In", "values": ["a"]}
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [expression]}]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchFields": [expression]}}
            ],
        },
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]},
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
    }
    tolerations = [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}]
    resources = {"requests": {"cpu": 1, "memory": "1.5Gi"}, "limits": {"ephemeral-storage": "1e9", "cpu": "500m"}}
    pod = dumps_pod(dump={"affinity": affinity, "tolerations": tolerations, "resources": resources})
    assert (pod["affinity"], pod["tolerations"]) == (affinity, tolerations)
    asked = {"requests": {"cpu": "1", "memory": "1.5Gi"}, "limits": {"ephemeral-storage": "1e9", "cpu": "500m"}}
    assert pod["containers"][0]["resources"] == asked


def settings(**fields: Any) -> JobSettings:
    return JobSettings.model_validate(fields)


class TestLayers:
    def test_the_dumps_own_wins_over_the_resources_and_that_over_the_installations(self) -> None:
        installed = settings(
            podLabels={"a": "installed", "b": "installed", "c": "installed"},
            resources={"limits": {"memory": "1Gi"}},
            tolerations=[{"key": "batch"}],
            runtimeClassName="gvisor",
        )
        defaults = JobDefaults("image", settings=installed)
        shared = {"podLabels": {"b": "shared", "c": "shared"}, "tolerations": [{"key": "night"}]}
        dump = {"podLabels": {"c": "own"}, "resources": {"requests": {"memory": "2Gi"}}, "runtimeClassName": None}
        template = manifests.dump_job(a_run(jobs=shared, dump=dump), defaults)["spec"]["template"]
        labels, pod = template["metadata"]["labels"], template["spec"]
        assert {key: labels[key] for key in "abc"} == {"a": "installed", "b": "shared", "c": "own"}
        assert pod["tolerations"] == [{"key": "night"}]
        assert pod["containers"][0]["resources"] == {"requests": {"memory": "2Gi"}}, "a limit of 1Gi does not fit"
        assert "runtimeClassName" not in pod, "null takes it away"

    def test_a_load_has_its_targets(self) -> None:
        (target,) = MINIMAL["targets"]
        one = a_run(jobs={"priorityClassName": "low"}, targets=[{**target, "priorityClassName": "high"}])
        defaults = JobDefaults("image", settings=settings(priorityClassName="lowest"))
        load = manifests.load_job(one, defaults, target["name"])["spec"]["template"]["spec"]
        dump = manifests.dump_job(one, defaults)["spec"]["template"]["spec"]
        assert (load["priorityClassName"], dump["priorityClassName"]) == ("high", "low")

    def test_labels_and_annotations_of_the_jobs(self) -> None:
        queue, cost = {"kueue.x-k8s.io/queue-name": "refreshes"}, {"cost": "centre"}
        defaults = JobDefaults("image", settings=settings(labels=queue, annotations={"cost": "none", "a": "b"}))
        job = manifests.dump_job(a_run(jobs={"annotations": cost}), defaults)
        assert job["metadata"]["labels"].items() >= {**queue, "datareplication.dev/run": "now"}.items()
        assert job["metadata"]["annotations"] == {"cost": "centre", "a": "b"}
        assert not queue.keys() & job["spec"]["template"]["metadata"]["labels"].keys()

    @pytest.mark.parametrize("field", sorted(PodSettings.model_fields))
    def test_each_field_of_each_layer_counts(self, field: str) -> None:
        """One that a layer leaves unset does not take away what an earlier one says."""
        value = {
            "affinity": {"nodeAffinity": {}},
            "dns_config": {"searches": ["corp.example"]},
            "host_aliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
            "image_pull_secrets": [{"name": "pull"}],
            "node_selector": {"a": "b"},
            "pod_annotations": {"a": "b"},
            "pod_labels": {"a": "b"},
            "priority_class_name": "low",
            "resources": {"limits": {"cpu": "1"}},
            "runtime_class_name": "kata",
            "service_account_name": "refreshes",
            "tolerations": [{"key": "a"}],
            "topology_spread_constraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
            ],
        }[field]
        given = settings(**{field: value})
        for place in range(3):
            layers = [given if one == place else JobSettings() for one in range(3)]
            assert getattr(together(*layers), field) == getattr(given, field)


def test_names_and_the_service_account_reach_the_pod_and_no_token_does() -> None:
    chosen: dict[str, Any] = {
        "serviceAccountName": "refreshes",
        "runtimeClassName": "kata",
        "dnsConfig": {"nameservers": ["10.0.0.53"], "options": [{"name": "ndots", "value": "1"}]},
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["prod-db.corp.example"]}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "datareplication-operator"}},
                "matchLabelKeys": ["datareplication.dev/run"],
                "nodeTaintsPolicy": "Honor",
            }
        ],
    }
    pod = dumps_pod(jobs=chosen)
    assert {name: pod[name] for name in chosen} == chosen
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize("is_wrapped", [True, False], ids=["as a claim has it", "the spec alone"])
def test_a_claim_is_made_of_its_template_in_both_forms(*, is_wrapped: bool) -> None:
    wanted = {**STORAGE, "storageClassName": "fast", "volumeMode": "Filesystem"}
    template = {"spec": wanted} if is_wrapped else wanted
    one = a_run(snapshot={"volumeClaimTemplate": template})
    chosen = one.spec.snapshot.volume_claim_template
    assert chosen is not None
    assert objects.claim(one, chosen)["spec"] == wanted
